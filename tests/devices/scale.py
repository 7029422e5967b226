"""An emulated body scale: Weight Scale Service 1.0, Body Composition Service 1.0, User Data Service 1.1."""
import dataclasses
import struct

from bumble.att import ATT_Error

from octets import date_time, fixed, moment
from options import Options as PeripheralOptions
from peripheral import Peripheral
from table import CCCD_IMPROPERLY_CONFIGURED, P

WEIGHT_SCALE, WEIGHT, WEIGHT_FEATURE = 0x181D, 0x2A9D, 0x2A9E
BODY_COMPOSITION, COMPOSITION, COMPOSITION_FEATURE = 0x181B, 0x2A9C, 0x2A9B
USER_DATA, CONTROL, USER_INDEX, CHANGE_INCREMENT, REGISTERED = 0x181C, 0x2A9F, 0x2A9A, 0x2A99, 0x2B37
AGE, HEIGHT = 0x2A80, 0x2A8E
REGISTER, CONSENT, DELETE_DATA, LIST_USERS, DELETE_USER, RESPONSE = 1, 2, 3, 4, 5, 0x20
SUCCESS, UNSUPPORTED, INVALID, FAILED, NOT_AUTHORISED = range(1, 6)
ACCESS_NOT_PERMITTED = 0x80
UNKNOWN_USER = 0xFF
WRONG_CONSENTS = 3

# optional fields of 2A9C in the order of their flag bits, from bit 3
COMPOSITION_FIELDS = ('bmr', 'muscle_percent', 'muscle_mass', 'fat_free_mass', 'soft_lean_mass', 'water_mass',
                      'impedance', 'composition_weight', 'composition_height')
MORE_PACKETS = 0x1000


@dataclasses.dataclass
class Options(PeripheralOptions):
    """A scale's options."""

    name: str = 'SCALE-TWIN'
    model: str = 'SCALE-1'
    patient: bool = True
    linger_s: float = 1.0
    composition: bool = True  # it has Body Composition
    user_data: bool = True  # it has User Data
    users: str = '1:1234+2:4321'  # index and consent code of its users
    consent_first: bool = False  # a user's values go out only after that user's consent in this connection
    weight_feature: int = 0x0000002F  # time, users, BMI, 0.01 kg, height not resolved
    composition_feature: int = 0x00001FFF

    consent_refused: bool = False
    locks: bool = False  # after three wrong consents no more consent until it is asked to `unlock`
    list_unsupported: bool = False


