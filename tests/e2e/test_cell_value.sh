#!/bin/bash
# shellcheck source=lib.sh source=cells.sh
# By value: only the content counts. An input is copied, or read where it is if others write to it; shared memory refuses, unless a
# snapshot will do. alpha, beta, gamma, alpha.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cells.sh"
hosts_begin
on alpha sh -c 'seq 60000 >input; cp input written'

# --- unattached: a copy goes along, the original stays ---
run_sample value_unattached input "$USER_HOME/input"
hop input beta input copy 'by value, unattached'
check "alpha keeps its own" on alpha test -s input
remain input 0
on alpha sh -c 'echo changed >>input'
hop input gamma input copy 'by value, unattached'
hop input alpha input copy 'by value, unattached'
check "what alpha has under that name now is not touched" test "$(on alpha tail -n 1 input)" = changed
finish input

# --- the same, undeclared: the default of its kind, shown as such, and refused where everything has to be declared ---
start alpha nobody "$BIN/tests/holds" read "$USER_HOME/written"
await "$T/nobody.out" .
expect 3 pmig_on alpha move --strict nobody beta
says "$USER_HOME/written \\(by value, unattached\\): nobody declared it, and that is refused \\(--strict\\)"
planned nobody beta "$USER_HOME/written" copy 'by value, unattached'
check "undeclared, and where it was opened" \
	test "$(jq -r '.origin == "undeclared" and (.opened | test("holds.c:[0-9]+"))' "$T/nobody.decision")" = true
t pmig_on alpha kill -KILL nobody

# --- unattached, and others write to it: it is read where it is; a copy that may diverge needs consent ---
open_by_other "9<>$USER_HOME/written"
run_sample value_unattached shared "$USER_HOME/written"
run_sample value_unattached consents --divergence "$USER_HOME/written"
refuses shared beta 'input \(by value, unattached, shared\): .*would need 1.7 MB/s .*max-reference' --max-reference 100kB/s
planned consents beta input copy 'by value, unattached, shared' --max-reference 100kB/s
check "with a warning" test "$(jq -r '.warning | test("diverge")' "$T/consents.decision")" = true
for host in beta gamma; do
	hop shared $host input reference 'by value, unattached(, shared)?'
	remain shared 1
done
t pmig_on alpha move shared alpha
agreed shared
proves shared alpha
finish shared
hop consents beta input copy 'by value, unattached, shared' --max-reference 100kB/s
on alpha sh -c 'echo changed >>written'
proves consents beta
finish consents

# --- fixed: memory shared with others ---
run_sample value_fixed board /board
refuses board beta 'board \(by value, fixed.*\): .*its value lives in shared memory.*snapshot'
finish board
run_sample value_fixed snapshot --snapshot /board.2
open_by_other "9<>/dev/shm/board.2"
# others_write N: another process of alpha writes it, as the last number of the board.
others_write() { on alpha sh -c "printf '\\$1' | dd of=/dev/shm/board.2 bs=1 seek=8000 conv=notrunc status=none"; }
others_write 7
sees snapshot 'alpha: .* others wrote 7'
hop snapshot beta board copy 'by value, fixed, shared'
check "with a warning" test "$(jq -r .warning "$T/snapshot.decision")" != ""
others_write 5
hop snapshot gamma board copy 'by value, fixed'
sees snapshot 'gamma: .* others wrote 7'
hop snapshot alpha board copy 'by value, fixed'
finish snapshot
