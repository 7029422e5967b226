#!/bin/sh
# build.sh - what SQLCipher's own tests need: its test program with our crypto provider in it, a shell on the very
# library that the hub is linked with, and a stock shell of the same version on OpenSSL to exchange files with.
#
# Built once, outside the tree, into a folder named after a hash of everything that decides what comes out.
# The stock shell is for these tests alone: nothing of OpenSSL is part of the hub.
set -eu

usage() {
	cat <<-'EOF'
	build.sh path      print the folder that it is (or will be) in
	build.sh build     build it there, once, some two minutes; silent if that is done

	Result: ours/testfixture, ours/test/, ours/shell, stock/shell.
	  HUB_CACHE   where results are kept, default ~/.cache/telehealth-hub
	EOF
}

die() {
	echo "sqlcipher: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}
deps=$("$top/rootfs/deps/deps.sh" path)

# the library's folder is named after its own hash; it covers the pin and the patches
key=$(cat "$0" "$top/storage/sqlcipher_wolf.c" "$top/storage/sqlcipher_wolf.h" - <<-EOF | sha256sum | cut -c1-16
	$deps
	EOF
)
prefix=$cache/sqlcipher/$key

# unpack FOLDER: the pinned bytes, which 'make deps' has left in the cache
unpack() {
	# shellcheck disable=SC2034 # the fields of a line
	while read -r name version file hash; do
		[ "$name" != sqlcipher ] || break
	done <"$top/rootfs/deps/pins"
	archive=$cache/deps/sources/$file
	echo "$hash  $archive" | sha256sum --check --status 2>/dev/null ||
		die "no $archive; delete $deps and run 'make deps', which leaves it there"
	mkdir "$1"
	tar -xf "$archive" -C "$1" --strip-components=1
}

# Without -DNDEBUG's opposite: asserts of SQLite's are for its authors and make the tests minutes longer.
ours() {
	unpack ours
	cd ours
	for p in "$top"/rootfs/deps/patches/sqlcipher-*.patch; do
		patch -p1 --fuzz=0 --forward --batch <"$p"
	done
	gcc -O2 -std=gnu17 -D_GNU_SOURCE -I"$top" -isystem "$deps/include" -c "$top/storage/sqlcipher_wolf.c" -o wolf.o
	# FTS5 and full-text search: some tests export tables of theirs
	./configure --enable-tempstore=yes --with-crypto-lib=none --disable-readline CFLAGS="-O1 -w -DSQLITE_HAS_CODEC \
		-DSQLCIPHER_TEST -DSQLITE_ENABLE_FTS5 -DSQLCIPHER_CRYPTO_CUSTOM=hub_sqlcipher_wolf_setup"
	make testfixture TLIBS="$PWD/wolf.o $deps/lib/libwolfssl.a -lz -lm"
	make shell.c
	gcc -O1 -w -DSQLITE_HAS_CODEC -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -I. shell.c wolf.o \
		"$deps/lib/libsqlcipher.a" "$deps/lib/libwolfssl.a" -lm -o shell
}

stock() {
	unpack stock
	cd stock
	./configure --enable-tempstore=yes --disable-tcl --disable-shared --disable-readline \
		CFLAGS='-O1 -w -DSQLITE_HAS_CODEC'
	make sqlcipher
	cp sqlcipher shell
}

build() {
	[ ! -f "$prefix/complete" ] || return 0
	mkdir -p "$cache/sqlcipher"
	exec 9>"$prefix.lock"
	flock 9
	[ ! -f "$prefix/complete" ] || return 0
	rm -rf "$prefix" "$prefix.ours.log" "$prefix.stock.log"
	mkdir "$prefix"
	cd "$prefix"
	echo "sqlcipher: building its test program in $prefix" >&2
	(set -e; ours) >"$prefix.ours.log" 2>&1 9>&- &
	first=$!
	(set -e; stock) >"$prefix.stock.log" 2>&1 9>&- &
	second=$!
	bad=
	wait "$first" || bad="$prefix.ours.log"
	wait "$second" || bad="$bad $prefix.stock.log"
	[ -z "$bad" ] || die "does not build: see $bad"
	# built at the place it is used in: the tests look for files beside the program
	: >complete
}

case ${1:-} in
path) echo "$prefix" ;;
build) build ;;
*) usage >&2; exit 64 ;;
esac
