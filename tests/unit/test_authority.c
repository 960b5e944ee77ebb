/* Host and port are found where each form of address has them, and another address can take their place. */
#include "base/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct authority_case {
	const char *text, *address; /* NULL: refused */
	bool loopback;
	const char *forwarded; /* the text with 127.0.0.1:40001 (a path: /tmp/s) in its place */
} cases[] = {
	{"127.0.0.1:7007", "127.0.0.1:7007", true, "127.0.0.1:40001"},
	{"localhost:7007", "localhost:7007", true, "127.0.0.1:40001"},
	{"beta:80", "beta:80", false, "127.0.0.1:40001"},
	{"[::1]:80", "[::1]:80", true, "127.0.0.1:40001"},
	{"postgresql://me:secret@127.0.0.1:5433/db?sslmode=disable", "127.0.0.1:5433", true,
		"postgresql://me:secret@127.0.0.1:40001/db?sslmode=disable"},
	{"postgresql://me@localhost/db", "localhost:5432", true, "postgresql://me@127.0.0.1:40001/db"},
	{"postgresql://localhost", "localhost:5432", true, "postgresql://127.0.0.1:40001"},
	{"http://[2001:db8::7]/a:b@c", "[2001:db8::7]:80", false, "http://127.0.0.1:40001/a:b@c"},
	{"https://example.org?q=@x:1", "example.org:443", false, "https://127.0.0.1:40001?q=@x:1"},
	{"http://user:p@ss@beta:8080/", "beta:8080", false, "http://user:p@ss@127.0.0.1:40001/"},
	{"host=127.0.0.1 port=5433 dbname=x", "127.0.0.1:5433", true, "host=127.0.0.1 port=40001 dbname=x"},
	{"port = '5433' dbname='a host=b' host = 'beta'", "beta:5433", false,
		"port = '40001' dbname='a host=b' host = '127.0.0.1'"},
	{"dbname=x host=localhost", "localhost:5432", true, "dbname=x host=127.0.0.1 port=40001"},
	{"/run/broker.sock", "/run/broker.sock", true, "/tmp/s"},
	{"", NULL, false, NULL},
	{"beta", NULL, false, NULL},
	{"beta:", NULL, false, NULL},
	{"[]:80", NULL, false, NULL},
	{":80", NULL, false, NULL},
	{"beta:0", NULL, false, NULL},
	{"beta:65536", NULL, false, NULL},
	{"beta:8x", NULL, false, NULL},
	{"gopher:///x", NULL, false, NULL},
	{"what://beta/", NULL, false, NULL},
	{"postgresql://a,b/db", NULL, false, NULL},
	{"dbname=x", NULL, false, NULL},
	{"host=/run/postgresql", NULL, false, NULL},
};

static void each_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct authority a;
		char text[512];
		int r = authority_parse(cases[i].text, &a);
		print_message("%s\n", cases[i].text);
		assert_int_equal(r, cases[i].address != NULL ? 0 : PMIG_EINVAL);
		if (r < 0)
			continue;
		authority_address(&a, text, sizeof text);
		assert_string_equal(text, cases[i].address);
		assert_int_equal(authority_loopback(&a), cases[i].loopback);
		const char *other = cases[i].text[0] == '/' ? "/tmp/s" : "127.0.0.1:40001";
		assert_int_equal(authority_replace(cases[i].text, &a, other, text, sizeof text), 0);
		assert_string_equal(text, cases[i].forwarded);
	}
}

/* Whatever stands there, nothing outside of the text is read: each beginning of each text, ended by its NUL. */
static void each_beginning(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t n = 0; n < strlen(cases[i].text); n++) {
			struct authority a;
			char out[512], *text = strndup(cases[i].text, n);
			if (authority_parse(text, &a) >= 0)
				assert_true(authority_replace(text, &a, "127.0.0.1:40001", out, sizeof out) >= 0);
			free(text);
		}
}

static void what_does_not_fit(void **state)
{
	(void)state;
	struct authority a;
	char small[20], long_host[600];
	assert_int_equal(authority_parse("http://beta:80/a/path/that/is/long", &a), 0);
	assert_int_equal(authority_replace("http://beta:80/a/path/that/is/long", &a, "gamma:81", small, sizeof small),
		PMIG_EINVAL);
	memset(long_host, 'a', sizeof long_host);
	strcpy(long_host + sizeof long_host - 4, ":80");
	assert_int_equal(authority_parse(long_host, &a), PMIG_EINVAL);
}

static void connections(void **state)
{
	(void)state;
	static const struct {
		const char *text, *address;
		bool same;
	} pairs[] = {{"postgresql://me@127.0.0.1:5433/db", "127.0.0.1:5433", true}, {"127.0.0.1:80", "127.0.0.1:81", false},
		{"localhost:80", "127.0.0.1:80", true}, {"localhost:80", "[::1]:80", true},
		{"127.0.0.1:80", "10.0.0.1:80", false}, {"10.0.0.1:80", "10.0.0.2:80", false},
		{"http://beta/x", "10.0.0.2:80", true}, {"http://beta/x", "10.0.0.2:8080", false},
		{"/run/a", "/run/a", true}, {"/run/a", "/run/b", false}, {"/run/a", "127.0.0.1:1", false}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct authority a;
		assert_int_equal(authority_parse(pairs[i].text, &a), 0);
		print_message("%s, %s\n", pairs[i].text, pairs[i].address);
		assert_int_equal(authority_names(&a, pairs[i].address), pairs[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form),
		cmocka_unit_test(each_beginning),
		cmocka_unit_test(what_does_not_fit),
		cmocka_unit_test(connections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
