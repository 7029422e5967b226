"""An emulated thermometer: Health Thermometer Service 1.0."""
import dataclasses
import struct

from octets import date_time, float32, moment
from options import Options as PeripheralOptions
from peripheral import Peripheral
from table import P

SERVICE, MEASUREMENT, TYPE, INTERMEDIATE, INTERVAL = 0x1809, 0x2A1C, 0x2A1D, 0x2A1E, 0x2A21


@dataclasses.dataclass
class Options(PeripheralOptions):
    """A thermometer's options."""

    name: str = 'TEMP-TWIN'
    model: str = 'TEMP-1'
    clock: str = '2A08'
    site: int = 3  # Temperature Type: ear; 0: no such characteristic


class Thermometer(Peripheral):
    """One thermometer."""

    OPTIONS = Options
    ADVERTISED = (SERVICE,)
    APPEARANCE = 0x0301  # ear
    STRUCTURE = Peripheral.STRUCTURE | {'site'}

    def services(self):
        """Health Thermometer."""
        main = [self.pushed(MEASUREMENT), self.pushed(INTERMEDIATE, P.NOTIFY),
                self.fixed(INTERVAL, struct.pack('<H', 0))]  # no periodic measurement
        if self.options.site:
            main.append(self.fixed(TYPE, bytes([self.options.site])))
        return [(SERVICE, main)]

    def encode(self, fields, now):
        """2A1C. temp ('36.6'), unit ('C' or 'F'), time, type; or raw."""
        if 'raw' in fields:
            return [(MEASUREMENT, bytes.fromhex(fields['raw']))]
        flags = self.reserved(0xF8) | (fields.get('unit', 'C') == 'F')
        body = float32(fields.get('temp', 'nan'))
        when = moment(fields.get('time', True), now)
        if when is not None:
            flags |= 0x02
            body += date_time(when)
        if 'type' in fields:
            flags |= 0x04
            body += bytes([fields['type']])
        return [(MEASUREMENT, bytes([flags]) + body)]

    def sample(self, number):
        """Fields that differ from one number to the next."""
        return {'temp': f'{36 + number % 4}.{number % 10}'}
