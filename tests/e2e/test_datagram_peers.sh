#!/bin/bash
# shellcheck source=lib.sh
# A client of three peers that stay at alpha and know nothing (UDP, a unix socket of datagrams, packets) goes alpha -> beta -> gamma -> alpha in the middle
# of its talk: every message is answered, whole, in order, once; the end of the packets comes as an end.
. "$(dirname "$0")/lib.sh"
hosts_begin

# peers PATH PORT: all is sent back. Packets are counted, and each must be one more than the one before.
peers() {
	on alpha python3 -c 'import select, socket, sys
path, port = sys.argv[1], int(sys.argv[2])
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", port))
gram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); gram.bind(path + "-datagram")
door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); door.bind(path + "-packet"); door.listen()
print("there", flush=True)
packet, _ = door.accept()
count = 0
while True:
    for s in select.select([udp, gram, packet], [], [])[0]:
        if s is packet:
            m = s.recv(5000)
            if m == b"":
                s.send(b"%d and no more" % count); s.close(); sys.exit(0)
            count += 1
            if int(m.split()[0]) != count: print("WRONG", m[:20], count, flush=True)
            s.send(m)
        else:
            m, who = s.recvfrom(5000)
            s.sendto(m, who)
' "$1" "$2" >"$T/peers.out" 2>&1 &
	await "$T/peers.out" there
}
# talk NAME PORT HOST...: the client goes to each, and ends at the last
talk() {
	local name=$1 port=$2 hop=0 host
	peers "/tmp/$name" "$port"
	mkfifo "$T/$name.input"
	exec {input}<>"$T/$name.input"
	INPUT=$T/$name.input start alpha "$name" "$BIN/tests/packets" 127.0.0.1 "$port" "/tmp/$name"
	await "$T/$name.out" '^hop 0 alpha'
	for host in "${@:3}"; do
		hop=$((hop + 1))
		t pmig_on alpha move "$name" "$host"
		agreed "$name"
		await "$T/$name.out" "^hop $hop $host"
		check "what stays behind" test "$(pmig_on alpha references --json "$name" | jq length)" = "$([ "$host" = alpha ] && echo 0 || echo 3)"
	done
	echo 100 >&"$input"
	ended_with "$name" 0
	check "nothing was wrong" test -z "$(grep -h WRONG "$T/$name.out" "$T/peers.out" || true)"
	tail -n 1 "$T/$name.out"
	check "nothing stays behind" test "$(pmig_on alpha references --json "$name" | jq length)" = 0
	for host in beta gamma; do nothing_on $host; done
}
talk returns 8126 beta gamma beta alpha
talk away 8127 beta gamma
