#!/bin/sh
# run.sh FOLDER TARGET SECONDS - fuzz one target from its corpus; SECONDS 0: run the corpus once.
#
# FOLDER is where 'make fuzz' built the programs. One line of result; an input that fails is kept.
set -eu
[ $# -eq 3 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 64; }
folder=$1 target=$2 seconds=$3
program=$folder/tests/fuzz/fuzz_$target
seeds=$(dirname "$0")/corpus/$target
log=$folder/$target.log
mkdir -p "$folder/corpus/$target" "$folder/failed"

# the runs a second are in the first case libFuzzer's own last line, in the second nobody's business
if [ "$seconds" -eq 0 ]; then
	set -- -runs=0 "$seeds"
else
	set -- -max_total_time="$seconds" "$folder/corpus/$target" "$seeds"
fi
if "$program" -artifact_prefix="$folder/failed/$target-" -timeout=10 -max_len=4096 "$@" >"$log" 2>&1; then
	inputs=$(find "$seeds" -type f | wc -l)
	runs=$(sed -n 's/^Done \([0-9]*\) runs.*/, \1 runs/p' "$log")
	echo "fuzz $target: ok ($inputs seeds${runs})"
	exit 0
fi
echo "fuzz $target: FAILED; see $log and $folder/failed/$target-*; again with: $program INPUT"
grep -E 'ERROR|runtime error|SUMMARY' "$log" | head -5
exit 1
