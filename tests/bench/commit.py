#!/usr/bin/python3
"""commit.py FOLDER - commits of our stores beside those of others: same readings, same disk, one run.

usage: commit.py FOLDER     FOLDER holds the programs, and is on the disk to be measured; on a tmpfs it says nothing
       BENCH_ROUNDS: rounds of the comparison with plain SQLite, 30; a sixth as many with the peers

A round runs one after the other, so that what else the machine does falls on all of them; a ratio is the median of the
rounds' ratios. p50 and p99 go from 'offered' to 'acknowledged', for a whole group. Peers are reached over loopback by a
client in Python, which costs them some 30 us a group; ours are called directly.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from figures import bench, note  # noqa: E402
from peers import PEERS  # noqa: E402

ROUNDS = int(os.environ.get('BENCH_ROUNDS', '30'))
PEER_ROUNDS = max(1, ROUNDS // 6)
BODY, SEALED = 100, 172
# readings in a group -> groups in a round; short ones, because what else the disk does comes and goes in seconds
COMMITS = {1: 200, 8: 120, 32: 80}
# the same where bytes are counted: many checkpoints
LONG_COMMITS = {1: 1500, 8: 1000, 32: 800}
BYTES_MOST = {8: 2500, 32: 1000}
PEER_COMMITS = {1: 200, 8: 60, 32: 30}
WARM_UP = 20
# on a disk that is busy with something else rounds end earlier, but not before the third
BUDGET_S, PEER_BUDGET_S, ROUNDS_MIN = 12, 25, 3
DATABASES = ('cipher', 'openssl', 'plain')
OURS = {'queue': 'queue', 'queue-unsealed': 'plain', 'spool': 'spool'}


class Figures:
    """Of one store, with one size of group: what each round gave."""

    def __init__(self):
        self.p50, self.p99, self.octets, self.rate = [], [], [], []

    def add(self, p50, p99, octets, rate):
        """A round; us, us, bytes for each reading, readings a second."""
        self.p50.append(p50)
        self.p99.append(p99)
        self.octets.append(octets)  # of peers; ours: see LONG_COMMITS
        self.rate.append(rate)

    def report(self, name):
        """Their medians."""
        bench(f'{name}-rate', statistics.median(self.rate), 'readings/s')
        bench(f'{name}-p50', statistics.median(self.p50), 'us')
        bench(f'{name}-p99', statistics.median(self.p99), 'us')
        bench(f'{name}-bytes', statistics.median(self.octets), 'device-bytes-per-reading')


def run(*command):
    """One of our programs: the four numbers that it prints."""
    told = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    return [float(number) for number in told.stdout.split()]


def ratios(over, under):
    """Round by round."""
    return sorted(a / b for a, b in zip(over, under))


def rounds(most, budget_s):
    """Numbers of rounds, as many as there is time for."""
    end = time.monotonic() + budget_s
    for number in range(most):
        if number >= ROUNDS_MIN and time.monotonic() > end:
            return
        yield number


def compare_databases(programs, work):
    """SQLCipher with our provider, with OpenSSL's, and plain SQLite; only the commit, nothing is sealed."""
    for group, body in ((1, BODY), (8, BODY), (32, BODY), (1, SEALED), (8, SEALED), (32, SEALED)):
        of = {name: Figures() for name in DATABASES}
        for _ in rounds(ROUNDS, BUDGET_S):
            for name in DATABASES:
                of[name].add(*run(programs / f'bench_{name}', work, group, body, COMMITS[group]))
        for name in DATABASES if body == BODY else ():
            of[name].octets = [run(programs / f'bench_{name}', work, group, body, LONG_COMMITS[group])[2]]
        shape = f'{group}x{"sealed" if body == SEALED else body}'
        against = ratios(of['plain'].p50, of['cipher'].p50)
        if group != 8:
            bench(f'commit-ratio-{shape}', statistics.median(against), 'of-plain-sqlite', '>=', 0.8)
        bench(f'commit-ratio-openssl-{shape}', statistics.median(ratios(of['openssl'].p50, of['cipher'].p50)),
              'of-sqlcipher-with-openssl')
        p50 = {name: statistics.median(of[name].p50) for name in DATABASES}
        note(f'commit-{shape}: ours {p50["cipher"]:.0f} us, with OpenSSL {p50["openssl"]:.0f}, plain {p50["plain"]:.0f}; '
             f'{len(against)} ratios to plain, {against[0]:.2f} to {against[-1]:.2f}')
        if group > 1 and body == BODY:
            bench(f'device-bytes-{shape}', of['cipher'].octets[0], 'bytes-per-reading', '<=', BYTES_MOST[group])
        if body == BODY:
            for name in DATABASES:
                of[name].report(f'store-{"sqlite" if name == "plain" else "sqlcipher-" + name}-{group}')


