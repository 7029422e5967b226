#!/usr/bin/python3
"""test_ble_attacks.py - the real hub-ble under attack, against the scripted org.bluez of test_ble_io.py.

usage: test_ble_attacks.py FOLDER [TEST ...]      FOLDER is the build's, with FAILPOINTS=1: all programs, tests/io/ble_peer
HUB_SEED (1) chooses the random values, HUB_FUZZ_SECONDS (10) how long test_fuzz takes.

A-02, A-03, ... are the names of the attacks. The same on a real bluetoothd: tests/system/test_ble_attacks.py.
"""
import os
import pathlib
import random
import socket
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'system')]
import test_ble_io as plain  # noqa: E402  says SKIP and ends if python3-dbus is missing
import dbus  # noqa: E402
import dbus.lowlevel  # noqa: E402
from fake_bluez import ADAPTER, CHAR, DEVICE, MANAGER, PROPS, SERVICE, octets, uuid  # noqa: E402
from test_ble_io import ADDR, CUFF, PATH, READING, Failed, expect, expect_same, field, let_run, wait  # noqa: E402

SEED = os.environ.get('HUB_SEED', '1')
FUZZ_S = float(os.environ.get('HUB_FUZZ_SECONDS', '10'))
GARBAGE, IMPOSTOR, IPC = 2, 3, 13  # enum incident
ROLES = {'store': 2, 'hubd': 4, 'bond': 5}  # enum role
MEMORY_MAX_KB = 16384
TERMINAL = 'BP\n<3>hub-ble: forged event=1\r\x1b[2J\x1b]0;x\x07%s%n%p\u0081\u00a2cad"\'\\$(id)`id`'


def valid(number):
    """A value whose systolic pressure is `number`."""
    return READING[:1] + number.to_bytes(2, 'little') + READING[3:]


class Rig(plain.Rig):
    """A hub with one bonded cuff, and what an attacker has."""

    def __init__(self, name):
        super().__init__()
        self.random = random.Random(f'{SEED}/{name}')

    def memory_kb(self):
        """Resident memory of hub-ble; None under AddressSanitizer, which keeps what was freed."""
        pid = self.hub.p.pid
        if 'libasan' in pathlib.Path(f'/proc/{pid}/maps').read_text():
            return None
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
        return int(status.split('VmRSS:')[1].split()[0])

    def expect_small(self, before_kb):
        """hub-ble has not grown with what strangers sent."""
        kb = self.memory_kb()
        if kb is not None:
            print(f'     memory {before_kb} -> {kb} KB', flush=True)
            expect(kb < MEMORY_MAX_KB and kb - before_kb < 2048, f'memory {before_kb} -> {kb} KB')

    def expect_alive(self):
        """The hub-ble that was started still runs."""
        expect(self.hub.p.poll() is None, f'hub-ble ended with {self.hub.p.returncode}')

    def expect_bond(self):
        """The bond is there, and bluetoothd may connect to the cuff."""
        expect(not self.called('RemoveDevice'), 'the bond was removed')
        wait('trusted', lambda: bool(self.cuff.props[DEVICE]['Trusted']))

    def reads(self, number, seconds=5):
        """The cuff connects and measures; True if that is a verified reading in time."""
        def is_there():
            return any(f' systolic={number}e0' in x and ' unverified=0 ' in x for x in self.store.find('DECODED')[-9:])
        self.link()
        let_run(0.02)  # encryption takes longer; in the millisecond of the link's start nobody knows whose a value is
        self.bpm.indicate(valid(number))
        try:
            wait('a reading', is_there, seconds)
        except Failed:
            return False
        finally:
            self.link(False)
        return True

    def noise(self, longest=512):
        """Octets as an attacker sends them: short ones, real ones with an octet changed, anything."""
        kind = self.random.randrange(4)
        if kind == 0:
            return self.random.randbytes(self.random.randrange(24))
        if kind == 1:
            return self.random.randbytes(self.random.randrange(longest + 1))
        value = bytearray(self.random.choice(SAMPLES))
        for _ in range(self.random.randrange(1, 4)):
            value[self.random.randrange(len(value))] = self.random.randrange(256)
        return bytes(value[:self.random.randrange(len(value)) + 1] if kind == 2 else value)

    def outsider(self):
        """Another client of the same bus."""
        return dbus.bus.BusConnection(self.address)


# -- A-02 ------------------------------------------------------------------------------------------------

class Stranger:
    """A device nobody configured: appears connected, sends, goes, comes again."""

    def __init__(self, r, number):
        self.r, self.address, self.node, self.left = r, f'C0:FF:EE:00:00:{number:02X}', None, 0

    def step(self):
        """Do the next thing."""
        bluez, rng = self.r.bluez, self.r.random
        if not self.node:
            name = ''.join(chr(rng.randrange(1, 0x2FF)) for _ in range(rng.randrange(40)))
            self.node = bluez.add_device(self.address, Name=name, Connected=True, Paired=rng.random() < 0.3,
                                         UUIDs=dbus.Array([uuid(0x1810)], signature='s'))
            bluez.add_service(self.node, 0x0a, 0x1810)
            self.value = bluez.add_char(self.node, 0x0b, 0x2A35, ['indicate', 'read', 'write'])
            self.left = rng.randrange(1, 6)
        elif self.left:
            self.left -= 1
            self.value.indicate(self.r.noise() if rng.random() < 0.5 else READING)
        else:
            self.node.change(DEVICE, Connected=False)
            bluez.remove_tree(self.node.path)
            self.node = None


