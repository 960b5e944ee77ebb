#!/bin/bash
# shellcheck source=lib.sh
# An agent that was started, and whose way was cut before anybody came by it, does not stay for ever. Nor does one to which somebody came who said
# nothing that it knows. It waits ten seconds, and so does this test.
. "$(dirname "$0")/lib.sh"

serve() { # NAME: as `pmig-agent connect` starts it
	(umask 077 && mkdir -p "$T/$1"/{run,image,spool})
	timeout 60 "$BIN/pmig-agent" serve "$(cat /proc/sys/kernel/random/uuid)" --state "$T/$1" --name "$1" --ready-fd 3 3>"$T/$1.ready"
}
serve nobody &
nobody=$!
serve stranger &
stranger=$!
until [ -s "$T/stranger.ready" ]; do :; done
t perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "nobody listens"; print $s "?"; exit(defined sysread($s, my $byte, 1) ? 0 : 1)' \
	"$(echo "$T"/stranger/run/*.sock)"
t wait $nobody
t wait $stranger
check "nothing that could be reached is left" test -z "$(find "$T/nobody" "$T/stranger" -name '*.sock')"
