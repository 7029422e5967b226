#!/usr/bin/python3
"""test_bondinfo.py - the real hub-bondinfo, asked over its socket as hub-ble asks it.

usage: test_bondinfo.py FOLDER [TEST ...]      FOLDER is the build's: hub-bondinfo
No Bluetooth is needed: without it every link is told as not there. Prints one line per test; exit 1 if one fails.
"""
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from child import die_with_us  # noqa: E402

ADAPTER = '00:1B:DC:08:E2:5A'
DEVICE = 'F0:F1:F2:F3:F4:F5'
KEY = '0123456789ABCDEF0123456789ABCDEF'
PUBLIC, RANDOM = 0, 1
LINK_ASK, LINK_FACTS, MSG_TIME = 0x50, 0x51, 0x33

folder = os.path.abspath(sys.argv[1])


class Failed(Exception):
    pass


def expect(got, want, what):
    if got != want:
        raise Failed('%s: got %r, want %r' % (what, got, want))


def octets(address):
    return bytes.fromhex(address.replace(':', ''))


def group(name, authenticated, size):
    return '[%s]\nKey=%s\nAuthenticated=%d\nEncSize=%d\nEDiv=1\nRand=2\n\n' % (name, KEY, authenticated, size)


GENERAL = '[General]\nName=cuff\nAddressType=static\n\n'
GOOD = GENERAL + group('LongTermKey', 1, 16) + '[IdentityResolvingKey]\nKey=%s\n' % KEY


class Rig:
    """hub-bondinfo with a storage folder of its own, and a line to it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='bond')
        self.storage = self.dir + '/bluetooth'
        os.makedirs('%s/%s/%s' % (self.storage, ADAPTER, DEVICE))
        self.log = self.dir + '/log'
        self.arguments = [folder + '/hub-bondinfo', '--run', self.dir, '--state', self.storage, '--same-user']
        self.p = self.line = None

    def start(self):
        with open(self.log, 'wb') as log:
            self.p = subprocess.Popen(self.arguments, stdout=log, stderr=log, preexec_fn=die_with_us)
        self.line = self.connect()

    def connect(self):
        end = time.monotonic() + 10
        while True:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.settimeout(10)
            try:
                s.connect(self.dir + '/bond-ble')
                return s
            except OSError:
                s.close()
                if time.monotonic() > end or self.p.poll() is not None:
                    raise Failed('no socket: %s' % self.said())
                time.sleep(0.02)

    def write(self, text, device=DEVICE):
        path = '%s/%s/%s' % (self.storage, ADAPTER, device)
        os.makedirs(path, exist_ok=True)
        with open(path + '/new', 'w') as f:
            f.write(text)
        os.rename(path + '/new', path + '/info')

    def ask(self, adapter=ADAPTER, device=DEVICE, kind=RANDOM, cookie=7):
        """Returns (bonded, strength, key size, has an IRK, linked, encrypted, handle)."""
        self.line.send(bytes([1, LINK_ASK]) + struct.pack('>I', cookie) + octets(adapter) + octets(device)
                       + bytes([kind]))
        answer = self.line.recv(4096)
        expect(answer[:2], bytes([1, LINK_FACTS]), 'kind of answer')
        facts = struct.unpack('>IBBBBBBH', answer[2:])
        expect(facts[0], cookie, 'cookie')
        return facts[1:]

    def said(self):
        with open(self.log, errors='replace') as f:
            return f.read()

    def is_closed(self, line):
        try:
            return line.recv(4096) == b''
        except ConnectionResetError:
            return True

    def done(self):
        if self.line:
            self.line.close()
        if self.p and self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
            expect(self.p.wait(10), 0, 'exit status')
        shutil.rmtree(self.dir)


NONE = (0, 0, 0, 0, 0, 0, 0)


def test_bond(rig):
    """A bond is told as it is on disk at that moment."""
    rig.start()
    expect(rig.ask(), NONE, 'no file')
    rig.write(GOOD)
    expect(rig.ask(cookie=0xFFFFFFFF), (1, 2, 16, 1, 0, 0, 0), 'legacy with passkey')
    rig.write(GENERAL + group('PeripheralLongTermKey', 3, 16))
    expect(rig.ask(), (1, 4, 16, 0, 0, 0, 0), 'secure connections')
    rig.write(GENERAL + group('LongTermKey', 0, 7))
    expect(rig.ask(), (1, 1, 7, 0, 0, 0, 0), 'short key')
    rig.write(GENERAL + group('LongTermKey', 4, 16))
    expect(rig.ask(), (0, 0, 16, 0, 0, 0, 0), 'debug key')
    os.remove('%s/%s/%s/info' % (rig.storage, ADAPTER, DEVICE))
    expect(rig.ask(), NONE, 'removed')


def test_whose(rig):
    """Only this adapter's, this address's, this type's record counts."""
    rig.write(GOOD)
    rig.start()
    expect(rig.ask()[0], 1, 'itself')
    expect(rig.ask(device='F0:F1:F2:F3:F4:F6'), NONE, 'other device')
    expect(rig.ask(adapter='00:1B:DC:08:E2:5B'), NONE, 'other adapter')
    expect(rig.ask(kind=PUBLIC), NONE, 'other type')
    expect(rig.ask(adapter='2E:2E:2F:2E:2E:2F'), NONE, 'an address that reads as ../../')