def test_strangers_flood(r):
    """A-02: 20 addresses connect, send garbage and go, over and over; the bonded cuff is read 99 of 100 times."""
    r.attached()
    expect(r.reads(90), 'the first reading')
    before = r.memory_kb()
    strangers = [Stranger(r, n) for n in range(20)]
    taken = steps = 0
    for number in range(100):
        for stranger in r.random.sample(strangers, 8):
            stranger.step()
            steps += 1
        taken += r.reads(100 + number)
    for _ in range(5000):  # and as fast as they can
        r.random.choice(strangers).step()
        steps += 1
        if steps % 20 == 0:
            let_run(0)
    taken_after = r.reads(201, 20)
    print(f'     {taken} of 100 readings, {steps} steps of strangers', flush=True)
    expect(taken >= 99, f'{taken} of 100 readings')
    expect(taken_after, 'no reading after the flood')
    expect(all('num=1 ' in x and x.split('value=')[1].startswith('1e') and x.endswith(READING.hex()[6:])
               for x in r.store.find('RAW')), 'a value of a stranger was taken')
    expect(r.called('Disconnect', '/org/bluez/hci0/dev_C0_FF_EE_00_00_00'), 'a stranger was not sent away')
    r.expect_bond()
    r.expect_small(before)


# -- A-03 ------------------------------------------------------------------------------------------------

def impostor(r, count, facts):
    """`count` connections of somebody with the cuff's address, each with a value, at random moments."""
    r.bond.say(facts)
    let_run(0.2)
    for number in range(count):
        r.cuff.change(DEVICE, Connected=True)
        if number % 3:
            let_run(r.random.uniform(0, 0.03))
        r.bpm.indicate(valid(40 + number % 9))
        let_run(r.random.uniform(0, 0.01))
        r.cuff.change(DEVICE, Connected=False, ServicesResolved=False)
        let_run(0)


def test_impostor(r):
    """A-03: 1,000 connections with the cuff's address and without its key: nothing verified; then the cuff is read."""
    r.attached()
    expect(r.reads(90), 'the first reading')
    before = r.memory_kb()
    impostor(r, 1000, 'facts 1 4 16 1 0 65')
    r.bond.say('facts 1 4 16 1 1 66')
    wait('trusted again', lambda: bool(r.cuff.props[DEVICE]['Trusted']), 5)
    began = time.monotonic()
    genuine = r.reads(200)
    print(f'     genuine cuff read {genuine}, {time.monotonic() - began:.1f} s after its connection', flush=True)
    let_run(0.5)
    forged = [x for x in r.store.find('DECODED') if any(f' systolic={n}e0' in x for n in range(40, 49))]
    print(f'     {len(r.store.find("RAW")) - 2} values taken raw, {len(r.store.find("DISCARD"))} discarded, '
          f'{len(forged)} kept as not verified', flush=True)
    expect(all(' unverified=1 ' in x for x in forged), 'a forged value counts as verified')
    expect(r.hubd.find(f'INCIDENT what={IMPOSTOR} subject=1'), 'no incident')
    r.expect_bond()
    expect(genuine, 'the genuine cuff was not read on its next connection')
    r.expect_small(before)


def test_impostor_flood(r):
    """A-03: an impostor that floods values, then the cuff itself at once: its reading is taken all the same."""
    r.attached()
    expect(r.reads(90), 'the first reading')
    r.bond.say('facts 1 4 16 1 0 65')
    let_run(0.1)
    for _ in range(4):
        r.cuff.change(DEVICE, Connected=True)
        let_run(0.1)
        for number in range(60):
            r.bpm.indicate(valid(40 + number % 9))
        let_run(0.1)
        r.cuff.change(DEVICE, Connected=False, ServicesResolved=False)
    r.bond.say('facts 1 4 16 1 1 66')
    let_run(0.05)
    expect(r.reads(200), 'the genuine cuff was refused for what an impostor sent')
    forged = [x for x in r.store.find('DECODED') if any(f' systolic={n}e0' in x for n in range(40, 49))]
    expect(all(' unverified=1 ' in x for x in forged), 'a forged value counts as verified')
    r.expect_bond()


# -- A-24 ------------------------------------------------------------------------------------------------

def expect_unused(r, path):
    """Nothing was done with an adapter, but to hide it and to send its devices away."""
    uses = [c for c in r.bluez.calls if len(c) > 1 and str(c[1]).startswith(path) and c[0] != 'Disconnect' and
            c[2:] != ('Discoverable', False)]
    expect_same(uses, [], 'what was done with the second adapter')


