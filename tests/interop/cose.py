"""pycose (Python): COSE as RFC 9052 and 9053 have it. It reads what hub and clinic have signed, and signs what they read."""
import json
import subprocess

import cbor2
from pycose.algorithms import Es256
from pycose.headers import Algorithm
from pycose.keys import EC2Key
from pycose.keys.curves import P256
from pycose.messages import Sign1Message

import formats
from californium import Batches, systolics
from cases import Case, all_there, need, read_uploads, same
from enrol import openssl
from home import Home
from plain import Code, Raw, clinic_behind, hub_before

PEER = 'pycose 1.1.0'


def public(point):
    """pycose's key of 65 octets: 04, x, y."""
    return EC2Key(crv=P256, x=point[1:33], y=point[33:])


def private(scalar):
    """pycose's key of 32 octets."""
    point = formats.point_of(formats.private_key(scalar))
    return EC2Key(crv=P256, x=point[1:33], y=point[33:], d=scalar)


def opens(context, data, key):
    """The payload, if pycose finds the signature good. The tag is left out on our wires."""
    message = Sign1Message.from_cose_obj(cbor2.loads(data), False)
    same((message.phdr, message.uhdr), ({Algorithm: Es256}, {}), 'headers')
    message.key, message.external_aad = key, context.encode()
    return message.payload if message.verify_signature() else None


def signed(context, payload, key):
    """A COSE_Sign1 that pycose has made."""
    message = Sign1Message(phdr={Algorithm: Es256}, payload=payload, external_aad=context.encode())
    message.key = key
    return message.encode(tag=False)


def check(context, data, key, other):
    """pycose takes it for this context and key only, and not with one bit changed."""
    payload = opens(context, data, key)
    need(payload is not None, f'{context}: pycose does not take the signature')
    same(payload, formats.open1(context, data, formats.public_key(b'\x04' + key.x + key.y)), f'{context}: payload')
    flipped = bytearray(data)
    flipped[-1] ^= 1
    for what, refused in (('another context', opens(context + 'x', data, key)), ('another key', opens(context, data, other)),
                          ('a changed signature', opens(context, bytes(flipped), key))):
        need(refused is None, f'{context}: pycose takes {what}')


def reads(env):
    """Config, uploads, checkpoints and manifests, as the real programs make them."""
    async def answer(_number, _upload):
        return None
    with hub_before(env, 'cose-reads', answer) as (home, resource):
        home.measure(5)
        home.wait('everything is delivered', lambda: all_there(home, resource.uploads))
        home.wait('an upload with a checkpoint', lambda: any(u.checkpoint for u in read_uploads(home, resource.uploads)))
        # it is made when the hub has been told the time, and goes with an upload after that
        home.wait('a manifest', lambda: any(r.kind == formats.KIND_MANIFEST for u in read_uploads(home, resource.uploads)
                                            for r in u.records))
        hub, clinic = public(bytes.fromhex(home.sign_point)), private((home.clinic / 'config.key').read_bytes())
        clinic = public(b'\x04' + clinic.x + clinic.y)
        seen = {'hub/v1/config': [(home.bundle / 'hubd' / 'config.cose').read_bytes()], 'hub/v1/batch': resource.uploads,
                'hub/v1/checkpoint': [], 'hub/v1/manifest': []}
        for u in read_uploads(home, resource.uploads):
            if u.checkpoint:
                seen['hub/v1/checkpoint'].append(u.checkpoint)
            seen['hub/v1/manifest'] += [formats.unseal(r.sealed, r.envelope(u.hub, u.epoch), home.seal_private)
                                        for r in u.records if r.kind == formats.KIND_MANIFEST]
        for context, objects in seen.items():
            need(objects, f'no object of {context} came')
            for data in objects:
                if context == 'hub/v1/config':
                    check(context, data, clinic, hub)
                else:
                    check(context, data, hub, clinic)
        return ', '.join(f'{len(objects)} of {context}' for context, objects in seen.items())


