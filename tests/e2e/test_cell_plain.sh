#!/bin/bash
# shellcheck source=lib.sh
# The nine programs are ordinary ones: built by an ordinary compiler, where every call of pmig is an inline no-op, and built by
# pmig-cc but started without pmig, they run as well, and prove the same.
. "$(dirname "$0")/lib.sh"

cd "$T"
seq 5000 >input
# instrument AT: one there, until the test ends.
instrument() {
	rm -f "instrument.$1"
	setpriv --pdeathsig KILL "$BIN/samples/nine/instrument" "$1" >"instrument.$1" &
	await "$T/instrument.$1" '^instrument'
}
instrument any
instrument 27077

declare -A ARGUMENTS=([identifier_unattached]=log [identifier_fastened]=app.db [identifier_fixed]=line [value_unattached]=input
	[value_fastened]=input [value_fixed]="/pmig-board-$$" [type_unattached]=scratch [type_fastened]=127.0.0.1:27077 [type_fixed]=any
	[all_nine]='input input line any 127.0.0.1:27077')
for name in "${!ARGUMENTS[@]}"; do
	for built in "$name-plain" "$name"; do
		instrument line # a new one: it counts who asks, and its program promises to be the only one
		read -ra arguments <<<"${ARGUMENTS[$name]}"
		"$BIN/samples/nine/$built" "${arguments[@]}" 3 >"$name.out" || fail "$built: $(cat "$name.out")"
		check "$built: $(tail -n 1 "$name.out" | cut -d ' ' -f 3-)" test "$(grep -c ': ' "$name.out")" = 3
	done
done
rm -f "/dev/shm/pmig-board-$$" /dev/shm/all_nine
