#!/bin/sh
# exchange.sh - files that one SQLCipher writes are read, changed and read again by another: ours on wolfCrypt, a stock
# one of the same version on OpenSSL, and Debian's package, in both directions.
#
# usage: make check-sqlcipher, or: exchange.sh O
#
# With a raw key and its salt, as the hub has it, and with a passphrase. Exit status: 0, or 1.
set -eu

[ $# -eq 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64; }
built=$("$(dirname "$0")/build.sh" path)
mkdir -p "$1"
work=$(mktemp -d "$(cd "$1" && pwd)/exchange.XXXXXX")
trap 'rm -rf "$work"' EXIT

salt=000102030405060708090a0b0c0d0e0f
raw="\"x'2dd29ca851e7b56e4697b0e1f08507293d761a05ce4d1b628663f411a8086d99$salt'\""
pass="'correct horse battery staple'"
wrong="'correct horse battery stable'"

# sql WHO FORMAT KEY FILE STATEMENTS: rows only, and what integrity_check says behind them; 'ok' before them is the key's
sql() {
	case $1 in
	ours) shell=$built/ours/shell ;;
	stock) shell=$built/stock/shell ;;
	debian) shell=/usr/bin/sqlcipher ;;
	esac
	compatible=
	# an old package knows only its own format, and not the pragma
	[ "$1" = debian ] || compatible="PRAGMA cipher_compatibility=$2;"
	printf '%s\n' "PRAGMA key=$3; $compatible $5" | timeout -k 5 60 "$shell" -batch "$4" 2>&1 | sed '/^row|/,$s/^ok$/row|ok/' | grep -E '^(row|Error|Parse error)' ||
		echo nothing
}

fill='CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB, s TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO t SELECT i, randomblob(i % 300), hex(randomblob(8)) FROM n; PRAGMA journal_mode=WAL;
DELETE FROM t WHERE id % 7 = 0; UPDATE t SET b = randomblob(5000) WHERE id % 50 = 1;'
change="INSERT INTO t SELECT id + 1000, randomblob(100), 'changed' FROM t WHERE id % 5 = 0; DELETE FROM t WHERE id % 11 = 0;"
look="SELECT 'row', id, hex(b), s FROM t ORDER BY id; PRAGMA integrity_check;"

count=0 bad=0
fail() {
	echo "FAILED $1" >&2
	bad=1
}

# same WHAT A B: the same rows, not too few, and SQLite finds nothing wrong with the file
same() {
	cmp -s "$2" "$3" || fail "$1"
	[ "$(grep -c '^row|' "$2")" -gt 300 ] || fail "$1: rows are missing"
	grep -qx 'row|ok' "$2" || fail "$1: PRAGMA integrity_check"
	count=$((count + 1))
}

# exchange WRITER READER FORMAT KIND KEY
exchange() {
	what="$1 -> $2, $4, format $3" file=$work/$1-$2-$4.db
	sql "$1" "$3" "$5" "$file" "$fill" >"$work/log"
	sql "$1" "$3" "$5" "$file" "$look" >"$work/a"
	sql "$2" "$3" "$5" "$file" "$look" >"$work/b"
	same "$what: written by one, read by the other" "$work/a" "$work/b"
	sql "$2" "$3" "$5" "$file" "$change" >"$work/log"
	sql "$2" "$3" "$5" "$file" "$look" >"$work/b"
	cmp -s "$work/a" "$work/b" && fail "$what: nothing was changed"
	sql "$1" "$3" "$5" "$file" "$look" >"$work/a"
	same "$what: changed by the other, read by the one" "$work/a" "$work/b"
	sql "$2" "$3" "$wrong" "$file" "$look" >"$work/b"
	! grep -q '^row|' "$work/b" || fail "$what: read with a wrong key"
	case $4 in
	raw) [ "$(head -c 16 "$file" | od -An -tx1 | tr -d ' \n')" = "$salt" ] || fail "$what: not the salt that was given" ;;
	esac
}

# the package's own format: 3 in Debian 12 (3.4.1), 4 in later ones
version=$(echo 'PRAGMA cipher_version;' | /usr/bin/sqlcipher -batch :memory: | sed 's/^\([0-9]*\).*/\1/')
case $version in
[34]) ;;
*) echo "exchange.sh: Debian's sqlcipher has version '$version'" >&2; exit 1 ;;
esac
for kind in raw pass; do
	case $kind in raw) key=$raw ;; pass) key=$pass ;; esac
	exchange ours stock 4 "$kind" "$key"
	exchange stock ours 4 "$kind" "$key"
	exchange ours debian "$version" "$kind" "$key"
	exchange debian ours "$version" "$kind" "$key"
done
echo "files exchanged with a stock SQLCipher on OpenSSL and Debian's $version.x: $count comparisons, $([ $bad -eq 0 ] && echo all equal || echo NOT all equal)"
exit $bad
