"""own_pids.py - for a test of what looks at every process of the machine: it sees those of the test alone.

Other tests run beside it, with the same users and with ports of their own.
"""
import os
import subprocess
import sys

_NEW = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--net']
_MARK = 'HUB_TEST_OWN_PIDS'


def enter():
    """Start this program again with process numbers and a loopback of its own; where that may not be, go on as we are."""
    if _MARK in os.environ or subprocess.run([*_NEW, 'true'], check=False, stderr=subprocess.DEVNULL).returncode:
        return
    os.environ[_MARK] = '1'
    os.execvp(_NEW[0], [*_NEW, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', sys.executable, *sys.argv])
