#!/usr/bin/python3
"""test_console.py - the technician's serial line, with the real hub-console and the real hubd: what it says and what it does not.

usage: test_console.py [BUILD] [Line.NAME]      BUILD holds the programs
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
from child import die_with_us, end  # noqa: E402
from serial_line import Serial  # noqa: E402

BUILD = TOP / "build" / "asan"
CLEAN = set(range(0x20, 0x7F)) | {0x08, 0x0A, 0x0D}
WORDS = ("", "root", "admin", "pi", "login", "login root", "su", "sh", "/bin/sh", "help; sh", "$(id)", "`id`", "help | sh", "../../etc/passwd",
         "%s%s%s%n%n", "%99999999d", "status %x", "release", "release HT1:", "HT1:", "HT1:.", "HT1:AAAA.", "login HT1:AAAAAAAAAAAAAAAA.", "reboot",
         "time set 2026-11-23 02:15", "time set", "time set 9999-99-99 99:99", "factory-reset", "retire", "diagnose 00000 00000 00000 00000",
         "export-queue", "net set ssid=x", "pair cuff", "a" * 255, "A" * 256)


class Line(unittest.TestCase):
    """A hub that belongs to nobody: hubd without a configuration."""

    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="console-"))
        self.addCleanup(shutil.rmtree, self.top)
        (self.top / "state").mkdir()
        (self.top / "run").mkdir()
        self.running = {}
        self.addCleanup(self.stop)
        self.serial = Serial(str(self.top / "line"))
        self.start("hubd", "--state", self.top / "state")
        self.start("hub-console", "--line", self.top / "line")
        self.serial.prompt()
        self.wait_for_hubd()

    def start(self, name, *more):
        """One program."""
        with open(self.top / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen([str(BUILD / name), "--run", str(self.top / "run"), "--same-user", *map(str, more)],
                                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_us,
                                                  env={"ASAN_OPTIONS": "detect_leaks=0"})

    def stop(self):
        """All."""
        for process in self.running.values():
            end(process, 10)

    def log(self, name):
        """What it said."""
        return (self.top / f"{name}.log").read_text(errors="replace")

    def wait_for_hubd(self):
        """The link between the two is up."""
        last = time.monotonic() + 30
        while (said := self.serial.ask("status"))[-1] != "OK":
            self.assertLess(time.monotonic(), last, said)

    def alive(self):
        """Neither has ended, and the line answers."""
        self.assertEqual([n for n, p in self.running.items() if p.poll() is not None], [], self.log("hub-console") + self.log("hubd"))
        self.assertEqual(self.serial.ask("status")[-1], "OK")

    def test_before_a_login(self):
        """Model, version, level and light; of verbs those that need nobody; a hub that is nobody's has no challenge."""
        said = self.serial.ask("status")
        self.assertEqual(said[0], "model telehealth-hub")
        self.assertIn("level 0 normal", said)
        self.assertRegex(said[1], r"^version \d+\.\d+\.\d+$")
        self.assertEqual(self.serial.ask("  STATUS "), said)
        self.assertEqual(self.serial.ask("help"), ["verb challenge", "verb status", "verb logout", "verb help", "verb login", "OK"])
        self.assertEqual(self.serial.ask("challenge"), ["NO not-configured. Next: enrol this hub at a clinic first."])

    def test_nothing_reacts(self):
        """A-07: empty and known passwords, BREAK, very long lines, ANSI, format strings: no shell, no reaction, no crash."""
        began = self.serial.seen
        for word in WORDS:
            self.serial.send(b"\x03")
            self.serial.prompt()
            if not word:
                self.serial.send(b"\r")
                self.serial.prompt()
                continue
            said = self.serial.ask(word)
            if said:
                self.assertRegex(said[-1], r"^NO [a-z-]+\. Next: [^.]+\.$", word)
        self.serial.send(b"\x03")
        self.serial.prompt()
        self.serial.send(b"x" * 100000 + b"\r")
        self.assertIn(b"NO too-long", self.serial.prompt())
        for noise in (bytes(5000), bytes(range(256)) * 40, b"\x1b[31m\x1b]0;title\x07\x1b[6n\x1bP1;2q\x1b\\" * 300, b"\xff\xfb\x01" * 900,
                      b"\x1b[" + b"9" * 5000, b"\x1b]" + b"A" * 5000, b"\x04\x1a\x1c\x11\x13" * 500):
            self.serial.send(noise + b"\x03")
            self.serial.prompt()
            self.alive()
        self.assertEqual(set(self.serial.seen[len(began):]) - CLEAN, set())
        for name in ("hub-console", "hubd"):
            self.assertNotIn("ERROR", self.log(name))
        self.assertEqual(list(pathlib.Path(f"/proc/{self.running['hub-console'].pid}/task").glob("*/children")) and
                         pathlib.Path(f"/proc/{self.running['hub-console'].pid}/task/{self.running['hub-console'].pid}/children").read_text(), "")

    def test_editing(self):
        """Backspace, ^U, an arrow key, and a pasted CR LF."""
        self.serial.send(b"statusx\x7f\r\n")
        self.assertIn(b"level 0 normal", self.serial.prompt())
        self.serial.send(b"reboot\x15")
        self.serial.prompt()
        self.serial.send(b"sta\x1b[D\x1b[1;5Ctus\r")
        self.assertIn(b"level 0 normal", self.serial.prompt())

    def test_the_cable(self):
        """It is pulled and put in again; hubd is gone and there again."""
        self.serial.pull()
        self.wait(lambda: "state=gone" in self.log("hub-console"))
        self.serial.plug()
        self.serial.prompt()
        self.alive()
        self.running.pop("hubd").kill()
        self.wait(lambda: self.serial.ask("status") == ["WAIT 10s. Next: wait, then type it again."])
        self.start("hubd", "--state", self.top / "state")
        self.wait_for_hubd()

    def test_no_kernel_console(self):
        """The line that the kernel prints on is not taken."""
        names = pathlib.Path("/sys/class/tty/console/active")
        if not names.exists() or not names.read_text().split() or not os.path.exists("/dev/" + names.read_text().split()[-1]):
            self.skipTest("SKIP: the kernel prints on no line here")
        self.running.pop("hub-console").terminate()
        self.start("hub-console", "--line", "/dev/" + names.read_text().split()[-1])
        self.wait(lambda: "state=absent" in self.log("hub-console"))

    def wait(self, condition):
        """Until it holds."""
        last = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), last, self.log("hub-console"))
            time.sleep(0.05)


def main():
    """Arguments as above."""
    arguments = sys.argv[1:]
    if arguments and os.path.isdir(arguments[0]):
        globals()["BUILD"] = pathlib.Path(arguments.pop(0)).resolve()
    unittest.main(argv=[__file__, *arguments])


if __name__ == "__main__":
    main()
