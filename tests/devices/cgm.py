"""An emulated continuous glucose monitor: Continuous Glucose Monitoring Service 1.0.2."""
import dataclasses
import datetime
import struct

from bumble.att import ATT_Error

import octets
from octets import EPOCH_2000, date_time, moment, read_date_time, sfloat
from racp import BY_KEY16, RecordAccess, RecordKeeper, RecordOptions, seconds
from table import CCCD_IMPROPERLY_CONFIGURED, P

SERVICE, MEASUREMENT, FEATURE, STATUS = 0x181F, 0x2AA7, 0x2AA8, 0x2AA9
SESSION_START, RUN_TIME, OPERATIONS = 0x2AAA, 0x2AAB, 0x2AAC
E2E_CRC = 1 << 12  # of the feature
MISSING_CRC, INVALID_CRC = 0x80, 0x81
GET_INTERVAL, INTERVAL, GET_CALIBRATION, CALIBRATION, RESPONSE = 0x02, 0x03, 0x05, 0x06, 0x1C
START_SESSION, STOP_SESSION = 0x1A, 0x1B
# opcode that reads an alert level: (opcode of the answer, level in mg/dL or mg/dL/min)
ALERTS = {0x08: (0x09, '250'), 0x0B: (0x0C, '60'), 0x0E: (0x0F, '54'), 0x11: (0x12, '300'), 0x14: (0x15, '-2.0'),
          0x17: (0x18, '2.0')}
SUCCESS, OPCODE_UNSUPPORTED, INVALID_OPERAND, NOT_COMPLETED, OUT_OF_RANGE = range(1, 6)


@dataclasses.dataclass
class Options(RecordOptions):
    """A monitor's options."""

    name: str = 'CGM-TWIN'
    model: str = 'CGM-1'
    clock: str = ''
    first_key: int = 1
    linger_s: float = 30.0
    idle_s: float = 600.0
    crc: bool = False  # E2E-CRC
    feature: int = 0x01FFFF & ~E2E_CRC
    sample_type: int = 9  # interstitial fluid
    location: int = 5  # subcutaneous tissue
    interval: int = 5  # minutes
    session_age: float = 60.0  # minutes that the session has run when the device is new
    zone: int = 0  # quarter hours
    dst: int = 0
    run_hours: int = 336
    status: int = 0  # three octets of 2AA9
    bundle: int = 1  # records in one notification of a report


