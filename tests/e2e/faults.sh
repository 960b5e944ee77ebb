# shellcheck shell=bash
# faults.sh: what may become of a program at a fault point, for test_fault.sh and tests/matrix.sh. A fault is "POINT=ACTION[:SIDE]".

# For tools that go on for long, on several sets of hosts at a time with disks that forget:
#	sets_begin             what they need is there, else the test is skipped
#	outside P              a directory that every host of the set P sees as its own, and that no power failure touches
#	set_begin NUMBER       in a worker: the hosts of its own, which P names from now on
#	sets_run N WORDS       worker 0 to worker N-1, each in a shell of its own; WORDS: what is said if one is given up. Their hosts go at the end.
sets_begin() {
	local status=0
	DISKS=power hosts check 2>"$T/why" || status=$?
	if [ $status -eq 77 ]; then skip "$(sed 's/.*skipped: //' "$T/why")"; fi
	[ -w /dev ] || skip "a place that all hosts share is needed"
	mkfifo "$T/never"
	hosts sweep
}
outside() { echo "/dev/pmig-$1"; }
set_begin() {
	export P=$TEST_NAME-$$-$1
	mkdir "$T/$P"
	env DISKS=power OWNER=$$ SHARE="$PMIG_SOURCE $PMIG_BUILD" "$PMIG_SOURCE/tests/hosts.sh" up
	mkdir -m 777 "$(outside "$P")"
}
set_end() {
	P=$1 hosts down
	rm -rf "$(outside "$1")"
}
sets_run() {
	local job workers=()
	for ((job = 0; job < $1; job++)); do
		(trap - EXIT && worker "$job") &
		workers+=($!)
	done
	at_end "kill ${workers[*]} 2>/dev/null" # before their hosts go
	for ((job = 0; job < $1; job++)); do at_end "set_end $TEST_NAME-$$-$job"; done
	for job in "${workers[@]}"; do wait "$job" || fail "$2"; done
}

# copied_registry HOST: a copy of its registry in $T/$P/registry.HOST, if it has one, in which `pmig registry verify` has found nothing; else what it found.
copied_registry() {
	local root copy=$T/$P/registry.$1
	root=$(hosts path "$1")/home/mig/.local/state/pmig
	rm -rf "$copy"
	[ -e "$root/registry.db" ] || return 0
	mkdir "$copy"
	cp "$root"/registry.db* "$copy/"
	PMIG_STATE=$copy "$BIN/pmig" registry verify >"$T/$P/verify" 2>&1 || {
		echo "the registry of $1: $(grep -v ok "$T/$P/verify" | head -n 3)"
		return 1
	}
}

# Points that are reached only because something has failed before.
before() {
	case $1 in
	bar=* | bar:row=* | go-on:row=*) echo "commit:promised=fail," ;;
	go-on=*) echo "ship:done=fail," ;;
	esac
}

dies() {
	case $1 in
	output:*=kill-program:* | output:*=kill-agent:*) return 0 ;; # long before the move
	plan=* | prepare=* | prepare:done=* | freeze=* | freeze:*=* | ship=* | ship:half=*) ;;
	*) return 1 ;;
	esac
	case $1 in *=kill-program:source | *=kill-agent:source) return 0 ;; esac
	return 1
}

dies_later() {
	case $1 in
	activate:sent=kill-*:target | activate:done=kill-*:target | release:done=kill-*:target | settle=kill-*:target | go-on=kill-*:source) return 0 ;;
	esac
	return 1
}

# Killed when it may be running already or not: the order to run and the signal are on their way together.
may_die() {
	case $1 in commit:sent=kill-program:target | commit:done=kill-*:target | go-on:row=kill-program:source) return 0 ;; esac
	return 1
}

# check_record FILE REPEATS: whether a new epoch may begin where the last one had begun.
check_record() {
	awk -v repeats="$2" '
		function bad(words) { if (status++ < 3) print "line " NR " (" $0 "): " words }
		ended && repeats && $1 > epoch { ended = 0 } # its end was told nobody before the power went
		ended { bad("after the end") }
		$1 < epoch { bad("epoch " epoch " ran already") }
		$1 == epoch && $3 != pid { bad("process " pid " is the one of this epoch") }
		$1 > epoch && NR > 1 && repeats && $2 == began { step = began }
		$1 > epoch { began = $2 }
		$2 == "end" { ended = 1; next }
		$2 != step { bad("step " step " is next") }
		{ epoch = $1; pid = $3; step = $2 + 1 }
		END { exit status > 0 }' "$1"
}

# check_output RECORD OUT EXACT: each step once and in order, or, if not EXACT, at least once. What an epoch did behind the last step of the one that
# went on from its image, nobody was told.
check_output() {
	local sorted=(cat) last
	[ "$3" = exact ] || sorted=(sort -nu)
	last=$(awk '$2 != "end" { last = $2 } END { print last + 0 }' "$1")
	cmp <(awk -v last="$last" '$2 != "end" && $2 <= last { print $2 }' "$1" | sort -nu) <("${sorted[@]}" "$2" | awk -v last="$last" '$1 <= last')
}

# What became of the program, in one word; or what is wrong, with status 1.
judge() {
	local d=$1 fault=$2 status=$3 moved=$4 recovered=$5 repeats=0 exact=exact last
	last=${fault#*=}
	grep -sqxF "${fault%%=*}=${last%%:*}" "$d/faults" || { echo "the point was not reached"; return 1; }
	if dies_later "$fault" && [ "$recovered" = 0 ]; then repeats=1; fi
	check_record "$d/record" $repeats || return 1
	[ $repeats -eq 0 ] || exact=
	case $fault in *=kill-supervisor) exact= ;; esac
	last=$(tail -n 1 "$d/record")
	case $moved-${last%% *}-$fault-$status in
		0-1-*=kill-*:target-137) ;; # it was killed there before its first step
		0-1-* | [345]-[^1]*) echo "move ended with $moved, and the last epoch was ${last%% *}"; return 1 ;;
	esac
	if [[ $last != *" end "* ]]; then
		dies "$fault" || dies_later "$fault" || may_die "$fault" || { echo "it did not come to its end"; return 1; }
		[ "$status" -eq 137 ] || { echo "it was killed, and run ended with $status"; return 1; }
		[ "$recovered" != 0 ] || { echo "it was killed, and recover ended with 0"; return 1; }
		echo killed
		return
	fi
	[ "$status" -eq 0 ] || [ "$recovered" = 0 ] || { echo "it ended well, and run with $status, recover with $recovered"; return 1; }
	check_output "$d/record" "$d/out" "$exact" || return 1
	if [ $repeats = 1 ]; then echo again; return; fi
	case ${last%% *}-$recovered in 1--) echo stayed ;; *--) echo moved ;; 1-*) echo stayed,r ;; *) echo moved,r ;; esac
}