def add_copy(r):
    """A second adapter with the first one's address, and a copy of the cuff on it."""
    r.bluez.add_adapter('hci1')
    copy = r.bluez.add(type(r.cuff), '/org/bluez/hci1/dev_' + ADDR.replace(':', '_'), DEVICE, Address=ADDR,
                       AddressType='random', Name='BPCUFF', Paired=True, Bonded=True, Trusted=True, Connected=True,
                       ServicesResolved=True)
    r.bluez.add_service(copy, 0x0a, 0x1810)
    return r.bluez.add_char(copy, 0x0b, 0x2A35, ['indicate'])


def test_second_adapter(r):
    """A-24: an adapter with the first one's address comes while the hub works: ignored, reported, nothing of it taken."""
    r.attached()
    copy = add_copy(r)
    wait('incident', lambda: r.hubd.find(f'INCIDENT what={IMPOSTOR} subject=0'))
    for _ in range(5):
        copy.indicate(valid(45))
    let_run(0.2)
    expect(not r.store.find('RAW'), 'a value of the second adapter was taken')
    expect_unused(r, '/org/bluez/hci1')
    expect(r.reads(120), 'the cuff of the first adapter')


def test_second_adapter_first(r):
    """A-24: the copy is there before the hub starts, and is listed first: the hub uses hci0 and reports the other."""
    r.cuff = r.bluez.add_device(ADDR, Paired=True, Bonded=True, Trusted=True)
    copy = add_copy(r)
    r.bluez.add_adapter()
    r.add_services(r.cuff)
    r.configure(CUFF % (ADDR, 123456))
    r.start_hub()
    wait('powered', r.is_powered)
    wait('incident', lambda: r.hubd.find(f'INCIDENT what={IMPOSTOR} subject=0'))
    copy.indicate(valid(45))
    let_run(0.2)
    expect(not r.store.find('RAW'), 'a value of the second adapter was taken')
    expect_unused(r, '/org/bluez/hci1')
    expect(r.reads(120), 'the cuff of the first adapter')


def test_second_adapter_again(r):
    """A-24: bluetoothd restarts with the copy plugged in: the hub goes on with hci0."""
    r.attached()
    add_copy(r)
    wait('incident', lambda: r.hubd.find(f'INCIDENT what={IMPOSTOR} subject=0'))
    r.bluez.stop()
    wait('adapter lost', lambda: r.hubd.find('STATUS what=1 a=0'))
    del r.bluez.calls[:]
    r.bluez.start()
    r.bluez.add_adapter()
    r.add_bonded_cuff()
    add_copy(r)
    wait('attached again', lambda: r.called('RegisterApplication'))
    let_run(0.3)
    expect_unused(r, '/org/bluez/hci1')
    expect(r.is_powered(), 'the first adapter is not used')
    expect(r.reads(120), 'the cuff of the first adapter')


# -- A-33 ------------------------------------------------------------------------------------------------

def test_decoder_dies(r):
    """A-33: hub-ble dies five times after it handed a value over, with a real hub-store and clinic: each is kept."""
    import test_kills
    program = pathlib.Path(plain.folder, 'hub-ble').read_bytes()
    names = [n for n in ('ble.raw.sent', 'ble.decode') if n.encode() in program]
    expect(names, 'hub-ble has no failpoints: build it with FAILPOINTS=1')
    r.start_hub()  # only so that the harness has one
    for name in names:
        home = test_kills.Home(plain.folder, name)
        try:
            home.measure(1)
            home.wait('the first reading', lambda home=home: home.systolics() == [101])
            for number in range(2, 7):
                home.arm()
                home.last = None  # a cuff that sends nothing twice
                home.measure(number)
                home.wait('the crash', home.was_hit)
                wanted = [100 + n for n in range(1, number + 1)]
                home.wait('what it had handed over', lambda home=home, w=wanted: home.systolics() == w)
            home.last = None
            home.measure(7)
            home.wait('the last one', lambda home=home: home.systolics() == list(range(101, 108)))
            ends = [p.ends for p in home.programs if p.name == 'hub-ble'][0]
            expect_same(ends, [-9] * 5, 'ends of hub-ble')
            others = [p.name for p in home.programs if p.starts > 1 and p.name != 'hub-ble']
            expect_same(others, [], 'what else died')
        finally:
            home.close()


