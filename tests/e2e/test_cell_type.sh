#!/bin/bash
# shellcheck source=lib.sh source=cells.sh
# By type: any one of its kind. What the target offers is taken; where it offers none, a scratch file goes along, a service and
# an instrument are reached where they are. alpha, beta, gamma, alpha.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cells.sh"
hosts_begin

line=$USER_HOME/line
instrument alpha "$line"
instrument beta "$line.2"
instrument alpha 7007
instrument beta 8008

# --- unattached: a scratch file is the target's, where that offers such space; else it goes along ---
scratch=$USER_HOME/scratch
on beta mkdir space
t pmig_on alpha registry --host beta provide scratch "$USER_HOME/space"
run_sample type_unattached scratch "$scratch"
hop scratch beta scratch rebind 'by type, unattached'
remain scratch 0
hop scratch gamma scratch 'rebind|move' 'by type, unattached'
hop scratch alpha scratch 'rebind|move' 'by type, unattached'
finish scratch
run_sample type_unattached shared "$scratch.2"
open_by_other "9<$scratch.2"
hop shared beta scratch rebind 'by type, unattached, shared'
check "what others use is where it was" on alpha test -s "$scratch.2"
finish shared

# --- fastened: a service of the machine ---
t pmig_on alpha registry --host beta provide counter 127.0.0.1:8008
run_sample type_fastened service 127.0.0.1:7007
hop service gamma 'any counter' reference 'by type, fastened'
sees service "gamma: .* it is ${SERIAL[alpha.7007]}"
remain service 1
hop service beta 'any counter' rebind 'by type, fastened'
sees service "beta: .* it is ${SERIAL[beta.8008]} at 127.0.0.1:8008"
remain service 0
hop service gamma 'any counter' reference 'by type, fastened'
sees service "gamma: .* it is ${SERIAL[beta.8008]}"
remain service 1
finish service

# --- fixed: an instrument on a line, whichever ---
t pmig_on alpha registry --host beta provide instrument "$line.2"
run_sample type_fixed meter "$line"
# What was asked of one instrument no other one answers: while an answer is due the program is not frozen, although it waits in read(). Before it
# waits it may be caught once at its safe point.
silent=$(hosts exec alpha pgrep -f "^./instrument $line\$")
speak_again() { # who brought it to the host has stopped with it
	hosts exec alpha kill -CONT "$silent"
	kill -CONT "$(pgrep -P "${INSTRUMENT[alpha.$line]}")"
}
at_end speak_again
t hosts exec alpha kill -STOP "$silent"
while pmig_on alpha checkpoint --timeout 1 meter -o meter.image 2>"$T/stderr"; do :; done
says 'any instrument: its hook says: not now'
t speak_again
hop meter gamma 'any instrument' reference 'by type, fixed(, shared)?'
sees meter "gamma: .* it is ${SERIAL[alpha.$line]}"
remain meter 1
hop meter beta 'any instrument' rebind 'by type, fixed(, shared)?'
sees meter "beta: .* it is ${SERIAL[beta.$line.2]}"
remain meter 0
hop meter gamma 'any instrument' reference 'by type, fixed(, shared)?'
remain meter 1
t pmig_on alpha registry --host alpha provide instrument "$line"
hop meter alpha 'any instrument' rebind 'by type, fixed(, shared)?'
sees meter "alpha: .* it is ${SERIAL[alpha.$line]}"
remain meter 0
finish meter
