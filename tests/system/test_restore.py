#!/usr/bin/python3
"""test_restore.py - the clinic is restored from an older backup: what it lost comes again from the hub, or has a name.

usage: test_restore.py FOLDER      FOLDER holds the programs

The real hub-ble, hub-store, hub-coap, hubd and clinicd, as in test_kills.py. Readings are taken, clinicd is stopped and
its database copied; more readings are taken; then the copy is put back. Twice: with a hub that has kept what it
delivered, and with one whose disk is too small for that (a tmpfs, which takes root).
"""
import json
import os
import shutil
import subprocess
import sys
import time

import test_kills
from test_kills import Home


ROOM_KB = 440  # for what is to be sent and for state.db, by which a value that is sent twice is known; not for more


class SmallHome(Home):
    """Its store keeps no copy of what was delivered: there is no room for that."""

    def _add(self, name, arguments):
        if name == 'hub-store':
            self._small_disk(self.dir / 'bundle' / 'store', ROOM_KB)
        super()._add(name, arguments)


def database(home):
    """The files that the clinic's database is."""
    return sorted((home.dir / 'clinic').glob('clinic.db*'))


def back_up(home):
    """Stop clinicd, copy, start."""
    clinicd = home.hold('clinicd')
    copy = home.dir / 'backup'
    copy.mkdir()
    for file in database(home):
        shutil.copy2(file, copy)
    home.release(clinicd)
    return copy


def restore(home, copy):
    """Stop clinicd, put the copy in the database's place, start."""
    clinicd = home.hold('clinicd')
    for file in database(home):
        file.unlink()
    for file in copy.iterdir():
        shutil.copy2(file, home.dir / 'clinic')
    home.release(clinicd)


def gaps(home):
    """What `clinicctl gaps` says: exit code, text, JSON lines."""
    argv = [home.build / 'clinicctl', 'gaps', home.dir / 'clinic', 'home']
    text = subprocess.run(argv, text=True, timeout=30, stdout=subprocess.PIPE, check=False)
    lines = subprocess.run([*argv, '--json'], text=True, timeout=30, stdout=subprocess.PIPE, check=False).stdout.splitlines()
    return text.returncode, text.stdout, [json.loads(line) for line in lines]


def settled(home):
    """True if every number of the hub is here, and the hub knows it."""
    status = home.status()
    return status['contig'] == status['hub_highest'] and status['missing'] == 0 and home.all_delivered()


def play(home):
    """Two readings, a backup, four more, the backup put back, one more. Returns how many records that took away."""
    for number in (1, 2):
        home.measure(number)
    home.wait('two readings', lambda: home.systolics() == [101, 102] and settled(home))
    copy = back_up(home)
    for number in (3, 4, 5, 6):
        home.measure(number)
    home.wait('six readings', lambda: home.systolics() == list(range(101, 107)) and settled(home))
    before = home.status()
    restore(home, copy)
    lost = before['records'] - home.status()['records']
    if home.systolics() != [101, 102]:
        raise AssertionError(f'the backup is not older: {home.systolics()}')
    home.measure(7)
    return lost


def check(status, records, given_up):
    """Each number once."""
    found = (status['records'], status['given_up'], status['missing'], status['quarantined'])
    if found != (records, given_up, 0, 0) or status['contig'] != status['hub_highest']:
        raise AssertionError(f'want {records} records and {given_up} given up, each number once: {status}')


def comes_back(build):
    """Everything is there again, once."""
    home = Home(build, None)
    try:
        play(home)
        home.wait('all seven readings', lambda: home.systolics() == list(range(101, 108)) and settled(home))
        status = home.status()
        check(status, 7 + status['manifests'], 0)
        code, text, _ = gaps(home)
        if code != 0 or ': Complete: every' not in text:
            raise AssertionError(f'gaps says {code}: {text}')
    finally:
        home.close()


def has_a_name(build):
    """No copy is left: the numbers are told as lost at the clinic, and what comes later is there."""
    home = SmallHome(build, None)
    try:
        lost = play(home)
        home.wait('the reading after it', lambda: 107 in home.systolics() and settled(home))
        status = home.status()
        check(status, status['hub_highest'] - lost, lost)
        if home.systolics() != [101, 102, 107]:
            raise AssertionError(f'nothing else can be here: {home.systolics()}')
        code, text, _ = gaps(home)
        if code == 0 or 'NOT COMPLETE' not in text or 'LOST at the clinic by an old backup' not in text:
            raise AssertionError(f'gaps says {code}: {text}')
    finally:
        home.close()


def main():
    """Both; the second in a mount namespace of its own."""
    build = sys.argv[1]
    if len(sys.argv) == 3:
        start = time.monotonic()
        {'comes-back': comes_back, 'has-a-name': has_a_name}[sys.argv[2]](build)
        print(f'ok restore: {sys.argv[2]} ({time.monotonic() - start:.1f} s)')
        return 0
    subprocess.run([sys.executable, __file__, build, 'comes-back'], check=True, timeout=300)
    if os.geteuid() != 0:
        print('SKIP restore on a small disk: it needs root')
        return 0
    subprocess.run(['unshare', '--mount', sys.executable, __file__, build, 'has-a-name'], check=True, timeout=300)
    return 0


if __name__ == '__main__':
    test_kills.LIMIT_S = 120  # the hub's heartbeat comes every 10 s
    sys.exit(main())
