"""A serial line for tests: a pseudo-terminal with a real hub-console at its end."""
import os
import pty
import re
import select
import time

PROMPT = re.compile(rb"(?:hub[>#]|more>) $")
ANSWER_S = 60


class Serial:
    """The technician's end. Everything that came is in .seen."""

    def __init__(self, link):
        """link: a path that becomes the name of hub-console's end."""
        self.link, self.seen = link, b""
        self.master = None
        self.plug()

    def plug(self):
        """A cable is put in: another line behind the same name."""
        self.master, slave = pty.openpty()
        name = os.ttyname(slave)
        if os.path.lexists(self.link):
            os.unlink(self.link)
        os.symlink(name, self.link)
        os.set_blocking(self.master, False)
        self.slave = slave  # held until hub-console has it, else the line is gone before it is there

    def pull(self):
        """The cable is pulled. Its name goes first: the next terminal of whoever asks has the number of this one, and a hub-console that
        looks for its line would take it."""
        os.unlink(self.link)
        os.close(self.slave)
        os.close(self.master)
        self.master = None

    def send(self, data):
        """Bytes as they are; what comes meanwhile is read."""
        at = 0
        while at < len(data):
            self.read(0)
            try:
                at += os.write(self.master, data[at:at + 200])
            except BlockingIOError:
                self.read(0.05)

    def read(self, seconds):
        """What comes within that time, up to the first pause."""
        got = b""
        while select.select([self.master], [], [], seconds)[0]:
            try:
                piece = os.read(self.master, 4096)
            except OSError:
                break
            if not piece:
                break
            got, seconds = got + piece, 0
        self.seen += got
        return got

    def until(self, condition, seconds=ANSWER_S):
        """Read until what has come since now fulfils it; returns that."""
        got, last = b"", time.monotonic() + seconds
        while not condition(got):
            if time.monotonic() > last:
                raise AssertionError(f"the line says {got!r}")
            got += self.read(0.2)
        return got

    def prompt(self):
        """Until somebody may type."""
        return self.until(lambda got: PROMPT.search(got))

    def ask(self, line, settle=None):
        """One line; returns what is answered, without echo and prompt, as lines."""
        self.send(line.encode() + b"\r")
        got = self.until(settle or (lambda g: PROMPT.search(g) and b"\n" in g)).decode("ascii")
        lines = got.replace("\r", "").split("\n")
        return [text for text in lines[1:-1] if text]
