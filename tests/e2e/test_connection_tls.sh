#!/bin/bash
# shellcheck source=lib.sh
# TLS and HTTP over connections of a program that moves: curl and openssl s_client are not changed, and the program knows nothing of either:
# it hands on what it accepts to a server at alpha, over connections that it makes. Both ends authenticate each byte.
. "$(dirname "$0")/lib.sh"
hosts_begin
command -v curl >"$T/none" && command -v openssl >"$T/none" || skip "no curl, or no openssl"

on alpha sh -c 'mkdir web && cd web && head -c 8000000 /dev/urandom >big && md5sum <big &&
	openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=alpha -keyout key -out cert 2>req.log' >"$T/sum"
# serve PORT OPTION...: until the end of the test
serve() {
	on alpha sh -c 'cd web && exec openssl s_server -key key -cert cert -accept "$@" >"../server.$1" 2>&1' sh "$@" &
	on alpha sh -c 'tail -n +1 -F "server.$1" 2>/dev/null | grep -qm1 ACCEPT' sh "$1"
}
serve 7443 -WWW -http_server_binmode
serve 7444 -rev
start alpha web "$BIN/tests/passes" 8443 127.0.0.1:7443 1
start alpha lines "$BIN/tests/passes" 8444 127.0.0.1:7444 1
await "$T/web.out" ready
await "$T/lines.out" ready

mkfifo "$T/in" "$T/more"
exec {more}<>"$T/more"
# The page is read a megabyte at a time, each when it is told to: most of it waits to be sent while the program moves.
on alpha curl -sk https://alpha:8443/big | perl -e '$| = 1; open my $more, "<", shift; while (<$more>) {
	if (/rest/) { print while read STDIN, $_, 65536; exit } read STDIN, my $part, 1e6; print $part; print STDERR "read\n" }' "$T/more" \
	>"$T/big" 2>"$T/parts" &
curl=$!
on gamma openssl s_client -quiet -connect alpha:8444 <"$T/in" >"$T/back" 2>"$T/client.err" &
client=$!
exec {feed}>"$T/in"
said=0
# say N: so many lines more, and all that came back
say() {
	seq -f 'line %.0f' $((said + 1)) $((said + $1)) >&"$feed"
	said=$((said + $1))
	await "$T/back" "^$(echo "line $said" | rev)$"
}
await "$T/web.out" passed
await "$T/lines.out" passed
say 5000
for host in beta gamma alpha beta; do
	t pmig_on alpha move web $host
	t pmig_on alpha move lines $host
	say 5000
	echo >&"$more"
done
echo rest >&"$more"
echo CLOSE >&"$feed"
t wait $client
t wait $curl
check "the page is whole, byte for byte" test "$(md5sum <"$T/big")" = "$(cat "$T/sum")"
check "all lines came back, in order" cmp <(seq -f 'line %.0f' 1 $said | rev) "$T/back"
ended_with web 0
ended_with lines 0
