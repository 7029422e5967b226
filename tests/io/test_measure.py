#!/usr/bin/python3
"""test_measure.py - the real hub-measure looks at real processes of this machine, with things planted in one of them.

usage: test_measure.py FOLDER [TEST ...]      FOLDER is the build's: hub-measure
The test is hub-store and hubd. The planted process is a copy of this Python, listed as a program of the hub's. Prints one
line per test; exit 1 if one fails.
"""
import concurrent.futures
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import own_pids  # noqa: E402
from child import die_with_us  # noqa: E402

MAY_EXECUTE, EXPOSED, HUB = 1, 2, 4
INCIDENT, STATUS, EVIDENCE, TAKEN, SNAPSHOT, SNAPSHOT_TAKEN = 0x40, 0x41, 0x60, 0x61, 0x62, 0x63
AHEAD = 16
CODE, SOCKET = 12, 16
UNOWNED, CHANGED, DELETED, MEMFD, ANONYMOUS, WRITABLE, LISTENS, TALKS = 1, 2, 3, 4, 5, 6, 9, 11
BASE, PROGRAM, LIBRARY = 0, 1, 2  # components
folder = os.path.abspath(sys.argv[1])

# What the planted process does for a line on its standard input.
PLANTED = r'''
import ctypes, ctypes.util, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
R, W, X, PRIVATE, ANON = 1, 2, 4, 2, 0x20
def code(fd, prot=R | X, flags=PRIVATE):
    assert libc.mmap(None, 4096, prot, flags, fd, 0) != ctypes.c_void_p(-1).value, ctypes.get_errno()
print('here', flush=True)
for line in sys.stdin:
    what, _, path = line.strip().partition(' ')
    if what == 'file':
        code(os.open(path, os.O_RDONLY))
    elif what == 'memfd':
        fd = os.memfd_create('x'); os.write(fd, b'x' * 4096); code(fd)
    elif what == 'anonymous':
        code(-1, R | X, PRIVATE | ANON)
    elif what == 'writable':
        code(-1, R | W | X, PRIVATE | ANON)
    print('done', flush=True)
'''


class Failed(Exception):
    pass


def expect(got, want, what):
    if got != want:
        raise Failed(f'{what}: got {got!r}, want {want!r}')


def sha256(data):
    return hashlib.sha256(data).digest()


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def cbor(data, at=0):
    """One item: (value, end)."""
    major, n = data[at] >> 5, data[at] & 31
    at += 1
    if n >= 24 and major < 7:
        size = {24: 1, 25: 2, 26: 4, 27: 8}[n]
        n = int.from_bytes(data[at:at + size], 'big')
        at += size
    if major == 0:
        return n, at
    if major == 1:
        return -1 - n, at
    if major in (2, 3):
        return (data[at:at + n] if major == 2 else data[at:at + n].decode()), at + n
    if major == 4:
        items = []
        for _ in range(n):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    if major == 5:
        return {}, at
    return {20: False, 21: True, 22: None}[n], at


