#!/usr/bin/env python3
"""Bluetooth under attack, in the guest: a real bluetoothd, real units and policies, emulated devices.

usage: test_ble_attacks.py FOLDER [TEST ...]      FOLDER holds the built programs; CC (gcc) makes attack.c;
                                                  HUB_VERBOSE=1 shows each attempt of it

One boot with a cuff and CROWD strangers; the tests run in order, the first is always needed. A-02, A-03, ... are
the names of the attacks. Without a radio and with exact timing: tests/io/test_ble_attacks.py.
"""
import base64
import itertools
import os
import pathlib
import re
import subprocess
import sys
import time

from rig import TWIN_SH, Rig, TwinError, device_spec, has_said, names

CROWD = int(os.environ.get('HUB_CROWD', '6'))  # up to 12 worked (btvirt has 16 controllers); the more, the slower
IMPOSTOR_S = 60  # for each of the two kinds
READINGS = 20
CUFF = '/org/bluez/hci0/dev_' + names.address(0).replace(':', '_')
CHARACTERISTIC = 'org.bluez.GattCharacteristic1'
# What each service may do in its sandbox by design. Each: the kernel runs the loader to start a program, and it maps
# nothing but libraries and that program.
KNOWN = {
    # its peers; bluetoothd
    'hub-ble': {'connect store-ble', 'connect hubd-ble', 'connect bond-ble', 'connect bus'},
    # its queue; its peer
    'hub-store': {'list /var/lib/hub/store', 'write /var/lib/hub/store', 'connect hubd-store'},
    # its identity; the uplink; its peers
    'hub-coap': {'list /var/lib/hub/coap', 'write /var/lib/hub/coap', 'socket AF_INET', 'socket AF_INET6',
                 'connect store-coap', 'connect hubd-coap'},
    # its state
    'hubd': {'list /var/lib/hub/hubd', 'write /var/lib/hub/hubd'},
    # the bonds, to read; the kernel's list of links
    'hub-bondinfo': {'list /var/lib/bluetooth', 'socket AF_BLUETOOTH'},
}
KNOWN_TO_ALL = {'exec the loader'}

# Another user on the system bus, without a library: what it hears in some seconds, what it is answered, and lies.
LISTENER = r'''
import os, socket, struct, sys, time
def message(kind, serial, fields, body=b''):
    f = b''
    for code, t, v in fields:
        f += b'\0' * (-len(f) % 8) + bytes([code, 1]) + t.encode() + b'\0'
        if t == 'g':
            f += bytes([len(v)]) + v.encode() + b'\0'
        else:
            f += b'\0' * (-len(f) % 4) + struct.pack('<I', len(v)) + v.encode() + b'\0'
    head = struct.pack('<BBBBIII', ord('l'), kind, 0, 1, len(body), serial, len(f)) + f
    return head + b'\0' * (-len(head) % 8) + body
def text(*values):
    b = b''
    for v in values:
        b += b'\0' * (-len(b) % 4) + struct.pack('<I', len(v)) + v.encode() + b'\0'
    return b
def call(serial, member, body=b'', signature=None):
    fields = [(1, 'o', '/org/freedesktop/DBus'), (2, 's', 'org.freedesktop.DBus'), (3, 's', member),
              (6, 's', 'org.freedesktop.DBus')]
    return message(1, serial, fields + ([(8, 'g', signature)] if signature else []), body)
s = socket.socket(socket.AF_UNIX)
s.connect('/run/dbus/system_bus_socket')
s.sendall(b'\0AUTH EXTERNAL ' + str(os.getuid()).encode().hex().encode() + b'\r\n')
assert s.recv(99).startswith(b'OK')
s.sendall(b'BEGIN\r\n' + call(1, 'Hello'))
rules = ["type='signal'", "type='signal',sender='org.bluez'", "eavesdrop='true'", "type='method_call',eavesdrop='true'",
         "type='signal',path_namespace='/org/bluez'"]
for n, rule in enumerate(rules):
    s.sendall(call(10 + n, 'AddMatch', text(rule), 's'))
heard, end, lied = b'', time.monotonic() + float(sys.argv[1]), len(sys.argv) < 3
s.settimeout(0.3)
while time.monotonic() < end:
    try:
        heard += s.recv(65536)
    except TimeoutError:
        pass
    if not lied and b':1.' in heard:
        lied = True
        me = ':1.' + heard.split(b':1.')[1].split(b'\0')[0].decode()
        for n in range(200):
            s.sendall(message(4, 100 + n, [(1, 'o', '/org/freedesktop/DBus'), (2, 's', 'org.freedesktop.DBus'),
                (3, 's', 'NameOwnerChanged'), (6, 's', ':1.%d' % n), (8, 'g', 'sss')], text('org.bluez', ':1.0', me)))
print('octets', len(heard), 'bluez', heard.count(b'org.bluez.'), 'values', heard.count(b'GattCharacteristic1'))
'''


