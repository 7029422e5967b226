"""Generic Health Sensor observations (2B8B, 2BDD): no library decodes them, so this is one of our own, not a peer.

Written in Python from the tables of the service's published C headers (class, flags and value structures of Generic
Health Sensor Service 1.0) and from what ble/ghs.h and ble/elapsed.h promise; not from our decoder's code. It finds a
slip of the pen in either; what both have misread alike it cannot find.
"""
import datetime
import struct

from libraries import Refused

SPEAKS = ('2B8B', '2BDD')
NUMERIC, DISCRETE, STRING, SAMPLES, EVENTS, STATE, COMPOUND, TLV, BUNDLE = 1, 2, 3, 4, 5, 6, 7, 8, 255
NO_USER = 255
TAIL, NO_RESULT, TEST, CLOCK_UNSET = 1 << 0, 1 << 2, 1 << 4, 1 << 9
IMPLAUSIBLE = 1 << 1
SPECIALS = {0x7FFFFF: 'NaN', 0x800000: 'NRes', 0x7FFFFE: '+INF', 0x800002: '-INF', 0x800001: 'reserved'}
ORIGIN = datetime.datetime(2000, 1, 1)
TICKS_IN = (10000, 1000, 10, 1)  # 100 us: in 1 s, 100 ms, 1 ms, 100 us
TEST_BIT = 1 << 4


class Octets:
    """A value that is read from its start."""

    def __init__(self, raw, at, end):
        """From at to end."""
        self.raw, self.at, self.end = raw, at, end

    def take(self, count):
        """The next octets, as an unsigned number."""
        self.at += count
        if self.at > self.end:
            raise Refused('too short')
        return int.from_bytes(self.raw[self.at - count:self.at], 'little')

    def left(self):
        """How many are left."""
        return self.end - self.at


def medfloat(raw):
    """A FLOAT as (mantissa, exponent) or a word."""
    mantissa, exponent = raw & 0xFFFFFF, raw >> 24
    if raw in SPECIALS:
        return SPECIALS[raw]
    return mantissa - (mantissa >> 23 << 24), exponent - (exponent >> 7 << 8)


class Reading:
    """What was found so far."""

    def __init__(self):
        """Nothing."""
        self.values, self.words, self.marks = [], {}, 0
        self.numbers = self.results = 0

    def add(self, code, number, unit):
        """A value; all of them, also what a reading has no room for."""
        self.values.append((f'MDC:{code}', number, unit))

    def add_number(self, code, unit, raw):
        """A value that is a number."""
        number = medfloat(raw)
        self.numbers += 1
        self.results += number not in ('NaN', 'NRes')
        self.add(code, number, f'MDC:{unit}')

    def set_user(self, user):
        """Members of a bundle that disagree: unknown."""
        if self.words.get('user', user) != user:
            user = NO_USER
        self.words['user'] = user


def value_of(kind, code, octets, reading, inside=False):
    """The value of an observation or of a component of a compound."""
    if kind == NUMERIC:
        unit = octets.take(2)
        reading.add_number(code, unit, octets.take(4))
    elif kind == DISCRETE:
        reading.add(code, (octets.take(4), 0), 'code')
    elif kind == STRING:
        octets.take(octets.take(2))
    elif kind == SAMPLES:
        octets.take(2 + 4 + 4 + 4 + 1)
        size = octets.take(1)
        octets.take(octets.take(4) * size)
    elif kind == EVENTS:
        for _ in range(octets.take(1)):
            reading.add(code, (octets.take(4), 0), 'code')
    elif kind == STATE:
        octets.take(3 * octets.take(1))
    elif kind == COMPOUND and not inside:
        for _ in range(octets.take(1)):
            component = octets.take(4)
            if not value_of(octets.take(1), component, octets, reading, True):
                break
    elif kind == TLV and not inside:
        attributes(octets)
    else:  # a class that is not known: its octets cannot be told from what follows, they are left over
        return False
    return True


