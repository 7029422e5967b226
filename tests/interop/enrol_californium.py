"""Enrolment by EST over CoAP with Californium on the other side: its client enrols at clinicd, hub-coap enrols at its server.

Keys, requests and certificates of both are made and verified by the openssl program.
"""
import base64
import contextlib
import hashlib
import re
import subprocess
import time

import cbor2

from californium import PEER
from cases import Case, need, same
from enrol import NAME, Key, Porch, openssl, porch, upload
from home import NAME as SERVER
from home import Talker

CERTIFICATE, CERTIFICATES, REQUEST, CBOR = 287, 281, 286, 60
EPOCH = 1


def spki(certificate):
    """SHA-256 of the SubjectPublicKeyInfo of a certificate in DER."""
    pem = openssl('x509', '-inform', 'DER', '-noout', '-pubkey', data=certificate)
    return hashlib.sha256(openssl('pkey', '-pubin', '-outform', 'DER', data=pem)).digest()


# --- its client, our server ------------------------------------------------------------------------------------------------

class Client(Talker):
    """Californium's client for the hub of a porch."""

    def __init__(self, env, home, *options):
        super().__init__(env.java('Est') + ['--name', SERVER, '--root', home.root_pem, *options], home.folder / 'est.log')

    def request(self, key, port, method, path, body=None, form=None, accept=None):
        """One, as the owner of this key; the answer."""
        words = [key.pem, port, method, path, *('-' if w is None else w for w in (form, accept)), body.hex() if body else '-']
        return self.ask('ask ' + ' '.join(map(str, words)))

    def get(self, *words, code, **more):
        """The body of the answer, which has this code."""
        answer = self.request(*words, **more)
        same(answer.get('code'), code, f'{words[1:]}: {answer}')
        return bytes.fromhex(answer['body'])


@contextlib.contextmanager
def enrolling(env, name, *options, lines=''):
    """A clinic with a claimed hub, and Californium's client: (home, client)."""
    with porch(env, name, 'californium', lines) as home:
        client = Client(env, home, *options)
        try:
            yield home, client
        finally:
            client.stop()


def whole(env):
    """From a key to an upload, and a renewal."""
    with enrolling(env, 'cal') as (home, client):
        root = client.request(home.device, home.enrol_port, 'GET', 'est/crts', accept=CERTIFICATE)
        same((root['code'], root['format']), ('2.05', CERTIFICATE), 'root')
        same(bytes.fromhex(root['body']), openssl('x509', '-in', home.root, '-outform', 'DER'), 'root')
        key = Key(home.folder, 'op1')
        ask = key.request(home.hex)
        der = client.get(home.device, home.enrol_port, 'POST', 'est/sen', body=ask, form=REQUEST, accept=CERTIFICATE, code='2.04')
        home.certificate(key, der)
        same(client.get(home.device, home.enrol_port, 'POST', '.well-known/est/sen', body=ask, form=REQUEST, code='2.04'), der,
             'the same certificate')
        confirmed = cbor2.loads(client.get(key, home.port, 'POST', 'hub/confirm', body=cbor2.dumps(home.said), form=CBOR,
                                           code='2.04'))
        need(abs(confirmed[1][0] / 1000 - time.time()) < 300, f'answer {confirmed}')
        same(home.row()[:2], ['active', '1'], 'state')
        new = Key(home.folder, 'op2')
        home.certificate(new, client.get(key, home.enrol_port, 'POST', 'est/sren', body=new.request(home.hex), form=REQUEST,
                                         code='2.04'))
        client.get(new, home.port, 'POST', 'hub/confirm', body=cbor2.dumps(home.said), form=CBOR, code='2.04')
        need('error' in client.request(key, home.enrol_port, 'GET', 'est/crts'), 'the old key gets an answer')
        home.tls = 'openssl'  # for what the other cases have already
        upload(home, new)
        return f'{len(der)} octets of certificate, verified by openssl; the same twice; upload; renewal; the old key is refused'


