#!/usr/bin/env python3
"""What is closed in the device: the packet filter, user by user; nothing that listens; the kernel's settings; what each process gave up.

usage: test_closed.py FOLDER [TEST ...]      FOLDER holds the built programs

One boot. Each test has its control: a user that may, a port that is open, a filter that is taken away.
"""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from rig import HOST_IN_GUEST, TOP, TWIN_SH, Rig, TwinError, has_said

USERS = {'root': 0, 'hub-ble': 951, 'hub-store': 952, 'hub-coap': 953, 'hubd': 954, 'hub-measure': 955, 'network': 961,
         'resolver': 962, 'time': 963, 'nobody': 65534}
DNS = '10.0.2.3'

# As one user: which of these can be sent to. The filter's refusal is EPERM; TCP's is silent, so that it is counted instead.
TRY = r'''
import json, os, socket, sys
uid, targets = int(sys.argv[1]), json.loads(sys.argv[2])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
def sends(kind, address, port):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == 'udp' else socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            s.connect((address, port))
            if kind == 'udp':
                s.send(b'x')
            return 'open'
        except PermissionError:
            return 'refused'
        except TimeoutError:
            return 'silent'
        except ConnectionRefusedError:
            return 'open'
        except OSError as error:
            return f'errno {error.errno}'
print(json.dumps([sends(*t) for t in targets]))
'''

# From outside: another name space at the end of a cable, to which every port of this machine is tried.
SCAN = r'''
import errno, json, select, socket, sys
address, kinds, found = sys.argv[1], ('tcp', 'udp'), []
def tcp(ports):
    waiting = {}
    poll = select.poll()
    for port in ports:
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((address, port))
        waiting[s.fileno()] = s, port
        poll.register(s, select.POLLOUT)
    for fd, _ in poll.poll(1000):
        s, port = waiting[fd]
        found.append(('tcp', port, errno.errorcode.get(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 'open')))
    for s, _ in waiting.values():
        s.close()
def udp(ports):
    waiting = []
    for port in ports:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setblocking(False)
        s.connect((address, port))
        s.send(b'x')
        waiting.append((s, port))
    select.select([], [], [], 0.3)
    for s, port in waiting:
        try:
            s.recv(1)
            found.append(('udp', port, 'open'))
        except BlockingIOError:
            pass
        except OSError as error:
            found.append(('udp', port, errno.errorcode[error.errno]))
        s.close()
ports = [p for a, b in json.loads(sys.argv[2]) for p in range(a, b)]
for i in range(0, len(ports), 900):
    tcp(ports[i:i + 900])
    udp(ports[i:i + 900])
print(json.dumps(found))
'''

SYSCTL = {
    'kernel.yama.ptrace_scope': '2', 'kernel.kptr_restrict': '2', 'kernel.dmesg_restrict': '1',
    'kernel.unprivileged_bpf_disabled': '1', 'kernel.unprivileged_userns_clone': '0', 'kernel.io_uring_disabled': '2',
    'vm.unprivileged_userfaultfd': '0', 'kernel.kexec_load_disabled': '1', 'kernel.sysrq': '0',
    'kernel.randomize_va_space': '2', 'kernel.core_pattern': 'core', 'fs.suid_dumpable': '0', 'fs.protected_hardlinks': '1',
    'fs.protected_symlinks': '1', 'dev.tty.legacy_tiocsti': '0', 'net.ipv4.ip_forward': '0',
    'kernel.modules_disabled': '1',
}
LINK_SYSCTL = {'accept_redirects': '0', 'accept_source_route': '0', 'send_redirects': '0', 'rp_filter': '1'}
CONFINED = ('hub-ble', 'hub-bondinfo', 'hub-store', 'hub-coap', 'hubd')


class ClosedRig(Rig):
    """A hub whose image also has the unit test of what a process may do, to run under Debian 13's kernel and C library."""

    def _make_disks(self, bundle):
        super()._make_disks(bundle)
        tree = self.folder / 'tree'
        folder = tree / 'usr' / 'libexec' / 'hub-attack'
        folder.mkdir()
        shutil.copy(self.build / 'tests' / 'unit' / 'test_confine', folder)
        # for an outside; later nothing can be loaded
        (tree / 'usr/lib/modules-load.d/bench.conf').write_text('veth\n')
        subprocess.run([TWIN_SH, 'overlay', tree, self.overlay, '/usr/libexec/hub-attack/'], check=True)


def want(what, ok):
    """Say what is so, end with what is not."""
    print(f'  {"ok  " if ok else "FAIL"} {what}', flush=True)
    if not ok:
        raise AssertionError(what)


def put(twin, name, text):
    """Make a file in the guest."""
    twin.sh(f'echo {base64.b64encode(text.encode()).decode()} | base64 -d >{name}')


