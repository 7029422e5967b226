#!/usr/bin/python3
"""test_ble_io.py - the real hub-ble against a scripted org.bluez and two scripted neighbours.

usage: test_ble_io.py FOLDER [TEST ...]      FOLDER is the build's: hub-ble, tests/io/ble_peer
Each test starts everything anew on its own D-Bus daemon. Prints one line per test; exit 1 if one fails.
"""
import ctypes
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
from fake_bluez import ADAPTER, CHAR, DEVICE, PROPS, FakeBluez, octets  # noqa: E402

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


def wait(what, condition, seconds=5):
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


def die_with_us():
    """A test run that is itself killed leaves nothing behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


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
        self.hub = None
        self.skew_s = 0
        self.written = []

    def peer(self, role):
        return Program([folder + '/tests/io/ble_peer', role, self.dir])

    def start_hub(self):
        self.hub = Program([folder + '/hub-ble', '--run', self.dir, '--bus', self.address, '--same-user'],
                           err=True)

    def done(self):
        for program in (self.hub, self.store, self.hubd):
            if program:
                program.kill()
        self.daemon.kill()
        self.daemon.wait()
        shutil.rmtree(self.dir)

    def configure(self, *devices):
        self.hubd.say('config 60 ' + ' '.join(devices))

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
    expect_same(r.bluez.services, ['00001810-0000-1000-8000-00805f9b34fb'], 'registered services')
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
    wait('failed', lambda: r.hubd.find('STATUS what=2 a=1 b=%d' % STATE_FAILED), 8)
    wait('agent gone', lambda: r.called('UnregisterAgent'))
    let_run(0.5)
    expect_same(len(r.called('Pair')), 2, 'attempts')
    expect(PATH not in r.bluez.nodes, 'the failed device stays behind')
    expect(r.hub.find('pairing-failed', 'reason=rejected'), 'reason not logged')


def test_weak_bond(r):
    """A passkey is configured, and the device bonds without asking: discarded, nothing of it accepted."""
    pairable(r)
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
    began = time.monotonic()
    r.cuff.change(DEVICE, Connected=True)
    r.bpm.indicate(READING)
    wait('decoded without services', lambda: len(r.store.find('DECODED')) == 2)
    expect(time.monotonic() - began < 0.9, 'later than hub-store waits')


def test_bad_values(r):
    """Garbage is forwarded or refused, never a crash; a value without a bonded link is no reading."""
    r.attached()
    r.bpm.indicate(READING)  # not connected
    wait('incident', lambda: r.hubd.find('INCIDENT what=3 subject=1'))
    expect(not r.store.find('RAW'), 'value taken without a link')
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
    """Thirty values at once are taken, the rest is counted and the device sent away."""
    r.attached()
    r.link()
    for i in range(60):
        r.bpm.indicate(READING)
    wait('incident', lambda: r.hubd.find('INCIDENT what=2'))
    wait('disconnected', lambda: r.called('Disconnect', PATH))
    let_run(0.3)
    count = len(r.store.find('RAW'))
    expect(30 <= count <= 32, 'values taken: %d' % count)


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
    expect_same(r.store.find('RAW'), [first], 'the value offered again')
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
