"""Every difference that is known: who is right, by which clause, and exactly which differences it covers.

A rule says what the peer must have answered, given the octets and our answer; it never says 'ignore this field'. So a
mistake of ours beside a known one of theirs still shows. GSS is the GATT Specification Supplement.
"""
import dataclasses
import math
from collections.abc import Callable

import layouts

SPECIAL_MANTISSA = {'NaN': 2047, 'NRes': -2048, '+INF': 2046, '-INF': -2046, 'reserved': -2047}
# status bits that have a meaning
MEANT = {'2A35': {'status': 0x3F}, '2A36': {'status': 0x3F}, '2A5E': {'status': 0xFFE0, 'device_status': 0xFFFF},
         '2A5F': {'status': 0xFFE0, 'device_status': 0xFFFF}}
MARK_MORE = 1 << 8
LONGEST = {'2A18': 17, '2A34': 19, '2A08': 7, '2A23': 8, '2A50': 7, '2A9C': 50, '2A9D': 21}


@dataclasses.dataclass(frozen=True)
class Rule:
    """One class of differences.

    explains(case, key, ours, theirs): is it this one? key '*': one side refuses the whole value (None).
    """

    name: str
    explains: Callable
    clause: str
    why: str


# ---- what the rules ask ----------------------------------------------------------------------------

def close(a, b):
    """Equal but for the last bits of a float."""
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=0)


def is_numbers(ours, theirs):
    """Both have a number with a unit, and the same unit."""
    return isinstance(ours, tuple) and isinstance(theirs, tuple) and ours[1] == theirs[1]


def special_as_number(exponents):
    """Our special value is a plain number there, its mantissa times a power of ten."""
    def explains(case, _key, ours, theirs):
        if not is_numbers(ours, theirs) or not isinstance(ours[0], str) or isinstance(theirs[0], str):
            return False
        mantissa = SPECIAL_MANTISSA[ours[0]] if not is_float(case) else FLOAT_MANTISSA[ours[0]]
        return any(close(theirs[0], float(f'{mantissa}e{e}')) for e in exponents(case))
    return explains


FLOAT_MANTISSA = {'NaN': 2**23 - 1, 'NRes': -2**23, '+INF': 2**23 - 2, '-INF': 2 - 2**23, 'reserved': 1 - 2**23}


def is_float(case):
    """Are the numbers of this value 32 bits wide?"""
    return case.name in ('2A1C', 'float')


def signed_exponents(case):
    """All but 0."""
    return [e for e in (range(-128, 128) if is_float(case) else range(-8, 8)) if e]


def biased_exponents(case):
    """What a reader with a bias makes of all but 0."""
    return range(-127, 128) if is_float(case) else range(-7, 8)


def bias_of(case):
    """Half the range of the exponent."""
    return 128 if is_float(case) else 8


def biased(case, _key, ours, theirs):
    """Ours times the power of ten that a biased reading is off by."""
    if not is_numbers(ours, theirs) or isinstance(ours[0], str):
        return False
    mantissa, exponent = ours[0]
    bias = bias_of(case)
    return close(theirs[0], float(f'{mantissa}e{exponent % (2 * bias) - bias}'))


def glucose_units(case, key, ours, theirs):
    """Ours in kg/L or mol/L, theirs called mg/dL or mmol/L, and biased or special."""
    if not key.endswith('glucose') or not isinstance(ours, tuple) or not isinstance(theirs, tuple):
        return False
    if (ours[1], theirs[1]) not in (('kg/L', 'mg/dL'), ('mol/L', 'mmol/L')):
        return False
    renamed = ours[0], theirs[1]
    special = {'NaN': math.nan, 'NRes': math.nan, '+INF': math.inf, '-INF': -math.inf}.get(ours[0]) \
        if isinstance(ours[0], str) else None
    return (biased(case, key, renamed, theirs) or special_as_number(biased_exponents)(case, key, renamed, theirs) or
            reserved_as_number(case, key, renamed, theirs) or
            special is not None and (theirs[0] == special or math.isnan(special) and math.isnan(theirs[0])))


