/* What the machine's databases say is what libc says, in the arena; a walk that was begun goes on after a restore. What a machine does not have (a service of
 * that name) pmig does not find either. */
#include "restore_case.h"

#include "resource/databases.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* The same name, or nothing in both. */
#define AGREE(ours, libcs, name) \
	do { \
		const __typeof__(*(ours)) *own_ = (ours); \
		CHECK(own_ == NULL || (arena_contains(own_) && arena_contains(own_->name))); \
		char own_name_[256] = ""; \
		(void)snprintf(own_name_, sizeof own_name_, "%s", own_ != NULL ? own_->name : ""); \
		const __typeof__(*(ours)) *its_ = (libcs); \
		CHECK((own_ == NULL) == (its_ == NULL) && (its_ == NULL || strcmp(own_name_, its_->name) == 0)); \
	} while (0)

static void services(void)
{
	AGREE(pmig_getservbyname("ssh", "tcp"), getservbyname("ssh", "tcp"), s_name);
	AGREE(pmig_getservbyport(htons(22), "tcp"), getservbyport(htons(22), "tcp"), s_name);
	AGREE(pmig_getservbyport(htons(22), "no such protocol"), getservbyport(htons(22), "no such protocol"), s_name);
	AGREE(pmig_getprotobyname("udp"), getprotobyname("udp"), p_name);
	AGREE(pmig_getprotobynumber(6), getprotobynumber(6), p_name);
	AGREE(pmig_getnetbyname("loopback"), getnetbyname("loopback"), n_name);
	AGREE(pmig_getnetbyaddr(127U << 24, AF_INET), getnetbyaddr(127U << 24, AF_INET), n_name);
}

static void hosts_and_users(void)
{
	struct in_addr here = {htonl(INADDR_LOOPBACK)};
	AGREE(pmig_getrpcbyname("portmapper"), getrpcbyname("portmapper"), r_name);
	AGREE(pmig_getrpcbynumber(100000), getrpcbynumber(100000), r_name);
	AGREE(pmig_getspnam("root"), getspnam("root"), sp_namp);
	AGREE(pmig_getspnam("nobody of that name"), getspnam("nobody of that name"), sp_namp);
	AGREE(pmig_gethostbyname("localhost"), gethostbyname("localhost"), h_name);
	AGREE(pmig_gethostbyaddr(&here, sizeof here, AF_INET), gethostbyaddr(&here, sizeof here, AF_INET), h_name);
}

static void *looked_up(void)
{
	services();
	hosts_and_users();
	struct servent *s = pmig_getservbyname("ssh", "tcp");
	struct servent **kept = pmig_calloc(1, sizeof *kept);
	*kept = s;
	return kept;
}

static void looked_up_after(void *state)
{
	struct servent **kept = state;
	CHECK(*kept == NULL || (strcmp((*kept)->s_name, "ssh") == 0 && ntohs((uint16_t)(*kept)->s_port) == 22));
}

enum { WALKS = 8 };

struct walked {
	int begun[WALKS], all[WALKS];
};

/* How many steps a walk has, `most` at most. */
#define STEPS(next, most, ret_count) \
	do { \
		(ret_count) = 0; \
		while ((ret_count) < (most) && next() != NULL) \
			(ret_count)++; \
	} while (0)
#define LIBCS(begin, next, end, i) \
	begin; \
	STEPS(next, 100000, w->all[i]); \
	end()

static void *walked(void)
{
	struct walked *w = pmig_calloc(1, sizeof *w);
	LIBCS(setpwent(), getpwent, endpwent, 0);
	LIBCS(setgrent(), getgrent, endgrent, 1);
	LIBCS(setspent(), getspent, endspent, 2);
	LIBCS(sethostent(0), gethostent, endhostent, 3);
	LIBCS(setservent(0), getservent, endservent, 4);
	LIBCS(setprotoent(0), getprotoent, endprotoent, 5);
	LIBCS(setrpcent(0), getrpcent, endrpcent, 6);
	LIBCS(setusershell(), getusershell, endusershell, 7);
	STEPS(pmig_getpwent, 2, w->begun[0]);
	STEPS(pmig_getgrent, 2, w->begun[1]);
	STEPS(pmig_getspent, 2, w->begun[2]);
	STEPS(pmig_gethostent, 2, w->begun[3]);
	STEPS(pmig_getservent, 2, w->begun[4]);
	STEPS(pmig_getprotoent, 2, w->begun[5]);
	STEPS(pmig_getrpcent, 2, w->begun[6]);
	STEPS(pmig_getusershell, 2, w->begun[7]);
	return w;
}

#define GOES_ON(next, end, i) \
	do { \
		int rest_; \
		STEPS(next, 100000, rest_); \
		CHECK(w->begun[i] + rest_ == w->all[i]); \
		end(); \
		STEPS(next, 100000, rest_); \
		CHECK(rest_ == w->all[i]); /* ended: the next one begins */ \
		end(); \
	} while (0)

static void users_go_on(const struct walked *w)
{
	GOES_ON(pmig_getpwent, pmig_endpwent, 0);
	GOES_ON(pmig_getgrent, pmig_endgrent, 1);
	GOES_ON(pmig_getspent, pmig_endspent, 2);
}

static void networks_go_on(const struct walked *w)
{
	GOES_ON(pmig_gethostent, pmig_endhostent, 3);
	GOES_ON(pmig_getservent, pmig_endservent, 4);
	GOES_ON(pmig_getprotoent, pmig_endprotoent, 5);
	GOES_ON(pmig_getrpcent, pmig_endrpcent, 6);
	GOES_ON(pmig_getusershell, pmig_endusershell, 7);
}

static void walked_after(void *state)
{
	users_go_on(state);
	networks_go_on(state);
	CHECK(pmig_getpwent() != NULL);
	pmig_setpwent();
	const struct passwd *first = pmig_getpwent();
	CHECK(first != NULL && strcmp(first->pw_name, "root") == 0);
}

static const struct restore_case cases[] = {
	{.name = "what is looked up", .before = looked_up, .after = looked_up_after},
	{.name = "walks", .before = walked, .after = walked_after},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
