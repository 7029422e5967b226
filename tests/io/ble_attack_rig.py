"""ble_attack_rig.py - what the tests of attacks on hub-ble share: the rig of test_ble_io.py, with what an attacker has.

HUB_SEED (1) chooses the random values.
"""
import os
import pathlib
import random
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'system')]
import test_ble_io as plain  # noqa: E402  says SKIP and ends if python3-dbus is missing
import dbus  # noqa: E402
from fake_bluez import DEVICE  # noqa: E402
from test_ble_io import READING, Failed, expect, let_run, wait  # noqa: E402

SEED = os.environ.get('HUB_SEED', '1')
GARBAGE, IMPOSTOR, IPC = 2, 3, 13  # enum incident
MEMORY_MAX_KB = 16384


def valid(number):
    """A value whose systolic pressure is `number`."""
    return READING[:1] + number.to_bytes(2, 'little') + READING[3:]


# one value of each common characteristic
SAMPLES = [READING, bytes.fromhex('065c3fea070b15071f0202'), bytes.fromhex('020100ea070b150a1e0005c011'),
           bytes.fromhex('00610048000000'), bytes.fromhex('06750100ffea070b150a1e0002'), bytes.fromhex('165000'),
           bytes.fromhex('0663000a00'), bytes.fromhex('060001010500'), bytes.fromhex('050005000300'),
           bytes.fromhex('200201'), bytes.fromhex('0100002a00'), bytes.fromhex('ea070b150a1e00070000')]


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
        let_run(0.15)  # in the millisecond of the link's start nobody knows whose a value is
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


def main(tests):
    """Run all of a module's globals() that are tests, or the named ones; returns the exit code."""
    chosen, failed = sys.argv[2:], 0
    for name, test in [(n, f) for n, f in tests.items() if n.startswith('test_') and callable(f)]:
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
