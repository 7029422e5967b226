#!/bin/sh
# run.sh FOLDER NAME... - run test programs side by side, each with a time limit; show what failed, count.
#
# NAME is a program below FOLDER/tests, such as unit/test_core, or a script below tests/ in the source, such as
# io/test_ble_io.py, which gets FOLDER as its argument. A program that exits with 77 was skipped and has said why. LIMIT (600): seconds
# after which one hangs.
set -u
folder=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
export here folder
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
mkdir "$logs/tmp"
chmod 711 "$logs" # tests of other users pass
TMPDIR=$logs/tmp # what a test that was killed leaves goes with the rest
export logs TMPDIR

# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\n' "$@" | xargs -P "${JOBS:-4}" -I NAME sh -c '
	name=$1
	log=$logs/$(echo "$name" | tr / _)
	case $name in
	*.py) set -- /usr/bin/python3 "$here/$name" "$folder" ;;
	*) set -- "$folder/tests/$name" ;;
	esac
	timeout -s KILL "${LIMIT:-600}" "$@" >"$log" 2>&1
	code=$?
	case $code in
	0) echo "ok   $name" ;;
	77) echo "SKIP $name: $(tail -1 "$log")" ;;
	*) echo "FAILED $name (exit $code)"; sed "s/^/     /" "$log" | tail -40 ;;
	esac
	echo "$code" >"$log.code"
' sh NAME

passed=0 failed=0 skipped=0
for name in "$@"; do
	case $(cat "$logs/$(echo "$name" | tr / _).code" 2>/dev/null) in
	0) passed=$((passed + 1)) ;;
	77) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
