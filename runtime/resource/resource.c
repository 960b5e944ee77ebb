/* resource: the order in which the parts are saved and restored, and the hooks around it. */
#include "resource.h"

#include "clocks.h"
#include "context.h"
#include "declare.h"
#include "ending.h"
#include "environment.h"
#include "hooks.h"
#include "inventory.h"
#include "limits.h"
#include "messages.h"
#include "planned.h"
#include "sharing.h"
#include "signals.h"

#include "../arena/mapping.h"
#include "../children.h"
#include "../errno_place.h"
#include "../handler.h"
#include "../image/image.h"
#include "../kind/lock.h"
#include "../kind/standard.h"
#include "../reference/descriptors.h"
#include "../reference/plain.h"
#include "../reference/referred.h"
#include "../stream/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS_VERSION 2
#define SETTLE_MS 10000 /* for the hosts of what stays elsewhere to answer; less than a hand-over waits for a safe point */
#define PRIVATE_MAX 16

static int private_fds[PRIVATE_MAX];
static size_t private_n;
static int writer_fd = -1; /* the image being written */
static struct image_range *secrets;
static struct pmig_writer records;

void resource_private(int fd)
{
	if (fd >= 0 && private_n < PRIVATE_MAX)
		private_fds[private_n++] = fd;
}

void resource_public(int fd)
{
	for (size_t i = 0; i < private_n; i++)
		if (private_fds[i] == fd)
			private_fds[i] = private_fds[--private_n];
}

static bool is_private(int fd)
{
	for (size_t i = 0; i < private_n; i++)
		if (private_fds[i] == fd)
			return true;
	return fd == writer_fd || descriptors_private(fd);
}

int resource_next_private(int from)
{
	int r = -1;
	for (size_t i = 0; i < private_n; i++)
		if (private_fds[i] >= from && (r < 0 || private_fds[i] < r))
			r = private_fds[i];
	int other = descriptors_next_private(from);
	return r < 0 || (other >= 0 && other < r) ? other : r;
}

int resource_start(int argc, char **argv, char **envp)
{
	signals_start();
	int r = handler_start();
	if (r >= 0)
		r = sharing_start();
	if (r >= 0)
		r = stream_start();
	if (r >= 0)
		r = environment_start(argc, argv, envp);
	if (r >= 0)
		r = standard_remember();
	if (r >= 0)
		r = context_start();
	if (r >= 0)
		r = clocks_start();
	if (r >= 0)
		r = errno_place_start();
	if (r >= 0)
		declare_announce();
	return r < 0 ? r : ending_start();
}

char **resource_arguments(int *ret_argc)
{
	return environment_arguments(ret_argc);
}