SERVICES = {
    0x1810: (0x2A35, 0x2A36, 0x2A49, 0x2B34, 0x2B36, 0x2A52), 0x181D: (0x2A9D, 0x2A9E), 0x181B: (0x2A9C, 0x2A9B),
    0x1822: (0x2A5E, 0x2A5F, 0x2A60, 0x2A52), 0x1809: (0x2A1C, 0x2A1D, 0x2A1E), 0x1808: (0x2A18, 0x2A34, 0x2A51, 0x2A52),
    0x180D: (0x2A37, 0x2A38), 0x181F: (0x2AA7, 0x2AA8, 0x2AA9, 0x2AAA, 0x2AAB, 0x2AAC, 0x2A52),
    0x1840: (0x2B8B, 0x2BDD, 0x2BF3, 0x2BF4, 0x2A52), 0x181C: (0x2A9F, 0x2A99, 0x2A9A),
    0x1805: (0x2A2B, 0x2A0F), 0x1847: (0x2B8E, 0x2B90, 0x2B91), 0x183F: (0x2BF2,),
    0x180A: (0x2A29, 0x2A24, 0x2A25, 0x2A26, 0x2A27, 0x2A28, 0x2A2A, 0x2A50, 0x2A23, 0x2BFF), 0x180F: (0x2A19,),
}
SAMPLES = [READING, bytes.fromhex('065c3fea070b15071f0202'), bytes.fromhex('020100ea070b150a1e0005c011'),
           bytes.fromhex('00610048000000'), bytes.fromhex('06750100ffea070b150a1e0002'), bytes.fromhex('165000'),
           bytes.fromhex('0663000a00'), bytes.fromhex('060001010500'), bytes.fromhex('050005000300'),
           bytes.fromhex('200201'), bytes.fromhex('0100002a00'), bytes.fromhex('ea070b150a1e00070000')]
CONTROLS = {0x2A52, 0x2A9F, 0x2AAC, 0x2BF4, 0x2B91}
KINDS = {0x1810: 1, 0x181D: 2, 0x1822: 5, 0x1808: 7, 0x180D: 9, 0x181F: 8, 0x1840: 10}


def add_everything(r, device, services):
    """A device that has all of these services; what is read is noise. Returns the characteristics by UUID."""
    chars = {}
    for place, service in enumerate(services):
        handle = 0x100 + place * 0x20
        r.bluez.add_service(device, handle, service)
        for number, short in enumerate(SERVICES[service]):
            flags = ['read', 'write', 'indicate', 'notify']
            c = r.bluez.add_char(device, handle + 1 + 2 * number, short, flags, service=handle)
            c.on_read = r.noise
            chars[service, short] = c
    return chars


def fuzz_devices(r):
    """Eight devices, each with a part of all services and at least one measurement."""
    services, devices = list(SERVICES), []
    for number in range(8):
        address = f'F0:F1:F2:F3:F5:{number:02X}'
        node = r.bluez.add_device(address, Paired=True, Bonded=True, Trusted=True)
        own = [services[number % 7 + (number > 6)], *services[9:]]
        chars = add_everything(r, node, [0x1810, *(s for s in own if s != 0x1810)])
        devices.append((address, node, chars))
    return devices


def configure_all(r, devices, user):
    """Let hub-ble know these devices; another user makes it forget what it knew of them."""
    r.configure(*(f'{i + 1},{a},random,123456,{user},0,kind=1,consent=1234' for i, (a, _, _) in enumerate(devices)))


def fuzz_round(r, devices, number, told):
    """Fresh devices in hub-ble's eyes; each sends noise on each characteristic, and valid values in between."""
    configure_all(r, devices, number % 2 + 2)
    let_run(0.1)
    wait('powered', r.is_powered)
    for _, node, _ in devices:
        node.change(DEVICE, Connected=True, ServicesResolved=True)
    let_run(0.15)
    sent = 0
    for turn in range(4):
        for device, (_, node, chars) in enumerate(devices):
            for (_, short), c in chars.items():
                # beside the records asked for, 120 values at once are a flood, and refused
                for _ in range(4 if short in CONTROLS else 1):
                    c.indicate(r.noise(520))
                    sent += 1
            if r.random.random() < 0.1:
                node.change(DEVICE, ServicesResolved=False)
                node.change(DEVICE, ServicesResolved=True)
            value = valid(0x100 + (number * 32 + turn * 8 + device) % 1500)
            chars[0x1810, 0x2B34 if (0x1810, 0x2B34) not in chars else 0x2A35].indicate(value)
            told.append((str(device + 1), value.hex()))
            let_run(0.01)
    last = {value for _, value in told[-len(devices):]}
    wait('the last values of a round', lambda: last <= {x.split('value=')[1] for x in r.store.find('RAW')[-200:]}, 10)
    for _, node, _ in devices:
        node.change(DEVICE, Connected=False, ServicesResolved=False)
    let_run(0.05)
    r.expect_alive()
    return sent


def test_fuzz(r):
    """A-33: random values of every characteristic, read or sent: hub-ble lives, what was valid between them is taken."""
    r.bluez.add_adapter()
    for service in list(SERVICES):  # RACP records of a cuff replace 2A35: the cuff here has none
        if service == 0x1810:
            SERVICES[service] = tuple(u for u in SERVICES[service] if u != 0x2B36)
    devices = fuzz_devices(r)
    configure_all(r, devices, 1)
    r.start_hub()
    wait('powered', r.is_powered)
    told, sent, rounds, before = [], 0, 0, None
    end = time.monotonic() + FUZZ_S
    while time.monotonic() < end:
        sent += fuzz_round(r, devices, rounds, told)
        rounds += 1
        before = before or r.memory_kb()
        del r.bluez.calls[:]
    got = {(field(x, 'num'), x.split('value=')[1]) for x in r.store.find('RAW')}
    lost = [x for x in told if x not in got]
    print(f'     seed {SEED}: {sent} random and {len(told)} valid values in {rounds} rounds', flush=True)
    expect_same(lost, [], f'valid values lost, of {len(told)}')
    expect(r.hubd.find(f'INCIDENT what={GARBAGE}'), 'garbage is not reported')
    r.expect_small(before)


