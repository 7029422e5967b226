#!/usr/bin/python3
"""sessions.py O - what a message costs a clinic's server with 100 sessions, 1,000 and 10,000: it must not depend on that.

Time is the server's own CPU time, memory and all; instructions are valgrind's, and tell the walks from the cache misses.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import figures

SIZES = (100, 1000) if os.environ.get('BENCH') == 'short' else (100, 1000, 10000)
VALGRIND = ('valgrind', '--quiet', '--tool=callgrind', '--instr-atstart=no')


def control(what, pid):
    """Tell the valgrind of a process."""
    subprocess.run(['callgrind_control', *what, pid], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(program, size):
    """The figures of one size by time."""
    with subprocess.Popen([program, str(size)], stdout=subprocess.PIPE, text=True) as bench:
        lines = bench.stdout.read().splitlines()
    if bench.returncode:
        sys.exit(f'sessions.py: bench_sessions failed with {bench.returncode}')
    return [float(word) for word in lines[-1].split()]


def count(program, size):
    """Instructions of the server for each message."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, 'out')
        with subprocess.Popen([program, str(size), *VALGRIND, f'--callgrind-out-file={out}'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, bufsize=1) as bench:
            pid = bench.stdout.readline().strip()
            if bench.stdout.readline() != 'connected\n':
                sys.exit('sessions.py: bench_sessions failed under valgrind')
            control(['-i', 'on'], pid)
            print(file=bench.stdin)
            messages = int(bench.stdout.readline().split()[1])
            control(['-d'], pid)
            print(file=bench.stdin)
        dump = pathlib.Path(f'{out}.1').read_text(encoding='utf-8')
    return next(int(line.split()[1]) for line in dump.splitlines() if line.startswith('totals:')) / messages


def main():
    """Measure, print."""
    program = str(pathlib.Path(sys.argv[1], 'tests/bench/bench_sessions').absolute())
    rows = {size: run(program, size) for size in SIZES}
    instructions = {size: count(program, size) for size in SIZES}
    for size in SIZES:
        figures.bench(f'sessions-{size}-message-time', rows[size][2], 'us')
        figures.bench(f'sessions-{size}-message-instructions', instructions[size], 'instructions')
    most, least = SIZES[-1], SIZES[0]
    figures.bench(f'sessions-instructions-{most}-to-{least}', instructions[most] / instructions[least], 'ratio', '<=', 1.1)
    figures.bench(f'sessions-{most}-messages-per-core', 1e6 / rows[most][2], 'messages/s', '>=', 5000)
    figures.bench('sessions-handshakes-per-core', 1e6 / rows[most][4], 'handshakes/s', '>=', 500)
    figures.bench('sessions-memory', rows[most][5] / 1024, 'KiB/session')
    figures.note('time grows where instructions do not: each message meets the state of another session, not in any cache')


if __name__ == '__main__':
    main()