def device_bytes(pid):
    """What a process has made the kernel write."""
    for line in pathlib.Path(f'/proc/{pid}/io').read_text().splitlines():
        if line.startswith('write_bytes:'):
            return int(line.split()[1])
    return 0


def run_peer(kind, group, folder):
    """A peer from an empty folder, as 'run'."""
    peer = kind(folder)
    peer.start()
    try:
        peer.prepare()
        peer.attach()
        next_number, took = 1, []
        for i in range(WARM_UP + PEER_COMMITS[group]):
            if i == WARM_UP:
                before = device_bytes(peer.main_pid())
            begin = time.perf_counter()
            peer.offer(range(next_number, next_number + group))
            if i >= WARM_UP:
                took.append((time.perf_counter() - begin) * 1e6)
            next_number += group
        written = device_bytes(peer.main_pid()) - before
    finally:
        peer.stop(9)
        shutil.rmtree(folder)
    took.sort()
    readings = group * len(took)
    return took[len(took) // 2], took[len(took) * 99 // 100], written / readings, readings / sum(took) * 1e6


def run_ours(programs, kind, group, folder, commits):
    """One of our own stores from an empty folder, as 'run'."""
    folder.mkdir()
    try:
        return run(programs / 'bench_store', 'commit', kind, folder, group, commits)
    finally:
        shutil.rmtree(folder)


def compare_stores(programs, work):
    """Ours with everything that hub-store does for a reading, and the peers."""
    peers = [kind for kind in PEERS if kind.path()]
    for group in COMMITS:
        of = {name: Figures() for name in (*OURS, *(kind.name for kind in peers))}
        for _ in rounds(PEER_ROUNDS, PEER_BUDGET_S):
            for name, kind in OURS.items():
                of[name].add(*run_ours(programs, kind, group, work / 'store', PEER_COMMITS[group]))
            for kind in peers:
                of[kind.name].add(*run_peer(kind, group, work / 'store'))
        for name, kind in OURS.items():
            of[name].octets = [run_ours(programs, kind, group, work / 'store', LONG_COMMITS[group])[2]]
        if group in BYTES_MOST:
            bench(f'device-bytes-{group}-queue', of['queue'].octets[0], 'bytes-per-reading', '<=', BYTES_MOST[group])
        for name, figures in of.items():
            figures.report(f'store-{name}-{group}')
        for kind in peers:
            bench(f'queue-rate-{group}-of-{kind.name}',
                  statistics.median(ratios(of['queue'].rate, of[kind.name].rate)), 'ratio')
    for kind in peers:
        note(f'{kind.name}: {kind.note}')


def measure_seal(programs):
    """Processor time of one reading's seal."""
    took, overhead = run(programs / 'bench_store', 'seal', 2000)
    bench('seal-one-reading', took, 'us', '<=', 100)
    bench('seal-overhead', overhead, 'bytes', '<=', 64)


def main():
    """All of it."""
    build = pathlib.Path(sys.argv[1]).resolve()
    programs = build / 'tests/bench'
    work = pathlib.Path(tempfile.mkdtemp(prefix='bench-commit-', dir=build))
    try:
        measure_seal(programs)
        compare_databases(programs, work)
        compare_stores(programs, work)
    finally:
        shutil.rmtree(work)


if __name__ == '__main__':
    main()
