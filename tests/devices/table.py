"""The attribute table of a device: what its services are made of."""
from bumble.att import ATT_Error, AttributeValue
from bumble.core import UUID
from bumble.gatt import Characteristic, Descriptor, Service

from octets import current_time, date_time

DEVICE_INFORMATION, BATTERY, CURRENT_TIME_SERVICE = 0x180A, 0x180F, 0x1805
CURRENT_TIME, DATE_TIME, CCCD = 0x2A2B, 0x2A08, 0x2902
READ_NOT_PERMITTED, WRITE_NOT_PERMITTED = 0x02, 0x03
CCCD_IMPROPERLY_CONFIGURED, PROCEDURE_IN_PROGRESS = 0xFD, 0xFE  # common ATT errors (CSS part B, 1.2)

P, A = Characteristic.Properties, Characteristic.Permissions
ENCRYPTED_READ = A.READABLE | A.READ_REQUIRES_ENCRYPTION
ENCRYPTED_WRITE = A.WRITEABLE | A.WRITE_REQUIRES_ENCRYPTION


def not_permitted(_connection, value=None):
    """Refuse what a property does not allow: bumble does not look at them."""
    raise ATT_Error(error_code=READ_NOT_PERMITTED if value is None else WRITE_NOT_PERMITTED)


class Table:
    """A part of Peripheral."""

    def _build(self):
        """Make the attribute table from the options, the clock inside the main service if it is 2A08."""
        server, o = self.device.gatt_server, self.options
        for table in (server.services, server.attributes, server.attributes_by_handle):
            table.clear()
        server.max_mtu = o.mtu
        self.chars = {}
        self.device.add_default_services()
        if o.moved:
            self.device.add_service(Service(UUID('5A5A0000-0000-4000-8000-00805F9B34FB'), [self.fixed(0x2A00, b'')]))
        services = [*self.services(), (DEVICE_INFORMATION, self._information()),
                    (BATTERY, [self.readable(0x2A19, lambda: bytes([self.options.battery]), encrypted=False)])]
        if '2A08' in o.clock:
            services[0][1].append(self._clock(DATE_TIME, lambda: date_time(self.now())))
        if '2A2B' in o.clock:
            services.append((CURRENT_TIME_SERVICE, [self._clock(CURRENT_TIME, lambda: current_time(self.now()))]))
        missing = [UUID.from_16_bits(int(uuid, 16)) for uuid in o.missing.split('+') if uuid]
        for uuid, characteristics in services:
            there = [c for c in characteristics if c.uuid not in missing]
            self.device.add_service(Service(UUID.from_16_bits(uuid), there))
        self.chars = {uuid: c for uuid, c in self.chars.items() if c.uuid not in missing}

    def _information(self):
        texts = ((0x2A29, 'maker'), (0x2A24, 'model'), (0x2A25, 'serial'), (0x2A26, 'firmware'))
        return [self.readable(uuid, lambda name=name: getattr(self.options, name).encode(), encrypted=False)
                for uuid, name in texts] + [
            self.readable(0x2A23, lambda: bytes.fromhex(self.options.system_id), encrypted=False)]

    def _clock(self, uuid, encode):
        properties = P.READ | P.WRITE if self.options.clock_readable else P.WRITE
        return self.control(uuid, self._on_clock_write, properties, encode)

    @staticmethod
    def fixed(uuid, value):
        """Return a characteristic that anybody may read and that does not change."""
        encoded = AttributeValue(read=lambda _: value, write=not_permitted)
        return Characteristic(UUID.from_16_bits(uuid), P.READ, A.READABLE, encoded)

    @staticmethod
    def readable(uuid, encode, encrypted=True):
        """Return a characteristic whose value `encode` makes at each reading."""
        permissions = ENCRYPTED_READ if encrypted else A.READABLE
        value = AttributeValue(read=lambda _: encode(), write=not_permitted)
        return Characteristic(UUID.from_16_bits(uuid), P.READ, permissions, value)

    def control(self, uuid, write, properties=P.WRITE | P.INDICATE, encode=bytes):
        """Return a characteristic that is written over an encrypted link; it may be readable and indicate, too."""
        value = AttributeValue(read=(lambda _: encode()) if properties & P.READ else not_permitted, write=write)
        permissions = ENCRYPTED_WRITE | (ENCRYPTED_READ if properties & P.READ else A(0))
        c = Characteristic(UUID.from_16_bits(uuid), properties, permissions, value)
        return self._with_cccd(uuid, c) if properties & (P.NOTIFY | P.INDICATE) else c

    def pushed(self, uuid, properties=P.INDICATE):
        """Return a characteristic that is only notified or indicated."""
        value = AttributeValue(read=not_permitted, write=not_permitted)
        return self._with_cccd(uuid, Characteristic(UUID.from_16_bits(uuid), properties, A(0), value))

    def _with_cccd(self, uuid, characteristic):
        # bumble's own CCCD needs no encryption, so it gets one that does
        characteristic.descriptors = [
            Descriptor(UUID.from_16_bits(CCCD), A.READABLE | ENCRYPTED_WRITE,
                       self.device.gatt_server.make_descriptor_value(characteristic))
        ]
        characteristic.on('subscription', lambda *what: self._on_subscription(uuid, *what))
        self.chars[uuid] = characteristic
        return characteristic
