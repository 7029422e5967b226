#!/bin/sh
# deps.sh - the libraries that Debian does not ship the way we need them; see README.md beside this file.
#
# Everything that decides what comes out is in this folder, and its hash is in the name of the result:
# a change here builds into a new prefix, and an old prefix is never written to again.
set -eu

usage() {
	cat <<-'EOF'
	deps.sh path [amd64|arm64]    print the folder that the libraries are (or will be) in
	deps.sh build [amd64|arm64]   build them there, once; silent if that is done

	Without an architecture: this machine's. Result: include/, lib/*.a.
	  HUB_CACHE   where results and downloads are kept, default ~/.cache/telehealth-hub
	  DEPS_CACHE  folder with the source archives of 'pins', looked at when no mirror has them
	  DEPS_CC     compiler, default gcc or <triplet>-gcc; it is part of the result's name
	EOF
}

die() {
	echo "deps: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${HUB_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/telehealth-hub}/deps

# --- names --------------------------------------------------------------------------------------

native_arch() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) die "no recipe for $(uname -m); only amd64 and arm64" ;;
	esac
}

# set_arch ARCH: sets arch, cross (prefix of the cross tools, or empty), host (for configure), cc.
set_arch() {
	native=$(native_arch)
	arch=${1:-$native}
	case $arch in
	amd64) triplet=x86_64-linux-gnu ;;
	arm64) triplet=aarch64-linux-gnu ;;
	*) die "unknown architecture '$arch'; amd64 or arm64" ;;
	esac
	cross='' host=''
	[ "$arch" = "$native" ] || cross=$triplet- host=--host=$triplet
	cc=${DEPS_CC:-${cross}gcc}
	tools=gcc
	[ -z "$cross" ] || tools=crossbuild-essential-$arch
	command -v "$cc" >/dev/null || die "no compiler $cc; apt install $tools"
}

# The key covers this folder (not its prose) and the compiler.
set_prefix() {
	key=$(
		cd "$here"
		{
			find . -type f ! -name '*.md' ! -name '.*' ! -name '*~' -print | LC_ALL=C sort | xargs sha256sum
			"$cc" --version
			"$cc" -dumpmachine
		} | sha256sum | cut -c1-16
	)
	prefix=$cache/$arch-$key
}

# --- sources ------------------------------------------------------------------------------------

# This machine's own Debian mirror: the first URI of apt's sources that ends in /debian.
debian_mirror() {
	{
		cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs:[[:space:]]*//p' | tr -s '[:blank:]' '\n'
		cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb[[:space:]]//p' |
			tr -s '[:blank:]' '\n'
	} | sed -n 's!^\(https\{0,1\}://.*/debian\)/*$!\1!p' | head -n 1
}

# download URL FILE: 0, or 7 if the host did not answer, or 1. A dead network costs 5 s a host.
download() {
	if command -v curl >/dev/null; then
		curl -fsSL --connect-timeout 5 --speed-limit 1024 --speed-time 10 -o "$2" "$1" 2>/dev/null && return 0
		case $? in 6 | 7 | 28) return 7 ;; esac
	elif command -v wget >/dev/null; then
		wget -q --tries=1 --timeout=5 -O "$2" "$1" 2>/dev/null && return 0
		[ $? -ne 4 ] || return 7
	elif [ -x /usr/lib/apt/apt-helper ]; then
		/usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=5 \
			-o Acquire::https::Timeout=5 download-file "$1" "$2" >/dev/null 2>&1 && return 0
	fi
	return 1
}

has_hash() {
	[ -f "$1" ] && echo "$2  $1" | sha256sum --check --status 2>/dev/null
}

