#!/bin/sh
# decode.sh BENCH_DECODE - instructions for each decoded notification, one line per kind of value.
#
# The difference between 2000 and 1000 decodings under callgrind, so that starting the program is not in it. The same
# on every machine with the same compiler; no target is set.
set -eu

bench=$1

# count NAME TIMES: instructions of the whole program
count() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$1" "$2" 2>&1 |
		awk '$2 == "Collected" { print $4; found = 1 } END { exit !found }'
}

for name in $("$bench"); do
	"$bench" "$name" 1 || { echo "decode.sh: $name is not decoded as it should be" >&2; exit 1; }
	once=$(count "$name" 1000)
	twice=$(count "$name" 2000)
	echo "bench decode-$name $(((twice - once + 500) / 1000)) instructions-per-notification target none"
done
