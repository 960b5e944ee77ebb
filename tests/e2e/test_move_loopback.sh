#!/bin/bash
# shellcheck source=lib.sh
# Where no name spaces are allowed: queens goes from here to two sshds on loopback that this user runs, each with a HOME of
# its own, and back, over libssh2.
. "$(dirname "$0")/lib.sh"
loopback_begin left right

# address NAME: how libssh2, which reads no ssh_config, is told of it
address() { echo "127.0.0.1:$(sed -n 's/^[[:space:]]*Port //p' "$T/$1/config")"; }

# Each server lets in a key of its own: an agent has both.
eval "$(ssh-agent -s)" >/dev/null
at_end 'kill "$SSH_AGENT_PID" 2>/dev/null'
t ssh-add -q "$T/left/user" "$T/right/user"

QUEENS=$BIN/samples/queens
"$QUEENS" 14 >"$T/undisturbed"
export PMIG_STATE=$T/state
status=0
"$BIN/pmig" run --name queens -- "$QUEENS" 14 </dev/null >"$T/queens.out" 2>"$T/queens.err" &
run=$!
await "$T/queens.out" 'row 0, column  0'
for name in left right; do
	t "$BIN/pmig" move queens "$(address $name)"
	check "its program comes from the cache of $name" sh -c "readlink /proc/[0-9]*/exe 2>/dev/null | grep -q '^$T/$name/home/.cache/pmig/'"
done
t "$BIN/pmig" move queens home
wait "$run" || status=$?
check "it ended with 0" test $status -eq 0
same "$T/queens.out" "$T/undisturbed"
check "standard error is empty" test ! -s "$T/queens.err"
