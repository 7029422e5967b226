#!/bin/sh
# build.sh - Californium as a peer: its jars, held against 'pins', and our small programs on them.
#
# The result lies beside the tree, once; the folder's name has the hash of this folder and of the compiler's version.
# To run one of them:  java -cp "$(build.sh path)/*" interop.Server OPTIONS (src/interop/Server.java says which)
set -eu

usage() {
	cat <<-'EOF'
	build.sh path     print the folder that the jars are (or will be) in
	build.sh build    put them there, once; silent if that is done

	  HUB_CACHE   where results are kept, default ~/.cache/telehealth-hub
	EOF
}

die() {
	echo "californium: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}/interop

set_prefix() {
	command -v javac >/dev/null || die "no Java compiler; packages: rootfs/host/interop"
	key=$(
		cd "$here"
		{
			find . -type f ! -name '.*' ! -name '*~' -print | LC_ALL=C sort | xargs sha256sum
			javac -version 2>&1
		} | sha256sum | cut -c1-16
	)
	prefix=$cache/californium-$key
}

build() {
	[ ! -f "$prefix/complete" ] || return 0
	mkdir -p "$cache"
	exec 9>"$prefix.lock"
	flock 9
	[ ! -f "$prefix/complete" ] || return 0
	work=$prefix.work log=$prefix.log
	rm -rf "$work" "$prefix"
	mkdir "$work" "$work/classes"
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	echo "californium: fetching $(wc -l <"$here/pins") jars into $prefix" >&2
	mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work" \
		>"$log" 2>&1 </dev/null || {
		tail -n 5 "$log" >&2
		die "Maven could not fetch them; log: $log"
	}
	(cd "$work" && sha256sum --check --quiet "$here/pins") || die "a jar is not the pinned one"
	[ "$(find "$work" -name '*.jar' | wc -l)" = "$(wc -l <"$here/pins")" ] || die "more jars than are pinned"
	javac -Xlint:all -Werror -d "$work/classes" -cp "$work/*" "$here"/src/interop/*.java >"$log" 2>&1 || {
		cat "$log" >&2
		die "our programs do not compile"
	}
	jar --create --file "$work/interop.jar" -C "$work/classes" .
	rm -r "$work/classes"
	: >"$work/complete"
	mv "$work" "$prefix"
}

case ${1:-} in
-h | --help | help)
	usage
	exit 0
	;;
path | build) ;;
*)
	usage >&2
	exit 64
	;;
esac
set_prefix
case $1 in
path) echo "$prefix" ;;
build) build ;;
esac
