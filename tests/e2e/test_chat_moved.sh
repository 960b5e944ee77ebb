#!/bin/bash
# shellcheck source=lib.sh
# samples/chat over three moves, with poll and with epoll and threads: people at two other hosts, with clients that know nothing of it, talk all the time;
# each hears every line once and in order on the one connection that it made, no pause is as long as a second, and new people come to the old address.
. "$(dirname "$0")/lib.sh"
hosts_begin

for host in beta gamma; do on "$host" sh -c 'cat >chat.pl' <"$LIB_DIR/chat.pl"; done

# talk HOST NAME: six people there
declare -A TALKERS HOLDS
talk() {
	local hold
	mkfifo "$T/$2.end"
	on "$1" perl chat.pl 10.77.0.11 7777 6 <"$T/$2.end" >"$T/$2" 2>&1 &
	TALKERS[$2]=$!
	exec {hold}>"$T/$2.end"
	HOLDS[$2]=$hold
	await "$T/$2" '^talking'
}
# end_talk NAME
end_talk() {
	local hold
	local hold=${HOLDS[$1]} status=0
	echo >&"$hold"
	exec {hold}>&-
	wait "${TALKERS[$1]}" || status=$?
	check "$1: $(tail -n 1 "$T/$1")" grep -qE 'each once and in order; longest pause [0-9]{1,3} ms$' "$T/$1"
	check "$1 ended well" test $status -eq 0
}

for program in chat chat_threads; do
	start alpha "$program" "$BIN/samples/$program" 7777
	await "$T/$program.out" ready
	talk beta "$program.beta"
	talk gamma "$program.gamma"
	for host in beta gamma home; do
		t pmig_on alpha move "$program" "$host"
		await "$T/$program.gamma" "^this is ${host/home/alpha}"
		await "$T/$program.beta" "^this is ${host/home/alpha}"
		[ "$host" != gamma ] || talk beta "$program.late"
	done
	for name in late beta gamma; do end_talk "$program.$name"; done
	t pmig_on alpha kill "$program"
	ended_with "$program" 0
	check "$program: $(tail -n 1 "$T/$program.out")" grep -qE '^[0-9]+ lines of 18 who came' "$T/$program.out"
	check "nothing stays behind" test "$(pmig_on alpha references --json "$program" | jq length)" = 0
done
