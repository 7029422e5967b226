#!/bin/sh
# bluez.sh - bluetoothd of Debian 13's BlueZ with our patches; see README.md beside this file.
#
# Everything that decides what comes out is in this folder, and its hash is in the name of the result:
# a change here builds into a new folder, and an old one is never written to again. It stands beside
# rootfs/deps and not in it because a change there builds all the libraries anew.
set -eu

version=5.82
file=bluez_$version.orig.tar.gz
sha256=818e2bfa64d3d26b49cc857448f00f4fc7bb76949266de8d7f4c07f8057bf95c
release=https://www.kernel.org/pub/linux/bluetooth/bluez-$version.tar.gz

usage() {
	cat <<-'EOF'
	bluez.sh path [amd64|arm64]    print the folder that bluetoothd is (or will be) in
	bluez.sh build [amd64|arm64]   build it there, once; silent if that is done

	Without an architecture: this machine's.
	  HUB_CACHE   where results and downloads are kept, default ~/.cache/telehealth-hub
	  DEPS_CACHE  folder with the source archive, looked at when no mirror has it
	  DEPS_CC     compiler, default gcc or <triplet>-gcc; it is part of the result's name
	EOF
}

die() {
	echo "bluez: $*" >&2
	exit 1
}

say() {
	printf 'bluez: %4d s  %s\n' $(($(date +%s) - t0)) "$*" >&2
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}/bluez

# set_arch ARCH: sets arch, host (for configure), cc.
set_arch() {
	case $(uname -m) in
	x86_64) native=amd64 ;;
	aarch64) native=arm64 ;;
	*) die "no recipe for $(uname -m); only amd64 and arm64" ;;
	esac
	arch=${1:-$native}
	case $arch in
	amd64) triplet=x86_64-linux-gnu ;;
	arm64) triplet=aarch64-linux-gnu ;;
	*) die "unknown architecture '$arch'; amd64 or arm64" ;;
	esac
	host='' cc=${DEPS_CC:-gcc}
	[ "$arch" = "$native" ] || { host=--host=$triplet cc=${DEPS_CC:-$triplet-gcc}; }
	command -v "$cc" >/dev/null || die "no compiler $cc; apt install crossbuild-essential-$arch"
}

set_prefix() {
	key=$(
		cd "$here"
		{
			find . -type f ! -name '*.md' ! -name '.*' ! -name '*~' -print | LC_ALL=C sort | xargs sha256sum
			"$cc" --version
			"$cc" -dumpmachine
		} | sha256sum | cut -c1-16
	)
	prefix=$cache/$arch-$key
}

# --- the source -----------------------------------------------------------------------------------

# This machine's own Debian mirror: the first URI of apt's sources that ends in /debian.
debian_mirror() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
		grep -v '^#' | grep -oE 'https?://[^ ]*/debian/?( |$)' | sed 's!/* *$!!' | head -n 1
}

has_hash() {
	[ -f "$1" ] && echo "$sha256  $1" | sha256sum --check --status 2>/dev/null
}

# fetch: leaves the verified archive in the cache, or stops. A dead host costs 5 s.
fetch() {
	! has_hash "$cache/sources/$file" || return 0
	part=$cache/sources/$file.$$ looked=''
	for url in "$(debian_mirror)/pool/main/b/bluez/$file" "$release" "file://${DEPS_CACHE:-/DEPS_CACHE}/$file"; do
		looked="$looked, $url"
		if curl -fsSL --connect-timeout 5 --speed-limit 1024 --speed-time 10 -o "$part" "$url" 2>/dev/null &&
			has_hash "$part"; then
			mv "$part" "$cache/sources/$file"
			say "$file from ${url%/*}"
			return 0
		fi
		rm -f "$part"
	done
	die "$file not found at ${looked#, }; put a file with SHA-256 $sha256 into a folder and set DEPS_CACHE to it"
}

# --- the build ------------------------------------------------------------------------------------

# Only what the hub's bluetoothd runs. A2DP and VCP stay because media.c does not link without them;
# bluetooth.service.d/50-hub.conf keeps both from being loaded. No udev: only sixaxis asks it.
compile() {
	tar -xf "$cache/sources/$file" -C "$work" --strip-components=1
	cd "$work"
	for p in "$here"/patches/*.patch; do
		patch -p1 --fuzz=0 --forward --batch <"$p"
	done
	flags="-O2 -g -ffile-prefix-map=$work=bluez -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong"
	flags="$flags -fstack-clash-protection -ftrivial-auto-var-init=zero -fno-strict-overflow"
	flags="$flags -fno-delete-null-pointer-checks"
	[ "$arch" != arm64 ] || flags="$flags -mbranch-protection=standard"
	# shellcheck disable=SC2086 # $host is a word or nothing
	./configure $host CC="$cc" CFLAGS="$flags" LDFLAGS='-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack' \
		--prefix=/usr --sysconfdir=/etc --localstatedir=/var \
		--enable-pie --disable-shared --disable-dependency-tracking \
		--disable-asha --disable-avrcp --disable-bap --disable-bass --disable-ccp --disable-csip \
		--disable-hid --disable-hog --disable-mcp --disable-micp --disable-network \
		--disable-client --disable-cups --disable-datafiles --disable-manpages --disable-monitor \
		--disable-obex --disable-systemd --disable-tools --disable-udev
	make -j"$(nproc)"
}

build() {
	[ ! -f "$prefix/bluetoothd" ] || exit 0
	t0=$(date +%s)
	for tool in curl make patch pkg-config tar; do
		command -v $tool >/dev/null || die "no $tool; packages: rootfs/host/build, rootfs/host/bluez"
	done
	mkdir -p "$cache/sources"
	exec 9>"$prefix.lock"
	flock -n 9 || {
		echo "bluez: another build of $arch-$key is running; waiting for it" >&2
		flock 9
	}
	[ ! -f "$prefix/bluetoothd" ] || exit 0

	work=$prefix.work log=$prefix.log
	rm -rf "$work" "$prefix"
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	mkdir -p "$work"
	fetch
	say "building bluetoothd $version in $work"
	# a process of its own: 'set -e' does not reach into what stands before '||'
	BLUEZ_WORK=$work "$0" compile "$arch" >"$log" 2>&1 9>&- </dev/null || {
		tail -n 15 "$log" >&2
		die "the build failed; log: $log"
	}
	mkdir "$work/out"
	cp "$work/src/bluetoothd" "$work/out/"
	mv "$work/out" "$prefix"
	say "complete: $prefix"
}

command=${1:-}
case $command in
-h | --help | help)
	usage
	exit 0
	;;
path | build | compile)
	[ $# -le 2 ] || die "too many arguments; see --help"
	set_arch "${2:-}"
	set_prefix
	;;
*)
	usage >&2
	exit 64
	;;
esac
case $command in
path) echo "$prefix" ;;
build) build ;;
compile)
	work=${BLUEZ_WORK:?only for bluez.sh itself}
	compile
	;;
esac
