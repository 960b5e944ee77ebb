# shellcheck shell=bash
# shellcheck source=lib.sh
# real.sh: real programs out of Debian's source packages, after lib.sh. What is known of each is its recipe, tests/real/NAME.sh:
#
#	package=mawk                        # what `apt-get source` gets
#	program=mawk                        # the executable, in the build directory
#	real_build() { ... }                # in the unpacked sources, its own build system with CC="$CC"
#	real_suite() { ... }                # there, its own tests of what was built; optional
#	real_data() { ... }                 # in $R, where the arguments below find their files; optional
#	short=(ARGUMENT...) long=(ARGUMENT...) bench=(ARGUMENT...)   # set by real_data at the latest; $R is absolute
#	random=(ARGUMENT...)                # instead of `long` for the random ones; optional
#	short_input=FILE long_input=FILE bench_input=FILE            # standard input; /dev/null if not given
#
# `short` is a run that is saved and continued at every single safe point, `long` one that is at random ones and is moved from host
# to host, `bench` what is measured. Each must print the same in every run. A server has none of them, but steps of its own, which
# REAL_STEPS names. $SOURCE is the recipe's own directory, tests/real/NAME.
#
#	real lua5.4 [STEP...]               # all of it, in a test; REAL_EVERY bounds the first kind of restores, -1: no bound
#
# The safe points are where --safepoints=auto puts them: no source is changed.
REAL_EVERY=${REAL_EVERY:-600} REAL_RANDOM=${REAL_RANDOM:-50} REAL_LIMIT=${REAL_LIMIT:-120} # seconds for one run
REAL_SAFEPOINTS=${REAL_SAFEPOINTS:-auto}
# For the recipes: generated files that only look old are not to be generated again; clang 19 is stricter than their authors.
# shellcheck disable=SC2034
REAL_MAKE=(AUTOCONF=: AUTOHEADER=: AUTOMAKE=: ACLOCAL=: MAKEINFO=:)

# shellcheck disable=SC2034 # for the recipes
# real_begin NAME: its recipe and its sources, in $R.
real_begin() {
	real=$1 package='' program='' short=() long=() random=() bench=()
	short_input=/dev/null long_input=/dev/null random_input=/dev/null bench_input=/dev/null
	SOURCE=$PMIG_SOURCE/tests/real/$real
	R=${REAL_KEEP:-$T}/$real
	REAL_STEPS=(build suite every random moved)
	real_suite() { echo "$real: its package has no tests that work here"; }
	real_data() { :; }
	[ -e "$SOURCE.sh" ] || fail "$SOURCE.sh: there is no recipe for $real"
	# shellcheck source=/dev/null
	. "$SOURCE.sh"
	mkdir -p "$R"
	chmod a+rx "$T" "$R"
	cd "$R"
	if [ ! -d source ]; then
		mkdir fetched
		(cd fetched && timeout 120 apt-get source -qq "$package" >../fetch.log 2>&1) || {
			rm -rf fetched
			skip "apt-get source $package: $(tail -n 1 fetch.log)"
		}
		mv fetched/*/ source
		rm -rf fetched
	fi
	real_data
}

# compiler KIND: clang (what all is compared with) or pmig.
compiler() {
	case $1 in
	clang) echo clang-19 ;;
	pmig) echo "$BIN/pmig-cc --safepoints=$REAL_SAFEPOINTS" ;;
	esac
}

# real_built KIND: in $R/KIND.
real_built() {
	local kind=$1 begin=$SECONDS
	[ ! -x "$R/$kind/$program" ] || return 0
	rm -rf "${R:?}/$kind"
	cp -a source "$kind"
	(cd "$kind" && CC=$(compiler "$kind") && export CC && set -e && real_build) >"$kind.log" 2>&1 ||
		{ tail -n 20 "$kind.log" >&2 && fail "$real does not build with $(compiler "$kind")"; }
	check "$real is built by $(compiler "$kind") in $((SECONDS - begin)) s" test -x "$kind/$program"
}

step_build() {
	local other
	(trap - EXIT && real_built clang) &
	other=$!
	real_built pmig
	wait $other || fail "there is nothing to compare $real with"
	check "its log has no word of pmig-cc" sh -c '! grep -E "^pmig-cc:|cannot be carried" pmig.log'
	[ ${#short[@]} -eq 0 ] || real_run clang short
	[ ${#long[@]} -eq 0 ] || real_run clang long
	[ ${#random[@]} -eq 0 ] || real_run clang random
}

# real_run KIND RUN: its output, errors and exit status in $R/RUN.KIND.{out,err,status}
real_run() {
	local kind=$1 run=$2 status=0
	local -n arguments=$run input=${run}_input
	timeout "$REAL_LIMIT" "$R/$kind/$program" "${arguments[@]}" <"$input" >"$run.$kind.out" 2>"$run.$kind.err" || status=$?
	sed -i "s|$R/$kind/||g" "$run.$kind.err" # its own name
	echo "exit status $status" >"$run.$kind.status"
}

# real_same RUN WORDS: the last run of it by pmig's program was as the one by clang's.
real_same() {
	local part
	for part in out err status; do
		cmp "$1.clang.$part" "$1.pmig.$part" >&2 || fail "$real $1, $2: $part differs: $(tail -n 3 "$1.pmig.$part" | head -c 1000)"
	done
	echo "ok - $real $1: $2: same output, errors and exit status"
}

step_suite() {
	(cd pmig && set -e && real_suite) >suite.log 2>&1 || { tail -n 20 suite.log >&2 && fail "$real: its own tests fail"; }
	echo "ok - $real: its own tests: $(tail -n 1 suite.log)"
}

# real_stacks: how many functions of the program were on the stacks, and how deep these were.
real_stacks() {
	awk '{ depth = NF - 2; if (!low || depth < low) low = depth; if (depth > high) high = depth
		for (i = 3; i <= NF; i++) { sub(/:.*/, "", $i); if (!($i in seen)) { seen[$i]; all++ } } }
		END { printf "%d functions on stacks of %d to %d\n", all, low, high }' stacks
}

