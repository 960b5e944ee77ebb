#!/bin/bash
# A part of the matrix of faults that is bounded in time, on disks that forget: the power of the target goes at each step after which
# something must be durable, and what is written there comes out wrong; the supervisor goes when the program
# runs at the target and the source has not ended yet. `tests/matrix.sh --all` is the whole.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec bash "$here/../matrix.sh" there:activate:done=power:target across:activate:done=power:target there:go-on=kill-supervisor there:go-on:row=kill-supervisor \
	across:release:done=power:source there:ship:half=power:target there:ship:written=power there:ship:synced=power there:ship:renamed=power \
	there:ship:done=power:target there:restore:restored=power there:commit:claimed=power there:commit:journal=power \
	there:commit:done=power:target there:activate:journal=power there:ship:first=corrupt there:prepare:first=corrupt \
	there:ship:first=short there:ship:last=full across:commit:sent=power:source across:commit:journal=power \
	there:prepare:written=kill-agent:target there:release=kill-supervisor back:release:row=kill-supervisor across:release=kill-supervisor
