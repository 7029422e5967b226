#!/bin/sh
# scores.sh - how far each unit is closed, by `systemd-analyze security`: a table, or lines for tests/bench/table.py.
set -eu

usage() {
	cat <<-'U'
	usage: scores.sh [table | bench]
	Exit status: 1 if a unit is above its limit in rootfs/units.scores, or is not in there; 77 without systemd-analyze.
	U
}

form=${1:-table}
case $form in table | bench) ;; --help | -h) usage; exit 0 ;; *) usage >&2; exit 64 ;; esac
cd "$(dirname "$0")/.."
command -v systemd-analyze >/dev/null || { echo 'scores.sh: no systemd-analyze here' >&2; exit 77; }
# shellcheck disable=SC2046 # words on purpose
set -- $(systemd-analyze --version)
version=$2
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
trap 'exit 1' INT TERM

# readable FILE: a value that this version does not know yet counts as 'yes'; the image's knows both
readable() {
	if [ "$version" -ge 257 ]; then cat "$1"; else sed 's/^\(PrivateUsers\|PrivateTmp\)=\(identity\|disconnected\)$/\1=yes/' "$1"; fi
}

score() {
	systemd-analyze --offline=true security "$1" 2>"$here/why" |
		sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p'
}

for unit in rootfs/units/*.service; do
	name=${unit##*/}
	readable "$unit" >"$here/$(echo "$name" | sed 's/@\./@one./')" # a template only has a score with an instance
done
# the drop-in, as if it were all of the unit
readable rootfs/bluetooth/bluetooth.service.d/50-hub.conf >"$here/bluetooth.service"

bad=0
[ "$form" = bench ] || printf '%-18s %5s %6s %5s\n' unit score target limit
for file in "$here"/*.service; do
	unit=$(basename "$file" .service | sed "s/@one/@/")
	is=$(score "$file")
	wanted=$(sed -n "s/^$unit \([0-9.]* [0-9.]*.*\)/\1/p" rootfs/units.scores)
	if [ -z "$is" ] || [ -z "$wanted" ]; then
		echo "$unit: no score, or no line in rootfs/units.scores: $(cat "$here/why")"
		bad=1
		continue
	fi
	# shellcheck disable=SC2086 # words on purpose
	set -- $wanted
	target=$1 limit=$2
	shift 2
	short=ok
	if awk "BEGIN { exit !($is > $target) }"; then short=short; fi
	if [ "$form" = bench ]; then
		echo "bench unit-score-$unit $is of-10 target <=$target $short"
	else
		printf '%-18s %5s %6s %5s  %s\n' "$unit" "$is" "$target" "$limit" "$([ $short = ok ] || echo "$*")"
	fi
	if awk "BEGIN { exit !($is > $limit) }"; then
		echo "$unit: $is is above its limit $limit"
		bad=1
	fi
	[ $short = ok ] || [ -n "$*" ] || { echo "$unit: above its target, and no reason given"; bad=1; }
done
exit $bad
