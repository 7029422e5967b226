"""Values to octets, as the Bluetooth specifications lay them out. Numbers are text, so that precision is kept.

Sources: IEEE 11073-20601 (SFLOAT, FLOAT), GATT Specification Supplement (Date Time, Current Time, Elapsed Time),
Continuous Glucose Monitoring Service 1.0.2, 3.11 (E2E-CRC).
"""
import datetime
import decimal
import struct

EPOCH_2000 = datetime.datetime(2000, 1, 1)
EPOCH_1900 = datetime.datetime(1900, 1, 1)
ZERO = 'zero'  # a Date Time of zeros: the device does not know

# mantissas with a meaning of their own
SPECIAL = {'nan': 0x07FF, 'nres': 0x0800, '+inf': 0x07FE, '-inf': 0x0802, 'reserved': 0x0801}
SPECIAL32 = {'nan': 0x7FFFFF, 'nres': 0x800000, '+inf': 0x7FFFFE, '-inf': 0x800002, 'reserved': 0x800001}


def _scaled(text, special, mantissa_bits, exponent_bits):
    text = str(text).lower()
    if text in special:
        return special[text]
    if text.startswith('0x'):
        return int(text, 16)
    sign, digits, exponent = decimal.Decimal(text).as_tuple()
    mantissa = int(''.join(map(str, digits))) * (-1 if sign else 1)
    limit, range_ = 1 << mantissa_bits - 1, 1 << exponent_bits - 1
    if not -limit <= mantissa < limit or not -range_ <= exponent < range_:
        raise ValueError(f'{text} does not fit {mantissa_bits + exponent_bits} bits')
    return (exponent & (1 << exponent_bits) - 1) << mantissa_bits | mantissa & (1 << mantissa_bits) - 1


def sfloat(text):
    """Return the two octets of a decimal as written ('128', '16.3', 'nan', '0x17ff'): precision is kept."""
    return struct.pack('<H', _scaled(text, SPECIAL, 12, 4))


def float32(text):
    """Return the four octets of FLOAT."""
    return struct.pack('<I', _scaled(text, SPECIAL32, 24, 8))


def fixed(text, step, size=2):
    """Return `text` as a whole number of steps: '81.1' in steps of '0.005' is 16220. 'none': all ones."""
    if str(text) in ('none', 'unknown'):
        return b'\xff' * size
    count = decimal.Decimal(str(text)) / decimal.Decimal(step)
    if count != int(count):
        raise ValueError(f'{text} is no multiple of {step}')
    return int(count).to_bytes(size, 'little')


def moment(text, now):
    """Return what a 'time' field means: True: now; None, False or 'none': no time; 'zero': unknown; else ISO text."""
    if text is True:
        return now
    if text in (None, False, 'none'):
        return None
    return ZERO if text == ZERO else datetime.datetime.fromisoformat(text)


def date_time(when):
    """Return the seven octets of Date Time."""
    if when == ZERO:
        return bytes(7)
    return struct.pack('<HBBBBB', when.year, when.month, when.day, when.hour, when.minute, when.second)


def read_date_time(value):
    """Return the datetime of seven octets; ValueError if that is none."""
    return datetime.datetime(*struct.unpack('<HBBBBB', value[:7]))


def current_time(when):
    """Return the ten octets of Current Time."""
    return date_time(when) + bytes([when.isoweekday(), when.microsecond * 256 // 1000000, 0])


def epoch(when, since=EPOCH_2000):
    """Return whole seconds since an epoch."""
    return int((when - since).total_seconds())


def elapsed_time(when, flags=0x22, source=1, offset=0):
    """Return the nine octets of Elapsed Time in seconds. flags 0x22: UTC, current timeline."""
    return bytes([flags]) + epoch(when).to_bytes(6, 'little') + bytes([source, offset & 0xFF])


def crc(octets):
    """Return the two octets of the E2E-CRC: CRC-16-CCITT, start FFFF, least significant bit first."""
    register = 0xFFFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0x8408 if register & 1 else 0)
    return struct.pack('<H', register)


def spoilt(value):
    """Return a value whose last octet, part of its E2E-CRC, is wrong."""
    return value[:-1] + bytes([value[-1] ^ 0xFF])
