"""Trussed's FIDO authenticator (Rust), the firmware of Nitrokey's and SoloKeys' security keys, behind CTAPHID; libfido2 talks to it in
clinicctl-fido, python-fido2 (PyPI) beside that, and a real hub does what was signed with it."""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess

import cbor2
from fido2.cose import ES256
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2
from fido2.hid import CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor
from fido2.webauthn import AuthenticatorData

import formats
from cases import Case, need, same
from home import DTLS13, Home, end

PEER = 'Trussed fido-authenticator 0.4.0-rc.4'
RP, PIN, TRIES = 'telehealth-hub:signer', '24681357', 8
LABEL = -65537


def program(env):
    """The program, or None: this machine has no Cargo, or too old a one."""
    return env.trussed / 'trussed-key' if env.trussed != pathlib.Path() else None


class Connection(CtapHidConnection):
    """Reports of 64 octets on a Unix socket."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(path))

    def read_packet(self):
        data = b''
        while len(data) < 64:
            data += self._socket.recv(64 - len(data))
        return data

    def write_packet(self, data):
        self._socket.sendall(data)

    def close(self):
        self._socket.close()


class Key:
    """One security key."""

    def __init__(self, env, path, pin=None):
        self.path = path
        self._process = subprocess.Popen([program(env), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        same(self._process.stdout.readline(), 'ready\n', 'trussed-key')
        if pin:
            with self.ctap2() as key:
                ClientPin(key).set_pin(pin)

    def tell(self, word):
        """'touch' or 'away'."""
        self._process.stdin.write(word + '\n')
        self._process.stdin.flush()
        same(self._process.stdout.readline(), word + '\n', 'trussed-key')

    @contextlib.contextmanager
    def ctap2(self):
        """python-fido2 at it."""
        link = Connection(self.path)
        try:
            yield Ctap2(CtapHidDevice(HidDescriptor(str(self.path), 0, 0, 64, 64, 'key', None), link))
        finally:
            link.close()

    def close(self):
        """End it."""
        end(self._process, 10)
        self._process.stdin.close()
        self._process.stdout.close()


class Desk:
    """A clinic, its hub, and people with security keys."""

    def __init__(self, env, name):
        self.env, self.home, self.keys = env, Home(env.build, env.folder / name), {}
        self.pin = self.home.folder / 'pin'
        self.pin.write_text(PIN + '\n')

    def key(self, name, pin=None):
        """A new one."""
        self.keys[name] = Key(self.env, self.home.folder / f'{name}.socket', pin)
        return self.keys[name]

    def ctl(self, *arguments, keys=(), code=0):
        """clinicctl with these keys plugged in; returns what it printed and what it complained."""
        done = subprocess.run([self.home.build / 'clinicctl', '--passphrase-file', self.pin, *map(str, arguments)], text=True, timeout=120,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env={**os.environ, 'CLINICCTL_FIDO': str(self.home.build / 'tests/io/clinicctl-fido-sockets'),
                                   'FIDO_SOCKETS': ':'.join(str(self.keys[k].path) for k in keys)})
        same(done.returncode, code, f'clinicctl {arguments}: {done.stdout}{done.stderr}')
        return done.stdout, done.stderr

    def order(self, verb, by, *more, keys, code=0):
        """An order to the hub; its number, or the complaint."""
        out, err = self.ctl(verb, self.home.clinic, 'home', '--as', by, '--reason', 'interop', '--json', *more, keys=keys, code=code)
        return (json.loads(out), err) if code == 0 else err

    def shown(self, counter):
        """What the clinic knows of it."""
        return json.loads(self.ctl('command', 'show', self.home.clinic, 'home', str(counter), '--json')[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.home.__exit__()
        for key in self.keys.values():
            key.close()


def check_signature(order, at, public, flags):
    """python-fido2 reads authenticatorData and finds the signature good; returns the counter."""
    protected, unprotected, payload, signature = cbor2.loads(bytes.fromhex(order['signed_by'][at]['cose']))
    same((protected, list(unprotected)), (b'\xa1\x01\x26', [LABEL]), 'headers')
    auth = AuthenticatorData(unprotected[LABEL])
    same((auth.rp_id_hash, int(auth.flags), len(auth)), (formats.fingerprint(RP.encode()), flags, 37), 'authenticatorData')
    tbs = cbor2.dumps(['Signature1', protected, b'hub/v1/command', payload])
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    der = encode_dss_signature(int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big'))
    key = ES256({1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]})
    key.verify(auth + formats.fingerprint(tbs), der)
    return auth.counter


def orders(env):
    """Two people with a security key each, one with a PIN; the hub does what one and what both have signed."""
    with Desk(env, 'trussed-orders') as desk:
        home, publics = desk.home, {}
        desk.key('ann', PIN)
        desk.key('bob')
        for name, role, more in (('ann', 'clinician', ()), ('bob', 'technician', ('--touch-only',))):
            out, err = desk.ctl('signer', 'add', home.clinic, name, '--role', role, '--fido2', *more, '--json', keys=[name])
            need('touch the security key' in err, err)
            publics[name] = bytes.fromhex(json.loads(out)['public'])
        said, _ = desk.ctl('signer', 'give', home.clinic, 'home')
        version = int(re.search(r'configuration (\d+)', said).group(1))
        home.start_clinicd(DTLS13)
        home.start_hub()
        home.wait('the hub knows them', lambda: home.status()['config']['used'] == version)
        # both keys are plugged in: each time the right one is touched
        first, _ = desk.order('test', 'bob', keys=['ann', 'bob'])
        home.wait('bob is obeyed', lambda: desk.shown(first['counter'])['state'] == 'done')
        both, _ = desk.order('lock', 'ann', '--level', '3', keys=['bob', 'ann'])
        desk.ctl('command', 'sign', home.clinic, 'home', both['counter'], '--as', 'bob', '--yes', keys=['bob', 'ann'])
        home.wait('both are obeyed', lambda: desk.shown(both['counter'])['state'] == 'done')
        counters = [check_signature(desk.shown(both['counter']), 0, publics['ann'], 5),
                    check_signature(desk.shown(both['counter']), 1, publics['bob'], 1)]
        size = sum(len(s['cose']) // 2 for s in desk.shown(both['counter'])['signed_by'])
        return f'a test by one, level 3 by two: {size} octets, verified by python-fido2, counters {counters}'


def complaints(env):
    """Everything that can be wrong with a key, in words; nothing is ordered."""
    with Desk(env, 'trussed-complaints') as desk:
        home = desk.home
        ann = desk.key('ann', PIN)
        desk.key('spare', PIN)
        add = ('signer', 'add', home.clinic, 'ann', '--role', 'clinician', '--fido2')
        need('there is no security key' in desk.ctl(*add, code=66)[1], 'no key')
        need('more than one' in desk.ctl(*add, keys=['ann', 'spare'], code=66)[1], 'two keys')
        need(not (home.clinic / 'signer-ann.key').exists(), 'a file is left')
        desk.key('new')
        need('it has no PIN' in desk.ctl(*add, keys=['new'], code=77)[1], 'no PIN')
        desk.ctl(*add, keys=['ann'])
        desk.ctl('signer', 'give', home.clinic, 'home')
        need('there is no security key' in desk.order('lock', 'ann', keys=[], code=66), 'no key')
        need('another one' in desk.order('lock', 'ann', keys=['spare'], code=66), 'wrong key')
        ann.tell('away')
        need('nobody touched' in desk.order('lock', 'ann', keys=['ann'], code=1), 'no touch')
        ann.tell('touch')
        desk.pin.write_text('')
        need('needs its PIN' in desk.order('lock', 'ann', keys=['ann'], code=77), 'no PIN given')
        desk.pin.write_text('not the PIN\n')
        for left in (7, 6):
            need(f'locks itself: {left}' in desk.order('lock', 'ann', keys=['ann'], code=1), f'{left} tries')
        need('plug it in again' in desk.order('lock', 'ann', keys=['ann'], code=1), 'three wrong ones')
        desk.pin.write_text(PIN + '\n')
        need('plug it in again' in desk.order('lock', 'ann', keys=['ann'], code=1), 'the right one, too early')
        out, _ = desk.ctl('command', 'list', home.clinic, 'home', '--json')
        same(out, '', 'orders')
        return 'none, two, no PIN, another, not touched, PIN missing, wrong with 7 and 6 left, paused'


def silent(env):
    """What the key signs without a touch is refused where it is to be taken: clinicctl itself would never ask for it."""
    with Desk(env, 'trussed-silent') as desk:
        home = desk.home
        desk.key('bob')
        desk.ctl('signer', 'add', home.clinic, 'bob', '--role', 'technician', '--fido2', '--touch-only', keys=['bob'])
        file = (home.clinic / 'signer-bob.key').read_bytes()
        public, credential = file[6:71], file[73:]
        with desk.keys['bob'].ctap2() as key:
            digest = formats.fingerprint(b'whatever')
            allow = [{'type': 'public-key', 'id': credential}]
            answers = [key.get_assertion(RP, digest, allow, options={'up': up}) for up in (False, True)]
            flags = [int(a.auth_data.flags) for a in answers]
            same(flags, [0, 1], 'flags')
            for a in answers:
                a.verify(digest, ES256({1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]}))
            try:
                key.get_assertion('telehealth-hub', digest, allow)
            except CtapError as error:
                same(error.code, CtapError.ERR.NO_CREDENTIALS, 'for another rpId')
            else:
                need(False, 'it signs for another relying party')
        return 'signatures of it are good with and without a touch, and say so; for another rpId there is none'


CASES = (Case(PEER, 'orders by two people', orders), Case(PEER, 'complaints', complaints), Case(PEER, 'a signature without a touch', silent))
