#!/bin/sh
# imports.sh WRAPS FILE... - does anything that is recorded call what the recorder does not know?
#
# WRAPS  names that the linker wraps, as in the Makefile
# FILE   objects of hub-store and libsqlcipher.a, built without sanitizers
#
# Every name that they take from shared libraries must stand in imports.txt, and what is 'recorded' there must be
# wrapped. libcbor and libuv (cbor_*, uv_*) and libwolfssl (wc_*, wolf*) write no file of hub-store. Exit status: 0,
# or 1 with the names.
set -eu
here=$(dirname "$0")
wraps=$1
shift
[ $# -gt 0 ] || { echo "usage: imports.sh WRAPS FILE..." >&2; exit 64; }

nm -A -g "$@" 2>/dev/null | awk -v wraps="$wraps" -v known="$here/imports.txt" '
	BEGIN {
		n = split(wraps, w, " ")
		for (i = 1; i <= n; i++) wrapped[w[i]]
		while ((getline line < known) > 0) {
			n = split(line, f, " ")
			if (n < 2 || f[1] ~ /^#/) continue
			kind[f[1]] = f[2]
			for (i = 3; i <= n; i++) only[f[1], f[i]]
			if (f[2] == "recorded" && !(f[1] in wrapped)) {
				print f[1] " is said to be recorded but is not wrapped"
				bad = 1
			}
		}
	}
	NF >= 2 {
		name = $NF
		file = $1
		sub(/:[^:]*$/, "", file); sub(/.*[\/:]/, "", file)
		if ($(NF - 1) == "U") calls[name] = calls[name] " " file
		else if ($(NF - 1) ~ /[A-Z]/) { defined[name]; objects++ }
	}
	END {
		for (name in calls) {
			if (name in defined || name ~ /^(cbor_|uv_|wc_|wolf)/) continue
			if (!(name in kind)) {
				print name " is called by" calls[name] ": does it change files? See imports.txt"
				bad = 1
			}
			if (kind[name] == "only") {
				n = split(calls[name], f, " ")
				for (i = 1; i <= n; i++)
					if (!((name, f[i]) in only)) {
						print name " is called by " f[i] ": does it change files? See imports.txt"
						bad = 1
					}
			}
		}
		if (!objects) print "no objects"
		exit bad || !objects
	}'
echo "ok imports"
