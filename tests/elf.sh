#!/bin/sh
# elf.sh - that the hardening which the Makefile asks for is in the programs, libraries of theirs included.
#
# What the compiler was told is in the debug information, one entry for each source file; FORTIFY shows in what is called. Not
# asked for: CET, which neither the distribution's start files nor the hub's board know; branch protection on arm64 only.
set -eu

usage() {
	cat <<-'U'
	usage: elf.sh PROGRAM...    programs with debug information
	       elf.sh --control     make one without any of it: each check must complain
	Exit status: 1, and a line for each fault.
	U
}

# what gcc may lack: asked of it as the Makefile does
knows() { gcc -Werror "$1" -x c -c -o /dev/null /dev/null 2>/dev/null; }

always='-fstack-protector-strong -fstack-clash-protection -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing'
ours='' # where the language is gnu17 with warnings of ours: libraries have their own
! knows -ftrivial-auto-var-init=zero || always="$always -ftrivial-auto-var-init=zero"
for flag in -fzero-call-used-regs=used-gpr -fstrict-flex-arrays=3; do
	! knows "$flag" || ours="$ours $flag"
done
case $(gcc -dumpmachine) in aarch64*) always="$always -mbranch-protection=standard" ;; esac

bad=0
fault() {
	echo "$program: $*"
	bad=1
}

# lacking TEXT FLAG: how many source files were compiled without it
lacking() { printf '%s\n' "$1" | grep -c -v -e " $2\\( \\|\$\\)" || true; }

look() {
	program=$1
	[ -f "$program" ] || { fault 'is not there'; return; }
	head=$(readelf -hldW "$program")
	calls=$(nm -D --undefined-only "$program" | sed 's/.* U //; s/@.*//')
	echo "$head" | grep -q 'FLAGS_1.*PIE' || fault 'no PIE'
	echo "$head" | grep -q GNU_RELRO || fault 'no RELRO'
	echo "$head" | grep -q 'FLAGS.*NOW' || fault 'symbols are bound late'
	echo "$head" | grep 'GNU_STACK' | grep -q 'RW ' || fault 'a stack that can be executed'
	! echo "$head" | grep -q 'LOAD.*RWE' || fault 'memory that can be written and executed'
	! echo "$head" | grep -qE '\((RPATH|RUNPATH)\)' || fault 'names folders of libraries'
	! echo "$head" | grep -q TEXTREL || fault 'code that is changed when it is loaded'
	echo "$calls" | grep -qx __stack_chk_fail || fault 'no stack protector'
	echo "$calls" | grep -q '^__.*_chk$' || fault 'no FORTIFY'
	files=$(readelf --debug-dump=info "$program" 2>/dev/null | sed -n 's/.*DW_AT_producer.*: \(GNU C\(17\|99\|11\) .*\)/\1/p')
	[ -n "$files" ] || { fault 'no debug information of gcc'; return; }
	for flag in $always; do
		n=$(lacking "$files" "$flag")
		[ "$n" = 0 ] || fault "$n source files without $flag"
	done
	mine=$(printf '%s\n' "$files" | grep -e '-std=gnu17' || true)
	[ -n "$mine" ] || { fault 'no source file of ours'; return; }
	for flag in $ours; do
		n=$(lacking "$mine" "$flag")
		[ "$n" = 0 ] || fault "$n source files of ours without $flag"
	done
}

control() {
	here=$(mktemp -d)
	trap 'rm -rf "$here"' EXIT
	trap 'exit 1' INT TERM
	echo '__attribute__((section(".wx,\"awx\",@progbits#"))) int wx = 1;
		int main(int argc, char **argv) { char b[99]; __builtin_strcpy(b, argv[argc - 1]); return b[wx]; }' >"$here/bare.c"
	gcc -std=gnu17 -g -O0 -U_FORTIFY_SOURCE -fno-stack-protector -fno-stack-clash-protection -fno-pie -no-pie -Wl,-z,norelro \
		-Wl,-z,lazy -Wl,-z,execstack -Wl,-rpath,/tmp -o "$here/bare" "$here/bare.c" 2>/dev/null
	look "$here/bare" >"$here/said"
	bad=0
	for wanted in 'no PIE' 'no RELRO' 'bound late' 'stack that can be' 'written and executed' 'names folders' \
		'no stack protector' 'no FORTIFY' 'without -fstack-clash' 'without -fno-strict-overflow' 'without -fstack-protector'; do
		grep -q -e "$wanted" "$here/said" || { echo "elf.sh does not see: $wanted"; bad=1; }
	done
}

case ${1:-} in
'' ) usage >&2; exit 64 ;;
--help | -h) usage; exit 0 ;;
--control) control ;;
*) for program; do look "$program"; done ;;
esac
exit $bad
