"""What the specifications say about the octets, as tables, and values made from them at random.

Written from the service specifications and the GATT Specification Supplement, for two uses that need no decoder:
making inputs of which a good share is valid, and saying how long a value has to be for its flags.
"""
import random
import struct

# (field, kind, bit of the flags that announces it; None: always there)
TABLES = {
    # name: (octets of flags, bits of the flags that mean something, fields)
    '2A35': (1, 0x1F, [('systolic', 'sfloat', None), ('diastolic', 'sfloat', None), ('mean', 'sfloat', None),
                       ('time', 'date', 1), ('pulse', 'sfloat', 2), ('user', 'u8', 3), ('status', 'cuff', 4)]),
    '2A1C': (1, 0x07, [('temperature', 'float', None), ('time', 'date', 1), ('site', 'code9', 2)]),
    '2A18': (1, 0x1F, [('sequence', 'u16', None), ('time', 'date', None), ('offset', 'u16', 0),
                       ('glucose', 'sfloat', 1), ('type-location', 'sample', 1), ('status', 'u16', 3)]),
    '2A34': (1, 0xFF, [('sequence', 'u16', None), ('extended', 'u8', 7), ('carbohydrate-id', 'code7', 0),
                       ('carbohydrate', 'sfloat', 0), ('meal', 'code5', 1), ('tester-health', 'tester', 2),
                       ('duration', 'u16', 3), ('intensity', 'u8', 3), ('medication-id', 'code5', 4),
                       ('medication', 'sfloat', 4), ('hba1c', 'sfloat', 6)]),
    '2A5E': (1, 0x1F, [('spo2', 'sfloat', None), ('pulse', 'sfloat', None), ('time', 'date', 0), ('status', 'plx', 1),
                       ('device', 'sensor', 2), ('amplitude', 'sfloat', 3)]),
    '2A5F': (1, 0x1F, [('spo2', 'sfloat', None), ('pulse', 'sfloat', None), ('spo2-fast', 'sfloat', 0),
                       ('pulse-fast', 'sfloat', 0), ('spo2-slow', 'sfloat', 1), ('pulse-slow', 'sfloat', 1),
                       ('status', 'plx', 2), ('device', 'sensor', 3), ('amplitude', 'sfloat', 4)]),
    '2A9D': (1, 0x0F, [('weight', 'u16', None), ('time', 'date', 1), ('user', 'u8', 2), ('bmi', 'u16', 3),
                       ('height', 'u16', 3)]),
    '2A9C': (2, 0x1FFF, [('fat', 'fat', None), ('time', 'date', 1), ('user', 'u8', 2), ('metabolism', 'u16', 3),
                         ('muscle', 'u16', 4), ('muscle-mass', 'u16', 5), ('fat-free', 'u16', 6),
                         ('soft-lean', 'u16', 7), ('water', 'u16', 8), ('impedance', 'u16', 9), ('weight', 'u16', 10),
                         ('height', 'u16', 11)]),
    '2A2B': (0, 0, [('time', 'date', None), ('day', 'code7', None), ('fraction', 'u8', None), ('reason', 'u8', None)]),
    '2A08': (0, 0, [('time', 'date', None)]),
    '2A19': (0, 0, [('level', 'level', None)]),
    '2A23': (0, 0, [('maker', 'u40', None), ('oui', 'u24', None)]),
    '2A50': (0, 0, [('source', 'code2', None), ('vendor', 'u16', None), ('product', 'u16', None),
                    ('version', 'u16', None)]),
    '2AA8': (0, 0, [('features', 'u24', None), ('type-location', 'sample', None), ('crc', 'u16', None)]),
    '2AA9': (0, 0, [('offset', 'u16', None), ('status', 'u24', None)]),
    '2AAA': (0, 0, [('time', 'date', None), ('zone', 'zone', None), ('dst', 'dst', None)]),
}
TABLES['2A36'] = TABLES['2A35']
# one record of 2AA7, without its size octet and check sum
CGM_RECORD = (1, 0xE3, [('glucose', 'sfloat', None), ('offset', 'u16', None), ('status', 'u8', 7), ('cal', 'u8', 6),
                        ('warning', 'u8', 5), ('trend', 'sfloat', 0), ('quality', 'sfloat', 1)])
SIZES = {'sfloat': 2, 'float': 4, 'date': 7, 'u8': 1, 'u16': 2, 'u24': 3, 'u40': 5, 'code2': 1, 'code5': 1, 'code7': 1,
         'code9': 1, 'sample': 1, 'tester': 1,
         'fat': 2, 'cuff': 2, 'plx': 2, 'sensor': 3, 'level': 1, 'zone': 1, 'dst': 1}
