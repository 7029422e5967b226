"""Programs that a test starts: they end with it, and in order."""
import ctypes
import signal
import subprocess


def die_with_us():
    """As preexec_fn: a test run that is itself killed leaves nothing behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def end(process, seconds):
    """End it in order; one that takes longer is killed. It may have ended already."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
