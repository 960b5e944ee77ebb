#!/bin/sh
# find.sh HOME NAME: where the program NAME can be found now, as the registry of its home says: HOST:PORT, with commas. For asker.c.
ssh "$1" "${PMIG:-pmig}" ps --json | jq -r --arg name "$2" '[.[] | select(.name == $name) | .addresses[]? |
	select(.address | startswith("tcp ")) | .at + (.address | sub(".*:"; ":"))] | join(",")'