NIBBLES = {'sample': (range(1, 11), (1, 2, 3, 4, 15)), 'tester': ((1, 2, 3, 15), (1, 2, 3, 4, 5, 15))}
BITS = {'cuff': 0x3F, 'plx': 0xFFE0, 'sensor': 0xFFFF}  # of status fields, that have a meaning


def crc(octets):
    """CRC-16/MCRF4XX: CGM Service 1.0.2, 3.11."""
    value = 0xFFFF
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value


def walk(table, raw):
    """The offsets of the fields that the flags announce, and where they end; None if not even the flags are there."""
    width, _, fields = table
    if len(raw) < width:
        return None, width
    flags = int.from_bytes(raw[:width], 'little')
    at, found = width, {}
    for name, kind, bit in fields:
        if bit is None or flags >> bit & 1:
            found[name] = (at, SIZES[kind])
            at += SIZES[kind]
    return found, at


def field(name, raw, wanted):
    """A field as an unsigned number, None if it is not announced or not whole."""
    found, _ = walk(TABLES[name], raw)
    if not found or wanted not in found:
        return None
    at, size = found[wanted]
    return int.from_bytes(raw[at:at + size], 'little') if at + size <= len(raw) else None


def need(name, raw, has_crc=False):
    """How many octets the flags ask for; for 2A37 without RR intervals."""
    if name not in TABLES and name != '2A37':
        return 0
    if name == '2A37':
        if not raw:
            return 2
        return 2 + (raw[0] & 1) + (2 if raw[0] & 8 else 0)
    extra = 2 if has_crc and name in ('2AA9', '2AAA') else 0
    return walk(TABLES[name], raw)[1] + extra


def cgm_walk(raw, has_crc):
    """Records of 2AA7 as (offset, size, is it as long as its flags ask), up to the first that is not."""
    at, records = 0, []
    while at < len(raw):
        size = raw[at]
        _, end = walk(CGM_RECORD, raw[at + 1:at + size]) if size > 1 else (None, 0)
        good = size >= 6 and at + size <= len(raw) and size == 1 + end + (2 if has_crc else 0)
        records.append((at, size, good))
        if not good:
            break
        at += size
    return records


