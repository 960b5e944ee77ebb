/* pmig-agent: stands beside one program at one host; see transport/agent.h. Nobody types this. */
#include "registry/store.h"
#include "registry/where.h"
#include "transport/agent.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: pmig-agent connect UUID [--state DIR] [--name NAME] [--knows EPOCH]\n"
			    "       pmig-agent serve UUID [--state DIR] [--name NAME] [--ready-fd N]\n"
			    "       pmig-agent --version\n"
			    "Started by pmig; `connect` relays standard input and output to the agent of a program.\n";

struct arguments {
	const char *verb, *uuid, *name;
	char state[PATH_MAX];
	int ready_fd;
	unsigned long long knows;
};

static int parse(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {
		{"state", required_argument, NULL, 's'},
		{"name", required_argument, NULL, 'n'},
		{"ready-fd", required_argument, NULL, 'r'},
		{"knows", required_argument, NULL, 'k'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct arguments a = {.name = "program", .ready_fd = -1};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 's')
			(void)snprintf(a.state, sizeof a.state, "%s", optarg);
		else if (c == 'n')
			a.name = optarg;
		else if (c == 'r')
			a.ready_fd = atoi(optarg);
		else if (c == 'k')
			a.knows = strtoull(optarg, NULL, 10);
		else if (c == 'V' || c == 'h') {
			(void)fputs(c == 'h' ? usage : "pmig-agent " PMIG_VERSION "\n", stdout);
			exit(0);
		} else
			return PMIG_EINVAL;
	}
	if (argc - optind != 2 || strlen(argv[optind + 1]) != PMIG_UUID_LENGTH || strchr(argv[optind + 1], '/') != NULL)
		return PMIG_EINVAL;
	a.verb = argv[optind];
	a.uuid = argv[optind + 1];
	*ret = a;
	return a.state[0] != '\0' ? 0 : where_state(ret->state);
}

static int serve(const struct arguments *a)
{
	char path[PATH_MAX + 16];
	(void)snprintf(path, sizeof path, "%s/registry.db", a->state);
	struct pmig_store *store = NULL;
	int r = registry_store_open(path, &store);
	if (r >= 0)
		r = agent_serve(&(struct agent_options){
			.state = a->state, .uuid = a->uuid, .name = a->name, .store = store, .ready_fd = a->ready_fd});
	if (r < 0 && a->ready_fd >= 0)
		(void)dprintf(a->ready_fd, "%s", pmig_reason());
	registry_store_close(store);
	return r;
}

int main(int argc, char **argv)
{
	struct arguments a;
	int r = parse(argc, argv, &a);
	if (r == PMIG_EINVAL) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (r >= 0 && strcmp(a.verb, "serve") == 0)
		r = serve(&a);
	else if (r >= 0 && strcmp(a.verb, "connect") == 0)
		r = agent_connect(a.state, a.uuid, a.knows,
			(char *[]){"pmig-agent", "serve", (char *)a.uuid, "--state", a.state, "--name", (char *)a.name,
				"--ready-fd", "3", NULL});
	if (r < 0)
		(void)fprintf(stderr, "pmig-agent: %s\n", pmig_reason());
	return error_exit_status(r);
}
