#!/bin/bash
# shellcheck source=lib.sh
# An SQLite database that a program has open: moved with its log, copied, referred to with its locks, over three hosts and back;
# what is in the way (an open transaction, a statement, a log for a reference) is said.
. "$(dirname "$0")/lib.sh"
hosts_begin
H=/home/mig

# sql FILE SQL: as another process of alpha, which has SQLite's shell.
sql() { on alpha sqlite3 "$1" "$2"; }
gone() { for suffix in '' -journal -wal -shm; do check "no $2$suffix on $1" on "$1" test ! -e "$2$suffix"; done; }

# ledger NAME FILE HOW...: the program on alpha, told by say NAME WORD ANSWER.
declare -A TO
ledger() {
	local name=$1
	shift
	mkfifo "$T/$name.in"
	exec {input}<>"$T/$name.in"
	TO[$name]=$input
	INPUT=$T/$name.in start alpha "$name" "$BIN/tests/ledger" "$@"
	await "$T/$name.out" '^ready'
}
say() {
	local at
	at=$(wc -l <"$T/$1.out")
	echo "$2" >&"${TO[$1]}"
	await_from "$T/$1.out" $((at + 1)) "$3"
}
# await_from FILE LINE PATTERN: the line that is written there.
await_from() {
	local line
	line=$(timeout 20 tail -s 0.02 -n "+$2" -F "$1" 2>/dev/null | head -n 1) || true
	check "$3: $line" grep -qE "$3" <<<"$line"
}
hop() {
	t pmig_on alpha move "$1" "$2"
	agreed "$1"
}
quit() {
	echo quit >&"${TO[$1]}"
	ended_with "$1" 0
}

# --- moved: a consistent file, its log folded in; nothing stays behind ---
file=$H/moved.db
sql $file "PRAGMA journal_mode = WAL; PRAGMA user_version = 7; CREATE TABLE rows(n INTEGER PRIMARY KEY, host TEXT)" >"$T/mode"
ledger moved $file move
for _ in 1 2 3; do say moved add 'added . on alpha'; done
check "its rows are in the log" on alpha test -s $file-wal
hop moved beta
gone alpha $file
say moved add 'added 4 on beta'
say moved count '^count 4 alpha=3,beta=1 wal user-version 7 schema CREATE TABLE rows\(n INTEGER PRIMARY KEY, host TEXT\)$'
hop moved gamma
gone beta $file
say moved add 'added 5 on gamma'
hop moved alpha
gone gamma $file
say moved count '^count 5 alpha=3,beta=1,gamma=1 wal user-version 7'
quit moved
check "it is sound at home" test "$(sql $file 'PRAGMA integrity_check; SELECT count(*) FROM rows' | tr '\n' ' ')" = 'ok 5 '

# --- copied: the source keeps its own ---
file=$H/copied.db
ledger copied $file copy
say copied add 'added 1 on alpha'
hop copied beta
say copied add 'added 2 on beta'
check "alpha has what it had" test "$(sql $file 'SELECT count(*) FROM rows')" = 1
hop copied alpha
say copied count '^count 2 alpha=1,beta=1 delete'
quit copied
on beta cat $file >"$T/copy.db"
check "the copy at beta stays" test "$(sqlite3 "$T/copy.db" 'SELECT count(*) FROM rows')" = 2

# --- referred to: one original, SQL of both sides, locks of both sides ---
file=$H/app.db
ledger app $file rules
say app add 'added 1 on alpha'
hop app beta
check "no database is on beta" on beta test ! -e $file
say app add 'added 2 on beta'
check "alpha sees the row of beta" test "$(sql $file "SELECT host FROM rows WHERE n = 2")" = beta
sql $file "INSERT INTO rows VALUES (1000, 'shell')"
say app count '^count 3 alpha=1,beta=1,shell=1 delete'
say app begin 'begun on beta'
expect 5 sql $file "INSERT INTO rows VALUES (1001, 'shell')"
says 'database is locked'
check "readers at alpha see what was before" test "$(sql $file 'SELECT count(*) FROM rows')" = 3
say app commit 'committed on beta'
sql $file "INSERT INTO rows VALUES (1001, 'shell')"
say app count '^count 5 alpha=1,beta=2,shell=2'

