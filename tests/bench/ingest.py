#!/usr/bin/python3
"""ingest.py FOLDER - requests and handshakes per second of one core: clinicd, and Californium under the same load.

FOLDER holds the programs. The load is bench_ingest's: each hub with its own certificate, mutual, Connection ID, one signed
reading to a request. What counts is the CPU time of the server's process, so that the client on the same machine does
not; 'a core' is one second of it.

  clinicd-*    the product: row, signature, transaction, COMMIT that is on the disk, reply; its own process only, the
               database server's CPU time is told beside
  server-*     its CoAP and DTLS alone (coap/server), each upload is answered with the same bytes: what Californium does
  californium  Californium 3.14 with Scandium, DTLS 1.2, each upload is answered with the same bytes; Java, warmed up
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from figures import bench, note

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests'), str(TOP / 'tests/swarm')]

from child import die_with_us, end  # noqa: E402
from ports import free_udp_port  # noqa: E402

SHORT = os.environ.get('BENCH') == 'short'
SECONDS = 4 if SHORT else 12
WARM_S = 5 if SHORT else 20  # Java compiles what runs often
SESSIONS, WINDOW = 64, 2  # below what clinicd takes from one key
REQUESTS, HANDSHAKES = 5000, 500


class Server:
    """One server process under load."""

    def __init__(self, build, clinic, name, argv, dtls, environment=None):
        self.build, self.clinic, self.name, self.dtls = build, clinic, name, dtls
        self.port = free_udp_port()
        self.log = tempfile.TemporaryFile('w+')
        argv = [str(a).replace('PORT', str(self.port)) for a in argv]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, preexec_fn=die_with_us,
                                        env={**os.environ, **(environment or {})})

    def wait(self, text, seconds=60):
        """Until it has said so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            self.log.seek(0)
            if text in self.log.read():
                return self
            time.sleep(0.1)
        self.log.seek(0)
        raise SystemExit(f'ingest.py: {self.name} does not start: {self.log.read()[-800:]}')

    def load(self, what, seconds):
        """Figures of one run of bench_ingest."""
        out = subprocess.run([self.build / 'tests/bench/bench_ingest', what, self.clinic, str(self.process.pid), str(self.port),
                              self.dtls, str(SESSIONS), str(WINDOW), str(seconds)], check=True, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, timeout=seconds + 300).stdout
        done, took, cpu, failed = map(float, re.fullmatch(r'done=(\d+) seconds=(\S+) cpu=(\S+) failed=(\d+)\n', out).groups())
        return done, took, cpu, failed

    def measure(self, target):
        """Print both figures; target: they have one."""
        for what, unit, least in (('requests', 'requests/s', REQUESTS), ('handshakes', 'handshakes/s', HANDSHAKES)):
            done, took, cpu, failed = self.load(what, SECONDS)
            rate = max(done, 1) / max(cpu, 0.01)
            bench(f'ingest-{what}-{self.name}', rate, f'{unit}/core', *(('>=', least) if target else ()))
            note(f'{self.name}: {done / took:.0f} {unit} on a machine shared with the client, {1e6 / rate:.0f} us of CPU each'
                 + (f', {failed:.0f} failed' if failed else ''))

    def stop(self):
        """For good."""
        end(self.process, 20)
        self.log.close()


def clinicd(build, clinic, name, program='clinicd', dtls='13'):
    """The product on this folder's database."""
    return Server(build, clinic, name, [build / program, '--dir', clinic, '--listen', '127.0.0.1', '--port', 'PORT'],
                  dtls).wait('listening')


def alone(build, clinic, dtls):
    """Our server without a store."""
    return Server(build, clinic, f'server-dtls{dtls}', [build / 'tests/bench/bench_ingest_server', clinic, 'PORT', dtls],
                  dtls).wait('listening')


def californium(build, clinic, folder):
    """The peer of tests/interop in its way to be measured; None if its parts cannot be had."""
    script = TOP / 'tests/interop/californium/build.sh'
    if not script.exists() or subprocess.run([script, 'build']).returncode:
        note('californium: SKIP, it could not be built')
        return None
    jars = subprocess.run([script, 'path'], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    pem = folder / 'server.pem'
    pem.write_text((clinic / 'server.key').read_text() + (clinic / 'server.crt').read_text())
    return Server(build, clinic, 'californium', ['java', '-cp', f'{jars}/*', 'interop.Server', '--pem', pem,
                                                 '--root', clinic / 'root.crt', '--fixed', '--port', 'PORT'],
                  '12').wait('"port"')


def cpu_s(pid):
    """CPU time of a process so far."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Postgres:
    """A real server in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.conninfo = self.call('start', folder)
        self.pid = int((folder / 'data/postmaster.pid').read_text().split()[0])

    @staticmethod
    def call(*arguments):
        """tests/clinic/postgres.sh; what it printed."""
        return subprocess.run([TOP / 'tests/clinic/postgres.sh', *map(str, arguments)], check=True, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.strip()

    def cpu_s(self):
        """Of all its processes that live."""
        children = pathlib.Path(f'/proc/{self.pid}/task/{self.pid}/children').read_text().split()
        return sum(cpu_s(pid) for pid in [self.pid, *children])

    def stop(self):
        """In order."""
        self.call('stop', self.folder)


def init(build, clinic, *more):
    """A clinic's folder."""
    subprocess.run([build / 'clinicctl', 'init', clinic, '--hub-ports', '1-65535', '--name', 'clinic.test', '--address', '127.0.0.1', *more],
                   check=True, stdout=subprocess.DEVNULL)


def on_postgres(build, folder):
    """clinicd on a server that has fsync on, without a standby."""
    postgres = Postgres(folder / 'db')
    try:
        init(build, folder / 'server-clinic', '--database', postgres.conninfo)
        server = clinicd(build, folder / 'server-clinic', 'clinicd-postgresql')
        before, cpu = postgres.cpu_s(), cpu_s(server.process.pid)
        server.measure(target=True)
        note(f'postgresql: {(postgres.cpu_s() - before) / (cpu_s(server.process.pid) - cpu):.1f} s of CPU for each of clinicd')
        server.stop()
    finally:
        postgres.stop()


def main():
    """Each server in turn."""
    build = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='bench-ingest-'))
    folder.chmod(0o755)
    clinic = folder / 'clinic'
    try:
        init(build, clinic)
        server = clinicd(build, clinic, 'clinicd-sqlcipher')
        server.measure(target=True)
        server.stop()
        server = clinicd(build, clinic, 'clinicd-sqlcipher-dtls12', 'tests/interop/clinicd-dtls12', '12')
        server.measure(target=True)
        server.stop()
        on_postgres(build, folder)
        for dtls in ('13', '12'):
            server = alone(build, clinic, dtls)
            server.measure(target=False)
            server.stop()
        server = californium(build, clinic, folder)
        if server:
            for what in ('requests', 'handshakes'):
                server.load(what, WARM_S)
            server.measure(target=False)
            server.stop()
    finally:
        shutil.rmtree(folder)


if __name__ == '__main__':
    main()
