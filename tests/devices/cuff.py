#!/usr/bin/env python3
"""An emulated blood-pressure cuff with the habits of a real one.

It speaks the Blood Pressure Service, Device Information, Battery, Current Time and the Date Time that
some makers put inside the Blood Pressure Service, all written from the Bluetooth specifications. It pairs
with LE Secure Connections and the passkey printed on its label, keeps its bond in a file, and

- is on the air only in pairing mode, or after a measurement until it is delivered or its time is over;
- indicates a reading as soon as the central subscribes, and right after encryption when a bonded central
  subscribed before (it remembers the subscription, as the specification asks of a bonded peer);
- keeps a reading until its indication is confirmed, then ends the connection itself a moment later;
- runs on its own clock, which may be wrong and can be set over the air.

A `Cuff` reports through a callback that takes one dict per event; the command line does the same with one
JSON object per line, commands in and events out.
"""
import argparse
import asyncio
import contextlib
import dataclasses
import datetime
import decimal
import json
import os
import pathlib
import struct
import sys

from bumble.att import AttributeValue
from bumble.core import AdvertisingData, UUID
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic, Descriptor, Service
from bumble.hci import Address, HCI_Error
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport

BLOOD_PRESSURE, DEVICE_INFORMATION, BATTERY, CURRENT_TIME_SERVICE = 0x1810, 0x180A, 0x180F, 0x1805
MEASUREMENT, FEATURE, CURRENT_TIME, DATE_TIME, CCCD = 0x2A35, 0x2A49, 0x2A2B, 0x2A08, 0x2902
APPEARANCE_CUFF_ARM = 0x0381

P, A = Characteristic.Properties, Characteristic.Permissions
ENCRYPTED_READ = A.READABLE | A.READ_REQUIRES_ENCRYPTION
ENCRYPTED_WRITE = A.WRITEABLE | A.WRITE_REQUIRES_ENCRYPTION

HEARD_EVERY_S = 1.0

# SFLOAT mantissas with a meaning of their own (IEEE 11073-20601)
SPECIAL = {'nan': 0x07FF, 'nres': 0x0800, '+inf': 0x07FE, '-inf': 0x0802}


@dataclasses.dataclass
class Options:
    """What a cuff is and how it behaves. The last block are faults, all off."""

    name: str = 'BP-TWIN'
    address: str = 'F0:F1:F2:F3:F4:F5'
    passkey: int = 123456
    state: str = '/tmp/cuff'  # its memory: <state>.keys (the bond), <state>.json (all else)
    serial: str = 'SN-0001'
    feature: int = 0x0007
    battery: int = 90
    clock_offset: float = 0.0  # seconds its own clock is ahead of true time
    advertise_s: float = 30.0  # after a measurement
    pairing_s: float = 120.0  # in pairing mode
    linger_s: float = 0.5  # from the last confirmation to its own disconnect
    idle_s: float = 60.0  # ends a connection in which nothing happens

    secure_connections: bool = True
    passkey_entry: bool = True  # False: Just Works
    key_size: int = 16
    indicate_early: bool = False  # before the link is encrypted
    drop: str = ''  # 'before' or 'after': drop the link around the confirmation, keep the reading
    stay: bool = False  # never ends the connection itself
    set_clock_refused: bool = False


def sfloat(text):
    """Return the two octets of a decimal as written ('128', '16.3', 'nan'): precision is kept."""
    text = str(text).lower()
    if text in SPECIAL:
        return struct.pack('<H', SPECIAL[text])
    sign, digits, exponent = decimal.Decimal(text).as_tuple()
    mantissa = int(''.join(map(str, digits))) * (-1 if sign else 1)
    if not -2048 <= mantissa <= 2047 or not -8 <= exponent <= 7:
        raise ValueError(f'{text} does not fit an SFLOAT')
    return struct.pack('<H', (exponent & 0xF) << 12 | mantissa & 0xFFF)


def date_time(when):
    """Return the seven octets of Date Time."""
    return struct.pack('<HBBBBB', when.year, when.month, when.day, when.hour, when.minute, when.second)


