#!/usr/bin/env python3
"""The hub as a device: image booted in QEMU, real bluetoothd, emulated cuff, clinic on this machine.

usage: test_system.py FOLDER [TEST ...]      FOLDER holds the built programs

One boot; the tests run in order and each takes readings that must be at the clinic exactly once, with the cuff's
values. After the last one the hub's disk is searched for every value in every encoding.
"""
import base64
import sys

from rig import Rig, TwinError, has_said

# unusual digits, so that a find means something
VALUES = [
    {'sys': '187', 'dia': '113', 'map': '139', 'pulse': '107', 'unit': 'mmHg'},
    {'sys': '23.9', 'dia': '13.7', 'map': '17.3', 'pulse': '97.5', 'unit': 'kPa'},
    {'sys': '191', 'dia': '109', 'map': 'nan', 'pulse': '103', 'unit': 'mmHg'},
    {'sys': '193', 'dia': '101', 'map': '131', 'pulse': '89', 'unit': 'mmHg'},
    {'sys': '197', 'dia': '103', 'map': '127', 'pulse': '83', 'unit': 'mmHg'},
    {'sys': '199', 'dia': '107', 'map': '137', 'pulse': '79', 'unit': 'mmHg'},
    {'sys': '181', 'dia': '117', 'map': '149', 'pulse': '73', 'unit': 'mmHg'},
    {'sys': '179', 'dia': '119', 'map': '151', 'pulse': '71', 'unit': 'mmHg'},
]
NAMES = {'sys': 'systolic', 'dia': 'diastolic', 'map': 'mean', 'pulse': 'pulse'}


def wanted(measured):
    """What clinicctl must show of a measurement."""
    return {(NAMES[k], None if v == 'nan' else v, '/min' if k == 'pulse' else measured['unit'])
            for k, v in measured.items() if k in NAMES}


def shown(reading):
    """What clinicctl shows of a reading."""
    return {(v['name'], v['value'], v['unit']) for v in reading['values']}


class Home:
    """The hub and the clinic of this test run, and what was measured so far."""

    def __init__(self, rig, twin):
        self.rig, self.twin, self.measured, self.raws = rig, twin, [], []

    def measure(self):
        """Take the next measurement; returns when the cuff's indication was confirmed."""
        self.start()
        self.twin.wait('confirmed', 90)
        self.twin.wait('disconnected', 30)

    def start(self):
        """Take the next measurement, and do not wait."""
        values = VALUES[len(self.measured)]
        self.measured.append(values)
        self.twin.command('device.measure', **values)
        self.raws.append(bytes.fromhex(self.twin.seen('measured')[-1]['value']))

    def all_there(self, seconds=90):
        """Every measurement is at the clinic, once, with the cuff's values."""
        readings = self.rig.clinic.wait_readings(len(self.measured), seconds, self.twin.drain)
        for reading, measured in zip(readings, self.measured):
            if shown(reading) != wanted(measured):
                raise AssertionError(f'the clinic shows {shown(reading)}, measured was {wanted(measured)}')
        return readings


def test_pair_and_read(home):
    """Passkey pairing, first reading, time and its quality, the cuff's clock set."""
    has_said(home.twin, 'hub-ble', 'radio on=1', 120)
    home.twin.command('device.pair')
    paired = home.twin.wait('paired', 120)
    if not (paired['auth'] and paired['sc']):
        raise AssertionError(f'not Secure Connections with a passkey: {paired}')
    home.twin.wait('subscribed', 60)
    home.measure()
    reading = home.all_there()[0]
    if reading['attribution'] != 'probable':
        raise AssertionError(f'attribution of a sole-user cuff: {reading["attribution"]}')


def test_reconnect_and_clock(home):
    """The bonded cuff comes back by itself; its clock, an hour wrong, is set and the reading dated right."""
    home.twin.command('device.clock', offset=-3600)
    home.measure()
    reading = home.all_there()[1]
    written = home.twin.seen('clock_written')
    if not written:
        raise AssertionError('the clock was not set')
    if reading['device_clock']['offset_source'] not in ('read', 'set'):
        raise AssertionError(f'offset not measured: {reading["device_clock"]}')


def test_offline(home):
    """Cable pulled: saved; cable back: delivered."""
    home.twin.link(False)
    home.measure()
    home.twin.drain(2)
    if len(home.rig.clinic.readings()) != len(home.measured) - 1:
        raise AssertionError('a reading came without a network')
    home.twin.link(True)
    home.all_there(180)


def killed(home, unit):
    """Kill one process, measure as soon as the hub listens again."""
    said = len(home.twin.seen('log', unit='hub-ble'))
    home.twin.kill(unit)
    home.twin.wait_unit(unit, 60)
    if unit == 'hub-ble':
        while not any('radio on=1' in e['line'] for e in home.twin.seen('log', unit='hub-ble')[said:]):
            home.twin.drain(0.2)
    home.measure()
    home.all_there()


