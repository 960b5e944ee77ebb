# shellcheck shell=bash disable=SC2034 # what tests/e2e/real.sh needs
# dash: a shell, whose errors, `return`, `break` and traps are setjmp and longjmp, and which forks.
package=dash
program=src/dash

# Debian's patches add a source file, so the makefiles are made anew, as debian/rules does.
real_build() { autoreconf -fi && ./configure CC="$CC" CFLAGS=-O2 && make; }

# Its package tests only how it is installed; these are ours.
real_suite() { src/dash "$SOURCE/suite.sh" "$PWD/src/dash"; }

real_data() {
	short=(-c 'f() { for i in 1 2 3; do [ $i = 2 ] && return $i; done; }; f; echo $?; (exit 3); echo $?; set -- a "b c"; echo "$#${2%c}"; unset x; : ${x?gone}')
	long=("$SOURCE/work.sh" 40)
	random=("$SOURCE/work.sh" 15)
	bench=("$SOURCE/work.sh" 15)
}