# fetch NAME VERSION FILE SHA256: leaves the verified file in the cache, or stops.
dead=
fetch() {
	[ -z "${4:-}" ] && die "pins: line of '$1' is incomplete"
	if has_hash "$cache/sources/$3" "$4"; then
		return
	fi
	rm -f "$cache/sources/$3"
	looked='' part=$cache/sources/$3.$$
	deb=$(debian_mirror)
	while read -r name url; do
		[ "$name" = "$1" ] || continue
		case $url in
		'{debian}'*)
			if [ -z "$deb" ]; then
				looked="$looked, no Debian mirror in apt's sources"
				continue
			fi
			;;
		esac
		url=$(echo "$url" | sed "s!{debian}!$deb!; s!{version}!$2!; s!{file}!$3!")
		server=${url#*://} server=${server%%/*}
		case $dead in *" $server "*)
			looked="$looked, $url (no answer)"
			continue
			;;
		esac
		rc=0
		download "$url" "$part" || rc=$?
		if [ $rc -eq 0 ] && has_hash "$part" "$4"; then
			mv "$part" "$cache/sources/$3"
			say "$3 from $server"
			return
		fi
		case $rc in
		0) looked="$looked, $url (wrong hash)" ;;
		7) looked="$looked, $url (no answer)" dead="$dead $server " ;;
		*) looked="$looked, $url (not there)" ;;
		esac
		rm -f "$part"
	done <"$here/mirrors"
	if [ -z "${DEPS_CACHE:-}" ]; then
		looked="$looked, DEPS_CACHE (not set)"
	elif [ ! -f "$DEPS_CACHE/$3" ]; then
		looked="$looked, $DEPS_CACHE/$3 (not there)"
	elif has_hash "$DEPS_CACHE/$3" "$4"; then
		cp "$DEPS_CACHE/$3" "$part"
		mv "$part" "$cache/sources/$3"
		say "$3 from DEPS_CACHE"
		return
	else
		looked="$looked, $DEPS_CACHE/$3 (wrong hash)"
	fi
	die "$3 not found; looked at ${looked#, }; put a file with SHA-256 $4 into a folder and set DEPS_CACHE to it"
}

# unpack NAME: into $work/NAME, with our patches; stops if one does not fit exactly.
unpack() {
	mkdir "$work/$1"
	archive=$cache/sources/$(awk -v n="$1" '$1 == n {print $3}' "$here/pins")
	tar -xf "$archive" -C "$work/$1" --strip-components=1
	for p in "$here/patches/$1"-*.patch; do
		[ -f "$p" ] || continue
		patch -d "$work/$1" -p1 --fuzz=0 --forward --batch <"$p"
	done
}

# --- the three builds ---------------------------------------------------------------------------
# Each runs in its own subshell with its own log; $work and $out are absolute.

# As the programs themselves are built, less -fstrict-flex-arrays: SQLite's and wolfSSL's last members
# are [1] in places. Sections so that the linker drops what is not called, PIC for PIE programs, and no
# path of the build machine in the debug information.
common_flags() {
	printf ' %s' -O2 -g -fPIC -ffunction-sections -fdata-sections "-ffile-prefix-map=$work=deps" \
		-Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
		-ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -fno-strict-overflow \
		-fno-strict-aliasing
	[ "$arch" != arm64 ] || printf ' %s' -mbranch-protection=standard
}

# wolfSSL: one build for DTLS (coap/, clinic/) and for SQLCipher and sealing (storage/).
#
#   DTLS_CID_MAX_SIZE=8       libcoap's server uses connection ids of 8 bytes
#   WOLFSSL_ALWAYS_VERIFY_CB  without it our verifier is not asked about a good chain
#   NO_SESSION_CACHE          no resumption, see patches/wolfssl-no-forced-tickets.patch
#   ECC_USER_CURVES           P-256 and no other: opensslall has them all, and DTLS 1.3 then chose P-521
#   WOLFSSL_GETRANDOM         seeds without opening /dev/urandom: no file, no descriptor in the sandbox
#   reproducible-build        leaves the configure line, with this machine's paths, out of the library
#   sp-asm                    fast P-256; on arm64 that is plain A64, no crypto extensions
#   curve25519=noasm          5.9.2's AVX2 code makes wrong public keys after its own P-256 code ran
#                             (docs/adr/0002): a reading sealed with one can never be opened
#   intelasm                  amd64 only; on arm64 AES and SHA stay plain C until seen on a board
# With less than opensslall and context-extra-user-data libcoap does not link. opensslall would bring
# OCSP, PKCS#12 and the system's CA store along; libcoap links without them.
build_wolfssl() {
	unpack wolfssl
	cd "$work/wolfssl"
	sh ./autogen.sh
	defines='-DDTLS_CID_MAX_SIZE=8 -DWOLFSSL_ALWAYS_VERIFY_CB -DNO_SESSION_CACHE'
	defines="$defines -DECC_USER_CURVES -DWOLFSSL_GETRANDOM"
	asm=
	[ "$arch" != amd64 ] || asm=--enable-intelasm
	# shellcheck disable=SC2086 # $host and $asm are words or nothing
	./configure --prefix="$work/usr" $host CC="$cc" \
		--disable-shared --enable-static --disable-examples --disable-crypttests --disable-benchmark \
		--enable-dtls --enable-dtls13 --enable-dtlscid --enable-dtls-mtu --enable-dtls-frag-ch \
		--enable-tls13 --disable-oldtls --disable-tlsv10 --disable-session-ticket \
		--enable-sni --enable-supportedcurves --enable-extended-master --enable-secure-renegotiation-info \
		--enable-ecc --with-eccminsz=256 --enable-curve25519=noasm --enable-hkdf --enable-hpke \
		--enable-aesgcm --enable-aescbc --enable-sha512 --enable-pwdbased \
		--enable-certgen --enable-certreq --enable-certext --enable-keygen \
		--enable-opensslall --enable-context-extra-user-data --enable-harden --enable-reproducible-build \
		--enable-sp=ec256 --enable-sp-asm $asm \
		--disable-psk --disable-rsa --disable-dh --disable-rpk --disable-ed25519 --disable-ed448 \
		--disable-curve448 --disable-mlkem --disable-dilithium --disable-des3 --disable-md5 --disable-sha224 \
		--disable-sha3 --disable-chacha --disable-poly1305 --disable-aesccm --disable-crl --disable-alpn \
		--disable-ocsp --disable-pkcs12 --disable-sys-ca-certs \
		CFLAGS="$(common_flags) $defines"
	make -j"$jobs"
	make install
	cp -R "$work/usr/include/wolfssl" "$out/include/"
	cp "$work/usr/lib/libwolfssl.a" "$out/lib/"
}

