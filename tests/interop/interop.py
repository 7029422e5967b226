#!/usr/bin/python3
"""Peers nobody here wrote exchange our messages over DTLS: one line a case; see README.md.

usage: interop.py BUILD [PATTERN]     only cases with PATTERN in peer or name; tests/interop/peers.sh builds the peers
"""
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
AT_ONCE = 4  # most of the time is waiting


def tool(*argv):
    """Output of one of our scripts, a path."""
    return pathlib.Path(subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout.strip())


sys.path.insert(0, str(tool(HERE / 'peers.sh', 'path', 'python')))

import californium  # noqa: E402
import cose  # noqa: E402
import enrol  # noqa: E402
import enrol_californium  # noqa: E402
import gocoap  # noqa: E402
import libcoap  # noqa: E402
import plain  # noqa: E402
import shark  # noqa: E402
import trussed  # noqa: E402

GROUPS = (californium, libcoap, gocoap, plain, shark, cose, enrol, enrol_californium, trussed)


class Environment:
    """Where things are: programs under test, peers, a folder for this run."""

    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build).resolve(), pathlib.Path(folder)
        self.libcoap = tool(HERE / 'libcoap' / 'build.sh', 'path')
        self.servers = tool(HERE / 'libcoap' / 'build.sh', 'servers')
        self.gocoap = tool(HERE / 'gocoap' / 'build.sh', 'path')
        self.trussed = tool(HERE / 'trussed' / 'build.sh', 'path')
        self._jars = tool(HERE / 'californium' / 'build.sh', 'path')

    def java(self, program):
        """Command line of one of our Java programs."""
        return ['java', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', f'{self._jars}/*',
                f'interop.{program}']


def run(case, env):
    """One case; returns True if it holds, None if it cannot be run here."""
    start = time.monotonic()
    why = None
    if case.peer == gocoap.PEER and not gocoap.program(env):
        why = 'no Go, or older than 1.20'
    if case.peer == trussed.PEER and not trussed.program(env):
        why = 'no Cargo, or older than 1.85'
    if case.peer == libcoap.TLS['mbedtls'] and not (env.servers / 'mbedtls').exists():
        why = "its source archive was not to be had, see 'tests/interop/libcoap/build.sh build'"
    if why:
        print(f'SKIP {case.peer}: {case.name}: {why}', flush=True)
        return None
    try:
        seen, good = case.run(env), True
    except AssertionError as error:
        seen, good = error, False
    except Exception:  # a broken test must not hide the others
        seen, good = traceback.format_exc(), False
    print(f'{"ok" if good else "FAILED"} {case.peer}: {case.name} ({time.monotonic() - start:.1f} s): {seen}', flush=True)
    return good


def main():
    """All cases, a few at once."""
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    pattern = sys.argv[2] if len(sys.argv) == 3 else ''
    cases = [c for group in GROUPS for c in group.CASES if pattern in f'{c.peer} {c.name}']
    folder = tempfile.mkdtemp(prefix='interop-')
    try:
        env = Environment(sys.argv[1], folder)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(lambda case: run(case, env), cases))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f'interop: {results.count(True)} passed, {results.count(False)} failed, {results.count(None)} skipped')
    return 0 if True in results and False not in results else 1


if __name__ == '__main__':
    sys.exit(main())
