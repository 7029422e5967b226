#!/usr/bin/python3
"""table.py FILE - the figures of a bench run, lines of figures.py, as tables: stores side by side, then what has a target.

Ends with 0 also if a figure is short of its target: that is a result, not a failure.
"""
import pathlib
import re
import sys

PAGES = 'each page is encrypted and hashed; the faster the sync, and the more readings share it, the more that weighs'
ALONE = 'each request is a transaction with a sync of its own: eight of them in one took half the time; the signature takes a seventh'
# why a figure may be short, where that is known
REASONS = {
    'ingest-requests-clinicd-sqlcipher': ALONE,
    'ingest-requests-clinicd-sqlcipher-dtls12': ALONE,
    'ingest-requests-clinicd-postgresql': 'each request is a transaction of eight round trips to the server; the signature takes a fifth',
    'unit-score-hub-coap': 'see rootfs/units.scores',
    'unit-score-hub-bondinfo': 'see rootfs/units.scores',
    'seal-one-reading': 'X25519 in C: the AVX2 code of the library makes wrong keys (docs/adr/0002)',
    'rotation-bytes': 'a new segment is a new file with its schema; the target counts the slot of its key',
    'commit-ratio-1x100': PAGES,
    'commit-ratio-1xsealed': PAGES,
    'commit-ratio-32x100': PAGES,
    'commit-ratio-32xsealed': PAGES,
}
LINE = re.compile(r'bench (\S+) (\S+) (\S+)(?: target (\S+)(?: (ok|short))?)?')
WIRE = re.compile(r'wire-(coap13|coap12|mqtt|https|lean)-(60|200|one|many)')
WIRE_HEADS = {'60': '60 B', '200': '200 B', 'one': 'one signed', 'many': 'a batch'}
STORE = re.compile(r'store-(.+)-(\d+)-(rate|p50|p99|bytes)')


def print_columns(rows):
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print('  '.join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip())


def print_stores(values):
    """One row for each store, for each size of group."""
    stores = {}
    for name, value in values.items():
        found = STORE.fullmatch(name)
        if found:
            stores.setdefault((int(found[2]), found[1]), {})[found[3]] = value
    for group in sorted({group for group, _ in stores}):
        print(f'\n{group} reading{"s" if group > 1 else ""} of 100 bytes at once')
        rows = [('', 'readings/s', 'p50 us', 'p99 us', 'device bytes/reading', 'lost in 100 power cuts', 'cuts that lose')]
        for (of, name), figures in stores.items():
            if of == group:
                rows.append((name, *(figures.get(key, '-') for key in ('rate', 'p50', 'p99', 'bytes')),
                             values.get(f'cut-lost-{name}', '-'), values.get(f'cut-bad-{name}', '-')))
        print_columns(rows)


def print_wire(values):
    """IP bytes per reading: one row for each protocol, one column for each payload."""
    found = {WIRE.fullmatch(name).groups(): value for name, value in values.items() if WIRE.fullmatch(name)}
    if not found:
        return
    print('\nIP bytes per reading, by payload')
    rows = [('', *WIRE_HEADS.values())]
    for who in dict.fromkeys(who for who, _ in found):
        rows.append((who, *(found.get((who, kind), '-') for kind in WIRE_HEADS)))
    print_columns(rows)


def main():
    """Read, print."""
    found = [LINE.fullmatch(line) for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]
    found = [line for line in found if line]
    values = {line[1]: line[2] for line in found}
    print_stores(values)
    print_wire(values)
    held = [line for line in found if line[5]]
    print('\nfigures that have a target')
    print_columns([('', 'figure', 'unit', 'target', ''), *((f[1], f[2], f[3], f[4], f[5]) for f in held)])
    short = [line[1] for line in held if line[5] == 'short']
    print(f'\n{len(held) - len(short)} of {len(held)} targets are reached')
    for name in short:
        print(f'  short: {name}{": " + REASONS[name] if name in REASONS else ""}')


if __name__ == '__main__':
    main()
