"""A hub that locks itself, as its tests see it: what its devices measure, its technician at the serial line, its button."""
import json
import re
import struct
import subprocess
import time

from household import Home, values
from rig import Rig, TWIN_SH, has_said

BUTTON = '/run/bench-button'
PROMPT = r'\n(OK|NO|WAIT)[^\n]*\n[^\n]+[>#] '
# one digit of the newest file of the audit log is another one; its tail, which a torn write explains, stays
BREAK_LOG = r'''
import glob, re
path = max((p for p in glob.glob('/var/lib/hub/store/audit/audit-*') if re.search(r'/audit-[0-9]+$', p)),
           key=lambda p: int(p.rsplit('-', 1)[1]))
with open(path, 'r+b') as f:
    data = f.read()
    at = 8 + 40
    f.seek(at)
    f.write(bytes([data[at] ^ 1]))
'''


def want(what, ok):
    """Say what is so, end with what is not."""
    print(f'  {"ok  " if ok else "FAIL"} {what}', flush=True)
    if not ok:
        raise AssertionError(what)


class LockedRig(Rig):
    """A hub whose board has a button. The twin's kernel has no input devices: a pipe stands for it."""

    def _make_disks(self, bundle):
        super()._make_disks(bundle)
        tree = self.folder / 'tree'
        (tree / 'etc/hub/board/button').unlink(missing_ok=True)
        (tree / 'etc/hub/board/button').symlink_to(BUTTON)
        subprocess.run([TWIN_SH, 'overlay', tree, self.overlay], check=True)


