#!/bin/bash
# hosts.sh - three test hosts on one machine, each with its own network, processes, files and sshd. Needs root.
#
#   hosts.sh check                  exit 0 if this machine allows it, else 77 and the reason
#   hosts.sh up                     make the switch and every host, start their sshd
#   hosts.sh down                   remove everything again
#   hosts.sh sweep                  remove the sets whose OWNER is gone
#   hosts.sh status
#   hosts.sh exec  HOST CMD...      run CMD inside HOST as root
#   hosts.sh as    HOST CMD...      the same as the ordinary user "mig", in its home
#   hosts.sh ssh   FROM TO [CMD...] ssh from one host to another as that user
#   hosts.sh cut | mend HOST        unplug / plug the host's cable (carrier lost)
#   hosts.sh hole | unhole HOST     drop all its frames silently (carrier stays)
#   hosts.sh kill  HOST             SIGKILL all its processes (peers see FIN or RST)
#   hosts.sh power HOST [SEED]      hole, then kill: peers hear nothing (power failure). With DISKS=power its disk forgets what
#                                   was not synced, or, with a seed, keeps a part of it that the seed chooses
#   hosts.sh boot  HOST             start it again (its disk is kept until down)
#   hosts.sh rate  HOST 100mbit|off limit both directions of its link
#   hosts.sh delay HOST MS [LOSS%]|off   one-way delay in each direction
#   hosts.sh full  HOST [BYTES]|off leave only BYTES (default 0) free on its disk
#   hosts.sh path  HOST             its root directory as seen from here
#   hosts.sh disk  HOST [LINE]      what its disk counts, or a line of tests/powerdisk.c for it
#
# Environment of `up`: P (name of the set; several exist side by side), HOSTS, SHARE (directories, space-separated,
# shown read-only at their own path on the hosts of SEES, default alpha; hidden on the others), HIDE (globs hidden on
# the others), OWNER (a pid; see sweep), SSHD_EXTRA (lines for sshd_config), DISKS=power (every host has an ext4 of DISK_MIB
# on a disk that forgets, tests/powerdisk.c; otherwise a tmpfs, where nothing is ever lost). All other verbs need P only.
#
# A host is a network, pid, mount, uts and ipc name space. Its root is an overlay: this machine's / below, a tmpfs of
# its own on top, so writes never meet; /tmp, /home and /root start empty.
set -euo pipefail
P=${P:-pmig}
DIR=${PMIG_HOSTS_DIR:-/tmp}/pmig-hosts-$P
NET=10.77.0 # every set has a network of its own, so all can use the same addresses
USER_NAME=mig USER_UID=4242
HERE=$(cd "$(dirname "$0")" && pwd)
SW=$P-switch
SYSTEM_PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
HIDE_DEFAULT="/usr/lib/llvm-* /usr/lib/*/libLLVM* /usr/lib/*/libpng* /usr/lib/*/libunwind* /usr/lib/*/libffi*
	/usr/lib/*/libssh2* /usr/lib/*/libjansson* /usr/lib/*/libsqlite3* /usr/lib/*/libpmig*
	/usr/bin/pmig* /usr/local/bin/pmig*"
[ ! -e "$DIR/hosts" ] || HOSTS=$(<"$DIR/hosts")
HOSTS=${HOSTS:-alpha beta gamma}

die() {
	echo "hosts.sh: $*" >&2
	exit 1
}
skip() {
	echo "hosts.sh: skipped: $*" >&2
	exit 77
}
sw() { ip netns exec "$SW" "$@"; }

addr() {
	local i=10 h
	for h in $HOSTS; do
		i=$((i + 1))
		[ "$h" != "$1" ] || { echo "$NET.$i" && return; }
	done
	die "no host $1"
}

pid() { cat "$DIR/$1/pid" 2>/dev/null || die "$1 is not running"; }

# The bridge port of a host: the far end of its delay line, if it has one.
port() { if [ -e "$DIR/$1/delay.pid" ]; then echo "e-$1"; else echo "v-$1"; fi; }

