#!/bin/bash
# shellcheck source=lib.sh
# What a program sees of its surroundings on another host, as another user, with another HOME and process id: as
# ARCHITECTURE.md says. A working directory that the target does not have refuses the move.
. "$(dirname "$0")/lib.sh"
hosts_begin

program=$BIN/tests/surroundings
uid=$(on alpha id -u)
mkfifo "$T/input"

# begin NAME DIRECTORY: in the background, reading $T/input
begin() {
	(
		status=0
		on alpha sh -c 'cd "$1" && shift && exec "$@"' sh "$2" "$BIN/pmig" run --name "$1" -- "$program" one "last argument" \
			<"$T/input" >"$T/$1.out" 2>"$T/$1.err" || status=$?
		echo "status $status" >"$T/$1.status"
	) &
	exec 7>"$T/input"
	await "$T/$1.out" '^host alpha'
}
# sees NAME N WORDS: line N of its output
sees() { check "$1, line $2: $3" test "$(sed -n "$2p" "$T/$1.out")" = "$3"; }
end() {
	exec 7>&-
	await "$T/$1.status" '^status 0'
}

constant="umask 027 arguments 3 last argument environment there monotonic forward"
begin who /tmp
sees who 1 "host alpha uid $uid HOME /home/$(on alpha id -un) set yes cwd /tmp pid same $constant"

# Another user: the environment is the program's own and stays; who it is, is asked of the system.
t pmig_on alpha move who root@beta
echo >&7
await "$T/who.out" '^host beta'
sees who 2 "host beta uid 0 HOME /home/$(on alpha id -un) set yes cwd /tmp pid other $constant"
t pmig_on alpha move who gamma
echo >&7
await "$T/who.out" '^host gamma'
sees who 3 "host gamma uid $uid HOME /home/$(on alpha id -un) set yes cwd /tmp pid other $constant"
t pmig_on alpha move who home
end who
check "nothing on standard error" test ! -s "$T/who.err"

# A working directory that the target lacks: refused by name, and the program goes on where it is.
t on alpha mkdir /tmp/only-here
begin where /tmp/only-here
expect 3 pmig_on alpha move where beta
says 'move refused: beta has no directory /tmp/only-here, in which where works'
echo >&7
await "$T/where.out" '^host alpha .*/tmp/only-here pid same'
t on beta mkdir /tmp/only-here
t pmig_on alpha move where beta
echo >&7
await "$T/where.out" '^host beta .*/tmp/only-here'
end where
