"""What all emulated devices share: pairing, bond, memory, radio habits, clock, delivery, faults.

A kind of device (cuff.py, scale.py, ...) adds its services and the octets of its measurements, all written from
the Bluetooth specifications. A device

- is on the air only in pairing mode, or after a measurement until it is delivered or its time is over;
- indicates a value as soon as the central subscribes, and right after encryption when a bonded central
  subscribed before (it remembers the subscription, as the specification asks of a bonded peer);
- keeps a value until its indication is confirmed, then ends the connection itself a moment later;
- runs on its own clock, which may be wrong and can be set over the air;
- keeps bond, values, subscriptions and clock in files.

It reports through a callback that takes one dict per event. README.md lists options, commands and events.
"""
import asyncio
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import random

from bumble.att import ATT_Error
from bumble.core import UUID
from bumble.device import Device, DeviceConfiguration, Peer
from bumble.hci import Address, HCI_Error, HCI_LE_Set_Random_Address_Command
from bumble.pairing import PairingConfig
from bumble.transport import open_transport

from bond import Bonds, Label
from delivery import Delivery
from octets import read_date_time
from options import STRUCTURE, Options
from radio import Radio
from table import CURRENT_TIME, Table

_running = set()  # tasks nobody else holds


class Peripheral(Table, Radio, Delivery):
    """One device on one controller. A kind overrides the block 'what a kind says of itself'."""

    OPTIONS = Options
    ADVERTISED = ()  # services in the advertisement
    APPEARANCE = 0
    STRUCTURE = STRUCTURE

    def __init__(self, options, report):
        """options: OPTIONS; report: called with a dict for every event, {'ev': name, ...}."""
        self.options = options
        self._report = report
        self.device = None
        self.pairing = False
        self.readings = []  # (UUID, octets) that nobody confirmed yet
        self.history = []  # those that were
        self.clock_offset = datetime.timedelta(seconds=options.clock_offset)
        self.connection = None
        self.chars = {}  # UUID: what can be notified or indicated
        self._again = []  # history still to be sent in this connection
        self._subscribed = {}  # peer: {UUID: 1 notify, 2 indicate}, remembered
        self._file = pathlib.Path(options.state + '.json')
        self._sending = self._watching = self._flooding = None  # tasks of the running connection
        self._flood = None  # a flood ordered for the next connection
        self._touched = asyncio.Event()
        self._last = 0.0  # when something last happened in the connection
        self._done_at = None  # when the last duty of the connection was done

    def report(self, event, **more):
        """Hand one event to the owner."""
        self._report({'ev': event, **more})

    # -- what a kind says of itself -----------------------------------------------------------------

    def services(self):
        """Return its own services: (UUID, characteristics), the main one first."""
        raise NotImplementedError

    def encode(self, fields, now):
        """Return the values of one measurement: (UUID, octets). fields: see README.md; now: its own time."""
        raise NotImplementedError

    def sample(self, number):
        """Return plausible fields for the measurement of that number."""
        raise NotImplementedError

    def frames(self, connection, uuid, octets):
        """Return the PDUs' values that carry one value: more than one where a profile cuts into segments."""
        del connection, uuid
        return [octets]

    def ready(self, connection):
        """The link is encrypted, or a subscription changed: start what is due."""

    def ended(self):
        """The connection is gone."""

    def busy(self):
        """Return True while something runs that the device would not cut off."""
        return bool(self._sending and not self._sending.done())

    def memory(self):
        """Return what the kind keeps without power."""
        return {}

    def remember(self, memory):
        """Take back what memory() returned."""

    # -- life ---------------------------------------------------------------------------------------

    async def start(self, transport):
        """Take the controller (for example 'hci-socket:1', or anything with source and sink); silent on the air."""
        o = self.options
        hci = await open_transport(transport) if isinstance(transport, str) else transport
        config = DeviceConfiguration(name=o.name, address=Address(o.address), irk=self._irk())
        self._load()
        self.device = device = Device.from_config_with_hci(config, hci.source, hci.sink)
        device.keystore = Bonds(o.address, o.state + '.keys')
        device.pairing_config_factory = lambda _: PairingConfig(
            sc=self.options.secure_connections, mitm=self.options.passkey_entry, bonding=True, delegate=Label(self),
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )
        device.host.long_term_key_provider = device.get_long_term_key = self._long_term_key
        self._listen_to_server(device.gatt_server)
        self._build()
        device.on('connection', self._on_connection)
        await device.power_on()
        self.report('ready', address=o.address)
        if o.always_on:
            await self._advertise(float('inf'))

    def _irk(self):
        return random.Random('irk' + self.options.address).randbytes(16)

    def _load(self):
        if self._file.exists():
            state = json.loads(self._file.read_text())
            self.readings = [(uuid, bytes.fromhex(r)) for uuid, r in state['readings']]
            self.history = [(uuid, bytes.fromhex(r)) for uuid, r in state['history']]
            self._subscribed = {p: {int(u): b for u, b in s.items()} for p, s in state['subscribed'].items()}
            self.clock_offset = datetime.timedelta(seconds=state['clock_offset'])
            self.remember(state['memory'])

    def save(self):
        """Keep what a device keeps without power."""
        state = {
            'readings': [(uuid, r.hex()) for uuid, r in self.readings],
            'history': [(uuid, r.hex()) for uuid, r in self.history],
            'subscribed': self._subscribed,
            'clock_offset': self.clock_offset.total_seconds(),
            'memory': self.memory(),
        }
        new = self._file.with_suffix('.new')
        with open(new, 'w', encoding='ascii') as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)

    async def _long_term_key(self, handle, rand, ediv):
        """Return this side's key: the one it distributed (legacy pairing), cut to its agreed size."""
        connection, o = self.device.lookup_connection(handle), self.options
        if not connection:
            return None
        key = self.device.smp_manager.get_long_term_key(connection, rand, ediv)
        if key is None and o.key != 'none':
            keys = await self.device.keystore.get(self._peer(connection))
            found = (keys.ltk or keys.ltk_central) if keys else None
            key = found.value if found else None
            if key and o.key == 'wrong':
                key = bytes(octet ^ 0x5A for octet in key)
        return key[:o.key_size] + bytes(16 - o.key_size) if key else None

    def _listen_to_server(self, server):
        """Note all that happens in the connection; answer late if told so."""
        on_pdu, respond = server.on_gatt_pdu, server.send_response

        def heard(bearer, pdu):
            self.touch()
            return on_pdu(bearer, pdu)

        def answer(bearer, response):
            if self.options.slow_s:
                asyncio.get_running_loop().call_later(self.options.slow_s, respond, bearer, response)
            else:
                respond(bearer, response)

        server.on_gatt_pdu, server.send_response = heard, answer

    # -- the clock ----------------------------------------------------------------------------------

    def now(self):
        """Return the device's own time."""
        return datetime.datetime.now() + self.clock_offset

    def set_clock(self, offset):
        """Let the device's clock be `offset` (a timedelta) ahead of true time."""
        self.clock_offset = offset
        self.save()

    def clock_write(self, value):
        """Tell of a write; ATT error if told to refuse; False if the value is to be ignored."""
        self.report('clock_written', value=value.hex())
        if self.options.clock_error:
            raise ATT_Error(error_code=self.options.clock_error)
        return not self.options.set_clock_refused

    def _on_clock_write(self, _connection, value):
        if self.clock_write(value) and len(value) in (7, 10):
            with contextlib.suppress(ValueError):
                self.set_clock(read_date_time(value) - datetime.datetime.now())

    async def _fetch_clock(self, connection):
        """Read the central's Current Time, as devices do that ask instead of being told."""
        try:
            async with Peer(connection) as peer:
                found = peer.get_characteristics_by_uuid(UUID.from_16_bits(CURRENT_TIME))
                value = await found[0].read_value()
            self.set_clock(read_date_time(value) - datetime.datetime.now())
            self.report('clock_fetched', value=bytes(value).hex())
        except Exception as error:  # not offered, refused, garbage, link gone
            self.report('clock_fetch_failed', error=repr(error))

    # -- buttons and the bench's commands -----------------------------------------------------------

    async def pair(self, seconds=None):
        """Go into pairing mode for a while."""
        self.pairing = True
        await self._advertise(seconds or self.options.pairing_s)

    def take(self, fields, live=False):
        """Make the values of one measurement and keep them until they are delivered. Returns its key and values."""
        del live  # for devices with a memory of records
        values = [(uuid, self._mangled(value)) for uuid, value in self.encode(fields, self.now())]
        self.readings += values
        return None, values

    async def measure(self, fields, seconds=None):
        """Take a measurement and try to deliver it. Returns {UUID: octets in hex}, and the key of a record."""
        values = await self.store(fields, live=True)
        await self.transfer(seconds)
        return values

    async def store(self, fields, live=False):
        """Take a measurement and stay silent on the air."""
        key, values = self.take(fields, live)
        more = {} if key is None else {'key': key}
        for uuid, value in values:
            self.report('measured', value=value.hex(), uuid=f'{uuid:04X}', **more)
        self.save()
        return {**{f'{uuid:04X}': value.hex() for uuid, value in values}, **more}

    async def fill(self, count, step=60.0, end=None, **fields):
        """Take `count` measurements, `step` seconds apart by its own clock, the last one at `end` (ISO text)."""
        last = datetime.datetime.fromisoformat(end) if end else self.now().replace(microsecond=0)
        for number in range(count):
            when = last - datetime.timedelta(seconds=step * (count - 1 - number))
            self.take({'time': when.isoformat(), **self.sample(number), **fields})
        self.save()
        return {'count': count}

    async def records(self, start=0, count=1000):
        """Return what is in memory: a list of {'key': number, 'values': [[UUID, octets in hex], ...]}."""
        some = self.readings[start:start + count]
        return [{'key': None, 'values': [[f'{uuid:04X}', value.hex()]]} for uuid, value in some]

    async def wipe(self):
        """Lose all values."""
        self.readings, self.history = [], []
        self.save()

    async def transfer(self, seconds=None):
        """Go on the air for what is left (the button that a person presses again)."""
        if self.connection:
            self._done_at = None
            self._advertise_until = asyncio.get_running_loop().time() + (seconds or self.options.advertise_s)
            self.touch()
            self.progress()
        else:
            await self._advertise(seconds or self.options.advertise_s)

    async def forget(self):
        """Lose the bond."""
        await self.device.keystore.delete_all()
        self._subscribed.clear()
        self.save()
        await self.device.refresh_resolving_list()

    async def leave(self):
        """Go off the air and end a running connection: out of range, switched off."""
        self.pairing = False
        await self._silence()
        if self.connection:
            await self.connection.disconnect()

    async def set(self, **options):
        """Change options; the attribute table too if they are part of it."""
        self.options = dataclasses.replace(self.options, **options)
        if 'clock_offset' in options:
            self.set_clock(datetime.timedelta(seconds=options['clock_offset']))
        if self.STRUCTURE & set(options):
            self._build()
        self.device.gatt_server.max_mtu = self.options.mtu
        self._touched.set()

    async def clock_to(self, offset):
        """Let its clock be `offset` seconds ahead of true time."""
        self.set_clock(datetime.timedelta(seconds=offset))

    async def pose(self, address):
        """Take another address, for example a copied one. Two controllers with one address confuse btvirt."""
        await self._radio_off()
        self.device.random_address = self.device.static_address = Address(address)
        await self.device.send_command(HCI_LE_Set_Random_Address_Command(random_address=Address(address)))

    async def send(self, value, uuid=None, indicate=False, count=1):
        """Send octets now, whatever the state of the link is, and wait for nothing."""
        c = self.chars[int(uuid, 16)] if uuid else next(iter(self.chars.values()))
        for _ in range(count):
            self.push(self.connection, c, bytes.fromhex(value), indicate)
        self.report('sent', count=count)

    async def flood(self, rate, seconds=5.0, same=False, **fields):
        """Notify `rate` values a second, in this connection or the next one, whoever subscribed."""
        self._flood = {'rate': rate, 'seconds': seconds, 'same': same, 'fields': fields}
        if self.connection:
            self._start_flood(self.connection)
        else:
            await self._advertise(max(seconds, self.options.advertise_s))

    async def state(self):
        """Return what it holds."""
        return {
            'readings': len(self.readings), 'connected': bool(self.connection), 'pairing': self.pairing,
            'encrypted': bool(self.connection and self.connection.is_encrypted),
            'subscribed': sorted(f'{u:04X}' for s in self._subscribed.values() for u, bits in s.items() if bits),
            'clock_offset': self.clock_offset.total_seconds(), 'bonds': len(await self.device.keystore.get_all()),
            'address': str(self.device.random_address), 'options': dataclasses.asdict(self.options),
        }

    COMMANDS = {
        'pair': 'pair', 'transfer': 'transfer', 'forget': 'forget', 'leave': 'leave', 'set': 'set',
        'clock': 'clock_to', 'fill': 'fill', 'records': 'records', 'wipe': 'wipe', 'pose': 'pose', 'send': 'send',
        'flood': 'flood', 'state': 'state',
    }

    async def command(self, command):
        """Carry out {'cmd': name, ...}; what is no parameter of a measurement is its fields. See README.md."""
        name = command.pop('cmd')
        if name in ('measure', 'store'):
            seconds = {'seconds': command.pop('seconds')} if 'seconds' in command else {}
            return await getattr(self, name)(command, **seconds)
        return await getattr(self, self.COMMANDS[name])(**command)

    def _mangled(self, value):
        how = self.options.mangle
        if how == 'short':
            return value[:-1]
        if how == 'long':
            return value + b'\0'
        if how == 'empty':
            return b''
        if how == 'huge':
            return (value * 512)[:512]
        if how == 'noise':
            return random.Random(value).randbytes(len(value))
        return value

    def reserved(self, mask):
        """Return the reserved bits of some flags, set only if told so."""
        return mask if self.options.mangle == 'reserved' else 0

    # -- a connection -------------------------------------------------------------------------------

    @staticmethod
    def _peer(connection):
        return str(connection.peer_address)

    def subscription(self, connection, uuid):
        """Return 1 (notify) and 2 (indicate) as the peer asked for, now or in an earlier connection."""
        return self._subscribed.get(self._peer(connection), {}).get(uuid, 0) if uuid in self.chars else 0

    def touch(self):
        """Something happened in the connection."""
        self._last = asyncio.get_running_loop().time()
        self._touched.set()

    def done(self):
        """All that this connection was for is done: `linger_s` from now it ends."""
        self._done_at = asyncio.get_running_loop().time()
        if not self.options.advertise_on:
            self._advertise_until = 0.0
        self._touched.set()

    def _on_connection(self, connection):
        self.connection = connection
        self._on_air = None
        self._done_at = None
        self._again = list(self.history) if self.options.resend else []
        self.touch()
        if self._advertising_end:
            self._advertising_end.cancel()
        connection.on('disconnection', lambda reason: self._on_disconnection(connection, reason))
        connection.on('connection_encryption_change', self._on_encryption)
        connection.on('connection_encryption_failure', lambda e: self.report('encryption_failed', error=int(e)))
        connection.on('pairing', lambda keys: self._on_pairing(connection, keys))
        connection.on('pairing_failure', lambda r: self.report('pairing_failed', reason=int(r)))
        self.report('connected', peer=str(connection.peer_address))
        self._watching = self.spawn(self._watch(connection))
        self._drop_at('connected')
        if self.options.indicate_early:
            self.progress(early=True)

    def _on_encryption(self):
        self.report('encrypted', on=bool(self.connection and self.connection.is_encrypted))
        self._drop_at('encrypted')
        if self.options.fetch_clock:
            self.spawn(self._fetch_clock(self.connection))
        self.progress()

    def _on_pairing(self, connection, keys):
        key = keys.ltk or keys.ltk_peripheral
        self.pairing = False
        self.report(
            'paired',
            auth=bool(key and key.authenticated),
            sc=bool(connection.sc),
            peer=str(connection.peer_address),
        )

    def _on_subscription(self, uuid, connection, notify, indicate):
        self.report('subscribed', uuid=f'{uuid:04X}', notify=notify, indicate=indicate)
        self._subscribed.setdefault(self._peer(connection), {})[uuid] = notify | indicate << 1
        self.save()
        self._drop_at('subscribed')
        self.progress()

    def _on_disconnection(self, connection, reason):
        for task in (self._watching, self._sending, self._flooding):
            if task:
                task.cancel()
        self._watching = self._sending = self._flooding = None
        self.connection = None
        self._touched.set()
        self.ended()
        self.report('disconnected', reason=int(reason), readings=self.waiting())
        if self.options.always_on:
            self._advertise_until = float('inf')
        if self._advertise_until and (self.pairing or self.wanted(connection)):
            self.spawn(self._resume_advertising())
        else:
            self._advertise_until = 0.0

    def waiting(self):
        """Return how many values wait to be delivered."""
        return len(self.readings)

    def wanted(self, connection):
        """Return True if there is still reason to be on the air after a connection."""
        asked = self._subscribed.get(self._peer(connection))
        waits = any(not asked or asked.get(uuid) for uuid, _ in self.readings)
        return waits or self.options.advertise_on or self.options.always_on

    @staticmethod
    def spawn(coroutine):
        """Let something run beside what calls this, such as an answer behind the response to a write."""
        task = asyncio.get_running_loop().create_task(coroutine)
        _running.add(task)
        task.add_done_callback(_running.discard)
        return task

    def _drop_at(self, stage):
        if self.options.drop == stage:
            self._end(self.connection)

    def _end(self, connection):
        if connection and connection is self.connection:
            self.spawn(self._disconnect(connection))

    @staticmethod
    async def _disconnect(connection):
        with contextlib.suppress(HCI_Error):  # the other side was faster
            await connection.disconnect()

    async def _watch(self, connection):
        """End the connection when its work is done, or when nothing happens in it."""
        loop = asyncio.get_running_loop()
        while connection is self.connection:
            o = self.options
            if self._done_at is None or self.busy():
                end = self._last + o.idle_s
            else:
                end = (max(self._done_at, self._last) if o.patient else self._done_at) + o.linger_s
            left = end - loop.time()
            if left <= 0 and not o.stay:
                break
            self._touched.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if o.stay else left):
                    await self._touched.wait()
        self._end(connection)
