#!/bin/sh
# libcoap.sh path|build DEPS - libcoap for the fuzzer: compiled by clang with its coverage, ASan and UBSan.
#
# The same source, patches and options as rootfs/deps/deps.sh, whose cache has the archive; DEPS is what 'deps.sh path'
# says, and has wolfSSL. Built once; the folder's name has the hash of all that decides what comes out. In it:
# libcoap-fuzz.a
set -eu

here=$(cd "$(dirname "$0")" && pwd)
recipe=$(cd "$here/../../rootfs/deps" && pwd)
deps=${2:?usage: libcoap.sh path|build DEPS}
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}
cc=${FUZZ_CC:-clang}

key=$({
	cat "$here/libcoap.sh" "$recipe/pins" "$recipe/nopsk.h" "$recipe/libcoap.syms" "$recipe"/patches/libcoap-*.patch
	basename "$deps"
	"$cc" --version
} | sha256sum | cut -c1-16)
prefix=$cache/fuzz/libcoap-$key

build() {
	[ ! -f "$prefix/libcoap-fuzz.a" ] || exit 0
	archive=$cache/deps/sources/$(awk '$1 == "libcoap" { print $3 }' "$recipe/pins")
	[ -f "$archive" ] || {
		echo "libcoap.sh: $archive is gone; remove $deps and run 'make deps' to get it again" >&2
		exit 69
	}
	awk -v f="$archive" '$1 == "libcoap" { print $4 "  " f }' "$recipe/pins" | sha256sum --check --status
	work=$prefix.work
	trap 'rm -rf "$work"' EXIT INT TERM
	rm -rf "$work"
	mkdir -p "$work/source" "$work/pc"
	echo "libcoap.sh: building in $work" >&2
	tar -xf "$archive" -C "$work/source" --strip-components=1
	for p in "$recipe"/patches/libcoap-*.patch; do
		patch -d "$work/source" -p1 --fuzz=0 --forward --batch <"$p" >>"$work/log"
	done
	# what configure asks pkg-config for
	printf '%s\n' 'Name: wolfssl' 'Description: ours' 'Version: 5.9.2' "Libs: -L$deps/lib -lwolfssl -lm" \
		"Cflags: -I$deps/include" >"$work/pc/wolfssl.pc"
	cd "$work/source"
	{
		sh ./autogen.sh
		PKG_CONFIG_PATH=$work/pc ./configure --prefix="$work/usr" CC="$cc" \
			--with-wolfssl --with-epoll --enable-static --disable-shared --disable-documentation \
			--disable-doxygen --disable-manpages --disable-tests --disable-examples --disable-tcp \
			--disable-websockets --disable-proxy-code --disable-af-unix-support --disable-oscore \
			--disable-q-block --disable-thread-safe --enable-client-mode --enable-server-mode --enable-async \
			CPPFLAGS="-include $recipe/nopsk.h" \
			CFLAGS='-O1 -g -fPIC -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-sanitize=alignment,function'
		make -j"$(nproc)" install
	} >>"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
	mkdir -p "$work/out"
	objcopy --redefine-syms="$recipe/libcoap.syms" "$work/usr/lib/libcoap-3-wolfssl.a" "$work/out/libcoap-fuzz.a"
	rm -rf "$prefix"
	mv "$work/out" "$prefix"
}

case ${1:-} in
path) echo "$prefix" ;;
build) build ;;
*) echo 'usage: libcoap.sh path|build DEPS' >&2; exit 64 ;;
esac