class AttackRig(Rig):
    """A hub whose image also has the attack program."""

    def _make_disks(self, bundle):
        super()._make_disks(bundle)
        tree = self.folder / 'tree'
        attack = tree / 'usr' / 'libexec' / 'hub-attack'
        attack.mkdir()
        source = pathlib.Path(__file__).with_name('attack.c')
        subprocess.run([os.environ.get('CC', 'gcc'), '-std=gnu17', '-D_GNU_SOURCE', '-O2', '-static',
                        '-o', attack / 'attack', source], check=True)
        subprocess.run([TWIN_SH, 'overlay', tree, self.overlay, '/usr/libexec/hub-attack/'], check=True)


class Home:
    """The hub, the clinic, and the number of the next measurement."""

    def __init__(self, rig, twin):
        self.rig, self.twin, self.number = rig, twin, 0

    def device(self, number, command, **fields):
        """Do something with one device."""
        return self.twin.command(f'device.{command}', device=number, **fields)

    def measure(self):
        """The cuff measures; returns what its systolic pressure is. Each is another one."""
        self.number += 1
        systolic = str(110 + self.number)
        self.device(0, 'measure', sys=systolic, dia='82', map='97', pulse='71')
        return systolic

    def find(self, systolic):
        """The readings at the clinic with this pressure, held ones too: an attack that was noticed locks the hub."""
        there = self.rig.clinic.readings() + self.rig.clinic.held()
        return [r for r in there if r['values'] and r['values'][0]['value'] == systolic]

    def arrives(self, systolic, seconds=60, verified=True):
        """True when it is at the clinic, once and verified. Not verified: a busy machine may look at the link too late, and says so."""
        end = time.monotonic() + seconds
        while not self.find(systolic):
            if time.monotonic() > end:
                return False
            self.twin.drain(0.3)
        found = self.find(systolic)
        if len(found) != 1 or verified and 'link not verified' in found[0]['marks']:
            raise AssertionError(f'{systolic} is there {len(found)} times, marks {found[0]["marks"]}')
        return True

    def gone(self, seconds=60):
        """Wait until the cuff has no link."""
        end = time.monotonic() + seconds
        while self.device(0, 'state')['connected']:
            if time.monotonic() > end:
                raise AssertionError('the cuff stays connected')
            self.twin.drain(0.2)

    def read_one(self, verified=True):
        """One measurement, all the way."""
        systolic = self.measure()
        if not self.arrives(systolic, verified=verified):
            raise AssertionError(f'the reading {systolic} did not arrive')
        self.gone()

    def restarts(self):
        """How often systemd restarted each unit."""
        return self.twin.sh('systemctl show -p NRestarts hub-ble hub-bondinfo hub-store hub-coap hubd bluetooth')

    def memory_kb(self):
        """PSS of hub-ble."""
        return int(self.twin.sh("sed -n 's/^Pss: *\\([0-9]*\\).*/\\1/p' "
                                '/proc/$(systemctl show -P MainPID hub-ble)/smaps_rollup'))

    def put(self, name, text):
        """Make a file in the guest that all may read."""
        data = base64.b64encode(text.encode()).decode()
        self.twin.sh(f'echo {data} | base64 -d >{name} && chmod 644 {name}')

    def listen(self, user, seconds, more=''):
        """Start a listener on the system bus; heard() has what it heard."""
        self.put('/run/listener.py', LISTENER)
        self.twin.sh(f'setpriv --reuid={user} --clear-groups python3 /run/listener.py {seconds} {more} '
                     f'>/run/heard-{user} 2>&1 &')

    def heard(self, user):
        """{'octets': n, 'bluez': n, 'values': n} of a listener that has ended."""
        for _ in range(100):
            words = self.twin.sh(f'cat /run/heard-{user}').split()
            if words:
                break
            self.twin.drain(0.5)
        if words[:1] != ['octets']:
            raise AssertionError(f'the listener of {user} failed: {" ".join(words)}')
        return dict(zip(words[::2], map(int, words[1::2])))


