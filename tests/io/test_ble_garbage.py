#!/usr/bin/python3
"""test_ble_garbage.py - the real hub-ble against garbage: values, attribute tables, names, a decoder that dies.

usage: test_ble_garbage.py FOLDER [TEST ...]      FOLDER is the build's (FAILPOINTS=1): all programs, tests/io/ble_peer
HUB_FUZZ_SECONDS (10) says how long test_fuzz takes.
A-02, A-03, ... are the names of the attacks. The same on a real bluetoothd: tests/system/test_ble_attacks.py.
"""
import os
import pathlib
import sys
import time

from ble_attack_rig import GARBAGE, SEED, main, plain, valid
import dbus
import dbus.lowlevel
from fake_bluez import CHAR, DEVICE, PROPS, SERVICE, octets, uuid
from test_ble_io import ADDR, CUFF, PATH, READING, expect, expect_same, field, let_run, wait

FUZZ_S = float(os.environ.get('HUB_FUZZ_SECONDS', '10'))
TERMINAL = 'BP\n<3>hub-ble: forged event=1\r\x1b[2J\x1b]0;x\x07%s%n%p\u0081\u00a2cad"\'\\$(id)`id`'


# -- A-33 ------------------------------------------------------------------------------------------------

def test_decoder_dies(r):
    """A-33: hub-ble dies five times after it handed a value over, with a real hub-store and clinic: each is kept."""
    import test_kills
    program = pathlib.Path(plain.folder, 'hub-ble').read_bytes()
    names = ('ble.raw.sent', 'ble.decode')
    expect(all(n.encode() in program for n in names), 'hub-ble lacks failpoints: build it with FAILPOINTS=1')
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


def test_decoder_given_up(r):
    """A decoder that dies eleven times is left out for a day, over restarts: its values are kept undecoded."""
    r.bluez.add_adapter()
    r.add_bonded_cuff()
    r.configure(CUFF % (ADDR, 123456))
    os.environ.update(RUNTIME_DIRECTORY=r.dir, HUB_FAILPOINT='ble.decode', HUB_FAILPOINT_ONCE=r.dir + '/once')
    try:
        for life in range(1, 12):
            r.start_hub()
            wait('subscribed', lambda n=life: len(r.called('StartNotify')) == n)
            r.link()
            r.bpm.indicate(r.stamp())
            wait('the crash', lambda: r.hub.p.poll() is not None)
            os.unlink(r.dir + '/once')
            r.link(False)
            wait('what it had handed over', lambda n=life: len(r.store.find('RAW')) == n)
        r.start_hub()
        wait('subscribed', lambda: len(r.called('StartNotify')) == 12)
        wait('told', lambda: r.hubd.find('INCIDENT what=7 subject=1'))
        expect(r.hub.find('decoder-died', 'device=1 characteristic=2a35 times=11', 'undecoded'), 'said in the log')
        r.link()
        r.bpm.indicate(r.stamp())
        wait('the value', lambda: r.store.find('DECODED'))
        line = r.store.find('DECODED')[0]
        expect(int(field(line, 'marks')) & 8 and field(line, 'attribution') == '0', line)
        # another decoder is run
        os.environ['HUB_FAILPOINT'] = 'none'
        r.hub.kill()
        r.link(False)
        r.bluez.add_service(r.cuff, 0x20, 0x1809)
        other = r.bluez.add_char(r.cuff, 0x21, 0x2A1C, ['indicate'], service=0x20)
        r.start_hub()
        wait('subscribed', lambda: r.called('StartNotify', other.path))
        r.link()
        let_run(0.2)
        other.indicate(bytes.fromhex('00' '6c0100ff'))
        wait('the temperature', lambda: len(r.store.find('DECODED')) == 2)
        expect(not int(field(r.store.find('DECODED')[1], 'marks')) & 8, 'not decoded')
    finally:
        for name in ('RUNTIME_DIRECTORY', 'HUB_FAILPOINT', 'HUB_FAILPOINT_ONCE'):
            os.environ.pop(name, None)


SERVICES = {
    0x1810: (0x2A35, 0x2A36, 0x2A49, 0x2B34, 0x2B36, 0x2A52), 0x181D: (0x2A9D, 0x2A9E), 0x181B: (0x2A9C, 0x2A9B),
    0x1822: (0x2A5E, 0x2A5F, 0x2A60, 0x2A52), 0x1809: (0x2A1C, 0x2A1D, 0x2A1E),
    0x1808: (0x2A18, 0x2A34, 0x2A51, 0x2A52),
    0x180D: (0x2A37, 0x2A38), 0x181F: (0x2AA7, 0x2AA8, 0x2AA9, 0x2AAA, 0x2AAB, 0x2AAC, 0x2A52),
    0x1840: (0x2B8B, 0x2BDD, 0x2BF3, 0x2BF4, 0x2A52), 0x181C: (0x2A9F, 0x2A99, 0x2A9A),
    0x1805: (0x2A2B, 0x2A0F), 0x1847: (0x2B8E, 0x2B90, 0x2B91), 0x183F: (0x2BF2,),
    0x180A: (0x2A29, 0x2A24, 0x2A25, 0x2A26, 0x2A27, 0x2A28, 0x2A2A, 0x2A50, 0x2A23, 0x2BFF), 0x180F: (0x2A19,),
}
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
    wait('the last values of a round', lambda: last <= {x.split('value=')[1] for x in r.store.find('RAW')[-200:]}, 30)
    for _, node, _ in devices:
        node.change(DEVICE, Connected=False, ServicesResolved=False)
    let_run(0.05)
    r.expect_alive()
    return sent


def test_fuzz(r):
    """A-33: random values of every characteristic, read or sent: hub-ble lives, what is valid is taken."""
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
    wait('bond', lambda: r.called('Set', PATH, 'Trusted', True), 30)
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


if __name__ == '__main__':
    sys.exit(main(globals()))