port_state() {
	echo "$2" >"$DIR/$1/port"
	sw bridge link set dev "$(port "$1")" state "$2"
}

# The kernel reports a carrier up to a second late, and bridge ports follow it: cables and ports are waited for, so that
# what the next verb sets is not overwritten by the echo of this one.
wait_until() {
	local i
	for ((i = 0; i < 250; i++)); do
		! "$@" || return 0
		read -rt 0.02 _ <>"$DIR/never" || true
	done
	die "$*: not so after 5 s"
}
port_is() { sw bridge link show dev "$(port "$1")" | grep -qE "state ($2)"; }
cable_is() { ip -n "$P-$1" -br link show eth0 | grep -qE "$2"; }
plugged() { wait_until cable_is "$1" ' UP ' && wait_until port_is "$1" forwarding; }
unplugged() { wait_until cable_is "$1" NO-CARRIER; }

# A host that is back can be reached at once: what the others have concluded from its silence (ARP gives up for a second
# or three) is forgotten.
forget_silence() {
	local h
	for h in $HOSTS; do ip -n "$P-$h" neigh flush dev eth0 nud all 2>/dev/null || true; done
}

inside() {
	local pid
	pid=$(pid "$1")
	shift
	exec nsenter -t "$pid" -m -u -i -n -p -r -w -- \
		/usr/bin/env -i PATH=$SYSTEM_PATH TERM="${TERM:-dumb}" LANG=C.UTF-8 "$@"
}

as_user() {
	local h=$1
	shift
	inside "$h" setpriv --reuid $USER_UID --regid $USER_UID --init-groups \
		/usr/bin/env -C /home/$USER_NAME HOME=/home/$USER_NAME USER=$USER_NAME LOGNAME=$USER_NAME SHELL=/bin/bash "$@"
}

check() {
	[ "$(id -u)" -eq 0 ] || skip "root is needed for test hosts"
	local d tool
	for tool in /usr/sbin/sshd ip ssh-keygen unshare nsenter setpriv flock; do
		command -v "$tool" >/dev/null || skip "$tool is needed for test hosts"
	done
	d=$(mktemp -d)
	unshare -m -n -p -u -i --fork sh -ec 'mount --make-rprivate / && mount -t tmpfs tmpfs "$1" &&
		mkdir "$1/u" "$1/w" "$1/r" && mount -t overlay overlay -o "lowerdir=/,upperdir=$1/u,workdir=$1/w" "$1/r" &&
		mount -t proc proc "$1/r/proc" && ip link add name v0 type veth peer name v1 && ip link add name br0 type bridge' \
		sh "$d" 2>"$d.why" || {
		local why
		why=$(tail -n 1 "$d.why")
		rm -rf "$d" "$d.why"
		skip "name spaces, overlay mounts or virtual links are not allowed here (${why:-no reason given})"
	}
	rm -rf "$d" "$d.why"
	[ "${DISKS:-}" != power ] || disk_check
}

# --- disks that forget ---

disk_check() {
	local tool
	for tool in losetup mkfs.ext4 pkg-config fallocate; do command -v "$tool" >/dev/null || skip "$tool is needed for disks that forget"; done
	[ -e /dev/fuse ] && pkg-config --exists fuse3 || skip "disks that forget need /dev/fuse and libfuse3-dev"
	losetup --find >/dev/null 2>&1 || skip "disks that forget need loop devices"
	grep -qw ext4 /proc/filesystems || skip "disks that forget need ext4"
}

forgets() { [ -e "$DIR/$1/forgets" ]; }

