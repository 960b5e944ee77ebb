#!/bin/bash
# sshd-user.sh - stock sshd run by an ordinary user on a loopback port, with keys of its own in DIR; for tests where
# hosts.sh is not allowed.
#
#   sshd-user.sh up DIR     start it; prints "PORT PID". DIR then has: host (host key), user (client key), known_hosts,
#                           config (a client's ssh_config, in which this server is called as DIR's last part), log, and
#                           home, which is HOME in its sessions, so that several such servers have state of their own
#   sshd-user.sh down DIR   stop it
set -euo pipefail

die() {
	echo "sshd-user.sh: $*" >&2
	exit 1
}

server_config() {
	cat <<-END
		ListenAddress 127.0.0.1:$2
		HostKey $1/host
		PidFile $1/listening
		AuthorizedKeysFile $1/user.pub
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		AllowUsers $(id -un)
		MaxSessions 100
		MaxStartups 100
		Subsystem sftp internal-sftp
		SetEnv HOME=$1/home
	END
}

client_config() {
	cat <<-END
		Host $(basename "$1")
		HostName 127.0.0.1
		Port $2
		IdentityFile $1/user
		IdentitiesOnly yes
		UserKnownHostsFile $1/known_hosts
		BatchMode yes
	END
}

# Another process may take a port between the choice and sshd's bind: then the next one is tried.
up() {
	local d port pid=failed
	[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd # which a root's sshd insists on
	umask 077
	mkdir -p "$1/home"
	d=$(cd "$1" && pwd)
	[ -e "$d/host" ] || ssh-keygen -q -t ed25519 -N '' -C host -f "$d/host"
	[ -e "$d/user" ] || ssh-keygen -q -t ed25519 -N '' -C user -f "$d/user"
	for port in $(shuf -i 20000-32000 -n 20); do
		rm -f "$d/listening"
		mkfifo "$d/listening" # sshd writes its pid here once it listens
		server_config "$d" "$port" >"$d/sshd_config"
		exec 3<>"$d/listening" # held open, so that a failing sshd does not leave a reader waiting
		(/usr/sbin/sshd -D -f "$d/sshd_config" -E "$d/log" 3>&- || echo failed >&3) </dev/null >/dev/null 2>&1 &
		read -r pid <&3
		exec 3>&-
		[ "$pid" = failed ] || break
	done
	[ "$pid" != failed ] || die "sshd did not start: $(tail -n 1 "$d/log")"
	echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$d/host.pub")" >"$d/known_hosts"
	client_config "$d" "$port" >"$d/config"
	echo "$pid" >"$d/pid"
	echo "$port $pid"
}

case ${1:-} in
up) up "$2" ;;
down) kill "$(<"$2/pid")" && rm -f "$2/pid" ;;
*) sed -n '2,/^set/p' "$0" | sed '$d;s/^# \{0,1\}//' ;;
esac
