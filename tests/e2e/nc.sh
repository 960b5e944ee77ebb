# shellcheck shell=bash
# nc.sh: a connection whose peer is nc.
#
#	nc_begin    tests/links, called "links", accepts one at alpha, port 7000, and sends back what comes. nc at gamma, which is $client, sends
#	            what goes to the descriptor $feed, and has in $T/back what came back.
# shellcheck disable=SC2034 # both are for the tests that source this
client='' feed=''
# shellcheck disable=SC2034
nc_begin() {
	start alpha links "$BIN/tests/links" accept 7000 1
	await "$T/links.out" ready
	mkfifo "$T/in"
	on gamma nc -N alpha 7000 <"$T/in" >"$T/back" &
	client=$!
	exec {feed}>"$T/in"
	await "$T/links.out" all
}
