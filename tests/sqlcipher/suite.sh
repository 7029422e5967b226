#!/bin/sh
# suite.sh - SQLCipher's own tests, with our crypto provider.
#
# usage: make check-sqlcipher, or: suite.sh O
#
# Each test file runs in a folder of its own below O/sqlcipher. A test that fails must stand in 'expected', with a
# reason; one that stands there and does not fail must go. Exit status: 0, or 1.
set -eu

[ $# -eq 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
built=$("$here/build.sh" path)
mkdir -p "$1"
work=$(cd "$1" && pwd)/sqlcipher
# below the number that 4.6.1 has with our settings; a file that ends early must not pass for a good one
least=180
rm -rf "$work"
mkdir -p "$work"

files=$(sed -n 's/^ *\(sqlcipher-[a-z-]*\)\.test.*/\1/p' "$built/ours/test/sqlcipher.test")
[ "$(echo "$files" | wc -l)" -ge 8 ] || { echo "suite.sh: no list of files in sqlcipher.test" >&2; exit 1; }
# shellcheck disable=SC2016 # expanded by the inner shell
echo "$files" | xargs -P "$(nproc)" -I NAME sh -c '
	mkdir "$1/$3"
	cd "$1/$3" || exit 1
	timeout -k 5 "${LIMIT:-600}" "$2/testfixture" "$2/test/$3.test" </dev/null >../"$3.log" 2>&1
	:' sh "$work" "$built/ours" NAME

bad=0 tests=0
: >"$work/failed"
for name in $files; do
	# "2 errors out of 194 tests on ..."
	n=$(sed -n 's/^[0-9]* errors out of \([0-9]*\) tests.*/\1/p' "$work/$name.log")
	[ -n "$n" ] || { echo "$name did not come to its end: $work/$name.log" >&2; bad=1; continue; }
	tests=$((tests + n))
	sed -n 's/^!Failures on these tests: //p' "$work/$name.log" | tr ' ' '\n' | sed '/^$/d' >>"$work/failed"
done
sort -u "$work/failed" >"$work/failed.sorted"
sed 's/[[:space:]]*#.*//; /^$/d' "$here/expected" | sort -u >"$work/expected.sorted"
for name in $(comm -23 "$work/failed.sorted" "$work/expected.sorted"); do
	echo "FAILED $name: see $work" >&2
	bad=1
done
for name in $(comm -13 "$work/failed.sorted" "$work/expected.sorted"); do
	echo "suite.sh: $name does not fail any more: take it out of tests/sqlcipher/expected" >&2
	bad=1
done
[ "$tests" -ge "$least" ] || { echo "suite.sh: only $tests tests ran, not $least" >&2; bad=1; }
echo "SQLCipher's own tests: $tests, failed $(grep -c . "$work/failed.sorted" || :), expected to fail $(grep -c . "$work/expected.sorted" || :)"
exit $bad
