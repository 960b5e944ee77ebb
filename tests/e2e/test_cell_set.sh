#!/bin/bash
# shellcheck source=lib.sh source=cells.sh
# By value, fastened: a data set is the target's own where it has an equal one, under whatever path; else it is sent, or read where it
# is, because it is too much or because others write to it. alpha, beta, gamma, alpha.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cells.sh"
hosts_begin
on alpha sh -c 'seq 300000 >set; seq 290000 >used'
on beta sh -c 'mkdir elsewhere; seq 300000 >"elsewhere/another name"; seq 290000 >elsewhere/used'
t pmig_on alpha registry --host beta provide content "$USER_HOME/elsewhere"

# --- used by nobody else ---
run_sample value_fastened set "$USER_HOME/set"
hop set beta 'data set' rebind 'by value, fastened'
check "to beta's own" test "$(jq -r .there "$T/set.decision")" = "$USER_HOME/elsewhere/another name"
check "nothing came there" on beta test ! -e "$USER_HOME/set"
remain set 0
planned set gamma 'data set' reference 'by value, fastened' --max-transfer 1MB
hop set gamma 'data set' 'copy|reference' 'by value, fastened'
hop set alpha 'data set' rebind 'by value, fastened'
finish set

# --- others write to it ---
open_by_other "9<>$USER_HOME/used"
run_sample value_fastened used "$USER_HOME/used"
hop used gamma 'data set' reference 'by value, fastened, shared'
remain used 1
hop used beta 'data set' 'rebind|reference' 'by value, fastened.*'
hop used alpha 'data set' '.*' 'by value, fastened.*'
remain used 0
finish used
