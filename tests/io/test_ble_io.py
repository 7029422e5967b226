#!/usr/bin/python3
"""test_ble_io.py - the real hub-ble against a scripted org.bluez and two scripted neighbours.

usage: test_ble_io.py FOLDER [TEST ...]      FOLDER is the build's: hub-ble, tests/io/ble_peer
Each test starts everything anew on its own D-Bus daemon. Prints one line per test; exit 1 if one fails.
"""
import datetime
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

try:
    import dbus
    import dbus.lowlevel
    from gi.repository import GLib
except ImportError as e:
    print('SKIP ble_io: %s; install python3-dbus and python3-gi' % e)
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.dirname(sys.path[0]))
from child import die_with_us  # noqa: E402
from fake_bluez import ADAPTER, CHAR, DEVICE, PROPS, FakeBluez, octets, uuid  # noqa: E402

ADDR = 'F0:F1:F2:F3:F4:F5'
OTHER = 'F0:F1:F2:F3:F4:F6'
PATH = '/org/bluez/hci0/dev_F0_F1_F2_F3_F4_F5'
CUFF = '1,%s,random,%s,1,0'
# 120/80 mean 99 mmHg, 2026-11-21 10:30:00, pulse 72, user 1, no status bits
READING = bytes.fromhex('1e' '7800' '5000' '6300' 'ea070b150a1e00' '4800' '01' '0000')
STATE_UNBONDED, STATE_PAIRING, STATE_BONDED, STATE_CONNECTED, STATE_LOST, STATE_FAILED = range(6)

