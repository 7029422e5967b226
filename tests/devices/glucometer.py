"""An emulated glucose meter: Glucose Service 1.0.1. All that it measured is in its memory, behind the RACP."""
import dataclasses
import struct

from octets import ZERO, date_time, moment, sfloat
from racp import BY_DATE_TIME, BY_KEY16, RecordAccess, RecordKeeper, RecordOptions, seconds
from table import P

SERVICE, MEASUREMENT, CONTEXT, FEATURE = 0x1808, 0x2A18, 0x2A34, 0x2A51


@dataclasses.dataclass
class Options(RecordOptions):
    """A meter's options."""

    name: str = 'GLUCO-TWIN'
    model: str = 'GLUCO-1'
    clock: str = '2A08'
    feature: int = 0x03FF
    contexts: bool = True  # it has the context characteristic

    context_missing: int = 0  # every k-th context is not sent
    context_late: bool = False  # contexts follow after all measurements
    context_orphan: int = 0  # every k-th measurement is not sent, its context is


class Glucometer(RecordKeeper):
    """One meter."""

    OPTIONS = Options
    ADVERTISED = (SERVICE,)
    APPEARANCE = 0x0400
    STRUCTURE = RecordKeeper.STRUCTURE | {'feature', 'contexts'}
    DATA = (MEASUREMENT,)
    FILTERS = {1: BY_KEY16, 2: BY_DATE_TIME}

    def services(self):
        """Glucose."""
        self.access = RecordAccess(self)
        main = [self.pushed(MEASUREMENT, P.NOTIFY), self.fixed(FEATURE, struct.pack('<H', self.options.feature)),
                self.access.characteristic]
        if self.options.contexts:
            main.insert(1, self.pushed(CONTEXT, P.NOTIFY))
        return [(SERVICE, main)]

    def sends_live(self):
        """It has nothing but its memory."""
        return False

    def record(self, key, fields, now):
        """2A18, and 2A34 if there is a context.

        glucose (None: no concentration), unit ('kg/L' or 'mol/L'), type, location, time, offset (minutes), status,
        context: a dict for _context; or raw and raw_context.
        """
        when = moment(fields.get('time', True), now)
        values = [(MEASUREMENT, self._measurement(key, fields, when))]
        if 'raw_context' in fields:
            values.append((CONTEXT, bytes.fromhex(fields['raw_context'])))
        elif fields.get('context') is not None:
            values.append((CONTEXT, self._context(key, fields['context'])))
        return seconds(when) + 60 * fields.get('offset', 0), values

    def _measurement(self, key, fields, when):
        if 'raw' in fields:
            return bytes.fromhex(fields['raw'])
        flags = self.reserved(0xE0)
        body = struct.pack('<H', key) + date_time(ZERO if when is None else when)
        if 'offset' in fields:
            flags |= 0x01
            body += struct.pack('<h', fields['offset'])
        if fields.get('glucose') is not None:
            flags |= 0x02 | (0x04 if fields.get('unit', 'kg/L') == 'mol/L' else 0)
            body += sfloat(fields['glucose']) + bytes([fields.get('type', 1) | fields.get('location', 1) << 4])
        if 'status' in fields:
            flags |= 0x08
            body += struct.pack('<H', fields['status'])
        if 'raw_context' in fields or fields.get('context') is not None:
            flags |= 0x10
        return bytes([flags]) + body

    @staticmethod
    def _context(key, c):
        """2A34. extended, carb [id, kg], meal, tester and health, exercise [s, %], medication [id, amount], hba1c.

        medication_unit: 'kg' or 'L'.
        """
        flags, body = 0, struct.pack('<H', key)
        if 'extended' in c:
            flags |= 0x80
            body += bytes([c['extended']])
        if 'carb' in c:
            flags |= 0x01
            body += bytes([c['carb'][0]]) + sfloat(c['carb'][1])
        if 'meal' in c:
            flags |= 0x02
            body += bytes([c['meal']])
        if 'tester' in c or 'health' in c:
            flags |= 0x04
            body += bytes([c.get('tester', 15) | c.get('health', 15) << 4])
        if 'exercise' in c:
            flags |= 0x08
            body += struct.pack('<HB', *c['exercise'])
        if 'medication' in c:
            flags |= 0x10 | (0x20 if c.get('medication_unit', 'kg') == 'L' else 0)
            body += bytes([c['medication'][0]]) + sfloat(c['medication'][1])
        if 'hba1c' in c:
            flags |= 0x40
            body += sfloat(c['hba1c'])
        return bytes([flags]) + body

    def plan(self, records):
        """Contexts behind their measurements, as the profile wants it, or what a fault makes of it."""
        o, plan, late = self.options, [], []
        for number, record in enumerate(records, 1):
            values = record.values[:]
            if len(values) > 1 and o.context_missing and number % o.context_missing == 0:
                del values[1]
            if len(values) > 1 and o.context_orphan and number % o.context_orphan == 0:
                del values[0]
            if o.context_late:
                late += values[1:]
                del values[1:]
            plan.append(values)
        if late and plan:
            plan[-1] += late
        return plan

    def sample(self, number):
        """Fields that differ from one number to the next; every third has a context."""
        fields = {'glucose': f'0.00{70 + number % 180:03d}', 'type': 1, 'location': 1}
        return {**fields, 'context': {'meal': 1 + number % 5}} if number % 3 == 0 else fields
