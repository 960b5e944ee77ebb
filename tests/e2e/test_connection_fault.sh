#!/bin/bash
# shellcheck source=lib.sh source=talks.sh
# A hand-over of a program with connections goes wrong at one point after another: wherever the program goes on, its peers, which are not
# changed, notice nothing, and every byte is compared both ways.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/talks.sh"
hosts_begin

for fault in restore=fail commit:sent=cut:source activate:done=cut:target freeze:done=kill-supervisor release:done=cut:source; do
	begin "$fault"
	pmig_on alpha move ${WAY:+"$WAY"} links beta >"$T/move" 2>&1 || true
	[[ $fault != *kill-supervisor ]] || { ended_with links 137 && rm "$T/links.status" && again recover; }
	pmig_on alpha move ${WAY:+"$WAY"} links beta >"$T/move" 2>&1 || true
	at_last gamma
	stop "$fault"
done