def orders(env):
    """An order with two signatures, as clinicctl makes it: two COSE_Sign1 over one payload, each of its own key."""
    with clinic_behind(env, 'cose-orders') as (home, _port):
        keys = {}
        for name, role in (('doc', 'clinician'), ('tech', 'technician')):
            home.ctl('signer', 'add', home.clinic, name, '--role', role)
            whole = private((home.clinic / f'signer-{name}.key').read_bytes())
            keys[name] = public(b'\x04' + whole.x + whole.y)
        home.ctl('signer', 'give', home.clinic, 'home')
        home.ctl('lock', home.clinic, 'home', '--as', 'doc', '--reason', 'interop', '--level', '3')
        home.ctl('command', 'sign', home.clinic, 'home', '1', '--as', 'tech', '--yes')
        order = json.loads(home.ctl('command', 'show', home.clinic, 'home', '1', '--json'))
        signed_by = {s['name']: bytes.fromhex(s['cose']) for s in order['signed_by']}
        check('hub/v1/command', signed_by['doc'], keys['doc'], keys['tech'])
        check('hub/v1/command', signed_by['tech'], keys['tech'], keys['doc'])
        payloads = {cbor2.loads(data)[2] for data in signed_by.values()}
        same(len(payloads), 1, 'payloads')
        payload = cbor2.loads(payloads.pop())
        same((list(payload), payload[0], len(payload[1]), payload[3], payload[5], payload[6]), ([0, 1, 2, 3, 4, 5, 6], 1, 16, 1, 3, [3]), 'payload')
        return 'two signatures over one payload, each verified'


def trust(env):
    """clinic.trust, as clinicctl makes it and openssl and hub read it: signed with the key of the root certificate in it."""
    with Home(env.build, env.folder / 'cose-trust') as home:
        path = home.folder / 'clinic.trust'
        home.ctl('trust', home.clinic, '-o', path)
        data = path.read_bytes()
        payload = cbor2.loads(cbor2.loads(data)[2])
        pem = openssl('x509', '-inform', 'DER', '-noout', '-pubkey', data=payload[4])
        point = openssl('pkey', '-pubin', '-outform', 'DER', data=pem)[-65:]
        check('hub/v1/trust', data, public(point), public(payload[5]))
        same(payload[4], openssl('x509', '-in', home.root, '-outform', 'DER'), 'root')
        state = home.folder / 'coap'
        state.mkdir()

        def taken(name):
            boot = home.folder / name
            boot.mkdir()
            (boot / 'clinic.trust').write_bytes(signed(f'hub/v1/{name}', cbor2.loads(data)[2], root))
            done = subprocess.run([home.build / 'hub-setup', '--state', state, '--boot', boot], text=True, check=True,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
            return 'clinic-trust-taken' in done.stderr
        root = private(int(openssl('pkey', '-in', home.clinic / 'root.key', '-outform', 'DER', '-traditional')[7:39].hex(), 16)
                       .to_bytes(32, 'big'))
        same((taken('config'), taken('trust')), (False, True), 'taken by a hub')
        return 'verified with the root in it; one that pycose has signed is taken, for another purpose refused'


def writes(env):
    """Config and uploads signed by pycose are taken; with another context they are not."""
    with clinic_behind(env, 'cose-writes') as (home, port):
        raw, batches, key = Raw(port), Batches(home), private(bytes.fromhex(home.sign_scalar))
        first = batches.next(2).encode()
        answer = raw.ask(raw.message(payload=signed('hub/v1/config', first, key)))
        same(answer.code, Code.FORBIDDEN, 'signed for another purpose')
        for payload in (first, batches.next(3).encode()):
            answer = raw.ask(raw.message(payload=signed('hub/v1/batch', payload, key)))
            same((answer.code, answer.opt.content_format), (Code.CHANGED, 60), 'answer')
        same(formats.read_reply(answer.payload).contig, 5, 'contig')
        same(systolics(home), [100 + n for n in range(1, 6)], 'systolics')
        raw.close()

        path, clinic = home.bundle / 'hubd' / 'config.cose', private((home.clinic / 'config.key').read_bytes())
        payload = cbor2.loads(path.read_bytes())[2]
        path.write_bytes(signed('hub/v1/batch', payload, clinic))
        hubd = home.start('hubd', '--state', home.bundle / 'hubd', '--run', home.run, '--same-user')
        hubd.wait_said('config-refused')
        path.write_bytes(signed('hub/v1/config', payload, clinic))
        hubd.wait_said('config-taken')
    return '5 readings stored, a config taken; both refused with another context'


CASES = [Case(PEER, 'reads what is signed', reads), Case(PEER, 'signs what is read', writes), Case(PEER, 'reads an order of two', orders),
         Case(PEER, 'clinic.trust', trust)]