def attributes(octets):
    """TLVs."""
    for _ in range(octets.take(1)):
        octets.take(4)
        length = octets.take(2)
        octets.take(1 + length)


def elapsed(octets, words, reading):
    """Elapsed Time: the first one counts."""
    flags, count = octets.take(1), octets.take(6)
    octets.take(1)
    quarters = octets.take(1)
    if words is None:
        return
    if not flags & 0x20:
        reading.marks |= CLOCK_UNSET
    ticks = count * TICKS_IN[flags >> 2 & 3]
    if flags & 1:
        words['ticks'] = ticks
        return
    seconds = ticks // 10000
    if seconds > (datetime.datetime(9999, 12, 31, 23, 59, 59) - ORIGIN).total_seconds():
        reading.marks |= IMPLAUSIBLE
        return
    words['t'] = (ORIGIN + datetime.timedelta(seconds=seconds)).isoformat()
    words['utc'] = flags >> 1 & 1
    if flags & 0x12 == 0x12 and quarters != 0x80:
        words['offset'] = (quarters - (quarters >> 7 << 8)) * 15


def observation(octets, reading, whole, inherited=None):
    """One observation; whole: its length counts itself; inherited: the type that a bundle gives to its members."""
    kind, length = octets.take(1), octets.take(2)
    length -= 3 if whole else 0
    if length < 0:
        raise Refused('length')
    body = Octets(octets.raw, octets.at, octets.at + length)
    octets.take(length)
    code = head_of(body, reading, inherited or 0)
    if kind == BUNDLE and inherited is None:
        for _ in range(body.take(1)):
            observation(body, reading, whole, code)
    else:
        value_of(kind, code, body, reading)
    if body.left():
        reading.marks |= TAIL


def head_of(octets, reading, code):
    """What the flags announce; the observation's type."""
    words = reading.words
    flags = octets.take(2)
    if flags & 1:
        code = octets.take(4)
    if flags & 2:
        elapsed(octets, words if not {'t', 'ticks'} & words.keys() else None, reading)
    if flags & 4:
        octets.take(4)
    if flags & 8:
        status = octets.take(2)
        words.setdefault('status', status)
        if status & TEST_BIT:
            reading.marks |= TEST
    if flags & 16:
        octets.take(4)
    if flags & 32:
        reading.set_user(octets.take(1))
    for bit in (64, 128, 256):
        if flags & bit:
            octets.take(4 * octets.take(1))
    if flags & 512:
        attributes(octets)
    return code


class ByHand:
    """In the shape of a peer."""

    NAME = 'by-hand'
    SPEAKS = SPEAKS

    def decode(self, name, raw, _has_crc):
        """Dispatch."""
        octets, reading = Octets(raw, 0, len(raw)), Reading()
        words = reading.words
        if name == '2BDD':
            words['sequence'] = octets.take(4)
        # some devices count class and length too; they are known by the whole value having that length
        whole = octets.left() >= 3 and octets.left() == int.from_bytes(raw[octets.at + 1:octets.at + 3], 'little')
        observation(octets, reading, whole)
        if octets.left():
            reading.marks |= TAIL
        if reading.numbers and not reading.results:
            reading.marks |= NO_RESULT
        words['marks'] = reading.marks
        words.setdefault('utc', 0)
        if reading.values:
            words['values'] = reading.values
        return words


# ---- making them -----------------------------------------------------------------------------------

def tlvs(maker):
    """Attributes."""
    r = maker.random
    found = b''
    count = r.randrange(3)
    for _ in range(count):
        body = r.randbytes(r.randrange(4))
        found += struct.pack('<IHB', r.randrange(1 << 32), len(body), r.randrange(5)) + body
    return bytes([count]) + found