class Scale(Peripheral):
    """One scale with its users."""

    OPTIONS = Options
    ADVERTISED = (WEIGHT_SCALE,)
    APPEARANCE = 0x0C80
    STRUCTURE = Peripheral.STRUCTURE | {'composition', 'user_data', 'weight_feature', 'composition_feature'}

    def __init__(self, options, report):
        super().__init__(options, report)
        self._consented = UNKNOWN_USER  # in this connection
        self._wrong = 0
        self._increment = 0
        self._users = {int(i): int(code) for i, _, code in (u.partition(':') for u in options.users.split('+') if u)}

    def services(self):
        """Weight Scale, Body Composition, User Data."""
        o = self.options
        feature = self.fixed(WEIGHT_FEATURE, struct.pack('<I', o.weight_feature))
        services = [(WEIGHT_SCALE, [self.pushed(WEIGHT), feature])]
        if o.composition:
            feature = self.fixed(COMPOSITION_FEATURE, struct.pack('<I', o.composition_feature))
            services.append((BODY_COMPOSITION, [self.pushed(COMPOSITION), feature]))
        if o.user_data:
            services.append((USER_DATA, [
                self.control(CONTROL, self._on_control),
                self.readable(USER_INDEX, lambda: bytes([self._consented])),
                self.control(CHANGE_INCREMENT, self._on_increment, P.READ | P.WRITE | P.NOTIFY,
                             lambda: struct.pack('<I', self._increment)),
                self.readable(AGE, lambda: self._personal(b'\x43')),
                self.readable(HEIGHT, lambda: self._personal(struct.pack('<H', 171))),
                self.pushed(REGISTERED),
            ]))
        return services

    # -- values -------------------------------------------------------------------------------------

    def encode(self, fields, now):
        """2A9D, and 2A9C if there is body fat. Either may be left out.

        weight ('81.1', 'none': unsuccessful), unit ('kg' or 'lb'), time, user (255 unknown), bmi and height (m, in);
        fat (%), bmr (kJ), muscle_percent, muscle_mass, fat_free_mass, soft_lean_mass, water_mass, impedance (ohm),
        composition_weight, composition_height; split: the first so many fields of 2A9C go into a first packet;
        half: that packet only; raw and raw_composition: hex.
        """
        values = []
        when = moment(fields.get('time', True), now)
        if 'raw' in fields:
            values.append((WEIGHT, bytes.fromhex(fields['raw'])))
        elif 'weight' in fields:
            values.append((WEIGHT, self._weight(fields, when)))
        if 'raw_composition' in fields:
            values.append((COMPOSITION, bytes.fromhex(fields['raw_composition'])))
        elif 'fat' in fields:
            values += [(COMPOSITION, value) for value in self._compositions(fields, when)]
        return values

    @staticmethod
    def _height(fields, name, imperial):
        return fixed(fields[name], '0.1' if imperial else '0.001')

    def _head(self, fields, when):
        """Return what both values begin with: imperial or not, flags, time and user."""
        imperial = fields.get('unit', 'kg') == 'lb'
        flags, body = int(imperial), b''
        if when is not None:
            flags |= 0x02
            body += date_time(when)
        if 'user' in fields:
            flags |= 0x04
            body += bytes([fields['user']])
        return imperial, flags, body

    def _weight(self, fields, when):
        imperial, flags, body = self._head(fields, when)
        if 'bmi' in fields:
            flags |= 0x08
            body += fixed(fields['bmi'], '0.1') + self._height(fields, 'height', imperial)
        weight = fixed(fields['weight'], '0.01' if imperial else '0.005')
        return bytes([flags | self.reserved(0xF0)]) + weight + body

    def _compositions(self, fields, when):
        imperial, flags, head = self._head(fields, when)
        there = [name for name in COMPOSITION_FIELDS if name in fields]
        split = fields.get('split', len(there))
        packets = []
        for names, more in ((there[:split], MORE_PACKETS), (there[split:], 0)):
            if not names and packets:
                break
            bits, body = flags, head
            for name in names:
                bits |= 0x08 << COMPOSITION_FIELDS.index(name)
                body += self._field(fields, name, imperial)
            bits |= more if split < len(there) else 0
            packets.append(struct.pack('<H', bits | self.reserved(0xE000)) + fixed(fields['fat'], '0.1') + body)
        return packets[:1] if fields.get('half') else packets

    def _field(self, fields, name, imperial):
        if name == 'composition_height':
            return self._height(fields, name, imperial)
        if name.endswith(('mass', 'weight')):
            return fixed(fields[name], '0.01' if imperial else '0.005')
        return fixed(fields[name], '1' if name == 'bmr' else '0.1')

    def sample(self, number):
        """Fields that differ from one number to the next."""
        return {'weight': f'{60 + number % 40}.{number % 10}', 'user': 1}

    # -- users --------------------------------------------------------------------------------------

    @staticmethod
    def _user_of(uuid, value):
        """Return the user byte of a value, UNKNOWN_USER if it has none."""
        size, head = (1, 3) if uuid == WEIGHT else (2, 4)
        place = head + (7 if value[:1] and value[0] & 0x02 else 0)
        return value[place] if len(value) > max(place, size) and value[0] & 0x04 else UNKNOWN_USER

    def held(self, connection, uuid, value):
        """A user's values wait for that user's consent, if it is that kind of scale."""
        user = self._user_of(uuid, value)
        return self.options.consent_first and user != UNKNOWN_USER and user != self._consented

    def _personal(self, value):
        if self._consented == UNKNOWN_USER:
            raise ATT_Error(error_code=ACCESS_NOT_PERMITTED)
        return value

    def _on_increment(self, _connection, value):
        self._personal(value)
        self._increment = int.from_bytes(value[:4], 'little')

    def _on_control(self, connection, value):
        if not self.subscription(connection, CONTROL) & 2:
            raise ATT_Error(error_code=CCCD_IMPROPERLY_CONFIGURED)
        self.spawn(self._answer(connection, value))

    async def _answer(self, connection, value):
        opcode, operand = value[0] if value else 0, value[1:]
        steps = {REGISTER: self._register, CONSENT: self._consent, DELETE_DATA: self._delete_data,
                 LIST_USERS: self._list, DELETE_USER: self._delete_user}
        step = steps.get(opcode)
        result, parameter = step(operand) if step else (UNSUPPORTED, b'')
        self.report('consent' if opcode == CONSENT else 'user_control', request=value.hex(), result=result,
                    user=self._consented)
        if opcode == LIST_USERS and result == SUCCESS:
            for user in sorted(self._users):
                name = f'user {user}'.encode()
                await self.device.gatt_server.indicate_subscriber(
                    connection, self.chars[REGISTERED], bytes([0x03, 0x01, user]) + name)
        answer = bytes([RESPONSE, opcode, result]) + parameter
        await self.device.gatt_server.indicate_subscriber(connection, self.chars[CONTROL], answer, force=True)
        self.touch()
        self.progress()

    def _register(self, operand):
        if len(operand) != 2 or (code := int.from_bytes(operand, 'little')) > 9999:
            return INVALID, b''
        user = max(self._users, default=0) + 1
        self._users[user] = code
        self.save()
        return SUCCESS, bytes([user])

    def _consent(self, operand):
        if len(operand) != 3:
            return INVALID, b''
        user, code = operand[0], int.from_bytes(operand[1:], 'little')
        if self.options.locks and self._wrong >= WRONG_CONSENTS:
            return FAILED, b''
        if self.options.consent_refused or self._users.get(user) != code:
            self._wrong += 1
            return NOT_AUTHORISED, b''
        self._wrong, self._consented = 0, user
        return SUCCESS, b''

    def _delete_data(self, _operand):
        return (NOT_AUTHORISED if self._consented == UNKNOWN_USER else SUCCESS), b''

    def _list(self, operand):
        if self.options.list_unsupported:
            return UNSUPPORTED, b''
        return (INVALID, b'') if operand else (SUCCESS, bytes([len(self._users)]))

    def _delete_user(self, operand):
        if len(operand) != 1:
            return INVALID, b''
        if operand[0] != self._consented:
            return NOT_AUTHORISED, b''
        del self._users[self._consented]
        self._consented = UNKNOWN_USER
        self.save()
        return SUCCESS, b''

    async def unlock(self):
        """Forget wrong consents."""
        self._wrong = 0

    def ended(self):
        """Consent is for one connection."""
        super().ended()
        self._consented = UNKNOWN_USER

    def memory(self):
        """The users."""
        return {'users': self._users}

    def remember(self, memory):
        """Take them back."""
        self._users = {int(user): code for user, code in memory['users'].items()}

    COMMANDS = {**Peripheral.COMMANDS, 'unlock': 'unlock'}
