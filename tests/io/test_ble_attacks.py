#!/usr/bin/python3
"""test_ble_attacks.py - the real hub-ble against floods, impostors and copied adapters, with a scripted org.bluez.

usage: test_ble_attacks.py FOLDER [TEST ...]      FOLDER is the build's: hub-ble, tests/io/ble_peer
A-02, A-03, ... are the names of the attacks. The same on a real bluetoothd: tests/system/test_ble_attacks.py.
"""
import sys
import time

from ble_attack_rig import IMPOSTOR, main, valid
import dbus
from fake_bluez import DEVICE, uuid
from test_ble_io import ADDR, CUFF, READING, expect, expect_same, let_run, wait


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
    let_run(0.1)
    wait('trusted again', lambda: bool(r.cuff.props[DEVICE]['Trusted']), 30)
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
    """A-24: an adapter with the first one's address comes while the hub works: ignored, reported."""
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


if __name__ == '__main__':
    sys.exit(main(globals()))