class Maker:
    """Values at random, with what is special about each kind of field more often than chance has it."""

    SPECIAL = (0x7FF, 0x800, 0x7FE, 0x802, 0x801)

    def __init__(self, seed):
        """seed: anything; the same one makes the same values."""
        self.random = random.Random(seed)

    def sfloat(self):
        """Mostly plausible, else special, else anything."""
        r = self.random
        dice = r.random()
        if dice < 0.6:
            return (r.choice((0, 0, 0xF, 0xF, 0xE, 0xD, 1)) << 12 | r.randrange(2000)).to_bytes(2, 'little')
        if dice < 0.72:
            return r.choice(self.SPECIAL).to_bytes(2, 'little')
        if dice < 0.77:
            return (r.randrange(16) << 12 | r.choice(self.SPECIAL)).to_bytes(2, 'little')
        return r.randbytes(2)

    def float(self):
        """The same with 24 bits of mantissa."""
        r = self.random
        dice = r.random()
        if dice < 0.6:
            return r.randrange(500000).to_bytes(3, 'little') + bytes([r.choice((0, 0xFF, 0xFE, 0xFD, 1))])
        special = (0x7FFFFF, 0x800000, 0x7FFFFE, 0x800002, 0x800001)
        if dice < 0.72:
            return r.choice(special).to_bytes(4, 'little')
        if dice < 0.77:
            return r.choice(special).to_bytes(3, 'little') + r.randbytes(1)
        return r.randbytes(4)

    def date(self):
        """Mostly a date, else one with a zero or a number beside its limit."""
        r = self.random
        parts = [r.choice((2024, 2025, 2026, r.randrange(1582, 10000))), r.randint(1, 12), r.randint(1, 28),
                 r.randrange(24), r.randrange(60), r.randrange(60)]
        dice = r.random()
        if dice < 0.08:
            parts[r.randrange(3)] = 0
        elif dice < 0.16:
            limits = ((1, 1581, 1582, 9999, 10000), (12, 13), (29, 30, 31, 32), (23, 24), (59, 60), (59, 60))
            which = r.randrange(6)
            parts[which] = r.choice(limits[which])
        elif dice < 0.2:
            return r.randbytes(7)
        return struct.pack('<HBBBBB', *parts)

    def make(self, kind):
        """One field."""
        r = self.random
        if kind in ('sfloat', 'float', 'date'):
            return getattr(self, kind)()
        if kind.startswith('code'):
            return bytes([r.randint(1, int(kind[4:])) if r.random() < 0.95 else r.randrange(256)])
        if kind in NIBBLES:
            low, high = NIBBLES[kind]
            return bytes([r.choice(low) | r.choice(high) << 4 if r.random() < 0.95 else r.randrange(256)])
        if kind == 'fat':
            return (r.choice((1000, 1001, 0xFFFF)) if r.random() < 0.15 else r.randrange(1001)).to_bytes(2, 'little')
        if kind == 'level':
            return bytes([r.randrange(101) if r.random() < 0.7 else r.randrange(256)])
        if kind == 'zone':
            return bytes([r.randrange(-48, 57) & 0xFF if r.random() < 0.7 else r.randrange(256)])
        if kind == 'dst':
            return bytes([r.choice((0, 2, 4, 8, 255)) if r.random() < 0.8 else r.randrange(256)])
        if kind in BITS:
            bits = r.getrandbits(8 * SIZES[kind]) & (BITS[kind] if r.random() < 0.8 else -1)
            return bits.to_bytes(SIZES[kind], 'little')
        size = SIZES[kind]
        dice = r.random()
        if dice < 0.1:
            return r.choice((b'\0', b'\xff', b'\x7f', b'\x80'))[:1] * size if dice < 0.05 else b'\xff' * size
        if dice < 0.15 and size == 2:
            return r.choice((0x7FFF, 0x8000)).to_bytes(2, 'little')
        return r.randbytes(size)

    def structured(self, table):
        """As the table says."""
        width, meant, fields = table
        flags = self.random.getrandbits(8 * width) if width else 0
        if self.random.random() < 0.7:
            flags &= meant
        return flags.to_bytes(width, 'little') + b''.join(
            self.make(kind) for _, kind, bit in fields if bit is None or flags >> bit & 1)

    def heart_rate(self):
        """2A37."""
        r = self.random
        flags = r.randrange(256) if r.random() < 0.3 else r.randrange(32)
        value = bytes([flags]) + r.randbytes(2 if flags & 1 else 1)
        if r.random() < 0.05:
            value = bytes([flags]) + bytes(2 if flags & 1 else 1)
        if flags & 8:
            value += r.randbytes(2)
        if flags & 16:
            value += r.randbytes(2 * r.choice((0, 1, 1, 2, 3, 4, 9, 17, 18, 19, 20, 21, 24)))
        return value

    def cgm(self, has_crc):
        """2AA7: one to three records."""
        r = self.random
        value = b''
        for _ in range(r.choice((1, 1, 1, 2, 3))):
            body = self.structured(CGM_RECORD)
            size = 1 + len(body) + (2 if has_crc else 0)
            if r.random() < 0.05:
                size = max(0, min(255, size + r.choice((-2, -1, 1, 2))))
            elif r.random() < 0.02:
                size = r.choice((0, 1, 2, 5, 255))
            record = bytes([size]) + body
            if has_crc:
                record += (crc(record) if r.random() < 0.9 else r.getrandbits(16)).to_bytes(2, 'little')
            value += record
        return value

    def racp(self):
        """2A52: mostly answers."""
        r = self.random
        opcode = r.choice((5, 6, 6, 6, 8, r.randrange(12)))
        operator = 0 if r.random() < 0.8 else r.randrange(10)
        operand = r.randbytes(r.choice((2, 4))) if opcode != 6 else bytes([r.randrange(10), r.randrange(12)])
        return bytes([opcode, operator]) + operand

    def value(self, name, has_crc):
        """One input for a characteristic."""
        r = self.random
        if r.random() < 0.12:
            return r.randbytes(r.randrange(24))
        if name == '2A37':
            value = self.heart_rate()
        elif name == '2AA7':
            value = self.cgm(has_crc)
        elif name == '2A52':
            value = self.racp()
        else:
            value = self.structured(TABLES[name])
            if name == '2AA8':
                if value[1] & 0x10 and r.random() < 0.8:
                    value = value[:4] + crc(value[:4]).to_bytes(2, 'little')
            elif has_crc:
                value += (crc(value) if r.random() < 0.9 else r.getrandbits(16)).to_bytes(2, 'little')
        dice = r.random()
        if dice < 0.12:
            return value[:r.randrange(len(value))] if value else value
        if dice < 0.24:
            return value + r.randbytes(r.randint(1, 4))
        return value
