#!/bin/bash
# shellcheck source=lib.sh
# tests/model/replay.c: it allows what the journals of a program that moved there and back have, and none of what is planted in them.
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
export PMIG_STATE=$T/home
away=local:$T/away
"$BIN/pmig" run --name w -- "$BIN/tests/witness" "$T/record" "$T/enough" >"$T/out" &
runner=$!
await "$T/out" '^2$'
for where in "$away" home "$away"; do t "$BIN/pmig" move w "$where"; done
touch "$T/enough"
wait $runner

# replayed HOME AWAY: those databases.
replayed() { "$BIN/tests/replay" "$(uname -n)=$1" "$away=$2"; }
check "what happened: $(replayed "$T/home/registry.db" "$T/away/registry.db")" \
	grep -q '^3 hand-overs, [0-9]* rows, 0 ' <(replayed "$T/home/registry.db" "$T/away/registry.db")

# planted WORDS WHERE SQL: with that in the databases WHERE it is refused.
planted() {
	local status=0
	rm -rf "$T/planted"
	mkdir "$T/planted"
	for host in home away; do sqlite3 "$T/$host/registry.db" ".backup $T/planted/$host"; done
	for host in $2; do sqlite3 "$T/planted/$host" "PRAGMA foreign_keys = ON; $3"; done
	replayed "$T/planted/home" "$T/planted/away" >"$T/said" || status=$?
	check "$1: $(head -c 160 "$T/said")" test $status -eq 1
}
last="(SELECT id FROM handovers ORDER BY epoch DESC LIMIT 1)"
planted "it ran without a claim" away "DELETE FROM handover_steps WHERE handover = $last AND step = 'commit'"
planted "the source ended it before anybody had claimed it" home \
	"UPDATE handover_steps SET sequence = sequence + 100 WHERE handover = $last AND step IN ('freeze', 'commit')"
planted "claimed at the source's word that it was never given" home "DELETE FROM handover_steps WHERE handover = $last AND step = 'commit'"
planted "two copies: it came never back, and was frozen at home once more" "home away" \
	"DELETE FROM handovers WHERE epoch = (SELECT min(epoch) + 1 FROM handovers)"
