"""Enrolment by EST over CoAP: keys, requests and bootstrap certificates of the openssl program, sent by libcoap's coap-client on
OpenSSL, GnuTLS and Mbed TLS; the certificates are verified by openssl, and the hub then uploads with one."""
import contextlib
import hashlib
import os
import re
import subprocess
import time

import cbor2
import formats
from californium import Batches
from cases import Case, need, same
from home import DTLS12, LIMIT_S, Home, Program, free_udp_port, wait
from libcoap import TLS

PEER = 'OpenSSL, libcoap 4.3.5'
NAME = 'porch'


def openssl(*argv, data=None):
    """Run the openssl program; returns what it printed, bytes."""
    done = subprocess.run(['openssl', *map(str, argv)], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=LIMIT_S)
    need(done.returncode == 0, f'openssl {argv[0]}: {done.stderr.decode()}')
    return done.stdout


class Key:
    """A P-256 key in a file, and its hash."""

    def __init__(self, folder, name, curve='prime256v1'):
        self.stem = folder / name
        self.path = self.stem.with_suffix('.key')
        openssl('ecparam', '-name', curve, '-genkey', '-noout', '-out', self.path)
        self.spki = hashlib.sha256(openssl('ec', '-in', self.path, '-pubout', '-outform', 'DER')).digest()
        self.pem = self.stem.with_suffix('.pem')

    def certify(self, certificate):
        """Key and certificate in one file."""
        self.pem.write_bytes(self.path.read_bytes() + certificate)
        return self

    def self_signed(self):
        """As a hub makes its bootstrap certificate; openssl makes it a CA, which must not matter."""
        return self.certify(openssl('req', '-x509', '-new', '-key', self.path, '-sha256', '-days', '3650', '-subj', '/CN=x'))

    def request(self, serial, *options):
        """A PKCS#10 request in DER."""
        return openssl('req', '-new', '-key', self.path, *(options or ('-sha256',)), '-subj',
                       f'/O=somebody/CN={serial}/serialNumber={serial}', '-outform', 'DER')