# -- attribute tables ------------------------------------------------------------------------------------

def rebuild(r, build):
    """The cuff comes back with another attribute table."""
    r.link(False)
    for path in [p for p in r.bluez.nodes if p.startswith(r.cuff.path + '/service')]:
        if path in r.bluez.nodes:
            r.bluez.remove_tree(path)
    build()
    r.link()
    let_run(0.3)
    r.expect_alive()


def table_empty(r):
    """No service at all."""


def table_no_measurement(r):
    """The service without its measurement."""
    r.bluez.add_service(r.cuff, 0x0a, 0x1810)
    r.bluez.add_char(r.cuff, 0x0e, 0x2A49, ['read']).on_read = lambda: b'\x00\x00'


def table_twice(r):
    """Everything twice, in two services of the same UUID."""
    for handle in (0x0a, 0x2a):
        r.bluez.add_service(r.cuff, handle, 0x1810)
        for offset in (1, 4):
            r.bluez.add_char(r.cuff, handle + offset, 0x2A35, ['indicate'], service=handle)


def table_crowded(r):
    """200 characteristics, all of a kind that hub-ble wants."""
    r.bluez.add_service(r.cuff, 0x0a, 0x1810)
    for number in range(200):
        r.bluez.add_char(r.cuff, 0x100 + 2 * number, r.random.choice([0x2A35, 0x2A19, 0x2A52, 0x2A25, 0x2A08]),
                         ['read', 'indicate', 'write']).on_read = r.noise


def table_strange(r):
    """UUIDs, flags and paths that are none."""
    add, base = r.bluez.add, r.cuff.path
    add(type(r.cuff), base + '/service9999999999999999999999999', SERVICE, UUID=uuid(0x1810))
    add(type(r.cuff), base + '/serviceX', SERVICE, UUID='')
    add(type(r.bpm), base + '/serviceX/charY', CHAR, UUID='2a35', Flags=dbus.Array(['indicate'], signature='s'))
    add(type(r.bpm), base + '/serviceX/charZ', CHAR, UUID=dbus.UInt32(0x2A35), Flags='indicate')
    add(type(r.bpm), base + '/char0001', CHAR, UUID=uuid(0x2A35), Flags=dbus.Array(['\u0081%n'] * 50, signature='s'))
    add(type(r.bpm), base + '/a/b/c/d/e' + '/f' * 40, CHAR, UUID=uuid(0x2A35), Flags=dbus.Array([], signature='s'))
    add(type(r.bpm), base + '/serviceX/charT', CHAR, UUID=uuid(0x2A35), Flags=dbus.Array([7], signature='i'),
        Value=dbus.Dictionary({'a': 1}, signature='si'))


def table_deaf(r):
    """A measurement that cannot be subscribed to, and one without flags."""
    r.bluez.add_service(r.cuff, 0x0a, 0x1810)
    r.bluez.add_char(r.cuff, 0x0b, 0x2A35, ['read'])
    r.bluez.add_char(r.cuff, 0x0d, 0x2B34, [])


TABLES = (table_empty, table_no_measurement, table_twice, table_crowded, table_strange, table_deaf)


def test_tables(r):
    """A-33: malformed attribute tables, one after the other; afterwards the proper one is read again."""
    r.attached()
    expect(r.reads(90), 'the first reading')
    for number, table in enumerate(TABLES):
        rebuild(r, lambda table=table: table(r))
        for path, node in list(r.bluez.nodes.items()):
            if CHAR in node.props and path.startswith(r.cuff.path):
                node.change(CHAR, Value=octets(r.noise()))
        let_run(0.05)
        r.expect_alive()
        rebuild(r, lambda: r.add_services(r.cuff))
        expect(r.reads(100 + number), f'no reading after {table.__name__}: {table.__doc__}')
    r.expect_bond()


def test_table_large(r):
    """A-33: 200 characteristics of no known kind before the measurement: it is found and read."""
    r.attached()

    def build():
        r.bluez.add_service(r.cuff, 0x40, 0x1800)
        for number in range(200):
            r.bluez.add_char(r.cuff, 0x100 + 2 * number, 0x8000 + number, ['indicate'], service=0x40)
        r.add_services(r.cuff)
    rebuild(r, build)
    expect(r.reads(120), 'no reading')