# a shell of alpha holds the lock, until its input ends
mkfifo "$T/shell"
exec {shell}<>"$T/shell"
on alpha sqlite3 $file <"$T/shell" >"$T/shell.out" 2>&1 &
printf '%s\n' "BEGIN IMMEDIATE;" "INSERT INTO rows VALUES (1002, 'shell');" "SELECT 'locked';" >&"$shell"
await "$T/shell.out" '^locked'
say app add 'database is locked on beta'
printf '%s\n' "COMMIT;" "SELECT 'done';" ".quit" >&"$shell"
await "$T/shell.out" '^done'
say app add 'added 4 on beta'

hop app gamma
say app add 'added 5 on gamma'
say app count '^count 8 alpha=1,beta=3,gamma=1,shell=3 delete'
check "alpha sees the row of gamma" test "$(sql $file "SELECT host FROM rows WHERE n = 5")" = gamma
hop app alpha
say app add 'added 6 on alpha'
say app count '^count 9 alpha=2,beta=3,gamma=1,shell=3 delete'
for host in beta gamma; do gone $host $file; done

# --- in the way: said, and put off where it will end by itself ---
say app prepare 'prepared on alpha'
expect 3 pmig_on alpha move app beta
says 'a statement is prepared: SELECT n FROM rows WHERE host = \?; finalize it'
say app finalize 'finalized on alpha'
say app begin 'begun on alpha'
pmig_on alpha move app beta >"$T/late" 2>&1 &
late=$!
say app add 'added 8 on alpha'
say app commit 'committed on alpha'
check "the move waited for the end of the transaction" wait $late
say app count '^count 11 alpha=4,'
quit app
check "it is sound at home" test "$(sql $file 'PRAGMA integrity_check; SELECT count(*) FROM rows' | tr '\n' ' ')" = 'ok 11 '

# --- only read, and meant by its value: equal content that the target has takes its place, wherever it lies; else a copy ---
file=$H/data.db
sql $file "CREATE TABLE rows(n INTEGER PRIMARY KEY, host TEXT); INSERT INTO rows VALUES (1, 'data'), (2, 'data')"
on beta mkdir $H/sets
on alpha cat $file | on beta sh -c "cat >$H/sets/other.db"
t pmig_on alpha registry provide --host beta content $H/sets
ledger data $file read
pmig_on alpha plan --json data beta >"$T/plan"
check "the plan rebinds it" test "$(jq -r '.resources[] | select(.name == "ledger") | .strategy' "$T/plan")" = rebind
hop data beta
say data count '^count 2 data=2'
gone beta $file
hop data gamma
say data count '^count 2 data=2'
say data add 'readonly database on gamma'
quit data

# --- killed elsewhere in the middle of a transaction: whoever opens the database next finds it as before, and unlocked ---
file=$H/killed.db
ledger killed $file refer
say killed add 'added 1 on alpha'
hop killed beta
say killed begin 'begun on beta'
expect 5 sql $file "INSERT INTO rows VALUES (1000, 'shell')"
hosts exec beta kill -KILL "$(pids_on beta ledger)"
ended_with killed 137
t sql $file "PRAGMA busy_timeout = 5000; INSERT INTO rows VALUES (1000, 'shell')"
check "what was not committed is not there" test "$(sql $file 'PRAGMA integrity_check; SELECT group_concat(n) FROM rows' | tr '\n' ' ')" = 'ok 1,1000 '

# --- a log: no reference, unless it may be given up ---
file=$H/log.db
sql $file "PRAGMA journal_mode = WAL; CREATE TABLE rows(n INTEGER PRIMARY KEY, host TEXT)" >"$T/mode"
ledger log $file refer
say log add 'added 1 on alpha'
expect 3 pmig_on alpha move log beta
says 'it has a write-ahead log'
say log add 'added 2 on alpha'
quit log
ledger loss $file refer loss
hop loss beta
say loss count '^count 2 alpha=2 delete'
quit loss
