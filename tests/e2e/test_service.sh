#!/bin/bash
# shellcheck source=lib.sh
# A real PostgreSQL: one that listens on alpha's loopback alone is reached from beta and gamma through a forwarded port, one on the network is
# kept, any one of its type is rebound; each row is there exactly once.
. "$(dirname "$0")/lib.sh"
PG=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort | tail -n 1) || true
[ -n "$PG" ] || skip "no PostgreSQL server is installed"
hosts_begin "HIDE=/usr/lib/llvm-*" # the server needs libraries that pmig does not
H=/home/mig

# server HOST NAME PORT ADDRESSES: one with data of its own, of the ordinary user; initdb's work is done once.
server() {
	local host=$1 data=$H/$2 out=$T/$2.log
	if [ ! -e "$T/template.tar" ]; then
		on "$host" "$PG/initdb" -D $H/template -A trust -U mig --no-sync --no-instructions >"$T/initdb.log" 2>&1
		on "$host" sh -c "printf 'host all all 10.77.0.0/24 trust\n' >>$H/template/pg_hba.conf; tar -C $H -c template" >"$T/template.tar"
	fi
	on "$host" sh -c "mkdir $data.in && tar -C $data.in -x && mv $data.in/template $data" <"$T/template.tar"
	on "$host" env LC_ALL=C "$PG/postgres" -D "$data" -p "$3" -c listen_addresses="$4" -c unix_socket_directories="$data" \
		-c fsync=off -c max_connections=20 >"$out" 2>&1 </dev/null &
	await "$out" 'ready to accept connections'
}
# asked HOST NAME PORT SQL: of the server itself.
asked() { on "$1" env LC_ALL=C "$PG/psql" -h "$H/$2" -p "$3" -U mig -At -c "$4" postgres; }
once() {
	asked "$1" "$2" "$3" "SELECT count(*) = max(n) AND min(n) = 1 AND count(DISTINCT host) = $4 FROM rows" | tee "$T/once"
	check "the rows of $4 hosts are there, each once" grep -q '^t' "$T/once"
}
hop() {
	t pmig_on alpha move "$1" "$2"
	agreed "$1"
	await "$T/$1.out" "^[0-9]+ $2 "
}
enough() {
	asked "$2" "$3" "$4" "CREATE TABLE enough()" >"$T/enough.txt"
	ended_with "$1" 0
}

# --- on loopback: forwarded, under the same URL where its port is free ---
server alpha local 5433 127.0.0.1
url='postgresql://mig@127.0.0.1:5433/postgres?sslmode=disable&gssencmode=disable'
start alpha local "$BIN/tests/accounts" "$url"
await "$T/local.out" '^[0-9]+ alpha '
t pmig_on alpha checkpoint local -o $H/local.image
hop local beta
check "its URL is the same at beta" grep -qF " beta $url" "$T/local.out"
check "one thing stays behind" test "$(pmig_on alpha references --json local | jq length)" = 1
# gamma has something else at that port
on gamma python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 5433)); s.listen(); print("there", flush=True); s.accept()' \
	>"$T/there" 2>&1 </dev/null &
await "$T/there" '^there'
hop local gamma
check "its URL has another port at gamma" grep -qE " gamma postgresql://mig@127.0.0.1:[0-9]+/postgres\?sslmode=disable&gssencmode=disable" "$T/local.out"
check "which is not the one that is taken" test "$(grep -cF " gamma $url" "$T/local.out")" = 0
check "the hook was told" grep -q '^now at postgresql://mig@127.0.0.1:[0-9]*/' "$T/local.out"
hop local alpha
check "its URL at home is its own" grep -qF " alpha $url" <(tail -n 3 "$T/local.out")
check "nothing stays behind" test "$(pmig_on alpha references --json local | jq length)" = 0
enough local alpha local 5433
once alpha local 5433 3

# --- on the network: an absolute URL is kept as it is, after the target was asked ---
address=$(hosts exec alpha hostname -I | tr ' ' '\n' | grep '^10\.77\.' | head -n 1)
server alpha open 5434 "$address"
url="postgresql://mig@$address:5434/postgres?sslmode=disable&gssencmode=disable"
start alpha open "$BIN/tests/accounts" "$url" url
await "$T/open.out" '^[0-9]+ alpha '
pmig_on alpha plan --json open beta >"$T/plan"
check "the plan keeps it" test "$(jq -r '.resources[] | select(.name == "accounts") | "\(.strategy) \(.kept)"' "$T/plan")" = 'reference true'
hop open beta
hop open gamma
hop open alpha
check "its URL was the same everywhere" test "$(grep -cvF "$url" "$T/open.out")" = 0
check "nothing stayed behind" test "$(pmig_on alpha references --json open | jq length)" = 0
enough open alpha open 5434
once alpha open 5434 3

# --- by type: the one that the target has ---
server alpha mine 5435 127.0.0.1
server beta theirs 5436 127.0.0.1
t pmig_on alpha registry provide --host beta postgresql 127.0.0.1:5436
url='postgresql://mig@127.0.0.1:5435/postgres?sslmode=disable&gssencmode=disable'
start alpha typed "$BIN/tests/accounts" "$url" postgresql
await "$T/typed.out" '^[0-9]+ alpha '
hop typed beta
check "it uses beta's" grep -qF ' beta postgresql://mig@127.0.0.1:5436/postgres?sslmode=disable&gssencmode=disable' "$T/typed.out"
check "and nothing stays behind" test "$(pmig_on alpha references --json typed | jq length)" = 0
enough typed beta theirs 5436
check "each server has its own part" test "$(asked alpha mine 5435 'SELECT max(n) FROM rows')" -lt "$(asked beta theirs 5436 'SELECT min(n) FROM rows')"