def test_handles_move(r):
    """A-33: services vanish in the middle of a connection and come back on other handles: read there, not before."""
    r.attached()
    for number in range(10):
        r.link()
        let_run(0.02)
        old = r.bpm
        r.bluez.remove_tree(r.cuff.path + '/service%04x' % (0x0a + 0x40 * number))
        handle = 0x0a + 0x40 * (number + 1)
        r.bluez.add_service(r.cuff, handle, 0x1810)
        r.bpm = r.bluez.add_char(r.cuff, handle + 1, 0x2A35, ['indicate'], service=handle)
        wait('subscribed anew', lambda: bool(r.bpm.props[CHAR]['Notifying']))
        before = len(r.store.find('RAW'))
        old_path = dbus.lowlevel.SignalMessage(old.path, PROPS, 'PropertiesChanged')
        old_path.append(CHAR, dbus.Dictionary({'Value': octets(READING)}, signature='sv'),
                        dbus.Array([], signature='s'), signature='sa{sv}as')
        r.bluez.bus.send_message(old_path)
        let_run(0.05)
        expect_same(len(r.store.find('RAW')), before, 'values of a characteristic that is gone')
        expect(r.reads(100 + number), f'no reading after move {number + 1}')


def test_lengths(r):
    """A-33: values of 0 to 60,000 octets, texts and numbers where octets belong, between good values."""
    r.attached()
    expect(r.reads(90), 'the first reading')
    wrong = [b'', b'\x1e', bytes(512), bytes(513), bytes(60000)]
    types = ['text', dbus.UInt64(7), dbus.Array(['a'], signature='s'), dbus.Array([1], signature='i'),
             dbus.Dictionary({}, signature='sv'), dbus.Struct((1, 'a')), dbus.Boolean(True), dbus.Double(1.5),
             dbus.ObjectPath('/x'), dbus.Array([], signature='ay')]
    for number, value in enumerate([octets(v) for v in wrong] + types):
        r.link()
        r.bpm.change(CHAR, Value=value)
        r.cuff.change(DEVICE, Name=value, RSSI=value, Alias=value)
        let_run(0.02)
        expect(r.reads(100 + number), f'no reading after {str(value)[:40]!r}')
    expect(r.hubd.find(f'INCIDENT what={GARBAGE} subject=1'), 'no incident')
    r.expect_alive()


# -- A-36 ------------------------------------------------------------------------------------------------

def expect_clean_log(r):
    """Each line of the log is one of hub-ble's, and nothing of what outsiders called themselves is in it."""
    for line in r.hub.lines:
        expect(line.startswith('hub-ble: '), f'a line that is not hub-ble\'s: {line!r}')
        expect(all(0x20 <= ord(c) < 0x7f for c in line), f'not printable: {line!r}')
        expect('forged' not in line and '%s' not in line, f'text of an outsider: {line!r}')


def test_names(r):
    """A-36: newline, escape sequences, format strings and CBOR as name, serial number, agent's question, error."""
    plain.pairable(r)
    r.bluez.on_discovery = lambda: None
    r.start_hub()
    wait('search', lambda: r.called('StartDiscovery'))
    stranger = r.bluez.add_device(plain.OTHER, Name=TERMINAL, Alias=TERMINAL, Icon=TERMINAL, RSSI=dbus.Int16(-40),
                                  UUIDs=dbus.Array([TERMINAL, uuid(0x1810)], signature='s'))
    stranger.change(DEVICE, Name=TERMINAL * 50, Connected=True)
    questions = []
    r.bluez.ask_agent('DisplayPinCode', dbus.ObjectPath(stranger.path), TERMINAL, reply=lambda: questions.append('yes'),
                      error=lambda e: questions.append('no'))
    r.bluez.ask_agent('AuthorizeService', dbus.ObjectPath(stranger.path), TERMINAL,
                      reply=lambda: questions.append('yes'), error=lambda e: questions.append('no'))
    wait('answers', lambda: len(questions) == 2)
    expect_same(questions, ['no', 'no'], 'answers to a stranger')
    r.cuff = r.bluez.add_device(ADDR, Name=TERMINAL, Alias=TERMINAL)
    wait('bond', lambda: r.called('Set', PATH, 'Trusted', True), 10)
    r.bluez.add_service(r.cuff, 0x60, 0x180A)
    for number, short in enumerate((0x2A29, 0x2A24, 0x2A25, 0x2A26)):
        c = r.bluez.add_char(r.cuff, 0x61 + 2 * number, short, ['read'], service=0x60)
        c.on_read = lambda: TERMINAL.encode()

    def fail():
        raise dbus.DBusException(TERMINAL, name='org.bluez.Error.' + 'Failed')
    r.clock.on_read = fail
    r.link(False)
    let_run(0.05)
    expect(r.reads(120), 'no reading of a device with such a name')
    let_run(0.3)
    expect_clean_log(r)


# -- outsiders on the bus --------------------------------------------------------------------------------

def forge(bus, path, interface, member, signature, *arguments, to=None):
    """Emit a signal as another client."""
    message = dbus.lowlevel.SignalMessage(path, interface, member)
    message.append(*arguments, signature=signature)
    if to:
        message.set_destination(to)
    bus.send_message(message)


