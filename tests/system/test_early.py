#!/usr/bin/env python3
"""A bonded cuff that indicates at once after re-encryption, again and again: every reading arrives, once.

usage: test_early.py FOLDER [COUNT]      FOLDER holds the built programs; COUNT connections (100)

Real bluetoothd, real hub, emulated cuff that remembers its subscription and hangs up a moment after the
confirmation. An indication that is not confirmed stays in the cuff, and is sent again when the person presses the
button once more; how often that was needed is said, and how many links were proved to be encrypted with the bond.
"""
import sys

from household import Home, specs
from rig import Rig, TwinError, has_said


def confirmed(home):
    """Wait until the cuff is rid of its reading; returns how often it had to be sent again."""
    for tries in range(3):
        try:
            home.twin.wait('confirmed', 45, device=0)
            home.gone(0)
            return tries
        except TwinError:
            home.gone(0)
            home.device(0, 'transfer')
    raise AssertionError('an indication is never confirmed')


def run(home, count):
    """All of it; returns the readings at the clinic, and how many were sent a second time."""
    home.pair(0)
    home.measure(0, sys='120', dia='80')  # the test reading
    home.device(0, 'set', linger_s=0.1)
    again = 0
    for number in range(count):
        home.device(0, 'measure', sys=str(100 + number), dia='80', pulse=str(50 + number))
        again += confirmed(home)
    readings = home.wait_readings(0, count + 1)[1:]
    got = sorted(int(r['values'][0]['value']) for r in readings)
    if got != [100 + number for number in range(count)]:
        raise AssertionError(f'systolic values {got}')
    return readings, again


def main():
    """Run it once."""
    build, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with Rig(build, specs=specs(['cuff'])) as rig:
        rig.clinic.start()
        with rig.boot(devices=['cuff']) as twin:
            twin.wait('booted', 300)
            has_said(twin, 'hub-ble', 'radio on=1', 120)
            home = Home(rig, twin, ['cuff'])
            try:
                readings, again = run(home, count)
            except (TwinError, AssertionError) as error:
                print(f'FAILED early indications: {error}')
                there = {int(r['values'][0]['value']) for r in home.readings(0)[1:]}
                print(f'not there: {[100 + n for n in range(count) if 100 + n not in there]}')
                print(twin.sh('journalctl -b --no-pager -o short-monotonic -n 1000 -u "hub*" -u bluetooth', check=False), flush=True)
                return 1
    plain = sum('link not verified' in r['marks'] for r in readings)
    print(f'ok early indications: {count} of {count} delivered, each once, {again} of them at a second try; '
          f'{count - plain} verified, {plain} kept with the mark that the link was not seen encrypted')
    return 0


if __name__ == '__main__':
    sys.exit(main())