def measurement(reading, now):
    """Return the octets of a Blood Pressure Measurement.

    reading: sys, dia, map (default 'nan'), pulse, unit ('mmHg' or 'kPa'), time (True: the cuff's clock,
    False: none, or ISO text), user, status; or raw: hex that is sent as it is.
    """
    if 'raw' in reading:
        return bytes.fromhex(reading['raw'])
    flags = 0x01 if reading.get('unit', 'mmHg') == 'kPa' else 0
    body = b''.join(sfloat(reading.get(k, 'nan')) for k in ('sys', 'dia', 'map'))
    time = reading.get('time', True)
    if time:
        flags |= 0x02
        body += date_time(now if time is True else datetime.datetime.fromisoformat(time))
    if 'pulse' in reading:
        flags |= 0x04
        body += sfloat(reading['pulse'])
    if 'user' in reading:
        flags |= 0x08
        body += bytes([reading['user']])
    if 'status' in reading:
        flags |= 0x10
        body += struct.pack('<H', reading['status'])
    return bytes([flags]) + body


class Label(PairingDelegate):
    """A cuff without keys: the passkey is printed on its label; it accepts pairing in pairing mode only."""

    def __init__(self, cuff):
        io = self.DISPLAY_OUTPUT_ONLY if cuff.options.passkey_entry else self.NO_OUTPUT_NO_INPUT
        keys = self.KeyDistribution
        super().__init__(
            io_capability=io,
            local_initiator_key_distribution=keys.DISTRIBUTE_ENCRYPTION_KEY | keys.DISTRIBUTE_IDENTITY_KEY,
            local_responder_key_distribution=keys.DISTRIBUTE_ENCRYPTION_KEY,
            maximum_encryption_key_size=cuff.options.key_size,
        )
        self.cuff = cuff

    async def accept(self):
        """Say whether a pairing request is welcome."""
        if not self.cuff.pairing:
            self.cuff.report('pairing_refused')
        return self.cuff.pairing

    async def generate_passkey(self):
        """Return what the label says."""
        return self.cuff.options.passkey


