"""A memory of records behind a Record Access Control Point (2A52), with the faults such devices have.

Written from Glucose Service 1.0.1, 3.4 and the GATT Specification Supplement. What differs from profile to profile
is in the class attributes of RecordKeeper: which characteristics carry records, the filter types, how wide a count
is, and whether there is a combined report (Generic Health Sensor).
"""
import asyncio
import collections.abc
import dataclasses
import datetime
import json
import pathlib
import struct

from bumble.att import ATT_Error

from octets import read_date_time
from options import Options
from peripheral import Peripheral
from table import CCCD_IMPROPERLY_CONFIGURED, PROCEDURE_IN_PROGRESS

RACP = 0x2A52
REPORT, DELETE, ABORT, COUNT, COUNT_REPLY, RESPONSE, COMBINED, COMBINED_REPLY = range(1, 9)
NULL, ALL, AT_MOST, AT_LEAST, RANGE, FIRST, LAST = range(7)
(SUCCESS, OPCODE_UNSUPPORTED, INVALID_OPERATOR, OPERATOR_UNSUPPORTED, INVALID_OPERAND, NO_RECORDS, ABORT_FAILED,
 NOT_COMPLETED, OPERAND_UNSUPPORTED) = range(1, 10)


@dataclasses.dataclass
class RecordOptions(Options):
    """Options of a device with records; counts of -1 are off."""

    patient: bool = True
    linger_s: float = 3.0
    first_key: int = 0  # of the memory when it is new
    record_interval_s: float = 0.0  # between two records of a report
    racp_operators: str = '1+2+3+4+5+6'  # others: response 4
    racp_filters: bool = True  # False: response 9 to every operand
    racp_delete: bool = True  # False: response 2

    racp_busy: int = 0  # the next n requests get ATT error FE
    racp_silent: bool = False  # no records, no response
    racp_code: int = 0  # response to every report, without records
    racp_fail_after: int = -1  # response 8 after k records
    racp_stop_after: int = -1  # silence after k records
    racp_drop_after: float = -1  # link dropped after k records; k.5: in the middle of record k
    racp_late: int = 0  # the last n records come after the response
    racp_reversed: bool = False  # newest first
    racp_no_abort: bool = False  # abort ignored
    crc_wrong: bool = False  # where a profile has an E2E-CRC
    segment_fault: str = ''  # 'lost' or 'doubled': the second segment, where a profile has segments


@dataclasses.dataclass
class Record:
    """One record: its key, its time in seconds since 2000, and its values in the order they are sent."""

    key: int
    time: int
    values: list


@dataclasses.dataclass
class Filter:
    """A filter type: how many octets, what they mean, and the same of a record."""

    size: int
    value: collections.abc.Callable
    of: collections.abc.Callable


BY_KEY16 = Filter(2, lambda octets: int.from_bytes(octets, 'little'), lambda record: record.key)
BY_KEY32 = Filter(4, lambda octets: int.from_bytes(octets, 'little'), lambda record: record.key)
BY_SECONDS = Filter(4, lambda octets: int.from_bytes(octets, 'little'), lambda record: record.time)
BY_DATE_TIME = Filter(7, lambda octets: seconds(read_date_time(octets)), lambda record: record.time)


class Refusal(Exception):
    """A request that is answered with a response code."""


