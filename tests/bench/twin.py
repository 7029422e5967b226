#!/usr/bin/env python3
"""Boots the amd64 twin of the hub in QEMU and drives it from the host.

    with Twin(image, overlay='hub.sqfs', data='data.img') as twin:
        twin.wait('booted')
        twin.command('device.pair')
        twin.wait('paired', auth=True, sc=True)
        twin.command('device.measure', sys='128', dia='82', map='97', pulse='71')
        twin.wait('confirmed')
        twin.link(False)

Nothing is waited for by time alone: every wait names what it waits for and fails with that name and the
last events. Python's standard library only. KVM is used where it really works, else software emulation.
The guest reaches the host's loopback at 10.0.2.2; nothing reaches the guest.
"""
import argparse
import collections
import ctypes
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
TWIN_SH = TOP / 'rootfs' / 'image' / 'twin.sh'
HOST_IN_GUEST = '10.0.2.2'
QEMU = 'qemu-system-x86_64'
TCG_CPU = 'Westmere,+rdrand'  # without AVX, which is slow to emulate
BOOT_STUCK_S = 150  # the agent speaks after 10 to 90 s


def _die_with_parent():
    """Let the kernel end QEMU when this process ends, however that comes about."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class TwinError(RuntimeError):
    """The guest did not do what was awaited; the text says what that was and what came instead."""


def image_dir():
    """Return the folder of the image, making it if needed."""
    return pathlib.Path(subprocess.run([TWIN_SH, 'build'], check=True, text=True,
                                       stdout=subprocess.PIPE).stdout.strip())


def _kvm_boots(image):
    """Say whether a kernel really starts under KVM (a device node alone proves nothing)."""
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return False
    argv = [QEMU, '-accel', 'kvm', '-cpu', 'host', '-M', 'q35', '-m', '256', '-nographic', '-nic', 'none',
            '-no-reboot', '-kernel', f'{image}/vmlinuz', '-append', 'console=ttyS0 panic=-1']
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as qemu:
        seen, end = b'', time.monotonic() + 8
        while b'Linux version' not in seen and time.monotonic() < end:
            if select.select([qemu.stdout], [], [], 0.2)[0]:
                chunk = os.read(qemu.stdout.fileno(), 4096)
                if not chunk:
                    break
                seen += chunk
        qemu.kill()
    return b'Linux version' in seen


class _Lines:
    """A Unix socket that QEMU connects to, read as JSON lines."""

    def __init__(self, path):
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen(1)
        self._socket = None
        self._rest = b''

    def accept(self, seconds):
        """Wait for QEMU; False if it does not come."""
        self._server.settimeout(seconds)
        try:
            self._socket, _ = self._server.accept()
        except TimeoutError:
            return False
        return True

    def send(self, message):
        """Send one object."""
        self._socket.sendall(json.dumps(message).encode() + b'\n')

    def receive(self, seconds):
        """Return the objects that arrive within `seconds`, as soon as there is one; None at the end."""
        if b'\n' not in self._rest:
            if not select.select([self._socket], [], [], max(0, seconds))[0]:
                return []
            try:
                chunk = self._socket.recv(65536)
            except ConnectionResetError:
                chunk = b''
            if not chunk:
                return None
            self._rest += chunk
        *lines, self._rest = self._rest.split(b'\n')
        return [json.loads(line) for line in lines if line.strip()]

    def close(self):
        """Close both ends that are ours."""
        if self._socket:
            self._socket.close()
        self._server.close()


class Twin:
    """One running guest."""

    def __init__(self, image=None, overlay=None, data=None, devices=('cuff',), device_disk=None, boot_disk=None,
                 folder=None, on_event=None, memory_mb=768, rtc='utc', debug=False, kvm=None, tpm=None,
                 boot_writable=False):
        """Nothing starts before start() or `with`.

        image      folder from `twin.sh build` (made if None)
        overlay    squashfs from `twin.sh overlay`; without one there is no agent and so no events
        data       ext4 image from `twin.sh data`, written to; None: the hub's state is lost with the guest
        devices    kinds of emulated devices (tests/devices/kinds.py), 'cuff' or 'scale' and so on; at most 15,
                   since btvirt holds 16 controllers
        device_disk  file that keeps the devices' memory from one guest to the next; made if absent, 32 MB
        boot_disk  what stands for the card's boot partition, see Rig.make_boot_disk; read-only, unless boot_writable
        folder     where console.log and the sockets go; a temporary one, removed at the end, if None
        on_event   called with every event, also while another one is awaited
        rtc        QEMU's clock base: 'utc' or '2026-11-21T07:00:00'
        kvm        True, False, or None: try
        tpm        folder of a TPM 2.0's state, made if absent (needs swtpm); None: the guest has no TPM
        """
        self.image = pathlib.Path(image) if image else image_dir()
        self.overlay, self.data, self.devices, self.device_disk = overlay, data, tuple(devices), device_disk
        self.boot_disk, self.boot_writable = boot_disk, boot_writable
        self.memory_mb, self.rtc, self.debug, self.kvm = memory_mb, rtc, debug, kvm
        self.on_event, self.tpm = on_event, tpm
        self.events = []  # all events so far, with 'host_t': seconds since start()
        self._unseen = collections.deque()  # events that no wait() has passed yet
        self._replies = {}
        self._next_id = 1
        self._own_folder = folder is None
        self.folder = pathlib.Path(folder) if folder else None
        self._qemu = self._wire = self._qmp = self._swtpm = None
        self._again = False

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # -- life ---------------------------------------------------------------------------------------

    def start(self):
        """Start the guest and come back as soon as QEMU runs; then wait('booted')."""
        sockets = tempfile.mkdtemp(prefix='twin-')  # short: a socket's path holds 107 characters
        if self._own_folder:
            self.folder = pathlib.Path(sockets)
        self._sockets = sockets
        self.folder.mkdir(parents=True, exist_ok=True)
        self.console = self.folder / 'console.log'
        self._wire, self._qmp = _Lines(f'{sockets}/wire'), _Lines(f'{sockets}/qmp')
        if self.kvm is None:
            self.kvm = _kvm_boots(self.image)
        self.started = time.monotonic()
        with open(self.folder / 'qemu.log', 'wb') as log:
            if self.tpm:
                self._swtpm = self._start_tpm(sockets, log)
            self._qemu = subprocess.Popen(self._argv(sockets), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          preexec_fn=_die_with_parent)
        try:
            if not (self._qmp.accept(10) and self._wire.accept(10)):
                raise TwinError('QEMU does not connect')
            self._qmp_command('qmp_capabilities')
        except TwinError as error:
            log = (self.folder / 'qemu.log').read_text(errors='replace')
            self.stop()
            raise TwinError(f'QEMU does not start: {log}') from error
        return self

    def _start_tpm(self, sockets, log):
        """It ends with QEMU's connection to it."""
        os.makedirs(self.tpm, exist_ok=True)
        swtpm = subprocess.Popen(['swtpm', 'socket', '--tpm2', '--tpmstate', f'dir={self.tpm}', '--terminate',
                                  '--ctrl', f'type=unixio,path={sockets}/tpm'], stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log, preexec_fn=_die_with_parent)
        end = time.monotonic() + 10
        while not os.path.exists(f'{sockets}/tpm') and swtpm.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        return swtpm

    def _argv(self, sockets):
        accel = ['-accel', 'kvm', '-cpu', 'host'] if self.kvm else ['-accel', 'tcg,thread=multi', '-cpu', TCG_CPU]
        # proc_mem: nobody writes through /proc into what a mapping forbids; lockdown: root does not write the kernel
        append = (f'console=ttyS0 panic=-1 quiet systemd.condition_needs_update=0 systemd.show_status=yes '
                  f'random.trust_cpu=on mitigations=off proc_mem.force_override=never lockdown=integrity '
                  f'hub.devices={",".join(self.devices) or "none"}')
        if self.debug:
            append = append.replace('quiet', 'systemd.log_level=debug')
        argv = [QEMU, *accel, '-M', 'q35', '-smp', '2', '-m', str(self.memory_mb), '-no-reboot', '-display', 'none',
                '-nodefaults', '-rtc', f'base={self.rtc}', '-serial', f'file:{self.console}',
                '-chardev', f'socket,id=cable,path={sockets}/cable,server=on,wait=off', '-serial', 'chardev:cable',
                '-kernel', f'{self.image}/vmlinuz', '-initrd', f'{self.image}/initrd', '-append', append,
                '-netdev', 'user,id=net0', '-device', 'virtio-net-pci,netdev=net0,id=nic0,romfile=',
                '-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci', '-device', 'qemu-xhci,id=usb',
                '-chardev', f'socket,id=wire,path={sockets}/wire',
                '-device', 'virtserialport,chardev=wire,name=org.hub.bench',
                '-chardev', f'socket,id=qmp,path={sockets}/qmp', '-mon', 'chardev=qmp,mode=control']
        disks = [('base', self.image / 'base.sqfs', True), ('bench', self.image / 'bench.sqfs', True),
                 ('hub', self.overlay, True), ('hubdata', self.data, False), ('hubboot', self.boot_disk, not self.boot_writable),
                 ('cuff', self._device_disk(), False)]  # 'cuff' is its name in the image
        if self.tpm:
            argv += ['-chardev', f'socket,id=tpm,path={sockets}/tpm', '-tpmdev', 'emulator,id=tpm0,chardev=tpm',
                     '-device', 'tpm-crb,tpmdev=tpm0']
        for serial, path, read_only in disks:
            if path:
                ro = 'on' if read_only else 'off'
                argv += ['-drive', f'if=none,id={serial},format=raw,readonly={ro},file={path}',
                         '-device', f'virtio-blk-pci,drive={serial},serial={serial}']
        return argv

    def _device_disk(self):
        if self.device_disk and not os.path.exists(self.device_disk):
            with open(self.device_disk, 'wb') as file:
                file.truncate(32 << 20)
            mkfs = shutil.which('mkfs.ext4') or '/sbin/mkfs.ext4'
            subprocess.run([mkfs, '-q', self.device_disk], check=True)
        return self.device_disk

    def stop(self):
        """End the guest at once, as a power cut does: what it had not written is lost."""
        if self._qemu and self._qemu.poll() is None:
            self._qemu.kill()
        if self._qemu:
            self._qemu.wait()
        if self._swtpm:
            self._swtpm.kill()
            self._swtpm.wait()
        for end in (self._wire, self._qmp):
            if end:
                end.close()
        for name in ('wire', 'qmp', 'tpm', 'cable') if not self._own_folder else ():
            pathlib.Path(self._sockets, name).unlink(missing_ok=True)
        shutil.rmtree(self._sockets, ignore_errors=True)
        self._qemu = self._wire = self._qmp = self._swtpm = None

    power_cut = stop

    def poweroff(self, seconds=60):
        """Shut the guest down in order and wait until it has ended."""
        self.command('poweroff')
        self.wait_end(seconds)

    def wait_end(self, seconds=60):
        """Wait until the guest has ended by itself; a reboot is an end, too."""
        end = time.monotonic() + seconds
        while self._qemu.poll() is None:
            if time.monotonic() > end:
                raise TwinError(f'the guest did not end within {seconds} s')
            try:
                self._pump(0.2)
            except TwinError:
                if self._qemu.poll() is None:
                    raise
        self.stop()

    # -- events and commands ------------------------------------------------------------------------

    def _pump(self, seconds):
        """Take in what the guest says, for at most `seconds`."""
        messages = self._wire.receive(seconds)
        if messages is None:
            if self._qemu.poll() is None:  # the agent is gone for a moment, or QEMU about to end
                time.sleep(min(seconds, 0.1))
                return
            if self._is_emulators_fault():
                self._start_again('died of a breakpoint of its own kernel')
                return
            raise TwinError(f'the guest has ended (code {self._qemu.returncode}); {self._tail()}')
        for message in messages:
            if 're' in message:
                self._replies[message['re']] = message
                continue
            message['host_t'] = round(time.monotonic() - self.started, 3)
            self.events.append(message)
            self._unseen.append(message)
            if self.on_event:
                self.on_event(message)

    def _tail(self):
        last = [json.dumps(e) for e in self.events[-8:]]
        console = self.console.read_text(errors='replace')[-600:] if self.console.exists() else ''
        return 'last events:\n  ' + '\n  '.join(last) + f'\nconsole: {console}'

    def wait(self, event, seconds=60, **match):
        """Wait for the next event of that name whose fields match (a compiled pattern is searched for).

        Events before it count as seen; a later wait() starts behind it. Returns the event.
        """
        end = time.monotonic() + seconds
        while True:
            while self._unseen:
                e = self._unseen.popleft()
                if e['ev'] == event and all(self._matches(e.get(k), v) for k, v in match.items()):
                    return e
            if time.monotonic() > end:
                raise TwinError(f'no event {event} {match or ""} within {seconds} s; {self._tail()}')
            if event == 'booted' and self._is_stuck():
                self._start_again(f'said nothing for {BOOT_STUCK_S} s')
            self._pump(min(5, end - time.monotonic()))

    def _is_stuck(self):
        """Emulated by software a guest hangs in its first seconds now and then, before anything of ours runs."""
        return not self.events and not self._again and time.monotonic() >= self.started + BOOT_STUCK_S

    def _is_emulators_fault(self):
        """QEMU before 8.1 can run code of two processors that was just patched (it translates without holding
        the page); a kernel that starts patches itself, meets its own int3 and panics. Ours runs later."""
        return not self.kvm and not self.events and not self._again and \
            'Oops: int3' in self.console.read_text(errors='replace')

    def _start_again(self, why):
        self._again = True
        print(f'twin: the guest {why}, started again; {self._tail()}', flush=True)
        self.stop()
        self.start()

    @staticmethod
    def _matches(value, wanted):
        if isinstance(wanted, re.Pattern):
            return isinstance(value, str) and bool(wanted.search(value))
        return value == wanted

    def wait_log(self, unit, pattern, seconds=60):
        """Wait for a line of a unit in the guest's journal."""
        return self.wait('log', seconds, unit=unit, line=re.compile(pattern))

    def wait_unit(self, unit, seconds=60, job='start', result='done'):
        """Wait until systemd finished a job of a unit, for example started hub-store."""
        return self.wait('unit', seconds, unit=unit, job=job, result=result)

    def seen(self, event, **match):
        """Return all events so far of that name whose fields match, and pass over none."""
        return [e for e in self.events
                if e['ev'] == event and all(self._matches(e.get(k), v) for k, v in match.items())]

    def drain(self, seconds=0.0):
        """Take in events for a while and regard all of them as seen."""
        end = time.monotonic() + seconds
        while True:
            self._pump(max(0.0, end - time.monotonic()))
            if time.monotonic() >= end:
                break
        self._unseen.clear()

    def command(self, cmd, timeout=60, **parameters):
        """Run one of the agent's commands and return its result."""
        number, self._next_id = self._next_id, self._next_id + 1
        self._wire.send({'id': number, 'cmd': cmd, **parameters})
        end = time.monotonic() + timeout
        while number not in self._replies:
            if time.monotonic() > end:
                raise TwinError(f'no answer to {cmd} {parameters} within {timeout} s; {self._tail()}')
            self._pump(end - time.monotonic())
        reply = self._replies.pop(number)
        if 'error' in reply:
            raise TwinError(f'{cmd} {parameters}: {reply["error"]}')
        return reply['result']

    def sh(self, run, check=True, seconds=60):
        """Run a shell command in the guest as root; returns its output."""
        result = self.command('sh', seconds, run=run)
        if check and result['rc']:
            raise TwinError(f'{run!r} in the guest: code {result["rc"]}: {result["out"]}')
        return result['out']

    def kill(self, unit, signal='KILL'):
        """Send a signal to a unit's processes, at once."""
        return self.command('kill', unit=unit, signal=signal)

    def unit(self, verb, name):
        """Run systemctl in the guest."""
        return self.command('unit', verb=verb, name=name)

    # -- the machine --------------------------------------------------------------------------------

    def _qmp_command(self, name, /, **arguments):
        self._qmp.send({'execute': name, 'arguments': arguments} if arguments else {'execute': name})
        end = time.monotonic() + 10
        while time.monotonic() < end:
            messages = self._qmp.receive(end - time.monotonic())
            if messages is None:
                raise TwinError(f'QEMU has ended during {name}')
            for message in messages:
                if 'return' in message:
                    return message['return']
                if 'error' in message:
                    raise TwinError(f'QMP {name}: {message["error"]["desc"]}')
        raise TwinError(f'no answer to QMP {name}')

    def link(self, up):
        """Plug the guest's network cable in (True, 'up') or pull it (False, 'down')."""
        self._qmp_command('set_link', name='nic0', up=up in (True, 'up'))

    def plug(self, image):
        """Put a USB stick into the guest's port that holds what a file holds, until unplug()."""
        self._qmp_command('blockdev-add', **{'node-name': 'stick', 'driver': 'raw', 'file': {'driver': 'file', 'filename': str(image)}})
        self._qmp_command('device_add', driver='usb-storage', id='stick', bus='usb.0', drive='stick', serial='BENCH-STICK')

    def unplug(self):
        """Pull it out."""
        self._qmp_command('device_del', id='stick')
        end = time.monotonic() + 10
        while time.monotonic() < end:  # its end is told by an event
            try:
                self._qmp_command('blockdev-del', **{'node-name': 'stick'})
                return
            except TwinError:
                self._pump(0.2)
        raise TwinError('the stick does not come out')

    def cable(self):
        """The technician's end of the guest's second serial line, /dev/ttyS1: a connected socket, the caller's."""
        end = socket.socket(socket.AF_UNIX)
        end.connect(f'{self._sockets}/cable')
        return end

    def pause(self):
        """Stop the guest's processors."""
        self._qmp_command('stop')

    def resume(self):
        """Let them run again."""
        self._qmp_command('cont')