def content(maker, kind, inside=False):
    """The value of a class."""
    r = maker.random
    if kind == NUMERIC:
        return r.randbytes(2) + maker.float()
    if kind == DISCRETE:
        return r.randrange(1 << 31 if r.random() < 0.95 else 1 << 32).to_bytes(4, 'little')
    if kind == STRING:
        text = r.randbytes(r.randrange(6))
        return struct.pack('<H', len(text)) + text
    if kind == SAMPLES:
        size, count = r.choice((1, 2)), r.randrange(5)
        return r.randbytes(14) + struct.pack('<BBI', r.randrange(3), size, count) + r.randbytes(size * count)
    if kind == EVENTS:
        count = r.choice((0, 1, 2, 3, 21))
        return bytes([count]) + b''.join(content(maker, DISCRETE) for _ in range(count))
    if kind == STATE:
        size = r.randrange(4)
        return bytes([size]) + r.randbytes(3 * size)
    if kind == COMPOUND and not inside:
        count = r.choice((0, 1, 2, 3, 3, 4, 21))
        return bytes([count]) + b''.join(component(maker) for _ in range(count))
    if kind == TLV:
        return tlvs(maker)
    return r.randbytes(r.randrange(5))


def component(maker):
    """Of a compound."""
    kind = maker.random.choice((NUMERIC, NUMERIC, NUMERIC, DISCRETE, STRING, SAMPLES, EVENTS, STATE))
    return struct.pack('<IB', maker.random.randrange(1 << 32), kind) + content(maker, kind, True)


def head(maker, flags):
    """The fields that the flags announce."""
    r = maker.random
    found = b''
    if flags & 1:
        found += struct.pack('<I', r.choice((150020, 150456, r.randrange(1 << 32))))
    if flags & 2:
        when = r.randrange(1 << r.choice((20, 30, 38, 48)))
        found += bytes([r.randrange(64)]) + when.to_bytes(6, 'little') + bytes([r.randrange(8)])
        found += bytes([r.choice((0, 4, 0xF0, 0x80, r.randrange(256)))])
    if flags & 4:
        found += maker.float()
    if flags & 8:
        found += struct.pack('<H', r.choice((0, 0, 1, 2, 16, r.randrange(1 << 16))))
    if flags & 16:
        found += r.randbytes(4)
    if flags & 32:
        found += bytes([r.choice((1, 1, 2, 255))])
    for bit in (64, 128, 256):
        if flags & bit:
            count = r.randrange(3)
            found += bytes([count]) + r.randbytes(4 * count)
    return found + (tlvs(maker) if flags & 512 else b'')


def one(maker, whole, member=False):
    """An observation."""
    r = maker.random
    kind = r.choice((NUMERIC, NUMERIC, NUMERIC, DISCRETE, STRING, SAMPLES, EVENTS, STATE, COMPOUND, COMPOUND, TLV,
                     BUNDLE, BUNDLE))
    if member and kind == BUNDLE:
        kind = NUMERIC
    if r.random() < 0.01:
        kind = r.randrange(256)
    flags = r.getrandbits(10) & r.choice((0x3FF, 0x2B, 0x0B, 0x03)) | (r.random() < 0.9)
    if r.random() < 0.1:
        flags |= r.getrandbits(16) & 0xFC00
    body = struct.pack('<H', flags) + head(maker, flags)
    if kind == BUNDLE and not member:
        count = r.choice((0, 1, 2, 2, 3))
        body += bytes([count]) + b''.join(one(maker, whole, True) for _ in range(count))
    else:
        body += content(maker, kind)
    length = len(body) + (3 if whole else 0)
    if r.random() < 0.03:
        length = max(0, length + r.choice((-2, -1, 1, 2)))
    return struct.pack('<BH', kind, length) + body


def value(maker, name):
    """One input."""
    r = maker.random
    made = one(maker, r.random() < 0.2) if r.random() < 0.95 else r.randbytes(r.randrange(40))
    if name == '2BDD':
        made = r.randbytes(4) + made
    made = made[:512]
    dice = r.random()
    if dice < 0.08 and made:
        return made[:r.randrange(len(made))]
    if dice < 0.14:
        return (made + r.randbytes(r.randint(1, 4)))[:512]
    return made