class RecordKeeper(Peripheral):
    """A device with a memory. A kind sets the class attributes and says how a record looks."""

    DATA = ()  # what a central must have subscribed for a report
    FILTERS = {}  # type: Filter
    COUNT = '<H'
    COMBINED = False

    def __init__(self, options, report):
        super().__init__(options, report)
        self.kept = []
        self.next_key = options.first_key
        self.access = None
        self._fetched = False
        self._segment = 0
        self._records_file = pathlib.Path(options.state + '.records')

    # -- what a kind says ---------------------------------------------------------------------------

    def record(self, key, fields, now):
        """Return (time, values) of a record."""
        raise NotImplementedError

    def keeps_records(self):
        """Return True if there is a memory at all."""
        return True

    def sends_live(self):
        """Return True if a measurement goes out as a value of its own instead of into the memory."""
        return True

    def key_of(self, fields):
        """Return the key of a new record: the next one if the fields do not say."""
        return fields.get('key', self.next_key)

    def plan(self, records):
        """Return what is sent of the records: a list of values for each."""
        return [record.values for record in records]

    # -- the memory ---------------------------------------------------------------------------------

    def _load(self):
        super()._load()
        if self._records_file.exists():
            state = json.loads(self._records_file.read_text())
            self.next_key = state['next']
            self.kept = [Record(k, t, [(u, bytes.fromhex(v)) for u, v in vs]) for k, t, vs in state['records']]

    def _save_records(self):
        records = [(r.key, r.time, [(u, v.hex()) for u, v in r.values]) for r in self.kept]
        new = self._records_file.with_suffix('.new-records')
        new.write_text(json.dumps({'next': self.next_key, 'records': records}))
        new.replace(self._records_file)

    def take(self, fields, live=False):
        """Make a record, or a value of its own."""
        if not self.keeps_records() or live and self.sends_live():
            return super().take(fields, live)
        key = self.key_of(fields)
        time, values = self.record(key, fields, self.now())
        values = [(uuid, self._mangled(value)) for uuid, value in values]
        self.kept.append(Record(key, time, values))
        bits = 8 * self.FILTERS[1].size if self.FILTERS else 32
        self.next_key = key + 1 & (1 << bits) - 1
        self._fetched = False
        return key, values

    async def store(self, fields, live=False):
        """Take a measurement into the memory."""
        values = await super().store(fields, live)
        self._save_records()
        return values

    async def fill(self, count, step=60.0, end=None, **fields):
        """Take `count` measurements into the memory. Returns their keys."""
        done = await super().fill(count, step, end, **fields)
        if not self.keeps_records():
            return done
        self._save_records()
        keys = [record.key for record in self.kept[-count:]] if count else []
        return {'count': count, 'first': keys[0] if keys else None, 'last': keys[-1] if keys else None}

    async def records(self, start=0, count=1000):
        """Return what is in memory."""
        if not self.keeps_records():
            return await super().records(start, count)
        return [{'key': r.key, 'values': [[f'{uuid:04X}', v.hex()] for uuid, v in r.values]}
                for r in self.kept[start:start + count]]

    async def wipe(self, key=None):
        """Lose all; the next record gets that key."""
        self.kept, self.next_key = [], self.options.first_key if key is None else key
        self._save_records()
        await super().wipe()

    def fetched(self):
        """All that was asked for has been reported."""
        self._fetched = True
        self.done()

    def delete(self, records):
        """Remove records."""
        gone = {id(record) for record in records}
        self.kept = [record for record in self.kept if id(record) not in gone]
        self._save_records()

    def busy(self):
        """A procedure is not cut off."""
        return super().busy() or bool(self.access and self.access.running())

    def ended(self):
        """The procedure ends with the connection."""
        if self.access:
            self.access.end()
        self._segment = 0

    def waiting(self):
        """Values and records."""
        return super().waiting() + len(self.kept)

    def wanted(self, connection):
        """On the air until somebody fetched the records."""
        return super().wanted(connection) or bool(self.keeps_records() and self.kept and not self._fetched)

    def segments(self, connection, value, header=b''):
        """Cut a value: b0 first, b1 last, b2-7 a counter that runs on; `header` goes into the first segment."""
        value, room = header + value, connection.att_mtu - 4
        parts = [value[i:i + room] for i in range(0, len(value), room)] or [b'']
        frames = []
        for number, part in enumerate(parts):
            first_last = (number == 0) | (number == len(parts) - 1) << 1
            frames.append(bytes([first_last | self._segment << 2]) + part)
            self._segment = self._segment + 1 & 63
        fault = self.options.segment_fault
        if fault and len(frames) > 1:
            frames[1:2] = [] if fault == 'lost' else [frames[1], frames[1]]
        return frames


