#!/bin/sh
# lint.sh - what a reader cannot see at once: form, warnings, analyzers, and that the architecture still holds.
#
# One line per check with the seconds it took. Called by 'make lint', which also installs the tools. What an
# analyzer found nothing in is remembered by the hash of its preprocessed text and is not looked at again.
#
# shellcheck disable=SC2317 # checks are called by their names
# shellcheck disable=SC2089,SC2090 # the quotes in 'include' are C's
set -eu

usage() {
	cat <<-'EOF'
	usage: make lint, or: LINT_PURE="OBJECT..." lint.sh O DEPS [CHECK...]

	  O          build folder; uses O/lint-gcc and O/lint-clang
	  DEPS       prefix of the libraries: rootfs/deps/deps.sh path
	  CHECK      only these: format gcc clang headers pure libraries includes
	             hardening units analyzer tidy cppcheck shell python; pure, libraries and
	             hardening need gcc's result
	  LINT_PURE  objects that must be pure, as 'make lint' gives them
	  LINT_JOBS  programs at once, default one per core
	  HUB_CACHE  where good results are remembered, default ~/.cache/telehealth-hub

	Exit status: 0, or 1 if a check failed; its output is in O/lint-<check>.log.
	EOF
}

case ${1:-} in --help | -h) usage; exit 0 ;; esac
[ $# -ge 2 ] || { usage >&2; exit 64; }
cd "$(dirname "$0")/.."
[ -e .git ] || { echo "lint.sh: needs git's list of files; $PWD is not a clone" >&2; exit 69; }
unset MAKEFLAGS MFLAGS MAKELEVEL CC CFLAGS LDFLAGS
out=$1 deps=$2
shift 2
jobs=${LINT_JOBS:-$(nproc)}
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}/lint
hub_folders='hub ble coap storage clinic'
include="-std=gnu17 -D_GNU_SOURCE -DHUB_VERSION=\"lint\" -I. -isystem $deps/include -isystem /usr/include/p11-kit-1"

# ours KIND...: our files of these kinds, also those that are not committed yet
ours() {
	git ls-files -co --exclude-standard -- "$@" | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# without tests: what is in a program
program_sources() {
	for folder in $hub_folders; do
		ours "$folder/*.c"
	done
}

# --- one file, in a process of its own ----------------------------------------------------------

# gcc 12's analyzer takes a struct that a function of another file returns for uninitialised;
# clang's analyzer and -Wmaybe-uninitialized look for the same without that mistake.
analyzer_off() {
	echo -Wno-analyzer-use-of-uninitialized-value
	case $1 in
	hub/rt/ipc.c) echo -Wno-analyzer-malloc-leak ;; # a list that is held by its last link, too
	esac
}

analyzer_run() {
	# shellcheck disable=SC2086,SC2046 # lists of words on purpose
	gcc $include -O2 -fanalyzer -Werror $(analyzer_off "$1") -c -o /dev/null "$1"
}

tidy_run() {
	# shellcheck disable=SC2086 # a list of words on purpose
	clang-tidy --quiet --warnings-as-errors='*' "$1" -- $include
}

# look_at TOOL FILE: run the tool unless this very text was found good before
look_at() {
	# shellcheck disable=SC2086 # a list of words on purpose
	key=$(
		{
			gcc --version
			clang-tidy --version
			cat .clang-tidy tests/lint.sh "$2"
			gcc $include -E "$2"
		} | sha256sum | cut -c1-32
	)
	[ ! -e "$cache/$1-$key" ] || return 0
	"$1_run" "$2" || return 1
	mkdir -p "$cache"
	: >"$cache/$1-$key"
}

if [ "${1:-}" = --one ]; then
	look_at "$2" "$3"
	exit
fi

each_source() {
	program_sources | xargs -P "$jobs" -n 1 tests/lint.sh "$out" "$deps" --one "$1" 2>&1
}

# --- checks: print what is wrong, return 1 ------------------------------------------------------