def test_bad_files(rig):
    """A file that bluetoothd could not load is no bond; said once, and no key in the log."""
    rig.start()
    for what, text in (('empty', ''), ('nonsense', 'Key=%s\n' % KEY), ('too long', GOOD + '#' * 20000)):
        rig.write(text)
        for _ in range(3):
            expect(rig.ask(), NONE, what)
    rig.write(GOOD)
    expect(rig.ask()[0], 1, 'good again')
    expect(rig.said().count('bond-unread'), 2, 'log lines')
    os.remove('%s/%s/%s/info' % (rig.storage, ADAPTER, DEVICE))
    os.symlink('/etc/passwd', '%s/%s/%s/info' % (rig.storage, ADAPTER, DEVICE))
    expect(rig.ask(), NONE, 'symbolic link')
    shutil.rmtree(rig.storage)
    expect(rig.ask(), NONE, 'no storage folder')
    for secret in (KEY, DEVICE, ADAPTER):
        expect(secret in rig.said(), False, 'secret in the log')


def test_no_bluetooth(rig):
    """Without Bluetooth links are not there; said once, not at each ask."""
    rig.write(GOOD)
    rig.start()
    for _ in range(20):
        expect(rig.ask()[4:], (0, 0, 0), 'link')
    expect(rig.said().count('no-bluetooth') + rig.said().count('adapter-unclear'), 1, 'log lines')


def test_garbage(rig):
    """What is no question closes the line; the next one is served."""
    rig.write(GOOD)
    rig.start()
    good = bytes([1, LINK_ASK]) + bytes(4) + octets(ADAPTER) + octets(DEVICE) + bytes([RANDOM])
    seed = int(time.time())
    print('     seed %d' % seed)
    chance = random.Random(seed)
    bad = [good[:-1], good + b'\0', good[:-1] + b'\2', bytes([2]) + good[1:], b'\1', bytes([1, 0xFF]),
           bytes([1, LINK_FACTS]) + bytes(12), bytes([1, MSG_TIME]) + bytes(21), bytes(5000)]
    bad += [chance.randbytes(chance.randrange(1, 40)) for _ in range(50)]
    for packet in bad:
        if len(packet) == len(good) and packet[:2] == good[:2] and packet[-1] < 2:
            continue
        rig.line.send(packet)
        expect(rig.is_closed(rig.line), True, 'closed after %s' % packet[:8].hex())
        rig.line.close()
        rig.line = rig.connect()
    expect(rig.ask()[0], 1, 'a good question after all that')


def test_flood(rig):
    """Thousands of questions, a hundred at once: each is answered, in order."""
    rig.write(GOOD)
    rig.start()
    for first in range(0, 4000, 100):
        for cookie in range(first, first + 100):
            rig.line.send(bytes([1, LINK_ASK]) + struct.pack('>I', cookie) + octets(ADAPTER) + octets(DEVICE)
                          + bytes([RANDOM]))
        for cookie in range(first, first + 100):
            expect(struct.unpack('>I', rig.line.recv(4096)[2:6])[0], cookie, 'cookie')


def test_one_peer(rig):
    """A second line takes the place of the first: hub-ble was restarted."""
    rig.write(GOOD)
    rig.start()
    expect(rig.ask()[0], 1, 'first')
    first, rig.line = rig.line, rig.connect()
    expect(rig.ask()[0], 1, 'second')
    expect(rig.is_closed(first), True, 'first closed')
    first.close()


def test_activation(rig):
    """It takes the socket that systemd listens on."""
    rig.write(GOOD)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(rig.dir + '/bond-ble')
    listener.listen(4)
    inode = os.stat(rig.dir + '/bond-ble').st_ino
    rig.line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    rig.line.settimeout(10)
    rig.line.connect(rig.dir + '/bond-ble')  # before it runs, as hub-ble does
    fd = listener.fileno()
    start = 'exec 3<&%d; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=bond-ble exec "$@"' % fd
    with open(rig.log, 'wb') as log:
        rig.p = subprocess.Popen(['/bin/sh', '-c', start, 'sh', *rig.arguments], stdout=log, stderr=log,
                                 pass_fds=(fd,), preexec_fn=die_with_us)
    listener.close()
    expect(rig.ask()[0], 1, 'answer')
    expect(os.stat(rig.dir + '/bond-ble').st_ino, inode, 'socket')


def main():
    tests = [t for n, t in globals().items() if n.startswith('test_') and (not sys.argv[2:] or n in sys.argv[2:])]
    failed = 0
    for test in tests:
        rig = Rig()
        try:
            test(rig)
            rig.done()
            print('ok   %s' % test.__name__)
        except Exception:
            failed += 1
            print('FAILED %s' % test.__name__)
            traceback.print_exc(file=sys.stdout)
            print(rig.said() if os.path.exists(rig.log) else '')
            if rig.p and rig.p.poll() is None:
                rig.p.kill()
                rig.p.wait()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
