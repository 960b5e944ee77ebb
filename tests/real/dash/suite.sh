# What a shell must do, seen by itself: suite.sh SHELL. It ends at the first thing that is wrong, which it names.
# shellcheck shell=dash disable=SC2016,SC2034,SC2317,SC3043,SC1091,SC2086,SC2116,SC2005,SC2194,SC2162,SC2046,SC1090,SC2154
shell=$1
tests=0
is() { # is WORDS GOT WANT
	tests=$((tests + 1))
	[ "$2" = "$3" ] || { echo "wrong: $1: '$2' instead of '$3'" && exit 1; }
}

# ended SCRIPT [OPTION]: what a shell of its own says, in one line, and its exit status.
ended() {
	said=$("$shell" "${2:--c}" "$1" 2>/dev/null) && status=0 || status=$?
	echo "$(echo "$said" | tr '\n' ' ')$status"
}

# Arithmetic and parameters.
is arithmetic "$((7 * (3 + 4) % 5 << 2 | 1))" 17
is ternary "$((5 > 3 ? 10 : 20))" 10
x=4
is assignment "$((x += 3)) $x" "7 7"
is default "${none:-word} ${none-other}" "word other"
is "assigning default" "${fresh:=value} $fresh" "value value"
is alternative "${x:+set}${none:+set}" set
path=/usr/local/share/file.tar.gz
is suffix "${path%.*} ${path%%.*}" "/usr/local/share/file.tar /usr/local/share/file"
is prefix "${path#*/} ${path##*/}" "usr/local/share/file.tar.gz file.tar.gz"
is length "${#path}" 28
set -- one "two three" four
is positional "$# $2 ${3#f}" "3 two three our"
IFS=:
set -- $(echo a:b:c)
is fields "$#$1$3" 3ac
unset IFS
is quotes "$(printf '%s|' "a  b" 'c $d' e\ f)" 'a  b|c $d|e f|'
is expr "$(echo "$(echo "$(echo deep)")")" deep

# Control and functions: break, continue and return leave through several levels.
out=
for i in 1 2 3; do
	for j in a b c; do
		[ $j = b ] && continue 2
		[ $i = 3 ] && break 2
		out=$out$i$j
	done
done
is loops "$out" 1a2a
fact() { if [ "$1" -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }
is recursion "$(fact 10)" 3628800
early() { while :; do case $1 in x) return 5 ;; esac done; }
early x
is return "$?" 5
scoped() { local x=inner; echo $x; }
is local "$(scoped) $x" "inner 7"
count=0
until [ $count -ge 100 ]; do count=$((count + 1)); done
is until "$count" 100
case abc in a?d) r=1 ;; [a-c]*c) r=2 ;; *) r=3 ;; esac
is case "$r" 2
i=0
while read -r a b; do i=$((i + a)); last=$b; done <<-END
	1 one
	2 two
	3 the rest of it
END
is "here document" "$i $last" "6 the rest of it"

# Errors: each is a longjmp; a subshell or a shell of its own dies of it, the one that started it goes on.
is "syntax error" "$(ended 'echo before
if then')" "before 2"
is "unset with -u" "$(ended 'echo a; echo $none; echo b' -uc)" "a 2"
is "failure with -e" "$(ended 'echo a; false; echo b' -ec)" "a 1"
is "no -e in a condition" "$(ended 'if false; then :; fi; false || echo b' -ec)" "b 0"
is "error of a special builtin" "$(ended 'echo a; shift 5; echo b')" "a 2"
is "error under command" "$(ended 'command shift 5; echo b')" "b 0"
is "not found" "$(no_such_command 2>/dev/null || echo $?)" 127
is "bad substitution" "$(ended 'eval "echo \${x!y}"; echo unreached')" " 2"
is "required parameter" "$( (: "${none:?gone}") 2>&1 | sed 's/.*: //')" gone
is "readonly" "$( (readonly q=1; q=2; echo unreached) 2>/dev/null || echo $?)" 2
is "eval status" "$(eval 'false'; echo $?)" 1
i=0
while [ $i -lt 50 ]; do
	(eval "exit $i") || [ $? -eq $i ] || is "exit of a subshell" $? $i
	i=$((i + 1))
done

# Traps and signals.
is "exit trap" "$(ended 'trap "echo bye" EXIT; exit 3')" "bye 3"
is "signal trap" "$("$shell" -c 'trap "echo caught" USR1; kill -USR1 $$; echo after')" "caught
after"
is "ignored signal" "$("$shell" -c 'trap "" TERM; kill $$; echo alive')" alive
is "killed by a signal" "$(ended 'kill -TERM $$')" " 143"
is "trap and wait" "$("$shell" -c 'trap "echo hup" HUP; (kill -HUP $$) & wait; echo end')" "hup
end"

# Pipes, redirections, children.
is pipeline "$(printf '%s\n' c a b | sort | tr -d '\n')" abc
is "status of a pipeline" "$(true | false; echo $?)" 1
is negation "$(! false; echo $?)" 0
file=${TMPDIR:-/tmp}/dash-suite.$$
trap 'rm -f $file' EXIT
echo one >"$file"
echo two >>"$file"
{ read -r first; read -r second; } <"$file"
is redirection "$first$second" onetwo
exec 3<"$file"
read -r first <&3
read -r second <&3
exec 3<&-
is descriptor "$first$second" onetwo
echo "greeting=hello" >"$file"
. "$file"
is sourced "$greeting" hello
true &
wait $!
is "background" "$?" 0
(exit 9) &
wait $!
is "status of a background job" "$?" 9
is "command substitution in a loop" "$(for i in 1 2 3; do echo $(($(echo $i) * 2)); done | tr '\n' ' ')" "2 4 6 "
is glob "$(cd / && echo /et[c])" /etc
is getopts "$(set -- -a -b val rest; while getopts ab: o; do printf '%s%s,' $o "$OPTARG"; done; shift $((OPTIND - 1)); echo $1)" "a,bval,rest"
is printf "$(printf '%05d|%-5s|%x|%c' 42 ab 255 xyz)" '00042|ab   |ff|x'
is alias "$("$shell" -c 'alias hi="echo hello"
hi there')" "hello there"
is umask "$(umask 027; umask)" 0027
is set "$(set -f; echo *)" '*'
echo "$tests things are right"
