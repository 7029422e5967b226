#!/bin/sh
# guest.sh - process 1 of the guest: see block.sh, which starts it. Its root is the machine's own, read-only.
#
# From the kernel's command line: HUB_BLOCK_DO (record or replay), _TOOLS (folder of the programs), _STORE (hub-store),
# and for replay _LOG, _BASE and _ARGS (with commas for spaces). The last line says how it went.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /run
mkdir /run/disk /run/hub

driver() {
	# built into the kernel, or not there: what needs it says so
	for file in /usr/lib/uml/modules/"$(uname -r)"/kernel/drivers/"$1".ko*; do
		[ ! -e "$file" ] || insmod "$file"
	done
}

# between ext4 and the first disk; each write goes to the second one, too
record() {
	driver dax/dax
	driver md/dm-mod
	driver md/dm-log-writes
	echo "0 $(cat /sys/block/ubda/size) log-writes /dev/ubda /dev/ubdb" | dmsetup create recorded || return
	dmsetup mknodes
	# a commit of ext4's own each second: more kinds of order than in five
	mount -t ext4 -o noatime,commit=1 /dev/mapper/recorded /run/disk || return
	"$HUB_BLOCK_TOOLS/record" "$HUB_BLOCK_STORE" /run/disk recorded || {
		tail -n 10 /run/hub-store.log
		return 1
	}
	umount /run/disk && dmsetup remove recorded
}

replay() {
	driver block/loop
	# shellcheck disable=SC2046 # a list of words on purpose
	"$HUB_BLOCK_TOOLS/replay" "$HUB_BLOCK_LOG" "$HUB_BLOCK_BASE" "$HUB_BLOCK_STORE" $(echo "$HUB_BLOCK_ARGS" | tr , ' ')
}

"$HUB_BLOCK_DO"
echo "guest: $HUB_BLOCK_DO ended with $?"
sync
echo o >/proc/sysrq-trigger
sleep 10
