#!/usr/bin/env python3
"""The bench's agent inside the twin.

It makes linked virtual Bluetooth controllers (hci0 for bluetoothd, one more for each cuff), runs the cuffs,
and is the host's hand in the guest over a virtio-serial port: one JSON object per line.

    host -> guest   {"id": 7, "cmd": "cuff.measure", "cuff": 0, "sys": "128", ...}
    guest -> host   {"re": 7, "result": ...} or {"re": 7, "error": "..."}
                    {"ev": "connected", "cuff": 0, "t": 12.3, ...}      t: seconds since the guest started

`COMMANDS` below is the list of commands. Started by systemd before bluetoothd, which must not see the
cuffs' controllers: a controller is taken over an HCI user channel.
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
PASSKEYS = (123456, 654321, 111222, 333444)
UNITS = ('hub-ble', 'hub-store', 'hub-coap', 'hubd', 'bluetooth')
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
    """Everything the agent holds: the wire, the controllers, the cuffs."""

    def __init__(self):
        self.cuffs = []
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

    # -- controllers and cuffs ----------------------------------------------------------------------

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

    async def start_cuffs(self, count):
        """Put a cuff on each controller but the first."""
        import cuff  # late: importing bumble takes seconds, the controllers come up meanwhile

        self.cuff_module = cuff
        STATE.mkdir(exist_ok=True)
        for number in range(count):
            options = cuff.Options(
                name=f'BP-TWIN-{number}',
                address=f'F0:F1:F2:F3:F4:F{number}',
                passkey=PASSKEYS[number],
                state=str(STATE / f'cuff{number}'),
                serial=f'SN-000{number}',
            )
            device = cuff.Cuff(options, lambda event, n=number: self.report({**event, 'cuff': n}))
            await self._take_controller(device, number + 1)
            self.cuffs.append(device)

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
        process = await asyncio.create_subprocess_exec(
            'journalctl', '-b', '-f', '-n', 'all', '-o', 'json', f'--output-fields={FIELDS}', *units,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=1 << 20,
        )
        async for line in process.stdout:
            with contextlib.suppress(ValueError):
                self._journal_line(json.loads(line))

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

    async def cmd_cuff(self, command):
        """cuff.pair, cuff.measure, cuff.transfer, cuff.forget, cuff.leave, cuff.set, cuff.clock: see cuff.py."""
        device = self.cuffs[command.pop('cuff', 0)]
        command['cmd'] = command['cmd'].removeprefix('cuff.')
        return await self.cuff_module.run_command(device, command)

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
        'cuff': cmd_cuff, 'kill': cmd_kill, 'unit': cmd_unit, 'sh': cmd_sh, 'ping': cmd_ping,
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
        count = int(kernel_option('hub.cuffs', '1'))
        controllers = asyncio.create_task(self.make_controllers(count + 1))
        journal = asyncio.create_task(self.follow_journal())
        await controllers
        await self.start_cuffs(count)
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