def nres_as_nan(_case, _key, ours, theirs):
    """NRes there is NaN."""
    return is_numbers(ours, theirs) and ours[0] == 'NRes' and math.isnan(theirs[0])


def reserved_as_number(case, _key, ours, theirs):
    """The reserved mantissa with exponent 0."""
    return is_numbers(ours, theirs) and ours[0] == 'reserved' and \
        close(theirs[0], float(f'{FLOAT_MANTISSA["reserved"] if is_float(case) else -2047}e{-bias_of(case)}'))


def reserved_bits(case, key, ours, theirs):
    """Theirs is ours without the reserved bits."""
    meant = MEANT.get(case.name, {}).get(key)
    return meant is not None and ours is not None and ours & ~meant and ours & meant == (theirs or 0)


def date_of(case):
    """The Date Time of a value as numbers, None if it has none."""
    table = layouts.TABLES.get(case.name)
    found, _ = layouts.walk(table, case.raw) if table else (None, 0)
    if not found or 'time' not in found:
        return None
    at, size = found['time']
    octets = case.raw[at:at + size]
    return (int.from_bytes(octets[:2], 'little'), *octets[2:]) if len(octets) == 7 else None


def days_in(year, month):
    """Length of a month."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def is_date(when, first_year):
    """Is it one, with years from first_year?"""
    year, month, day, hour, minute, second = when
    return first_year <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= days_in(year, month) and \
        hour < 24 and minute < 60 and second < 60


def no_date(case, key, ours, theirs):
    """Refused for a date that is unknown or none; we keep the rest of the value."""
    when = date_of(case)
    return key == '*' and ours is not None and theirs is None and when is not None and not is_date(when, 1) and \
        't' not in ours


def early_date(case, key, ours, theirs):
    """A year before 1582, which GSS does not allow."""
    when = date_of(case)
    if when is None or not is_date(when, 1) or is_date(when, 1582):
        return False
    return key == 't' and ours is None or key == '*' and ours is None and case.error == 'ERANGE' and \
        theirs.get('t', '')[:4] == f'{when[0]:04d}'


def too_long(case, key, ours, theirs):
    """Refused for octets at the end."""
    return key == '*' and ours is not None and theirs is None and len(case.raw) > LONGEST.get(case.name, 999)


def short_accepted(case, key, ours, theirs):
    """Shorter than its flags ask for; there the field is just missing, and the next one is read in its place."""
    return key == '*' and ours is None and theirs is not None and case.error == 'EMSGSIZE' and \
        len(case.raw) < layouts.need(case.name, case.raw, case.has_crc)


def long_accepted(case, key, ours, theirs):
    """Longer than its flags ask for; scales with another layout are known by that."""
    return key == '*' and ours is None and theirs is not None and case.error == 'EMSGSIZE' and \
        case.name in ('2A9C', '2A9D') and len(case.raw) > layouts.need(case.name, case.raw)


def wrong_crc(case, key, ours, theirs):
    """The check sum is not looked at."""
    return key == '*' and ours is None and theirs is not None and case.error == 'EBADMSG' and \
        layouts.crc(case.raw[:-2]) != int.from_bytes(case.raw[-2:], 'little')


def codes_refused(fields):
    """A reserved code, which we keep as a number; fields: name -> (shift, mask, the codes that are known)."""
    def explains(case, key, ours, theirs):
        if key != '*' or ours is None or theirs is not None:
            return False
        for name, shift, mask, known in fields.get(case.name, ()):
            value = layouts.field(case.name, case.raw, name)
            if value is not None and value >> shift & mask not in known:
                return True
        return False
    return explains


KNOWN_CODES = {
    '2A18': [('type-location', 0, 15, range(1, 11)), ('type-location', 4, 15, (1, 2, 3, 4, 15))],
    '2A34': [('carbohydrate-id', 0, 255, range(1, 8)), ('meal', 0, 255, range(1, 6)),
             ('tester-health', 0, 15, (1, 2, 3, 15)), ('tester-health', 4, 15, (1, 2, 3, 4, 5, 15)),
             ('medication-id', 0, 255, range(1, 6))],
    '2AA8': [('type-location', 0, 15, range(1, 11)), ('type-location', 4, 15, (1, 2, 3, 4, 5, 15))],
    '2A50': [('source', 0, 255, (0, 1, 2))],
    '2A2B': [('day', 0, 255, range(8))],
    '2AAA': [('dst', 0, 255, (0, 2, 4, 8, 255))],
}


def negative_refused(case, key, ours, theirs):
    """A glucose below zero; we flag it."""
    raw = layouts.field('2A18', case.raw, 'glucose') if case.name == '2A18' else None
    return key == '*' and ours is not None and theirs is None and raw is not None and raw & 0x800 and raw != 0x800


def no_offset(case, key, ours, theirs):
    """An offset that the meter could not express."""
    return case.name == '2A18' and key == 'offset' and ours is None and theirs in (0x7FFF, -0x8000)


def overrun(case, key, ours, theirs):
    """A duration that the meter could not express."""
    return case.name == '2A34' and key == 'exercise' and ours == ('+INF', 's') and theirs == (0xFFFF, 's')


def unsuccessful_kept(case, key, ours, theirs):
    """FFFF for a weight: nothing but time and user is meant."""
    if case.name != '2A9D' or case.ours is None or case.ours['weight'][0] != 'NaN':
        return False
    failed = 65535 * (0.01 if case.raw[0] & 1 else 0.005)
    return key in ('BMI', 'height') and ours is None or \
        key == 'weight' and is_numbers(ours, theirs) and not isinstance(theirs[0], str) and close(theirs[0], failed)


def unsuccessful_refused(case, key, ours, theirs):
    """FFFF for a body fat, refused as 6553.5 %."""
    return case.name == '2A9C' and key == '*' and ours is not None and theirs is None and \
        layouts.field('2A9C', case.raw, 'fat') == 0xFFFF


def half_interval(case, key, ours, theirs):
    """An octet left over behind the RR intervals."""
    return case.name == '2A37' and key == '*' and ours is None and theirs is not None and case.raw[0] & 16 and \
        len(case.raw) > layouts.need('2A37', case.raw) and (len(case.raw) - layouts.need('2A37', case.raw)) % 2 == 1


def many_intervals(case, key, ours, theirs):
    """More than fit into a reading: we have the first ones, the others are in the raw octets."""
    if key != 'RR_interval' or not ours or theirs[:len(ours)] != ours:
        return False
    others = sum(name in case.ours for name in ('heart_rate', 'sensor_contact', 'energy'))
    return len(ours) + others == 20 < len(theirs) + others


def reserved_level(case, key, ours, theirs):
    """Above 100 %."""
    return case.name == '2A19' and key == '*' and theirs is None and ours == {'percent': 255} and case.raw[0] > 100


def zone_sign(case, key, ours, theirs):
    """A time zone west of Greenwich as a number from 128."""
    return case.name == '2AAA' and key == 'zone' and ours is not None and ours < 0 and theirs == ours + 256


def zone_range(case, key, ours, theirs):
    """Unknown (-128) or reserved: we leave it out."""
    if case.name != '2AAA' or key != 'zone' or ours is not None or theirs is None:
        return False
    return not -48 <= theirs - 256 * (theirs > 127) <= 56


def dst_unknown(case, key, ours, theirs):
    """255: we leave it out."""
    return case.name == '2AAA' and key == 'dst' and ours is None and theirs == 255


def not_an_answer(case, key, ours, theirs):
    """A request, or an answer of another length or with an operator: nothing that a client receives."""
    if case.name != '2A52' or key != '*' or ours is not None or theirs is None:
        return False
    right = {5: (4, 6), 6: (4,), 8: (4, 6)}.get(case.raw[0], ())
    return len(case.raw) not in right or case.raw[1] != 0


def record_of(case, key):
    """Number and word of a key of 2AA7."""
    number, _, word = key.partition(':')
    return (int(number), word) if case.name == '2AA7' and word else (None, key)


def size_wrong(case, key, ours, theirs):
    """From the record on whose size is not what its flags need; there the size is believed."""
    if case.name != '2AA7':
        return False
    records = layouts.cgm_walk(case.raw, case.has_crc)
    if not records or records[-1][2]:
        return False
    stop = len(records) - 1
    if key == '*':
        return ours is None and stop == case.stop == 0 or theirs is None and stop == case.stop
    number, _ = record_of(case, key)
    return ours is None and number >= stop == case.stop


def record_crc(case, key, ours, theirs):
    """From the record on whose check sum is wrong."""
    if case.name != '2AA7' or not case.has_crc or case.error != 'EBADMSG':
        return False
    for i, (at, size, good) in enumerate(layouts.cgm_walk(case.raw, True)):
        end = at + size - 2
        if good and layouts.crc(case.raw[at:end]) != int.from_bytes(case.raw[end:end + 2], 'little'):
            number, _ = record_of(case, key)
            return i == case.stop and (key == '*' or ours is None and number >= i)
    return False


def wide_code(_case, key, ours, theirs):
    """A discrete value above 2^31 - 1."""
    return key == 'values' and theirs is not None and any(is_wide(v) for v in theirs) and \
        (ours or []) == [v for v in theirs if not is_wide(v)]


def far_offset(_case, key, ours, theirs):
    """Farther from UTC than a time zone is."""
    return key == 'offset' and ours is None and theirs is not None and not -48 <= theirs // 15 <= 56


def is_wide(value):
    """One of them."""
    return value[2] == 'code' and value[1][0] >= 1 << 31


def many_values(case, key, ours, theirs):
    """We have the first ones of them, and say that there are more."""
    kept = [v for v in case.theirs.get('values', []) if not is_wide(v)] if case.ours and case.theirs else []
    have = case.ours.get('values', []) if case.ours else []
    if not len(have) < len(kept) or kept[:len(have)] != have or not case.ours['marks'] & MARK_MORE:
        return False
    return key == 'values' or key == 'marks' and ours == theirs | MARK_MORE


# ---- the table -------------------------------------------------------------------------------------

SPECIAL = Rule('special-with-exponent', special_as_number(signed_exponents), 'GSS 2.1.1; IEEE 11073-20601',
               'by the letter the special mantissas are special at exponent 0 only; for us at any')
DATE_1582 = Rule('year-before-1582', early_date, 'GSS, Date Time: years 1582 to 9999', 'peer: any year of Python')
LONG = Rule('longer-accepted', long_accepted, 'ours: look-alikes under 2A9C and 2A9D are told by their length',
            'peer leaves the octets at the end alone')
WEIGHT_FFFF = Rule('unsuccessful-kept', unsuccessful_kept, 'Weight Scale Service 1.0.1, 3.2.1.2',
                   'weight FFFF: all but time and user is to be disregarded; peer keeps BMI and height, or a weight')
HALF = Rule('half-an-interval', half_interval, 'Heart Rate Service 1.0, 3.1.1.4', 'an octet too many; peer drops it')
MANY = Rule('intervals-that-do-not-fit', many_intervals, 'ours: 20 values to a reading',
            'the others are in the raw octets')
LEVEL = Rule('level-above-100', reserved_level, 'Battery Service 1.0, 3.1', 'for us unknown, peer refuses it')
SHORT = Rule('shorter-accepted', short_accepted, 'GSS: the flags say which fields are there',
             'a field that is announced and not there: we refuse the value, peer leaves it out and reads on')

RULES = {
    'labmcp-ble-health': [
        SPECIAL,
        Rule('reserved-status-bits', reserved_bits, 'GSS and Pulse Oximeter Service 1.0.1: RFU',
             'peer has names for the known bits; we keep all as sent'),
        DATE_1582, LONG, WEIGHT_FFFF, HALF, MANY, LEVEL,
    ],
    'bluetooth-sig': [
        Rule('exponent-biased', biased, 'IEEE 11073-20601, GSS 2.1.1: two\'s complement',
             'peer takes the exponent as biased by 8 (FLOAT: 128): its numbers are wrong by a power of ten'),
        Rule('special-with-exponent', special_as_number(biased_exponents), SPECIAL.clause, SPECIAL.why),
        Rule('reserved-as-number', reserved_as_number, 'GSS 2.1.1', 'the reserved value is a number there'),
        Rule('NRes-as-NaN', nres_as_nan, 'GSS 2.1.1', 'peer does not tell them apart'),
        Rule('glucose-unit-and-bias', glucose_units, 'Glucose Service 1.0.1, 3.1.1.5: kg/L or mol/L',
             'peer calls them mg/dL and mmol/L without converting; its numbers are biased too'),
        Rule('glucose-below-zero', negative_refused, 'ours: implausible is flagged', 'peer refuses the value'),
        Rule('no-date', no_date, 'GSS, Date Time: 0 is unknown', 'peer refuses the value, we leave the time out'),
        DATE_1582,
        Rule('longer-refused', too_long, 'ours: later versions of a profile may add fields',
             'we decode the known fields and mark the tail'),
        SHORT, LONG,
        Rule('reserved-code', codes_refused(KNOWN_CODES), 'GSS: reserved for future use',
             'peer refuses the value, we keep the number'),
        Rule('no-offset', no_offset, 'Glucose Service 1.0.1, 3.1.1.4', '7FFF and 8000: overrun and underrun'),
        Rule('duration-overrun', overrun, 'GSS, Glucose Measurement Context', 'FFFF: overrun; peer: 65535 s'),
        WEIGHT_FFFF,
        Rule('unsuccessful-refused', unsuccessful_refused, 'Body Composition Service 1.0.1, 3.2.1.2',
             'FFFF: the measurement failed; we keep that, with time and user'),
        HALF, MANY,
        LEVEL,
        Rule('zone-unsigned', zone_sign, 'GSS, Time Zone: sint8', 'peer: a number from 208 to 255'),
        Rule('zone-not-a-zone', zone_range, 'GSS, Time Zone: -48 to 56, -128 unknown', 'peer hands it on'),
        Rule('dst-unknown', dst_unknown, 'GSS, DST Offset', 'peer hands it on'),
        Rule('not-an-answer', not_an_answer, 'Glucose Service 1.0.1, 3.4; GSS, Record Access Control Point',
             'ours decodes what a client receives, peer what a server does as well'),
        Rule('check-sum-not-looked-at', wrong_crc, 'CGM Service 1.0.2, 3.11', 'peer takes the value all the same'),
        Rule('record-size', size_wrong, 'CGM Service 1.0.2, 3.1: size is that of all its fields',
             'peer believes it, and refuses all or never ends'),
        Rule('record-check-sum', record_crc, 'CGM Service 1.0.2, 3.11', 'peer does not look at it'),
    ],
    'by-hand': [
        Rule('code-of-32-bits', wide_code, 'IEEE 11073-10101: codes have 31 bits at most',
             'we leave it out and flag it'),
        Rule('values-that-do-not-fit', many_values, 'ours: room in a reading beside the raw octets',
             'the first ones, and MARK_MORE; the others are in the raw octets'),
        Rule('offset-of-no-zone', far_offset, 'GSS, Time Zone: -48 to 56 quarters', 'we leave it out'),
    ],
}