class World:
    """A folder with a list of files, the two doors, and a process that belongs to the hub."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='measure-')
        self.state, self.run, self.image = (os.path.join(self.dir, d) for d in ('state', 'run', 'image'))
        for d in (self.state, self.run, self.image):
            os.mkdir(d)
        self.files = {}
        self.snapshot = 0  # the number of one that is asked for
        self.snapshot_pieces = []
        self.measured = None
        self.doors = {name: self.door(name) for name in ('store-measure', 'hubd-measure')}
        self.program = os.path.join(self.dir, 'hub-x')
        # by another process: a fork of another thread would hold it open for writing, and it could not run
        subprocess.run(['cp', '-L', '/usr/bin/python3', self.program], check=True)
        self.child = subprocess.Popen([self.program, '-I', '-S', '-c', PLANTED], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, preexec_fn=die_with_us)
        expect(self.child.stdout.readline(), b'here\n', 'the planted process')
        for path in self.mapped():
            self.files[path] = (sha256(read(path)), BASE, MAY_EXECUTE)
        self.files[self.program] = (sha256(read(self.program)), PROGRAM, MAY_EXECUTE | HUB | EXPOSED)
        self.library = self.make('planted.so')
        self.files[self.library] = (sha256(read(self.library)), LIBRARY, MAY_EXECUTE)
        self.write_list()

    def door(self, name):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.bind(os.path.join(self.run, name))
        s.listen(4)
        return s

    def make(self, name):
        path = os.path.join(self.dir, name)
        with open(path, 'wb') as f:
            f.write(b'\x7fELF' + name.encode() * 400)
        return path

    def mapped(self):
        with open(f'/proc/{self.child.pid}/maps', encoding='utf-8') as f:
            return {line.split(None, 5)[5].strip() for line in f if 'x' in line.split()[1] and '/' in line}

    def write_list(self):
        records = sorted(sha256(p.encode()) + digest + struct.pack('>II', component, flags)
                         for p, (digest, component, flags) in self.files.items())
        with open(os.path.join(self.image, 'manifest.bin'), 'wb') as f:
            f.write(b'HUBIMG1\0' + struct.pack('>II', len(records), 3) + bytes(32) + b''.join(records))

    def plant(self, line):
        self.child.stdin.write(line.encode() + b'\n')
        self.child.stdin.flush()
        expect(self.child.stdout.readline(), b'done\n', line)

    def measure(self, answer=True):
        """One run of hub-measure: its evidence, the incidents, its exit status."""
        process = subprocess.Popen([os.path.join(folder, 'hub-measure'), '--state', self.state, '--run', self.run,
                                    '--image', self.image, '--same-user'], stderr=subprocess.PIPE,
                                   preexec_fn=die_with_us)
        pieces, incidents, links = {}, [], {}
        try:
            deadline = time.monotonic() + 100
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise Failed('hub-measure does not end')
                self.serve(links, pieces, incidents, answer)
        finally:
            if process.poll() is None:
                process.kill()
            self.serve(links, pieces, incidents, False)
            self.log = process.communicate()[1].decode()
            for link in links.values():
                link.close()
        return Evidence(b''.join(pieces[i] for i in sorted(pieces))) if pieces else None, incidents, process.returncode

    def serve(self, links, pieces, incidents, answer):
        for name, door in self.doors.items():
            door.setblocking(False)
            try:
                links[name], _ = door.accept()
                links[name].setblocking(False)
            except BlockingIOError:
                pass
        for name, link in links.items():
            try:
                while packet := link.recv(4096):
                    self.on_packet(link, packet, pieces, incidents, answer)
            except (BlockingIOError, ConnectionResetError):
                pass
        time.sleep(0.02)

    def on_snapshot(self, link, packet, answer):
        number, index, total, length = struct.unpack('>QHHH', packet[2:16])
        expect((number, index, length), (self.snapshot, len(self.snapshot_pieces), len(packet) - 16), 'snapshot')
        self.snapshot_pieces.append(packet[16:])
        if answer and ((index + 1) % AHEAD == 0 or index + 1 == total):
            link.send(struct.pack('>BBQHB', 1, SNAPSHOT_TAKEN, number, index + 1, False))
        if answer and index + 1 == total:  # hub-store's own part
            link.send(struct.pack('>BBQHB', 1, SNAPSHOT_TAKEN, number, 0, True))

    def on_packet(self, link, packet, pieces, incidents, answer):
        expect(packet[0], 1, 'version')
        if packet[1] == INCIDENT:
            incidents.append(struct.unpack('>HHI', packet[2:]))
            return
        if packet[1] == STATUS:
            self.measured = struct.unpack('>BQQ', packet[2:])
            return
        if packet[1] == SNAPSHOT:
            self.on_snapshot(link, packet, answer)
            return
        expect(packet[1], EVIDENCE, 'kind')
        counter, index, total, _findings, length = struct.unpack('>QBBHH', packet[2:16])
        piece, end = cbor(packet[16:])
        expect((end, len(packet) - 16), (length, length), 'length of a piece')
        expect(piece[:4], [1, counter, index, total], 'head of a piece')
        pieces[index] = piece[4]
        if index + 1 == total and answer:
            link.send(struct.pack('>BBQQ', 1, TAKEN, counter, self.snapshot))

    def close(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
        for door in self.doors.values():
            door.close()
        shutil.rmtree(self.dir)


class Evidence:
    def __init__(self, data):
        self.size, self.signed = len(data), data
        (protected, _unprotected, payload, signature), end = cbor(data)
        expect((protected, len(signature), end), (b'\xa1\x01\x26', 64, len(data)), 'COSE_Sign1')
        (version, self.image, self.boot, self.counter, self.since, self.made, self.same_as, self.key, self.seen,
         components, self.processes, self.findings, self.listeners), _ = cbor(payload)
        expect(version, 1, 'version of evidence')
        self.components = {c[0]: c for c in components}

    def loaded(self, component):
        return bool(self.components.get(component, [0, 0])[1] & 1)

    def exposed(self, component):
        return bool(self.components.get(component, [0, 0])[1] & 2)

    def of_hub(self, kind):
        """Confirmed findings of this kind in the hub's processes: their paths."""
        return [f[4] for f in self.findings if f[0] == kind and f[1] == 3]