def test_pair_in_crowd(home):
    """A-02: the cuff is paired while strangers advertise the same service, and only it."""
    home.twin.wait('booted', 400)
    has_said(home.twin, 'hub-ble', 'radio on=1', 120)
    for number in range(1, CROWD + 1):
        home.device(number, 'set', always_on=True, name=f'\x1b[2J%s%n\n{number}')
        home.device(number, 'transfer')
    home.device(0, 'pair')
    home.twin.wait('paired', 180, device=0, auth=True)
    home.gone(120)
    others = home.twin.seen('paired') + home.twin.seen('pairing_failed') + home.twin.seen('pairing_refused')
    if [e for e in others if e['device']]:
        raise AssertionError(f'a stranger was paired with: {others}')
    systolic = home.measure()
    if not home.arrives(systolic) or 'test' not in home.find(systolic)[0]['marks']:
        raise AssertionError('no test reading')
    home.gone()


def test_crowd(home):
    """A-02: strangers with the cuff's service stay on the air, with values for whoever comes: the cuff is read.

    That they connect as well is tested in tests/io: of several links at once btvirt loses some for good.
    """
    restarts, before = home.restarts(), home.memory_kb()
    for number in range(1, CROWD + 1):
        home.device(number, 'set', mangle='noise', indicate_early=True)
        home.device(number, 'store', sys='66', dia='55')
    taken = 0
    for _ in range(READINGS):
        systolic = home.measure()
        taken += home.arrives(systolic, 30, verified=False)
        home.gone()
    on_air = len([e for e in home.twin.seen('advertising') if e['device']])
    for number in range(1, CROWD + 1):
        home.device(number, 'set', always_on=False)
        home.device(number, 'leave')
    after = home.memory_kb()
    print(f'     {taken} of {READINGS} readings, {CROWD} strangers on the air; memory {before} -> {after} KB',
          flush=True)
    if taken < READINGS or on_air < CROWD:
        raise AssertionError(f'{taken} of {READINGS} readings, {on_air} times a stranger on the air')
    if home.find('66') or home.restarts() != restarts or after > before + 2048:
        raise AssertionError(f'a stranger was read, or a unit fell: {home.restarts()}')


def attack_with(home, key, systolic):
    """Somebody with the cuff's address connects for a while, each time with a value; returns how often."""
    home.device(0, 'set', key=key, indicate_early=True, always_on=True)
    before = len(home.twin.seen('connected', device=0))
    end = time.monotonic() + IMPOSTOR_S
    while time.monotonic() < end:
        home.device(0, 'store', sys=systolic, dia='55', map='60', pulse='77')
        home.device(0, 'transfer')
        home.twin.drain(0.5)
    return len(home.twin.seen('connected', device=0)) - before


def test_impostor(home):
    """A-03: the cuff's address without its key, then with a wrong one: none verified; then the cuff is read."""
    counts = [attack_with(home, 'none', '66'), attack_with(home, 'wrong', '67')]
    home.device(0, 'set', always_on=False)
    home.device(0, 'leave')
    home.device(0, 'wipe')  # before the key is its own again
    home.gone()
    home.device(0, 'leave')
    home.device(0, 'set', key='own', indicate_early=False)
    begun, events = time.monotonic(), len(home.twin.events)
    systolic = home.measure()
    arrived = home.arrives(systolic)
    seconds = time.monotonic() - begun
    home.twin.drain(3)  # the journal comes later
    told = home.twin.events[events:]
    # the hub's count: a controller of btvirt tells one connection several times after so many
    lines = [e.get('line', '') for e in told if e.get('unit') == 'hub-ble']
    links = len([line for line in lines if 'connected device=1' in line and 'disconnected' not in line])
    forged = home.find('66') + home.find('67')
    refused = home.twin.seen('log', unit='hub-ble', line=re.compile('value-refused'))
    print(f'     {counts[0]} connections without a key, {counts[1]} with a wrong one; {len(forged)} values kept, '
          f'marked, {len(refused)} refused; the cuff read after {seconds:.1f} s, connection {links}', flush=True)
    verified = [r for r in forged if 'link not verified' not in r['marks']]
    if verified:
        raise AssertionError(f'{len(verified)} forged values count as verified')
    if min(counts) < 5:
        raise AssertionError('too few connections: nothing is proved')
    if not arrived or links != 1:
        told = [e.get('line') or e['ev'] for e in told]
        raise AssertionError(f'the cuff was not read on its next connection: {arrived}, {links}: {told}')
    if 'b true' not in home.twin.sh(f'busctl get-property org.bluez {CUFF} org.bluez.Device1 Bonded'):
        raise AssertionError('the bond is gone')
    home.gone()


