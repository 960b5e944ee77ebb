#!/bin/bash
# shellcheck source=lib.sh
# samples/webcounter over three moves: a page in a real browser (headless Chromium, where it is installed) and curl, at other hosts and on one connection
# each, count on, number by number, without a reload; the old address answers new requests.
. "$(dirname "$0")/lib.sh"
hosts_begin 'HIDE=/usr/lib/*/libpmig*' # browser and curl need some of what is hidden there otherwise

URL=http://10.77.0.11:8080
start alpha webcounter "$BIN/samples/webcounter" 8080 50
await "$T/webcounter.out" ready
on beta curl -sN $URL/events >"$T/events" &
curl=$!
await "$T/events" '"host": "alpha"'
browser=''
if command -v chromium-headless-shell >/dev/null; then
	mkfifo "$T/end"
	on gamma sh -c 'cat >browser.pl' <"$LIB_DIR/browser.pl"
	on gamma perl browser.pl chromium-headless-shell $URL/ <"$T/end" >"$T/page" 2>"$T/browser" &
	browser=$!
	exec {hold}>"$T/end"
	await "$T/page" '"host":"alpha"'
else
	echo "not looked at in a browser: there is no chromium-headless-shell"
fi
for host in beta gamma home; do
	t pmig_on alpha move webcounter $host
	name=${host/home/alpha}
	await "$T/events" "\"host\": \"$name\""
	[ -z "$browser" ] || await "$T/page" "\"host\":\"$name\""
	check "a new request" test "$(on beta curl -s $URL/count | jq -r .host)" = "$name"
done
if [ -n "$browser" ]; then
	echo >&"$hold"
	check "the browser ends" wait $browser
	tail -n 1 "$T/page" >"$T/shown"
	check "the page: $(cat "$T/shown")" jq -e '.missed == 0 and .opened == 1 and .hosts == "alpha, beta, gamma" and .host == "alpha" and
		(.reloaded | not) and .pause < 1000' "$T/shown"
fi
t pmig_on alpha kill webcounter
ended_with webcounter 0
check "curl's connection ends with the server, in order" wait $curl
sed -n 's/^data: //p' "$T/events" >"$T/numbers"
check "curl: $(wc -l <"$T/numbers") numbers, none missing or twice" test -z "$(jq .count "$T/numbers" | awk 'NR > 1 && $1 != last + 1; { last = $1 }')"
check "and none at the end: $(tail -n 1 "$T/numbers")" test "$(sed -n 's/^counted to \([0-9]*\),.*/\1/p' "$T/webcounter.out")" = "$(tail -n 1 "$T/numbers" | jq .count)"
check "nothing stays behind" test "$(pmig_on alpha references --json webcounter | jq length)" = 0