def test_kill_store(home):
    """hub-store killed and restarted by systemd."""
    killed(home, 'hub-store')


def test_kill_coap(home):
    """hub-coap killed and restarted by systemd."""
    killed(home, 'hub-coap')


def test_kill_ble(home):
    """hub-ble killed and restarted by systemd."""
    killed(home, 'hub-ble')


def test_kill_hubd(home):
    """hubd killed and restarted by systemd."""
    killed(home, 'hubd')


def test_clinic_restart(home):
    """clinicd killed; back a moment later on the same port."""
    home.rig.clinic.stop(kill=True)
    home.measure()
    home.rig.clinic.start()
    home.all_there(120)


def test_sandbox(home):
    """Peers by uid, no network where there must be none, nothing listens."""
    listeners = home.twin.sh("ss -Hlnut | grep -v ':68 ' || true").strip()
    if listeners:
        raise AssertionError(f'something listens: {listeners}')
    out = home.twin.sh('setpriv --reuid=hub-ble --clear-groups python3 -c "import socket as s; '
                       "x = s.socket(s.AF_UNIX, s.SOCK_SEQPACKET); x.connect('/run/hub/store-coap')\" 2>&1",
                       check=False)
    if 'PermissionError' not in out:
        raise AssertionError(f"hub-ble may connect to hub-coap's door: {out}")


def encodings(raw):
    """Every way in which a value could lie on a disk."""
    yield 'bytes', raw
    for i in range(len(raw) - 7):
        yield f'eight bytes from {i}', raw[i:i + 8]
    for text in (raw.hex(), raw.hex().upper(), raw.hex(' '), raw.hex(':')):
        yield 'hex', text.encode()
        yield 'hex, UTF-16', text.encode('utf-16-le')
    for skip in range(3):
        yield 'base64', base64.b64encode(raw[skip:])[:-4]


def values_text(measured):
    """The values as somebody would print them."""
    pair = f'{measured["sys"]}/{measured["dia"]}'
    return [pair.encode(), pair.encode('utf-16-le'), f'"{measured["sys"]}"'.encode()]


def find_values(home, image):
    """What of the measurements is in an image; a list of words."""
    found = [f'{measured["sys"]} as text' for measured in home.measured for t in values_text(measured) if t in image]
    for raw in home.raws:
        found += [f'{raw.hex()} as {name}' for name, what in encodings(raw) if what in image]
    return found


def search_disk(home):
    """After power-off: no value in any encoding on the queue's disk; and the search itself works."""
    image = home.rig.data.read_bytes()
    if b'SQLite format' in image:
        raise AssertionError('an unencrypted database on the disk')
    found = find_values(home, image)
    if found:
        raise AssertionError(f'on the disk: {found}')
    for plant in (home.raws[0], home.raws[1].hex().encode(), b'x' + base64.b64encode(home.raws[2]),
                  values_text(home.measured[0])[1]):
        if not find_values(home, image[:4096] + plant):
            raise AssertionError(f'the search does not find {plant}')
    return len(image)


TESTS = [test_pair_and_read, test_reconnect_and_clock, test_offline, test_kill_store, test_kill_coap, test_kill_ble,
         test_kill_hubd, test_clinic_restart, test_sandbox]


def memory(home):
    """PSS of each hub process in KB."""
    out = home.twin.sh("for p in hub-ble hub-store hub-coap hubd; do pid=$(systemctl show -P MainPID $p); "
                       "echo $p $(sed -n 's/^Pss: *//p' /proc/$pid/smaps_rollup); done")
    return {line.split()[0]: int(line.split()[1]) for line in out.splitlines()}


def main():
    """Run all, or the named ones (the first is always needed)."""
    build, names = sys.argv[1], sys.argv[2:]
    passed = failed = 0
    with Rig(build) as rig:
        rig.clinic.start()
        with rig.boot() as twin:
            home = Home(rig, twin)
            twin.wait('booted', 300)
            print(f'ok boot ({twin.events[-1]["host_t"]:.0f} s)', flush=True)
            for test in TESTS:
                if names and test.__name__ not in names:
                    continue
                try:
                    start = twin.events[-1]['host_t']
                    test(home)
                    passed += 1
                    print(f'ok {test.__name__} ({twin.events[-1]["host_t"] - start:.0f} s)', flush=True)
                except (TwinError, AssertionError) as error:
                    failed += 1
                    print(f'FAILED {test.__name__}: {error}', flush=True)
                    break
            if not failed:
                for name, kb in memory(home).items():
                    print(f'# memory {name} {kb} KB PSS')
                twin.poweroff()
        if not failed:
            print(f'ok search of the disk, {search_disk(home) >> 20} MB, {len(home.raws)} readings')
            passed += 1
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
