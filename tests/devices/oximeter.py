"""An emulated pulse oximeter: Pulse Oximeter Service 1.0.1, spot-check, continuous and stored measurements."""
import dataclasses
import struct

from octets import date_time, moment, sfloat
from racp import RecordAccess, RecordKeeper, RecordOptions, seconds
from streams import Streamer
from table import P

SERVICE, SPOT, CONTINUOUS, FEATURES = 0x1822, 0x2A5E, 0x2A5F, 0x2A60


@dataclasses.dataclass
class Options(RecordOptions):
    """An oximeter's options."""

    name: str = 'OX-TWIN'
    model: str = 'OX-1'
    racp_operators: str = '1'  # the profile knows 'all records' only
    storage: bool = False  # a memory of spot-checks behind a RACP; `store` and `fill` go there
    measurement_status: int = 0xFFE0  # supported bits
    device_status: int = 0x00FFFF


class Oximeter(Streamer, RecordKeeper):
    """One oximeter."""

    OPTIONS = Options
    ADVERTISED = (SERVICE,)
    APPEARANCE = 0x0C41  # fingertip
    STRUCTURE = RecordKeeper.STRUCTURE | {'storage', 'measurement_status', 'device_status'}
    STREAM = CONTINUOUS
    DATA = (SPOT,)

    def services(self):
        """Pulse Oximeter."""
        o = self.options
        features = 0x0003 | o.storage << 2 | 0x0078  # both statuses, time, fast, slow, amplitude
        value = struct.pack('<HH', features, o.measurement_status) + o.device_status.to_bytes(3, 'little')
        main = [self.pushed(SPOT), self.pushed(CONTINUOUS, P.NOTIFY), self.fixed(FEATURES, value)]
        self.access = None
        if o.storage:
            self.access = RecordAccess(self)
            main.append(self.access.characteristic)
        return [(SERVICE, main)]

    def keeps_records(self):
        """Only with a memory."""
        return self.options.storage

    def sends_live(self):
        """What is measured while nobody is connected goes into the memory."""
        return bool(self.connection)

    def encode(self, fields, now):
        """2A5E. spo2, pulse, time, unset (clock), status, sensor (device and sensor status), amplitude; or raw."""
        if 'raw' in fields:
            return [(SPOT, bytes.fromhex(fields['raw']))]
        flags, body = self.reserved(0xE0), self._pair((fields.get('spo2', 'nan'), fields.get('pulse', 'nan')))
        when = moment(fields.get('time', True), now)
        if when is not None:
            flags |= 0x01
            body += date_time(when)
        more, tail = self._tail(fields)
        flags |= more << 1 | (0x10 if fields.get('unset') else 0)
        return [(SPOT, bytes([flags]) + body + tail)]

    @staticmethod
    def _pair(pair):
        return b''.join(sfloat(value) for value in pair)

    @staticmethod
    def _tail(fields):
        """Return the flag bits and octets that both characteristics have in common."""
        flags, body = 0, b''
        if 'status' in fields:
            flags |= 1
            body += struct.pack('<H', fields['status'])
        if 'sensor' in fields:
            flags |= 2
            body += fields['sensor'].to_bytes(3, 'little')
        if 'amplitude' in fields:
            flags |= 4
            body += sfloat(fields['amplitude'])
        return flags, body

    def stream_encode(self, fields):
        """2A5F. spo2, pulse, fast and slow (pairs), status, sensor, amplitude; or raw."""
        if 'raw' in fields:
            return bytes.fromhex(fields['raw'])
        flags, body = self.reserved(0xE0), self._pair((fields['spo2'], fields['pulse']))
        for bit, name in ((0x01, 'fast'), (0x02, 'slow')):
            if name in fields:
                flags |= bit
                body += self._pair(fields[name])
        more, tail = self._tail(fields)
        return bytes([flags | more << 2]) + body + tail

    def record(self, key, fields, now):
        """A stored spot-check is the same octets."""
        return seconds(moment(fields.get('time', True), now)), self.encode(fields, now)

    def sample(self, number):
        """Fields that differ from one number to the next."""
        return {'spo2': str(90 + number % 10), 'pulse': str(50 + number % 61)}

    stream_sample = sample
    COMMANDS = {**RecordKeeper.COMMANDS, 'stream': 'stream'}
