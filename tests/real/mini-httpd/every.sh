#!/bin/bash
# A server that is continued in a fresh process, and answers: every.sh PROGRAM DIRECTORY FROM STEP, or every.sh PROGRAM DIRECTORY random MOST.
# The first: for k = FROM, FROM + STEP, ... the server is started, continued at its k-th safe point, asked for two files, of which one is
# behind a password (crypt() of a foreign library), and ended by a signal; until it has no k-th safe point any more. The second: one
# server, continued at MOST random safe points, is asked all the while. Each answer must be the file. A client whose connection the old
# process had not accepted is reset with its socket, and asks again.
set -euo pipefail
program=$1 dir=$2 port=8081
files=$dir/files
mkdir -p "$files/closed"
cp /usr/share/common-licenses/GPL-2 "$files"
cp /usr/share/common-licenses/BSD "$files/closed"
# shellcheck disable=SC2016 # what crypt() makes of "open sesame"
echo 'ali:$1$pmig$2bhC7HcHrcuuCps.LgI2I0' >"$files/closed/.htpasswd"

start() {
	rm -f "$dir/count"
	PMIG_EVERY=$1 PMIG_EVERY_IMAGE=$dir/image PMIG_EVERY_COUNT=$dir/count PMIG_EVERY_STACKS=$dir/stacks \
		exec "$program" -D -p $port -h 127.0.0.1 -d "$files" >"$dir/out" 2>"$dir/err" &
	server=$!
}

wrong() {
	echo "$*; it said: $(cat "$dir/err")" >&2
	kill -KILL $server 2>/dev/null || true
	exit 1
}

# Zero also while the number is being written.
restored() {
	local n=""
	read -r n <"$dir/count" || true
	echo "${n:-0}"
} 2>/dev/null

# get FILE [HEADER]
get() {
	exec 3<>/dev/tcp/127.0.0.1/$port && printf 'GET /%s HTTP/1.0\r\n%s\r\n' "$1" "${2:-}" >&3 && timeout 5 sed '1,/^\r*$/d' <&3
}

# asked WORDS FILE [HEADER]: until there is an answer.
asked() {
	local try
	for ((try = 0; try < 2000; try++)); do
		(get "$2" "${3:-}") >"$dir/got" 2>/dev/null || true
		! cmp -s "$dir/got" "$files/$2" || return 0
		[ ! -s "$dir/got" ] || wrong "$1: another answer: $(head -c 300 "$dir/got")"
		[ -d /proc/$server ] || wrong "$1: the server has ended"
	done
	wrong "$1: no answer"
}

asked_both() {
	asked "$1" GPL-2
	asked "$1" closed/BSD "Authorization: Basic $(printf 'ali:open sesame' | base64)"$'\r\n'
}

end() {
	kill $server
	wait $server || true
}

if [ "$3" = random ]; then
	start "-40:$4"
	for ((i = 0; $(restored) < $4; i++)); do asked_both random; done
	asked_both "after them all"
	end
	echo "$(restored) restores, $((2 * i + 2)) answers"
	exit
fi
total=0
for ((k = $3, beyond = 0; beyond < 3; k += $4)); do
	start "$k:1"
	asked_both "safe point $k"
	end
	if [ "$(restored)" = 1 ]; then total=$((total + 1)) beyond=0; else beyond=$((beyond + 1)); fi
done
echo "$total restores"