def clean(evidence):
    expect([f for f in evidence.findings if f[1] & 1], [], 'findings in the hub')


def test_nothing_planted(w):
    e, incidents, code = w.measure()
    expect((code, incidents), (0, []), 'exit and incidents')
    clean(e)
    expect((e.counter, e.same_as, e.image), (1, 0, sha256(read(os.path.join(w.image, 'manifest.bin')))), 'evidence')
    expect((e.loaded(PROGRAM), e.exposed(PROGRAM), LIBRARY in e.components), (True, True, False), 'components')


def test_component_is_loaded(w):
    """SR-30: planted and loaded, its place changes with the next look."""
    w.measure()
    w.plant(f'file {w.library}')
    e, incidents, code = w.measure()
    expect((code, incidents), (0, []), 'exit and incidents')
    clean(e)
    expect((e.counter, e.loaded(LIBRARY), e.exposed(LIBRARY)), (2, True, True), 'the planted component')


def test_it_was_loaded_once(w):
    """What is gone stays in the evidence, as seen and not loaded."""
    w.plant(f'file {w.library}')
    w.measure()
    w.child.kill()
    w.child.wait()
    e, _incidents, _code = w.measure()
    expect((e.loaded(LIBRARY), e.exposed(LIBRARY), e.same_as), (False, True, 0), 'the planted component')


def check_found(w, kind, path):
    e, incidents, code = w.measure()
    expect(code, 0, 'exit')
    expect(path in e.of_hub(kind), True, f'{path} in {e.findings}')
    expect([i[0] for i in incidents], [CODE], 'incidents')
    if not incidents[0][2] >= 1:
        raise Failed('no count in the incident')


def test_unowned_mapping(w):
    path = w.make('evil.so')
    w.plant(f'file {path}')
    check_found(w, UNOWNED, path)


def test_changed_file(w):
    w.plant(f'file {w.library}')
    with open(w.library, 'r+b') as f:
        f.seek(100)
        f.write(b'!')
    check_found(w, CHANGED, w.library)


def test_changed_program(w):
    """The list has other bytes for the program that runs."""
    w.files[w.program] = (bytes(32), *w.files[w.program][1:])
    w.write_list()
    check_found(w, CHANGED, w.program)


def test_deleted_file(w):
    w.plant(f'file {w.library}')
    os.unlink(w.library)
    check_found(w, DELETED, w.library)


def test_memory(w):
    for what in ('memfd', 'anonymous', 'writable'):
        w.plant(what)
    e, incidents, _code = w.measure()
    for kind in (MEMFD, ANONYMOUS, WRITABLE):
        expect(len(e.of_hub(kind)), 1, f'findings of kind {kind}')
    expect([i[0] for i in incidents], [CODE], 'incidents')