check_format() {
	found=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
	# versions differ in where they break long lines; the tree has the form of 14
	if [ "$found" != 14 ]; then
		skip="clang-format $found is not 14"
		return 0
	fi
	ours '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

build() {
	make -j "$jobs" O="$out/lint-$1" DEPS="$deps" CC="$1" CFLAGS='-O2 -g -Werror' everything
}

check_gcc() { build gcc; }
check_clang() { build clang; }

check_headers() {
	bad=0
	for header in $(ours '*.h' | grep -v '^rootfs/'); do
		# shellcheck disable=SC2086 # a list of words on purpose
		echo "#include \"$header\"" |
			gcc $include -Wall -Wextra -Werror -fsyntax-only -x c - || { echo "  in $header" && bad=1; }
	done
	return "$bad"
}

pure_allowed='cbor_encode_[a-z_]*|cbor_stream_decode|cbor_empty_callbacks
mem(cpy|move|set|cmp|chr)|str(n?len|n?cmp|n?casecmp|chr|rchr)|v?snprintf|abort|llabs|explicit_bzero
__(mem(cpy|move|set)|v?snprintf|explicit_bzero)_chk|__stack_chk_(fail|guard)|__(asan|ubsan)_[a-z0-9_]*'

check_pure() {
	[ -n "${LINT_PURE:-}" ] || { echo "LINT_PURE is not set: run 'make lint'"; return 1; }
	allowed=$(echo "$pure_allowed" | paste -sd'|')
	# shellcheck disable=SC2086 # a list of words on purpose
	(cd "$out/lint-gcc" && nm -A $LINT_PURE) |
		awk -v allowed="^($allowed)\$" '
			$(NF - 1) == "U" { calls[$NF] = calls[$NF] " " $1; next }
			$(NF - 1) ~ /[A-Z]/ { defined[$NF]; objects++ }
			END {
				for (name in calls)
					if (!(name in defined) && name !~ allowed) {
						print name " is called by" calls[name]
						bad = 1
					}
				exit bad || objects == 0
			}'
}

# what each program may load, besides libc and libm
libraries_of() {
	case $1 in
	hub-ble) echo 'libcbor libuv libsystemd' ;;
	hub-bondinfo | hub-store | hub-store-reset | hub-coap | hubd | hub-measure | hub-console) echo 'libcbor libuv' ;;
	hub-setup) echo 'libcbor libuv libqrencode' ;;
	clinicd) echo 'libcbor libuv libpq' ;;
	clinicctl) echo 'libcbor libuv libcjson libpq libqrencode libhpdf(-[0-9.]+)?' ;;
	clinicctl-fido) echo 'libcbor libfido2' ;;
	clinicctl-pkcs11) echo 'libcbor libp11-kit' ;;
	*) return 1 ;;
	esac
}

# symbols of archives that a program must not hold
foreign_symbols() {
	none='mbedtls_|gnutls_|psa_|OPENSSL_|sd_'
	tls='wolfSSL_(connect|accept|new|read|write)$'
	case $1 in
	hub-ble | hub-bondinfo | hub-console) echo "$none|sqlite3_|coap_|wc_|wolfSSL_" ;;
	hub-store | hub-store-reset) echo "$none|coap_|$tls" ;;
	# libcoap's own resolver blocks, and overflows its stack for long names (CVE-2025-34468)
	hub-coap) echo "$none|sqlite3_|coap_resolve" ;;
	hubd | hub-setup | hub-measure) echo "$none|sqlite3_|coap_|$tls" ;;
	clinicd) echo "$none" ;;
	# TLS to a clinicd elsewhere (clinic/wire.c)
	clinicctl) echo "$none|coap_" ;;
	clinicctl-fido | clinicctl-pkcs11) echo "$none|sqlite3_|coap_|wc_|wolfSSL_" ;;
	esac
}

check_libraries() {
	bad=0
	for program in hub-ble hub-bondinfo hub-store hub-store-reset hub-coap hub-setup hubd hub-measure hub-console clinicd clinicctl clinicctl-fido clinicctl-pkcs11; do
		file=$out/lint-gcc/$program
		[ -f "$file" ] || { echo "no $file"; return 1; }
		may=$(libraries_of "$program" | tr ' ' '|')
		readelf -d "$file" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
			grep -vE "^($may|libc|libm|ld-linux-[a-z0-9-]+)\.so" | sed "s/^/$program loads /" | grep . && bad=1
		nm --defined-only "$file" | awk '{ print $NF }' |
			grep -E "^($(foreign_symbols "$program"))" | sed "s/^/$program holds /" | grep . && bad=1
	done
	return "$bad"
}

# every program that is shipped, also the patched bluetoothd where it was built
check_hardening() {
	programs=
	for program in hub-ble hub-bondinfo hub-store hub-store-reset hub-coap hub-setup hubd hub-measure hub-console clinicd clinicctl clinicctl-fido clinicctl-pkcs11; do
		programs="$programs $out/lint-gcc/$program"
	done
	# shellcheck disable=SC2086 # a list of words on purpose
	tests/elf.sh $programs && tests/elf.sh --control
}

