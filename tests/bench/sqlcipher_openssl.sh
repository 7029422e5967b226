#!/bin/sh
# sqlcipher_openssl.sh path|build DEPS - SQLCipher with its own OpenSSL provider, to be compared with ours.
#
# The same source, patches and options as rootfs/deps/deps.sh, whose cache has the archive; DEPS is what 'deps.sh path'
# says. Built once; the folder's name has the hash of all that decides what comes out. In it: libsqlcipher-openssl.a
set -eu

here=$(cd "$(dirname "$0")" && pwd)
recipe=$here/../../rootfs/deps
deps=${2:?usage: sqlcipher_openssl.sh path|build DEPS}
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}
cc=${DEPS_CC:-gcc}

key=$({
	cat "$here/sqlcipher_openssl.sh" "$recipe/pins" "$recipe"/patches/sqlcipher-*.patch
	"$cc" --version
	dpkg-query -W -f '${Version}' libssl-dev 2>/dev/null || true
} | sha256sum | cut -c1-16)
prefix=$cache/bench/sqlcipher-openssl-$key

build() {
	[ ! -f "$prefix/libsqlcipher-openssl.a" ] || exit 0
	archive=$cache/deps/sources/$(awk '$1 == "sqlcipher" { print $3 }' "$recipe/pins")
	[ -f "$archive" ] || {
		echo "sqlcipher_openssl.sh: $archive is gone; remove $deps and run 'make deps' to get it again" >&2
		exit 69
	}
	awk -v f="$archive" '$1 == "sqlcipher" { print $4 "  " f }' "$recipe/pins" | sha256sum --check --status
	work=$prefix.work
	trap 'rm -rf "$work"' EXIT INT TERM
	rm -rf "$work"
	mkdir -p "$work/source"
	echo "sqlcipher_openssl.sh: building in $work" >&2
	tar -xf "$archive" -C "$work/source" --strip-components=1
	for p in "$recipe"/patches/sqlcipher-*.patch; do
		patch -d "$work/source" -p1 --fuzz=0 --forward --batch <"$p" >"$work/log"
	done
	cd "$work/source"
	{
		./configure --enable-tempstore=yes --disable-tcl --with-crypto-lib=none CFLAGS='-O2 -DSQLITE_HAS_CODEC'
		make sqlite3.c
		# as 'common_flags' and 'compile_sqlite' of deps.sh
		"$cc" -O2 -g -fPIC -ffunction-sections -fdata-sections -Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3 \
			-fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero \
			-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing \
			-DSQLITE_THREADSAFE=0 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_ENABLE_MEMSYS5 -DSQLITE_TEMP_STORE=2 \
			-DSQLITE_DQS=0 -DSQLITE_OMIT_LOAD_EXTENSION -DHAVE_FDATASYNC=1 -DHAVE_USLEEP=1 \
			-DHAVE_STDINT_H=1 -DHAVE_PREAD=1 -DHAVE_PWRITE=1 -DSQLITE_HAS_CODEC -DOMIT_MEMLOCK \
			-DSQLCIPHER_OMIT_DEFAULT_LOGGING -DSQLCIPHER_CRYPTO_OPENSSL -c sqlite3.c -o sqlite3.o
	} >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
	mkdir -p "$work/out"
	ar rcD "$work/out/libsqlcipher-openssl.a" sqlite3.o
	rm -rf "$prefix"
	mv "$work/out" "$prefix"
}

case ${1:-} in
path) echo "$prefix" ;;
build) build ;;
*) echo 'usage: sqlcipher_openssl.sh path|build DEPS' >&2; exit 64 ;;
esac