def test_snapshot(w):
    """Of a locked hub: once, signed by the same key, with what was planted in it."""
    path = w.make('evil.so')
    w.plant(f'file {path}')
    w.snapshot = 42
    e, _incidents, code = w.measure()
    expect(code, 0, 'exit')
    signed = b''.join(w.snapshot_pieces)
    (_protected, _unprotected, payload, _signature), end = cbor(signed)
    expect(end, len(signed), 'length')
    (version, number, _made, boot, key, texts), _ = cbor(payload)
    expect((version, number, boot, key), (1, 42, e.boot, e.key), 'snapshot')
    texts = {name: text.decode() for name, text, _cut in texts}
    expect({'files', 'processes', 'sockets', 'interfaces', 'mounts', 'kernel'} - texts.keys(), set(), 'texts')
    expect(f'{sha256(read(path)).hex()} unowned {path}' in texts['files'], True, 'the planted file')
    expect(f'{sha256(read(w.program)).hex()} same {w.program}' in texts['files'], True, 'the program')
    expect(f'\n{w.child.pid} Name=hub-x State=' in texts['processes'], True, 'the process')
    w.snapshot_pieces = []
    _e, _incidents, code = w.measure()
    expect((code, w.snapshot_pieces), (0, []), 'the second time')
    w.snapshot = 43
    w.measure(answer=True)
    expect(w.snapshot_pieces != [], True, 'of another lock')


