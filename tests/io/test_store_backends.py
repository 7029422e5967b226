#!/usr/bin/env python3
"""The clinic's store on a real PostgreSQL server: the test programs that 'make check-fast' runs on an SQLCipher file, the
same cases with the same results, and then what only a server can do to us (test_postgres.c).

Usage: test_store_backends.py BUILD        BUILD/tests has the programs
Exit status: 0, 1 failed, 77 PostgreSQL is not installed.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from label_text import label

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.normpath(os.path.join(HERE, '../clinic/postgres.sh'))
PROGRAMS = ['unit/test_clinic_store', 'unit/test_store_claim', 'unit/test_visit', 'unit/test_filing',
            'unit/test_ingest', 'unit/test_ingest_group', 'unit/test_silence', 'unit/test_config_serve',
            'unit/test_enroller', 'unit/test_enroller_ticket', 'io/test_postgres']
LIMIT_S = 240


def cleaner(folder):
    """Removes servers and folder as soon as this program ends, also if it is killed: its input ends then."""
    text = 'cat >/dev/null; for d in "$1"/*/; do "$2" kill "${d%/}"; done; rm -rf "$1"'
    return subprocess.Popen(['setsid', 'sh', '-c', text, 'sh', folder, SCRIPT], stdin=subprocess.PIPE)


def start(build, name, environment):
    return subprocess.Popen([os.path.join(build, 'tests', name)], env={**os.environ, **environment},
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run_all(build, environment):
    """Side by side: they have tables, and sessions, of their own."""
    begin = time.monotonic()
    good = True
    running = [(name, start(build, name, environment)) for name in PROGRAMS]
    for name, process in running:
        try:
            said = process.communicate(timeout=begin + LIMIT_S - time.monotonic())[0]
        except subprocess.TimeoutExpired:
            process.kill()
            said = f'not done after {LIMIT_S} s\n' + process.communicate()[0]
        print(f'{name}: {said.strip()} ({time.monotonic() - begin:.1f} s)', flush=True)
        good = good and process.returncode == 0
    return good


def call(build, program, *words, code=0):
    done = subprocess.run([os.path.join(build, program), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=LIMIT_S, check=False, text=True)
    assert code is None or done.returncode == code, f'{program} {words} ended with {done.returncode}:\n{done.stdout}{done.stderr}'
    return done.stdout + done.stderr


def decide(build, where):
    """A second hub, suspended before it uploads: some of it is filed, some discarded, some stays held."""
    bundle = where + '-hall'
    call(build, 'clinicctl', 'hub', 'add', where, 'hall', '--out', bundle, '--device', 'bp,any,justworks', '--utc-offset', '60')
    call(build, 'clinicctl', 'hub', 'suspend', where, 'hall', '--reason', 'a test')
    call(build, 'tests/io/play_hub', where, bundle)
    said = ''
    for words in (['--release', '--numbers', '1-9'], ['--discard', '--numbers', '10'], ['--release', '--numbers', '1-10']):
        said += call(build, 'clinicctl', 'held', where, 'hall', *words, '--reason', 'a test', '--by', 'nurse')
    said += call(build, 'clinicctl', 'hub', 'resume', where, 'hall') + call(build, 'clinicctl', 'held', where)
    assert '8 records of hub hall are filed' in said and '11 (suspended)' in said, said
    return said


def claim_at_once(build, where):
    """Eight people claim one hub in the same moment: one has it, and the others are told who."""
    for _ in range(6):
        text, (start, go) = label(os.urandom(32)), os.pipe()
        running = [subprocess.Popen(['sh', '-c', 'read x; exec "$@"', 'sh', os.path.join(build, 'clinicctl'), 'claim', where, text,
                                     '--by', f'person {i}'], stdin=start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                   for i in range(1, 9)]
        os.close(start)
        os.close(go)
        said = [process.communicate(timeout=LIMIT_S)[0] for process in running]
        winner = [i for i, text in enumerate(said, 1) if 'is claimed:' in text]
        assert len(winner) == 1, said
        assert sum(f', by person {winner[0]} on' in text and 'claimed already' in text for text in said) == 7, said


def clinic(build, folder, kind, conninfo):
    """A clinic with one hub that has uploaded; what people are shown of it."""
    where, bundle = os.path.join(folder, kind), os.path.join(folder, kind + '-bundle')
    words = ['init', where, '--name', 'clinic.example', '--address', '127.0.0.1']
    call(build, 'clinicctl', *words, *(['--database', conninfo] if conninfo else []))
    assert os.path.exists(os.path.join(where, 'clinic.db')) == (not conninfo)
    call(build, 'clinicctl', 'hub', 'add', where, 'kitchen', '--out', bundle, '--device',
         'bp,AA:BB:CC:DD:EE:FF/random,passkey=012345,user=sole', '--utc-offset', '60')
    call(build, 'tests/io/play_hub', where, bundle)
    claim_at_once(build, where)
    held = decide(build, where)
    shown = ''.join(call(build, 'clinicctl', *words, code=code) for words, code in (
        (['readings', where], 1), (['status', where], 0), (['gaps', where, 'kitchen'], 0)))
    return (held + shown).replace(where, 'DIR')


def run_servers(build, folder):
    """Two clinicd on one database, each with a port and a file of counters of its own; they outlive the server."""
    running = []
    for name in 'one', 'two':
        file = os.path.join(folder, name + '.prom')
        process = subprocess.Popen([os.path.join(build, 'clinicd'), '--dir', os.path.join(folder, 'server'), '--listen',
                                    '127.0.0.1', '--port', '0', '--metrics', file], stderr=subprocess.PIPE, text=True)
        running.append((process, file))
    ports = set()
    for process, file in running:
        until = time.monotonic() + LIMIT_S
        while not os.path.exists(file):
            assert process.poll() is None and time.monotonic() < until, 'clinicd does not start'
            time.sleep(0.1)
        with open(file, encoding='ascii') as text:
            ports.add(re.search(r'^clinicd_store_up{port="([0-9]+)"} 1$', text.read(), re.M).group(1))
    assert len(ports) == 2
    for process, _ in running:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0, process.stderr.read()


def run_programs(build, folder, conninfo):
    """What people see is the same on both backends; and a server that is none of ours, or gone, has a clear word."""
    shown = [clinic(build, folder, kind, where) for kind, where in (('file', ''), ('server', conninfo))]
    assert shown[0] == shown[1] and 'mmHg' in shown[0], f'shown differently:\n{shown[0]}\n{shown[1]}'
    again = call(build, 'clinicctl', 'init', os.path.join(folder, 'again'), '--name', 'a.example', '--address', '127.0.0.1',
                 '--database', conninfo, code=73)
    assert 'there is a clinic in it already' in again and not os.path.exists(os.path.join(folder, 'again')), again
    run_servers(build, folder)
    conf = os.path.join(folder, 'server', 'clinic.conf')
    for database, word in (('host=/nowhere dbname=clinic', 'No such file'), ('nonsense', 'missing "="'),
                           (conninfo.replace('dbname=clinic', 'dbname=postgres'), "has no clinic's tables")):
        with open(conf, encoding='ascii') as text:
            lines = re.sub(r'^database = .*', f'database = {database}', text.read(), flags=re.M)
        with open(conf, 'w', encoding='ascii') as text:
            text.write(lines)
        said = call(build, 'clinicctl', 'status', os.path.join(folder, 'server'), code=None)
        assert word in said, said
    print('clinicctl and clinicd: the same on both', flush=True)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    build = os.path.abspath(sys.argv[1])
    if subprocess.run([SCRIPT, 'which'], stdout=subprocess.DEVNULL, check=False).returncode == 69:
        return 77
    folder = tempfile.mkdtemp(prefix='pg.', dir='/tmp')  # a short path, for sockets
    os.chmod(folder, 0o755)
    guard, good = cleaner(folder), False
    try:
        # no power cut happens here; what needs a disk that syncs has its own servers in test_postgres.c
        conninfo = subprocess.run([SCRIPT, 'start', f'{folder}/main', 'fsync=off'], stdout=subprocess.PIPE, check=True,
                                  text=True).stdout.strip()
        run_programs(build, folder, conninfo)
        good = run_all(build, {'CLINIC_TEST_DATABASE': conninfo, 'POSTGRES_SH': SCRIPT, 'POSTGRES_DIR': folder})
        if not good:
            log = os.path.join(folder, 'main', 'log')
            subprocess.run(['tail', '-n', '20', log], check=False)
    finally:
        guard.stdin.close()
        guard.wait()
        shutil.rmtree(folder, ignore_errors=True)
    if good:
        print('ok store_backends')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
