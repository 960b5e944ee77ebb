#!/bin/bash
# shellcheck source=lib.sh source=sockets.sh
# How a connection ends and what is besides its bytes is the same for both sides, wherever the program is: half-close, reset, options,
# urgent bytes, back-pressure, names. The other side is a plain program that stays at alpha.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sockets.sh"
hosts_begin
mkfifo "$T/none.fifo"
NODELAY='6 1' KEEPALIVE='1 9'

# pair WORD WHERE [a|b]: connection number N of both, which the second (b) makes
pair() {
	a "listen $1" 'listen 0'
	b "connect $2" 'connect 0'
	a accept 'accept 0'
}

sockets_begin tcp
pair 7100 127.0.0.1:7100 # 0: spoken with
pair 7100 127.0.0.1:7100 # 1: b resets it
pair 7100 127.0.0.1:7100 # 2: a resets it
pair 7100 127.0.0.1:7100 # 3: half-closed by b
pair 7100 127.0.0.1:7100 # 4: half-closed by a
pair 7100 127.0.0.1:7100 # 5: closed by a with bytes unread
pair 7100 127.0.0.1:7100 # 6: full
pair 7100 127.0.0.1:7100 # 7: has a byte that is urgent when it moves
b 'listen 7101' 'listen 0'
a 'connect 127.0.0.1:7101' 'connect 0' # 8: made by a
b accept 'accept 0'
a 'names 0' 'names 127.0.0.1:7100 127.0.0.1:[0-9]+'
tell a 'names 8'
read -r -t 20 made <&"${HEARD[a.tcp]}"
a "set 0 $NODELAY 1" 'set 0'
b 'write 0 before' 'write 6'
b 'write 8 before' 'write 6'
b 'fill 6' 'filled [0-9]+'
b 'write 7 ab' 'write 2'
b 'urgent 7 !' 'urgent 1'
b 'write 7 cd' 'write 2'
to beta

a 'names 0' 'names 127.0.0.1:7100 127.0.0.1:[0-9]+'
a 'names 8' "$made"
a 'read 0 100' 'read before'
a 'read 8 100' 'read before'
a 'write 0 hello' 'write 5'
b 'read 0 100' 'read hello'
a 'write 8 hello' 'write 5'
b 'read 8 100' 'read hello'
check "bytes and names at beta" true
a 'read 7 1' 'read a'
eventually a 'poll 7' 'poll in out urgent'

a "get 0 $NODELAY" 'get 1'
a "get 8 $NODELAY" 'get 0'
a "get 0 1 39" 'get 2' # SO_DOMAIN
a "set 0 $KEEPALIVE 1" 'set 0'
a "get 0 $KEEPALIVE" 'get 1'
a "set 0 6 99 1" 'set Protocol not available'
a "set 0 6 4 -7" 'set Invalid argument' # TCP_KEEPIDLE
a "get 0 6 99" 'get Protocol not available'
a "error 0" 'get 0'
# TCP_SYNCNT is asked for nothing else, so that the socket at alpha can be told by its keepalive timer
eventually_alpha() {
	local i
	for ((i = 0; i < 200; i++)); do
		hosts exec alpha ss -Htno state established "( sport = :7100 )" >"$T/ss"
		[ "$(grep -c keepalive "$T/ss")" -ne "$1" ] || return 0
	done
	fail "$1 sockets with keepalive: $(cat "$T/ss")"
}
eventually_alpha 1
check "options at beta, and that the socket at alpha gets them" true

b 'urgent 0 !' 'urgent 1'
b 'write 0 after' 'write 5'
eventually a 'poll 0' 'poll in out urgent'
a 'oob 0' 'read !'
a 'read 0 100' 'read after'
a 'write 0 ab' 'write 2'
a 'urgent 0 ?' 'urgent 1'
a 'write 0 cd' 'write 2'
b 'read 0 2' 'read ab'
eventually b 'oob 0' 'read \?'
b 'mark 0' 'mark 1'
b 'read 0 2' 'read cd'
a 'inline 0' 'inline 0'
b 'write 0 xy' 'write 2'
b 'urgent 0 %' 'urgent 1'
eventually a 'poll 0' 'poll in out urgent'
a 'read 0 100' 'read xy'
a 'mark 0' 'mark 1'
a 'read 0 100' 'read %'
check "urgent bytes, both ways" true

