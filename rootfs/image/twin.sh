#!/bin/sh
# twin.sh - the amd64 twin of the hub's image: Debian 13, same units, users and policies, for system tests.
#
# Three layers, stacked by the initrd: 'base' (Debian, no program of ours), 'bench' (virtual Bluetooth
# controllers and Python; never in a product), 'hub' (our programs, packed anew after each build of them).
# base and bench live in a cache keyed by the hash of the files they are made from.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telehealth-hub}
recipe="rootfs/image/twin.sh rootfs/image/packages.base rootfs/image/packages.bench
	rootfs/image/packages.tools rootfs/image/modules.list rootfs/image/initrd-init
	rootfs/image/debian_files.py
	rootfs/sysusers.d/hub.conf rootfs/preset/50-hub.preset tests/bench/guest/requirements.txt"

usage() {
	cat <<-U
	usage: twin.sh build                      make the image if needed, print its folder
	       twin.sh dir                        print that folder, make nothing
	       twin.sh overlay DESTDIR OUT [STRAY]  pack an installed tree and the bench's guest parts; what is
	                                          below STRAY nobody built: it is left out of the image's list
	       twin.sh data BUNDLE OUT [SIZE]     make a data disk from a bundle (store/ coap/ hubd/); SIZE 64M
	The folder holds vmlinuz, initrd, base.sqfs, bench.sqfs, base.json. It lies below
	  $cache/image
	HUB_CACHE moves the cache. build and data run as root (through sudo if need be).
	Packages the host needs: rootfs/host/image.
	U
}

say() { echo "twin: $*" >&2; }
die() { say "$*"; exit 1; }
list() { sed 's/#.*//' "$1" | tr -s ' \t\n' ',' | sed 's/^,//; s/,$//'; }

image_dir() {
	key=$(cd "$top" && for f in $recipe; do sha256sum "$f"; done | sha256sum | cut -c1-16)
	echo "$cache/image/$key"
}

# as_root ARGS: go on as root, with the cache this user sees
as_root() {
	[ "$(id -u)" = 0 ] && return
	command -v sudo >/dev/null || die 'must run as root: no sudo here'
	mkdir -p "$cache"
	exec sudo HUB_CACHE="$cache" "$0" "$@"
}

# mirror: where this machine's apt gets Debian from, without '/debian' at the end
mirror() {
	m=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null |
		grep -oE '[a-z+]+:/[^ ]*/debian/?( |$)' | head -1 | sed 's#/debian/* *$##')
	[ -n "$m" ] || die 'no Debian mirror in the configuration of apt'
	echo "$m"
}

# Never pin APT::Default-Release: it would lock trixie-security out.
write_sources() {
	m=$(mirror)
	for suite in 'debian trixie trixie-updates' 'debian-security trixie-security'; do
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
			"$m/${suite%% *}" "${suite#* }" /usr/share/keyrings/debian-archive-keyring.gpg
	done
}

# unpack WORK: base into WORK/root, what bench and tools need beyond it into WORK/bench, WORK/tools.
# 'extract' runs no maintainer script; the hook fetches the other layers with the same package lists.
unpack() {
	w=$1
	write_sources >"$w/sources"
	cat >"$w/hook" <<-'H'
	#!/bin/sh
	set -eu
	work=$(dirname "$0")
	debs=$1/var/cache/apt/archives
	export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
	find "$debs" -name '*.deb' | sort >"$work/base.debs"
	for layer in bench tools; do
		ls "$debs" >"$work/before"
		# shellcheck disable=SC2046
		apt-get install -qq -y --download-only $(cat "$work/$layer.list") >/dev/null
		mkdir -p "$work/$layer"
		for deb in $(ls "$debs" | grep '\.deb$' | grep -vxFf "$work/before"); do
			dpkg-deb -x "$debs/$deb" "$work/$layer"
		done
	done
	find "$debs" -name 'busybox-static_*.deb' >>"$work/base.debs"
	xargs "$work/debian_files.py" packages <"$work/base.debs" >"$work/packages.json"
	H
	chmod 755 "$w/hook"
	cp "$here/debian_files.py" "$w/"
	list "$here/packages.bench" | tr , ' ' >"$w/bench.list"
	list "$here/packages.tools" | tr , ' ' >"$w/tools.list"
	mmdebstrap --quiet --mode=root --variant=extract --architectures=amd64 \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --aptopt='Apt::Install-Recommends "false"' \
		--extract-hook="$w/hook" --include="$(list "$here/packages.base")" \
		trixie "$w/root" "$w/sources"
	rm -rf "$w"/bench/usr/share/doc "$w"/bench/usr/share/man "$w"/bench/usr/share/locale
}

