#!/usr/bin/python3
"""test_silence.py - why a device is silent, seen at the clinic: real hub-ble, hub-store, hub-coap, hubd and clinicd.

usage: test_silence.py FOLDER      FOLDER holds the programs

Only bluetoothd is scripted (fake_bluez.py). 'clinicctl status --silent-after 0' takes every device for overdue, so that
nobody has to wait for two days; the reason must follow from what the hub tells.
"""
import json
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'system'))
from test_kills import Home  # noqa: E402  says SKIP by itself if D-Bus is not there

from fake_bluez import DEVICE  # noqa: E402  the path was set by test_kills


class Clinic:
    """One home with a cuff, and what the clinic says of it."""

    def __init__(self, build):
        self.home = Home(build, None)
        battery = self.home.bluez.add_char(self.home.cuff, 0x21, 0x2A19, ['read'], service=0x20)
        self.percent = 80
        battery.on_read = lambda: bytes([self.percent])

    def hub(self, *more):
        """What 'clinicctl status --json' says of the hub."""
        return json.loads(self.home.ctl('status', self.home.dir / 'clinic', 'home', '--json', *more))

    def device(self, *more):
        """Of its only device."""
        return self.hub(*more)['devices'][0]

    def wait_reason(self, reason, *more):
        """Until it is the reason, and the text says the same."""
        def there():
            return self.device('--silent-after', '0', *more)['reason'] == reason

        try:
            self.home.wait(f'the reason {reason}', there)
        except AssertionError as error:
            raise AssertionError(f'{self.hub("--silent-after", "0")}: {error}') from None
        text = self.home.ctl('status', self.home.dir / 'clinic', '--silent-after', '0')
        line = next(line for line in text.splitlines() if 'device 1 (blood pressure)' in line)
        assert f'[{reason}]: SILENT: ' in line, line
        print(f'ok {reason}: {line.strip()}')


def main():
    """One home, one reason after the other."""
    clinic = Clinic(sys.argv[1])
    home = clinic.home
    try:
        home.measure(1)
        home.wait('the first reading', lambda: 101 in home.systolics())
        home.wait('the reading in the status', lambda: clinic.device()['last_reading'])
        device = clinic.device()
        assert device['reason'] == 'none' and device['silent'] is False, device
        assert device['last_seen'] and device['bond'] == 'good' and device['battery'] == 80, device
        status = clinic.hub()['status']
        assert (status['level'], status['storage'], status['radio']) == (0, 'ready', True), status
        clinic.wait_reason('no-measurement')

        clinic.percent = 7
        home.measure(2)
        home.wait('the second reading', lambda: 102 in home.systolics())
        clinic.wait_reason('battery')
        assert clinic.device()['reason'] == 'none', clinic.device()  # not due: nobody is to be alarmed

        home.cuff.change(DEVICE, Paired=False, Bonded=False)
        clinic.wait_reason('bond')
        assert clinic.hub()['reason'] == 'none', clinic.hub()
    finally:
        home.close()


if __name__ == '__main__':
    main()
