#!/usr/bin/env python3
"""The hub as a device: image booted in QEMU, real bluetoothd, emulated cuff, clinic on this machine.

usage: test_system.py FOLDER [TEST ...]      FOLDER holds the built programs

One boot; the tests run in order and each takes readings that must be at the clinic exactly once, with the cuff's
values. After the last one the hub's disk is searched for every value in every encoding, and booted with a torn superblock.
"""
import base64
import sys

from rig import HOST_IN_GUEST, Rig, TwinError, has_said

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
    {'sys': '173', 'dia': '121', 'map': '157', 'pulse': '67', 'unit': 'mmHg'},
    {'sys': '167', 'dia': '111', 'map': '163', 'pulse': '61', 'unit': 'mmHg'},
    {'sys': '163', 'dia': '127', 'map': '139', 'pulse': '59', 'unit': 'mmHg'},
    {'sys': '157', 'dia': '129', 'map': '143', 'pulse': '53', 'unit': 'mmHg'},
]
NAMES = {'sys': 'systolic', 'dia': 'diastolic', 'map': 'mean', 'pulse': 'pulse'}

# a name server in the guest, on the address that it has in the network: the clinic is on the host, other names nowhere
NAME_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 53))
while True:
    q, who = s.recvfrom(1500)
    end = q.index(0, 12) + 5
    found = q[12:end] == bytes([6]) + b'clinic' + bytes([7]) + b'example' + bytes([0, 0, 1, 0, 1])
    a = bytes([192, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 2, 2]) if found else b''
    s.sendto(q[:2] + bytes([129, 128, 0, 1, 0, found, 0, 0, 0, 0]) + q[12:end] + a, who)
"""


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
    if reading['attribution'] != 'unassigned' or 'test' not in reading['marks']:
        raise AssertionError(f'not a test, and nobody\'s: {reading}')


def test_reconnect_and_clock(home):
    """The bonded cuff comes back by itself; its clock, an hour wrong, is set and the reading dated right."""
    home.twin.command('device.clock', offset=-3600)
    for _ in range(3):  # a machine busy with other things may not read the clock within a second: then it says so
        home.measure()
        reading = home.all_there()[-1]
        if reading['attribution'] != 'probable':
            raise AssertionError(f'attribution of a sole-user cuff: {reading["attribution"]}')
        clock = reading['device_clock']
        if clock['offset_source'] != 'not measured':
            break
    if not home.twin.seen('clock_written'):  # it is set when the reading is on its way already
        home.twin.wait('clock_written', 60)
    if clock['offset_source'] not in ('read', 'set'):
        raise AssertionError(f'offset not measured: {clock}')


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


def carry_endpoints(home, version, spec):
    """Another config by clinicctl, carried to the hub; returns when one of its endpoints has proven itself."""
    file = home.rig.folder / f'config-{version}.cose'
    home.rig.clinic.ctl('hub', 'endpoints', home.rig.clinic.dir, 'home', '--set', spec, '--out', file)
    home.twin.sh(f'echo {base64.b64encode(file.read_bytes()).decode()} | base64 -d >/var/lib/hub/hubd/config.cose')
    has_said(home.twin, 'hubd', f'endpoints-proven version={version}', 90)


def test_name(home):
    """The clinic by its name alone: hub-coap looks it up in its sandbox, keeps that config, and starts with it."""
    home.twin.sh(f'systemd-run -q --unit=names python3 -c "{NAME_SERVER}"')
    home.twin.sh("ip -4 -o addr show scope global | sed -E 's,.* inet ([0-9.]*)/.*,nameserver \\1,' >/etc/resolv.conf")
    carry_endpoints(home, 2, 'name=clinic.example')
    killed(home, 'hub-coap')
    carry_endpoints(home, 3, f'address={HOST_IN_GUEST}')
    home.twin.sh('systemctl stop names')


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


def torn_superblock(home):
    """Booted once more, with the disk's first superblock gone as if a power cut had torn it: mended from a backup."""
    with open(home.rig.data, 'r+b') as disk:
        disk.seek(1024)
        disk.write(bytes(1024))
    with home.rig.boot() as twin:
        home.twin = twin
        twin.wait('booted', 300)
        has_said(twin, 'hub-ble', 'radio on=1', 120)
        home.measure()
        home.all_there()
        twin.poweroff()


TESTS = [test_pair_and_read, test_reconnect_and_clock, test_offline, test_kill_store, test_kill_coap, test_kill_ble,
         test_kill_hubd, test_clinic_restart, test_name, test_sandbox]


# hubd that ends as it does when a signed order to reboot was taken (tests/io/test_command_io.py)
ORDERED = r"""[Service]
Type=simple
NoExecPaths=
ExecPaths=
ExecStart=
ExecStart=/bin/sh -c 'exit 133'
"""


def ordered_reboot(home):
    """hubd's exit code for a reboot, and no other end of it (test_kill_hubd), has the machine rebooted."""
    folder = '/run/systemd/system/hubd.service.d'
    data = base64.b64encode(ORDERED.encode()).decode()
    home.twin.sh(f'mkdir -p {folder} && echo {data} | base64 -d >{folder}/end.conf && systemctl daemon-reload && '
                 '(sleep 1; systemctl --no-block restart hubd) >/dev/null 2>&1 &')
    home.twin.wait_end(90)


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
                ordered_reboot(home)
                print('ok ordered reboot', flush=True)
                passed += 1
        if not failed:
            print(f'ok search of the disk, {search_disk(home) >> 20} MB, {len(home.raws)} readings')
            passed += 1
            try:
                torn_superblock(home)
                passed += 1
                print('ok torn superblock', flush=True)
            except (TwinError, AssertionError) as error:
                failed += 1
                print(f'FAILED torn superblock: {error}', flush=True)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
