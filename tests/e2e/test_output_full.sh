#!/bin/bash
# shellcheck source=lib.sh
# Output that nobody takes, more than memory holds, and no room on the disk where it waits: all of it comes once somebody does.
. "$(dirname "$0")/lib.sh"

export PMIG_STATE=$T/state PMIG_FAULT_RECORD=$T/faults
lines=1000000

# all_comes FAULT: of a program that ends meanwhile.
all_comes() {
	mkfifo "$T/pipe"
	PMIG_FAULT=$1 "$BIN/pmig" run -- seq $lines >"$T/pipe" 2>"$T/err" &
	exec 6<"$T/pipe"
	await "$T/faults" "^$1\$"
	check "all of it comes after $1" cmp <(cat <&6) <(seq $lines)
	exec 6<&-
	t wait $!
	rm "$T/pipe" "$T/faults"
}

all_comes output:file=full
all_comes output:file=fail
