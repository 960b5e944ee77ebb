# shellcheck shell=bash disable=SC2034,SC2154 # what tests/e2e/real.sh needs
# mini_httpd: a server that waits in select() and forks for each request; libssl, libcrypto and libcrypt are foreign shared libraries.
# It has no output to compare and no end: it is asked for a file at its address on alpha, wherever it runs.
package=mini-httpd
program=mini_httpd
REAL_STEPS=(build foreign every random served)
foreign=(libssl libcrypto libcrypt)

real_build() { make CC="$CC" LDFLAGS="-O2 -DUSE_SSL" mini_httpd; }

# get HOST FILE: what the server of that host answers, without the headers.
get() {
	on "$1" bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080 && printf "GET /%s HTTP/1.0\r\n\r\n" "$1" >&3 && sed "1,/^\r*$/d" <&3' bash "$2"
}

# asked HOST TIMES
asked() {
	local i
	for ((i = 1; i <= $2; i++)); do
		get "$1" GPL-2 >got 2>got.err || fail "nobody answers on $1: $(cat got.err)"
		cmp -s got /usr/share/common-licenses/GPL-2 || fail "answer $i on $1 is not the file: $(head -c 300 got)"
	done
	check "$real answers on $1, $2 times" test "$(get "$1" no/such/file | grep -c 'not found')" -ge 1
}

# Until it listens there.
await_port() {
	local i
	for ((i = 0; i < 200; i++)); do ! on "$1" bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080' 2>/dev/null || return 0; done
	fail "$real does not listen on $1"
}

# The libraries that it is linked with, by the names that are written in it.
step_foreign() {
	local library
	readelf -d "$R/pmig/$program" >needed
	for library in "${foreign[@]}"; do check "$real needs the shared library $library" grep -q "NEEDED.*\[$library\.so" needed; done
	check "what the compiler does not know of them it names" grep -q 'mini_httpd.c:[0-9]*: warning: SSL_accept: nobody has looked' pmig.log
	check "it knows crypt()" sh -c '! grep crypt_r pmig.log'
}

step_hosts() { [ -n "${PMIG_HOSTS_UP:-}" ] || hosts_begin SHARE="$PMIG_SOURCE $PMIG_BUILD $R"; }

# continued FROM STEP, continued random MOST: by an ordinary user, since the program changes its own if it may.
continued() {
	step_hosts
	# shellcheck disable=SC2016 # for the shell there
	on alpha bash -c 'dir=$(mktemp -d) && bash "$1" "$2" "$dir" "$3" "$4" && rm -rf "$dir"' bash "$SOURCE/every.sh" "$R/pmig/$program" "$1" "$2" >said ||
		fail "$real, safe points $*: $(cat said)"
	echo "ok - $real: $(cat said), with a password too"
}

step_every() { continued 1 $((REAL_EVERY < 0 ? 1 : 29)); }
step_random() { continued random "$REAL_RANDOM"; }

step_served() {
	local host
	step_hosts
	t pmig_on alpha run -d --name "$real" -- "$R/pmig/$program" -D -p 8080 -h 0.0.0.0 -d /usr/share/common-licenses
	await_port alpha
	asked alpha 5
	for host in beta gamma beta home; do
		t pmig_on alpha move "$real" $host
		asked alpha 5
	done
	t pmig_on alpha kill "$real"
}