prepare_libcoap() {
	unpack libcoap
	cd "$work/libcoap"
	sh ./autogen.sh
}

# build_libcoap NAME CONFIGURE-FLAG...: builds lib/libcoap-NAME.a, its imports renamed to coap/mend.c's.
# Never with NDEBUG: some of its bounds are asserts. Its configure ties observe-persist to --enable-async
# by a slip, so the server has it; nothing happens unless coap_persist_startup() is called.
build_libcoap() {
	name=$1
	shift
	mkdir "$work/libcoap-$name"
	cd "$work/libcoap-$name"
	# shellcheck disable=SC2086 # $host is a word or nothing
	PKG_CONFIG_PATH=$work/usr/lib/pkgconfig ../libcoap/configure --prefix="$work/libcoap-$name/usr" \
		$host CC="$cc" --with-wolfssl --with-epoll --enable-static --disable-shared \
		--disable-documentation --disable-doxygen --disable-manpages --disable-tests --disable-examples \
		--disable-tcp --disable-websockets --disable-proxy-code --disable-af-unix-support --disable-oscore \
		--disable-q-block --disable-thread-safe --enable-client-mode "$@" \
		CPPFLAGS="-include $here/nopsk.h" CFLAGS="$(common_flags)"
	make -j"$jobs" install
	a=$out/lib/libcoap-$name.a
	"${cross}objcopy" --redefine-syms="$here/libcoap.syms" usr/lib/libcoap-3-wolfssl.a "$a"
	while read -r theirs ours; do
		if "${cross}nm" -u "$a" | grep -qw "$theirs"; then
			echo "libcoap-$name.a still calls $theirs; $ours would be passed by"
			exit 1
		fi
	done <"$here/libcoap.syms"
}

# SQLCipher's amalgamation twice: with our provider, and as plain SQLite for comparison in the bench.
# THREADSAFE=0: the processes have no threads. MEMSTATUS=0: nobody asks, and it costs on each
# allocation; MEMSYS5 keeps its own figures. HAVE_FDATASYNC: without it SQLite silently uses fsync.
# OMIT_MEMLOCK: the heap given to SQLite is locked already. storage/sqlcipher_wolf.c has the provider.
build_sqlcipher() {
	unpack sqlcipher
	cd "$work/sqlcipher"
	./configure --enable-tempstore=yes --disable-tcl --with-crypto-lib=none CFLAGS='-O2 -DSQLITE_HAS_CODEC'
	make sqlite3.c
	grep -q 'extern int SQLCIPHER_CRYPTO_CUSTOM' sqlite3.c
	cp sqlite3.h src/sqlcipher.h "$out/include/"
	compile_sqlite cipher -DSQLITE_HAS_CODEC -DOMIT_MEMLOCK -DSQLCIPHER_OMIT_DEFAULT_LOGGING \
		-DSQLCIPHER_CRYPTO_CUSTOM=hub_sqlcipher_wolf_setup
	compile_sqlite ite3plain
}

