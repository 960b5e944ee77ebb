#!/bin/bash
# shellcheck source=lib.sh
# A file system that both hosts have: whether a path is the same file on both is found out by a nonce, never by its name; such a file is
# kept as it is, opened there again, and never removed.
. "$(dirname "$0")/lib.sh"
hosts_begin

# The hosts have the machine's /dev, which is a tmpfs: a folder in it is the same on all of them.
shared=/dev/pmig-shared.$$
mkdir -m 1777 "$shared"
at_end 'rm -rf "$shared"'
home=$(on alpha sh -c 'mkdir ~/d && echo ~/d')
on beta mkdir "$home"

begin() {
	pmig_on alpha run --name "$1" -- "$BIN/tests/holds" "$2" "$3" </dev/null >"$T/$1.out" 2>"$T/$1.err" &
	await "$T/$1.out" '^3$' # behind its first safe point: what it declared is known
}
end() {
	t pmig_on alpha kill -KILL "$1"
	wait || true
}
file() { pmig_on "${4:-alpha}" plan --json "$1" "$2" | jq -e ".resources[] | select(.kind == \"file\") | $3" >"$T/file" ||
	fail "plan of $1: $(cat "$T/file")"; }

begin grows growing "$shared/log"
inode=$(stat -c %i "$shared/log")
t file grows beta '.strategy == "reference" and .kept and (.reason | test("under the same name")) and .price.bytes == 0'
check "the probe left nothing behind" test "$(find "$shared" -name '.pmig-*' | wc -l)" = 0
t pmig_on alpha move grows beta
agreed grows
check "the file is where it was" test "$(stat -c %i "$shared/log")" = "$inode"
on beta sh -c 'for f in /proc/[0-9]*/fd/*; do stat -L -c "%i %n" "$f" 2>/dev/null; done; true' >"$T/beta.fds"
check "and beta has the same one open" grep -q "^$inode " "$T/beta.fds"
count=$(wc -l <"$shared/log")
await "$shared/log" "^$((count + 20))\$"
t pmig_on alpha move grows gamma
t pmig_on alpha move grows alpha
await "$T/grows.out" "^$(($(wc -l <"$T/grows.out") + 5))\$"
end grows
check "every number is in it once, in order" sh -c 'seq "$(wc -l <"$1")" | cmp - "$1"' sh "$shared/log"
check "nothing of ours lies beside it" test "$(find "$shared" -mindepth 1 | wc -l)" = 1

# --- the same name is not the same file ---
begin alone written "$home/alone"
on beta sh -c 'printf "written\n" >~/d/alone' # even with the same content
t file alone beta '(.strategy == "move" or .strategy == "reference") and (.kept | not)'
check "the probe left nothing behind" on alpha sh -c 'test -z "$(ls -A ~/d | grep -v "^alone$")"'
end alone

# --- a folder in which nobody can leave a mark is not called the same ---
mkdir -m 555 "$shared/locked"
echo text >"$shared/locked/input"
chmod 644 "$shared/locked/input"
begin reads read "$shared/locked/input"
t file reads beta '.kept | not'
t pmig_on alpha move reads beta
check "the input is where it was" test -e "$shared/locked/input"
end reads
