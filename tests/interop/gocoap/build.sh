#!/bin/sh
# build.sh - go-coap and pion as a peer, beside the tree, once; the folder's name has the hash of this folder and of Go's
# version. go.sum pins every byte.
#
# Go is whatever the machine has: Debian 12's 1.19 is too old for go-coap. Without one 'path' prints nothing, and the
# cases are skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}/interop

# 1.20 or newer
has_go() {
	command -v go >/dev/null || return 1
	minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
	[ "${minor:-0}" -ge 20 ]
}

case ${1:-} in
path | build) ;;
*)
	echo "usage: build.sh path|build" >&2
	exit 64
	;;
esac
has_go || exit 0
key=$(cd "$here" && { cat build.sh go.mod go.sum main.go; go version; } | sha256sum | cut -c1-16)
prefix=$cache/gocoap-$key
if [ "$1" = path ]; then
	echo "$prefix"
	exit
fi
[ ! -f "$prefix/gocoap" ] || exit 0
mkdir -p "$prefix"
echo "gocoap: building it into $prefix" >&2
cd "$here"
GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' go build -o "$prefix/gocoap.part" . >"$prefix.log" 2>&1 </dev/null || {
	tail -n 5 "$prefix.log" >&2
	echo "gocoap: it does not build; log: $prefix.log" >&2
	exit 1
}
mv "$prefix/gocoap.part" "$prefix/gocoap"