def refusals(env):
    """What must not get a certificate, with codes and words as Californium understands them; approval by a person."""
    with enrolling(env, 'cal-refused', lines='enrol-approve = ask\n') as (home, client):
        key, stranger = Key(home.folder, 'op1'), Key(home.folder, 'stranger').self_signed()
        good = key.request(home.hex)

        def post(body, code, form=REQUEST, **more):
            return client.get(home.device, home.enrol_port, 'POST', 'est/sen', body=body, form=form, code=code, **more)
        need('error' in client.request(stranger, home.enrol_port, 'GET', 'est/crts'), 'a stranger gets an answer')
        same(post(good[:-1] + bytes([good[-1] ^ 1]), '4.00'), b'csr-signature', 'word')
        same(post(key.request('00' * 16), '4.00'), b'csr-other-hub', 'word')
        post(good, '4.15', form=CBOR)
        post(good, '4.06', accept=281)
        client.get(home.device, home.enrol_port, 'PUT', 'est/crts', body=b'x', code='4.05')
        waits = client.request(home.device, home.enrol_port, 'POST', 'est/sen', body=good, form=REQUEST)
        same((waits['code'], waits['max_age'], bytes.fromhex(waits['body'])), ('5.03', 300, b'waits-for-approval'), 'waits')
        home.ctl('enrol', 'approve', home.clinic, NAME, '--by', 'nurse', '--reason', 'seen')
        home.certificate(key, post(good, '2.04'))
        return 'each with its code and word; approved, then issued'


