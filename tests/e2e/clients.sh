# shellcheck shell=bash
# shellcheck source=lib.sh
# clients.sh: what the tests with clients of others share, after lib.sh. The servers listen at alpha, the clients are at gamma, where the
# servers come by as well.
#
#	feed_begin NAME              for `feed NAME [TRAILER]`: writes stream.pl's lines, more than a megabyte a second ...
#	feed_over NAME               ... until this,
#	feed_end NAME                and ends with this
#	sink NAME [KILOBYTES]        standard input is compared with such lines, no more than that every 10 ms
#	whole NAME                   what came to sink NAME is what feed NAME gave
#	ten_moves NAME PORT [CMD...] the program goes to beta, gamma, alpha, beta ...; CMD HOST after each. The connections that stood before still stand
#	                             behind it, as the same sockets at both ends, and bytes went through them wherever the program was
#	gap NAME                     the longest gap that sink NAME saw is less than PMIG_GAP milliseconds (1000)
#	resets_begin PORT            for `no_reset PORT`: there was not one segment with RST from or to that port of alpha

clients_begin() {
	hosts_begin 'HIDE=/usr/lib/*/libpmig*' # clients need some of what is hidden there otherwise
	on gamma sh -c 'cat >stream.pl' <"$LIB_DIR/stream.pl"
}

declare -A RESETS
resets_begin() {
	hosts exec alpha tcpdump -Z root -i any -nl --immediate-mode "tcp port $1 and tcp[tcpflags] & tcp-rst != 0" >"$T/resets.$1" 2>"$T/resets.$1.err" &
	RESETS[$1]=$!
	await "$T/resets.$1.err" '^listening'
}
no_reset() {
	local pid
	for pid in $(hosts exec alpha pgrep -f "^tcpdump .*tcp port $1 "); do hosts exec alpha kill -INT "$pid"; done
	wait "${RESETS[$1]}"
	check "no segment with a reset at port $1" test -z "$(cat "$T/resets.$1")"
}

declare -A FEEDS
feed_begin() {
	local pipe
	mkfifo "$T/$1.commands"
	exec {pipe}<>"$T/$1.commands"
	FEEDS[$1]=$pipe
}
feed() { on gamma perl stream.pl feed "${@:2}" 3<"$T/$1.commands" 2>"$T/$1.fed"; }
feed_over() {
	echo over >&"${FEEDS[$1]}"
	await "$T/$1.fed" lines
}
feed_end() { echo end >&"${FEEDS[$1]}"; }
sink() { on gamma perl stream.pl sink "${@:2}" >"$T/$1.came"; }
whole() {
	await "$T/$1.came" 'longest gap'
	check "$1: $(tail -n 1 "$T/$1.came")" grep -q "^$(grep lines "$T/$1.fed"), then " "$T/$1.came"
}
gap() {
	await "$T/$1.came" 'longest gap'
	check "$1: less than ${PMIG_GAP:-1000} ms" awk -v most="${PMIG_GAP:-1000}" '/longest gap/ { for (i = 1; i < NF; i++) { if ($i == "gap") gap = $(i + 1)
		if ($i == "them") gap -= $(i + 1) } exit !(gap < most) }' "$T/$1.came"
}

# Both ends of the connections to a port, with the numbers of their sockets.
ends_of() {
	{
		hosts exec gamma ss -Htne state established "dport = :$1"
		hosts exec alpha ss -Htne state established "sport = :$1"
	} 2>>"$T/ss.err" | sed -nE 's/.* (10\.77[^ ]*) +(10\.77[^ ]*) .*(ino:[0-9]+).*/\1 \2 \3/p' | sort
}
# How many bytes have come and gone by that port of alpha, on the connections that there are.
bytes_of() {
	hosts exec alpha ss -Htni state established "sport = :$1" 2>>"$T/ss.err" | grep -oE 'bytes_(received|acked):[0-9]+' | awk -F: '{ n += $2 } END { printf "%.0f\n", n }'
}
grows() {
	local before i
	before=$(bytes_of "$1")
	for ((i = 0; i < 200; i++)); do [ "$(bytes_of "$1")" -le "$before" ] || return 0; done
	fail "nothing goes by port $1 of alpha"
}

ten_moves() {
	local name=$1 port=$2 host
	shift 2
	ends_of "$port" >"$T/$name.before"
	check "$(wc -l <"$T/$name.before") ends of connections" test -s "$T/$name.before"
	for host in beta gamma alpha beta gamma alpha beta gamma beta alpha; do
		t pmig_on alpha move "$name" $host
		[ $host = alpha ] || check "the program is not at alpha" test -z "$(pids_on alpha "$name")"
		grows "$port"
		[ $# -eq 0 ] || "$@" $host
	done
	ends_of "$port" >"$T/$name.after"
	check "$name: the same sockets from first to last byte, and bytes went by alpha wherever the program was" cmp "$T/$name.before" "$T/$name.after"
}
