#!/bin/sh
# build.sh - the firmware of Nitrokey's and SoloKeys' security keys as a program, beside the tree, once; the folder's name has the hash
# of this folder and of Cargo's version. crates.lock pins every byte: it is Cargo.lock, but
# for where the registry is, which Cargo knows.
#
# Cargo is whatever the machine has: Debian 12's is too old for some of the crates. Without one of 1.85 'path' prints nothing, and the
# cases are skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}/interop

# 1.85 or newer
has_cargo() {
	command -v cargo >/dev/null || return 1
	minor=$(cargo --version | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
	[ "${minor:-0}" -ge 85 ]
}

case ${1:-} in
path | build) ;;
*)
	echo "usage: build.sh path|build" >&2
	exit 64
	;;
esac
has_cargo || exit 0
key=$(cd "$here" && { cat build.sh Cargo.toml crates.lock src/main.rs; cargo --version; } | sha256sum | cut -c1-16)
prefix=$cache/trussed-$key
if [ "$1" = path ]; then
	echo "$prefix"
	exit
fi
[ ! -f "$prefix/trussed-key" ] || exit 0
mkdir -p "$prefix/tree"
echo "trussed: building it into $prefix" >&2
cp -r "$here/Cargo.toml" "$here/src" "$prefix/tree"
cd "$prefix/tree"
# the registry's name, as Cargo writes it
cargo generate-lockfile >"$prefix.log" 2>&1 </dev/null || true
index=$(sed -n 's/^source = "\(registry+[^"]*\)"$/\1/p' Cargo.lock 2>/dev/null | head -n1)
sed "s|^source = \"registry\"\$|source = \"$index\"|" "$here/crates.lock" >Cargo.lock
CARGO_TARGET_DIR=$prefix/target cargo build --release --locked -j2 >>"$prefix.log" 2>&1 </dev/null || {
	tail -n 5 "$prefix.log" >&2
	echo "trussed: it does not build; log: $prefix.log" >&2
	exit 1
}
mv "$prefix/target/release/trussed-key" "$prefix/trussed-key"
rm -rf "$prefix/target" "$prefix/tree"
