#!/bin/sh
# commit.sh CIPHER PLAIN [DIR] - the queue's commit against plain SQLite: same settings, same disk, rounds in turn.
#
# CIPHER and PLAIN are the two builds of bench_commit.c. DIR is on the disk to be measured (default: here); on a
# tmpfs the figures say nothing. One line per figure:  bench <name> <value> <unit> target <op><number> <ok|short>
set -eu

cipher=$1 plain=$2
dir=${3:-.}
work=$(mktemp -d "$dir/bench-commit.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
rounds=${BENCH_ROUNDS:-15}

# compare NAME GROUP BODY COMMITS: ratio of the two medians of one round, then the median over the rounds.
compare() {
	i=0
	while [ $i -lt "$rounds" ]; do
		"$cipher" "$work" "$2" "$3" "$4" | tr '\n' ' '
		"$plain" "$work" "$2" "$3" "$4"
		i=$((i + 1))
	done | awk '{ print $3 / $1, $1, $3, $2, $4 }' | sort -n >"$work/rounds"
	awk -v name="$1" '{ r[NR] = $1; c[NR] = $2; p[NR] = $3 }
		END { m = int((NR + 1) / 2)
		printf "bench commit-ratio-%s %.2f of-plain-sqlite target >=0.80 %s\n", name, r[m], (r[m] >= 0.8 ? "ok" : "short")
		printf "# commit-%s: SQLCipher %.0f us, plain %.0f us in that round; ratios %.2f to %.2f\n",
			name, c[m], p[m], r[1], r[NR] }' "$work/rounds"
}

# device NAME GROUP BODY COMMITS LIMIT: bytes that reach the device for each reading.
device() {
	"$cipher" "$work" "$2" "$3" "$4" | awk -v name="$1" -v limit="$5" '
		{ printf "bench device-bytes-%s %.0f bytes-per-reading target <=%d %s\n", name, $2, limit,
			($2 <= limit ? "ok" : "short") }'
}

compare 1x100 1 100 500
compare 32x100 32 100 200
compare 1xsealed 1 172 500
compare 32xsealed 32 172 200
device 8x100 8 100 2000 2500
device 32x100 32 100 1000 1000
device 8xsealed 8 172 2000 2500
device 32xsealed 32 172 1000 1000
