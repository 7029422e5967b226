"""An emulated chest strap: Heart Rate Service 1.0."""
import dataclasses
import struct

from bumble.att import ATT_Error

from options import Options as PeripheralOptions
from peripheral import Peripheral
from streams import Streamer
from table import P

SERVICE, MEASUREMENT, LOCATION, CONTROL = 0x180D, 0x2A37, 0x2A38, 0x2A39
CONTROL_POINT_NOT_SUPPORTED = 0x80


@dataclasses.dataclass
class Options(PeripheralOptions):
    """A strap's options."""

    name: str = 'HR-TWIN'
    model: str = 'HR-1'
    clock: str = ''
    linger_s: float = 5.0
    patient: bool = True


class Strap(Streamer, Peripheral):
    """One strap. To measure is to stream."""

    OPTIONS = Options
    ADVERTISED = (SERVICE,)
    APPEARANCE = 0x0341  # heart rate belt
    STREAM = MEASUREMENT

    def services(self):
        """Heart Rate."""
        return [(SERVICE, [
            self.pushed(MEASUREMENT, P.NOTIFY),
            self.fixed(LOCATION, b'\x01'),  # chest
            self.control(CONTROL, self._on_control, P.WRITE),
        ])]

    def _on_control(self, _connection, value):
        self.report('control_written', value=value.hex())
        if value != b'\x01':  # reset the energy
            raise ATT_Error(error_code=CONTROL_POINT_NOT_SUPPORTED)

    def stream_encode(self, fields):
        """2A37. bpm, wide (16 bits though 8 suffice), contact (None: not supported), energy (kJ), rr (list); or raw."""
        if 'raw' in fields:
            return bytes.fromhex(fields['raw'])
        bpm, contact = int(fields['bpm']), fields.get('contact')
        wide = fields.get('wide', False) or bpm > 255
        flags = self.reserved(0xE0) | wide | (0 if contact is None else 0x06 if contact else 0x04)
        body = struct.pack('<H' if wide else '<B', bpm)
        if 'energy' in fields:
            flags |= 0x08
            body += struct.pack('<H', fields['energy'])
        if fields.get('rr'):
            flags |= 0x10
            body += b''.join(struct.pack('<H', interval) for interval in fields['rr'])
        return bytes([flags]) + body

    def encode(self, fields, now):
        """One value of the stream."""
        del now
        return [(MEASUREMENT, self.stream_encode({**self.sample(0), **fields}))]

    def sample(self, number):
        """Fields that differ from one number to the next."""
        return {'bpm': 60 + number * 7 % 53}

    stream_sample = sample

    async def measure(self, fields, seconds=None):
        """Stream: count, interval, values, start as in `stream`; the other fields are those of each value."""
        await self.stream(seconds=seconds, **fields)

    COMMANDS = {**Peripheral.COMMANDS, 'stream': 'stream'}
