#!/bin/sh
# build.sh - libcoap as a peer, on other people's DTLS: Mbed TLS (with Connection ID), OpenSSL, GnuTLS. Its own programs,
# and server.c on it. The sources are libcoap's as released: none of the hub's patches and mends.
#
# The result lies beside the tree, once; the folder's name has the hash of this script, of the pins and the compiler.
set -eu

usage() {
	cat <<-'EOF'
	build.sh path       print the folder that they are (or will be) in
	build.sh servers    print the folder of server.c's programs
	build.sh build      put all there, once, some two minutes; silent if that is done

	Result: mbedtls/, openssl/, gnutls/, each with coap-client and coap-server; programs of these names on server.c.
	  HUB_CACHE   where results are kept, default ~/.cache/telehealth-hub
	  DEPS_CACHE  folder with the source archive of 'pins', looked at when no mirror has it
	EOF
}

die() {
	echo "libcoap: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../../..
root=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}
cache=$root/interop

# pin LIST NAME: sets version, file, hash
pin() {
	while read -r name version file hash; do
		[ "$name" != "$2" ] || return 0
	done <"$1"
	die "no $2 in $1"
}

set_prefix() {
	key=$(
		cd "$here"
		{
			cat build.sh pins
			grep '^libcoap' "$top/rootfs/deps/pins"
			gcc --version
		} | sha256sum | cut -c1-16
	)
	prefix=$cache/libcoap-$key
	servers=$prefix/servers-$(sha256sum <"$here/server.c" | cut -c1-16)
}

has_hash() {
	echo "$2  $1" | sha256sum --check --status 2>/dev/null
}

# This machine's own Debian mirror: the first URI of apt's sources that ends in /debian.
debian_mirror() {
	{
		cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs:[[:space:]]*//p' | tr -s '[:blank:]' '\n'
		cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb[[:space:]]//p' |
			tr -s '[:blank:]' '\n'
	} | sed -n 's!^\(https\{0,1\}://.*/debian\)/*$!\1!p' | head -n 1
}

# fetch: Mbed TLS's archive into the cache; 1, and says so, if nobody has it
fetch() {
	pin "$here/pins" mbedtls
	mbedtls=$cache/sources/$file
	mkdir -p "$cache/sources"
	has_hash "$mbedtls" "$hash" && return
	for url in "$(debian_mirror)/pool/main/m/mbedtls/$file" \
		"https://github.com/Mbed-TLS/mbedtls/releases/download/mbedtls-$version/mbedtls-$version.tar.bz2" \
		"file://${DEPS_CACHE:-/DEPS_CACHE}/$file"; do
		curl -fsSL --connect-timeout 5 -o "$mbedtls.part" "$url" 2>/dev/null || continue
		if has_hash "$mbedtls.part" "$hash"; then
			mv "$mbedtls.part" "$mbedtls"
			return
		fi
	done
	rm -f "$mbedtls.part"
	echo "libcoap: $file not found, its cases are skipped; to run them, put a file with SHA-256 $hash" \
		"into a folder and set DEPS_CACHE to it" >&2
	return 1
}

# whole: all is built, or what is missing cannot be had
whole() {
	[ -f "$prefix/complete" ] || return 1
	[ -d "$prefix/mbedtls" ] || ! fetch
}

build_mbedtls() {
	mkdir mbedtls-source
	tar -xf "$mbedtls" -C mbedtls-source --strip-components=1
	make -C mbedtls-source -j2 lib CFLAGS='-O1 -fPIC'
	mkdir -p out/mbedtls/lib
	cp -R mbedtls-source/include out/mbedtls/
	cp mbedtls-source/library/lib*.a out/mbedtls/lib/
	build_libcoap mbedtls "MbedTLS_CFLAGS=-I$PWD/out/mbedtls/include" \
		"MbedTLS_LIBS=-L$PWD/out/mbedtls/lib -lmbedtls -lmbedx509 -lmbedcrypto"
}

# build_libcoap TLS VARIABLE=VALUE...
build_libcoap() {
	tls=$1
	shift
	mkdir -p "$tls-build" "out/$tls/include" "out/$tls/lib"
	cd "$tls-build"
	../source/configure "--with-$tls" --enable-static --disable-shared --disable-documentation --disable-tests \
		--enable-examples --disable-tcp --disable-oscore --disable-thread-safe CFLAGS='-O1 -g' "$@"
	make -j2 "libcoap-3-$tls.la"
	make -j2 -C examples coap-client coap-server
	cp examples/coap-client examples/coap-server "../out/$tls/"
	cp ".libs/libcoap-3-$tls.a" "../out/$tls/lib/"
	cp -R ../source/include/coap3 include/coap3 "../out/$tls/include/"
	cd ..
}

# Quick beside the libraries, and changes more often: a folder of its own.
build_servers() {
	rm -rf "$servers.work"
	mkdir "$servers.work"
	for tls in mbedtls openssl gnutls; do
		[ -d "$prefix/$tls" ] || continue
		case $tls in
		mbedtls) set -- -lmbedtls -lmbedx509 -lmbedcrypto ;;
		openssl) set -- -lssl -lcrypto ;;
		gnutls) set -- -lgnutls ;;
		esac
		gcc -std=gnu17 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wconversion -Werror -isystem "$prefix/$tls/include" \
			"$here/server.c" -L"$prefix/$tls/lib" "-lcoap-3-$tls" "$@" -o "$servers.work/$tls"
	done
	rm -rf "$servers"
	mv "$servers.work" "$servers"
}

build_libraries() {
	! whole || return 0
	jobs=
	mbedtls=
	fetch || mbedtls=
	pin "$top/rootfs/deps/pins" libcoap
	has_hash "$root/deps/sources/$file" "$hash" ||
		die "no $root/deps/sources/$file; delete $("$top/rootfs/deps/deps.sh" path) and run 'make deps', which leaves it there"
	work=$prefix.work
	rm -rf "$work" "$prefix" "$prefix".*.log
	mkdir -p "$work/source" "$work/out"
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	echo "libcoap: building it on Mbed TLS, OpenSSL and GnuTLS in $work" >&2
	tar -xf "$root/deps/sources/$file" -C "$work/source" --strip-components=1
	cd "$work"
	(set -e; cd source; ./autogen.sh) >"$prefix.source.log" 2>&1 9>&- </dev/null || die "log: $prefix.source.log"
	if [ -n "$mbedtls" ]; then
		(set -e; build_mbedtls) >"$prefix.mbedtls.log" 2>&1 9>&- </dev/null &
		jobs="mbedtls:$!"
	fi
	(set -e; build_libcoap openssl; build_libcoap gnutls) >"$prefix.system.log" 2>&1 9>&- </dev/null &
	jobs="$jobs system:$!"
	for job in $jobs; do
		wait "${job#*:}" || die "failed; log: $prefix.${job%:*}.log"
	done
	: >out/complete
	mv out "$prefix"
}

build() {
	[ ! -x "$servers/mbedtls" ] || return 0
	mkdir -p "$cache"
	exec 9>"$prefix.lock"
	flock 9
	build_libraries
	if [ -x "$servers/gnutls" ] && { [ ! -d "$prefix/mbedtls" ] || [ -x "$servers/mbedtls" ]; }; then
		return 0
	fi
	build_servers
}

case ${1:-} in
-h | --help | help)
	usage
	exit 0
	;;
path | servers | build) ;;
*)
	usage >&2
	exit 64
	;;
esac
set_prefix
case $1 in
path) echo "$prefix" ;;
servers) echo "$servers" ;;
build) build ;;
esac