def _print_event(event):
    rest = {k: v for k, v in event.items() if k not in ('ev', 'host_t', 't')}
    print(f'{event["host_t"]:8.2f} {event["ev"]:<14} {json.dumps(rest) if rest else ""}', flush=True)


def main():
    """Command line: boot a guest and look around."""
    parser = argparse.ArgumentParser(description='Boot the twin, print its events, send it commands. Lines of '
                                     'standard input: JSON ({"cmd": "device.pair"}), or a shell command for the '
                                     'guest. End of input ends the guest.')
    parser.add_argument('--image', help='folder from twin.sh build')
    parser.add_argument('--overlay', required=True, help='squashfs from twin.sh overlay')
    parser.add_argument('--data', help='data disk from twin.sh data')
    parser.add_argument('--device-disk', help="file that keeps the devices' memory")
    parser.add_argument('--devices', type=lambda text: text.split(','), default=['cuff'], help='cuff,scale,...')
    parser.add_argument('--folder', help='keep console.log here')
    parser.add_argument('--debug', action='store_true', help="systemd's debug messages on the console")
    arguments = parser.parse_args()
    with Twin(on_event=_print_event, **vars(arguments)) as twin:
        twin.wait('booted', 180)
        while True:
            if select.select([sys.stdin], [], [], 0)[0]:
                line = sys.stdin.readline()
                if not line:
                    break
                _run_line(twin, line.strip())
            twin.drain(0.2)


def _run_line(twin, line):
    try:
        if line.startswith('{'):
            command = json.loads(line)
            print(json.dumps(twin.command(command.pop('cmd'), **command)))
        elif line:
            print(twin.sh(line, check=False), end='', flush=True)
    except (TwinError, ValueError) as error:
        print(f'! {error}', flush=True)


if __name__ == '__main__':
    main()
