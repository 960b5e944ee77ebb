#!/bin/bash
# real.sh NAME...: real programs from Debian's source packages, each built by its own build system with CC=pmig-cc and no source
# changed: its own tests, a short run that is continued in a fresh process at every single safe point of it, a long one at 50 random
# ones, and one that moves alpha, beta, alpha meanwhile; all compared with what clang -O2 makes of the same sources. Recipes are in
# tests/real/.
#
#   real.sh --list                      the names
#   real.sh lua5.4 mawk                 all of it, without the bounds of the test suite; as root, since it makes hosts
#   real.sh --steps=build,random mawk   some of it: build, suite, every, random, moved; mini-httpd: build, foreign, every, random, served
#   real.sh --keep=DIR mawk             sources and builds stay in DIR/mawk, and are used if they are there
#   real.sh --bench mawk                processor time of its own work, --safepoints=auto against clang -O2, as JSON
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
steps=() names=() measure='' keep=''
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }
for argument; do
	case $argument in
	-h | --help) usage && exit ;;
	--list) find "$here/real" -maxdepth 1 -name '*.sh' -printf '%f\n' | sed 's/\.sh$//' | sort && exit ;;
	--steps=*) IFS=, read -ra steps <<<"${argument#*=}" ;;
	--keep=*) keep=${argument#*=} ;;
	--bench) measure=1 ;;
	-*) echo "real.sh: $argument: unknown option" >&2 && usage >&2 && exit 2 ;;
	*) names+=("$argument") ;;
	esac
done
[ ${#names[@]} -gt 0 ] || { usage >&2 && exit 2; }
REAL_EVERY=${REAL_EVERY:--1} REAL_LIMIT=${REAL_LIMIT:-1800}
[ -z "$keep" ] || { mkdir -p "$keep" && REAL_KEEP=$(cd "$keep" && pwd); }

# shellcheck source=e2e/lib.sh
. "$here/e2e/lib.sh"
# shellcheck source=e2e/real.sh
. "$here/e2e/real.sh"
for name in "${names[@]}"; do
	if [ -n "$measure" ]; then (trap - EXIT && real_bench "$name" 1.15 5); else (trap - EXIT && real "$name" "${steps[@]}"); fi
done
