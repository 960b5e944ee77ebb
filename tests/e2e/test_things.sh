#!/bin/bash
# shellcheck source=lib.sh
# Things of which any will do: a device node, a terminal, a printer, a scratch directory, a camera. At each host the program uses those
# that the host has, under the same descriptors and variables; a host that lacks one whose bytes could be relayed gets its reference.
. "$(dirname "$0")/lib.sh"
hosts_begin
mkfifo "$T/lines" "$T/keys"
TERMINAL=()
exec {lines}<>"$T/lines"
exec 9<>"$T/keys" # nobody types, and the keyboards do not end
for host in alpha beta gamma; do
	hosts exec "$host" mkdir -p "/srv/things/$host" "/srv/scratch.$host"
	hosts exec "$host" mknod -m 666 "/srv/things/$host/gpu" c 1 5
	hosts exec "$host" sh -c 'printf "#!/bin/sh\ncat \"\$1\" >>/srv/scratch.%s/printed\n" "$1" >"/srv/things/$1/print"; chmod 755 "/srv/things/$1/print"
		chown -R mig "/srv/things/$1" "/srv/scratch.$1"' sh "$host"
	hosts as "$host" perl - /dev/fd/3 <"$(dirname "$0")/keyboard.pl" 3<"$T/keys" >"$T/screen.$host" 2>&1 &
	await "$T/screen.$host" '^/dev/pts/'
	TERMINAL+=("$(head -1 "$T/screen.$host")")
done
provide() {
	local host=$1
	t pmig_on alpha registry --host "$host" provide gpu "/srv/things/$host/gpu"
	t pmig_on alpha registry --host "$host" provide terminal "$2"
	t pmig_on alpha registry --host "$host" provide printer "/srv/things/$host/print"
	t pmig_on alpha registry --host "$host" provide scratch "/srv/scratch.$host"
	t pmig_on alpha registry --host "$host" provide camera "$host's camera"
}
provide beta "${TERMINAL[1]}"
INPUT=$T/lines start alpha any "$BIN/tests/things" /srv/things/alpha/gpu "${TERMINAL[0]}" /srv/things/alpha/print /srv/scratch.alpha "alpha's camera"
await "$T/any.out" ready
step() {
	echo "line $1" >&"$lines"
	await "$T/any.out" "^$1: /srv/things/$2/gpu $3 /srv/things/$2/print /srv/scratch.$2 $2's camera"
	await "$T/screen.$2" "^step $1"
	check "$1 was printed at $2" test "$(on "$2" cat "/srv/scratch.$2/printed" | tail -1)" = "line $1"
}
step 0 alpha "${TERMINAL[0]}"
t pmig_on alpha move any beta
agreed any
step 1 beta "${TERMINAL[1]}"

# gamma has none of most: what cannot be without is refused before anything is frozen, in words.
expect 3 pmig_on alpha move any gamma
says "printer|camera"
step 2 beta "${TERMINAL[1]}"

# Once it has them: there, and home again.
provide gamma "${TERMINAL[2]}"
t pmig_on alpha move any gamma
agreed any
step 3 gamma "${TERMINAL[2]}"
provide alpha "${TERMINAL[0]}"
t pmig_on alpha move any alpha
step 4 alpha "${TERMINAL[0]}"
echo end >&"$lines"
ended_with any 0
