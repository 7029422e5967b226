#!/bin/sh
# install.sh - put the device side of rootfs/ (units, users, policies) below a DESTDIR.
# usage: install.sh DESTDIR     Programs go to DESTDIR/usr/libexec/hub, that is the Makefile's work.
set -eu
[ $# = 1 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)

# put FOLDER FILE...: data files, readable by all
put() {
	folder=$1
	shift
	install -d "$folder"
	install -m644 "$@" "$folder/"
}

put "$1/usr/lib/systemd/system" "$here"/units/*
put "$1/usr/lib/systemd/system/bluetooth.service.d" "$here"/bluetooth/bluetooth.service.d/*
put "$1/usr/lib/systemd/system-preset" "$here"/preset/*
put "$1/usr/lib/sysusers.d" "$here"/sysusers.d/*
put "$1/usr/lib/tmpfiles.d" "$here"/tmpfiles.d/*
put "$1/usr/lib/udev/rules.d" "$here"/udev/*
put "$1/usr/lib/hub/nftables" "$here"/nftables/*
put "$1/usr/lib/modules-load.d" "$here"/modules-load.d/*
put "$1/usr/lib/modprobe.d" "$here"/modprobe.d/*
install -d "$1/usr/libexec/hub"
install -m755 "$here/stick/hub-stick" "$1/usr/libexec/hub/"
put "$1/usr/lib/sysctl.d" "$here"/sysctl.d/*
put "$1/usr/lib/systemd/system.conf.d" "$here"/system.conf.d/*
put "$1/etc/dbus-1/system.d" "$here"/dbus/*
put "$1/etc/bluetooth" "$here"/bluetooth/main.conf

# The board's lamps and beeper (docs/LIGHTS.md): links, so that another board needs no other unit.
install -d "$1/etc/hub/board"
for colour in red green blue white amber; do
	ln -sfn "/sys/class/leds/$colour:indicator" "$1/etc/hub/board/$colour"
done
ln -sfn /sys/class/leds/ACT "$1/etc/hub/board/single"
ln -sfn /dev/input/by-path/platform-beeper-event "$1/etc/hub/board/beeper"
