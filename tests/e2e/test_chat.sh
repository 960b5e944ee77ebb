#!/bin/bash
# shellcheck source=lib.sh
# samples/chat, with poll and with epoll and threads, each as any compiler makes it and as pmig-cc does: many talk at once, and everybody hears every line,
# each once and in the same order; who talks too long is sent away, and nobody else notices.
. "$(dirname "$0")/lib.sh"

# free_port: one that nobody has now
free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'; }

# undisturbed PROGRAM CLIENTS
undisturbed() {
	local name=$1 port server talkers hold
	port=$(free_port)
	"$BIN/samples/$name" "$port" >"$T/$name.out" &
	server=$!
	await "$T/$name.out" ready
	mkfifo "$T/$name.end"
	perl "$LIB_DIR/chat.pl" 127.0.0.1 "$port" "$2" <"$T/$name.end" >"$T/$name.talk" &
	talkers=$!
	exec {hold}>"$T/$name.end"
	await "$T/$name.talk" talking
	check "$name: one who shouts is sent away" grep -q 'too long' <(head -c 1500 /dev/zero | tr '\0' a |
		timeout 10 perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift) or die;
			local $/; my $all = <STDIN>; syswrite $s, "shouter\n$all"; print while defined($_ = readline $s)' "$port")
	exec {hold}>&-
	check "$name: $2 talk" wait $talkers
	echo "ok - $name: $(tail -n 1 "$T/$name.talk")"
	kill -TERM $server
	check "$name ends" wait $server
	check "$name: as many lines as it says" test "$(sed -E 's/.* clients, ([0-9]+) lines.*/\1/p;d' "$T/$name.talk")" = \
		"$(sed -E 's/^([0-9]+) lines of .*/\1/p;d' "$T/$name.out")"
}
for program in chat-plain chat chat_threads-plain chat_threads; do undisturbed $program 20; done
