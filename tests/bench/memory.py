#!/usr/bin/python3
"""memory.py FOLDER - resident memory of the hub's processes at work, with readings taken and delivered.

The real programs with a scripted bluetoothd (tests/io/fake_bluez.py); bluetoothd itself is not counted. PSS, that
is, shared pages are divided among their users; where the kernel does not show it to us, RSS and a word.
"""
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'system'))
from test_kills import Home  # noqa: E402

TARGET_MB = 12


def resident_kb(pid):
    """PSS of a process in KB and True, or RSS and False."""
    try:
        for line in pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
            if line.startswith('Pss:'):
                return int(line.split()[1]), True
    except PermissionError:
        pass
    return int(pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]) * 4, False


def main():
    """Measure once."""
    home = Home(sys.argv[1], None)
    try:
        for number in range(1, 6):
            home.measure(number)
        home.wait('all readings', lambda: len(home.systolics()) == 5)
        total, pss = 0, True
        for program in home.programs:
            if program.name == 'clinicd':
                continue
            kb, is_pss = resident_kb(program.process.pid)
            print(f'# {program.name} {kb} KB')
            total, pss = total + kb, pss and is_pss
    finally:
        home.close()
    mb = total / 1024
    print(f'bench hub-memory-{"pss" if pss else "rss"} {mb:.1f} MB target <={TARGET_MB} '
          f'{"ok" if mb <= TARGET_MB else "short"}')


if __name__ == '__main__':
    main()
