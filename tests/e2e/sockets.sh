# shellcheck shell=bash
# sockets.sh: two programs that do to their connections what they are told (tests/programs/sockets.c): `a` runs under pmig at alpha, `b`
# does not and stays there, each by a name of its own.
#
#	sockets_begin NAME       starts a.NAME and b.NAME
#	a 'read 0 10' 'read hello'    tells one to, and compares the line that it says

declare -A TOLD HEARD
speaker() { # NAME: its input and output become descriptors
	local in out
	mkfifo "$T/$1.in" "$T/$1.out"
	exec {in}<>"$T/$1.in" {out}<>"$T/$1.out"
	TOLD[$1]=$in HEARD[$1]=$out
}
sockets_begin() {
	speaker "a.$1"
	speaker "b.$1"
	INPUT=$T/a.$1.in start alpha "a.$1" "$BIN/tests/sockets"
	on alpha "$BIN/tests/sockets" <"$T/b.$1.in" >"$T/b.$1.out" &
	NAME=$1
	hear a ready
	hear b ready
}
# hear a|b PATTERN: its next line is that, as a whole.
hear() {
	local line
	read -r -t 20 line <&"${HEARD[$1.$NAME]}" || fail "$1 says nothing, and not '$2'"
	[[ "$line" =~ ^($2)$ ]] || fail "$1 says '$line', and not '$2'"
}
tell() { echo "$2" >&"${TOLD[$1.$NAME]}"; }
a() { tell a "$1" && hear a "$2"; }
b() { tell b "$1" && hear b "$2"; }
# eventually a|b COMMAND PATTERN: what comes by itself, a moment later
eventually() {
	local line i
	for ((i = 0; i < 500; i++)); do
		tell "$1" "$2"
		read -r -t 20 line <&"${HEARD[$1.$NAME]}" || fail "$1: nothing"
		[[ "$line" =~ ^($3)$ ]] && return
		read -r -t 0.02 <>"$T/none.fifo" || true
	done
	fail "$1: $2: '$line', and not '$3'"
}
to() { # HOST
	t pmig_on alpha move ${WAY:+"$WAY"} "a.$NAME" "$1"
}