disk_tell() {
	if [ $# -gt 1 ]; then echo "${*:2}" >"$DIR/$1/forgets/control"; else cat "$DIR/$1/forgets/control"; fi
}

# What an ext4 does of its own accord for programs that forget to sync, it does not do here.
disk_mount() {
	local d=$DIR/$1 device
	device=$(losetup --show --find "$d/forgets/disk")
	echo "$device" >"$d/device"
	mount -t ext4 -o noauto_da_alloc,data=writeback,commit=300 "$device" "$d/disk"
}

disk_unmount() {
	local d=$DIR/$1
	[ ! -s "$d/device" ] || { umount -l "$d/disk" && losetup -d "$(<"$d/device")" && rm "$d/device"; }
}

disk_make() {
	local d=$DIR/$1 out
	mkdir "$d/forgets"
	exec {out}< <(exec setsid "$DIR/powerdisk" "$d/image" "${DISK_MIB:-512}" "$d/forgets" 2>"$d/disk.log")
	echo $! >"$d/disk.pid"
	read -r _ <&"$out" || die "disk of $1: $(<"$d/disk.log")"
	exec {out}<&-
	mkfs.ext4 -q -m 0 -N 16384 -J size=8 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$d/forgets/disk"
	disk_mount "$1"
}

disk_on() {
	[ ! -s "$DIR/$1/device" ] || return 0
	disk_tell "$1" on
	disk_mount "$1"
}

disk_remove() {
	local d=$DIR/$1
	disk_unmount "$1"
	umount -l "$d/forgets" 2>/dev/null || true
	[ ! -s "$d/disk.pid" ] || kill "$(<"$d/disk.pid")" 2>/dev/null || true
}

# Makes `path` invisible in the overlay whose upper directory is `upper`: a whiteout, and its parents as they are below.
hide() {
	local upper=$1 path=$2 parent=/ part
	[ -e "$path" ] && [ ! -e "$upper$path" ] || return 0
	local IFS=/
	for part in $(dirname "$path"); do
		[ -n "$part" ] || continue
		parent=${parent%/}/$part
		[ ! -c "$upper$parent" ] || return 0
		[ -d "$upper$parent" ] || { mkdir "$upper$parent" && chmod --reference="$parent" "$upper$parent"; }
	done
	mknod "$upper$path" c 0 0
}

sees() { grep -qw -- "$1" "$DIR/sees"; }

hide_things() {
	local upper=$1 pattern path
	# Patterns are meant to be expanded.
	# shellcheck disable=SC2013
	for pattern in $(<"$DIR/hide") $(<"$DIR/share"); do
		path=$(realpath -ms "$pattern")
		hide "$upper" "$path"
	done
}

# Lets the ordinary user pass through `path` and its parents, on this host only.
reachable() {
	local path=$2
	while [ "$path" != / ]; do
		chmod a+x "$1$path"
		path=$(dirname "$path")
	done
}

mount_root() {
	local h=$1 d=$DIR/$1 r=$DIR/$1/root t
	mount --make-rprivate /
	sees "$h" || [ -e "$d/disk/installed" ] || hide_things "$d/disk/upper"
	mount -t overlay overlay -o "lowerdir=/,upperdir=$d/disk/upper,workdir=$d/disk/work" "$r"
	mount -t proc proc "$r/proc"
	mount -t sysfs -o ro sysfs "$r/sys" 2>/dev/null || true
	mount --rbind /dev "$r/dev"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$r/dev/pts"
	mount --bind "$r/dev/pts/ptmx" "$r/dev/ptmx"
	mount -t tmpfs -o mode=1777 tmpfs "$r/dev/shm"
	# An ordinary Debian host lets every user open /dev/fuse; this machine may not have it.
	if [ -e "$r/dev/fuse" ]; then
		[ -e "$d/disk/fuse" ] || mknod -m 666 "$d/disk/fuse" c 10 229
		mount --bind "$d/disk/fuse" "$r/dev/fuse"
	fi
	mount -t tmpfs -o mode=755 tmpfs "$r/run"
	mkdir -p "$r/run/sshd" "$r/run/lock"
	for t in tmp var/tmp home root; do
		mkdir -p "$d/disk/$t"
		mount --bind "$d/disk/$t" "$r/$t"
	done
	chmod 1777 "$r/tmp" "$r/var/tmp"
	chmod 700 "$r/root"
	if sees "$h"; then
		for t in $(<"$DIR/share"); do
			mkdir -p "$r$t"
			reachable "$r" "$(dirname "$t")"
			mount --bind "$t" "$r$t"
			mount -o remount,bind,ro "$r$t"
		done
	fi
}

install_host() {
	local h=$1 d=$DIR/$1 r=$DIR/$1/root x
	hostname "$h"
	echo "$h" >"$r/etc/hostname"
	{
		echo "127.0.0.1 localhost"
		for x in $HOSTS; do echo "$(addr "$x") $x"; done
	} >"$r/etc/hosts"
	[ ! -e "$d/disk/installed" ] || return 0
	chroot "$r" useradd -m -u $USER_UID -s /bin/bash $USER_NAME
	rm -f "$r"/etc/ssh/ssh_host_*
	cp -p "$d"/ssh_host_* "$r/etc/ssh/"
	for x in root home/$USER_NAME; do
		install -d -m 700 "$r/$x/.ssh"
		install -m 600 "$DIR/id_ed25519" "$r/$x/.ssh/id_ed25519"
		install -m 644 "$DIR/id_ed25519.pub" "$r/$x/.ssh/authorized_keys"
		install -m 644 "$DIR/known_hosts" "$r/$x/.ssh/known_hosts"
	done
	chown -R $USER_UID:$USER_UID "$r/home/$USER_NAME"
	printf '%s\n' 'PasswordAuthentication no' 'PermitRootLogin prohibit-password' 'MaxSessions 100' 'MaxStartups 100' \
		"$(<"$DIR/sshd_extra")" >"$r/etc/ssh/sshd_config.d/test.conf"
	touch "$d/disk/installed"
}

# What runs as process 1 of a host. Standard output tells boot(): the pid as seen from outside, then "ready".
init() {
	local h=$1 outside
	read -r outside _ </proc/self/stat # this is still the /proc of the machine
	mount_root "$h"
	install_host "$h"
	echo "$outside"
	cd "$DIR/$h/root"
	mkdir -p .old
	pivot_root . .old
	cd /
	umount -l /.old
	# sshd writes its pid file once it listens; a fifo in that place makes it an event. Bash as process 1 reaps orphans.
	exec env -i PATH=$SYSTEM_PATH LANG=C.UTF-8 HOME=/root /bin/bash -c '
		mkfifo /run/sshd.fifo && /usr/sbin/sshd -E /var/log/sshd.log -o PidFile=/run/sshd.fifo </dev/null &&
		read -r pid </run/sshd.fifo && echo "$pid" >/run/sshd.pid && echo ready || exit 1
		exec </dev/null >/dev/null 2>&1
		mkfifo /run/never && exec 3<>/run/never
		while :; do read -r _ <&3; done'
}

boot() {
	local h=$1 d=$DIR/$1 outside='' word='' out
	[ ! -s "$d/pid" ] || die "$h is running"
	! forgets "$h" || disk_on "$h"
	# The lock is held for as long as a process of the host lives: unshare waits for process 1.
	exec {out}< <(exec 9>"$d/lock" && flock 9 &&
		exec setsid ip netns exec "$P-$h" unshare -m -u -i -p --fork --kill-child "$HERE/hosts.sh" _init "$h" 2>"$d/console")
	if ! read -r outside <&"$out" || ! read -r word <&"$out" || [ "$word" != ready ]; then
		cat "$d/console" >&2
		die "$h did not come up"
	fi
	exec {out}<&-
	echo "$outside" >"$d/pid"
}

stop() {
	local d=$DIR/$1
	kill -9 "$(pid "$1")"
	rm -f "$d/pid"
	flock "$d/lock" true
}

make_keys() {
	local h k jobs=()
	for h in $HOSTS; do
		for k in ed25519 ecdsa; do
			ssh-keygen -q -t $k -N '' -C "$h" -f "$DIR/$h/ssh_host_${k}_key" &
			jobs+=($!)
		done
	done
	ssh-keygen -q -t ed25519 -N '' -C test -f "$DIR/id_ed25519"
	wait "${jobs[@]}"
	for h in $HOSTS; do
		for k in ed25519 ecdsa; do
			echo "$h,$(addr "$h") $(cut -d' ' -f1,2 "$DIR/$h/ssh_host_${k}_key.pub")"
		done
	done >"$DIR/known_hosts"
}

# Those of the directories that lie in no other one.
outermost() {
	local inner outer
	for inner; do
		for outer; do
			case $inner/ in "$outer"/?*) continue 2 ;; esac
		done
		echo "$inner"
	done
}