# in_root ROOT COMMAND...: a command of the image's own; systemd's tools talk less without /proc
in_root() {
	root=$1
	shift
	SYSTEMD_LOG_LEVEL=err chroot "$root" "$@"
}

# finish ROOT: what the maintainer scripts would have done, as far as the twin needs it
finish() {
	r=$1
	cp "$r/usr/share/base-passwd/passwd.master" "$r/etc/passwd"
	cp "$r/usr/share/base-passwd/group.master" "$r/etc/group"
	install -D -m644 "$top/rootfs/sysusers.d/hub.conf" "$r/usr/lib/sysusers.d/hub.conf"
	in_root "$r" systemd-sysusers
	rm "$r/usr/lib/sysusers.d/hub.conf"
	mkdir -p "$r/etc/systemd/system-preset" "$r/etc/systemd/network" "$r/etc/systemd/journald.conf.d"
	cp "$top/rootfs/preset/50-hub.preset" "$r/etc/systemd/system-preset/"
	in_root "$r" systemctl -q preset-all
	in_root "$r" systemctl -q set-default multi-user.target
	# No console login. What only serves a root that is kept, other hardware or another network costs a
	# guest in software emulation a second each.
	in_root "$r" systemctl -q mask getty.target getty@.service serial-getty@.service \
		dev-hugepages.mount dev-mqueue.mount kmod-static-nodes.service ldconfig.service \
		proc-sys-fs-binfmt_misc.automount run-lock.mount sys-fs-fuse-connections.mount \
		sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
		systemd-hostnamed.service systemd-journal-flush.service systemd-logind.service \
		systemd-machine-id-commit.service systemd-network-generator.service \
		systemd-networkd-persistent-storage.service systemd-networkd-wait-online.service \
		systemd-pstore.service systemd-random-seed.service systemd-remount-fs.service \
		systemd-rfkill.service systemd-rfkill.socket systemd-tmpfiles-clean.timer \
		systemd-udev-load-credentials.service systemd-user-sessions.service tmp.mount
	[ -e "$r/usr/bin/sh" ] || ln -s dash "$r/usr/bin/sh"
	echo hub >"$r/etc/hostname"
	echo '127.0.0.1 localhost hub' >"$r/etc/hosts"
	echo 'nameserver 10.0.2.3' >"$r/etc/resolv.conf"
	: >"$r/etc/fstab"
	basename "$(image_dir)" | sed 's/.*/&&/' >"$r/etc/machine-id"
	printf '[Match]\nType=ether\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n[DHCPv4]\nUseHostname=no\n' \
		>"$r/etc/systemd/network/80-uplink.network"
	printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n' >"$r/etc/systemd/journald.conf.d/hub.conf"
	rm -rf "${r:?}/var/run" "${r:?}/var/lock"
	ln -s /run "$r/var/run"
	ln -s /run/lock "$r/var/lock"
}

