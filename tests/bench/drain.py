#!/usr/bin/python3
"""drain.py FOLDER - how fast a backlog reaches the clinic over a round trip of 100 ms, without losses and with 5 % each way.

FOLDER holds the programs. The real hub-coap and the real clinicd, its store on the disk; a proxy between them delays and
loses (bench_drain.c). 'late' is the second half alone, when the window has opened.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from figures import bench, note

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests'), str(TOP / 'tests/swarm')]

from ports import free_udp_port  # noqa: E402
from rig import Clinicd, wait  # noqa: E402

READINGS = 2000 if os.environ.get('BENCH') == 'short' else 6000
DELAY_MS = 50  # one way
LEAST = 200


def measure(build, clinic, port, loss):
    """Figures of one drain."""
    out = subprocess.run([build / 'tests/bench/bench_drain', clinic, str(port), build / 'hub-coap', str(DELAY_MS), str(loss),
                          str(READINGS)], check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=600).stdout
    return {k: float(v) for k, v in re.findall(r'(\w+)=(\S+)', out)}


def main():
    """Both paths."""
    build = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix='drain-') as top:
        clinic, port = pathlib.Path(top) / 'clinic', free_udp_port()
        subprocess.run([build / 'clinicctl', 'init', clinic, '--hub-ports', '1-65535', '--name', 'clinic.example', '--address', '127.0.0.1',
                        '--port', str(port)], check=True, stdout=subprocess.DEVNULL)
        clinicd = Clinicd(build, clinic, port, pathlib.Path(top) / 'log')
        try:
            wait('clinicd', clinicd.is_ready, 30)
            for loss in (0, 5):
                found = measure(build, clinic, port, loss)
                bench(f'drain-{loss}%-loss', found['rate'], 'readings/s', *(('>=', LEAST) if loss == 0 else ()))
                note(f'{found["readings"]:.0f} readings in {found["seconds"]:.1f} s, {found["late"]:.0f} a second in the second half; '
                     f'{found["datagrams"]:.0f} datagrams, {found["lost"]:.0f} lost')
        finally:
            clinicd.stop()


if __name__ == '__main__':
    main()
