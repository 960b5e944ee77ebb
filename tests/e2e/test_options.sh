#!/bin/bash
# shellcheck source=lib.sh
# Options that a program sets while it is elsewhere: of a socket that listens they reach the one that stayed, and who connects then has
# them; so do those that a child of it sets, of listeners and connections. getsockopt() tells them there and at home.
. "$(dirname "$0")/lib.sh"
hosts_begin
. "$LIB_DIR/sockets.sh"

# at_alpha STATE PATTERN: ss there says so, a moment later
at_alpha() {
	local i
	for ((i = 0; i < 250; i++)); do
		hosts exec alpha ss -Htnmo state "$1" sport = :7400 | grep -qE "$2" && return
		read -r -t 0.02 <>"$T/none.fifo" || true
	done
	hosts exec alpha ss -tnmo state "$1" sport = :7400
	fail "no socket $1 at alpha has $2"
}
mkfifo "$T/none.fifo"

sockets_begin options
a 'listen 7400' 'listen 0'
at_alpha listening 'rb131072|rb[0-9]+'
to beta
a 'set -1 1 8 8192' 'set 0'         # SO_RCVBUF
a 'get -1 1 8' 'get 16384'
at_alpha listening rb16384,
a 'child -1 1 8 9000' 'child 0'     # the same by a child
at_alpha listening rb18000,
a 'set -1 1 9 1' 'set 0'            # SO_KEEPALIVE, which who connects inherits
a 'set -1 6 9 3' 'set 0'            # TCP_DEFER_ACCEPT
b 'connect 127.0.0.1:7400' 'connect 0'
b 'write 0 hello' 'write 5'
a accept 'accept 0'
a 'read 0 100' 'read hello'
at_alpha established 'timer:\(keepalive'
at_alpha established rb18000,
a 'child 0 1 8 12000' 'child 0'
at_alpha established rb24000,

# What is set while the way is cut comes when it is back.
tell a 'read 0 3'
t hosts cut beta
tell a 'set 0 1 8 15000'
b 'write 0 now' 'write 3' # what the program was told last has come by then, in order
t hosts mend beta
hear a 'read now'
hear a 'set 0'
at_alpha established rb30000,
to alpha
a 'get 0 1 9' 'get 1'
a 'get 0 1 8' 'get 30000'
a 'write 0 bye' 'write 3'
b 'read 0 100' 'read bye'

# The same of a socket that still listens; and closed elsewhere, its options are in nobody's way.
sockets_begin listens
a 'listen 7401' 'listen 0'
to beta
t hosts cut beta
for what in '8 8192' '8 10000' '9 1'; do tell a "set -1 1 $what"; done
t hosts mend beta
for what in 1 2 3; do hear a 'set 0'; done
for ((i = 0; i < 250; i++)); do
	hosts exec alpha ss -Htnm state listening sport = :7401 | grep -q rb20000, && break
	read -r -t 0.02 <>"$T/none.fifo" || true
done
check "all of them came, in order" grep -q rb20000, <(hosts exec alpha ss -Htnm state listening sport = :7401)
to alpha
a 'get -1 1 8' 'get 20000'
