#!/bin/sh
# bench.sh O - every bench, one after the other, then all figures as tables. Called by 'make bench'.
#
# O holds the programs; the figures are kept in O/bench.txt. BENCH=short takes fewer rounds, fewer power cuts and a tenth
# of the backlog. Ends with the first bench that fails; a figure that is short of its target is no failure.
set -eu

o=${1:?usage: bench.sh O}
here=$(cd "$(dirname "$0")" && pwd)
programs=$o/tests/bench
rows=1000000
if [ "${BENCH:-}" = short ]; then
	export BENCH_ROUNDS="${BENCH_ROUNDS:-6}" BENCH_CUTS="${BENCH_CUTS:-20}"
	rows=100000
fi
all=$o/bench.txt
: >"$all"

step() {
	{
		rc=0
		"$@" || rc=$?
		echo "$rc" >"$all.rc"
	} | tee -a "$all"
	rc=$(cat "$all.rc")
	rm "$all.rc"
	[ "$rc" = 0 ] || { echo "bench.sh: failed with $rc: $*" >&2; exit 1; }
}

step /usr/bin/python3 "$here/commit.py" "$o"
step /usr/bin/python3 "$here/powercut.py" "$o"
step "$programs/bench_backlog" "$o" "$rows"
step /usr/bin/python3 "$here/wire.py" "$o"
step /usr/bin/python3 "$here/sessions.py" "$o"
step "$programs/bench_intake" "$o"
step /usr/bin/python3 "$here/ingest.py" "$o"
step /usr/bin/python3 "$here/drain.py" "$o"
step "$here/decode.sh" "$programs/bench_decode"
step /usr/bin/python3 "$here/durable.py" "$o"
step /usr/bin/python3 "$here/memory.py" "$o"
step "$here/../scores.sh" bench
/usr/bin/python3 "$here/table.py" "$all"
