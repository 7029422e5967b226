#!/usr/bin/python3
"""durable.py - from bluetoothd's signal of a value to hub-store's answer that it is on disk.

usage: durable.py FOLDER [COUNT]      FOLDER holds the programs and tests/io/ble_peer

The real processes with a scripted bluetoothd, on this machine's disk. It is the window in which a value that
bluetoothd has confirmed to its device is nowhere but in memory.
"""
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'system'))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ['HUB_DEBUG'] = '1'

from figures import bench, note  # noqa: E402
from test_kills import DEVICE, Home, octets  # noqa: E402

GAP_S, LIMIT_MS = 0.05, 50


def value(number):
    """One blood pressure; every one is another."""
    when = bytes([0xea, 0x07, 11, 21, number // 3600 % 24, number // 60 % 60, number % 60])
    return octets(bytes([0x06, 100 + number % 100, 0, 80, 0, 90, 0]) + when + bytes([70, 0]))


def run(build, count):
    """Send `count` values over one link; returns the milliseconds of each."""
    home = Home(build, None)
    try:
        log = home.dir / 'hub-ble.log'
        home.wait('hub-ble listens', home.listening)
        home.cuff.change(DEVICE, Connected=True, ServicesResolved=True)
        home.wait('a moment', lambda until=time.monotonic() + 1: time.monotonic() > until)
        for number in range(count):
            home.bpm.indicate(value(number))
            home.wait('a moment', lambda until=time.monotonic() + GAP_S: time.monotonic() > until)
        done = re.compile(r'durable device=1 ms=(\d+)')
        home.wait('every answer', lambda: len(done.findall(log.read_text())) >= count)
        return sorted(int(ms) for ms in done.findall(log.read_text()))
    finally:
        home.close()


def main():
    """Measure once."""
    build, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100  # a flood begins at 120
    ms = run(build, count)
    p50, p99 = ms[len(ms) // 2], ms[len(ms) * 99 // 100]
    bench('durable-p50', p50, 'ms')
    bench('durable-p99', p99, 'ms', '<=', LIMIT_MS)
    note(f'durable: from an indication to the answer that it is durable; most {ms[-1]} ms of {len(ms)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
