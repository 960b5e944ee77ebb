#!/bin/bash
# shellcheck source=lib.sh
# Images at intervals on a disk that forgets what was not synced: the power goes at each step of keeping one, and with it all of what was
# under way, or a part of it. The program goes on from the newest image that is whole, which is never older than the last that had been kept,
# and a file that it writes is as it was then.
. "$(dirname "$0")/lib.sh"
hosts_begin DISKS=power HOSTS=alpha

# After a boot its disk is seen from here by another name.
look() {
	home=$(hosts path alpha)/home/mig
	images=$home/.local/state/pmig/state/checkpoints
}

on_alpha() { on alpha env PMIG_STATE=/home/mig/.local/state/pmig/state "$@"; }
numbers() { find "$images" -name '*.image' 2>/dev/null | sed -E 's/.*\.0*([0-9]+)\.image$/\1/' | sort -n; }
newest() { numbers | tail -n 1; }

# saved N: until image N is there.
saved() {
	while ! ls "$images"/*/ >"$T/ls" 2>&1; do on alpha true; done
	while n=$(newest) && [ "${n:-0}" -lt "$1" ]; do inotifywait -qq -r -t 1 -e moved_to "$images" || true; done
}

look
t on_alpha "$BIN/pmig" run -d --every 100ms --keep 2 --name grows -- "$BIN/tests/holds" growing /home/mig/grown
saved 2
trial=0
for point in first last written synced renamed 'done'; do
	: $((trial++))
	saved $(($(newest) + 2))
	t hosts exec alpha pkill -KILL -x pmig
	before=$(newest)
	on_alpha env PMIG_FAULT=save:$point=power:home PMIG_FAULT_RECORD=/home/mig/met "$BIN/pmig" attach grows </dev/null >"$T/attach" 2>&1 &
	await "$home/met" "^save:$point=power:home$"
	least=$before most=$before
	case $point in renamed) most=$((before + 1)) ;; done) most=$((before + 1)) least=$most ;; esac
	hosts power alpha $((trial % 3 > 0 ? trial : 0))
	wait $! || true
	t hosts boot alpha
	look
	on alpha rm -f met
	# Its number may be anybody's by now, also somebody's of whom nothing can be known.
	t on_alpha sqlite3 .local/state/pmig/state/registry.db "UPDATE processes SET pid = 1 WHERE name = 'grows'"
	on_alpha "$BIN/pmig" restart -d grows 2>"$T/stderr" || { cat "$T/stderr" && fail "restart after $point"; }
	says 'goes on from where it was at'
	from=$(grep -oE '[0-9]+\.image' "$T/stderr" | tail -n 1 | sed -E 's/^0*([0-9]+).*/\1/')
	check "it was image $from, of $least to $most" test "$from" -ge "$least" -a "$from" -le "$most"
	cp "$home/grown" "$T/grown"
	check "its file counts from one to $(tail -n 1 "$T/grown")" cmp "$T/grown" <(seq "$(wc -l <"$T/grown")")
done
t on_alpha "$BIN/pmig" kill -KILL grows
