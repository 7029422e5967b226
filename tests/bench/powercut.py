#!/usr/bin/python3
"""powercut.py FOLDER - readings that a store has acknowledged and does not have after a power cut: ours and others'.

usage: powercut.py FOLDER [NAME...]     FOLDER holds the programs; NAME: only these stores
       BENCH_CUTS: how many cuts for each, 100; BENCH_NAMES=strict: see recorder.py

Each store takes a reading every 25 ms, one at a time, while recorder.py writes down what it does to its folder. Then the
power fails at random moments between the first and the last acknowledgement: the folder is made what a disk would hold
that has lost all that was not synced, the program is started on it, and asked for all it has. The same for every one.
"""
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from figures import bench, note  # noqa: E402
from peers import PEERS  # noqa: E402
from recorder import Disk, Recording, strace  # noqa: E402

READINGS, GAP_S = 320, 0.025
CUTS = int(os.environ.get('BENCH_CUTS', '100'))
STRICT = os.environ.get('BENCH_NAMES') == 'strict'


class Ours:
    """One of our stores in bench_store, with the face of a Peer as far as it is used here."""

    sync_works = True

    def __init__(self, program, kind, folder):
        self.program, self.kind, self.folder = program, kind, folder
        self.folder.mkdir()

    def record(self, log):
        """Returns number -> time of its acknowledgement, in seconds since 1970."""
        subprocess.run([self.program, 'offer', self.kind, self.folder, '1', '0'], check=True, stdout=subprocess.DEVNULL,
                       timeout=30)  # the file is there; reading 1 is durable and not counted
        self.disk = Disk(self.folder, STRICT, self.sync_works)
        told = subprocess.run([*strace(log), self.program, 'offer', self.kind, self.folder, str(READINGS),
                               str(int(GAP_S * 1e6))], check=True, stdout=subprocess.PIPE, text=True, timeout=120)
        return {int(number): int(ns) / 1e9 for number, ns in (line.split() for line in told.stdout.splitlines())}

    def found(self):
        """The numbers that it has, read in a process of its own."""
        run = subprocess.run([self.program, 'find', self.kind, self.folder], stdout=subprocess.PIPE, text=True,
                             timeout=60, check=True)
        return [n for n in map(int, run.stdout.split()) if n != 1]


class Foreign:
    """A peer behind the same face."""

    def __init__(self, peer):
        self.peer, self.folder = peer, peer.folder

    def record(self, log):
        """As above."""
        self.peer.start()
        self.peer.prepare()
        self.peer.attach()
        self.peer.stop()
        self.disk = Disk(self.folder, STRICT)
        self.peer.start(strace(log))
        self.peer.attach()
        acknowledged = {}
        for number in range(1, READINGS + 1):
            self.peer.offer([number])
            acknowledged[number] = time.time()
            time.sleep(GAP_S)
        self.peer.stop(9)
        return acknowledged

    def found(self):
        """As above; what lies beside the folder stays."""
        self.peer.start()
        try:
            return self.peer.found()
        finally:
            self.peer.stop(9)


def restore(folder, image):
    """The folder becomes the image."""
    shutil.rmtree(folder)
    folder.mkdir()
    for name, octets in sorted(image.items()):
        if octets is None:
            (folder / name).mkdir(parents=True, exist_ok=True)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(octets)


def ask(store, image):
    """What it delivers after this power cut; None if it does not even start."""
    restore(store.folder, image)
    try:
        return store.found()
    except (OSError, subprocess.SubprocessError, AssertionError, KeyError, ValueError):
        return None


def judge(store, log):
    """Record once, cut CUTS times. Returns the counts."""
    acknowledged = store.record(log)
    first, last = min(acknowledged.values()), max(acknowledged.values())
    dice = random.Random(1)
    times = [dice.uniform(first, last) for _ in range(CUTS)]
    counts = {'acknowledged': 0, 'lost': 0, 'bad cuts': 0, 'dead': 0, 'wrong': 0, 'twice': 0}
    known = {}
    recording = Recording(store.disk, os.getcwd())
    for moment, image in recording.images(log, times):
        key = hash(tuple(sorted(image.items(), key=lambda item: item[0])))
        if key not in known:
            known[key] = ask(store, image)
        there = known[key]
        due = {number for number, at in acknowledged.items() if at < moment}
        lost = len(due - set(there or ()))
        counts['acknowledged'] += len(due)
        counts['lost'] += lost
        counts['bad cuts'] += lost > 0
        counts['dead'] += there is None
        counts['wrong'] += sum(number not in acknowledged for number in there or ())
        counts['twice'] += len(there or ()) - len(set(there or ()))
    counts['kill'] = len(set(acknowledged) - set(ask(store, recording.written()) or ()))
    return counts


def report(name, counts, target):
    """Two lines of figures and, if there is something to say, a note."""
    bench(f'cut-lost-{name}', 100 * counts['lost'] / CUTS, 'readings-per-100-cuts', target, 0)
    bench(f'cut-bad-{name}', 100 * counts['bad cuts'] / CUTS, 'of-100-cuts', target, 0)
    note(f'cut-{name}: {counts["acknowledged"] / CUTS:.0f} acknowledged at a cut; {counts["dead"]} times it did not start, '
         f'{counts["wrong"]} readings damaged or never offered, {counts["twice"]} delivered twice; '
         f'had only the program been killed at the end: {counts["kill"]} of {READINGS} lost')


def main():
    """Ours, the control, the peers."""
    build, only = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    work = pathlib.Path(tempfile.mkdtemp(prefix='bench-cut-', dir=build))
    program = build / 'tests/bench/bench_store'
    stores = [(kind, Ours(program, kind, work / kind), '<=') for kind in ('queue', 'spool')]
    control = Ours(program, 'queue', work / 'control')
    control.sync_works = False
    stores.append(('control-queue-whose-syncs-do-nothing', control, '>'))
    for peer in PEERS:
        if peer.path():
            stores.append((peer.name, Foreign(peer(work / peer.name)), None))
        else:
            note(f'cut-{peer.name}: {peer.program} is not installed')
    try:
        for name, store, target in stores:
            if only and name not in only:
                continue
            report(name, judge(store, work / 'strace.log'), target)
    finally:
        shutil.rmtree(work)


if __name__ == '__main__':
    main()