def test_other_users(home):
    """A-34: user nobody and the other services cannot see or drive bluetoothd, and hear nothing of a value."""
    calls = ['call org.bluez / org.freedesktop.DBus.ObjectManager GetManagedObjects',
             'get-property org.bluez /org/bluez/hci0 org.bluez.Adapter1 Address', 'tree org.bluez',
             'set-property org.bluez /org/bluez/hci0 org.bluez.Adapter1 Discoverable b true',
             f'call org.bluez {CUFF} org.bluez.Device1 Disconnect',
             f'call org.bluez /org/bluez/hci0 org.bluez.Adapter1 RemoveDevice o {CUFF}',
             'call org.bluez /org/bluez org.bluez.AgentManager1 RegisterAgent os /x NoInputNoOutput',
             'monitor org.bluez']
    for user in ('nobody', 'hub-store', 'hub-coap', 'hubd'):
        for call in calls:
            out = home.twin.command('sh', run=f'setpriv --reuid={user} --clear-groups timeout 20 busctl '
                                    f'--timeout=10 {call} 2>&1')
            if out['rc'] == 0 or not re.search('denied|not permitted|AccessDenied|no objects', out['out'], re.I):
                raise AssertionError(f'{user}: busctl {call}: code {out["rc"]}: {out["out"][:300]}')
    if 'b false' not in home.twin.sh('busctl get-property org.bluez /org/bluez/hci0 org.bluez.Adapter1 Discoverable'):
        raise AssertionError('discoverable')
    home.listen('nobody', 20)
    home.listen('root', 20)
    home.twin.drain(3)
    home.read_one()
    nobody, root = home.heard('nobody'), home.heard('root')
    print(f'     nobody heard {nobody}, root {root}', flush=True)
    if not root['values']:
        raise AssertionError('root heard no value either: nothing is proved')
    if nobody['values'] or nobody['bluez'] or not nobody['octets']:
        raise AssertionError(f'nobody heard {nobody}')


def test_driven_hub_ble(home):
    """A-34: hub-ble's user can do on the bus what hub-ble needs, and nothing else: no unit, no other interface."""
    for call in ('call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StopUnit ss '
                 'hub-store.service replace',
                 'call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager Reboot',
                 'introspect org.bluez /org/bluez/hci0',
                 f'call org.bluez {CUFF} org.freedesktop.DBus.Introspectable Introspect'):
        out = home.twin.command('sh', run='setpriv --reuid=hub-ble --clear-groups timeout 20 busctl --timeout=10 '
                                f'--no-ask-password {call} 2>&1')
        if out['rc'] == 0:
            raise AssertionError(f'hub-ble may {call}: {out["out"][:300]}')


def test_false_owner(home):
    """Another user tells hub-ble that bluetoothd's name is now its own: not believed, the cuff is read as before."""
    there = len(home.twin.seen('log', unit='hub-ble', line=re.compile('bluetoothd')))
    home.listen('nobody', 8, 'lie')
    home.twin.drain(5)
    home.read_one()
    home.heard('nobody')
    said = home.twin.seen('log', unit='hub-ble', line=re.compile('bluetoothd'))[there:]
    if said:
        raise AssertionError(f'hub-ble believed it: {[e["line"] for e in said]}')


def attempts(lines):
    """{name: succeeded} of what the attack program said."""
    found = [re.search(r'ATTACK (.*?) (SUCCEEDED|refused: .*|not tried.*)$', line) for line in lines]
    return {m[1]: m[2] for m in found if m}


def attack_inside(home, unit):
    """What attacker's code says that systemd starts instead of a service's own program."""
    start, program = len(home.twin.events), f'/usr/libexec/hub/{unit}'
    home.twin.unit('stop', unit)
    home.twin.sh(f'mount --bind /usr/libexec/hub-attack/attack {program}')
    try:
        home.twin.sh(f'systemctl --no-block start {unit}')
        home.twin.wait_log(unit, 'ATTACK done', 120)
    finally:
        home.twin.sh(f'umount -l {program}')  # in use; before the stop, after which a socket may start it
        home.twin.unit('stop', unit)
    return attempts(e['line'] for e in home.twin.events[start:] if e['ev'] == 'log' and e['unit'] == unit)


