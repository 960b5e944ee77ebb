# Work for a shell without another process: work.sh ROUNDS.
# shellcheck shell=dash disable=SC3043
sieve() {
	local n=$1 i=2 j found=0
	while [ $i -le "$n" ]; do
		eval "[ -n \"\${c$i}\" ]" || {
			found=$((found + 1))
			j=$((i * i))
			while [ $j -le "$n" ]; do
				eval "c$j=1"
				j=$((j + i))
			done
		}
		i=$((i + 1))
	done
	i=2
	while [ $i -le "$n" ]; do unset "c$i"; i=$((i + 1)); done
	echo "primes $found"
}
hanoi() {
	[ "$1" -eq 0 ] && return
	hanoi $(($1 - 1)) "$2" "$4" "$3"
	moves=$((moves + 1))
	hanoi $(($1 - 1)) "$4" "$3" "$2"
}
strings() {
	local s=abcdefghijklmnopqrstuvwxyz r='' i=0
	while [ $i -lt 200 ]; do
		while [ -n "$s" ]; do
			case $s in
			[aeiou]*) r=$r$i ;;
			*) r=${s%"${s#?}"}$r ;;
			esac
			s=${s#?}
		done
		s=${r%"${r#??????????????????????????}"} r=
		i=$((i + 1))
	done
	echo "string $s"
}
round=0
while [ $round -lt "$1" ]; do
	round=$((round + 1))
	sieve 1500
	moves=0
	hanoi 9 a b c
	echo "moves $moves"
	strings
	for word in $(printf '%s ' b a d c); do
		case $word in [ac]) continue ;; esac
		printf '%s-' "$word"
	done
	echo "round $round"
done
