"""A second reader and writer of what crosses the wall: upload, reply, config, sealed body, body.

Written from docs/MESSAGES.md and the RFCs, on cbor2 and cryptography: no code and no library of the hub. Everything
that is read is also encoded anew and must come out byte for byte, since the hub promises deterministic CBOR.
"""
import dataclasses
import hashlib
import hmac
import io
import os
import struct

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PROTECTED = cbor2.dumps({1: -7})
FLAG_WANT_TIME, FLAG_ALARM = 1, 2
ROUTINE, ALARM = 1, 2
KIND_BP, KIND_MANIFEST = 1, 254
RAW_AND = serialization.PublicFormat.UncompressedPoint


class FormatError(ValueError):
    """Bytes that are not what docs/MESSAGES.md says."""


def need(good, what):
    """Raise FormatError unless good."""
    if not good:
        raise FormatError(what)


def decode(data):
    """One CBOR item that fills the bytes and is encoded deterministically."""
    stream = io.BytesIO(data)
    try:
        item = cbor2.CBORDecoder(stream).decode()
    except (cbor2.CBORDecodeError, ValueError, TypeError) as error:
        raise FormatError(f'no CBOR: {error}') from error
    need(stream.tell() == len(data), 'octets behind the item')
    need(cbor2.dumps(item, canonical=True) == data, 'not deterministic')
    return item


def uint(value, most=2 ** 64 - 1):
    """The value, if it is an unsigned number of at most that."""
    need(type(value) is int and 0 <= value <= most, f'{value!r} is no number up to {most}')
    return value


def octets(value, length=None, most=None):
    """The value, if it is a byte string of that length."""
    need(type(value) is bytes, f'{value!r} is no byte string')
    need(length is None or len(value) == length, f'{len(value)} octets, not {length}')
    need(most is None or len(value) <= most, f'{len(value)} octets, more than {most}')
    return value


def items(value, count=None, most=None):
    """The value, if it is an array of so many items."""
    need(type(value) is list, f'{value!r} is no array')
    need(count is None or len(value) == count, f'{len(value)} items, not {count}')
    need(most is None or len(value) <= most, f'{len(value)} items, more than {most}')
    return value


# --- keys and signatures ---------------------------------------------------------------------------


def private_key(scalar):
    """P-256 key of 32 octets."""
    return ec.derive_private_key(int.from_bytes(scalar, 'big'), ec.SECP256R1())


def public_key(point):
    """P-256 key of 65 octets."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def point_of(key):
    """The 65 octets of a private key's public half."""
    return key.public_key().public_bytes(serialization.Encoding.X962, RAW_AND)


def _to_be_signed(context, payload):
    return cbor2.dumps(['Signature1', PROTECTED, context.encode(), payload])


