#!/bin/bash
# shellcheck source=lib.sh source=cells.sh
# By identifier: exactly this one. A log goes along, or stays if others use it; a database stays; an instrument on a line stays. By
# reference a change at the source is seen by the moved program, and the other way round. alpha, beta, gamma, alpha.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cells.sh"
hosts_begin

# --- unattached: it goes along, and is gone from where it was ---
log=$USER_HOME/log
run_sample identifier_unattached log "$log"
top=$(on alpha head -n 1 "$log")
from=alpha
refuses log beta 'image and program of log have [0-9]+ kB, the limit is 10 kB \(--max-transfer\)' --max-transfer 10kB
for host in beta gamma alpha; do
	hop log $host log move 'by identifier, unattached' --strict --max-transfer 10MB
	check "the log is on $host" test "$(on $host head -n 1 "$log")" = "$top"
	check "and not on $from" on $from test ! -e "$log"
	remain log 0
	from=$host
done
finish log

# --- unattached, shared: it stays with those who use it ---
log=$USER_HOME/shared.log
run_sample identifier_unattached shared "$log"
open_by_other "9<$log"
hop shared beta log reference 'by identifier, unattached, shared'
check "the log is on alpha" test "$(on alpha head -n 1 "$log" | cut -c 1-4)" = "log "
check "and not on beta" on beta test ! -e "$log"
remain shared 1
check "alpha sees what beta writes" on alpha grep -q 'round [0-9]* on beta' "$log"
on alpha sh -c "echo a note of somebody else >>$log"
sees shared '^[0-9]+ beta: .* 1 of others'
planned shared gamma log reference 'by identifier, unattached(, shared)?'
t pmig_on alpha move shared gamma
agreed shared
proves shared gamma
remain shared 1
on alpha sh -c "echo another note >>$log"
sees shared '^[0-9]+ gamma: .* 2 of others'
check "alpha sees what gamma writes" on alpha grep -q 'round [0-9]* on gamma' "$log"
t pmig_on alpha move shared alpha
agreed shared
proves shared alpha
remain shared 0
check "no file of it was ever elsewhere" test -z "$(on beta sh -c "ls $log 2>/dev/null"; on gamma sh -c "ls $log 2>/dev/null")"
finish shared

# --- fastened: a database stays, and SQL runs against the one original ---
database=$USER_HOME/app.db
sql() { on alpha sqlite3 -cmd '.timeout 5000' "$database" "$1"; }
run_sample identifier_fastened database "$database"
hop database beta database reference 'by identifier, fastened'
remain database 1
check "alpha sees the rows of beta" test "$(sql "SELECT count(*) FROM rounds WHERE host = 'beta'")" -gt 0
t sql "INSERT INTO rounds (host) VALUES ('somebody else')"
sees database '^[0-9]+ beta: .* 1 rows of others'
hop database gamma database reference 'by identifier, fastened(, shared)?'
t sql "INSERT INTO rounds (host) VALUES ('somebody else')"
sees database '^[0-9]+ gamma: .* 2 rows of others'
t pmig_on alpha move database alpha
agreed database
proves database alpha
open_by_other "9<$database"
hop database beta database reference 'by identifier, fastened, shared'
t sql "INSERT INTO rounds (host) VALUES ('somebody else')"
sees database '^[0-9]+ beta: .* 3 rows of others'
t pmig_on alpha move database alpha
proves database alpha
check "no database is elsewhere" test -z "$(on beta sh -c "ls $database* 2>/dev/null"; on gamma sh -c "ls $database* 2>/dev/null")"
finish database
check "it is sound" test "$(sql 'PRAGMA integrity_check')" = ok

# --- fixed: it cannot leave its machine ---
instrument alpha "$USER_HOME/line"
run_sample identifier_fixed meter "$USER_HOME/line"
refuses meter beta 'instrument \(by identifier, fixed(, shared)?\): the reference would need .*1 [kK]?B/s' --max-reference 500
for host in beta gamma; do
	hop meter $host instrument reference 'by identifier, fixed(, shared)?'
	remain meter 1
done
t pmig_on alpha move meter alpha
agreed meter
proves meter alpha
finish meter
