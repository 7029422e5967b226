"""An emulated generic health sensor: Generic Health Sensor Service 1.0 with the Elapsed Time Service 1.0.

The layout of an observation follows the two public implementations that agree with each other; what the Length
field counts is the one thing they leave open, so it is an option.
"""
import dataclasses
import datetime
import struct

from bumble.att import ATT_Error

from octets import EPOCH_2000, elapsed_time, float32, moment
from racp import BY_KEY32, BY_SECONDS, RecordAccess, RecordKeeper, RecordOptions, seconds
from table import CCCD_IMPROPERLY_CONFIGURED, P

SERVICE, LIVE, STORED, SCHEDULE_CHANGED, FEATURES, CONTROL, LEVELS = (
    0x1840, 0x2B8B, 0x2BDD, 0x2BF1, 0x2BF3, 0x2BF4, 0x2BF5)
ELAPSED_TIME_SERVICE, ELAPSED_TIME = 0x183F, 0x2BF2
CLASSES = {'numeric': 1, 'discrete': 2, 'string': 3, 'samples': 4, 'discretes': 5, 'states': 6, 'compound': 7, 'tlv': 8,
           'bundle': 0xFF}
START_LIVE, STOP_LIVE, DONE, BUSY = 0x01, 0x02, 0x80, 0x81
COMMAND_NOT_SUPPORTED = 0x81
WRONG_FORMAT, OUT_OF_RANGE = 0x81, 0xFF
UTC, FORMAT = 0x02, 0x1F  # of Elapsed Time's flags

# MDC codes: 16 bits partition, 16 bits term; of a unit the term only
HEART_RATE, PER_MINUTE = 147842, 2720
PRESSURE, SYSTOLIC, DIASTOLIC, MEAN, MMHG = 150020, 150021, 150022, 150023, 3872


@dataclasses.dataclass
class Options(RecordOptions):
    """A sensor's options."""

    name: str = 'GHS-TWIN'
    model: str = 'GHS-1'
    clock: str = 'ETS'
    first_key: int = 1
    stored: bool = True  # a memory behind a RACP; else what was measured waits for live observations
    types: str = '147842+150020'
    specialisations: str = '4103:1'  # MDC_DEV_SPEC_PROFILE_BP
    length_counts: str = 'all'  # octets of the whole observation, or 'rest': those behind the Length field
    time_flags: int = 0x22  # seconds, UTC, current timeline
    time_source: int = 1  # NTP
    clock_needs_setting: bool = False
    live_busy: bool = False  # control point answers 81


