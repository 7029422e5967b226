#!/usr/bin/python3
"""test_ble_outsiders.py - the real hub-ble against other clients of the bus, and against neighbours that lie.

usage: test_ble_outsiders.py FOLDER [TEST ...]      FOLDER is the build's: hub-ble, tests/io/ble_peer
A-02, A-03, ... are the names of the attacks. The same on a real bluetoothd: tests/system/test_ble_attacks.py.
"""
import os
import socket
import sys

from ble_attack_rig import IPC, main, plain, valid
import dbus
import dbus.lowlevel
from fake_bluez import ADAPTER, CHAR, DEVICE, MANAGER, PROPS, octets
from test_ble_io import ADDR, CUFF, PATH, expect, expect_same, let_run, wait

ROLES = {'store': 2, 'hubd': 4, 'bond': 5}  # enum role


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
    forge(bus, '/', MANAGER, 'InterfacesRemoved', 'oas', dbus.ObjectPath(PATH),
          dbus.Array([DEVICE], signature='s'), to=to)
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
    empty = dbus.Array([], signature='s')
    for to in clients:
        forge(bus, PATH, PROPS, 'PropertiesChanged', 'sa{sv}as', DEVICE,
              dbus.Dictionary({'Connected': True, 'ServicesResolved': True}, signature='sv'), empty, to=to)
        forge(bus, r.bpm.path, PROPS, 'PropertiesChanged', 'sa{sv}as', CHAR,
              dbus.Dictionary({'Value': octets(valid(45))}, signature='sv'), empty, to=to)
    let_run(0.5)
    print(f'     {len(r.store.find("DECODED", "systolic=45e0", "unverified=0"))} forged readings, verified', flush=True)
    expect_same(len(r.store.find('RAW')), 0, 'readings of another client of the bus')
    for to in clients:
        forgeries(r, bus, to)
    let_run(0.3)
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
    wait('bond', lambda: r.called('Set', PATH, 'Trusted', True), 30)
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
        wait('hub-ble at the door', self.has_come, 30)
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
FOREIGN = {'store': ['01280100000000', '0121' + '00' * 17, '0112' + '00' * 7 + '01'],
           'hubd': ['01280100000000', '011800', '0112' + '00' * 7 + '01'], 'bond': ['01280100000000', '011800']}


def malformed(r, role):
    """Packets that are no message."""
    kind, _ = PERMITTED[role][0]
    yield from (b'\x00', b'\x01', bytes([2, kind]) + bytes(40), bytes([1, 0xEE]) + bytes(40),
                bytes([1, kind]) + bytes(4000),  bytes(4096), bytes(6000), b'\xff' * 4096)
    for _ in range(3):
        yield b'\x01' + r.random.randbytes(r.random.randrange(60))


def test_neighbours(r):
    """A-38: hub-store, hubd and hub-bondinfo send malformed, forbidden and absurd messages: reported, survived."""
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
        for _ in range(25):  # what it may say, but nonsense; when that does not parse hub-ble hangs up
            kind, length = r.random.choice(PERMITTED[role])
            body = r.random.choice([r.random.randbytes(length), bytes(length), bytes(length - 1) + b'\x01'])
            if not liar.link:
                let_run(0.05)
            liar.say(bytes([1, kind]) + body)
            let_run(0.002)
            if liar.link:
                liar.has_gone()
        # last: what hubd is to hear of it waits for a link, and the next one is the real neighbour's
        for packet in FOREIGN[role]:
            liar.say(bytes.fromhex(packet))
            wait(f'{role}: connection closed after {packet}', liar.has_gone)
        liar.close()
        wait('violations', lambda role=role: len(r.hub.find('ipc-violation', f'peer={role}')) >= len(FOREIGN[role]))
        setattr(r, role, r.peer(role))
        if role == 'hubd':
            r.configure(CUFF % (ADDR, 123456))
        # of one neighbour it is told every 10 s at most
        wait(f'incident of {role}', lambda n=number: r.hubd.find(f'INCIDENT what={IPC} subject={n}'), 30)
        r.expect_alive()
    wait('powered', r.is_powered, 30)
    expect(r.reads(120, 10), 'the cuff afterwards')
    r.expect_bond()
    r.expect_small(before)


if __name__ == '__main__':
    sys.exit(main(globals()))