# compile_sqlite SUFFIX FLAG...: lib/libsqlSUFFIX.a
compile_sqlite() {
	name=libsql$1
	shift
	# shellcheck disable=SC2046
	"$cc" $(common_flags) -DSQLITE_THREADSAFE=0 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_ENABLE_MEMSYS5 \
		-DSQLITE_TEMP_STORE=2 -DSQLITE_DQS=0 -DSQLITE_OMIT_LOAD_EXTENSION \
		-DHAVE_FDATASYNC=1 -DHAVE_USLEEP=1 -DHAVE_STDINT_H=1 -DHAVE_PREAD=1 -DHAVE_PWRITE=1 \
		"$@" -c sqlite3.c -o "$name.o"
	"${cross}ar" rcD "$out/lib/$name.a" "$name.o"
}

# --- running them -------------------------------------------------------------------------------

need_tools() {
	missing=
	for tool in make autoreconf libtoolize pkg-config tclsh patch bzip2 gzip flock "${cross}objcopy" gcc; do
		command -v "$tool" >/dev/null || missing="$missing $tool"
	done
	[ -z "$missing" ] ||
		die "missing$missing; apt install build-essential autoconf automake libtool pkgconf tcl bzip2 util-linux"
	case $cache$here in
	*[[:space:]]*) die "autoconf cannot work in a path with spaces ($cache, $here); HUB_CACHE moves the first" ;;
	esac
}

# say TEXT: one line of progress on the script's own stderr (fd 3), also from inside a job.
say() {
	printf 'deps: %s %3d s  %s\n' "$arch" "$(($(date +%s) - t0))" "$*" >&3
}

# start NAME FUNCTION ARG...: runs it in the background with its own log; sets pid.
# A job must be started by a plain command, or the shell would ignore 'set -e' in it.
start() {
	job=$1
	shift
	(
		set -e
		"$@"
		say "$job ready"
	) </dev/null >"$logs/$job.log" 2>&1 9>&- &
	pid=$!
	pids="$pids $pid"
}

# finish PID NAME
finish() {
	wait "$1" && return
	echo "deps: $2 failed; the end of its log:" >&2
	tail -n 30 "$logs/$2.log" >&2
	die "$2 for $arch failed; whole log: $logs/$2.log"
}

# shellcheck disable=SC2317,SC2329 # called by trap
clean_up() {
	trap - EXIT INT TERM
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null || :
	rm -rf "$work"
}

build() {
	[ ! -f "$prefix/complete" ] || exit 0
	need_tools
	mkdir -p "$cache/sources"
	exec 9>"$prefix.lock"
	flock -n 9 || {
		echo "deps: another build of $arch-$key is running; waiting for it" >&2
		flock 9
	}
	[ ! -f "$prefix/complete" ] || exit 0

	exec 3>&2
	t0=$(date +%s) pids='' jobs=$(nproc)
	work=$prefix.work out=$work/out logs=$prefix.logs
	rm -rf "$work" "$logs" "$prefix"
	trap clean_up EXIT
	trap 'exit 130' INT TERM
	mkdir -p "$out/include" "$out/lib" "$logs"
	while read -r pin version file sha256; do
		case $pin in '' | '#'*) continue ;; esac
		fetch "$pin" "$version" "$file" "$sha256"
	done <"$here/pins"

	say "building in $work"
	start sqlcipher build_sqlcipher
	sqlcipher=$pid
	start wolfssl build_wolfssl
	wolfssl=$pid
	start libcoap-source prepare_libcoap
	finish "$pid" libcoap-source
	finish "$wolfssl" wolfssl
	start libcoap-client build_libcoap client --disable-server-mode --disable-async
	client=$pid
	start libcoap-server build_libcoap server --enable-server-mode --enable-async
	server=$pid
	finish "$client" libcoap-client
	finish "$server" libcoap-server
	finish "$sqlcipher" sqlcipher
	cp -R "$work/libcoap-server/usr/include/coap3" "$out/include/" # the client's lacks server names, no more

	"$cc" --version | head -n 1 >"$out/complete"
	pids=
	mv "$out" "$prefix"
	say "complete: $prefix"
}

command=${1:-}
case $command in
-h | --help | help)
	usage
	exit 0
	;;
path | build)
	[ $# -le 2 ] || die "too many arguments; see --help"
	set_arch "${2:-}"
	set_prefix
	;;
*)
	usage >&2
	exit 64
	;;
esac
case $command in
path) echo "$prefix" ;;
build) build ;;
esac