def counters(twin):
    """Packets that were dropped, by name."""
    found = json.loads(twin.sh('nft -j list counters table inet hub'))
    return {c['counter']['name']: c['counter']['packets'] for c in found['nftables'] if 'counter' in c}


def tried(twin, uid, targets):
    """What became of each target, as this user."""
    return json.loads(twin.sh(f"python3 /run/try.py {uid} '{json.dumps(targets)}'", seconds=120))


def test_starts(rig, twin):
    """All is up, the filter too, and the hub has reached its clinic through it."""
    twin.wait('booted', 400)
    has_said(twin, 'hub-ble', 'radio on=1', 180)
    has_said(twin, 'hub-coap', 'uplink-up', 180)
    failed = twin.sh('systemctl --failed --no-legend --plain', check=False).strip()
    want(f'no unit failed {failed}', not failed)
    want('the filter is loaded', 'hook output' in twin.sh('nft list ruleset'))


def test_output(rig, twin):
    """SR-16: as each user, to twenty places: only the listed ones are open, and each drop of a hub's user is counted."""
    put(twin, '/run/try.py', TRY)
    port = rig.clinic.port
    udp = [(HOST_IN_GUEST, p) for p in (port, 53, 67, 69, 123, 161, 443, 500, 514, 1900, 4500, 5353, 5355, 5683, 33434)]
    udp += [(DNS, 53), ('192.0.2.1', port), ('224.0.0.251', 5353), ('10.0.2.255', 137), ('127.0.0.1', 5684)]
    targets = [('udp', *t) for t in udp] + [('tcp', HOST_IN_GUEST, p) for p in (22, 80, 443)]

    def may(name, kind, p):
        if p == 53:
            return name in ('hub-coap', 'resolver')
        return kind == 'udp' and (name, p) in {('hub-coap', port), ('time', 123)}

    for name, uid in USERS.items():
        before = counters(twin)
        got = tried(twin, uid, targets)
        wrong = [(*t, was) for t, was in zip(targets, got) if (was == 'open') != may(name, t[0], t[2])]
        if name == 'hub-coap':  # it does so all the time: the clinic is not asked again at each address
            wrong = [w for w in wrong if w[1] != '192.0.2.1']
        want(f'{name}: {got.count("open")} of {len(got)} open {wrong}', not wrong)
        if name in before:
            dropped = counters(twin)[name] - before[name]
            want(f'{name}: {dropped} drops are counted', dropped >= len(got) - got.count('open'))


def test_told(rig, twin):
    """What was dropped stands where hub-measure reads it."""
    twin.sh('systemctl start hub-drops.service')
    told = twin.sh('setpriv --reuid=hub-measure --regid=hub-measure --init-groups cat /run/hub/drops')
    names = {name: int(packets) for name, packets in re.findall(r'counter (\S+) {\s+packets (\d+) ', told)}
    want(f'/run/hub/drops has {names}', names['hub-ble'] > 0 and names['hub-store'] > 0)
    want('and the kernel has said who', 'hub-drop ' in twin.sh("dmesg | grep 'hub-drop '", check=False))


def test_nothing_listens(rig, twin):
    """SR-14: nothing listens, and from outside no port answers, neither yes nor no. The control: without the filter they do."""
    said = twin.sh('ss -Hlntu; ss -Hlnx | head -0')
    others = [line for line in said.splitlines() if not re.search(r'udp .*:68 ', line)]
    want(f'no socket listens {others}', not others)
    put(twin, '/run/scan.py', SCAN)
    # what gives the uplink its address would take this one's away
    twin.sh('mkdir -p /run/systemd/network')
    put(twin, '/run/systemd/network/10-cable.network', '[Match]\nName=cable\n[Link]\nUnmanaged=yes\n')
    twin.sh('networkctl reload; ip netns add outside; ip link add cable type veth peer name far; ip link set far netns outside; '
            'ip addr add 198.51.100.1/24 dev cable; ip link set cable up; '
            'ip -n outside addr add 198.51.100.2/24 dev far; ip -n outside link set far up')
    scan = 'ip netns exec outside python3 /run/scan.py 198.51.100.1'
    ranges = [(1, 1200), (5000, 6000), (rig.clinic.port, rig.clinic.port + 1), (32768, 33000), (49152, 49200), (65000, 65536)]
    before = counters(twin)['refused-in']
    found = json.loads(twin.sh(f"{scan} '{json.dumps(ranges)}'", seconds=300))
    refused = counters(twin)['refused-in'] - before
    want(f'nothing answers: {found[:5]}; {refused} packets refused', not found and refused > 5000)
    twin.sh('nft flush chain inet hub input; nft add rule inet hub input accept; nft insert rule inet hub output accept')
    found = json.loads(twin.sh(f"{scan} '[[1, 100]]'", seconds=120))
    twin.sh('systemctl restart hub-filter.service; ip link del cable; ip netns del outside')
    want(f'without it {len(found)} answers come', len(found) > 100)