check_units() {
	rc=0
	tests/scores.sh || rc=$?
	[ "$rc" != 77 ] || skip='no systemd-analyze here'
	[ "$rc" = 77 ] || return "$rc"
}

# HEADER FOLDERS: who may include it; tests may include all
include_rules='uv\.h hub/rt/
coap3/ coap/
sqlite3\.h storage/
systemd/ ble/
wolfssl/ hub/crypto/|coap/|storage/sqlcipher_wolf\.c|clinic/pki\.c|clinic/wire\.c|clinic/keyfile\.c
p11-kit/ clinic/pkcs11/
fido\.h> clinic/fido/
cbor\.h hub/core/
cjson/ clinic/
postgresql/ clinic/
hpdf\.h clinic/label_pdf\.c
qrencode\.h clinic/label_sheet\.c|coap/setup_show\.c'

check_includes() {
	bad=0
	while read -r header folders; do
		ours '*.c' '*.h' | grep -vE "^(tests/|rootfs/|$folders)" |
			xargs grep -nE "^#[[:space:]]*include [<\"]$header" && bad=1
	done <<-EOF
	$include_rules
	EOF
	return "$bad"
}

# only_version WANT TOOL: findings count if this is the version that the tree was made clean with (Debian 12's);
# another one looks for other things
only_version() {
	found=$("$2" --version | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/\1/p' | head -n 1)
	case $found in "$1".*) ;; *) other="$2 $found finds what $1 does not" ;; esac
}

check_analyzer() {
	only_version 12 gcc
	each_source analyzer
}

check_tidy() {
	only_version 14 clang-tidy
	each_source tidy
}

check_cppcheck() {
	only_version 2 cppcheck
	mkdir -p "$out/lint-cppcheck"
	# shellcheck disable=SC2086 # a list of words on purpose
	cppcheck --enable=warning,portability,performance --std=c11 --inline-suppr --quiet -j "$jobs" \
		--cppcheck-build-dir="$out/lint-cppcheck" --error-exitcode=1 \
		--suppress=normalCheckLevelMaxBranches --suppress=unmatchedSuppression \
		-D_GNU_SOURCE -DHUB_VERSION='"lint"' -I. $hub_folders tests
}

check_shell() {
	{
		ours '*.sh'
		git grep -lE --untracked '^#!/bin/(ba)?sh' -- rootfs tests docs .ci 2>/dev/null
	} | sort -u | xargs shellcheck
}

check_python() {
	command -v pyflakes3 || return 1
	ours '*.py' | xargs pyflakes3 2>&1 | {
		bad=0
		while IFS=: read -r file line rest; do
			# pyflakes does not know 'noqa', with which a line says that it is meant so
			if sed -n "${line}p" "$file" | grep -q '# noqa'; then continue; fi
			echo "$file:$line:$rest"
			bad=1
		done
		return "$bad"
	}
}

# --- the list -----------------------------------------------------------------------------------

advice() {
	case $1 in
	format) echo "clang-format -i the files named" ;;
	gcc | clang) echo "a warning is an error: mend the code" ;;
	headers) echo "a header includes what it needs itself" ;;
	pure) echo "pure code has no clock, no memory of its own, no I/O: give it what it needs as an argument" ;;
	hardening) echo "see the flags at the Makefile's top" ;;
	units) echo "close the unit, or give the reason in rootfs/units.scores" ;;
	libraries) echo "see the object lists in the Makefile: a library belongs to its own process" ;;
	includes) echo "go through the folder that owns the library" ;;
	*) echo "mend the code; if it is right, suppress one finding with its reason" ;;
	esac
}

failed=0
run() {
	name=$1 skip='' other=''
	begin=$(date +%s)
	mkdir -p "$out"
	if "check_$name" >"$out/lint-$name.log" 2>&1; then
		took=$(($(date +%s) - begin))
		if [ -n "$skip" ]; then
			echo "lint $name: SKIP, $skip"
		else
			echo "lint $name: ok (${took} s)"
		fi
	elif [ -n "$other" ]; then
		echo "lint $name: SKIP, $other; see $out/lint-$name.log"
	else
		took=$(($(date +%s) - begin))
		echo "lint $name: FAILED (${took} s): $(advice "$name"); see $out/lint-$name.log"
		grep -vE '^ +(CC|LD) |warnings? generated' "$out/lint-$name.log" | head -n 20
		failed=1
	fi
}

if [ $# -eq 0 ]; then
	set -- format gcc clang headers pure libraries hardening includes units analyzer tidy cppcheck shell python
fi
for check; do
	run "$check"
done
exit $failed