class Locked(Home):
    """The home, and what its devices have measured since they were paired."""

    def __init__(self, rig, twin, devices):
        super().__init__(rig, twin, devices)
        self.taken = {0: [], 1: []}
        self.number = 0
        twin.sh(f'mkfifo {BUTTON}; systemd-run --unit=bench-button sh -c "exec 3<>{BUTTON}; exec sleep infinity"; '
                'systemctl restart hubd.service', seconds=120)

    def press(self):
        """The button, pressed and let go: struct input_event."""
        events = b''.join(struct.pack('<qqHHi', 0, 0, 1, 256, value) for value in (1, 0))
        self.twin.sh(f"printf '{''.join(f'{chr(92)}{byte:03o}' for byte in events)}' >{BUTTON}")

    def pair_both(self):
        """Both devices are paired and have hung up."""
        has_said(self.twin, 'hub-ble', 'radio on=1', 120)
        for device in (0, 1):
            self.pair(device)
            self.gone(device)

    def measure_both(self):
        """A value of each, told apart from all before."""
        self.number += 1
        self.measure(0, sys=str(110 + self.number), dia='71', map='84')
        self.measure(1, spo2=str(80 + self.number), pulse='63')
        for device, name, value in ((0, 'systolic', 110 + self.number), (1, 'SpO2', 80 + self.number)):
            self.taken[device].append((name, str(value)))

    def at_clinic(self, device):
        """Filed and held ones of a device, in the order of their numbers: (name, value), with a mark, held."""
        filed = [(int(r['seq']), r, False) for r in self.rig.clinic.readings()]
        held = [(int(r['seq']), r, True) for r in self.rig.clinic.held()]
        mine = sorted((x for x in filed + held if x[1]['device']['number'] == str(device + 1)), key=lambda x: x[0])
        name = self.taken[device][0][0]
        return [((name, values(r).get(name)), bool(r.get('suspect')), is_held) for _seq, r, is_held in mine]

    def wait_all(self, seconds=120, pump=None):
        """All that was measured is there, each once; returns what is of the last one of each: mark, held."""
        end = time.monotonic() + seconds
        while True:
            got = {d: self.at_clinic(d) for d in self.taken}
            if all(len(got[d]) >= len(self.taken[d]) for d in got) or time.monotonic() > end:
                break
            (pump or self.twin.drain)(1)
        for device, all_of_it in got.items():
            if [g[0] for g in all_of_it] != self.taken[device]:
                raise AssertionError(f'{self.names[device]}: measured {self.taken[device]}, at the clinic {all_of_it}')
        return {got[d][-1][1:] for d in got}

    def said(self, unit, pattern):
        """How often a unit has said so."""
        return len(self.twin.seen('log', unit=unit, line=re.compile(pattern)))

    def until(self, what, condition, seconds=90):
        """Wait until it is so."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f'{what}: not within {seconds} s')
            self.twin.drain(0.5)
        print(f'  ok   {what}', flush=True)

    def level(self, level, seconds=60):
        """Wait until hubd says that it is there, last of all."""
        def there():
            lines = [e['line'] for e in self.twin.seen('log', unit='hubd', line=re.compile(r'\blockdown level='))]
            return lines and f'lockdown level={level}' in lines[-1]
        self.until(f'level {level}', there, seconds)

    def look(self, findings):
        """hub-measure looks; so many does it tell hubd of."""
        pattern = rf'measured findings={findings}\b'
        before = self.said('hubd', pattern)
        self.twin.sh('systemctl start hub-measure.service', seconds=180)
        self.until(f'hub-measure finds {findings}', lambda: self.said('hubd', pattern) > before)

    def status(self):
        """As the hub said last, {} if it never did."""
        clinic = self.rig.clinic
        return json.loads(clinic.ctl('status', clinic.dir, 'home', '--json', check=False))['status'] or {}

    def clinic_knows(self, level):
        """Wait until the clinic has heard of the level."""
        self.until(f'the clinic knows of level {level}', lambda: self.status().get('level') == level)


class Cable:
    """The technician at the serial line."""

    def __init__(self, home):
        self.home, self.twin = home, home.twin
        self.twin.sh('chown hub-console /dev/ttyS1; ln -sfn ttyS1 /dev/hub-console; systemctl restart hub-console.service', seconds=120)
        self.end, self.said = self.twin.cable(), ''
        self.end.setblocking(False)
        self.again()

    def again(self):
        """hub-console has started."""
        self.type('')
        self.until('hub>')

    def type(self, line):
        """As a terminal sends it, not faster than a line takes it."""
        self.said = ''
        for c in line + '\r':
            self.end.send(c.encode())
            time.sleep(0.002)

    def until(self, pattern, seconds=60):
        """Wait until the hub has said it; returns all that it said since the last line was typed."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.said):
            if time.monotonic() > end:
                raise AssertionError(f'the console never says {pattern}: {self.said!r}')
            try:
                self.said += self.end.recv(4096).decode('ascii')
            except BlockingIOError:
                self.twin.drain(0.1)
        return self.said

    def ask(self, line, seconds=60):
        """A verb and its answer, up to the next prompt."""
        self.type(line)
        return self.until(PROMPT, seconds)

    def challenge(self):
        """What the clinic answers."""
        said = self.ask('challenge')
        found = re.search(r'\b[A-Z2-7]{69}\b', said)
        if not found:
            raise AssertionError(f'no challenge: {said!r}')
        return found[0]

    def token(self, *signers, more=()):
        """The clinic's answer to a new challenge, for its technician: lines to be pasted. One signer, or two."""
        clinic = self.home.rig.clinic
        words = ['token', clinic.dir, 'home', self.challenge()]
        said = clinic.ctl(*words, '--as', signers[0], '--technician', 'tech', *more, '--json')
        text = json.loads(said.splitlines()[0])['token']
        for name in signers[1:]:
            file = self.home.rig.folder / 'token'
            file.write_text(text)
            text = clinic.ctl(*words, '--as', name, '--add', file)
        return re.search(r'HT1:[A-Z2-7\s]*\.', text)[0].split()

    def paste(self, lines):
        """Returns what is said after the last one."""
        for line in lines[:-1]:
            self.type(line)
            self.until('more>')
        return self.ask(lines[-1])

    def login(self, *signers, more=()):
        """A session by a token of these signers."""
        said = self.paste(self.token(*signers, more=more))
        want(f'the token of {" and ".join(signers)} opens a session: {said!r}', '\nOK' in said)

    def press_for(self, verb, answer=PROMPT, seconds=60):
        """A verb, and the button if it is asked for; returns what is said up to its answer."""
        self.type(verb)
        if 'Press the button' in self.until(f'Press the button|{PROMPT}'):
            self.home.press()
        return self.until(answer, seconds)


def journal_s(twin, unit, pattern):
    """When a unit said a line first: seconds since the guest's start."""
    lines = twin.sh(f'journalctl -b --no-pager -o short-monotonic _SYSTEMD_UNIT={unit}.service', seconds=60)
    for line in lines.splitlines():
        if re.search(pattern, line):
            return float(re.match(r'\[\s*([0-9.]+)\]', line)[1])
    raise AssertionError(f'{unit} never said {pattern}')