def forgeries(r, bus, to):
    """Everything bluetoothd could say, said by another client."""
    device = dbus.Dictionary({'Connected': True, 'Paired': False, 'Bonded': False, 'ServicesResolved': True,
                              'Trusted': False}, signature='sv')
    empty = dbus.Array([], signature='s')
    forge(bus, PATH, PROPS, 'PropertiesChanged', 'sa{sv}as', DEVICE, device, empty, to=to)
    forge(bus, r.bpm.path, PROPS, 'PropertiesChanged', 'sa{sv}as', CHAR,
          dbus.Dictionary({'Value': octets(valid(45))}, signature='sv'), empty, to=to)
    forge(bus, '/org/bluez/hci0', PROPS, 'PropertiesChanged', 'sa{sv}as', ADAPTER,
          dbus.Dictionary({'Powered': False, 'Pairable': True}, signature='sv'), empty, to=to)
    forge(bus, '/', MANAGER, 'InterfacesRemoved', 'oas', dbus.ObjectPath(PATH), dbus.Array([DEVICE], signature='s'), to=to)
    forge(bus, '/', MANAGER, 'InterfacesRemoved', 'oas', dbus.ObjectPath('/org/bluez/hci0'),
          dbus.Array([ADAPTER], signature='s'), to=to)
    forge(bus, '/', MANAGER, 'InterfacesAdded', 'oa{sa{sv}}', dbus.ObjectPath('/org/bluez/hci9'),
          dbus.Dictionary({ADAPTER: dbus.Dictionary({'Address': '00:AA:01:00:00:00'}, signature='sv')},
                          signature='sa{sv}'), to=to)


def test_outsider(r):
    """Signals and questions of another client of the bus touch no bond, make no reading, learn no passkey."""
    r.attached()
    bus = r.outsider()
    clients = [str(n) for n in r.bluez.bus.list_names() if str(n).startswith(':')]
    lines = len(r.hubd.lines)
    r.link()
    let_run(0.3)
    for to in [None, *clients]:
        forgeries(r, bus, to)
    let_run(0.5)
    expect(not r.store.find('RAW'), 'a forged value was taken')
    expect(not [x for x in r.hubd.lines[lines:] if 'INCIDENT' in x or 'STATUS what=1 a=0' in x],
           f'forged signals were believed: {r.hubd.lines[lines:]}')
    r.link(False)
    expect(r.reads(120), 'the cuff afterwards')
    agent, path = r.bluez.app_owner, [p for p, x in r.bluez.app.items() if CHAR in x][0]
    answers = []
    for object_path, interface, member, arguments in (
            ('/org/hub/agent', 'org.bluez.Agent1', 'RequestPasskey', (dbus.ObjectPath(PATH),)),
            (path, CHAR, 'ReadValue', (dbus.Dictionary({}, signature='sv'),))):
        proxy = dbus.Interface(bus.get_object(agent, object_path, introspect=False), interface)
        getattr(proxy, member)(*arguments, reply_handler=lambda *a: answers.append(('told', *a)),
                               error_handler=lambda e: answers.append('refused'))
    wait('answers', lambda: len(answers) == 2)
    expect_same(answers, ['refused', 'refused'], 'answers to an outsider')
    r.expect_bond()
    bus.close()


def test_outsider_owner(r):
    """Another client says that bluetoothd's name is now its own, and then speaks as bluetoothd: not believed."""
    r.attached()
    bus = r.outsider()
    clients = [str(n) for n in r.bluez.bus.list_names() if str(n).startswith(':')]
    me, there = str(bus.get_unique_name()), len(r.hub.find('bluetoothd there='))
    r.link()
    let_run(0.3)
    for to in clients:
        forge(bus, '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'NameOwnerChanged', 'sss', 'org.bluez',
              str(r.bluez.bus.get_unique_name()), me, to=to)
    let_run(0.3)
    for to in clients:
        forgeries(r, bus, to)
    let_run(0.3)
    expect_same(len(r.store.find('RAW')), 0, 'readings of another client of the bus')
    expect_same(len(r.hub.find('bluetoothd there=')), there, 'changes of owner that were believed')
    r.link(False)
    let_run(0.05)
    expect(r.reads(120), 'bluetoothd itself is no longer heard')
    bus.close()


def test_outsider_in_window(r):
    """While a device is being paired, another client asks hub-ble's agent for its passkey: refused."""
    plain.pairable(r)
    answers = []

    def pair(device, ok, fail):
        bus = r.outsider()
        sender, path = r.bluez.agent
        proxy = dbus.Interface(bus.get_object(sender, path, introspect=False), 'org.bluez.Agent1')

        def done(*what):
            answers.append(what)
            bus.close()
            r.bluez.pair_with_passkey(device, ok, fail)
        proxy.RequestPasskey(dbus.ObjectPath(device.path), reply_handler=lambda k: done('told', int(k)),
                             error_handler=lambda e: done('refused'))
    r.bluez.on_pair = pair
    r.start_hub()
    wait('bond', lambda: r.called('Set', PATH, 'Trusted', True), 10)
    expect_same(answers, [('refused',)], 'what an outsider was told')


# -- A-38 ------------------------------------------------------------------------------------------------