BUS_CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
</policy></busconfig>'''

folder = os.path.abspath(sys.argv[1])
context = GLib.MainContext.default()


class Failed(Exception):
    pass


def wait(what, condition, seconds=30):
    end = time.monotonic() + seconds
    wake = GLib.timeout_add(10, lambda: True)
    try:
        while not condition():
            if time.monotonic() > end:
                raise Failed('waited %g s for: %s' % (seconds, what))
            context.iteration(True)
    finally:
        GLib.source_remove(wake)


def let_run(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not context.iteration(False):
            time.sleep(0.005)


class Program:
    """A child whose lines on stdout (or stderr) are collected while the loop runs."""

    def __init__(self, argv, err=False):
        self.lines, self.rest = [], b''
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT if err else None,
                                  preexec_fn=die_with_us)
        fd = self.p.stdout.fileno()
        os.set_blocking(fd, False)
        self.watch = GLib.io_add_watch(fd, GLib.IO_IN | GLib.IO_HUP, self.on_output)

    def on_output(self, fd, condition):
        data = os.read(fd, 65536)
        *lines, self.rest = (self.rest + data).split(b'\n')
        self.lines += [x.decode(errors='replace') for x in lines]
        if not data:
            self.watch = None
        return bool(data)

    def say(self, line):
        self.p.stdin.write(line.encode() + b'\n')
        self.p.stdin.flush()

    def find(self, *parts):
        return [x for x in self.lines if all(p in x for p in parts)]

    def kill(self, sig=signal.SIGKILL):
        if self.p.poll() is None:
            self.p.send_signal(sig)
        code = self.p.wait(10)
        if self.watch:
            GLib.source_remove(self.watch)
        self.p.stdin.close()
        self.p.stdout.close()
        return code


class Rig:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='ble')
        with open(self.dir + '/bus.conf', 'w') as f:
            f.write(BUS_CONFIG % self.dir)
        self.address = 'unix:path=%s/bus' % self.dir
        self.daemon = subprocess.Popen(['dbus-daemon', '--nofork', '--config-file', self.dir + '/bus.conf'],
                                       stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
        wait('dbus-daemon', lambda: os.path.exists(self.dir + '/bus'))
        self.bluez = FakeBluez(self.address)
        self.store = self.peer('store')
        self.hubd = self.peer('hubd')
        self.bond = self.peer('bond')
        self.hub = None
        self.skew_s = 0
        self.written = []

    def peer(self, role):
        return Program([folder + '/tests/io/ble_peer', role, self.dir])

    def start_hub(self):
        self.hub = Program([folder + '/hub-ble', '--run', self.dir, '--bus', self.address, '--same-user'],
                           err=True)

    def done(self):
        for program in (self.hub, self.store, self.hubd, self.bond):
            if program:
                program.kill()
        self.daemon.kill()
        self.daemon.wait()
        shutil.rmtree(self.dir)

    def configure(self, *devices):
        self.hubd.say('config 60 ' + ' '.join(devices))

    def open_window(self, number=0, ident=1, milliseconds=600000, repair=0):
        self.hubd.say('window %d %d %d %d' % (ident, number, milliseconds, repair))

    # the cuff

    def cuff_clock(self):
        t = datetime.datetime.utcnow() + datetime.timedelta(seconds=3600 + self.skew_s)
        return t.year.to_bytes(2, 'little') + bytes([t.month, t.day, t.hour, t.minute, t.second])

    def set_cuff_clock(self, data):
        self.written.append(data)
        t = datetime.datetime(int.from_bytes(data[:2], 'little'), *data[2:7])
        now = datetime.datetime.utcnow() + datetime.timedelta(hours=1)
        self.skew_s = round((t - now).total_seconds())

    def add_services(self, device):
        self.bluez.add_service(device, 0x0a, 0x1810)
        self.bpm = self.bluez.add_char(device, 0x0b, 0x2A35, ['indicate'], Value=octets(READING))
        self.clock = self.bluez.add_char(device, 0x0e, 0x2A08, ['read', 'write'])
        self.clock.on_read, self.clock.on_write = self.cuff_clock, self.set_cuff_clock

    def add_bonded_cuff(self):
        self.cuff = self.bluez.add_device(ADDR, Paired=True, Bonded=True, Trusted=True)
        self.add_services(self.cuff)

    def attached(self):
        """A hub with one bonded cuff, radio on."""
        self.bluez.add_adapter()
        self.add_bonded_cuff()
        self.configure(CUFF % (ADDR, 123456))
        self.start_hub()
        wait('powered', self.is_powered)

    def is_powered(self):
        return bool(self.bluez.nodes['/org/bluez/hci0'].props[ADAPTER]['Powered'])

    def link(self, up=True):
        self.cuff.change(DEVICE, Connected=up, ServicesResolved=up)

    def called(self, *what):
        return [c for c in self.bluez.calls if c[:len(what)] == what]

    def stamp(self):
        """A reading stamped now by the cuff's clock."""
        return READING[:7] + self.cuff_clock() + READING[14:]

    def measure(self, data, count=1):
        before = len(self.store.find('DECODED'))
        self.bpm.indicate(data)
        wait('decoded value', lambda: len(self.store.find('DECODED')) >= before + count)
        return self.store.find('DECODED')[-1]


def expect(condition, what):
    if not condition:
        raise Failed(what)


def expect_same(got, want, what):
    if got != want:
        raise Failed('%s: got %r, want %r' % (what, got, want))


def field(line, name):
    return line.split(name + '=', 1)[1].split()[0]


def without(line, name):
    return [word for word in line.split() if not word.startswith(name + '=')]


def test_attach_order(r):
    """Objects, StartNotify, application, and only then the radio; nothing before hub-store is ready."""
    r.store.say('state 2')
    r.bluez.add_adapter(Discoverable=True)
    r.add_bonded_cuff()
    r.configure(CUFF % (ADDR, 123456))
    r.start_hub()
    wait('application', lambda: r.called('RegisterApplication'))
    let_run(0.2)
    expect(not r.called('Set', '/org/bluez/hci0', 'Powered'), 'radio on although hub-store is blocked')
    r.store.say('state 0')
    wait('powered', r.is_powered)
    names = [c[0] + (':%s=%s' % (c[2], c[3]) if c[0] == 'Set' else '') for c in r.bluez.calls]
    expect_same(names, ['GetManagedObjects', 'Set:Discoverable=False', 'StartNotify',
                        'RegisterApplication', 'Set:Powered=True'], 'order of calls')
    expect_same(r.bluez.services[0], '00001810-0000-1000-8000-00805f9b34fb', 'registered services')
    expect_same(len(set(r.bluez.services)), len(r.bluez.services), 'services registered once')
    let_run(0.2)
    expect(not r.store.find('RAW'), 'a cached value was read as new')
    expect(not r.called('StartDiscovery'), 'searching although every device is bonded')
    wait('states', lambda: r.hubd.find('STATUS what=2 a=1 b=%d' % STATE_BONDED))
    expect(r.hubd.find('STATUS what=1 a=1'), 'adapter not reported')


def pairable(r, passkey=123456, shown=123456):
    r.bluez.add_adapter()
    r.bluez.passkey = shown
    r.bluez.on_paired = r.add_services
    r.bluez.on_discovery = lambda: GLib.timeout_add(20, appear, r)
    r.configure(CUFF % (ADDR, passkey))
    r.open_window()


def appear(r):
    if ADDR not in [n.props.get(DEVICE, {}).get('Address') for n in r.bluez.nodes.values()]:
        r.cuff = r.bluez.add_device(ADDR)
    return False


def test_pairing(r):
    """Passkey from the configuration, exact address only, everything closed afterwards."""
    pairable(r)
    neighbour = r.bluez.add_device(OTHER)
    public = r.bluez.add_device('F0:F1:F2:F3:F4:F7', kind='public')
    refused = []

    def pair(device, ok, fail):
        def ask_right():
            r.bluez.pair_with_passkey(device, ok, fail)

        def no(*e):
            refused.append(str(e[0]))
            if len(refused) == 3:
                ask_right()
        agent = r.bluez.ask_agent
        agent('RequestPasskey', dbus.ObjectPath(neighbour.path), reply=lambda k: no('told ' + str(k)), error=no)
        agent('RequestConfirmation', dbus.ObjectPath(device.path), dbus.UInt32(1), reply=lambda: no('yes'),
              error=no)
        agent('AuthorizeService', dbus.ObjectPath(device.path), 'x', reply=lambda: no('yes'), error=no)
    r.bluez.on_pair = pair
    r.start_hub()
    wait('bond', lambda: r.called('Set', PATH, 'Trusted', True))
    wait('closed', lambda: r.called('UnregisterAgent'))
    expect_same(len([x for x in refused if 'Rejected' in x]), 3, 'refused questions of %r' % refused)
    expect_same([c for c in r.called('Pair')], [('Pair', PATH)], 'paired devices')
    expect(public.path not in str(r.called('Pair')), 'wrong address type paired')
    expect_same(r.called('SetDiscoveryFilter')[0][1], ['DuplicateData', 'Transport'], 'discovery filter')
    order = [c[0] for c in r.bluez.calls]
    expect(order.index('RegisterAgent') < order.index('StartDiscovery') < order.index('StopDiscovery') <
           order.index('Pair') < order.index('StartNotify'), 'order %r' % order)
    wait('not pairable', lambda: not r.bluez.nodes['/org/bluez/hci0'].props[ADAPTER]['Pairable'])
    wait('state', lambda: r.hubd.find('STATUS what=2 a=1 b=%d' % STATE_CONNECTED))
    expect(not r.bluez.discovering, 'still searching')
    line = r.measure(r.stamp())
    expect(' systolic=120e0/0' in line.lower() or '120e0' in line, 'values: ' + line)


def test_stale_object(r):
    """An object left from an earlier search is no proof that the device is there."""
    pairable(r)
    r.bluez.add_device(ADDR)
    r.bluez.on_discovery = lambda: None
    r.start_hub()
    wait('removed', lambda: r.called('RemoveDevice', PATH))
    wait('search', lambda: r.called('StartDiscovery'))
    let_run(0.3)
    expect(not r.called('Pair'), 'paired with an object nobody advertised')
    appear(r)
    wait('pair', lambda: r.called('Set', PATH, 'Trusted', True))


def test_wrong_passkey(r):
    """One retry, then the rest of it is removed, hubd is told, no storm."""
    pairable(r, shown=654321)
    r.start_hub()
    wait('failed', lambda: r.hubd.find('STATUS what=2 a=1 b=%d' % STATE_FAILED), 30)
    wait('agent gone', lambda: r.called('UnregisterAgent'))
    let_run(0.5)
    expect_same(len(r.called('Pair')), 2, 'attempts')
    expect(PATH not in r.bluez.nodes, 'the failed device stays behind')
    expect(r.hub.find('pairing-failed', 'reason=rejected'), 'reason not logged')


def test_weak_bond(r):
    """A passkey is configured, and the device bonds without asking: discarded, nothing of it accepted."""
    pairable(r)
    r.bond.say('facts 1 3 16 1 1 64')  # Secure Connections, but Just Works
    r.bluez.on_pair = lambda device, ok, fail: r.bluez.finish_pair(device, ok)
    r.start_hub()
    wait('discarded', lambda: r.called('RemoveDevice', PATH))
    wait('failed', lambda: r.hubd.find('STATUS what=2 a=1 b=%d' % STATE_FAILED))
    expect(not r.called('Set', PATH, 'Trusted', True), 'trusted')
    expect(not r.called('StartNotify'), 'subscribed')


def test_value(r):
    """RAW before DECODED, all fields, offset of the clock; two equal values are two readings."""
    r.skew_s = 100
    r.attached()
    r.link()
    wait('clock read', lambda: r.called('ReadValue'))
    line = r.measure(r.stamp())
    raw = r.store.find('RAW')[0]
    expect(r.store.lines.index(raw) < r.store.lines.index(line), 'DECODED before RAW')
    expect_same(field(raw, 'num'), '1', 'local number')
    expect_same(field(raw, 'char'), '2a35', 'characteristic')
    expect_same((field(line, 'user'), field(line, 'attribution')), ('1', '2'), 'user, attribution')
    expect_same(field(line, 'source'), '1', 'offset source')
    expect(abs(int(field(line, 'offset')) + 100000) <= 1500, 'offset: ' + line)
    r.measure(READING)
    r.measure(READING)
    expect_same([field(x, 'capture') for x in r.store.find('DECODED')], ['1', '2', '3'], 'captures')
    expect(not r.called('WriteValue'), 'clock set without the time of the clinic')


def test_limits(r):
    """hubd hears that a reading of the patient was outside the limits, and when the next one is not; never what it was."""
    told = 'STATUS what=17 a=1'
    r.hubd.say('limit 119')
    r.attached()
    r.link()
    line = r.measure(r.stamp())
    if field(line, 'unverified') == '1':  # it is not known whose it was, and is not judged
        expect(not r.hubd.find(told), 'an unverified reading was judged')
        r.measure(r.stamp())
    wait('outside', lambda: r.hubd.find(told))
    expect(field(r.hubd.find(told)[0], 'b') not in ('0', '120'), 'not the time')
    within = r.stamp()
    r.measure(within[:1] + bytes([119]) + within[2:])
    wait('within', lambda: r.hubd.find(told + ' b=0'))
    guest = r.stamp()
    r.measure(guest[:16] + bytes([2]) + guest[17:])  # another user of the cuff
    r.measure(r.stamp())
    wait('outside again', lambda: len(r.hubd.find(told)) >= 3)
    expect_same(len(r.hubd.find(told)), 3, 'how often hubd was told')


def test_early_value(r):
    """A value that comes before the clock was read waits for it, but less than a second."""
    r.attached()
    late = []
    r.clock.on_read = lambda: late.append(time.monotonic()) or r.cuff_clock()
    r.cuff.change(DEVICE, Connected=True)
    r.bpm.indicate(r.stamp())
    r.cuff.change(DEVICE, ServicesResolved=True)
    wait('decoded', lambda: r.store.find('DECODED'))
    expect(late, 'decoded before the clock was read')
    expect_same(field(r.store.find('DECODED')[0], 'source'), '1', 'offset source')
    r.link(False)
    let_run(0.1)
    r.cuff.change(DEVICE, Connected=True)
    let_run(0.1)
    r.bpm.indicate(READING)
    let_run(0.8)
    expect_same(len(r.store.find('DECODED')), 1, 'decoded before the services were resolved')
    r.link(False)
    wait('kept when the link has ended', lambda: len(r.store.find('DECODED')) == 2)
    expect_same(field(r.store.find('DECODED')[1], 'unverified'), '1', 'unverified')


def test_bad_values(r):
    """Garbage is forwarded or refused, never a crash; a value whose link nobody told of is kept, and marked."""
    r.attached()
    r.bpm.indicate(READING)  # not connected
    wait('kept', lambda: r.store.find('DECODED'))
    expect_same(field(r.store.find('DECODED')[0], 'unverified'), '1', 'unverified')
    del r.store.lines[:]
    r.link()
    line = r.measure(bytes([0x1e, 1, 2]))
    expect_same(int(field(line, 'marks')) & 8, 8, 'MARK_UNDECODED')
    r.bpm.indicate(bytes(513))
    r.bpm.change(CHAR, Value='text', Nonsense=dbus.Array([], signature='(sv)'), Flags=dbus.UInt32(1))
    r.bpm.PropertiesChanged('org.example', {}, [])
    r.cuff.change(DEVICE, Connected='yes', Address='nonsense', AddressType=dbus.Byte(1))
    r.measure(bytes(512))
    line = r.measure(bytes([0]) + bytes.fromhex('ff07') * 3)
    expect_same(int(field(line, 'marks')), 4, 'MARK_NO_RESULT')
    expect_same(len(r.store.find('RAW')), 3, 'values taken')
    other = dbus.bus.BusConnection(r.address)
    for name in [str(n) for n in r.bluez.bus.list_names() if str(n).startswith(':')]:
        message = dbus.lowlevel.SignalMessage(r.bpm.path, PROPS, 'PropertiesChanged')
        message.append(CHAR, dbus.Dictionary({'Value': octets(READING)}, signature='sv'),
                       dbus.Array([], signature='s'), signature='sa{sv}as')
        message.set_destination(name)
        other.send_message(message)
    let_run(0.3)
    expect_same(len(r.store.find('RAW')), 3, 'a value from another sender was taken')
    other.close()


def test_flood(r):
    """A hundred and twenty values at once are taken, the rest is counted and the device sent away."""
    r.attached()
    r.link()
    wait('answer about the link', lambda: r.bond.find('ANSWERED'))
    let_run(0.3)  # until the link is proved to be the cuff's; before, 32 are the limit
    for i in range(160):
        r.bpm.indicate(READING)
    wait('incident', lambda: r.hubd.find('INCIDENT what=2'))
    wait('disconnected', lambda: r.called('Disconnect', PATH))
    let_run(0.3)
    count = len(r.store.find('RAW'))
    expect(120 <= count <= 122, 'values taken: %d' % count)


def test_clock_set(r):
    """Read, set to the home's local time, read back; the next reading has the new offset and timeline."""
    r.skew_s = -7200
    r.hubd.say('time %d 500' % int(time.time() * 1000))
    r.attached()
    r.link()
    wait('clock set', lambda: r.written)
    expect_same(len(r.written[0]), 7, 'length of what was written')
    expect(abs(r.skew_s) <= 2, 'clock still off by %d s' % r.skew_s)
    wait('read back', lambda: len(r.called('ReadValue')) == 2)
    line = r.measure(r.stamp())
    expect(abs(int(field(line, 'offset'))) <= 2500, 'offset: ' + line)
    expect_same(field(line, 'timeline'), '1', 'timeline')
    old = datetime.datetime.utcnow() - datetime.timedelta(hours=3)
    stamp = old.year.to_bytes(2, 'little') + bytes([old.month, old.day, old.hour, old.minute, old.second])
    line = r.measure(READING[:7] + stamp + READING[14:])
    expect(abs(int(field(line, 'offset')) - 7200000) <= 2500, 'offset of an older stamp: ' + line)
    expect_same(field(line, 'timeline'), '0', 'timeline of an older stamp')


def test_store_away(r):
    """hub-store gone: radio off, the value waits in memory and comes again under its number."""
    r.attached()
    r.store.say('durable off')
    r.link()
    wait('clock read', lambda: r.called('ReadValue'))
    r.measure(r.stamp())
    first = r.store.find('RAW')[0]
    r.store.kill()
    wait('disconnect', lambda: r.called('Disconnect', PATH))
    wait('radio off', lambda: not r.is_powered())
    r.store = r.peer('store')
    wait('offered again', lambda: r.store.find('DECODED'))
    expect_same([without(x, 'unverified') for x in r.store.find('RAW')], [without(first, 'unverified')],
                'the value offered again')
    wait('radio on', r.is_powered)
    r.store.say('durable off')
    r.link()
    r.bpm.indicate(READING)
    wait('second value', lambda: r.store.find('DECODED', 'capture=2'))
    r.store.say('refuse 2 2')
    wait('radio off when full', lambda: not r.is_powered())
    r.store.say('state 0')
    wait('refused one again', lambda: len(r.store.find('RAW', 'capture=2')) == 2)
    r.store.say('durable 2')
    wait('radio on again', r.is_powered)


def test_bluetoothd_restart(r):
    """bluetoothd killed and back: attached anew in the same order, the next value arrives."""
    r.attached()
    r.link()
    r.measure(r.stamp())
    r.bluez.stop()
    wait('adapter lost', lambda: r.hubd.find('STATUS what=1 a=0'))
    del r.bluez.calls[:]
    r.bluez.start()
    r.bluez.add_adapter()
    r.add_bonded_cuff()
    wait('powered', r.is_powered)
    names = [c[0] for c in r.bluez.calls]
    expect(names.index('StartNotify') < names.index('RegisterApplication') < names.index('Set'),
           'order %r' % names)
    r.link()
    r.measure(r.stamp())


def test_adapter(r):
    """No adapter: wait for one. A second one is ignored and reported. Gone and back: attached again."""
    r.configure(CUFF % (ADDR, 123456))
    r.start_hub()
    wait('looked', lambda: r.called('GetManagedObjects'))
    let_run(0.1)
    r.bluez.add_adapter()
    wait('powered', r.is_powered)
    r.bluez.add_adapter('hci1')
    wait('incident', lambda: r.hubd.find('INCIDENT what=3 subject=0'))
    expect(not r.called('Set', '/org/bluez/hci1'), 'second adapter used')
    r.bluez.remove_tree('/org/bluez/hci1')
    r.bluez.remove_tree('/org/bluez/hci0')
    wait('adapter lost', lambda: r.hubd.find('STATUS what=1 a=0'))
    r.bluez.add_adapter()
    wait('powered', r.is_powered)


def test_strangers(r):
    """A bonded device that is not configured is neither trusted nor connected."""
    r.bluez.add_adapter()
    s = r.bluez.add_device(OTHER, Paired=True, Bonded=True, Trusted=True, Connected=True)
    r.configure()
    r.start_hub()
    wait('kept out', lambda: not s.props[DEVICE]['Trusted'] and not s.props[DEVICE]['Connected'])
    s.change(DEVICE, Connected=True)
    wait('kept out again', lambda: not s.props[DEVICE]['Connected'])
    expect(not r.called('RemoveDevice'), 'its bond was removed')


def test_storm(r):
    """Links that die at once: after five the device is paused and reported, the bond stays."""
    r.attached()
    for i in range(5):
        r.cuff.change(DEVICE, Connected=True)
        r.cuff.change(DEVICE, Connected=False)
    wait('paused', lambda: r.called('Set', PATH, 'Trusted', False))
    wait('reported', lambda: r.hubd.find('STATUS what=2 a=1 b=%d' % STATE_LOST))
    wait('armed again', lambda: r.called('Set', PATH, 'Trusted', True) and r.called('Connect', PATH))
    expect(not r.called('RemoveDevice'), 'bond removed')
    r.link()
    wait('good again', lambda: r.hubd.lines[-1].endswith('b=%d' % STATE_CONNECTED))


def test_link_in_pause(r):
    """A link that bluetoothd had begun before the pause, and that is of use: after it the device is listened for."""
    r.attached()
    for _ in range(5):
        r.cuff.change(DEVICE, Connected=True)
        r.cuff.change(DEVICE, Connected=False)
    wait('paused', lambda: not r.cuff.comes_back)
    r.link()
    r.measure(r.stamp())
    let_run(3.5)  # the longest pause
    r.link(False)
    wait('listened for', lambda: r.cuff.comes_back and r.cuff.props[DEVICE]['Trusted'])


def test_radio_renewed(r):
    """Nobody comes after a pause: the radio goes off and on once, which nobody is told of, and the cuff is read."""
    r.attached()
    for _ in range(5):
        r.cuff.change(DEVICE, Connected=True)
        r.cuff.change(DEVICE, Connected=False)
    wait('armed again', lambda: r.called('Connect', PATH))
    said = len(r.hubd.lines)
    expect(r.is_powered(), 'the radio is off at once')
    wait('off', lambda: r.called('Set', '/org/bluez/hci0', 'Powered', False), 15)
    wait('on', r.is_powered)
    let_run(0.2)
    expect(not [x for x in r.hubd.lines[said:] if x.startswith('STATUS what=1 a=0')], 'hubd heard that the adapter is off')
    r.link()
    r.measure(r.stamp())
    r.link(False)
    let_run(11)
    expect(len(r.called('Set', '/org/bluez/hci0', 'Powered', False)) == 2, 'not after the second ARM')
    let_run(11)
    expect(len(r.called('Set', '/org/bluez/hci0', 'Powered', False)) == 2, 'and more often')


def test_window(r):
    """Outside a window nothing is searched for and nobody is paired; its end closes everything."""
    pairable(r)
    r.hubd.say('window 0 0 0 0')
    r.start_hub()
    wait('powered', r.is_powered)
    let_run(0.5)
    expect(not r.called('StartDiscovery') and not r.called('RegisterAgent'), 'searching outside a window')
    r.bluez.on_discovery = lambda: None
    r.open_window(ident=2, milliseconds=1500)
    wait('search', lambda: r.called('StartDiscovery'))
    wait('over', lambda: r.hubd.find('STATUS what=7 a=2 b=3'))
    wait('closed', lambda: r.called('StopDiscovery') and r.called('UnregisterAgent'))
    expect(not r.bluez.nodes['/org/bluez/hci0'].props[ADAPTER]['Pairable'], 'still pairable')


ANY = '1,any,random,-,-,1,justworks=1'


def add_advertiser(r, address, service=0x1810, rssi=-50):
    return r.bluez.add_device(address, RSSI=dbus.Int16(rssi), UUIDs=dbus.Array([uuid(service)], signature='s'))


def test_any_address(r):
    """A device configured without address: the only candidate is paired, told to hubd, and tested."""
    r.bluez.add_adapter()
    r.bluez.on_paired = r.add_services

    def appear_one():
        if not r.called('Pair'):
            r.cuff = add_advertiser(r, ADDR)
            add_advertiser(r, OTHER, rssi=-90)  # next door
            add_advertiser(r, 'F0:F1:F2:F3:F4:F8', 0x1808)  # another kind
        return False
    r.bluez.on_discovery = lambda: GLib.timeout_add(20, appear_one)
    r.bluez.on_pair = lambda device, ok, fail: r.bluez.finish_pair(device, ok)
    r.bond.say('facts 1 1 16 1 1 64')
    r.configure(ANY)
    r.open_window()
    r.start_hub()
    wait('paired', lambda: r.called('Set', PATH, 'Trusted', True), 30)
    wait('told', lambda: r.hubd.find('BONDED num=1 addr=f0f1f2f3f4f5 type=1 strength=1'))
    line = r.measure(r.stamp())
    expect(int(field(line, 'marks')) & 16, 'not marked as test: ' + line)
    wait('done', lambda: r.hubd.find('STATUS what=7 a=1 b=2'))
    line = r.measure(r.stamp())
    expect(not int(field(line, 'marks')) & 16, 'marked as test: ' + line)
    expect_same(r.called('Pair'), [('Pair', PATH)], 'paired devices')


def test_ordered_test(r):
    """What is measured while hubd says so is a test and nobody's, also if it is settled later; what the cuff had before is not."""
    def settled(line):
        return int(field(line, 'marks')) >> 4 & 1, field(line, 'attribution')

    r.attached()
    r.hubd.say('time %d 1000' % int(time.time() * 1000))
    r.link()
    wait('clock read', lambda: r.called('ReadValue'))
    expect_same(settled(r.measure(r.stamp())), (0, '2'), 'before')
    r.hubd.say('test 3600000')
    wait('test', lambda: r.hub.find('test-readings', 'ms-left=3600000'))
    r.skew_s = -3600
    stored = r.stamp()
    r.skew_s = 0
    for data, want in ((r.stamp(), (1, '0')), (stored, (0, '2'))):
        expect_same(settled(r.measure(data)), want, 'meanwhile')
    r.link(False)
    r.bond.say('answer off')
    let_run(0.1)
    r.link()
    r.bpm.indicate(r.stamp())
    wait('taken', lambda: len(r.store.find('RAW')) == 4)
    r.hubd.say('test 1')
    wait('end of the test', lambda: r.hub.find('test-readings', 'ms-left=1'))
    expect_same(len(r.store.find('DECODED')), 3, 'settled')
    r.bond.say('answer on')
    wait('settled', lambda: len(r.store.find('DECODED')) == 4)
    expect_same(settled(r.store.find('DECODED')[-1]), (1, '0'), 'settled later')
    expect_same(settled(r.measure(r.stamp())), (0, '2'), 'afterwards')


def test_scale_tested(r):
    """One step on a body scale is two values: both are the test reading, the next step is the patient's."""
    r.bluez.add_adapter()

    def add_scale(device):
        r.bluez.add_service(device, 0x30, 0x181D)
        r.bpm = r.bluez.add_char(device, 0x31, 0x2A9D, ['indicate'], service=0x30)
        r.bluez.add_service(device, 0x40, 0x181B)
        r.body = r.bluez.add_char(device, 0x41, 0x2A9C, ['indicate'], service=0x40)

    def appear_one():
        if not r.called('Pair'):
            r.cuff = add_advertiser(r, ADDR, 0x181D)
        return False
    r.bluez.on_paired = add_scale
    r.bluez.on_discovery = lambda: GLib.timeout_add(20, appear_one)
    r.bluez.on_pair = lambda device, ok, fail: r.bluez.finish_pair(device, ok)
    r.bond.say('facts 1 1 16 1 1 64')
    r.configure('1,any,-,-,-,1,kind=2,justworks=1')
    r.open_window()
    r.start_hub()
    wait('paired', lambda: r.called('Set', PATH, 'Trusted', True), 30)
    wait('resolved', lambda: r.called('StartNotify', r.body.path))
    let_run(0.3)
    for step in range(2):
        r.bpm.indicate(bytes.fromhex('00' '5c3f'))
        r.body.indicate(bytes.fromhex('0000' 'fa00'))
        wait('both', lambda n=step: len(r.store.find('DECODED')) == 2 * n + 2)
    marks = [int(field(x, 'marks')) >> 4 & 1 for x in r.store.find('DECODED')]
    expect_same(marks, [1, 1, 0, 1], 'marked as test')
    let_run(5)
    r.body.indicate(bytes.fromhex('0000' 'fa00'))
    wait('the last', lambda: len(r.store.find('DECODED')) == 5)
    expect_same(int(field(r.store.find('DECODED')[-1], 'marks')) >> 4 & 1, 0, 'a later step is a test')


def test_leftover_bond(r):
    """Power was cut between bond and pin: the next window removes what is left, and the same device is paired."""
    r.bluez.add_adapter()
    r.bluez.on_paired = r.add_services
    left = add_advertiser(r, ADDR)
    left.change(DEVICE, Paired=True, Bonded=True)
    meter = add_advertiser(r, OTHER, 0x1808)  # nobody looks for it
    meter.change(DEVICE, Paired=True, Bonded=True)

    def appear_one():
        if PATH not in r.bluez.nodes:
            r.cuff = add_advertiser(r, ADDR)
        return False
    r.bluez.on_discovery = lambda: GLib.timeout_add(20, appear_one)
    r.bluez.on_pair = lambda device, ok, fail: r.bluez.finish_pair(device, ok)
    r.bond.say('facts 1 1 16 1 1 64')
    r.configure(ANY)
    r.start_hub()
    wait('powered', r.is_powered)
    let_run(0.2)
    expect(not r.called('RemoveDevice'), 'removed without a window')
    r.open_window()
    wait('paired', lambda: r.called('Set', PATH, 'Trusted', True), 30)
    expect_same(r.called('RemoveDevice'), [('RemoveDevice', PATH)], 'removed')


def test_late_services(r):
    """What a device offers may stand in a later advertisement than its address: it is a candidate all the same."""
    r.bluez.add_adapter()
    r.bluez.on_paired = r.add_services

    def appear_bare():
        r.cuff = r.bluez.add_device(ADDR, RSSI=dbus.Int16(-50))
        GLib.timeout_add(100, lambda: r.cuff.change(DEVICE, UUIDs=dbus.Array([uuid(0x1810)], signature='s')) and False)
        return False
    r.bluez.on_discovery = lambda: GLib.timeout_add(20, appear_bare) if not r.called('Pair') else None
    r.bluez.on_pair = lambda device, ok, fail: r.bluez.finish_pair(device, ok)
    r.configure(ANY)
    r.open_window()
    r.start_hub()
    wait('paired', lambda: r.called('Set', PATH, 'Trusted', True), 30)


def test_two_candidates(r):
    """Two devices of the kind in range: refuse both and say so."""
    r.bluez.add_adapter()
    r.bluez.on_discovery = lambda: GLib.timeout_add(
        20, lambda: bool(add_advertiser(r, ADDR) and add_advertiser(r, OTHER)) and False)
    r.configure(ANY)
    r.open_window()
    r.start_hub()
    wait('refused', lambda: r.hubd.find('STATUS what=7 a=1 b=4'), 30)
    wait('closed', lambda: r.called('UnregisterAgent'))
    let_run(0.3)
    expect(not r.called('Pair'), 'paired one of two')


def test_impostor(r):
    """A value over a link that never becomes encrypted: taken raw, and discarded when the link ends."""
    r.attached()
    r.bond.say('facts 1 4 16 1 0 65')
    let_run(0.1)
    for i in range(3):
        r.cuff.change(DEVICE, Connected=True)
        let_run(0.1)  # a look shows the plain link
        r.bpm.indicate(READING)
        wait('raw', lambda: len(r.store.find('RAW')) == i + 1)
        expect_same(field(r.store.find('RAW')[-1], 'unverified'), '1', 'unverified')
        let_run(0.2)
        r.cuff.change(DEVICE, Connected=False)
        wait('discarded', lambda: len(r.store.find('DISCARD')) == i + 1)
    expect(not r.store.find('DECODED'), 'a reading of an impostor')
    expect(r.hubd.find('INCIDENT what=3 subject=1'), 'no incident')
    expect(not r.called('RemoveDevice'), 'the bond was touched')
    r.bond.say('facts 1 4 16 1 1 66')
    let_run(0.1)
    r.link()
    let_run(0.02)
    line = r.measure(r.stamp())
    expect_same(field(line, 'unverified'), '0', 'the genuine device afterwards')


def test_late_encryption(r):
    """A value that comes before encryption waits, and is good when the same link becomes encrypted."""
    r.attached()
    r.bond.say('facts 1 4 16 1 0 65')
    let_run(0.1)
    r.cuff.change(DEVICE, Connected=True)
    let_run(0.1)
    r.bpm.indicate(r.stamp())
    let_run(0.3)
    expect(not r.store.find('DECODED'), 'not held back')
    r.bond.say('facts 1 4 16 1 1 65')
    r.cuff.change(DEVICE, ServicesResolved=True)
    wait('decoded', lambda: r.store.find('DECODED'))
    expect_same(field(r.store.find('DECODED')[0], 'unverified'), '0', 'verified')


def test_silent_device(r):
    """Connected, resolved and silent: it is subscribed to once more, in case bluetoothd holds its value."""
    r.attached()
    r.link()
    wait('subscribed again', lambda: len(r.called('StartNotify')) == 2, 30)
    let_run(0.3)
    expect_same(len(r.called('StopNotify')), 1, 'times unsubscribed')
    r.measure(r.stamp())


def test_absence_left_out(r):
    """bluetoothd may leave out a short absence: 'connected' again is another link, and proves nothing of the first."""
    r.attached()
    r.bond.say('facts 1 4 16 1 0 65')
    let_run(0.1)
    r.cuff.change(DEVICE, Connected=True)
    let_run(0.3)  # a look shows the plain link
    r.bpm.indicate(READING)
    let_run(0.1)
    r.bond.say('facts 1 4 16 1 1 65')  # the genuine device, under the same handle
    r.cuff.change(DEVICE, Connected=True, ServicesResolved=True)
    wait('discarded', lambda: r.store.find('DISCARD'))
    let_run(0.3)
    expect(not r.store.find('DECODED'), 'the value of the first link was taken')


def test_no_bondinfo(r):
    """Nobody to ask: the reading is kept, and says that its link is not verified."""
    r.bond.say('answer off')
    r.attached()
    r.link()
    line = r.measure(r.stamp())
    expect_same((field(line, 'unverified'), field(line, 'link')), ('1', '0'), 'unverified')


def test_short_key(r):
    """A key of seven octets: nothing is taken, the link is ended."""
    r.attached()
    r.bond.say('facts 1 4 7 1 1 65')
    let_run(0.1)
    r.link()
    wait('ended', lambda: r.called('Disconnect', PATH))
    expect(r.hub.find('bond-refused'), 'not logged')
    expect(not r.called('RemoveDevice'), 'bond removed outside a window')


def test_time_service(r):
    """A device may fetch the time, once the clinic has told it."""
    r.attached()
    app = r.bluez.app
    path = [p for p, x in app.items() if x.get(CHAR, {}).get('UUID', '').startswith('00002a2b')][0]
    expect_same(list(app[path][CHAR]['Flags']), ['encrypt-read'], 'flags')
    chrc = dbus.Interface(r.bluez.bus.get_object(r.bluez.app_owner, path, introspect=False), CHAR)
    got = []
    chrc.ReadValue(dbus.Dictionary({}, signature='sv'), reply_handler=got.append, error_handler=lambda e: got.append(str(e.get_dbus_name())))
    wait('answer', lambda: got)
    expect_same(got.pop(), 'org.bluez.Error.NotPermitted', 'without a time')
    r.hubd.say('time %d 500' % int(time.time() * 1000))
    let_run(0.1)
    chrc.ReadValue(dbus.Dictionary({}, signature='sv'), reply_handler=got.append, error_handler=got.append)
    wait('answer', lambda: got)
    value = bytes(got.pop())
    when = datetime.datetime(int.from_bytes(value[:2], 'little'), *value[2:7])
    expect(len(value) == 10 and abs((when - datetime.datetime.utcnow()).total_seconds() - 3600) < 5,
           'time: ' + value.hex())


# -- a glucose meter -----------------------------------------------------------------------------------

ANCHOR = 0x1F0F1F2F3F4F5  # address and type, as hub-ble packs them
METER = '1,%s,random,123456,-,1,kind=7%s'


def sfloat_record(number):
    """One glucose record: sequence, base time, 5.0e-4 kg/L, capillary whole blood, finger."""
    return (bytes([0x02]) + number.to_bytes(2, 'little') + bytes.fromhex('ea070b150a1e00') +
            bytes.fromhex('05c0') + bytes([0x11]))


class Meter:
    """Answers the Record Access Control Point as the Glucose Service says."""

    def __init__(self, r, count):
        self.r, self.requests, self.records = r, [], [sfloat_record(n) for n in range(1, count + 1)]
        r.bluez.add_adapter()
        r.cuff = r.bluez.add_device(ADDR, Paired=True, Bonded=True, Trusted=True)
        r.bluez.add_service(r.cuff, 0x20, 0x1808)
        self.data = r.bluez.add_char(r.cuff, 0x21, 0x2A18, ['notify'], service=0x20)
        self.control = r.bluez.add_char(r.cuff, 0x24, 0x2A52, ['indicate', 'write'], service=0x20)
        self.control.on_write = self.on_request
        self.cut_after = None

    def on_request(self, data):
        self.requests.append(data.hex())
        GLib.idle_add(self.answer, data)

    def answer(self, data):
        if data[0] == 4:
            self.control.indicate(bytes([5, 0]) + len(self.records).to_bytes(2, 'little'))
            return False
        low = int.from_bytes(data[3:5], 'little') if data[1] == 3 else 0
        chosen = [x for x in self.records if int.from_bytes(x[1:3], 'little') >= low]
        if data[1] == 6:
            chosen = chosen[-1:]
        for i, record in enumerate(chosen):
            if self.cut_after is not None and i == self.cut_after:
                self.cut_after = None
                self.r.cuff.change(DEVICE, Connected=False, ServicesResolved=False)
                return False
            self.data.indicate(record)
        self.control.indicate(bytes([6, 0, data[0], 1 if chosen else 6]))
        return False

    def sequences(self):
        return [int(field(x, 'sequence')) for x in self.r.store.find('DECODED')]


def start_meter(r, count, more=''):
    meter = Meter(r, count)
    r.configure(METER % (ADDR, more))
    r.start_hub()
    wait('powered', r.is_powered)
    return meter


def test_records(r):
    """500 stored records, none twice; the mark goes to hub-store when all are durable, and is used."""
    meter = start_meter(r, 500, ',import=1')
    r.link()
    wait('mark', lambda: r.store.find('MEMORY'), 30)
    expect_same(meter.sequences(), list(range(1, 501)), 'records')
    expect_same(r.store.find('MEMORY')[0], 'MEMORY num=1 service=1808 assignment=1 history=0 anchor=%d empty=0 mark=500 fence=-1' % ANCHOR, 'mark')
    order = r.store.lines.index(r.store.find('MEMORY')[0])
    expect(order > r.store.lines.index(r.store.find('DECODED', 'sequence=500')[0]), 'mark before the last record')
    r.link(False)
    meter.records.append(sfloat_record(501))
    r.link()
    wait('the new one', lambda: len(meter.sequences()) == 501)
    expect_same(meter.requests[-1], '010301f501', 'request from the mark on')


def test_records_fence(r):
    """What was stored before the first contact is counted, not taken."""
    meter = start_meter(r, 30)
    r.link()
    wait('mark', lambda: r.store.find('MEMORY'))
    expect_same(meter.sequences(), [], 'records from before')
    expect(r.hub.find('ignored=30'), 'not counted')
    r.link(False)
    meter.records += [sfloat_record(31), sfloat_record(32)]
    r.link()
    wait('the new ones', lambda: meter.sequences() == [31, 32])


def test_records_again(r):
    """Link lost in the middle: the next connection asks again from the old mark; hub-store's mark counts."""
    meter = start_meter(r, 100, ',import=1')
    meter.cut_after = 60
    r.link()
    wait('sixty', lambda: len(meter.sequences()) == 60)
    let_run(0.3)
    expect(not r.store.find('MEMORY'), 'marked although incomplete')
    r.link()
    wait('mark', lambda: r.store.find('MEMORY'))
    expect_same(sorted(set(meter.sequences())), list(range(1, 101)), 'records')
    r.hub.kill()
    r.store.kill()
    del meter.requests[:]
    r.link(False)
    r.store = r.peer('store')
    r.start_hub()
    wait('attached', lambda: r.hub.find('radio on=1'))
    r.store.say('memory 1 1808 0 0 0 100')
    let_run(0.2)
    meter.records.append(sfloat_record(101))
    r.link()
    wait('the new one', lambda: meter.sequences() == [101])


def stamped(r, number, minutes_ago):
    """A glucose record of so many minutes ago, by the meter's clock."""
    r.skew_s = -60 * minutes_ago
    stamp = r.cuff_clock()
    r.skew_s = 0
    record = sfloat_record(number)
    return record[:3] + stamp + record[10:]


def test_records_screened(r):
    """First contact long after the pairing: what was measured since then comes, what is older stays out for good."""
    now = int(time.time() * 1000)
    meter = Meter(r, 0)
    meter.records = [stamped(r, 1, 9000), stamped(r, 2, 63), stamped(r, 3, 61), stamped(r, 4, 1)]
    clock = r.bluez.add_char(r.cuff, 0x28, 0x2A08, ['read'], service=0x20)
    clock.on_read = r.cuff_clock
    r.configure(METER % (ADDR, ',since=%d' % (now - 3600000)))
    r.hubd.say('time %d 1000' % now)
    r.start_hub()
    wait('powered', r.is_powered)
    let_run(0.1)
    r.link()
    wait('mark', lambda: r.store.find('MEMORY'))
    expect_same(meter.sequences(), [3, 4], 'records')
    expect(r.hub.find('memory device=1', 'records=2 ignored=2'), 'counted')
    line = r.store.find('MEMORY')[0]
    expect_same((field(line, 'mark'), field(line, 'fence')), ('4', '2'), 'mark and fence')
    expect(not [x for x in r.store.find('DECODED') if before(x)], 'marked as from before')
    r.link(False)
    meter.records.append(stamped(r, 5, 0))
    r.link()
    wait('the new one', lambda: meter.sequences() == [3, 4, 5])
    expect_same(meter.requests[-1], '0103010500', 'request from the mark on')


def test_another_meter(r):
    """hub-store's mark is of a meter that was replaced while hub-ble was down: the new one's memory is fenced."""
    meter = start_meter(r, 9)
    r.store.say('memory 1 1808 3 77 0 5')
    let_run(0.2)
    r.link()
    wait('mark', lambda: r.store.find('MEMORY'))
    expect_same(meter.sequences(), [], 'records of the new one from before')
    line = r.store.find('MEMORY')[-1]
    expect_same((field(line, 'history'), field(line, 'mark'), field(line, 'anchor')), ('4', '9', str(ANCHOR)), 'mark')


def test_consent(r):
    """A scale's user: confirmed with consent, unassigned when it is refused; never asked a fourth time."""
    r.bluez.add_adapter()
    r.cuff = r.bluez.add_device(ADDR, Paired=True, Bonded=True, Trusted=True)
    r.bluez.add_service(r.cuff, 0x30, 0x181D)
    r.bpm = r.bluez.add_char(r.cuff, 0x31, 0x2A9D, ['indicate'], service=0x30)
    r.bluez.add_service(r.cuff, 0x40, 0x181C)
    control = r.bluez.add_char(r.cuff, 0x41, 0x2A9F, ['indicate', 'write'], service=0x40)
    asked, result = [], [1]

    def on_write(data):
        asked.append(data.hex())
        GLib.idle_add(lambda: control.indicate(bytes([0x20, 2, result[0]])) and False)
    control.on_write = on_write
    r.configure('1,%s,random,123456,2,0,kind=2,consent=1234' % ADDR)
    r.start_hub()
    wait('powered', r.is_powered)
    r.link()
    wait('asked', lambda: asked)
    weight = bytes.fromhex('06' '5c3f' 'ea070b15071f02' '02')  # 81.1 kg of user 2
    line = r.measure(weight)
    expect_same((field(line, 'attribution'), field(line, 'user')), ('2', '2'), 'with consent')
    expect_same(asked, ['0202d204'], 'request')
    line = r.measure(weight[:-1] + b'\x03')
    expect_same(field(line, 'attribution'), '0', 'another user')
    result[0] = 5
    for i in range(5):
        r.link(False)
        let_run(0.05)
        r.link()
        let_run(0.15)
    line = r.measure(weight)
    expect_same(field(line, 'attribution'), '0', 'without consent')
    expect_same(len(asked), 4, 'times asked')


def test_heart_rate(r):
    """A strap streams: one record for a window, closed when the link ends."""
    r.bluez.add_adapter()
    r.cuff = r.bluez.add_device(ADDR, Paired=True, Bonded=True, Trusted=True)
    r.bluez.add_service(r.cuff, 0x50, 0x180D)
    r.bpm = r.bluez.add_char(r.cuff, 0x51, 0x2A37, ['notify'], service=0x50)
    r.configure('1,%s,random,-,-,1,kind=9,justworks=1' % ADDR)
    r.start_hub()
    wait('powered', r.is_powered)
    r.link()
    let_run(1)  # until the link is known to be the device's
    for rate in (60, 72, 66):
        r.bpm.indicate(bytes([0x06, rate]))
        let_run(0.02)
    expect(not r.store.find('RAW'), 'a sample was taken as a reading')
    r.link(False)
    wait('window', lambda: r.store.find('DECODED'))
    line = r.store.find('DECODED')[0]
    for part in ('samples=3e0', 'heart rate lowest=60e0', 'heart rate median=66e0', 'heart rate highest=72e0'):
        expect(part in line, '%s not in %s' % (part, line))


def test_crowd(r):
    """Thousands of foreign advertisers during a window: the configured device is found, the hub stays small."""
    pairable(r)
    r.start_hub()

    def crowd():
        for i in range(1000):
            node = r.bluez.add_device('C0:00:00:00:%02X:%02X' % (i >> 8, i & 255))
            r.bluez.remove_tree(node.path)
        appear(r)
        return False
    r.bluez.on_discovery = lambda: GLib.timeout_add(20, crowd)
    wait('bond', lambda: r.called('Set', PATH, 'Trusted', True), 30)
    expect_same(r.called('Pair'), [('Pair', PATH)], 'paired devices')


def test_config_in_place(r):
    """Devices come and go in the configuration while one sends: each of its values is taken, its link stays."""
    r.attached()
    r.link()
    wait('clock read', lambda: r.called('ReadValue'))
    r.measure(r.stamp())
    mine, reads = CUFF % (ADDR, 123456), len(r.called('ReadValue'))
    others = ['2,%s,random,111111,1,0' % OTHER, '3,F0:F1:F2:F3:F4:F7,random,-,1,0,kind=4,justworks=1']
    sent = 1
    for turn, devices in enumerate([[others[0], mine], [others[1], others[0], mine], [mine], [others[1], mine], [mine]]):
        data = r.stamp()[:1] + bytes([100 + turn]) + r.stamp()[2:]
        r.bpm.indicate(data)
        r.configure(*devices)
        r.bpm.indicate(data)
        let_run(0.01 * turn)
        r.bpm.indicate(data)
        sent += 3
    wait('all values', lambda: len(r.store.find('DECODED')) == sent)
    expect_same({field(x, 'num') for x in r.store.find('RAW')}, {'1'}, 'whose')
    expect_same([field(x, 'attribution') for x in r.store.find('DECODED')], ['2'] * sent, 'attribution')
    expect_same(len(r.called('ReadValue')), reads, 'reads: the session began anew')
    expect(r.is_powered() and not r.called('Set', '/org/bluez/hci0', 'Powered', False), 'radio was off')
    expect(not r.called('Disconnect'), 'disconnected')
    wait('told', lambda: r.hubd.find('STATUS what=2 a=1')[-1].endswith('b=%d' % STATE_CONNECTED))


def test_config_new_device(r):
    """A bonded stranger that becomes configured is subscribed to at once; taken out again, it is sent away."""
    r.attached()
    other = r.bluez.add_device(OTHER, Paired=True, Bonded=True)
    r.bluez.add_service(other, 0x0a, 0x1809)
    temperature = r.bluez.add_char(other, 0x0b, 0x2A1C, ['indicate'])
    mine = CUFF % (ADDR, 123456)
    r.configure('7,%s,random,111111,-,1,kind=4,since=0' % OTHER, mine)  # known from before
    wait('trusted', lambda: r.called('Set', other.path, 'Trusted', True))
    wait('subscribed', lambda: r.called('StartNotify', temperature.path))
    other.change(DEVICE, Connected=True, ServicesResolved=True)
    let_run(0.1)
    temperature.indicate(bytes.fromhex('00' '6c0100ff'))
    wait('its value', lambda: r.store.find('DECODED'))
    expect_same(field(r.store.find('RAW')[-1], 'num'), '7', 'whose')
    r.configure(mine)
    wait('kept out', lambda: not other.props[DEVICE]['Trusted'] and not other.props[DEVICE]['Connected'])
    before = len(r.store.find('RAW'))
    temperature.indicate(bytes.fromhex('00' '6c0100ff'))
    r.link()
    r.measure(r.stamp())
    expect_same(len(r.store.find('RAW')), before + 1, 'values taken')


def test_config_listed(r):
    """An object that meant nothing to us before its device was configured is known afterwards: left from a search."""
    r.attached()
    other = r.bluez.add_device(OTHER)
    let_run(0.1)
    r.configure('7,%s,random,111111,-,1,kind=4' % OTHER, CUFF % (ADDR, 123456))
    r.open_window(7)
    wait('removed', lambda: r.called('RemoveDevice', other.path))
    wait('search', lambda: r.called('StartDiscovery'))


def before(line):
    return int(field(line, 'marks')) >> 14 & 1


def test_from_before(r):
    """A cuff without record numbers sends its memory: what it measured before its pairing is nobody's."""
    now = int(time.time() * 1000)
    r.bluez.add_adapter()
    r.add_bonded_cuff()
    cuff = CUFF % (ADDR, 123456)
    r.configure(cuff + ',since=%d' % (now - 3600000))
    r.start_hub()
    wait('powered', r.is_powered)
    r.hubd.say('time %d 1000' % now)
    let_run(0.1)
    r.link()
    wait('clock read', lambda: r.called('ReadValue'))
    for minutes, want in ((30, (0, '2')), (59, (0, '2')), (61, (0, '2')), (63, (1, '0')), (60 * 24 * 9, (1, '0'))):
        r.skew_s = -60 * minutes
        data = r.stamp()
        r.skew_s = 0
        line = r.measure(data)
        expect_same((before(line), field(line, 'attribution')), want, '%d minutes ago' % minutes)
    r.configure(cuff + ',since=%d' % (now - 60000))  # given to another patient
    let_run(0.2)
    r.skew_s = -1800
    data = r.stamp()
    r.skew_s = 0
    line = r.measure(data)
    expect_same((before(line), field(line, 'attribution')), (1, '0'), 'before the assignment')


def test_records_assignment(r):
    """Another patient: what the meter still keeps from the one before is counted, not taken."""
    meter = start_meter(r, 3, ',import=1')
    r.link()
    wait('mark', lambda: r.store.find('MEMORY'))
    expect_same(meter.sequences(), [1, 2, 3], 'records of the first patient')
    r.link(False)
    meter.records += [sfloat_record(4), sfloat_record(5)]
    r.hubd.say('assignment 2')
    r.configure(METER % (ADDR, ''))
    let_run(0.1)
    r.link()
    wait('fenced', lambda: r.hub.find('ignored=5'))
    r.link(False)
    meter.records.append(sfloat_record(6))
    r.link()
    wait('the new one', lambda: meter.sequences() == [1, 2, 3, 6])
    expect_same(field(r.store.find('MEMORY')[-1], 'assignment'), '2', 'whose memory')


def test_hand_over(r):
    """What is here goes to the old patient first; then bluetoothd and the hub forget the devices, then they are new."""
    r.attached()
    neighbour = r.bluez.add_device(OTHER, Paired=True, Bonded=True)
    r.link()
    r.store.say('durable off')
    line = r.measure(r.stamp())
    r.hubd.say('fence 7 1 2')
    wait('radio off', lambda: not r.is_powered())
    let_run(0.3)
    expect(not r.hubd.find('FENCED'), 'said to be quiet with a value that is not durable')
    expect(not r.called('RemoveDevice'), 'a bond is gone before the value is durable')
    r.store.say('durable ' + field(line, 'capture'))
    wait('quiet', lambda: r.hubd.find('FENCED ask=7 step=quiet assignment=2'))
    r.hubd.say('fence 8 1 2')
    wait('the last ask is answered', lambda: r.hubd.find('FENCED ask=8 step=quiet'))
    expect(not r.is_powered(), 'radio on')
    r.hubd.say('fence 9 3 2')
    wait('forgotten', lambda: r.hubd.find('FENCED ask=9 step=forget assignment=2'))
    expect_same(sorted(c[1] for c in r.called('RemoveDevice')), sorted([PATH, neighbour.path]), 'removed')
    expect(not r.is_powered(), 'radio on after the last bond is gone')
    r.hubd.say('assignment 2')
    r.configure(CUFF % (ADDR, 123456))
    wait('radio on', r.is_powered)
    wait('not bonded', lambda: r.hubd.find('STATUS what=2 a=1 b=%d' % STATE_UNBONDED))
    expect_same({field(x, 'assignment') for x in r.store.find('RAW')}, {'1'}, 'assignment of what came')


def test_hand_over_late_value(r):
    """Radio on to forget: a value that comes before its bond is gone is the old patient's, and waited for."""
    r.attached()
    r.hubd.say('fence 1 1 2')
    wait('quiet', lambda: r.hubd.find('FENCED ask=1'))
    r.store.say('durable off')

    def remove(path):
        r.link()
        r.bpm.indicate(r.stamp())
        return False
    r.bluez.on_remove = remove
    r.hubd.say('fence 2 3 2')
    wait('the value', lambda: r.store.find('RAW'))
    let_run(0.3)
    expect(not r.hubd.find('FENCED ask=2'), 'forgotten with a value that is not durable')
    expect_same(field(r.store.find('RAW')[0], 'assignment'), '1', 'assignment')
    r.store.say('durable ' + field(r.store.find('RAW')[0], 'capture'))
    wait('forgotten', lambda: r.hubd.find('FENCED ask=2 step=forget'))


def test_hand_over_anew(r):
    """hub-ble died in the middle: it knows of no device, and has all bonds removed, more than it keeps at once."""
    r.bluez.add_adapter()
    paths = [r.bluez.add_device('F0:F1:F2:F3:F4:%02X' % i, Paired=True, Bonded=True).path for i in range(20)]
    r.start_hub()
    wait('up', lambda: 'up' in r.hubd.lines)
    r.hubd.say('fence 1 1 2')
    wait('quiet', lambda: r.hubd.find('FENCED ask=1 step=quiet'))
    expect(not r.called('Set', '/org/bluez/hci0', 'Powered'), 'radio on')
    r.hubd.say('fence 2 3 2')
    wait('forgotten', lambda: r.hubd.find('FENCED ask=2 step=forget'))
    expect_same(sorted({c[1] for c in r.called('RemoveDevice')}), sorted(paths), 'removed')
    expect(not r.is_powered(), 'radio on')


def test_hand_over_refused(r):
    """A bond that cannot be removed is not said to be gone."""
    r.attached()
    r.hubd.say('fence 1 1 2')
    wait('quiet', lambda: r.hubd.find('FENCED ask=1'))
    r.bluez.on_remove = lambda path: len(r.called('RemoveDevice')) < 3
    r.hubd.say('fence 2 3 2')
    wait('tried again', lambda: len(r.called('RemoveDevice')) == 2)
    expect(not r.hubd.find('FENCED ask=2'), 'forgotten with a bond')
    wait('forgotten', lambda: r.hubd.find('FENCED ask=2 step=forget'))
    expect_same(len(r.called('RemoveDevice')), 3, 'tries')


def test_no_patient(r):
    """Without a patient nobody may connect but in a pairing window, and whatever comes is a test."""
    r.hubd.say('assignment 0')
    r.bluez.add_adapter()
    r.add_bonded_cuff()
    r.configure(CUFF % (ADDR, 123456))
    r.start_hub()
    wait('application', lambda: r.called('RegisterApplication'))
    let_run(0.3)
    expect(not r.is_powered(), 'radio on without a patient')
    r.open_window()
    wait('powered', r.is_powered)
    r.link()
    line = r.measure(r.stamp())
    expect_same(field(r.store.find('RAW')[0], 'assignment'), '0', 'assignment')
    expect(int(field(line, 'marks')) & 1 << 4, 'not marked as a test: ' + line)
    r.open_window(ident=0)
    wait('radio off', lambda: not r.is_powered())


def test_end(r):
    """SIGTERM: farewell to devices, radio off, what is left handed over, exit 0."""
    r.attached()
    r.link()
    wait('clock read', lambda: r.called('ReadValue'))
    r.hub.p.send_signal(signal.SIGTERM)
    wait('radio off', lambda: not r.is_powered())
    wait('disconnected', lambda: r.called('Disconnect', PATH))
    wait('ended', lambda: r.hub.p.poll() is not None)
    expect_same(r.hub.p.returncode, 0, 'exit status')


def main():
    chosen = sys.argv[2:]
    failed = 0
    tests = [(n, f) for n, f in globals().items() if n.startswith('test_')]
    for name, test in tests:
        if chosen and name not in chosen:
            continue
        rig, began = Rig(), time.monotonic()
        try:
            test(rig)
            if rig.hub.p.poll() not in (None, 0):
                raise Failed('hub-ble ended with %d' % rig.hub.p.returncode)
            print('ok   %s (%.1f s)' % (name, time.monotonic() - began), flush=True)
        except Exception as e:
            failed += 1
            print('FAIL %s: %s' % (name, e if isinstance(e, Failed) else traceback.format_exc()))
            for label, lines in (('calls', rig.bluez.calls), ('hub-ble', rig.hub.lines if rig.hub else []),
                                 ('store', rig.store.lines), ('hubd', rig.hubd.lines)):
                print('  %s:' % label)
                for line in lines[-30:]:
                    print('    ', line)
        finally:
            rig.done()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