class Ghs(RecordKeeper):
    """One sensor."""

    OPTIONS = Options
    ADVERTISED = (SERVICE,)
    APPEARANCE = 0x0000
    STRUCTURE = RecordKeeper.STRUCTURE | {'stored', 'types', 'specialisations'}
    DATA = (STORED,)
    FILTERS = {1: BY_KEY32, 2: BY_SECONDS}
    COUNT = '<I'
    COMBINED = True

    def __init__(self, options, report):
        super().__init__(options, report)
        self._live = False

    def services(self):
        """Generic Health Sensor, Elapsed Time."""
        o = self.options
        main = [self.pushed(LIVE, P.NOTIFY | P.INDICATE), self.fixed(FEATURES, self._features()),
                self.control(CONTROL, self._on_control), self.fixed(LEVELS, b'\x01\x02'),
                self.pushed(SCHEDULE_CHANGED)]
        self.access = None
        if o.stored:
            self.access = RecordAccess(self)
            main += [self.pushed(STORED, P.NOTIFY | P.INDICATE), self.access.characteristic]
        services = [(SERVICE, main)]
        if 'ETS' in o.clock:
            clock = self.control(ELAPSED_TIME, self._on_elapsed_time, P.READ | P.WRITE | P.INDICATE, self._elapsed_time)
            services.append((ELAPSED_TIME_SERVICE, [clock]))
        return services

    def _features(self):
        types = [int(code) for code in self.options.types.split('+') if code]
        special = [entry.split(':') for entry in self.options.specialisations.split('+') if entry]
        value = bytes([bool(special), len(types)]) + b''.join(struct.pack('<I', code) for code in types)
        if special:
            value += bytes([len(special)]) + b''.join(struct.pack('<HB', int(c), int(v)) for c, v in special)
        return value

    # -- observations -------------------------------------------------------------------------------

    def encode(self, fields, now):
        """One observation, whole; it is cut while sending."""
        del now
        uuid = LIVE
        return [(uuid, bytes.fromhex(fields['raw']) if 'raw' in fields else self._observation(fields))]

    def _observation(self, fields, bundled=False):
        """class (name or number), type, time, time_flags, duration, status, object, user, tlvs (hex with its count).

        supplement, derived, members: lists of numbers. The value by class: see _value.
        """
        kind = fields.get('class', 'bundle' if 'bundle' in fields else 'compound' if 'parts' in fields else 'numeric')
        code = CLASSES.get(kind, kind)
        flags, body = self.reserved(0xFC00), b''
        when = None if bundled and 'time' not in fields else moment(fields.get('time', True), self.elapsed_now())
        time_flags = fields.get('time_flags', self.options.time_flags)
        items = (
            ('type', lambda v: struct.pack('<I', v)), ('when', lambda v: self._stamp(v, time_flags)),
            ('duration', float32), ('status', lambda v: struct.pack('<H', v)),
            ('object', lambda v: struct.pack('<I', v)), ('user', lambda v: bytes([v])),
            ('supplement', self._list), ('derived', self._list), ('members', self._list), ('tlvs', bytes.fromhex))
        for bit, (name, encode) in enumerate(items):
            value = when if name == 'when' else fields.get(name)
            if value is not None:
                flags |= 1 << bit
                body += encode(value)
        body = struct.pack('<H', flags) + body + self._value(code, fields)
        length = len(body) + (3 if self.options.length_counts == 'all' else 0)
        return struct.pack('<BH', code, length) + body

    def _stamp(self, when, flags):
        return elapsed_time(when if when != 'zero' else EPOCH_2000, flags, self.options.time_source)

    @staticmethod
    def _list(numbers):
        return bytes([len(numbers)]) + b''.join(struct.pack('<I', number) for number in numbers)

    def _value(self, code, f):
        """numeric: value, unit. discrete: code. string: text. compound: parts, a list of {type, value, unit}.

        discretes: codes. states: mask, kinds, bits (hex). bundle: a list of observations. samples: unit, scale, offset,
        period, samples (hex, one octet each). tlv: value (hex).
        """
        if code == CLASSES['numeric']:
            return struct.pack('<H', f.get('unit', 0)) + float32(f.get('value', 'nan'))
        if code == CLASSES['discrete']:
            return struct.pack('<I', f['code'])
        if code == CLASSES['string']:
            text = f['text'].encode()
            return struct.pack('<H', len(text)) + text
        if code == CLASSES['discretes']:
            return self._list(f['codes'])
        if code == CLASSES['states']:
            parts = [bytes.fromhex(f[name]) for name in ('mask', 'kinds', 'bits')]
            return bytes([len(parts[0])]) + b''.join(parts)
        if code == CLASSES['compound']:
            parts = [struct.pack('<IBH', p['type'], 1, p['unit']) + float32(p['value']) for p in f['parts']]
            return bytes([len(parts)]) + b''.join(parts)
        if code == CLASSES['bundle']:
            return bytes([len(f['bundle'])]) + b''.join(self._observation(o, bundled=True) for o in f['bundle'])
        if code == CLASSES['samples']:
            data = bytes.fromhex(f['samples'])
            head = b''.join(float32(f.get(name, '1')) for name in ('scale', 'offset', 'period'))
            return struct.pack('<H', f.get('unit', 0)) + head + struct.pack('<BBI', 1, 1, len(data)) + data
        return bytes.fromhex(f.get('value', ''))

    def record(self, key, fields, now):
        """A stored observation is the same octets; its record number goes into the first segment."""
        (_, value), = self.encode(fields, now)
        return seconds(moment(fields.get('time', True), self.elapsed_now())), [(STORED, struct.pack('<I', key) + value)]

    def frames(self, connection, uuid, value):
        """Observations go in segments."""
        return self.segments(connection, value)

    def keeps_records(self):
        """Only with a memory."""
        return self.options.stored

    def sends_live(self):
        """What is measured while live observations are on goes out at once."""
        return bool(self.connection and self._live)

    def held(self, connection, uuid, value):
        """Live observations wait for the command."""
        return uuid == LIVE and not self._live

    def sample(self, number):
        """Heart rates that differ from one number to the next."""
        return {'type': HEART_RATE, 'value': str(50 + number % 71), 'unit': PER_MINUTE}

    # -- live observations --------------------------------------------------------------------------

    def _on_control(self, connection, value):
        self.report('ghs_control', value=value.hex())
        if not self.subscription(connection, CONTROL) & 2:
            raise ATT_Error(error_code=CCCD_IMPROPERLY_CONFIGURED)
        if value not in (bytes([START_LIVE]), bytes([STOP_LIVE])):
            raise ATT_Error(error_code=COMMAND_NOT_SUPPORTED)
        if not self.options.live_busy:
            self._live = value[0] == START_LIVE
        self.spawn(self._answer(connection, BUSY if self.options.live_busy else DONE))

    async def _answer(self, connection, code):
        await self.device.gatt_server.indicate_subscriber(connection, self.chars[CONTROL], bytes([code]), force=True)
        self.touch()
        self.progress()

    def ended(self):
        """Live observations are for one connection."""
        super().ended()
        self._live = False

    # -- the clock ----------------------------------------------------------------------------------

    def _base(self):
        utc = self.options.time_flags & UTC
        return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) if utc else datetime.datetime.now()

    def elapsed_now(self):
        """Return its own time, UTC or local as its flags say."""
        return self._base() + self.clock_offset

    def _elapsed_time(self):
        now = elapsed_time(self.elapsed_now(), self.options.time_flags, self.options.time_source)
        return now + bytes([self.options.clock_needs_setting, 0])

    def _on_elapsed_time(self, _connection, value):
        if not self.clock_write(value):
            return
        if len(value) != 9 or (value[0] ^ self.options.time_flags) & FORMAT:
            raise ATT_Error(error_code=WRONG_FORMAT)
        try:
            when = EPOCH_2000 + datetime.timedelta(seconds=int.from_bytes(value[1:7], 'little'))
        except OverflowError as error:
            raise ATT_Error(error_code=OUT_OF_RANGE) from error
        self.set_clock(when - self._base())
