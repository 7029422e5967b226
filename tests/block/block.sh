#!/bin/sh
# block.sh - power cuts below the file system: every write of the real hub-store to its disk is recorded in a guest
# kernel, and hub-store is asked what is left of it after cuts all over the recording.
set -eu

usage() {
	cat <<-'EOF'
	usage: make check-block, or: block.sh O [--states N] [--guests N] [--seed N] [--keep] [--verbose]

	  O           build folder; uses O/hub-store and O/tests/block, works in O/block
	  --states N  disk states to try, 600
	  --guests N  guests at once, one per core
	  --keep      the recordings stay in O/block

	The guest is user-mode Linux: no root, no KVM and no loop device is needed on this machine.
	Exit status: 0, or 1 if a state is bad, there are too few, or a control has lost nothing.
	EOF
}

case ${1:-} in '' | --help | -h) usage; exit 64 ;; esac
[ -x "$1/hub-store" ] || { echo "block.sh: no $1/hub-store: run 'make check-block'" >&2; exit 69; }
out=$(cd "$1" && pwd)
shift
states=600 guests=$(nproc) seed=1 verbose='' keep=''
while [ $# -gt 0 ]; do
	case $1 in
	--states) states=$2; shift ;;
	--guests) guests=$2; shift ;;
	--seed) seed=$2; shift ;;
	--keep) keep=1 ;;
	--verbose) verbose=,--verbose ;;
	*) usage >&2; exit 64 ;;
	esac
	shift
done
[ "$(uname -m)" = x86_64 ] || { echo "SKIP power cuts at block level: user-mode Linux is for amd64 here"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
tools=$out/tests/block
work=$out/block
export PATH="$PATH:/usr/sbin:/sbin"
rm -rf "$work"
mkdir -p "$work"
trap '[ -n "$keep" ] || rm -f "$work"/*.img' EXIT

# the guest's memory is a file in TMPDIR that must be executable
memory=$work
if [ -w /dev/shm ] && ! grep -q '^[^ ]* /dev/shm [^ ]* [^ ]*noexec' /proc/mounts; then
	free=$(df -k --output=avail /dev/shm | tail -1)
	[ "$free" -lt 1048576 ] || memory=/dev/shm
fi

# guest NAME WHAT [PARAMETER...]: what it prints goes to NAME.log; fails if WHAT fails
guest() {
	name=$1 what=$2
	shift 2
	TMPDIR=$memory timeout -k 5 $((300 + 2 * states)) linux.uml mem=320M root=/dev/root rootfstype=hostfs rootflags=/ ro \
		init="$here/guest.sh" con=null con0=null,fd:1 ssl=null quiet umid="block-$$-$name" uml_dir="$work/uml/" \
		HUB_BLOCK_DO="$what" HUB_BLOCK_TOOLS="$tools" "$@" </dev/null 2>&1 | tr -d '\r' >"$work/$name.log"
	grep -q "^guest: $what ended with 0$" "$work/$name.log" || {
		echo "block.sh: guest '$name' failed:" >&2
		tail -20 "$work/$name.log" >&2
		return 1
	}
}

# record NAME PROGRAM [PARAMETER...]
record() {
	run=$1 program=$2
	shift 2
	# blocks as on the device; small groups, so that a small disk has backup superblocks, the first in block 4096
	truncate -s 64M "$work/$run-base.img"
	truncate -s 2G "$work/$run-log.img"
	mkfs.ext4 -q -F -b 4096 -g 4096 -E lazy_itable_init=0,lazy_journal_init=0 "$work/$run-base.img" || return
	cp --sparse=always "$work/$run-base.img" "$work/$run-disk.img" || return
	guest "$run-record" record ubda="$work/$run-disk.img" ubdb="$work/$run-log.img" HUB_BLOCK_STORE="$program" "$@"
}

# replay NAME PART PROGRAM ARGUMENT,...
replay() {
	guest "$1-replay-$2" replay HUB_BLOCK_LOG="$work/$1-log.img" HUB_BLOCK_BASE="$work/$1-base.img" \
		HUB_BLOCK_STORE="$3" HUB_BLOCK_ARGS="$4"
}

# sum NAME WORD: over its guests
sum() {
	cat "$work/$1"-replay-*.log | awk -v word="$2" '
		/^replayed: / { for (i = 2; i < NF; i += 2) if ($i == word) n += $(i + 1) }
		END { print n + 0 }'
}

# in the background by number, so that each one's end is seen
wait_all() {
	bad=0
	for pid; do
		wait "$pid" || bad=1
	done
	return "$bad"
}

real() {
	record real "$out/hub-store" || return
	grep '^recorded:' "$work/real-record.log"
	pids=''
	for part in $(seq "$guests"); do
		replay real "$part" "$out/hub-store" \
			"--states,$(((states + guests - 1) / guests)),--part,$part/$guests,--seed,$seed$verbose" &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086 # a list of words on purpose
	wait_all $pids
}

# control SETTING: recorded with it, opened by the real one
control() {
	record "$1" "$tools/hub-store-control" HUB_BLOCK_SETTING="$1" || return
	replay "$1" 1 "$out/hub-store" "--states,60,--enough,3,--seed,$seed"
}

failed=0
real || exit 1
grep -h '^BAD' "$work"/real-replay-*.log && failed=1
echo "$(sum real states) states after power cuts: $(sum real bad) bad, $(sum real owing) with readings owed to the clinic;" \
	"ext4 mounted only after e2fsck: $(sum real mended), only with a backup superblock: $(sum real rebuilt);" \
	"incidents told to hubd: $(sum real incidents)"
# doubles count once: a few less than were asked for is all there were
[ "$(sum real states)" -ge "$((states * 9 / 10))" ] || { echo "block.sh: fewer than $((states * 9 / 10)) different states" >&2; failed=1; }
for setting in normal off; do
	control "$setting" || exit 1
	echo "control synchronous=$setting: $(sum "$setting" bad) bad in $(sum "$setting" states) states"
	[ "$(sum "$setting" bad)" -gt 0 ] || { echo "block.sh: it should have lost readings" >&2; failed=1; }
done
exit $failed