class Porch(Home):
    """A clinic where one hub is claimed, which has nothing but its own key."""

    def __init__(self, env, name, tls, lines=''):
        super().__init__(env.build, env.folder / name)
        self.env, self.tls, self.enrol_port = env, tls, free_udp_port()
        with open(self.clinic / 'clinic.conf', 'a', encoding='ascii') as conf:
            conf.write(f'enrol = {self.enrol_port}\n{lines}')
        self.device = Key(self.folder, 'device').self_signed()
        self.hex = self.device.spki[:16].hex()
        self.play('claim', self.device.spki.hex(), NAME)
        self.said = {1: 1, 2: '1.0', 3: formats.point_of(self.sign), 4: bytes(32)}

    def play(self, *words):
        """A person at the clinic; clinicd may run."""
        done = subprocess.run([self.build / 'tests/io/play_enrol', self.clinic, *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S)
        need(done.returncode == 0, f'play_enrol {words}: {done.stderr}')
        return done.stdout

    def coap(self, key, port, path, method, body=None, form=None, *options, code='2.0', wait_s=LIMIT_S // 2):
        """One request; returns the body, or what coap-client said if it is not code."""
        out, sent = self.folder / 'body', self.folder / 'sent'
        out.unlink(missing_ok=True)
        sent.write_bytes(body or b'')
        done = subprocess.run(
            [self.env.libcoap / self.tls / 'coap-client', '-c', key.pem, '-j', key.pem, '-C', self.root_pem, '-B', str(wait_s),
             '-o', out, '-m', method, *(('-f', sent) if body else ()), *(('-t', str(form)) if form else ()), *options,
             f'coaps://localhost:{port}/{path}'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S)
        got = out.read_bytes() if out.exists() else b''
        if code == '2.0':
            need(got, f'{path}: no answer; {done.stdout}')
            return got
        need(code in done.stdout, f'{path}: want {code}, got {done.stdout} {got!r}')
        return done.stdout

    def post(self, path, key, request, **more):
        """A request for a certificate."""
        return self.coap(key, self.enrol_port, path, 'post', request, 286, **more)

    def confirm(self, key, code='2.0'):
        """Of a new certificate, on the port of uploads."""
        return self.coap(key, self.port, 'hub/confirm', 'post', cbor2.dumps(self.said), 60, code=code)

    def refused(self, key, port, path='est/crts', method='get'):
        """No handshake: nothing is answered."""
        out = self.coap(key, port, path, method, code='', wait_s=4)
        # a code, not the seconds of the time before each line of a log
        need(not re.search(r'(?<![0-9])[24]\.0[0-9]', out) and not (self.folder / 'body').exists(), f'an answer? {out}')

    def certificate(self, key, der):
        """Verified by openssl, and put behind its key."""
        pem = openssl('x509', '-inform', 'DER', data=der)
        path = key.stem.with_suffix('.crt')
        path.write_bytes(pem)
        openssl('verify', '-purpose', 'sslclient', '-CAfile', self.root, '-untrusted', self.clinic / 'enrol.crt', path)
        subject = openssl('x509', '-in', path, '-noout', '-subject', '-nameopt', 'RFC2253').decode()
        need(f'CN={self.hex}' in subject and f'serialNumber={self.hex}' in subject, subject)
        same(hashlib.sha256(openssl('ec', '-in', key.path, '-pubout', '-outform', 'DER')).digest(), key.spki, 'key')
        return key.certify(pem)

    def enrolled(self, name='op1'):
        """A confirmed key."""
        key = Key(self.folder, name)
        self.certificate(key, self.post('est/sen', self.device, key.request(self.hex)))
        self.confirm(key)
        return key

    def row(self):
        """What the clinic has: state, epoch, tries, active, issued."""
        return self.play('rows').split()[1:6]

    def restart(self):
        """Killed, and started again."""
        program = self.programs.popitem()[1]
        program.process.kill()
        program.process.wait()
        self.start_clinicd(DTLS12)

    @property
    def hub_id(self):
        return self.device.spki[:16]


@contextlib.contextmanager
def porch(env, name, tls, lines=''):
    """With clinicd, which speaks DTLS 1.2 on the port of uploads, too."""
    with Porch(env, f'est-{name}-{tls}', tls, lines) as home:
        home.start_clinicd(DTLS12)
        yield home


def whole(tls):
    """From a key to an upload, with clinicd killed after each answer; then a renewal."""
    def case(env):
        with porch(env, 'whole', tls) as home:
            same(home.coap(home.device, home.enrol_port, 'est/crts', 'get'),
                 openssl('x509', '-in', home.root, '-outform', 'DER'), 'root')
            cas = openssl('pkcs7', '-inform', 'DER', '-print_certs', data=home.coap(home.device, home.enrol_port, 'est/crts', 'get',
                                                                                    None, None, '-A', '281')).decode()
            for name in ('root', 'enrol'):
                need(''.join((home.clinic / f'{name}.crt').read_text().split()) in ''.join(cas.split()), f'{name} is not among {cas}')
            key = Key(home.folder, 'op1')
            der = home.post('est/sen?model=hub&version=1', home.device, key.request(home.hex))
            home.certificate(key, der)
            home.restart()
            same(home.post('.well-known/est/sen', home.device, key.request(home.hex)), der, 'the same certificate')
            same(home.row()[0], 'issued', 'state')
            answer = cbor2.loads(home.confirm(key))
            need(abs(answer[1][0] / 1000 - time.time()) < 300 and set(answer) == {1}, f'answer {answer}')
            home.restart()
            same(set(cbor2.loads(home.confirm(key))), {1}, 'confirmed again')
            same(home.row()[:2], ['active', '1'], 'state')
            upload(home, key)
            new = Key(home.folder, 'op2')
            home.certificate(new, home.post('est/sren', key, new.request(home.hex)))
            home.confirm(new)
            home.refused(key, home.port, 'u', 'post')
            home.refused(key, home.enrol_port)
            return f'{len(der)} octets of certificate, verified; upload; renewal; the old key is refused'
    return case


def blocks(tls):
    """Request and certificate in blocks of 32 octets."""
    def case(env):
        with porch(env, 'blocks', tls) as home:
            key = Key(home.folder, 'op1')
            small = '-b', '32'
            same(home.coap(home.device, home.enrol_port, 'est/crts', 'get', None, None, *small),
                 openssl('x509', '-in', home.root, '-outform', 'DER'), 'root')
            der = home.coap(home.device, home.enrol_port, 'est/sen', 'post', key.request(home.hex), 286, *small)
            home.certificate(key, der)
            return f'{len(der)} octets of certificate, verified'
    return case


def upload(home, key):
    """Two readings by coap-client; they are held, as no config has given an assignment."""
    batches = Batches(home)
    data = formats.sign1('hub/v1/batch', batches.next(2).encode(), home.sign)
    same(formats.read_reply(home.coap(key, home.port, 'u', 'post', data, 18)).contig, 2, 'acknowledged')
    same([r.get('not_filed') for r in home.readings()], [2], 'readings that are held')


def refusals(env):
    """Everything that must not get a certificate."""
    with porch(env, 'refused', 'openssl') as home:
        key, other = Key(home.folder, 'op1'), Key(home.folder, 'stranger').self_signed()
        good = key.request(home.hex)
        home.refused(other, home.enrol_port)
        for want, word, body in (
                ('4.00', 'csr-signature', good[:-1] + bytes([good[-1] ^ 1])), ('4.00', 'csr-form', good[:-1]),
                ('4.00', 'csr-other-hub', key.request('00' * 16)),
                ('4.00', 'csr-not-p256-sha256', Key(home.folder, 'p384', 'secp384r1').request(home.hex)),
                ('4.00', 'csr-not-p256-sha256', key.request(home.hex, '-sha384')),
                ('4.00', 'old-key', home.device.request(home.hex))):
            need(word in home.post('est/sen', home.device, body, code=want), f'want {word}')
        ask = home.device, home.enrol_port
        home.coap(*ask, 'est/sen', 'post', good, 60, code='4.15')
        home.coap(*ask, 'est/sen', 'post', good, 286, '-A', '281', code='4.06')
        home.coap(*ask, 'est/crts', 'get', None, None, '-A', '60', code='4.06')
        home.coap(*ask, 'est/sen', 'get', code='4.05')
        home.coap(*ask, 'est/crts', 'put', b'x', code='4.05')
        home.coap(*ask, 'u', 'post', good, 286, code='4.04')
        home.post('est/sren', home.device, good, code='4.03')
        home.refused(home.device, home.port, 'u', 'post')
        same(home.row()[0], 'preregistered', 'state')
        home.certificate(key, home.post('est/sen', home.device, good))
        home.refused(key, home.enrol_port)
        home.coap(key, home.port, 'u', 'post', b'x', 18, code='4.03')
        home.said[1] = 0
        home.confirm(key, code='4.00')
        home.said[1] = 1
        home.confirm(key)
        home.said[1] = 2
        home.confirm(key, code='4.09')
        home.post('est/sen', key, Key(home.folder, 'op2').request(home.hex), code='4.03')
        for number in (6, 5):  # lost, retired
            home.play('state', NAME, str(number))
            home.refused(home.device, home.enrol_port)
            home.refused(key, home.enrol_port)
        return 'each with its code and word; nothing was issued'


def approval(env):
    """A person must approve; too many keys; a certificate that was not used; one that has ended."""
    with porch(env, 'ask', 'gnutls', 'enrol-approve = ask\n') as home:
        key = Key(home.folder, 'op1')
        need('waits' in home.post('est/sen', home.device, key.request(home.hex), code='5.03'), 'word')
        need("'clinicctl enrol approve'" in home.ctl('enrol', 'list', home.clinic), 'list')
        home.ctl('enrol', 'approve', home.clinic, NAME, '--by', 'nurse', '--reason', 'seen')
        home.certificate(key, home.post('est/sen', home.device, key.request(home.hex)))
        home.play('age', '25')
        home.refused(key, home.port, 'hub/confirm', 'post')
        for number in range(2, 8):
            key = Key(home.folder, f'op{number}')
            der = home.post('est/sen', home.device, key.request(home.hex))
        more = Key(home.folder, 'op9')
        need('too-many' in home.post('est/sen', home.device, more.request(home.hex), code='5.03'), 'word')
        need('too many' in home.ctl('enrol', 'list', home.clinic), 'list')
        home.confirm(home.certificate(key, der))
        home.play('age', str(91 * 24))
        need('4.0' in home.post('est/sen', key, more.request(home.hex), code='4.03'), 'sen')
        home.confirm(home.certificate(more, home.post('est/sren', key, more.request(home.hex))))
        same(home.row()[:3], ['active', '1', '0'], 'row')
        return 'asked, approved, 6 keys, a seventh refused, renewed after its end'


def mortal(home, point):
    """clinicd that kills itself at this point, once."""
    built = home.build / 'failpoints'
    name = (built if built.exists() else home.build) / 'tests/interop/clinicd-dtls12'
    program = Program([name, '--dir', home.clinic, '--listen', '127.0.0.1'], home.folder / f'{point}.log',
                      env={**os.environ, 'HUB_FAILPOINT': point, 'HUB_FAILPOINT_ONCE': str(home.folder / f'{point}-{time.monotonic()}')})
    program.wait_said('role=ingest')
    return program


def kills(env):
    """clinicd is killed at each step of a request and of a confirmation; what it leaves, and the same again afterwards."""
    with Porch(env, 'est-kills', 'openssl') as home:
        key = Key(home.folder, 'op1')
        request = key.request(home.hex)

        def ask():
            return home.post('est/sen', home.device, request, wait_s=4, code='')

        def confirm():
            return home.coap(key, home.port, 'hub/confirm', 'post', cbor2.dumps(home.said), 60, wait_s=4, code='')

        def kill_all(do, *steps):
            for point, state in steps:
                program = mortal(home, point)
                do()
                wait(f'{point} kills', lambda p=program: p.process.poll() is not None)
                same((program.process.returncode, home.row()[0], (home.folder / 'body').exists()), (-9, state, False), point)

        kill_all(ask, ('clinic.enrol.received', 'preregistered'), ('clinic.enrol.commit.before', 'preregistered'),
                 ('clinic.enrol.commit.after', 'issued'), ('clinic.enrol.answer.before', 'issued'))
        home.start_clinicd(DTLS12)
        der = home.post('est/sen', home.device, request)
        same(home.post('est/sen', home.device, request), der, 'the same certificate')
        home.certificate(key, der)
        home.programs.popitem()[1].stop()
        kill_all(confirm, ('clinic.confirm.received', 'issued'), ('clinic.enrol.commit.before', 'issued'),
                 ('clinic.enrol.commit.after', 'active'), ('clinic.confirm.answer.before', 'active'))
        home.start_clinicd(DTLS12)
        home.confirm(key)
        upload(home, key)
        return '8 kills; nothing was answered before it was durable'


CASES = [
    *(Case(TLS[tls], 'enrolment: from a key to an upload, and a renewal', whole(tls)) for tls in TLS),
    *(Case(TLS[tls], 'enrolment: in blocks', blocks(tls)) for tls in TLS),
    Case(PEER, 'enrolment: refusals', refusals),
    Case(PEER, 'enrolment: approval, limits, ends', approval),
    Case(PEER, 'enrolment: clinicd killed at each step', kills),
]