def parts(octets):
    """Blocks of 64."""
    return -(-octets // 64)


def blocks(env):
    """Request and certificate in blocks of 64 octets; another body begun on the way, and one that is too long."""
    with enrolling(env, 'cal-blocks', '--block', '64') as (home, client):
        key, ask = Key(home.folder, 'op1'), (home.device, home.enrol_port, 'POST', 'est/sen')
        root = client.request(home.device, home.enrol_port, 'GET', 'est/crts')
        same(bytes.fromhex(root['body']), openssl('x509', '-in', home.root, '-outform', 'DER'), 'root')
        request = key.request(home.hex)
        answer = client.request(*ask, body=request, form=REQUEST)
        same(answer.get('code'), '2.04', f'{answer}')
        der = bytes.fromhex(answer['body'])
        same(root['answers'], parts(len(root['body']) // 2), 'blocks of the root')
        same(answer['answers'], parts(len(request)) + parts(len(der)) - 1, 'blocks of the request and of the certificate')
        home.certificate(key, der)
        same(client.get(*ask, body=request[:-1], form=REQUEST, code='4.00'), b'csr-form', 'word')
        client.get(*ask, body=bytes(2049), form=REQUEST, code='4.13')
        client.get(key, home.port, 'POST', 'u', body=bytes(100), form=18, code='4.13')  # not for uploads
        return f'{root["answers"]} blocks of the root, {answer["answers"]} of request and certificate, verified; too long: 4.13'


# --- its server, our hub ---------------------------------------------------------------------------------------------------

class Server(Talker):
    """EST of a clinic that is Californium's transport and the openssl program: it knows one hub by its label."""

    def __init__(self, env, home):
        super().__init__(env.java('Relay') + ['--pem', home.server_pem], home.folder / 'relay.log')
        self.home, self.port, self.device, self.fault = home, self.next()['port'], None, None
        self.issued, self.confirmed, self.asked = {}, None, []

    def serve(self):
        """Answer what was asked since."""
        while not self._queue.empty():
            rq = self.next()
            need('error' not in rq, f'Californium: {rq}')
            self.asked.append(rq['path'])
            code, form, body = self.answer(rq['path'], rq['method'], spki(bytes.fromhex(rq['certificate'])),
                                           bytes.fromhex(rq['certificate']), bytes.fromhex(rq['body']))
            self.tell(f'answer {rq["id"]} {code} {form} {body.hex() or "-"}')

    def answer(self, path, method, peer, certificate, body):
        """(code, format, body), as RFC 9148 has it."""
        if path in ('est/crts', 'est/sen'):
            same(peer, self.device, 'who asks')
        if path == 'est/crts':
            same((method, body), ('GET', b''), path)
            return '2.05', CERTIFICATES, openssl('crl2pkcs7', '-nocrl', '-certfile', self.home.root, '-certfile',
                                                 self.home.clinic / 'enrol.crt', '-outform', 'DER')
        if path == 'est/sen':
            return '2.04', CERTIFICATE, self.issue(body)
        if path == 'hub/confirm':
            need(certificate in self.issued.values(), 'a certificate that was not issued')
            said = cbor2.loads(body)
            same((said[1], len(said[3])), (EPOCH, 65), 'epoch, length of the key')
            self.confirmed = certificate
            return '2.04', CBOR, cbor2.dumps({1: [int(time.time() * 1000), 3]}, canonical=True)
        return '5.03', '-', b''

    def issue(self, request):
        """The certificate; for the same request the same."""
        if request in self.issued:
            return self.issued[request]
        folder, hub = self.home.folder, self.device[:16].hex()
        need('verify OK' in self.verify(request), 'signature of the request')
        text = openssl('req', '-inform', 'DER', '-noout', '-subject', '-nameopt', 'RFC2253', data=request).decode()
        need(f'serialNumber={hub}' in text, f'subject {text}')
        (folder / 'ext').write_text('basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n'
                                    'extendedKeyUsage=clientAuth\n')
        (folder / 'csr').write_bytes(request)
        key = folder / 'other.key'
        if self.fault == 'key' and not key.exists():
            openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key)
        public = folder / 'other.pub'
        if self.fault == 'key':
            openssl('ec', '-in', key, '-pubout', '-out', public)
        name = '00' * 16 if self.fault == 'name' else hub
        made = openssl('x509', '-req', '-inform', 'DER', '-in', folder / 'csr', '-CA', self.home.clinic / 'enrol.crt', '-CAkey',
                       self.home.clinic / 'enrol.key', '-set_serial', 77 + len(self.issued), '-days', 30, '-sha256', '-extfile',
                       folder / 'ext', '-subj', f'/CN={name}/serialNumber={name}', '-outform', 'DER',
                       *(('-force_pubkey', public) if self.fault == 'key' else ()))
        self.issued[request] = made
        return made

    def verify(self, request):
        """What openssl says of the request's own signature."""
        path = self.home.folder / 'look'
        path.write_bytes(request)
        done = subprocess.run(['openssl', 'req', '-inform', 'DER', '-in', path, '-verify', '-noout'], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.stdout


class Bare(Porch):
    """A hub with nothing but a clinic.trust."""

    def begin(self, port):
        """It starts, and enrols at that port of the loopback; returns the hash of its device key, as its label says it."""
        self.parts = self.folder / 'state'
        for part in ('coap', 'store', 'hubd'):
            (self.parts / part).mkdir(parents=True)
        where = f'name={SERVER},address=127.0.0.1,port={port},profile=1.2'
        self.ctl('trust', self.clinic, '-o', self.parts / 'coap' / 'clinic.trust', '--enrol', where, '--endpoint', where)
        said = subprocess.run([self.build / 'hub-setup', '--state', self.parts / 'coap', '--boot', self.parts], check=True,
                              text=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60).stderr
        for program, part in (('hubd', 'hubd'), ('hub-store', 'store'), ('hub-coap', 'coap')):
            self.start(program, '--state', self.parts / part, '--run', self.run, '--same-user')
        return base64.b32decode(re.search('label qr=HUB1:([A-Z2-7]{52})', said).group(1) + '====')

    def state(self):
        """What hubd shows of the enrolment: state, trouble, epoch."""
        path = self.parts / 'hubd' / 'enrolment'
        return path.read_text().split() if path.exists() else []


@contextlib.contextmanager
def hub_and_server(env, name):
    """Such a hub, and Californium as its clinic: (home, server)."""
    with Bare(env, f'est-{name}', 'californium') as home:
        server = Server(env, home)
        try:
            server.device = home.begin(server.port)
            yield home, server
        finally:
            server.stop()


def hub(env):
    """The hub takes root and certificate, and confirms on the new one."""
    with hub_and_server(env, 'cal-hub') as (home, server):
        home.wait('the confirmation', lambda: server.confirmed is not None, pump=server.serve)
        home.wait('the hub is active', lambda: home.state() == ['active', 'none', '1'], pump=server.serve)
        path = home.folder / 'op.der'
        path.write_bytes(openssl('x509', '-inform', 'DER', data=server.confirmed))
        openssl('verify', '-purpose', 'sslclient', '-CAfile', home.root, '-untrusted', home.clinic / 'enrol.crt', path)
        same(server.asked[:3], ['est/crts', 'est/sen', 'hub/confirm'], 'asked')
        return f'{len(server.confirmed)} octets of certificate, confirmed; active'


def hub_refuses(fault):
    """A certificate for another key, or of another hub: not taken, nothing is confirmed with it."""
    def case(env):
        with hub_and_server(env, f'cal-hub-{fault}') as (home, server):
            server.fault = fault
            home.wait('it is refused', lambda: home.programs['hub-coap'].said('enrolment-certificate'), pump=server.serve)
            server.serve()
            need(server.confirmed is None and 'active' not in home.state(), f'{home.state()}, {server.asked}')
            return 'not taken, and said so'
    return case


CASES = [
    Case(PEER, 'enrolment: its client, from a key to an upload, and a renewal', whole),
    Case(PEER, 'enrolment: its client, refusals and approval', refusals),
    Case(PEER, 'enrolment: its client, in blocks', blocks),
    Case(PEER, 'enrolment: hub -> its server', hub),
    Case(PEER, 'enrolment: hub -> its server, a certificate for another key', hub_refuses('key')),
    Case(PEER, 'enrolment: hub -> its server, a certificate of another hub', hub_refuses('name')),
]
