#!/usr/bin/python3
"""test_ordered_test.py - what is measured after 'clinicctl test' arrives as a test and as nobody's; real programs of hub and clinic.

usage: test_ordered_test.py FOLDER      FOLDER holds the programs

Only bluetoothd is scripted (fake_bluez.py). How a test ends, and what a device has stored: test_ble_io.py, test_ordered_test.
"""
import json
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'system'))
from test_kills import Home  # noqa: E402  says SKIP by itself if D-Bus is not there


def arrived(home):
    """What is filed at the clinic: (systolic, a test?, whose)."""
    lines = map(json.loads, home.ctl('readings', home.dir / 'clinic', '--json', '--raw').splitlines())
    return sorted((bytes.fromhex(r['raw'])[1], 'test' in r['marks'], r['attribution']) for r in lines)


def main():
    """A reading, the order, two readings, one of them after hub-ble was killed: hubd tells it again."""
    home = Home(sys.argv[1], None)
    try:
        clinic = home.dir / 'clinic'
        home.ctl('signer', 'add', clinic, 'tech', '--role', 'technician')
        home.ctl('signer', 'give', clinic, 'home')
        home.measure(1)
        want = [(101, False, 'probable')]
        home.wait('the reading of the patient', lambda: arrived(home) == want)
        home.wait('the signer', lambda: home.config()['state'] == 'in-use' and home.config()['used'] == 2)
        home.ctl('test', clinic, 'home', '--as', 'tech', '--reason', 'visit', '--minutes', '30')
        ble = next(p for p in home.programs if p.name == 'hub-ble')
        home.wait('the order', lambda: 'test-readings' in ble.log.read_text())
        home.measure(2)
        want += [(102, True, 'unassigned')]
        home.wait('a test', lambda: arrived(home) == want)
        ble.process.kill()
        home.wait('hub-ble of before is gone', lambda: ble.starts == 2 and ble.log.read_text().count('test-readings') == 2)
        home.measure(3)
        want += [(103, True, 'unassigned')]
        home.wait('another test', lambda: arrived(home) == want)
        print('ok ordered tests are marked, and nobody\'s')
    finally:
        home.close()


if __name__ == '__main__':
    main()