up() {
	local h jobs=()
	[ ! -e "$DIR" ] || die "the set $P is up already"
	check
	mkdir -p "$DIR"
	[ "${DISKS:-}" != power ] ||
		pkg-config --cflags --libs fuse3 | xargs cc -std=gnu17 -O2 -o "$DIR/powerdisk" "$HERE/powerdisk.c"
	echo "$HOSTS" >"$DIR/hosts"
	# shellcheck disable=SC2086 # a list
	outermost ${SHARE:-} >"$DIR/share"
	echo "${SEES:-alpha}" >"$DIR/sees"
	echo "${HIDE-$HIDE_DEFAULT}" >"$DIR/hide"
	echo "${SSHD_EXTRA:-}" >"$DIR/sshd_extra"
	[ -z "${OWNER:-}" ] || echo "$OWNER $(cut -d' ' -f22 "/proc/$OWNER/stat")" >"$DIR/owner"
	mkfifo "$DIR/never"
	ip netns add "$SW"
	sw ip link add br0 type bridge forward_delay 0 stp_state 0
	sw ip link set br0 up
	sw ip link set lo up
	for h in $HOSTS; do
		mkdir -p "$DIR/$h/root" "$DIR/$h/disk"
		if [ "${DISKS:-}" = power ]; then disk_make "$h"; else mount -t tmpfs -o mode=755 "$P-$h" "$DIR/$h/disk"; fi
		mkdir "$DIR/$h/disk/upper" "$DIR/$h/disk/work"
		ip netns add "$P-$h"
		ip link add "v-$h" netns "$SW" type veth peer name eth0 netns "$P-$h"
		sw ip link set "v-$h" master br0 up
		ip -n "$P-$h" link set lo up
		ip -n "$P-$h" addr add "$(addr "$h")/24" dev eth0
		ip -n "$P-$h" link set eth0 up
		echo 3 >"$DIR/$h/port"
	done
	make_keys
	for h in $HOSTS; do plugged "$h"; done
	for h in $HOSTS; do
		"$HERE/hosts.sh" _boot "$h" &
		jobs+=($!)
	done
	for h in "${jobs[@]}"; do wait "$h"; done
	for h in $HOSTS; do ! forgets "$h" || sync -f "$DIR/$h/disk"; done # how it was installed is not what is tested
}

