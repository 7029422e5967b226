#!/usr/bin/env python3
"""After each start of bluetoothd the first reading arrives, once: rootfs/bluez, docs/adr/0003.

usage: test_bluetoothd_restart.py [--build FOLDER] [--restarts N] [--ordinary N] [--stock]

A bonded cuff indicates right after encryption, before bluetoothd has the objects that hub-ble could ask
notifications of. Here bluetoothd is restarted and the cuff measures: the reading must be at the clinic, from
one indication, as one reading. Then without a restart, without hub-ble, and after a reboot. --stock starts
Debian's bluetoothd instead of ours, to see what the patch is worth: the readings after a restart are lost.
"""
import argparse
import sys
import time

from rig import Rig, TwinError, has_said, names

CUFF_OBJECT = '/org/bluez/hci0/dev_' + names.address(0).replace(':', '_')
STOCK = ('mkdir -p /run/systemd/system/bluetooth.service.d && printf "[Service]\\nExecPaths=/usr/libexec/bluetooth\\n'
         'ExecStart=\\nExecStart=/usr/libexec/bluetooth/bluetoothd\\n" '
         '>/run/systemd/system/bluetooth.service.d/90-stock.conf && systemctl daemon-reload')


class Test:
    """Counts what passed, and the readings there must be."""

    def __init__(self, rig):
        self.rig, self.number, self.arrived, self.passed, self.failed = rig, 0, 0, 0, 0

    def check(self, name, fault):
        """Print one line about one property."""
        self.passed, self.failed = self.passed + (not fault), self.failed + bool(fault)
        print(f'not ok {name}: {fault}' if fault else f'ok {name}', flush=True)

    def measure(self, twin, name):
        """One measurement: indicated once, at the clinic once."""
        self.number += 1
        systolic, tries, start = str(110 + self.number), len(twin.seen('indicated')), time.monotonic()
        twin.command('device.measure', sys=systolic, dia='82', map='97', pulse='71')
        fault = ''
        try:
            twin.wait('confirmed', 60)
            confirmed = time.monotonic()
            twin.wait('disconnected', 60)
            readings = self.rig.clinic.wait_readings(self.arrived + 1, 30, twin.drain)
            mine = [r for r in readings if any(v['value'] == systolic for v in r['values'])]
            tries = len(twin.seen('indicated')) - tries
            if len(mine) != 1 or tries != 1:
                fault = f'{len(mine)} readings from {tries} indications, want 1 and 1'
            name += f' (confirmed after {confirmed - start:.1f} s)'
        except (TwinError, AssertionError) as error:
            fault = str(error).splitlines()[0]
        self.arrived = len(self.rig.clinic.readings())
        self.check(name, fault)


def restart_bluetoothd(twin):
    """Restart it and wait until hub-ble has attached to the new one."""
    twin.drain()
    twin.unit('restart', 'bluetooth')
    twin.wait_log('hub-ble', 'bluetooth-attached', 60)


def nobody_listens(test, twin):
    """Without hub-ble an indication stays unconfirmed; the cuff delivers it at its next connection."""
    name = 'nobody listens: not confirmed, arrives later'
    twin.unit('stop', 'hub-ble')
    twin.unit('restart', 'bluetooth')
    twin.drain(2)
    twin.sh('busctl set-property org.bluez /org/bluez/hci0 org.bluez.Adapter1 Powered b true')
    twin.command('device.measure', sys='99', dia='62', map='77', pulse='61')
    twin.sh(f'timeout 20 busctl call org.bluez {CUFF_OBJECT} org.bluez.Device1 Connect', check=False)
    twin.wait('indicated', 60)
    before = len(twin.seen('confirmed'))
    twin.drain(5)
    unheard = len(twin.seen('confirmed')) - before
    twin.command('device.leave')  # comes back when the link has ended
    twin.unit('start', 'hub-ble')
    twin.wait_log('hub-ble', 'bluetooth-attached', 60)
    test.number += 1
    try:
        twin.command('device.transfer')
        test.rig.clinic.wait_readings(test.arrived + 1, 60, twin.drain)
        fault = f'{unheard} confirmations' if unheard else ''
    except AssertionError as error:
        fault = str(error)
    test.arrived = len(test.rig.clinic.readings())
    test.check(name, fault)


def bond(twin):
    """Bring the guest up and pair the cuff."""
    twin.wait('booted', 300)
    has_said(twin, 'hub-coap', 'uplink-up', 120)
    twin.command('device.pair')
    twin.wait('paired', 120)
    twin.wait('subscribed', 60)
    twin.wait('disconnected', 120)


def run(rig, arguments):
    """The whole test; returns the Test."""
    test = Test(rig)
    rig.clinic.start()
    with rig.boot() as twin:
        bond(twin)
        if arguments.stock:
            twin.sh(STOCK)
            restart_bluetoothd(twin)
        timeout = twin.sh('busctl get-property org.bluez /org/bluez/hci0 org.bluez.Adapter1 DiscoverableTimeout')
        test.check('bluetoothd reads our main.conf', '' if timeout.split() == ['u', '120'] else timeout)
        for number in range(1, arguments.restarts + 1):
            restart_bluetoothd(twin)
            test.measure(twin, f'first reading after restart {number} of bluetoothd')
        for number in range(1, arguments.ordinary + 1):
            test.measure(twin, f'ordinary reading {number}')
        nobody_listens(test, twin)
        twin.poweroff()
    with rig.boot() as twin:
        twin.wait('booted', 300)
        has_said(twin, 'hub-ble', 'bluetooth-attached', 120)
        test.measure(twin, 'first reading after a reboot')
    return test


def main():
    """Run it; 0 if all passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='build', help='folder of the built programs')
    parser.add_argument('--restarts', type=int, default=3)
    parser.add_argument('--ordinary', type=int, default=1)
    parser.add_argument('--stock', action='store_true')
    arguments = parser.parse_args()
    with Rig(arguments.build) as rig:
        try:
            test = run(rig, arguments)
        except TwinError as error:
            print(f'not ok: {error}')
            return 1
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed else 0


if __name__ == '__main__':
    sys.exit(main())
