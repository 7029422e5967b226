"""An emulated blood-pressure cuff: Blood Pressure Service 1.1.1.

By default it measures what cuffs of version 1.0 measure (2A35). With the option `enhanced` it has the Enhanced
Blood Pressure Measurement (2B34) and a memory of records (2B36) behind a Record Access Control Point, too.
"""
import dataclasses
import struct

import octets
from octets import date_time, epoch, moment, sfloat
from racp import BY_KEY16, BY_SECONDS, RecordAccess, RecordKeeper, RecordOptions, seconds
from table import P

SERVICE, MEASUREMENT, FEATURE = 0x1810, 0x2A35, 0x2A49
ENHANCED, RECORD = 0x2B34, 0x2B36
E2E_CRC = 0x0040  # of 2A49


@dataclasses.dataclass
class Options(RecordOptions):
    """A cuff's options."""

    name: str = 'BP-TWIN'
    model: str = 'BP-1'
    patient: bool = False
    linger_s: float = 0.5
    clock: str = '2A08+2A2B'
    feature: int = 0x0007
    enhanced: bool = False


class Cuff(RecordKeeper):
    """One cuff."""

    OPTIONS = Options
    ADVERTISED = (SERVICE,)
    APPEARANCE = 0x0381  # arm
    STRUCTURE = RecordKeeper.STRUCTURE | {'feature', 'enhanced'}
    DATA = (RECORD,)
    FILTERS = {1: BY_KEY16, 2: BY_SECONDS}

    def services(self):
        """Blood Pressure."""
        o = self.options
        main = [self.pushed(MEASUREMENT), self.fixed(FEATURE, struct.pack('<H', o.feature))]
        self.access = None
        if o.enhanced:
            self.access = RecordAccess(self)
            main += [self.pushed(ENHANCED), self.pushed(RECORD, P.NOTIFY), self.access.characteristic]
        return [(SERVICE, main)]

    def keeps_records(self):
        """Only the enhanced one has a memory to be asked for."""
        return self.options.enhanced

    def encode(self, fields, now):
        """2A35, or 2B34 of an enhanced cuff.

        sys, dia, map (default 'nan'), pulse, unit ('mmHg' or 'kPa'), time (default its own clock), user, status;
        or raw: hex that is sent as it is.
        """
        uuid = ENHANCED if self.options.enhanced else MEASUREMENT
        if 'raw' in fields:
            return [(uuid, bytes.fromhex(fields['raw']))]
        flags = self.reserved(0x80 if self.options.enhanced else 0xE0) | (fields.get('unit', 'mmHg') == 'kPa')
        body = b''.join(sfloat(fields.get(k, 'nan')) for k in ('sys', 'dia', 'map'))
        when = moment(fields.get('time', True), now)
        if when is not None:
            flags |= 0x02
            body += struct.pack('<I', epoch(when)) if self.options.enhanced else date_time(when)
        if 'pulse' in fields:
            flags |= 0x04
            body += sfloat(fields['pulse'])
        if 'user' in fields:
            flags |= 0x08
            body += bytes([fields['user']])
        if 'status' in fields:
            flags |= 0x10
            body += struct.pack('<H', fields['status'])
        if self.options.enhanced:
            flags |= 0x40  # seconds since 2000
            if when is not None:
                flags |= 0x20  # the user sees the same time
                body += struct.pack('<I', epoch(when))
        return [(uuid, bytes([flags]) + body)]

    def record(self, key, fields, now):
        """Blood Pressure Record: sequence number, UUID of what is carried, its value, CRC if the feature says so."""
        (uuid, value), = self.encode(fields, now)
        body = struct.pack('<HH', key, uuid) + value
        if self.options.feature & E2E_CRC:
            body += octets.crc(body)
        return seconds(moment(fields.get('time', True), now)), [(RECORD, body)]

    def frames(self, connection, uuid, value):
        """A record goes in segments."""
        if uuid != RECORD:
            return [value]
        wrong = self.options.feature & E2E_CRC and self.options.crc_wrong
        return self.segments(connection, octets.spoilt(value) if wrong else value)

    def sample(self, number):
        """Fields that differ from one number to the next."""
        return {'sys': str(100 + number % 97), 'dia': str(60 + number % 31), 'map': str(75 + number % 41),
                'pulse': str(50 + number % 53)}
