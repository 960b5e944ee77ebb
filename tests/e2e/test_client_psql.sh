#!/bin/bash
# shellcheck source=lib.sh source=clients.sh
# psql as it is, in five long sessions with a server that makes ten moves: COPY out and in without pause, a query again and again (\watch), a
# transaction that is open all the time, and a query with a large result in each move. What each session shows is what it would show without moves.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clients.sh"
clients_begin
command -v psql >"$T/none" || skip "no psql"
resets_begin 5440

start alpha postgres "$BIN/tests/postgres" 5440
await "$T/postgres.out" ready
psql_at() { on gamma psql -XqAt -v ON_ERROR_STOP=0 -F ' ' -h alpha -p 5440 -U mig "$@" postgres; }

psql_at -c 'COPY series TO STDOUT' | sink out 200 &
out=$!
feed_begin in
{ echo 'COPY kept FROM STDIN;' && feed in '\.\n' && echo 'SELECT count, sum FROM kept;'; } | psql_at >"$T/in.out" 2>"$T/in.err" &
in=$!
echo 'SELECT * FROM session \watch 0.02' | psql_at >"$T/watch.out" 2>"$T/watch.err" &
watch=$!
mkfifo "$T/script" "$T/large"
psql_at <"$T/script" >"$T/script.out" 2>"$T/script.err" &
script=$!
exec {say}>"$T/script"
psql_at <"$T/large" >"$T/large.out" 2>"$T/large.err" &
large=$!
exec {ask}>"$T/large"

echo 'BEGIN;' >&"$say"
echo "SELECT * FROM session;" >&"$say"
await "$T/script.out" '^2 alpha'
await "$T/watch.out" '^9 alpha'
await "$T/out.came" 'so far [1-9]'
moves=0
# One statement more of each session, and it is served from there.
goes_on() {
	moves=$((moves + 1))
	echo "INSERT INTO kept VALUES (1000000000000); SELECT * FROM nothing; SELECT * FROM session;" >&"$say"
	await "$T/script.out" "^$((2 + 3 * moves)) $1"
	echo "SELECT * FROM series(30000);" >&"$ask"
}
ten_moves postgres 5440 goes_on
feed_over in
feed_end in
t wait $in
echo 'COMMIT; SELECT * FROM session; SELECT enough();' >&"$say"
exec {say}>&- {ask}>&-
t wait $script
t wait $large
t wait $out
wait $watch || check "\\watch ended with its query" test $? -eq 3

lines=$(cut -d' ' -f1 "$T/in.fed")
check "COPY in: $lines lines, each once" test "$(cat "$T/in.out")" = "$((lines + 10)) $((lines * (lines + 1) / 2 + 10000000000000))"
await "$T/out.came" 'longest gap'
check "COPY out: $(tail -n 1 "$T/out.came")" grep -q 'lines, then the end' "$T/out.came"
gap out
check "large results: $(wc -l <"$T/large.out") rows" cmp <(for ((i = 0; i < 10; i++)); do seq 30000; done | awk '{ printf "%d %d\n", $1, $1 * $1 }') "$T/large.out"
check "\\watch: $(wc -l <"$T/watch.out") times, none missing or twice" awk '$1 != NR { exit 1 }' <(grep . "$T/watch.out")
for host in alpha beta gamma; do check "from $host: $(grep -c " $host" "$T/watch.out")" grep -q " $host" "$T/watch.out"; done
check "one statement that failed in each transaction's part, and the session went on" test "$(grep -c 'ERROR:  this is not understood' "$T/script.err")" = 10
check "the last word of the session" test "$(tail -n 1 "$T/script.out" | cut -d' ' -f1)" = $((4 + 3 * moves))
no_reset 5440
t pmig_on alpha kill postgres
