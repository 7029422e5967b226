#!/bin/sh
# need.sh GROUP... - install the Debian packages that the named lists of this folder ask for and that are missing.
#
# Says what it installs; uses sudo if not root. Prints nothing when all is there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if [ $# -eq 0 ] || [ "$1" = --help ]; then
	echo "usage: need.sh GROUP...   groups: $(cd "$here" && echo [a-z]* | sed 's/need.sh//')"
	exit 64
fi
missing=
for group in "$@"; do
	[ -f "$here/$group" ] || { echo "need.sh: no list '$group' in $here" >&2; exit 64; }
	# shellcheck disable=SC2013 # words on purpose
	for package in $(grep -v '^#' "$here/$group"); do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$state" = installed ] || missing="$missing $package"
	done
done
[ -n "$missing" ] || exit 0
echo "installing Debian packages:$missing" >&2
sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "need.sh: not root and no sudo: install them yourself" >&2; exit 77; }
	sudo=sudo
fi
log=$(mktemp)
install() {
	# shellcheck disable=SC2086 # a list of words on purpose
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >"$log" 2>&1
}
# the lists of a machine may be old or absent: refresh them once
if ! install; then
	$sudo apt-get update >>"$log" 2>&1 || true
	install || { tail -5 "$log" >&2; echo "need.sh: apt-get could not install them; log: $log" >&2; exit 69; }
fi
rm -f "$log"