# restored RUN EVERY: in $restored how often; the output is compared.
restored() {
	rm -f count stacks
	PMIG_EVERY=$2 PMIG_EVERY_IMAGE=$R/image PMIG_EVERY_COUNT=$R/count PMIG_EVERY_STACKS=$R/stacks real_run pmig "$1"
	restored=$(cat count 2>/dev/null || echo 0)
	real_same "$1" "restored $restored times (PMIG_EVERY=$2)"
}

step_every() {
	restored short "1:$REAL_EVERY"
	check "it was restored at every safe point, $restored times, with $(real_stacks)" test "$restored" -gt 0
}

# The interval that spreads them over the whole run is looked for.
step_random() {
	local interval=67108864 run=long
	[ ${#random[@]} -eq 0 ] || run=random
	for ((;;)); do
		restored $run "-$((interval + RANDOM % (interval / 8 + 1))):$REAL_RANDOM"
		[ "$restored" -lt "$REAL_RANDOM" ] && [ $interval -gt 1 ] || break
		interval=$((interval * (restored + 1) / (REAL_RANDOM + REAL_RANDOM / 5)))
		[ $interval -gt 0 ] || interval=1
	done
	check "$restored random safe points, with $(real_stacks)" test "$restored" -ge "$REAL_RANDOM"
}

# There and back in mid-run.
step_moved() {
	local host
	local -n input=long_input
	[ -n "${PMIG_HOSTS_UP:-}" ] || hosts_begin SHARE="$PMIG_SOURCE $PMIG_BUILD $R"
	t pmig_on alpha run -d --name "$real" "$R/pmig/$program" "${long[@]}" <"$input"
	for host in beta home; do
		t pmig_on alpha move "$real" $host
		[ $host = home ] && host=alpha
		check "$real runs on $host" host_runs $host "${program##*/}"
	done
	local status=0
	pmig_on alpha wait "$real" || status=$?
	echo "exit status $status" >long.pmig.status
	pmig_on alpha logs "$real" >long.pmig.out 2>long.pmig.err
	sed -i "s|$R/pmig/||g" long.pmig.err
	real_same long "moved to beta and back"
}

# real_bench NAME GOAL RUNS: the processor time of `bench`, as a line of tools/bench: the ratio to what clang -O2 makes of it.
real_bench() {
	real_begin "$1" >&2
	[ ${#bench[@]} -gt 0 ] || fail "$1: there is nothing to measure"
	real_built clang >&2
	real_built pmig >&2
	"$BIN/bench/pairs" "real-$1" "$2" "$3" "$R/pmig/$program" "${bench[@]}" -- "$R/clang/$program" "${bench[@]}"
}

# real NAME [STEP...]
real() {
	local step begin
	real_begin "$1"
	shift
	for step in "${@:-${REAL_STEPS[@]}}"; do
		begin=$SECONDS
		"step_$step"
		echo "# $real: $step took $((SECONDS - begin)) s"
	done
	cd "$T"
}