class Cgm(RecordKeeper):
    """One monitor and its session."""

    OPTIONS = Options
    ADVERTISED = (SERVICE,)
    APPEARANCE = 0x0D00
    STRUCTURE = RecordKeeper.STRUCTURE | {'crc', 'feature', 'sample_type', 'location', 'run_hours'}
    DATA = (MEASUREMENT,)
    FILTERS = {1: BY_KEY16}

    def __init__(self, options, report):
        super().__init__(options, report)
        self._start = self.now().replace(microsecond=0) - datetime.timedelta(minutes=options.session_age)

    def services(self):
        """Continuous Glucose Monitoring."""
        o = self.options
        self.access = RecordAccess(self)
        feature = (o.feature | (E2E_CRC if o.crc else 0)).to_bytes(3, 'little')
        feature += bytes([o.sample_type | o.location << 4])
        return [(SERVICE, [
            self.pushed(MEASUREMENT, P.NOTIFY),
            self.fixed(FEATURE, feature + (octets.crc(feature) if o.crc else b'\xff\xff')),
            self.readable(STATUS, lambda: self._checked(self._status())),
            self.control(SESSION_START, self._on_session_start, P.READ | P.WRITE,
                         lambda: self._checked(date_time(self._start) + bytes([o.zone & 0xFF, o.dst]))),
            self.readable(RUN_TIME, lambda: self._checked(struct.pack('<H', o.run_hours))),
            self.access.characteristic,
            self.control(OPERATIONS, self._on_operation),
        ])]

    def sends_live(self):
        """Everything goes into the memory; a connected central hears it as well."""
        return False

    # -- records ------------------------------------------------------------------------------------

    def _minutes(self, when):
        return max(0, int((when - self._start).total_seconds() // 60)) & 0xFFFF

    def key_of(self, fields):
        """The key is the minute of the session."""
        if 'offset' in fields:
            return fields['offset']
        return self._minutes(moment(fields.get('time', True), self.now()))

    def record(self, key, fields, now):
        """One record of 2AA7. glucose (mg/dL), status, cal, warning (one octet each), trend, quality, offset or time.

        Or raw. The CRC comes with sending.
        """
        del now
        time = seconds(self._start + datetime.timedelta(minutes=key))
        if 'raw' in fields:
            return time, [(MEASUREMENT, bytes.fromhex(fields['raw']))]
        flags, annunciation, tail = self.reserved(0x1C), b'', b''
        for bit, name in ((0x80, 'status'), (0x40, 'cal'), (0x20, 'warning')):
            if name in fields:
                flags |= bit
                annunciation += bytes([fields[name]])
        for bit, name in ((0x01, 'trend'), (0x02, 'quality')):
            if name in fields:
                flags |= bit
                tail += sfloat(fields[name])
        body = bytes([flags]) + sfloat(fields['glucose']) + struct.pack('<H', key) + annunciation + tail
        size = 1 + len(body) + (2 if self.options.crc else 0)
        value = bytes([size]) + body
        return time, [(MEASUREMENT, value + octets.crc(value) if self.options.crc else value)]

    def frames(self, connection, uuid, value):
        """A wrong CRC is made while sending."""
        return [octets.spoilt(value) if self.options.crc and self.options.crc_wrong else value]

    def plan(self, records):
        """Several records fit in one notification."""
        size = max(1, self.options.bundle)
        values = [record.values[0][1] for record in records]
        return [[(MEASUREMENT, b''.join(values[i:i + size]))] for i in range(0, len(values), size)]

    async def measure(self, fields, seconds=None):  # the name of the command's parameter
        """Keep a record; notify it if somebody listens, else go on the air."""
        values = await self.store(fields)
        connection = self.connection
        if connection and connection.is_encrypted and self.subscription(connection, MEASUREMENT) and not self.busy():
            for frame in self.frames(connection, MEASUREMENT, self.kept[-1].values[0][1]):
                await self.notify(connection, MEASUREMENT, frame)
        else:
            await self.transfer(seconds)
        return values

    def encode(self, fields, now):
        """One record, for a flood."""
        return self.record(self.key_of(fields), fields, now)[1]

    async def fill(self, count, step=300.0, end=None, **fields):
        """As others do, but the session begins early enough."""
        last = datetime.datetime.fromisoformat(end) if end else self.now().replace(microsecond=0)
        self._start = min(self._start, last - datetime.timedelta(seconds=step * count))
        return await super().fill(count, step, end, **fields)

    def sample(self, number):
        """Fields that differ from one number to the next."""
        return {'glucose': str(80 + number * 7 % 171), 'trend': f'{number % 5 - 2}.{number % 10}'}

    # -- the session --------------------------------------------------------------------------------

    def _checked(self, value):
        return value + octets.crc(value) if self.options.crc else value

    def _unchecked(self, value, size):
        """Return a written value without its CRC; ATT error if that is missing or wrong."""
        if not self.options.crc:
            return value
        if len(value) < size + 2:
            raise ATT_Error(error_code=MISSING_CRC)
        if octets.crc(value[:-2]) != value[-2:]:
            raise ATT_Error(error_code=INVALID_CRC)
        return value[:-2]

    def _status(self):
        return struct.pack('<H', self._minutes(self.now())) + self.options.status.to_bytes(3, 'little')

    def _on_session_start(self, _connection, value):
        value = self._unchecked(value, 9)
        if self.clock_write(value):  # it says what time it is now; the session began when it began
            ran = self.now() - self._start
            self.set_clock(read_date_time(value) - datetime.datetime.now())
            self._start = (self.now() - ran).replace(microsecond=0)
            self.save()

    async def session(self, age=0.0, start=None):
        """Begin a new session: `age` minutes ago or at `start` (ISO text) by its own clock; its records are gone."""
        begin = self.now() - datetime.timedelta(minutes=age)
        self._start = datetime.datetime.fromisoformat(start) if start else begin.replace(microsecond=0)
        await self.wipe()
        return self._start.isoformat()

    def memory(self):
        """The session."""
        return {'start': int((self._start - EPOCH_2000).total_seconds())}

    def remember(self, memory):
        """Take it back."""
        self._start = EPOCH_2000 + datetime.timedelta(seconds=memory['start'])

    # -- specific operations ------------------------------------------------------------------------

    def _on_operation(self, connection, value):
        if not self.subscription(connection, OPERATIONS) & 2:
            raise ATT_Error(error_code=CCCD_IMPROPERLY_CONFIGURED)
        value = self._unchecked(value, 1)
        self.report('operation', value=value.hex())
        self.spawn(self._operate(connection, value))

    async def _operate(self, connection, value):
        opcode, operand = value[0] if value else 0, value[1:]
        if opcode == GET_INTERVAL:
            answer = bytes([INTERVAL, self.options.interval])
        elif opcode == GET_CALIBRATION:
            answer = bytes([CALIBRATION]) + sfloat('100') + struct.pack('<HBHHB', 30, 0x11, 720, 1, 0)
            answer = answer if len(operand) == 2 else bytes([RESPONSE, opcode, INVALID_OPERAND])
        elif opcode in ALERTS:
            answer = bytes([ALERTS[opcode][0]]) + sfloat(ALERTS[opcode][1])
        elif opcode in (START_SESSION, STOP_SESSION):
            answer = bytes([RESPONSE, opcode, NOT_COMPLETED])
        else:
            answer = bytes([RESPONSE, opcode, OPCODE_UNSUPPORTED])
        characteristic = self.chars[OPERATIONS]
        await self.device.gatt_server.indicate_subscriber(connection, characteristic, self._checked(answer), force=True)
        self.touch()

    COMMANDS = {**RecordKeeper.COMMANDS, 'session': 'session'}