b 'write 3 last' 'write 4'
b 'shut 3 w' 'shut 0'
a 'read 3 100' 'read last'
a 'read 3 100' 'read end'
a 'write 3 still' 'write 5'
b 'read 3 100' 'read still'
a 'write 4 last' 'write 4'
a 'shut 4 w' 'shut 0'
b 'read 4 100' 'read last'
b 'read 4 100' 'read end'
b 'write 4 still' 'write 5'
a 'read 4 100' 'read still'
check "half-close, both ways" true

b 'write 1 bye' 'write 3'
a 'read 1 3' 'read bye'
b 'reset 1' 'reset 0'
a 'read 1 100' 'read Connection reset by peer'
a 'write 1 x' 'write Broken pipe'
a 'reset 2' 'reset 0'
b 'read 2 100' 'read Connection reset by peer'
check "reset, both ways" true
b 'write 5 unread' 'write 6'
eventually a 'poll 5' 'poll in out'
a 'close 5' 'close 0'
eventually b 'poll 5' 'poll in out rdhup.*'
check "closed with bytes unread" true

# Nobody reads: who writes is stopped at last, and nothing is lost.
tell b 'fill 6'
read -r -t 30 _ full <&"${HEARD[b.tcp]}"
a "drain 6 $full" "drained $full"
a 'fill 6' 'filled [0-9]+'
to gamma
a 'fill 6' 'filled [0-9]+'
tell a 'fill 6'
read -r -t 30 _ back <&"${HEARD[a.tcp]}"
check "full: $full bytes one way, $back the other" test "$back" -lt 60000000
b "drain 6 $back" "drained $back"

a 'oob 7' 'read !'
a 'read 7 100' 'read b'
a 'mark 7' 'mark 1'
a 'read 7 100' 'read cd'
check "an urgent byte that came before two moves, and was read after them" true

a 'read 3 100' 'read end'
a 'write 3 again' 'write 5'
b 'read 3 100' 'read again'
b 'write 4 again' 'write 5'
a 'read 4 100' 'read again'
a 'names 0' 'names 127.0.0.1:7100 127.0.0.1:[0-9]+'
a "get 0 $NODELAY" 'get 1'
a 'read 1 100' 'read end' # its error was told
a 'write 8 gamma' 'write 5'
b 'read 8 100' 'read gamma'
check "all of it at gamma as well" true

to alpha
b 'write 0 home' 'write 4'
a 'read 0 100' 'read home'
a "get 0 $KEEPALIVE" 'get 1'
a "get 0 $NODELAY" 'get 1'
a 'names 8' "$made"
a 'read 3 100' 'read end'
a 'close 3' 'close 0'
b 'read 3 100' 'read end'
a 'close 0' 'close 0'
a 'close 4' 'close 0'
b 'read 4 100' 'read end'
b 'read 0 100' 'read end'
check "at home again" true

# --- the same over a unix socket ---
sockets_begin unix
pair /tmp/ends.socket /tmp/ends.socket # 0: spoken with
pair /tmp/ends.1 /tmp/ends.1 # 1: half-closed by b, then closed
pair /tmp/ends.2 /tmp/ends.2 # 2: closed by a
b 'write 0 before' 'write 6'
a 'names 0' 'names unix:/tmp/ends.socket unix:'
tell a 'get 0 1 17' # SO_PEERCRED
read -r -t 20 peer <&"${HEARD[a.unix]}"
to beta
a 'names 0' 'names unix:/tmp/ends.socket unix:'
a 'read 0 100' 'read before'
a 'write 0 hello' 'write 5'
b 'read 0 100' 'read hello'
a 'get 0 1 39' 'get 1' # SO_DOMAIN
a 'get 0 1 17' "$peer"
b 'write 1 last' 'write 4'
b 'shut 1 w' 'shut 0'
a 'read 1 100' 'read last'
a 'read 1 100' 'read end'
a 'write 1 still' 'write 5'
b 'read 1 100' 'read still'
to gamma
b 'close 1' 'close 0'
eventually a 'poll 1' 'poll in out rdhup hup'
a 'write 1 x' 'write Broken pipe'
a 'write 2 last' 'write 4'
a 'close 2' 'close 0'
b 'read 2 100' 'read last'
b 'read 2 100' 'read end'
b 'write 2 x' 'write Broken pipe'
to alpha
a 'write 0 home' 'write 4'
b 'read 0 100' 'read home'
check "a unix socket, too" true
