#!/bin/bash
# shellcheck source=lib.sh
# A terminal of alpha that exactly is meant (by identifier, fixed) is talked with from beta, from gamma, and at alpha again: by relayed
# bytes, under the same descriptor; a FIFO likewise.
. "$(dirname "$0")/lib.sh"
hosts_begin
mkfifo "$T/keys"

exec {keys}<>"$T/keys"
keyboard() { hosts as "$1" perl - /dev/fd/3 <"$(dirname "$0")/keyboard.pl" 3<"$T/keys" >"$T/screen.$1" 2>&1 & }
keyboard alpha
await "$T/screen.alpha" '^/dev/pts/'
TERMINAL=$(head -1 "$T/screen.alpha")
start alpha talks "$BIN/tests/stream" "$TERMINAL"
await "$T/talks.out" ready

# ask WORDS HOST: is answered from there, once.
ask() {
	echo "$1" >&"$keys"
	await "$T/screen.alpha" "^$2 heard ${#1} bytes, ${1:0:40}, terminal 1 1 rows 42"
	check "$1 was answered once" test "$(grep -c ", ${1:0:40}," "$T/screen.alpha")" -eq 1
}
ask one alpha
check "the plan refers to it" test "$(pmig_on alpha plan --json talks beta | jq -r --arg t "$TERMINAL" '.resources[] | select(.locator == $t) | "\(.kind) \(.strategy)"')" = "device reference"
t pmig_on alpha move talks beta
await "$T/talks.out" "^at beta: $TERMINAL"
ask two beta

# Typed while it moves: nothing is lost, nothing comes twice.
for i in $(seq 100 199); do echo "line $i"; done >&"$keys"
t pmig_on alpha move talks gamma
await "$T/talks.out" "^at gamma"
await "$T/screen.alpha" "heard 8 bytes, line 199," 20
check "each line was answered once, in order" test "$(sed -n 's/.* heard 8 bytes, line \(1..\),.*/\1/p' "$T/screen.alpha" | tr '\n' ' ')" = "$(seq 100 199 | tr '\n' ' ')"
nothing_on beta
ask three gamma

# Back at alpha it is the terminal itself.
t pmig_on alpha move talks alpha
await "$T/talks.out" "^at alpha"
ask four alpha
PID=$(pids_on alpha stream)
check "it is the terminal itself again" test "$(hosts exec alpha readlink "/proc/$PID/fd/3")" = "$TERMINAL"
check "nothing is referred to any more" test -z "$(pmig_on alpha references --json talks | jq -r '.[].kind')"
nothing_on gamma
ask end alpha
ended_with talks 0

# --- a FIFO: who writes into it at alpha is heard at beta ---
on alpha mkfifo fifo
mkfifo "$T/feed"
exec {feed}<>"$T/feed"
hosts as alpha sh -c 'exec cat >fifo' <"$T/feed" &
start alpha hears "$BIN/tests/stream" /home/mig/fifo
await "$T/hears.out" ready
hear() {
	echo "$1" >&"$feed"
	await "$T/hears.out" "^$2 heard ${#1} bytes, $1, terminal 0"
}
hear one alpha
check "the plan refers to it" test "$(pmig_on alpha plan --json hears beta | jq -r '.resources[] | select(.locator == "/home/mig/fifo") | "\(.kind) \(.strategy)"')" = "pipe reference"
t pmig_on alpha move hears beta
agreed hears
hear two beta
t pmig_on alpha move hears alpha
hear three alpha
hear end alpha
ended_with hears 0