# kernel WORK OUT: kernel out of the tree, the closure of the module list back in, the initrd
kernel() {
	w=$1 out=$2 r=$1/root
	cp "$r"/boot/vmlinuz-* "$out/vmlinuz"
	kv=$(ls "$r/usr/lib/modules")
	mods=usr/lib/modules/$kv
	depmod -b "$r" "$kv"
	early=$(sed -n 's/^early //p' "$here/modules.list")
	i=$w/initrd
	mkdir -p "$w/keep" "$i/bin" "$i/etc" "$i/m" "$i/proc" "$i/sys" "$i/dev" "$i/root" "$i/l/rw"
	# shellcheck disable=SC2046
	modpaths "$r" "$kv" $(sed 's/#.*//; s/^early //' "$here/modules.list") | while read -r f; do
		install -D -m644 "$r/$mods/$f" "$w/keep/$f"
	done
	cp "$r/$mods/modules.order" "$r/$mods/modules.builtin" "$r/$mods/modules.builtin.modinfo" "$w/keep/"
	# shellcheck disable=SC2086
	modpaths "$r" "$kv" $early >"$w/early"
	find "$w/keep" -name '*.xz' -exec xz -d {} +
	rm -rf "${r:?}/$mods" "${r:?}"/boot/*
	mv "$w/keep" "$r/$mods"
	depmod -b "$r" "$kv"
	sed 's/\.xz$//' "$w/early" | while read -r f; do
		cp "$r/$mods/$f" "$i/m/"
		echo "/m/${f##*/}"
	done >"$i/etc/modlist"
	cp "$w/tools/usr/bin/busybox" "$i/bin/"
	for a in sh mount umount mkdir cat chroot insmod sleep chmod reboot switch_root; do
		ln -s busybox "$i/bin/$a"
	done
	install -m755 "$here/initrd-init" "$i/init"
	(cd "$i" && find . | sort | cpio -o -H newc --quiet -R 0:0) | zstd -q -10 -o "$out/initrd"
}

# modpaths ROOT VERSION MODULE...: files of the modules and of all they need, in the order to load them
modpaths() {
	b=$1 v=$2
	shift 2
	for m; do
		modprobe -d "$b" -S "$v" --show-depends "$m" 2>/dev/null || say "no module $m"
	done | sed -n 's#^insmod .*/lib/modules/[^/]*/\([^ ]*\).*#\1#p' | awk '!seen[$0]++'
}

# slim ROOT: what a running twin never reads
slim() {
	(cd "$1" && rm -rf var/cache/apt var/lib/apt var/lib/dpkg etc/apt etc/dpkg etc/init.d etc/rc?.d \
		usr/lib/udev/hwdb.d usr/lib/firmware usr/share/perl5 usr/share/lintian \
		usr/share/bash-completion usr/share/zsh usr/share/bug usr/share/i18n \
		usr/lib/x86_64-linux-gnu/perl-base usr/lib/x86_64-linux-gnu/gconv
	find . -xdev -perm /6000 -type f -exec chmod u-s,g-s {} +)
}

# bench WORK: bumble beside Debian's Python, everything compiled ahead (importing is slow in emulation)
bench() {
	w=$1
	pip download -q --no-deps --require-hashes -d "$w/pip" \
		-r "$top/tests/bench/guest/requirements.txt" >&2
	site=$w/bench/usr/lib/python3/dist-packages
	mkdir -p "$site"
	python3 -m zipfile -e "$w"/pip/bumble-*.whl "$site"
	rm -rf "$site"/bumble/apps "$site"/bumble/vendor
	cp -al "$w/root" "$w/all"
	cp -al "$w/bench/." "$w/all/"
	chroot "$w/all" python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/lib/python3 \
		/usr/lib/python3.13 >&2 || say 'some Python files do not compile'
	(cd "$w/all" && find usr/lib/python3* -name '*.pyc' -print0 | cpio -0 -pdm --quiet "$w/bench")
	rm -rf "$w/all"
}

# pack TREE OUT [OPTION...]: no compression, for a guest in software emulation decompressing costs more than it saves
pack() {
	mksquashfs "$@" -noappend -noI -noD -noF -noX -no-progress -quiet >&2
}