def test_compromised(home):
    """A-34: attacker's code in a service's sandbox can do what it must and nothing else; as root outside nearly all."""
    out = home.twin.sh('cd / && timeout 120 /usr/libexec/hub-attack/attack once 2>&1', check=False)
    outside, faults = attempts(out.splitlines()), []
    root_could = {n for n, r in outside.items() if r == 'SUCCEEDED'}
    print(f'     {len(outside)} attempts, {len(root_could)} succeed outside, not {sorted(set(outside) - root_could)}',
          flush=True)
    if len(root_could) < len(outside) * 3 // 4:
        raise AssertionError('nearly all is refused outside as well: nothing is proved')
    for unit, known in KNOWN.items():
        inside = attack_inside(home, unit)
        could = {n for n, r in inside.items() if r == 'SUCCEEDED'}
        print(f'     {unit}: {len(inside)} attempts, succeed: {sorted(could)}', flush=True)
        if os.environ.get('HUB_VERBOSE'):
            for name, how in inside.items():
                print(f'     # {name}: {how}; outside: {outside.get(name)}', flush=True)
        home.twin.unit('start', unit)
        if set(inside) != set(outside):
            faults.append(f'{unit}: not tried: {sorted(set(outside) ^ set(inside))}')
        known = known | KNOWN_TO_ALL
        if could != known:
            faults.append(f'{unit}: can {sorted(could - known)}, cannot {sorted(known - could)}')
    home.twin.unit('restart', 'hub-ble')
    home.twin.wait_log('hub-ble', 'radio on=1', 60)
    home.read_one()
    if faults:
        raise AssertionError('; '.join(faults))


def test_radio_off(home):
    """Killed with the radio on: hub-ble-off turns it off before the next hub-ble starts, each time."""
    show = 'systemctl show --value -p {} {}'
    for number in range(3):
        started = int(home.twin.sh(show.format('ExecMainStartTimestampMonotonic', 'hub-ble')))
        home.twin.sh('timeout 60 busctl monitor --match "type=\'signal\',member=\'PropertiesChanged\','
                     'path=\'/org/bluez/hci0\'" '
                     f'org.bluez >/run/powered-{number} 2>&1 & sleep 2')
        home.twin.kill('hub-ble')
        home.twin.wait_log('hub-ble', 'radio on=1', 60)
        home.twin.drain(1)
        ended = int(home.twin.sh(show.format('ExecMainExitTimestampMonotonic', 'hub-ble-off')))
        status = home.twin.sh(show.format('ExecMainStatus', 'hub-ble-off')).strip()
        again = int(home.twin.sh(show.format('ExecMainStartTimestampMonotonic', 'hub-ble')))
        heard = re.findall(r'"Powered".*?BOOLEAN (true|false)', home.twin.sh(f'cat /run/powered-{number}'), re.S)
        heard = [word for word, _ in itertools.groupby(heard)]
        print(f'     end {number}: off {(ended - started) / 1e6:.2f} s after the last start, next start '
              f'{(again - ended) / 1e6:.2f} s later; Powered {heard}', flush=True)
        if status != '0' or not started < ended < again or heard != ['false', 'true']:
            raise AssertionError(f'status {status}, started {started}, off {ended}, again {again}, Powered {heard}')
    home.read_one(verified=False)


TESTS = [test_pair_in_crowd, test_crowd, test_impostor, test_other_users, test_driven_hub_ble,
         test_false_owner, test_compromised, test_radio_off]


def main():
    """Run all, or the first and the named ones."""
    build, chosen = sys.argv[1], sys.argv[2:]
    passed = failed = 0
    with AttackRig(build, specs=[device_spec('bp')], window_min=20) as rig:
        rig.clinic.start()
        with rig.boot(devices=['cuff'] * (CROWD + 1)) as twin:
            home = Home(rig, twin)
            for test in TESTS:
                if chosen and test.__name__ not in chosen and test is not TESTS[0]:
                    continue
                try:
                    start = time.monotonic()
                    test(home)
                    passed += 1
                    print(f'ok {test.__name__} ({time.monotonic() - start:.0f} s)', flush=True)
                except (TwinError, AssertionError) as error:
                    failed += 1
                    print(f'FAILED {test.__name__}: {error}', flush=True)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
