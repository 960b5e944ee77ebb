#!/bin/bash
# shellcheck source=lib.sh
# A directory that is declared goes along with all that is in it, and comes back; by value it is copied, and what the target has already stays; nothing is
# overwritten; what cannot be read, or is none of a tree's, refuses by name.
. "$(dirname "$0")/lib.sh"
hosts_begin
mkfifo "$T/names"
exec {names}<>"$T/names"
make() { echo "$1" >&"$names"; }

# What there is of everything.
on alpha sh -e <<'SH'
mkdir -p 'data/a folder/deep' data/none
cd data
head -c 3000000 /dev/urandom >large
echo one >'a folder/one file'
ln 'a folder/one file' 'a folder/deep/another name'
ln -s '../one file' 'a folder/deep/link'
ln -s nowhere dangling
mkfifo fifo
truncate -s 1G sparse
printf middle | dd of=sparse bs=1 seek=500000000 conv=notrunc status=none
name=$(printf 'odd\n\377name')
echo odd >"$name"
: >empty
chmod 640 large
chmod 511 'a folder/deep'
touch -d '2001-02-03 04:05:06.789' large 'a folder/one file' none
SH
look() {
	on "$1" sh -c 'cd "$2" && find . -mindepth 1 ! -name "made *" -printf "%P|%y|%m|%n|%l|" \( -type d -printf "\n" -o -printf "%s %T@\n" \) | LC_ALL=C sort
		find . -type f -size -100M ! -name "made *" -exec sha256sum {} + | LC_ALL=C sort; dd if=sparse bs=1 skip=500000000 count=6 status=none' sh - "$2" >"$3"
}
look alpha data "$T/there"
check "the test sees what it is to see" grep -q 'fifo|p' "$T/there"

# --- moved, and back ---
INPUT=$T/names start alpha owns "$BIN/tests/tree" /home/mig/data
await "$T/owns.out" ready
check "the plan moves it" test "$(pmig_on alpha plan --json owns beta | jq -r '.resources[] | select(.name == "the tree") | .strategy')" = move
t pmig_on alpha move owns beta
agreed owns
look beta data "$T/here"
same "$T/there" "$T/here"
check "holes stay holes" test "$(on beta stat -c %b data/sparse)" -lt 1000
expect 1 on alpha test -e data
make 'made there'
await "$T/owns.out" 'made there'
check "it is made in that tree" test "$(on beta cat 'data/made there')" = 'made there'
t pmig_on alpha move owns alpha
look alpha data "$T/back"
same "$T/there" "$T/back"
check "what was made there has come" test "$(on alpha cat 'data/made there')" = 'made there'
expect 1 on beta test -e data

# --- other content under the name of one of its files: nothing is overwritten, nothing is left ---
on beta sh -c 'mkdir -p "data/a folder" && echo other >"data/a folder/one file"'
pmig_on alpha plan owns beta >"$T/plan"
check "the plan leaves it where it is" test "$(pmig_on alpha plan --json owns beta | jq -r '.resources[] | select(.name == "the tree") | .strategy')" = reference
check "and says why" grep -qF 'not move: in its place beta has something else under the name a folder/one file, which is never overwritten' "$T/plan"
check "it is as it was" test "$(on beta find data -type f)" = "data/a folder/one file"
make 'made after'
await "$T/owns.out" 'made after'
look alpha data "$T/after"
same "$T/there" "$T/after"

# --- what the target has already, and what else lies there ---
on beta sh -c 'echo one >"data/a folder/one file"; touch -d "2001-02-03 04:05:06.789" "data/a folder/one file"; echo mine >data/mine; chmod 755 data'
t pmig_on alpha move owns beta
check "what lay there stays" test "$(on beta cat data/mine)" = mine
check "the rest has come" test "$(on beta cat 'data/made after')" = 'made after'
expect 1 on alpha test -e data
make end
ended_with owns 0

# --- by value: copied; the source keeps its own ---
on alpha sh -c 'mkdir value && echo 1 >value/1'
INPUT=$T/names start alpha copies "$BIN/tests/tree" /home/mig/value copy
await "$T/copies.out" ready
t pmig_on alpha move copies beta
check "it is there" test "$(on beta cat value/1)" = 1
check "and here" test "$(on alpha cat value/1)" = 1
make end
ended_with copies 0

# --- what does not go along is named ---
on alpha sh -c 'mkdir -p odd/below && echo secret >odd/below/mine && chmod 0 odd/below/mine'
INPUT=$T/names start alpha odd "$BIN/tests/tree" /home/mig/odd
await "$T/odd.out" ready
expect 3 pmig_on alpha move odd beta
says 'odd/below/mine cannot be read'
on alpha sh -c 'rm -f odd/below/mine; perl -MIO::Socket::UNIX -e "IO::Socket::UNIX->new(Local => shift, Listen => 1) or die" odd/below/socket'
expect 3 pmig_on alpha move odd beta
says 'odd/below/socket is a socket'
make end
ended_with odd 0
