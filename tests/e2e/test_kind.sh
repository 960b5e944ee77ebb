#!/bin/bash
# A kind of resource from outside the tree: built with nothing but the installed headers, it goes along by content; its handle is set
# anew there and on the way back, and nobody goes on without it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

prefix=$T/prefix
check "pmig is installed elsewhere" cmake --install "$PMIG_BUILD" --prefix "$prefix"
cp "$PMIG_SOURCE"/samples/kind/* "$T"
t cc -Wall -Wextra -Werror -std=gnu17 -shared -fPIC -Wl,-soname,libcounter.so -I"$prefix/include" -o "$T/libcounter.so" "$T/counter.c"
t "$prefix/bin/pmig-cc" -O2 -o "$T/tally" "$T/tally.c" -L"$T" -lcounter -Wl,-rpath,/home/mig/tally
# A kind of descriptors: of a file that the program declares, it brings the content in capitals.
cat >"$T/loud.c" <<'END'
#include <pmig/kind.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int match(const struct pmig_resource *r)
{
	size_t n = strlen(r->locator);
	return S_ISREG(r->st.st_mode) && n > 5 && strcmp(r->locator + n - 5, ".loud") == 0;
}

static int describe(struct pmig_resource *r)
{
	r->size = (uint64_t)r->st.st_size;
	return 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	char text[64] = "";
	if (pread(r->fd, text, sizeof text - 1, 0) < 0)
		return pmig_fail(PMIG_EIO, "it cannot be read");
	pmig_write_text(w, text);
	return 0;
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	char text[64] = "";
	strncpy(text, pmig_read_text(in), sizeof text - 1);
	int e = pmig_read_check(in);
	for (char *c = text; *c != 0; c++)
		*c -= *c >= 'a' && *c <= 'z' ? 32 : 0;
	r->fd = memfd_create("loud", MFD_CLOEXEC);
	return e < 0 ? e : r->fd < 0 || write(r->fd, text, strlen(text)) < 0 ? pmig_fail(PMIG_EIO, "it cannot be made") : 0;
}

const struct pmig_kind pmig_kind = {.version = PMIG_KIND_VERSION, .name = "loud", .about = "a file, in capitals", .match = match,
	.describe = describe, .save = save, .copy = copy};
END
cat >"$T/whisper.c" <<'END'
#include <pmig/pmig.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fds[2] = {open(argv[1], O_RDONLY), open(argv[2], O_RDONLY)};
	struct pmig_declaration d = {.name = "the words", .binding = PMIG_BY_VALUE, .attachment = PMIG_UNATTACHED};
	if (argc != 3 || fds[1] < 0 || pmig_declare_fd(fds[0], &d) < 0)
		return 1;
	for (long n = 0;; n++) {
		for (int i = 0; i < 2; i++) {
			char text[64];
			ssize_t k = pread(fds[i], text, sizeof text, 0);
			printf("%ld %d %.*s", n, i, (int)(k > 0 ? k : 0), text);
		}
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
}
END
t cc -Wall -Wextra -Werror -std=gnu17 -D_GNU_SOURCE -shared -fPIC -I"$prefix/include" -o "$T/loud.so" "$T/loud.c"
t "$prefix/bin/pmig-cc" -O2 -o "$T/whisper" "$T/whisper.c"

hosts_begin
home=/home/mig/tally
on alpha mkdir -p "$home"
for file in tally libcounter.so whisper loud.so; do
	on alpha tee "$home/$file" <"$T/$file" >/dev/null
	on alpha chmod +x "$home/$file"
done

# There and back: no number is missing, and the file is where the program is.
on alpha "$BIN/pmig" run --kind "$home/libcounter.so" --name tally -- "$home/tally" /home/mig/number 100000 \
	>"$T/tally.out" 2>"$T/tally.err" </dev/null &
await "$T/tally.out" '^10$'
pmig_on alpha plan --json tally beta >"$T/plan"
check "the plan moves it" jq -e '.resources[] | select(.name == "the tally" and .kind == "counter" and .strategy == "move")' "$T/plan"
check "its descriptor is no resource of its own" jq -e '[.resources[] | select(.locator == "/home/mig/number")] | length == 1' "$T/plan"
t pmig_on alpha move tally beta
await "$T/tally.out" "^at beta: strategy 1, counter /home/mig/number"
t on beta test -s /home/mig/number
check "it has left alpha" on alpha test ! -e /home/mig/number
t pmig_on alpha move tally alpha
await "$T/tally.out" "^at alpha: strategy 1, counter /home/mig/number"
t on alpha test -s /home/mig/number
check "it has left beta" on beta test ! -e /home/mig/number

# It is asked about what is declared, and about nothing else.
for file in a b; do echo "psst" | on alpha tee "$home/$file.loud" >/dev/null; done
on alpha "$BIN/pmig" run --kind "$home/loud.so" --kind "$home/libcounter.so" --name whisper -- "$home/whisper" "$home/a.loud" "$home/b.loud" \
	>"$T/whisper.out" 2>"$T/whisper.err" </dev/null &
await "$T/whisper.out" '^5 1 psst'
check "the plan knows its kind" jq -e '.resources[] | select(.name == "the words") | .kind == "loud" and .strategy == "copy"' \
	<(pmig_on alpha plan --json whisper beta)
t pmig_on alpha move whisper beta
await "$T/whisper.out" '^[0-9]+ 0 PSST'
await "$T/whisper.out" '^[0-9]+ 1 psst' # the other went as files go
agreed whisper
t pmig_on alpha kill -KILL whisper

# Home remembers it for who attaches later.
for pid in $(pids_on alpha pmig); do hosts exec alpha kill -KILL "$pid"; done
pmig_on alpha attach tally >"$T/attached.out" 2>"$T/attached.err" </dev/null &
await "$T/attached.out" '^[0-9]+$'
t pmig_on alpha move tally gamma
await "$T/attached.out" '^at gamma: strategy 1'
t pmig_on alpha move tally alpha
await "$T/attached.out" '^at alpha: strategy 1'

# It comes along to where a program is started, too.
on alpha "$BIN/pmig" run --on beta --kind "$home/libcounter.so" --name there -- "$home/tally" /home/mig/there 3 >"$T/there.out" </dev/null
check "it counted at beta" grep -qx '3 steps' "$T/there.out"
t on beta test -s /home/mig/there

# An image knows which kind it needs.
t pmig_on alpha checkpoint tally --stop -o "$home/tally.image"
expect 3 pmig_on alpha restart --clone "$home/tally.image"
says 'the kind counter is not known here; give it with --kind'
expect 125 pmig_on alpha run --kind /bin/true -- "$home/tally" "$home/other" 1
expect 125 pmig_on alpha run --kind "$home/no-such.so" -- "$home/tally" "$home/other" 1
says 'no-such.so: No such file'
on alpha rm /home/mig/number
on alpha "$BIN/pmig" restart --clone --name again --kind "$home/libcounter.so" "$home/tally.image" >"$T/again.out" 2>"$T/again.err" </dev/null &
await "$T/again.out" "^at alpha: strategy 1"
t pmig_on alpha kill -KILL again
! grep -h wrong "$T"/*.out || fail "a number is missing or came twice"