down() {
	local h
	for h in $HOSTS; do
		[ ! -s "$DIR/$h/delay.pid" ] || kill "$(<"$DIR/$h/delay.pid")" 2>/dev/null || true
		[ ! -s "$DIR/$h/pid" ] || { kill -9 "$(<"$DIR/$h/pid")" 2>/dev/null && flock "$DIR/$h/lock" true; } || true
		ip netns del "$P-$h" 2>/dev/null || true
		if forgets "$h"; then disk_remove "$h" || true; else umount -l "$DIR/$h/disk" 2>/dev/null || true; fi
	done
	ip netns del "$SW" 2>/dev/null || true
	rm -rf --one-file-system "$DIR"
}

sweep() {
	local file pid start name
	for file in "${DIR%"$P"}"*/owner; do
		[ -e "$file" ] || continue
		read -r pid start <"$file"
		[ "$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null)" != "$start" ] || continue
		name=$(basename "$(dirname "$file")")
		P=${name#pmig-hosts-} "$HERE/hosts.sh" down
	done
}

# A delay line copies frames through packet sockets: no half-checksummed or over-long frame may reach it.
offload() {
	local h
	for h in $HOSTS; do
		ip netns exec "$P-$h" ethtool -K eth0 tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null 2>&1 || true
		sw ethtool -K "v-$h" tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null 2>&1 || true
	done
}

delayline() {
	[ -x "$DIR/delayline" ] || cc -std=gnu17 -O2 -o "$DIR/delayline" "$HERE/delayline.c"
}

delay_off() {
	[ -s "$DIR/$1/delay.pid" ] || return 0
	kill "$(<"$DIR/$1/delay.pid")" 2>/dev/null || true
	rm -f "$DIR/$1/delay.pid"
	sw ip link del "d-$1"
	sw ip link set "v-$1" master br0
	port_state "$1" "$(<"$DIR/$1/port")"
	compgen -G "$DIR/*/delay.pid" >/dev/null || offload on
}

delay_on() {
	local h=$1 end out
	delayline
	sw ip link add "d-$h" type veth peer name "e-$h"
	sw ip link set "v-$h" nomaster
	sw ip link set "e-$h" master br0 up
	sw ip link set "d-$h" up
	offload off
	for end in "d-$h" "e-$h"; do sw ethtool -K "$end" tx off tso off gso off gro off >/dev/null 2>&1 || true; done
	exec {out}< <(exec setsid ip netns exec "$SW" "$DIR/delayline" "v-$h" "d-$h" "$2" "${3:-0}" 2>"$DIR/$h/delay.log")
	echo $! >"$DIR/$h/delay.pid"
	read -r _ <&"$out" || die "delay line: $(<"$DIR/$h/delay.log")"
	exec {out}<&-
	port_state "$h" "$(<"$DIR/$h/port")"
}

rate() {
	sw tc qdisc del dev "v-$1" root 2>/dev/null || true
	ip netns exec "$P-$1" tc qdisc del dev eth0 root 2>/dev/null || true
	[ "$2" != off ] || return 0
	sw tc qdisc add dev "v-$1" root tbf rate "$2" burst 256kb latency 50ms
	ip netns exec "$P-$1" tc qdisc add dev eth0 root tbf rate "$2" burst 256kb latency 50ms
}

full() {
	local disk=$DIR/$1/disk used
	if forgets "$1"; then
		rm -f "$disk/filler"
		[ "${2:-0}" = off ] || fallocate -l $(($(stat -f -c '%a*%S' "$disk") - ${2:-0})) "$disk/filler"
	elif [ "${2:-0}" = off ]; then
		mount -o remount,size=50% "$disk"
	else
		used=$(($(stat -f -c '(%b-%f)*%S' "$disk")))
		mount -o remount,size=$((used + ${2:-0})) "$disk"
	fi
}

status() {
	local h
	for h in $HOSTS; do
		printf '%-8s %s pid %s %s\n' "$h" "$(addr "$h")" "$(cat "$DIR/$h/pid" 2>/dev/null || echo -)" \
			"$(sw bridge link show dev "$(port "$h")" | grep -o 'state [a-z]*' || true)"
	done
}

verb=${1:-help}
[ $# -eq 0 ] || shift
case $verb in
check) check ;;
up) trap '[ $? -eq 0 ] || down' EXIT && up ;;
down) down ;;
sweep) sweep ;;
status) status ;;
_init) init "$1" ;;
_boot) boot "$1" ;;
boot) boot "$1" && port_state "$1" 3 && forget_silence ;;
exec) inside "$@" ;;
as) as_user "$@" ;;
ssh) from=$1 && shift && as_user "$from" ssh -o BatchMode=yes "$@" ;;
cut) sw ip link set "v-$1" down && unplugged "$1" ;;
mend) sw ip link set "v-$1" up && plugged "$1" && forget_silence ;;
hole) port_state "$1" 0 ;;
unhole) port_state "$1" 3 && forget_silence ;;
kill) stop "$1" ;;
power)
	port_state "$1" 0
	! forgets "$1" || disk_tell "$1" off "${2:-}" # first: what a dying overlay still writes is too late
	stop "$1"
	! forgets "$1" || disk_unmount "$1"
	;;
rate) rate "$@" ;;
delay)
	delay_off "$1"
	[ "$2" = off ] || delay_on "$@"
	;;
full) full "$@" ;;
disk) disk_tell "$@" ;;
path) echo "/proc/$(pid "$1")/root" ;;
*) sed -n '2,/^set/p' "$0" | sed '$d;s/^# \{0,1\}//' ;;
esac