class Cuff:
    """One cuff on one virtual controller."""

    def __init__(self, options, report):
        """options: Options; report: called with a dict for every event, {'ev': name, ...}."""
        self.options = options
        self._report = report
        self.device = None
        self.pairing = False
        self.readings = []  # octets that nobody confirmed yet
        self.clock_offset = datetime.timedelta(seconds=options.clock_offset)
        self.connection = None
        self._subscribed = set()  # peers whose subscription is remembered
        self._file = pathlib.Path(options.state + '.json')
        self._sending = None  # task of the running connection
        self._advertise_until = 0.0
        self._advertising_end = None  # timer

    def report(self, event, **more):
        """Hand one event to the owner."""
        self._report({'ev': event, **more})

    # -- life ---------------------------------------------------------------------------------------

    async def start(self, transport):
        """Take the controller (for example 'hci-socket:1') and build the services; silent on the air."""
        o = self.options
        hci = await open_transport(transport)
        config = DeviceConfiguration(
            name=o.name, address=Address(o.address), keystore=f'JsonKeyStore:{o.state}.keys'
        )
        self._load()
        self.device = Device.from_config_with_hci(config, hci.source, hci.sink)
        self.device.pairing_config_factory = lambda _: PairingConfig(
            sc=o.secure_connections, mitm=o.passkey_entry, bonding=True, delegate=Label(self)
        )
        self._use_own_key()
        self._add_services()
        self.device.on('connection', self._on_connection)
        await self.device.power_on()
        self.report('ready', address=o.address)

    def _load(self):
        if self._file.exists():
            state = json.loads(self._file.read_text())
            self.readings = [bytes.fromhex(r) for r in state['readings']]
            self._subscribed = set(state['subscribed'])
            self.clock_offset = datetime.timedelta(seconds=state['clock_offset'])

    def _save(self):
        """Keep what a cuff keeps without power."""
        state = {
            'readings': [r.hex() for r in self.readings],
            'subscribed': sorted(self._subscribed),
            'clock_offset': self.clock_offset.total_seconds(),
        }
        new = self._file.with_suffix('.new')
        with open(new, 'w', encoding='ascii') as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)

    def set_clock(self, offset):
        """Let the cuff's clock be `offset` (a timedelta) ahead of true time."""
        self.clock_offset = offset
        self._save()

    def _use_own_key(self):
        """Answer with the key this side distributed (legacy pairing), cut to its agreed size."""
        device, size = self.device, self.options.key_size
        original = device.get_long_term_key

        async def get_long_term_key(handle, rand, ediv):
            key = await original(handle, rand, ediv)
            connection = device.lookup_connection(handle)
            if key is None and connection and device.keystore:
                keys = await device.keystore.get(str(connection.peer_address))
                key = keys.ltk_central.value if keys and keys.ltk_central else None
            return key[:size] + bytes(16 - size) if key else None

        device.get_long_term_key = device.host.long_term_key_provider = get_long_term_key

    def _add_services(self):
        def fixed(uuid, value):
            return Characteristic(UUID.from_16_bits(uuid), P.READ, A.READABLE, value)

        def clock(uuid, encode):
            value = AttributeValue(read=lambda _: encode(), write=self._on_clock_write)
            permissions = ENCRYPTED_READ | ENCRYPTED_WRITE
            return Characteristic(UUID.from_16_bits(uuid), P.READ | P.WRITE, permissions, value)

        # bumble's own CCCD needs no encryption, so it gets one that does
        self.bpm = Characteristic(UUID.from_16_bits(MEASUREMENT), P.INDICATE, A(0), b'')
        self.bpm.descriptors = [
            Descriptor(
                UUID.from_16_bits(CCCD),
                A.READABLE | ENCRYPTED_WRITE,
                self.device.gatt_server.make_descriptor_value(self.bpm),
            )
        ]
        self.bpm.on('subscription', self._on_subscription)
        o = self.options
        feature = fixed(FEATURE, struct.pack('<H', o.feature))
        information = [
            fixed(0x2A29, b'Twin Medical'),
            fixed(0x2A24, b'BP-1'),
            fixed(0x2A25, o.serial.encode()),
            fixed(0x2A26, b'1.0'),
            fixed(0x2A23, bytes.fromhex('0100000000005a00')),
        ]
        for uuid, characteristics in (
            (BLOOD_PRESSURE, [self.bpm, feature, clock(DATE_TIME, lambda: date_time(self.now()))]),
            (DEVICE_INFORMATION, information),
            (BATTERY, [fixed(0x2A19, bytes([o.battery]))]),
            (CURRENT_TIME_SERVICE, [clock(CURRENT_TIME, self._current_time)]),
        ):
            self.device.add_service(Service(UUID.from_16_bits(uuid), characteristics))

    # -- the clock ----------------------------------------------------------------------------------

    def now(self):
        """Return the cuff's own time."""
        return datetime.datetime.now() + self.clock_offset

    def _current_time(self):
        now = self.now()
        return date_time(now) + bytes([now.isoweekday(), now.microsecond * 256 // 1000000, 0])

    def _on_clock_write(self, _connection, value):
        self.report('clock_written', value=value.hex())
        if self.options.set_clock_refused or len(value) not in (7, 10):
            return
        try:
            when = datetime.datetime(*struct.unpack('<HBBBBB', value[:7]))
        except ValueError:
            return
        self.set_clock(when - datetime.datetime.now())

    # -- buttons ------------------------------------------------------------------------------------

    async def pair(self, seconds=None):
        """Go into pairing mode for a while."""
        self.pairing = True
        await self._advertise(seconds or self.options.pairing_s)

    async def measure(self, reading, seconds=None):
        """Take a measurement (see `measurement`) and try to deliver it. Returns its octets."""
        value = measurement(reading, self.now())
        self.readings.append(value)
        self._save()
        self.report('measured', value=value.hex())
        await self.transfer(seconds)
        return value

    async def transfer(self, seconds=None):
        """Go on the air for readings that are left (the button that a person presses again)."""
        if self.connection:
            self._send_if_welcome()
        else:
            await self._advertise(seconds or self.options.advertise_s)

    async def forget(self):
        """Lose the bond."""
        await self.device.keystore.delete_all()
        self._subscribed.clear()
        self._save()
        await self.device.refresh_resolving_list()

    async def leave(self):
        """Go off the air and end a running connection: out of range, switched off."""
        self.pairing = False
        await self._silence()
        if self.connection:
            await self.connection.disconnect()

    # -- on the air ---------------------------------------------------------------------------------

    async def _advertise(self, seconds):
        loop = asyncio.get_running_loop()
        self._advertise_until = loop.time() + seconds
        await self._resume_advertising()

    async def _resume_advertising(self):
        loop = asyncio.get_running_loop()
        left = self._advertise_until - loop.time()
        if left <= 0 or self.connection:
            return
        if self._advertising_end:
            self._advertising_end.cancel()
        self._advertising_end = loop.call_later(left, lambda: loop.create_task(self._time_over()))
        for _ in range(20):
            try:
                await self._radio_on()
                self.report('advertising', pairing=self.pairing, readings=len(self.readings))
                return
            except HCI_Error as error:  # btvirt refuses now and then just after a disconnect
                self.report('advertising_refused', error=str(error))
                await asyncio.sleep(0.05)

    async def _radio_on(self):
        services = struct.pack('<H', BLOOD_PRESSURE)
        data = [
            (AdvertisingData.FLAGS, bytes([0x06])),
            (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, services),
            (AdvertisingData.APPEARANCE, struct.pack('<H', APPEARANCE_CUFF_ARM)),
            (AdvertisingData.COMPLETE_LOCAL_NAME, self.options.name.encode()),
        ]
        await self._radio_off()
        await self.device.start_advertising(
            advertising_data=bytes(AdvertisingData(data)),
            advertising_interval_min=100,
            advertising_interval_max=100,
        )
        asyncio.get_running_loop().create_task(self._stay_heard(self.device.legacy_advertising_set))

    async def _stay_heard(self, advertising):
        """Start anew every second: btvirt tells of an advertising once, to those that search at its start."""
        while True:
            await asyncio.sleep(HEARD_EVERY_S)
            if self.connection or self.device.legacy_advertising_set is not advertising:
                return
            with contextlib.suppress(HCI_Error):  # it ended meanwhile
                await advertising.stop()
                if self.connection or self.device.legacy_advertising_set is not advertising:
                    return
                await advertising.start()
                if self.connection:
                    await advertising.stop()

    async def _time_over(self):
        self.pairing = False
        await self._silence()
        self.report('advertising_over', readings=len(self.readings))

    async def _silence(self):
        self._advertise_until = 0.0
        if self._advertising_end:
            self._advertising_end.cancel()
            self._advertising_end = None
        if not self.connection:
            await self._radio_off()

    async def _radio_off(self):
        """Stop advertising; bumble's own stop_advertising fails when its view and btvirt's differ."""
        advertising = self.device.legacy_advertising_set
        self.device.legacy_advertising_set = None
        if advertising:
            for step in (advertising.stop, advertising.remove):
                with contextlib.suppress(HCI_Error):  # it is off already
                    await step()

    # -- a connection -------------------------------------------------------------------------------

    def _on_connection(self, connection):
        loop = asyncio.get_running_loop()
        self.connection = connection
        connection.idle = loop.call_later(self.options.idle_s, self._end, connection)
        if self._advertising_end:
            self._advertising_end.cancel()
        connection.on('disconnection', lambda reason: self._on_disconnection(connection, reason))
        connection.on('connection_encryption_change', self._on_encryption)
        connection.on('pairing', lambda keys: self._on_pairing(connection, keys))
        connection.on('pairing_failure', lambda r: self.report('pairing_failed', reason=int(r)))
        self.report('connected', peer=str(connection.peer_address))
        if self.options.indicate_early:
            self._send_if_welcome(early=True)

    def _on_encryption(self):
        self.report('encrypted', on=bool(self.connection and self.connection.is_encrypted))
        self._send_if_welcome()

    def _on_pairing(self, connection, keys):
        key = keys.ltk or keys.ltk_peripheral
        self.pairing = False
        self.report(
            'paired',
            auth=bool(key and key.authenticated),
            sc=bool(connection.sc),
            peer=str(connection.peer_address),
        )

    def _on_subscription(self, connection, _notify, indicate):
        self.report('subscribed', indicate=indicate)
        (self._subscribed.add if indicate else self._subscribed.discard)(str(connection.peer_address))
        self._save()
        self._send_if_welcome()

    def _on_disconnection(self, connection, reason):
        connection.idle.cancel()
        if self._sending:
            self._sending.cancel()
            self._sending = None
        self.connection = None
        self.report('disconnected', reason=int(reason), readings=len(self.readings))
        if self.readings or self.pairing:
            asyncio.get_running_loop().create_task(self._resume_advertising())
        else:
            self._advertise_until = 0.0

    def _end(self, connection):
        if connection is self.connection:
            asyncio.get_running_loop().create_task(connection.disconnect())

    def _send_if_welcome(self, early=False):
        """Start sending if there is a reading, a link that is fit for it, and a subscriber."""
        c = self.connection
        if not self.readings or not c or (self._sending and not self._sending.done()):
            return
        if early or (c.is_encrypted and str(c.peer_address) in self._subscribed):
            self._sending = asyncio.get_running_loop().create_task(self._send(c))

    async def _send(self, connection):
        """Indicate what is left, oldest first; a reading goes only after its confirmation."""
        drop = self.options.drop
        while self.readings:
            value = self.readings[0]
            self.report('indicated', value=value.hex())
            if drop == 'before':
                loop = asyncio.get_running_loop()
                loop.call_soon(self._end, connection)
            # 'force': bumble forgets subscriptions at disconnect, a bonded cuff does not
            await self.device.gatt_server.indicate_subscriber(connection, self.bpm, value, force=True)
            if drop:
                await connection.disconnect()
                return
            self.readings.pop(0)
            self._save()
            self.report('confirmed', value=value.hex())
        self._advertise_until = 0.0
        await asyncio.sleep(self.options.linger_s)
        if not self.options.stay and not self.readings:
            await connection.disconnect()


# -- command line -----------------------------------------------------------------------------------


def parse_arguments():
    """Return the command line: one option for each field of Options."""
    parser = argparse.ArgumentParser(
        description='Emulated blood-pressure cuff: JSON commands on standard input, one a line '
        '({"cmd": "pair" | "measure" | "transfer" | "forget" | "leave", ...}), JSON events out.'
    )
    parser.add_argument('--transport', default='hci-socket:1', help='bumble transport of its controller')
    for field in dataclasses.fields(Options):
        option = '--' + field.name.replace('_', '-')
        if field.type is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=field.default)
        else:
            parser.add_argument(option, type=field.type, default=field.default)
    return parser.parse_args()


async def run_command(cuff, command):
    """Carry out one command given as a dict; what is no parameter of the button is the reading."""
    name = command.pop('cmd')
    seconds = {'seconds': command.pop('seconds')} if 'seconds' in command else {}
    if name == 'measure':
        return (await cuff.measure(command, **seconds)).hex()
    if name == 'set':
        cuff.options = dataclasses.replace(cuff.options, **command)
        return None
    if name == 'clock':
        cuff.set_clock(datetime.timedelta(seconds=command['offset']))
        return None
    buttons = {'pair': cuff.pair, 'transfer': cuff.transfer, 'forget': cuff.forget, 'leave': cuff.leave}
    return await buttons[name](**seconds)


async def main():
    """Run one cuff until standard input ends."""
    arguments = vars(parse_arguments())
    transport = arguments.pop('transport')
    cuff = Cuff(Options(**arguments), lambda event: print(json.dumps(event), flush=True))
    await cuff.start(transport)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await run_command(cuff, json.loads(line))


if __name__ == '__main__':
    asyncio.run(main())