int resource_prepare(void)
{
	int r = children_ready();
	if (r >= 0)
		r = hooks_before();
	if (r < 0)
		return r;
	r = leave_ready();
	if (r == PMIG_EBUSY) { /* at another safe point: what the hooks have done is undone until then */
		char host[65] = "", reason[PMIG_REASON_MAX];
		(void)gethostname(host, sizeof host - 1);
		(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
		hooks_after(&(struct pmig_news){
			.outcome = PMIG_FAILED, .from = host, .to = host, .reason = reason, .locator = ""});
		return error_set(PMIG_EBUSY, "%s", reason);
	}
	return r;
}

int resource_plan(int fd)
{
	planned_forget();
	return fd >= 0 ? planned_take(fd) : 0;
}

void resource_tell(void)
{
	declare_tell();
}

/* Declared secret memory is never written. */
static int leave_out_secrets(struct image_writer *w)
{
	size_t n = 0;
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		n += e->thing == DECLARE_MEMORY && e->d.secret;
	if (n == 0)
		return 0;
	secrets = calloc(n, sizeof *secrets);
	if (secrets == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the list of secrets");
	n = 0;
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		if (e->thing == DECLARE_MEMORY && e->d.secret)
			secrets[n++] = (struct image_range){(uintptr_t)e->address, e->size};
	image_omit(w, secrets, n);
	return 0;
}

static int put_record(struct image_writer *w, enum image_section type, unsigned version, int (*save)(struct record_writer *))
{
	struct record_writer record = {0};
	int r = save(&record);
	if (r >= 0)
		r = image_put(w, type, version, record.data, record.size);
	record_finish(&record);
	return r;
}

static int put_resources(struct image_writer *w)
{
	size_t part = record_part_begin(&records.record);
	int r = environment_save(&records.record);
	if (r >= 0)
		r = context_save(&records.record);
	if (r >= 0)
		r = signals_save(&records.record);
	record_part_end(&records.record, part);
	if (r >= 0)
		r = leave_write(&records, is_private);
	if (r >= 0)
		r = image_put(w, IMAGE_RESOURCES, RECORDS_VERSION, records.record.data, records.record.size);
	if (r >= 0)
		r = image_put_parts(w, IMAGE_RESOURCES, RECORDS_VERSION, records.contents, records.n);
	return r;
}

int resource_save(struct image_writer *w)
{
	writer_fd = image_writer_descriptor(w);
	signals_hold();
	messages_save();
	int r = leave_out_secrets(w);
	if (r >= 0)
		r = plain_settle();
	if (r >= 0) /* before the descriptors: flushing changes sizes and positions */
		r = put_record(w, IMAGE_STREAMS, STREAM_VERSION, stream_save);
	if (r >= 0)
		r = descriptors_settle(SETTLE_MS);
	if (r >= 0)
		r = put_resources(w);
	if (r >= 0)
		r = put_record(w, IMAGE_CLOCKS, RECORDS_VERSION, clocks_save);
	content_finish(&records);
	if (r < 0)
		resource_continue();
	return r;
}

void resource_continue(void)
{
	stream_continue();
	children_continue();
	lock_take_back();
	leave_finish();
	free(secrets);
	secrets = NULL;
	writer_fd = -1;
	signals_let();
}

int resource_release(void)
{
	return leave_release();
}

static int get_record(struct image *im, enum image_section type, unsigned version, size_t index, struct record_reader *ret)
{
	struct image_entry e;
	int r = image_get(im, type, index, &e);
	if (r < 0)
		return r;
	if (e.version != version)
		return error_set(PMIG_EVERSION, "section %s: version %u is not known here", e.name, e.version);
	record_reader_init(ret, e.name, e.data, e.size);
	return 0;
}

static int restore_context(struct record_reader *all, const struct resource_options *options)
{
	struct record_reader part;
	record_get_part(all, &part);
	int r = environment_restore(&part);
	if (r >= 0)
		r = context_restore(&part, options->directory);
	messages_restore();
	return r < 0 ? r : signals_restore(&part);
}

int resource_restore(struct image *im, const struct resource_options *options)
{
	struct record_reader streams, clocks, contents;
	struct pmig_reader in = {0};
	int r = get_record(im, IMAGE_RESOURCES, RECORDS_VERSION, 0, &in.record);
	if (r >= 0)
		r = get_record(im, IMAGE_RESOURCES, RECORDS_VERSION, 1, &contents);
	if (r >= 0)
		r = get_record(im, IMAGE_STREAMS, STREAM_VERSION, 0, &streams);
	if (r >= 0)
		r = get_record(im, IMAGE_CLOCKS, RECORDS_VERSION, 0, &clocks);
	if (r < 0)
		return r;
	in.contents = contents.data;
	in.size = contents.size;
	image_detach(im); /* its descriptor's number may be one of the program's */
	signals_hold();
	children_arrive();
	r = sharing_watch();
	if (r >= 0)
		r = restore_context(&in.record, options);
	if (r >= 0)
		referred_forget();
	if (r >= 0)
		r = arrive_read(&in, options->rewind, is_private);
	if (r < 0)
		return r;
	r = mapping_restore();
	if (r >= 0)
		r = stream_restore(&streams);
	if (r >= 0)
		r = clocks_restore(&clocks);
	if (r >= 0)
		r = ending_start();
	if (r < 0)
		resource_undo();
	return r;
}

void resource_undo(void)
{
	arrive_undo();
}

void resource_after(const struct pmig_news *news)
{
	if (news->outcome == PMIG_RESTORED) {
		arrive_finish();
		limits_settle();
		signals_let();
		hooks_secrets();
		declare_arrived();
		declare_announce();
		referred_announce();
	}
	hooks_after(news);
}
