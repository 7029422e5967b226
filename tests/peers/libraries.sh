#!/bin/sh
# libraries.sh - the Python libraries that our decoders are held against, as requirements.txt pins them.
#
# They are installed beside the tree, once; the folder's name has the hash of what was asked for and Python's version,
# so that a change here installs into a new one. Nothing of them is part of the hub.
set -eu

usage() {
	cat <<-'EOF'
	libraries.sh path       print the folder that they are (or will be) in
	libraries.sh install    install them there, once; silent if that is done

	  HUB_CACHE   where results are kept, default ~/.cache/telehealth-hub
	  DEPS_CACHE  folder with the wheels, looked at beside pip's index
	  PEERS_REQUIREMENTS  other pins than those of this folder
	EOF
}

die() {
	echo "peers: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}/peers
python=/usr/bin/python3
requirements=${PEERS_REQUIREMENTS:-$here/requirements.txt}

set_prefix() {
	key=$({ cat "$requirements"; "$python" --version; uname -m; } | sha256sum | cut -c1-16)
	prefix=$cache/$key
}

install() {
	[ ! -f "$prefix/complete" ] || return 0
	"$python" -m pip --version >/dev/null 2>&1 || die "no pip; packages: rootfs/host/peers"
	mkdir -p "$cache"
	exec 9>"$prefix.lock"
	flock 9
	[ ! -f "$prefix/complete" ] || return 0
	work=$prefix.work log=$prefix.log
	rm -rf "$work" "$prefix"
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	set -- --find-links "${DEPS_CACHE:-}"
	[ -n "${DEPS_CACHE:-}" ] || shift 2
	echo "peers: installing $(grep -c == "$requirements") Python packages into $prefix" >&2
	PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-deps \
		--only-binary=:all: --require-hashes --target "$work" "$@" -r "$requirements" >"$log" 2>&1 || {
		tail -n 5 "$log" >&2
		die "pip could not install them; log: $log"
	}
	: >"$work/complete"
	mv "$work" "$prefix"
}

case ${1:-} in
-h | --help | help)
	usage
	exit 0
	;;
path | install) ;;
*)
	usage >&2
	exit 64
	;;
esac
set_prefix
case $1 in
path) echo "$prefix" ;;
install) install ;;
esac