def test_kernel(rig, twin):
    """What the kernel gives away, and what a process could leave behind."""
    names = list(SYSCTL)
    said = twin.sh('cd /proc/sys; cat ' + ' '.join(n.replace('.', '/') for n in names)).split('\n')
    wrong = {n: v for n, v in zip(names, said) if v != SYSCTL[n]}
    want(f'settings {wrong}', not wrong)
    for name, value in LINK_SYSCTL.items():
        said = twin.sh(f'cd /proc/sys/net/ipv4/conf; grep -v "^{value}$" */{name} | grep -v "^lo/"; true').strip()
        want(f'{name} is {value} on each link {said!r}', not said)
    said = twin.sh('modprobe -r nls_ascii 2>&1; rmmod nls_ascii 2>&1; modprobe algif_rng 2>&1; lsmod | grep -c nls_ascii', check=False)
    want(f'no module comes or goes {said!r}', 'ermission' in said or 'ermitted' in said)
    locked = twin.sh('cat /sys/kernel/security/lockdown; cat /proc/sys/kernel/tainted').split()
    want(f'root cannot change the kernel, and all of it is signed: {locked}', '[integrity]' in locked and locked[-1] == '0')
    want('no swap', len(twin.sh('cat /proc/swaps').splitlines()) == 1)
    limits = twin.sh('for p in $(pgrep -f "^/usr/libexec/hub/|dbus-broker|networkd|udevd"); do grep core /proc/$p/limits; done')
    want('no process may leave a core', limits and all(re.search(r'size +0 +', line) for line in limits.splitlines()))


def test_processes(rig, twin):
    """Each process is confined by itself, and under Debian 13's kernel and C library the unit test of it holds."""
    for unit in CONFINED:
        if unit == 'hub-bondinfo' and twin.sh('systemctl show -P MainPID hub-bondinfo').strip() == '0':
            continue
        status = twin.sh(f'cat /proc/$(systemctl show -P MainPID {unit})/status')
        field = dict(line.split(':\t', 1) for line in status.splitlines() if ':\t' in line)
        want(f'{unit}: filters {field["Seccomp_filters"]}, capabilities {field["CapEff"]}',
             field['Seccomp'] == '2' and int(field['Seccomp_filters']) > 1 and int(field['CapEff'], 16) == 0
             and field['NoNewPrivs'] == '1')
        has_said(twin, unit, 'landlock version=[1-9]', 10)
    out = twin.sh('cd / && /usr/libexec/hub-attack/test_confine', seconds=120, check=False)
    print('     ' + out.strip().splitlines()[-1])
    want('test_confine in the guest', 'ok confine' in out)
    killed = twin.sh('dmesg | grep type=1326 | grep -v test_confine', check=False)
    want(f'nothing of the hub was killed {killed}', not killed.strip())


def test_reading(rig, twin):
    """And a reading still comes through all of it."""
    twin.command('device.pair')
    twin.wait('paired', 180)
    twin.wait('subscribed', 90)
    twin.command('device.measure', sys='128', dia='82', map='97', pulse='71')
    twin.wait('confirmed', 120)
    reading = rig.clinic.wait_readings(1, 120, twin.drain)[0]
    want(f'hub-bondinfo could tell that its link was encrypted: {reading["marks"]}', reading['marks'] == ['test'])


TESTS = [test_starts, test_output, test_told, test_nothing_listens, test_kernel, test_processes, test_reading]


def main():
    """Run all, or the first and the named ones."""
    build, chosen = sys.argv[1], sys.argv[2:]
    failed = []
    subprocess.run(['make', '-s', '-C', TOP, f'O={pathlib.Path(build).resolve()}',
                    f'{pathlib.Path(build).resolve()}/tests/unit/test_confine'], check=True, stdout=subprocess.DEVNULL,
                   env={k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MFLAGS')})
    with ClosedRig(build) as rig:
        rig.clinic.start()
        with rig.boot() as twin:
            for test in TESTS:
                if chosen and test.__name__ not in chosen and test is not TESTS[0]:
                    continue
                begun = time.monotonic()
                try:
                    test(rig, twin)
                    print(f'ok {test.__name__} ({time.monotonic() - begun:.0f} s)', flush=True)
                except (TwinError, AssertionError) as error:
                    failed.append(test.__name__)
                    print(f'FAILED {test.__name__}: {error}', flush=True)
    print(f'{len(failed)} failed {failed}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
