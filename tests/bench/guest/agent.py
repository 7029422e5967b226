#!/usr/bin/env python3
"""The bench's agent inside the twin.

It makes linked virtual Bluetooth controllers (hci0 for bluetoothd, one more for each emulated device), runs the
devices named by the kernel's option hub.devices (default 'cuff'; a comma between two; 'none'), and is the host's
hand in the guest over a virtio-serial port: one JSON object per line.

    host -> guest   {"id": 7, "cmd": "device.measure", "device": 0, "sys": "128", ...}
    guest -> host   {"re": 7, "result": ...} or {"re": 7, "error": "..."}
                    {"ev": "connected", "device": 0, "t": 12.3, ...}    t: seconds since the guest started

`COMMANDS` below is the list of commands. Started by systemd before bluetoothd, which must not see the
devices' controllers: a controller is taken over an HCI user channel.
"""
import asyncio
import contextlib
import errno
import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import sys
import time

PORT_NAME = 'org.hub.bench'
STATE = pathlib.Path('/var/lib/hub-bench')
UNITS = ('hub-ble', 'hub-bondinfo', 'hub-store', 'hub-setup', 'hub-coap', 'hubd', 'bluetooth', 'hub-store-reset', 'hub-reset-coap',
         'hub-reset-end')
HCIGETDEVINFO = 0x800448D3
FIELDS = 'MESSAGE,PRIORITY,UNIT,_SYSTEMD_UNIT,JOB_TYPE,JOB_RESULT'


def port_path():
    """Return the device of the port with our name."""
    for name in pathlib.Path('/sys/class/virtio-ports').glob('*/name'):
        if name.read_text().strip() == PORT_NAME:
            return f'/dev/{name.parent.name}'
    raise SystemExit(f'no virtio port {PORT_NAME}')


def kernel_option(name, default):
    """Return the value of 'name=' on the kernel's command line."""
    for word in pathlib.Path('/proc/cmdline').read_text().split():
        if word.startswith(name + '='):
            return word.partition('=')[2]
    return default


def notify(message):
    """Tell systemd about ourselves."""
    address = os.environ.get('NOTIFY_SOCKET')
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(message.encode(), address.replace('@', '\0', 1))


def controller_is_up(number):
    """Say whether the kernel got through to a controller: then it knows its address."""
    info = bytearray(92)
    struct.pack_into('<H', info, 0, number)
    with socket.socket(socket.AF_BLUETOOTH, socket.SOCK_RAW, socket.BTPROTO_HCI) as s:
        try:
            fcntl.ioctl(s, HCIGETDEVINFO, info)
        except OSError:
            return False
    return any(info[10:16])