class RecordAccess:
    """The control point of one device."""

    def __init__(self, keeper):
        """keeper: the RecordKeeper; add `characteristic` to its service."""
        self._keeper = keeper
        self._task = None
        self._responded = False
        self.characteristic = keeper.control(RACP, self._on_write)

    def running(self):
        """Return True while a procedure runs: until its response goes out."""
        return bool(self._task and not self._task.done() and not self._responded)

    def end(self):
        """Stop a procedure without a word."""
        if self._task:
            self._task.cancel()
            self._task = None

    def _on_write(self, connection, value):
        keeper, o = self._keeper, self._keeper.options
        keeper.report('racp_request', value=value.hex())
        opcode = value[0] if value else 0
        data = any(keeper.subscription(connection, uuid) for uuid in keeper.DATA)
        if not keeper.subscription(connection, RACP) & 2 or opcode in (REPORT, COMBINED) and not data:
            raise ATT_Error(error_code=CCCD_IMPROPERLY_CONFIGURED)
        if o.racp_busy > 0:
            o.racp_busy -= 1
            raise ATT_Error(error_code=PROCEDURE_IN_PROGRESS)
        if self.running() and opcode != ABORT:
            raise ATT_Error(error_code=PROCEDURE_IN_PROGRESS)
        if opcode == ABORT and o.racp_no_abort:
            return
        aborted = self.running()
        if aborted:
            self._task.cancel()
        if not o.racp_silent:
            run = self._abort(connection, value, aborted) if opcode == ABORT else self._run(connection, value)
            self._responded = False
            self._task = keeper.spawn(run)

    async def _abort(self, connection, value, aborted):
        code = SUCCESS if aborted else ABORT_FAILED
        if value[1:2] != b'\0':
            code = INVALID_OPERATOR
        elif len(value) > 2:
            code = INVALID_OPERAND
        await self._respond(connection, bytes([RESPONSE, NULL, ABORT, code]))

    async def _run(self, connection, value):
        """Carry out any other request."""
        keeper, opcode = self._keeper, value[0] if value else 0
        try:
            if opcode not in (REPORT, COUNT) and not (opcode == DELETE and keeper.options.racp_delete) and not (
                    opcode == COMBINED and keeper.COMBINED):
                raise Refusal(OPCODE_UNSUPPORTED)
            if keeper.options.racp_code and opcode in (REPORT, COMBINED):
                raise Refusal(keeper.options.racp_code)
            records = self._select(value[1] if len(value) > 1 else NULL, value[2:])
            if opcode == COUNT:
                count = struct.pack(keeper.COUNT, len(records))
                await self._respond(connection, bytes([COUNT_REPLY, NULL]) + count)
                return
            if not records:
                raise Refusal(NO_RECORDS)
            if opcode == DELETE:
                keeper.delete(records)
                raise Refusal(SUCCESS)
            await self._report(connection, opcode, records)
        except Refusal as refusal:
            code = refusal.args[0]
            await self._respond(connection, bytes([RESPONSE, NULL, opcode, code]))
            if code in (SUCCESS, NO_RECORDS) and opcode in (REPORT, COMBINED):
                keeper.fetched()

    def _select(self, operator, operand):
        """Return the records that a request means, in the order of the memory."""
        o, records = self._keeper.options, self._keeper.kept
        if operator == NULL:
            raise Refusal(INVALID_OPERATOR)
        if str(operator) not in o.racp_operators.split('+'):
            raise Refusal(OPERATOR_UNSUPPORTED)
        if operator in (ALL, FIRST, LAST):
            if operand:
                raise Refusal(INVALID_OPERAND)
            return {ALL: records[:], FIRST: records[:1], LAST: records[-1:]}[operator]
        low, high, of = self._bounds(operator, operand)
        return [r for r in records if (low is None or of(r) >= low) and (high is None or of(r) <= high)]

    def _bounds(self, operator, operand):
        """Return lower and upper bound of a filter and the function of a record they are for."""
        filters = self._keeper.FILTERS if self._keeper.options.racp_filters else {}
        if not operand:
            raise Refusal(INVALID_OPERAND)
        if operand[0] not in filters:
            raise Refusal(OPERAND_UNSUPPORTED)
        by = filters[operand[0]]
        if len(operand) != 1 + by.size * (2 if operator == RANGE else 1):
            raise Refusal(INVALID_OPERAND)
        try:
            values = [by.value(operand[i:i + by.size]) for i in range(1, len(operand), by.size)]
        except ValueError as error:  # no date
            raise Refusal(INVALID_OPERAND) from error
        if values != sorted(values):
            raise Refusal(INVALID_OPERAND)
        low = values[0] if operator in (AT_LEAST, RANGE) else None
        high = values[-1] if operator in (AT_MOST, RANGE) else None
        return low, high, by.of

    async def _report(self, connection, opcode, records):
        """Send records and the response, or what a fault makes of it."""
        keeper, o = self._keeper, self._keeper.options
        if o.racp_reversed:
            records = records[::-1]
        plan = keeper.plan(records)
        on_time = plan[:max(0, len(plan) - o.racp_late)]
        for number, values in enumerate(on_time):
            if number == o.racp_fail_after:
                raise Refusal(NOT_COMPLETED)
            if number == o.racp_stop_after:
                return
            if not await self._send(connection, values, number):
                await connection.disconnect()
                return
            await asyncio.sleep(o.record_interval_s)
        if opcode == COMBINED:
            count = struct.pack(keeper.COUNT, len(records))
            await self._respond(connection, bytes([COMBINED_REPLY, NULL]) + count)
        else:
            await self._respond(connection, bytes([RESPONSE, NULL, opcode, SUCCESS]))
        for values in plan[len(on_time):]:
            await self._send(connection, values, -1)
        keeper.fetched()

    async def _send(self, connection, values, number):
        """Send the values of one record; False where the link is to be dropped."""
        keeper, drop = self._keeper, self._keeper.options.racp_drop_after
        if number >= 0 and drop == number:
            return False
        frames = [(uuid, frame) for uuid, value in values if keeper.subscription(connection, uuid)
                  for frame in keeper.frames(connection, uuid, value)]
        for uuid, frame in frames:
            await keeper.deliver_frame(connection, uuid, frame)
            if number >= 0 and number < drop < number + 1:
                return False
        return True

    async def _respond(self, connection, value):
        self._responded = True
        self._keeper.report('racp_response', value=value.hex())
        server = self._keeper.device.gatt_server
        await server.indicate_subscriber(connection, self.characteristic, value, force=True)
        self._keeper.touch()


def seconds(when):
    """Return seconds since 2000 of a datetime, 0 if it is none."""
    return int((when - datetime.datetime(2000, 1, 1)).total_seconds()) if isinstance(when, datetime.datetime) else 0
