#!/bin/sh
# peers.sh - the programs and libraries of other people that tests/interop talks to, beside the tree, by content hash.
set -eu

usage() {
	cat <<-'EOF'
	peers.sh build             all of them, once; silent if that is done
	peers.sh path python       print the folder of the Python packages
	peers.sh path californium  print the folder of the jars
	peers.sh path libcoap      print the folder of libcoap's programs
	EOF
}

here=$(cd "$(dirname "$0")" && pwd)
python() { PEERS_REQUIREMENTS=$here/requirements.txt "$here/../peers/libraries.sh" "$1"; }
californium() { "$here/californium/build.sh" "$1"; }
libcoap() { "$here/libcoap/build.sh" "$1"; }

case "${1:-} ${2:-}" in
'build ')
	python install
	californium build
	libcoap build
	"$here/gocoap/build.sh" build
	"$here/trussed/build.sh" build
	;;
'path python' | 'path californium' | 'path libcoap') "$2" path ;;
'--help ' | '-h ') usage ;;
*)
	usage >&2
	exit 64
	;;
esac
