#!/usr/bin/python3
"""check_net.py - a hub and its clinic over bad networks: each reading once, whatever the path does.

usage: check_net.py FOLDER [quick] [NAME...]      FOLDER holds the programs; names are those of scenarios.py

Real hub-store, hub-coap, hubd and clinicd in two network namespaces; needs root and /dev/net/tun, else it is
skipped. 'quick': the short form of each, and not all of them. One line for each scenario. NET_KEEP=1 leaves the folders under /tmp.
"""
import concurrent.futures
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import scenarios  # noqa: E402
from home import Home, Path  # noqa: E402

JOBS = 6  # they wait nearly all of the time
LIMIT_S = 1500


def run(build, name, full):
    """One scenario in this process."""
    scenario = next(s for s in scenarios.FULL if s.__name__ == name)
    start = time.monotonic()
    home = Home(build)
    try:
        result = scenario(home, full)
        home.check()
    finally:
        home.close()
    words = ' '.join(f'{key}={value}' for key, value in result.items())
    print(f'ok net {name} ({time.monotonic() - start:.0f} s): {words}')


def one(build, name, size):
    """One scenario in a process of its own; returns its exit code."""
    done = subprocess.run([sys.executable, __file__, build, '--one', name, size], text=True, timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout, end='', flush=True)
    return done.returncode


def main():
    """All of a set side by side, or those that are named."""
    build, words = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    if words[:1] == ['--one']:
        try:
            run(build, words[1], words[2] == 'full')
        except AssertionError as error:
            print(f'FAILED net {words[1]}: {error}')
            return 1
        return 0
    try:
        Path(build).close()
    except SystemExit as why:
        if why.code != 77:
            raise
        print('SKIP net: needs /dev/net/tun and the right to make network namespaces')
        return 77
    size = 'quick' if 'quick' in words else 'full'
    names = [w for w in words if w not in ('quick', 'full')]
    names = names or [s.__name__ for s in (scenarios.FULL if size == 'full' else scenarios.QUICK)]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        codes = list(pool.map(lambda name: one(build, name, size), names))
    print(f'{codes.count(0)} passed, {len(codes) - codes.count(0)} failed')
    return 0 if not any(codes) else 1


if __name__ == '__main__':
    sys.exit(main())
