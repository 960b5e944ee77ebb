#!/bin/bash
# shellcheck source=lib.sh
# A client of three peers that stay at alpha and know nothing (UDP, a unix socket of datagrams, packets) goes alpha -> beta -> gamma -> alpha in the middle
# of its talk: every message is answered, whole, in order, once; the end of the packets comes as an end.
. "$(dirname "$0")/lib.sh"
hosts_begin

# The peers: all is sent back. Packets are counted, and each must be one more than the one before.
on alpha python3 -c 'import select, socket, sys, os
path = sys.argv[1]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 8126))
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
' /tmp/peer >"$T/peers.out" 2>&1 &
await "$T/peers.out" there
mkfifo "$T/input"
exec {input}<>"$T/input"
INPUT=$T/input start alpha client "$BIN/tests/packets" 127.0.0.1 8126 /tmp/peer
await "$T/client.out" '^hop 0 alpha'
pmig_on alpha plan --json client beta >"$T/plan"
check "the plan leaves all three where they are" test "$(jq '[.resources[] | select(.kind == "datagram" and .strategy == "reference")] | length' "$T/plan")" = 3
hop=0
for host in beta gamma beta; do
	hop=$((hop + 1))
	t pmig_on alpha move client $host
	agreed client
	await "$T/client.out" "^hop $hop $host"
	check "three things stay behind" test "$(pmig_on alpha references --json client | jq length)" = 3
done
t pmig_on alpha move client alpha
await "$T/client.out" '^hop 4 alpha'
echo 100 >&"$input"
await "$T/client.out" '^done'
ended_with client 0
check "nothing was wrong" test -z "$(grep -h WRONG "$T/client.out" "$T/peers.out" || true)"
tail -n 1 "$T/client.out"
check "nothing stays behind" test "$(pmig_on alpha references --json client | jq length)" = 0
for host in beta gamma; do nothing_on $host; done