class Liar:
    """Stands at a neighbour's door and says whatever it likes."""

    def __init__(self, r, role):
        self.link, path = None, f'{r.dir}/{role}-ble'
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.path.exists(path):
            os.unlink(path)
        self.door.bind(path)
        self.door.listen(4)
        self.door.setblocking(False)

    def has_come(self):
        """hub-ble has connected."""
        if not self.link:
            try:
                self.link, _ = self.door.accept()
                self.link.setblocking(False)
            except BlockingIOError:
                pass
        return self.link is not None

    def has_gone(self):
        """hub-ble has closed the connection."""
        try:
            while self.link.recv(8192):
                pass
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        self.link.close()
        self.link = None
        return True

    def say(self, data):
        """Send one packet."""
        wait('hub-ble at the door', self.has_come, 8)
        try:
            self.link.send(data)
        except (BlockingIOError, BrokenPipeError):
            pass

    def close(self):
        """Leave the door."""
        for end in (self.link, self.door):
            if end:
                end.close()


PERMITTED = {'store': [(0x18, 1), (0x19, 10), (0x1A, 27)], 'hubd': [(0x30, 60), (0x33, 21), (0x34, 11)],
             'bond': [(0x51, 12)]}
# well-formed, and not theirs to say: MSG_WANT, MSG_QUEUE_STATE, MSG_DISCARD, another neighbour's message
FOREIGN = {'store': ['0128010000', '0121' + '00' * 16, '0112' + '00' * 7 + '01'],
           'hubd': ['0128010000', '011800', '0112' + '00' * 7 + '01'], 'bond': ['0128010000', '011800']}


def malformed(r, role):
    """Packets that are no message."""
    kind, _ = PERMITTED[role][0]
    yield from (b'\x00', b'\x01', bytes([2, kind]) + bytes(40), bytes([1, 0xEE]) + bytes(40), bytes([1, kind]) + bytes(4000),
                bytes(4096), bytes(6000), b'\xff' * 4096)
    for _ in range(3):
        yield b'\x01' + r.random.randbytes(r.random.randrange(60))


def test_neighbours(r):
    """A-38: hub-store, hubd and hub-bondinfo send malformed, forbidden and absurd messages: hub-ble survives, reports."""
    r.attached()
    expect(r.reads(90), 'the first reading')
    before = r.memory_kb()
    for role, number in ROLES.items():
        getattr(r, role).kill()
        liar = Liar(r, role)
        for packet in malformed(r, role):
            said = len(r.hub.find('ipc-bad-message')) + len(r.hub.find('ipc-violation'))
            liar.say(packet)
            wait(f'{role}: connection closed after {packet[:8].hex()}', liar.has_gone)
            if len(packet) <= 4096:
                wait('a word about it', lambda n=said: len(r.hub.find('ipc-bad-message')) +
                     len(r.hub.find('ipc-violation')) > n)
        for packet in FOREIGN[role]:
            liar.say(bytes.fromhex(packet))
            wait(f'{role}: connection closed after {packet}', liar.has_gone)
        wait('violations', lambda role=role: len(r.hub.find('ipc-violation', f'peer={role}')) >= len(FOREIGN[role]))
        for _ in range(25):  # what it may say, but nonsense; when that does not parse hub-ble hangs up
            kind, length = r.random.choice(PERMITTED[role])
            body = r.random.choice([r.random.randbytes(length), bytes(length), bytes(length - 1) + b'\x01'])
            if not liar.link:
                let_run(0.05)
            liar.say(bytes([1, kind]) + body)
            let_run(0.002)
            if liar.link:
                liar.has_gone()
        liar.close()
        setattr(r, role, r.peer(role))
        if role == 'hubd':
            r.configure(CUFF % (ADDR, 123456))
        # of one neighbour it is told every 10 s at most
        wait(f'incident of {role}', lambda n=number: r.hubd.find(f'INCIDENT what={IPC} subject={n}'), 15)
        r.expect_alive()
    wait('powered', r.is_powered, 10)
    expect(r.reads(120, 10), 'the cuff afterwards')
    r.expect_bond()
    r.expect_small(before)


def main():
    """Run all, or the named ones."""
    chosen, failed = sys.argv[2:], 0
    for name, test in [(n, f) for n, f in globals().items() if n.startswith('test_') and callable(f)]:
        if chosen and name not in chosen:
            continue
        rig, began = Rig(name), time.monotonic()
        try:
            test(rig)
            rig.expect_alive()
            print(f'ok   {name} ({time.monotonic() - began:.1f} s)', flush=True)
        except Exception as error:  # whatever it is, the others run
            failed += 1
            print(f'FAIL {name}: {error if isinstance(error, Failed) else traceback.format_exc()}')
            for label, lines in (('calls', rig.bluez.calls), ('hub-ble', rig.hub.lines if rig.hub else []),
                                 ('store', rig.store.lines), ('hubd', rig.hubd.lines)):
                print(f'  {label}:', *(str(line)[:200] for line in lines[-12:]), sep='\n     ', flush=True)
        finally:
            rig.done()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