async def run(*argv):
    """Run a program, return {'rc': exit code, 'out': its output and errors}."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    return {'rc': process.returncode, 'out': out.decode(errors='replace')}


class Agent:
    """Everything the agent holds: the wire, the controllers, the devices."""

    def __init__(self):
        self.devices = []
        self._wire = None

    def send(self, message):
        """Send one object to the host."""
        self._wire.write(json.dumps(message).encode() + b'\n')

    def report(self, event):
        """Send an event, stamped with the guest's uptime."""
        self.send({**event, 't': round(time.clock_gettime(time.CLOCK_BOOTTIME), 3)})

    async def open_wire(self):
        """Open the port; returns the reader."""
        loop = asyncio.get_running_loop()
        fd = os.open(port_path(), os.O_RDWR | os.O_NONBLOCK)
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, 'rb', 0))
        self._wire, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(os.dup(fd), 'wb', 0))
        return reader

    # -- controllers and devices --------------------------------------------------------------------

    async def make_controllers(self, count):
        """Let btvirt make `count` linked controllers and wait until the kernel has set them up."""
        # btvirt opens AF_ALG while the kernel already waits for its first answers: were the modules loaded
        # only then, the kernel's reset of hci0 would time out (2 s) and bluetoothd would wait for ever
        await run('modprobe', '-a', 'hci_vhci', 'af_alg', 'algif_hash', 'algif_skcipher', 'cmac')
        for attempt in range(5):
            btvirt = await asyncio.create_subprocess_exec(
                'btvirt', f'-l{count}', stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
            )
            for _ in range(100):
                if all(controller_is_up(number) for number in range(count)):
                    return
                await asyncio.sleep(0.05)
            self.report({'ev': 'controllers_failed', 'attempt': attempt})
            btvirt.kill()
            await btvirt.wait()
        raise SystemExit('no virtual controllers')

    async def start_devices(self, kinds):
        """Put a device on each controller but the first."""
        import kinds as catalogue  # late: importing bumble takes seconds, the controllers come up meanwhile
        import names

        STATE.mkdir(exist_ok=True)
        for number, kind in enumerate(kinds):
            device = catalogue.make(
                kind, lambda event, n=number: self.report({**event, 'device': n}),
                name=f'{catalogue.KINDS[kind].OPTIONS.name}-{number}',
                address=names.address(number),
                passkey=names.passkey(number),
                state=str(STATE / f'{kind}{number}'),
                serial=f'SN-000{number}',
                system_id=f'01000000{number:02x}005a00',
            )
            await self._take_controller(device, number + 1)
            self.devices.append(device)

    @staticmethod
    async def _take_controller(device, number):
        for _ in range(100):
            try:
                await device.start(f'hci-socket:{number}')
                return
            except OSError as error:
                if error.errno != errno.EBUSY:  # the kernel still sets it up
                    raise
            await asyncio.sleep(0.1)
        raise SystemExit(f'hci{number} stays busy')

    # -- the journal --------------------------------------------------------------------------------

    async def follow_journal(self):
        """Forward what the units say, and what systemd says about them."""
        units = [f'--unit={u}.service' for u in UNITS]
        since = []
        while True:  # it ends at once if there is no journal yet
            process = await asyncio.create_subprocess_exec(
                'journalctl', '-b', '-f', '-n', 'all', '-o', 'json', f'--output-fields={FIELDS}', *units, *since,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=1 << 20,
            )
            async for line in process.stdout:
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    since = [f'--after-cursor={entry["__CURSOR"]}']
                    self._journal_line(entry)
            await process.wait()
            await asyncio.sleep(0.3)

    def _journal_line(self, entry):
        unit = (entry.get('UNIT') or entry.get('_SYSTEMD_UNIT') or '?').removesuffix('.service')
        text = entry.get('MESSAGE') or ''
        if isinstance(text, list):  # not UTF-8
            text = bytes(text).decode(errors='replace')
        about = 'UNIT' in entry
        self.report({
            'ev': 'log', 'unit': unit, 'line': text, 'priority': int(entry.get('PRIORITY', 6)),
            'by': 'systemd' if about else 'unit', 'at': int(entry['__MONOTONIC_TIMESTAMP']) / 1e6,
        })
        if about and 'JOB_RESULT' in entry:
            self.report({'ev': 'unit', 'unit': unit, 'job': entry['JOB_TYPE'],
                         'result': entry['JOB_RESULT']})

    # -- commands -----------------------------------------------------------------------------------

    async def cmd_device(self, command):
        """device.pair, device.measure, ...: the commands in tests/devices/README.md, for device `device` (0)."""
        device = self.devices[command.pop('device', 0)]
        command['cmd'] = command['cmd'].removeprefix('device.')
        return await device.command(command)

    async def cmd_kill(self, command):
        """Send a signal to all processes of a unit, at once; returns their ids."""
        group = pathlib.Path(f'/sys/fs/cgroup/system.slice/{command["unit"]}.service/cgroup.procs')
        pids = [int(p) for p in group.read_text().split()]
        for pid in pids:
            os.kill(pid, signal.Signals['SIG' + command.get('signal', 'KILL')])
        return pids

    async def cmd_unit(self, command):
        """Run systemctl: verb and name."""
        return await run('systemctl', command['verb'], command['name'])

    async def cmd_sh(self, command):
        """Run a shell command (bench only)."""
        return await run('sh', '-c', command['run'])

    async def cmd_ping(self, _command):
        """Answer."""
        return 'pong'

    async def cmd_poweroff(self, _command):
        """Shut the guest down in order."""
        return await run('systemctl', '--no-block', 'poweroff')

    async def cmd_reboot(self, _command):
        """Restart the guest in order (the host must allow it, else it ends there)."""
        return await run('systemctl', '--no-block', 'reboot')

    COMMANDS = {
        'device': cmd_device, 'kill': cmd_kill, 'unit': cmd_unit, 'sh': cmd_sh, 'ping': cmd_ping,
        'poweroff': cmd_poweroff, 'reboot': cmd_reboot,
    }

    async def answer(self, line):
        """Carry out one line from the host and reply."""
        command = json.loads(line)
        number = command.pop('id', None)
        try:
            handler = self.COMMANDS[command['cmd'].partition('.')[0]]
            self.send({'re': number, 'result': await handler(self, command)})
        except Exception as error:  # whatever it is, the host shall read it
            self.send({'re': number, 'error': f'{type(error).__name__}: {error}'})

    async def main(self):
        """Bring everything up, then serve the host until it hangs up."""
        reader = await self.open_wire()
        self.report({'ev': 'agent'})
        kinds = [kind for kind in kernel_option('hub.devices', 'cuff').split(',') if kind not in ('', 'none')]
        controllers = asyncio.create_task(self.make_controllers(len(kinds) + 1))
        journal = asyncio.create_task(self.follow_journal())
        await controllers
        await self.start_devices(kinds)
        notify('READY=1')
        self.report({'ev': 'booted'})
        tasks = set()
        while line := await reader.readline():
            task = asyncio.create_task(self.answer(line))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        journal.cancel()


if __name__ == '__main__':
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    asyncio.run(Agent().main())