def sign1(context, payload, key):
    """COSE_Sign1 with ES256 over this payload."""
    der = key.sign(_to_be_signed(context, payload), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(der)
    signature = r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
    return cbor2.dumps([PROTECTED, {}, payload, signature])


def open1(context, data, key):
    """The payload of a COSE_Sign1 whose signature holds."""
    protected, unprotected, payload, signature = items(decode(data), 4)
    need(protected == PROTECTED and unprotected == {}, 'headers')
    octets(signature, 64)
    der = utils.encode_dss_signature(int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big'))
    try:
        key.verify(der, _to_be_signed(context, octets(payload)), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise FormatError(f'signature for {context}') from error
    return payload


# --- upload ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Record:
    """One sealed record; `envelope` wants hub and epoch of its batch."""

    assignment: int
    seq: int
    urgency: int
    kind: int
    sealed: bytes

    def envelope(self, hub, epoch):
        """The 39 octets under the seal."""
        return struct.pack('>B16sIIQBBI', 1, hub, epoch, self.assignment, self.seq, self.urgency, self.kind,
                           len(self.sealed))


@dataclasses.dataclass(frozen=True)
class Upload:
    """Payload of an upload, in its order."""

    hub: bytes
    epoch: int
    acked: int
    flags: int
    queued: int
    highest: int
    records: tuple
    tombstones: tuple = ()
    checkpoint: bytes = b''
    status: bytes = b''

    def encode(self):
        """The payload."""
        records = [[r.assignment, r.seq, r.urgency, r.kind, r.sealed] for r in self.records]
        more = [self.status] if self.status else []
        return cbor2.dumps([3 + len(more), self.hub, self.epoch, self.acked, self.flags, [self.queued, self.highest], records,
                            [list(t) for t in self.tombstones], self.checkpoint] + more)

    @property
    def seqs(self):
        """Numbers of its records."""
        return [r.seq for r in self.records]


def _read_records(array, highest):
    records, before = [], 0
    for assignment, seq, urgency, kind, sealed in (items(r, 5) for r in items(array, most=32)):
        need(before < uint(seq) <= highest, f'seq {seq} after {before}, highest {highest}')
        need(urgency in (ROUTINE, ALARM), f'class {urgency}')
        need(34 + 16 <= len(octets(sealed, most=1000)), 'sealed body too short')
        records.append(Record(uint(assignment, 2 ** 32 - 1), seq, urgency, uint(kind, 255), sealed))
        before = seq
    return tuple(records)


def _read_tombstones(array, highest):
    before = 0
    for first, last, urgency, cause in (items(t, 4) for t in items(array, most=8)):
        need(before < uint(first) <= uint(last) <= highest, f'tombstone {first}..{last}')
        need(urgency in (0, ROUTINE, ALARM) and 1 <= cause <= 7, f'tombstone {urgency}, {cause}')
        before = last
    return tuple(map(tuple, array))


STATUS_MOST = {1: 4, 2: 3, 3: 1, 4: 3, 5: 2 ** 64 - 1, 7: 2 ** 64 - 1, 8: 1, 9: 2 ** 64 - 1, 10: 5, 18: 3}
DEVICE_MOST = {1: 2 ** 16 - 1, 2: 5, 3: 11, 4: 2 ** 32 - 1, 5: 2 ** 32 - 1, 6: 100}
STATUS_MADE, STATUS_DEVICES, STATUS_ASSIGNMENT, STATUS_ENROLMENT, STATUS_COMMAND = 6, 11, 14, 15, 17
STATUS_PATH, STATUS_SOFTWARE, STATUS_TRIGGERS, STATUS_ESCROW = 19, 20, 21, 22
DEVICE_NUMBER, DEVICE_CLOCK, DEVICE_SIGNAL = 1, 7, 8


def _read_map(value, most, signed, others=()):
    need(type(value) is dict, f'{value!r} is no map')
    for key, field in value.items():
        if key == signed:
            need(type(field) is int, f'{field!r} is no number')
        elif key not in others:
            need(key in most, f'key {key!r}')
            uint(field, most[key])


def _read_status(data):
    """How the hub is, checked key by key; as it came."""
    status = decode(octets(data, most=864))
    _read_map(status, STATUS_MOST, STATUS_MADE, (STATUS_DEVICES, STATUS_ASSIGNMENT, STATUS_ENROLMENT, STATUS_COMMAND, STATUS_PATH,
                                                 STATUS_SOFTWARE, STATUS_TRIGGERS, STATUS_ESCROW))
    if STATUS_ESCROW in status:
        lock_epoch, sealed = items(status[STATUS_ESCROW], 2)
        uint(lock_epoch, 2 ** 32 - 1)
        need(len(octets(sealed, most=82)) == 82, 'what ends level 3')
    for trigger, peer, count, level in (items(t, 4) for t in items(status.get(STATUS_TRIGGERS, []), most=4)):
        need(0 < uint(trigger, 31) and 0 < uint(count, 2 ** 32 - 1), 'what was noticed')
        uint(peer, 2 ** 16 - 1)
        uint(level, 3)
    if STATUS_ENROLMENT in status:
        state, trouble = items(status[STATUS_ENROLMENT], 2)
        need(uint(state, 5) > 0, 'state of the enrolment')
        uint(trouble, 11)
    if STATUS_ASSIGNMENT in status:
        in_force, step = items(status[STATUS_ASSIGNMENT], 2)
        uint(in_force, 2 ** 32 - 1)
        uint(step, 5)
    if STATUS_COMMAND in status:
        counter, result, retiring, lock_epoch, nonce = items(status[STATUS_COMMAND], 5)
        need((uint(counter) == 0) == (uint(result, 63) == 0) and type(retiring) is bool, 'what became of a command')
        uint(lock_epoch, 2 ** 32 - 1)
        need(len(octets(nonce, most=16)) in (0, 16), 'challenge')
    if STATUS_PATH in status:
        trip, requests, again = items(status[STATUS_PATH], 3)
        need(uint(trip, 60000) >= 0 and 0 < uint(requests, 20) and uint(again, requests) >= 0, 'the way')
    if STATUS_SOFTWARE in status:
        software = status[STATUS_SOFTWARE]
        need(type(software) is str and 0 < len(software) <= 15 and all(' ' < c <= '~' for c in software), f'software {software!r}')
    before = 0
    for device in items(status.get(STATUS_DEVICES, []), most=16):
        _read_map(device, DEVICE_MOST, DEVICE_CLOCK, (DEVICE_SIGNAL,))
        need(type(device.get(DEVICE_SIGNAL, -1)) is int and -127 <= device.get(DEVICE_SIGNAL, -1) <= -1, 'signal')
        need(device.get(DEVICE_NUMBER, 0) > before, 'devices not ascending')
        before = device[DEVICE_NUMBER]
    return data


def read_upload(data, key):
    """Verify and read an upload as it came in the request."""
    version, hub, epoch, acked, flags, numbers, records, tombstones, checkpoint, *more = items(
        decode(open1('hub/v1/batch', data, key)), most=10)
    queued, highest = items(numbers, 2)
    need(version == 3 + len(more), f'version {version} with {9 + len(more)} items')
    need(len(data) <= (1184 if len(records) == 1 else 1024), f'{len(data)} octets')
    uint(highest)
    return Upload(octets(hub, 16), uint(epoch, 2 ** 32 - 1), uint(acked, highest), uint(flags, 31), uint(queued),
                  highest, _read_records(records, highest), _read_tombstones(tombstones, highest),
                  octets(checkpoint, most=192), _read_status(more[0]) if more else b'')


# --- reply -----------------------------------------------------------------------------------------


def reply(durable, time=None, **more):
    """A reply that names these numbers; more: keys that the hub must skip, as k20=value."""
    contig = 0
    while contig + 1 in durable:
        contig += 1
    ranges = []
    for seq in sorted(n for n in durable if n > contig):
        if ranges and ranges[-1][1] == seq - 1:
            ranges[-1][1] = seq
        else:
            ranges.append([seq, seq])
    content = {1: contig}
    if ranges:
        content[2] = ranges
    if time:
        content[4] = list(time)
    content.update({int(name[1:]): value for name, value in more.items()})
    return cbor2.dumps(content, canonical=True)


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a clinic answered."""

    contig: int
    ranges: list
    refused: list
    time: list

    def covers(self, seq):
        """Is this number durable there?"""
        return 1 <= seq <= self.contig or any(first <= seq <= last for first, last in self.ranges)


def read_reply(data):
    """Read a reply of clinicd."""
    need(len(data) <= 608, f'{len(data)} octets')
    content = decode(data)
    need(type(content) is dict and set(content) <= {1, 2, 3, 4, 5, 8, 9, 10}, f'{content!r}')
    need(uint(content.get(5, 1)) > 0, 'a wish for config 0')
    contig = before = uint(content[1])
    for first, last in (items(r, 2) for r in items(content.get(2, []), most=16)):
        need(before < uint(first) <= uint(last), f'range {first}..{last}')
        before = last
    return Reply(contig, content.get(2, []), content.get(3, []), content.get(4, []))


def replies(data):
    """Read replies that stand one behind the other."""
    stream = io.BytesIO(data)
    while stream.tell() < len(data):
        start = stream.tell()
        cbor2.CBORDecoder(stream).decode()
        yield read_reply(data[start:stream.tell()])


# --- config ----------------------------------------------------------------------------------------


def redirect(config, key, address, port, profile, pin, name=None):
    """The signed config with its endpoint changed: (bytes)."""
    content = decode(open1('hub/v1/config', config, key.public_key()))
    need(set(content) == {*range(12), 19}, f'keys {sorted(content)}')  # 19: the release authority
    (old_name, *_), = content[9]
    mapped = bytes(10) + b'\xff\xff' + bytes(map(int, address.split('.')))
    content[9] = [[name or old_name, mapped, port, profile, [pin]]]
    return sign1('hub/v1/config', cbor2.dumps(content, canonical=True), key)


# --- seal: HPKE base mode, RFC 9180 ----------------------------------------------------------------

_KEM, _SUITE = b'KEM\x00\x20', b'HPKE\x00\x20\x00\x01\x00\x02'


def _extract(salt, suite, label, ikm):
    return hmac.digest(salt or bytes(32), b'HPKE-v1' + suite + label + ikm, 'sha256')


def _expand(prk, suite, label, info, length):
    info, out, block = struct.pack('>H', length) + b'HPKE-v1' + suite + label + info, b'', b''
    for i in range(1, length // 32 + 2):
        block = hmac.digest(prk, block + info + bytes([i]), 'sha256')
        out += block
    return out[:length]


def _key_and_nonce(secret, enc, public):
    shared = _expand(_extract(b'', _KEM, b'eae_prk', secret), _KEM, b'shared_secret', enc + public, 32)
    context = b'\x00' + _extract(b'', _SUITE, b'psk_id_hash', b'') + _extract(b'', _SUITE, b'info_hash',
                                                                              b'hub/v1/reading')
    prk = _extract(shared, _SUITE, b'secret', b'')
    return _expand(prk, _SUITE, b'key', context, 32), _expand(prk, _SUITE, b'base_nonce', context, 12)


def _raw(key):
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def unseal(sealed, envelope, private):
    """Open a sealed body; private: 32 octets of the clinic's key."""
    key = x25519.X25519PrivateKey.from_private_bytes(private)
    enc = sealed[2:34]
    need(sealed[0] == 1, f'version {sealed[0]}')
    secret = key.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    aes, nonce = _key_and_nonce(secret, enc, _raw(key.public_key()))
    return AESGCM(aes).decrypt(nonce, sealed[34:], envelope)


def seal(body, record, hub, epoch, key_id, public):
    """The record with its body sealed to the clinic's key; record.sealed must be empty."""
    whole = dataclasses.replace(record, sealed=bytes(2 + 32 + len(body) + 16))
    own = x25519.X25519PrivateKey.from_private_bytes(os.urandom(32))
    enc = _raw(own.public_key())
    aes, nonce = _key_and_nonce(own.exchange(x25519.X25519PublicKey.from_public_bytes(public)), enc, public)
    text = AESGCM(aes).encrypt(nonce, body, whole.envelope(hub, epoch))
    return dataclasses.replace(record, sealed=bytes([1, key_id]) + enc + text)


# --- body ------------------------------------------------------------------------------------------


def body_bp(raw, values, utc_ms):
    """Body of a blood pressure reading: values as (name, unit, mantissa, exponent)."""
    return cbor2.dumps({0: 1, 1: KIND_BP, 2: 0x2A35, 3: raw, 4: [bytes([0xF0, 1, 2, 3, 4, 5]), 1, 1],
                        5: [bytes(range(16)), 5000, utc_ms, 20, 2], 6: 60, 7: 4, 8: 0,
                        9: [list(v) for v in values], 13: [0, 0, 0, 0xFFFFFFFF], 14: 2}, canonical=True)


def read_body(data):
    """Read a body: the map, its deterministic form and its obligatory keys checked."""
    content = decode(data)
    need(content.get(0) == 1 and set(range(9)) <= set(content) <= set(range(21)), f'keys {sorted(content)}')
    return content


def fingerprint(data):
    """SHA-256."""
    return hashlib.sha256(data).digest()