build() {
	dest=$(image_dir)
	if [ ! -e "$dest/vmlinuz" ]; then
		as_root build
		mkdir -p "$cache/image"
		exec 9>"$cache/image/.lock"
		flock 9
	fi
	if [ ! -e "$dest/vmlinuz" ]; then
		w=$(mktemp -d "$cache/image/.work.XXXXXX")
		trap 'rm -rf "$w"' EXIT
		trap 'exit 1' INT TERM
		chmod 755 "$w"
		mkdir "$w/out"
		say '1/5 Debian packages'
		unpack "$w"
		say '2/5 users, presets, network'
		finish "$w/root"
		say '3/5 kernel and initrd'
		kernel "$w" "$w/out"
		say '4/5 bench layer'
		slim "$w/root"
		"$here/debian_files.py" base "$w/root" "$w/initrd" "$w/packages.json" "$w/out/vmlinuz" >"$w/out/base.json"
		bench "$w"
		say '5/5 packing'
		(cd "$w/root" && find usr/lib -name '*.so*' | sed 's#.*/##' | sort -u) >"$w/out/libs"
		pack "$w/root" "$w/out/base.sqfs"
		pack "$w/bench" "$w/out/bench.sqfs"
		rm -rf "$dest"
		mv "$w/out" "$dest"
		say "done: $(du -sh "$dest" | cut -f1) in $dest"
	fi
	echo "$dest"
}

# add_libs TREE: shared libraries that the programs in TREE need and the base lacks under that name
# come from this host (built on Debian 12, run on 13: sonames such as libcbor's differ)
add_libs() {
	libs=$(image_dir)/libs
	find "$1" -type f -perm /111 | while read -r f; do
		readelf -d "$f" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r so; do
			grep -qxF "$so" "$libs" && continue
			[ -e "$1/usr/lib/x86_64-linux-gnu/$so" ] && continue
			path=$(ldd "$f" | awk -v so="$so" '$1 == so { print $3 }')
			say "library from this host: $so"
			install -D -m644 "$path" "$1/usr/lib/x86_64-linux-gnu/$so"
		done
	done
}

overlay() {
	[ -d "$1" ] || die "no folder $1"
	out=$2
	(build) >/dev/null # in a shell of its own: names in sh are global
	t=$(mktemp -d)
	trap 'rm -rf "$t"' EXIT
	trap 'exit 1' INT TERM
	chmod 755 "$t"
	cp -a "$1/." "$t/"
	mkdir -p "$t/usr/lib/hub-bench" "$t/usr/lib/systemd/system" "$t/etc/systemd/system-preset"
	cp "$top"/tests/bench/guest/*.py "$top"/tests/devices/*.py "$t/usr/lib/hub-bench/"
	cp -r "$top/tests/bench/guest/units/." "$t/usr/lib/systemd/system/"
	cp "$top/rootfs/preset/50-hub.preset" "$t/etc/systemd/system-preset/"
	cp "$top/tests/bench/guest/10-bench.preset" "$t/etc/systemd/system-preset/"
	systemctl -q --root="$t" preset-all
	add_libs "$t"
	"$here/sbom.py" --base "$(image_dir)/base.json" --tree "$t" --out "$t/usr/lib/hub" \
		--deps "$("$top/rootfs/deps/deps.sh" path amd64)" ${3:+--stray "$3"} >&2
	rm -f "$out"
	pack "$t" "$out" -all-root
}

data() {
	[ -d "$1" ] || die "no folder $1"
	t=$(mktemp -d)
	trap 'rm -rf "$t"' EXIT
	trap 'exit 1' INT TERM
	chmod 755 "$t"
	cp -a "$1/." "$t/"
	for d in store:952 coap:953 hubd:954 bluetooth:0; do
		mkdir -p "$t/${d%:*}"
		chown -R "${d#*:}:${d#*:}" "$t/${d%:*}"
		chmod -R u=rwX,go= "$t/${d%:*}"
	done
	rm -f "$2"
	truncate -s "${3:-64M}" "$2"
	mkfs.ext4 -q -L hubdata -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 -d "$t" "$2"
	[ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID" "$2"
}

case "${1:-}" in
build) build ;;
dir) image_dir ;;
overlay) [ $# = 3 ] || [ $# = 4 ] || { usage >&2; exit 2; }; overlay "$2" "$3" "${4:-}" ;;
data) [ $# -ge 3 ] || { usage >&2; exit 2; }; as_root "$@"; data "$2" "$3" "${4:-64M}" ;;
-h | --help | help) usage ;;
*) usage >&2; exit 2 ;;
esac