def test_it_comes_and_goes(w):
    """Once is not twice: what is gone after five seconds is no incident."""
    path = w.make('short.so')
    other = subprocess.Popen([w.program, '-I', '-S', '-c', PLANTED], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             preexec_fn=die_with_us)
    try:
        other.stdout.readline()
        other.stdin.write(f'file {path}\n'.encode())
        other.stdin.flush()
        other.stdout.readline()
        process = subprocess.Popen([os.path.join(folder, 'hub-measure'), '--state', w.state, '--run', w.run, '--image',
                                    w.image, '--same-user'], stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
        links, pieces, incidents = {}, {}, []
        while not links:  # the first look is over when it listens to its doors
            w.serve(links, pieces, incidents, True)
        other.kill()
        other.wait()
        while process.poll() is None:
            w.serve(links, pieces, incidents, True)
        expect((process.returncode, incidents), (0, []), 'exit and incidents')
    finally:
        other.kill()
        other.wait()


def test_open_port(w):
    if os.getuid() != 0:
        print('SKIP open_port: needs root to be another user')
        return
    listener = subprocess.Popen([sys.executable, '-c', 'import os, socket, time; os.setuid(953); s = socket.socket(); '
                                 's.bind(("127.0.0.1", 0)); s.listen(); print("here", flush=True); time.sleep(100)'],
                                stdout=subprocess.PIPE, preexec_fn=die_with_us)
    try:
        listener.stdout.readline()
        e, incidents, _code = w.measure()
        expect(len(e.of_hub(LISTENS)), 1, 'open ports')
        expect(SOCKET in [i[0] for i in incidents], True, 'an incident of the socket')
    finally:
        listener.kill()
        listener.wait()


def drop(w, **packets):
    """The file of hub-drops.service, with so many packets of these; '_' stands for '-'."""
    names = ('hub-ble', 'hub-store', 'hub-coap', 'hubd', 'hub-measure', 'hub-console', 'other-out', 'refused-in')
    text = ''.join(f'\tcounter {n} {{\n\t\tpackets {packets.get(n.replace("-", "_"), 0)} bytes 1\n\t}}\n' for n in names)
    with open(os.path.join(w.run, 'drops'), 'w', encoding='ascii') as f:
        f.write(f'table inet hub {{\n{text}}}\n')


def test_dropped_packets(w):
    """T16: what a user of the hub's sent and the filter dropped, once; others' packets are not the hub's."""
    def measured(*want):
        e, incidents, code = w.measure()
        expect(code, 0, 'exit')
        expect(sorted((f[3], f[4], f[2]) for f in e.findings if (f[0], f[1]) == (TALKS, 3)), sorted(want), 'findings')
        expect([(i[0], i[2]) for i in incidents if i[0] == SOCKET], [(SOCKET, len(want))] if want else [], 'incidents')
        expect(w.measured[1], len(want), 'findings as hubd hears of them')

    drop(w, other_out=4, refused_in=7)
    measured()
    drop(w, hub_ble=3, hub_coap=1, other_out=5)
    measured(('hub-ble', 'dropped uid 951', 3), ('hub-coap', 'dropped uid 953', 1))
    drop(w, hub_ble=3, hub_coap=1)
    measured()
    drop(w, hub_ble=5, hub_coap=1)
    measured(('hub-ble', 'dropped uid 951', 2))
    # what was told is of another boot: it is counted from 0 since
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as f:
        boot = bytes.fromhex(f.read().strip().replace('-', ''))
    with open(os.path.join(w.state, 'drops'), 'r+b') as f:
        told = f.read()
        expect(told.count(boot), 1, 'the boot is noted')
        f.seek(told.index(boot))
        f.write(bytes(len(boot)))
    measured(('hub-ble', 'dropped uid 951', 5), ('hub-coap', 'dropped uid 953', 1))
    drop(w, hub_ble=1)  # the filter was loaded anew
    measured(('hub-ble', 'dropped uid 951', 1))
    # nobody took it: it is told again
    drop(w, hub_ble=4)
    process = subprocess.Popen([os.path.join(folder, 'hub-measure'), '--state', w.state, '--run', w.run, '--image',
                                w.image, '--same-user'], stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
    links, pieces = {}, {}
    while not pieces:
        w.serve(links, pieces, [], False)
    process.send_signal(signal.SIGTERM)
    process.wait()
    for link in links.values():
        link.close()
    measured(('hub-ble', 'dropped uid 951', 3))


def test_dropped_unread(w):
    """What the filter's file does not say, and what was told and is damaged, is nobody's deed."""
    def measured():
        e, incidents, code = w.measure()
        expect((code, [i for i in incidents if i[0] == SOCKET]), (0, []), 'exit and incidents')
        clean(e)

    drop(w, hub_ble=3)
    w.measure()  # it is told
    with open(os.path.join(w.run, 'drops'), 'r+', encoding='ascii') as f:
        f.truncate(60)
    measured()
    expect('drops-unread' in w.log, True, 'it says so')
    drop(w, hub_ble=3)
    measured()  # and is not told again
    with open(os.path.join(w.state, 'drops'), 'wb') as f:
        f.write(b'damaged')
    measured()
    expect('drops-told-unread' in w.log, True, 'it says so')
    measured()
    expect('drops-told-unread' in w.log, False, 'it is mended')


def test_hubd_away(w):
    """hub-store has all, hubd does not answer: what it has not heard of is told by the next run."""
    drop(w, hub_ble=3)
    door = os.path.join(w.run, 'hubd-measure')
    os.rename(door, door + '.away')
    process = subprocess.Popen([os.path.join(folder, 'hub-measure'), '--state', w.state, '--run', w.run, '--image',
                                w.image, '--same-user'], stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
    links, pieces = {}, {}
    while not pieces:
        w.serve(links, pieces, [], True)
    until = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < until:
        w.serve(links, pieces, [], True)
    process.send_signal(signal.SIGTERM)
    expect(process.wait(), 1, 'exit')
    for link in links.values():
        link.close()
    os.rename(door + '.away', door)
    _e, incidents, _code = w.measure()
    expect([(i[0], i[2]) for i in incidents if i[0] == SOCKET], [(SOCKET, 1)], 'incidents')


def test_not_taken(w):
    """Nobody answers: it ends after a minute, and the lists come again."""
    process = subprocess.Popen([os.path.join(folder, 'hub-measure'), '--state', w.state, '--run', w.run, '--image',
                                w.image, '--same-user'], stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
    links, pieces = {}, {}
    while not pieces:
        w.serve(links, pieces, [], False)
    process.send_signal(signal.SIGTERM)
    expect(process.wait(), 1, 'exit')
    for link in links.values():
        link.close()
    e, _incidents, code = w.measure()
    expect((code, e.counter, e.same_as), (0, 2, 0), 'the next one')


TESTS = [v for k, v in list(globals().items()) if k.startswith('test_')]


def run(test):
    world = World()
    try:
        test(world)
        print(f'ok {test.__name__[5:]}', flush=True)
        return True
    except Exception:  # whatever it was, it is a failure of this one
        print(f'FAILED {test.__name__[5:]}', flush=True)
        traceback.print_exc()
        sys.stderr.write(getattr(world, 'log', ''))
        return False
    finally:
        world.close()


def main():
    tests = [t for t in TESTS if len(sys.argv) < 3 or t.__name__[5:] in sys.argv[2:]]
    # most of it is waiting for the second look; the open port is everybody's
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        good = list(pool.map(run, [t for t in tests if t is not test_open_port]))
    good += [run(t) for t in tests if t is test_open_port]
    return 0 if all(good) else 1


if __name__ == '__main__':
    own_pids.enter()
    sys.exit(main())
