#!/usr/bin/python3
"""test_console_session.py - a technician at the line of a real hub: from the challenge to the release, and what is refused.

usage: test_console_session.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap, hub-console and clinicd, as in test_command_io.py; this test stands for hub-ble, and for the
technician at a pseudo-terminal. Tokens are play_token's: also those that clinicctl would not give.
"""
import importlib
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
command_io = importlib.import_module("test_command_io")
lockdown_io = importlib.import_module("test_lockdown_io")
sealed_io = importlib.import_module("test_sealed_io")
from serial_line import PROMPT, Serial  # noqa: E402

BAD = ("signature", "no-form", "other-hub", "any-hub", "other-epoch", "other-nonce", "unknown", "verbs", "twice")
CHALLENGE = re.compile(r"^[A-Z2-7]{69}$")
RADIO, USB = 2, 10  # triggers
KEPT_AT = 5  # in the file of the escrow


class World(command_io.World):
    """With a console; button: the hub has one."""

    name = "home"  # of the hub, at the clinic

    def __init__(self, button):
        self.button = None
        super().__init__()
        if button:
            self.add_button()
        self.serial = Serial(str(self.top / "line"))
        self.commands["hub-console"] = ["hub-console", "--run", self.top / "run", "--same-user", "--line", self.top / "line"]
        self.start("hub-console")
        self.serial.prompt()
        self.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")

    def add_button(self):
        """A FIFO in the place of an input device."""
        fifo = self.top / "button"
        os.mkfifo(fifo)
        (self.bundle / "hubd" / "button").write_text(f"{fifo}\n", encoding="ascii")
        self.button = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.kill("hubd")
        self.start("hubd")

    def press(self):
        """The button: struct input_event, EV_KEY, pressed and let go."""
        for value in (1, 0):
            os.write(self.button, struct.pack("llHHi", 0, 0, 1, 256, value))

    def challenge(self):
        """A new one."""
        said = self.serial.ask("challenge")
        assert CHALLENGE.match(said[0]) and said[-1] == "OK", said
        return said[0]

    def token(self, challenge, verbs="all", by="sec", level="-", seconds=3600, what="good", technician="tech"):
        """As it is pasted: lines."""
        done = subprocess.run([str(config_io.BUILD / "tests/io/play_token"), str(self.dir), self.name, challenge, str(level), str(seconds),
                               technician, verbs, by, what], text=True, timeout=60, stdout=subprocess.PIPE, check=True,
                              env={"ASAN_OPTIONS": "detect_leaks=0"})
        return done.stdout.split()

    def paste(self, lines, verb=""):
        """Returns what is said after the last line."""
        lines = [f"{verb} {lines[0]}".strip(), *lines[1:]]
        for text in lines[:-1]:
            assert self.serial.ask(text) == [], text
        return self.serial.ask(lines[-1])

    def login(self, **more):
        """A session; returns what was said."""
        return self.paste(self.token(self.challenge(), **more))

    def audit(self):
        """What hubd wrote for the audit log about the console."""
        return re.findall(r'console event="([^"]*)" detail="([^"]*)"', self.log("hubd"))

    def close(self):
        """End all."""
        super().close()
        if self.button is not None:
            os.close(self.button)


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    button = False

    def setUp(self):
        self.world = World("button" in self._testMethodName)
        self.addCleanup(self.world.close)
        self.serial = self.world.serial

    def test_session(self):
        """A token opens a session with its verbs and no others; each prints what it may; the audit log names the person."""
        w = self.world
        cuff = command_io.Cuff(w.top / "run")
        self.addCleanup(cuff.socket.close)
        cuff.measure()
        self.assertEqual(self.serial.ask("queue"), ["NO no-session. Next: type 'challenge', send it to the clinic, paste the token."])
        said = w.login(verbs="queue+selftest")
        self.assertEqual(said[-1], "OK")
        self.assertRegex(said[0], r"^session ends in \d+min, or if idle for 2min$")
        self.assertEqual(self.serial.ask("queue")[-1], "OK")
        self.assertEqual(self.serial.ask("ble list"), ["NO not-in-token. Next: ask the clinic for a token with this verb."])
        self.assertEqual(self.serial.ask("help"), [f"verb {v}" for v in ("challenge", "status", "selftest", "queue", "logout", "help", "login")] +
                         ["OK"])
        self.assertEqual(self.serial.ask("logout"), ["Session closed: logged out.", "OK"])
        self.assertEqual(self.serial.ask("queue")[0].split()[:2], ["NO", "no-session."])
        person = re.search(r"opened person=(\d+) token=[0-9a-f]{8}$", w.audit()[0][1]).group(1)
        self.assertEqual([d.split(" why=")[0] for e, d in w.audit()[1:]],
                         [f"queue person={person}", f"ble list person={person}", f"closed person={person} by=logout"])

    def journal(self):
        """What the clinic has written down of the hub."""
        w = self.world
        return [e for e in map(json.loads, w.ctl("held", w.dir, "home", "--journal", "--json").splitlines())]

    def escrow(self):
        """Has the hub sealed its share to the release authority, and does it know that the clinic has that?"""
        file = self.world.bundle / "hubd" / "escrow-b"
        return file.exists() and file.read_bytes()[KEPT_AT] == 1

    def test_code(self):
        """20 digits let a verb through; who has read them out, of which challenge and why, is kept at the clinic before they are shown."""
        w = self.world
        voice = ("token", w.dir, "home", w.challenge(), "--voice", "--verb", "diagnose", "--by", "Ann", "--reason", "by phone")
        w.wait("what codes are made from is at the clinic", self.escrow)
        before = len(self.journal())
        code = w.ctl(*voice, "--json")
        self.assertRegex(json.loads(code)["code"], "^[0-9]{20}$")
        kept = self.journal()[before:]
        self.assertEqual([(e["act"], e["who"]) for e in kept], [("code-read-out", "Ann")])
        self.assertRegex(kept[0]["why"], "^challenge [0-9a-f]{32} of lock [0-9]+, diagnose: by phone$")
        self.assertEqual(self.serial.ask("diagnose " + json.loads(code)["code"])[-1], "OK")

    def test_release_with_button(self):
        """From a locked hub to a released one, with what clinicctl gives: the challenge, the token, the button. Without it nothing happens."""
        w = self.world
        w.wait_order(w.order("lock", "doc")["counter"], "done")
        self.assertIn("level 2 quarantined", self.serial.ask("status"))
        self.assertEqual(self.release()[-1], "NO too-early. Next: a lock lasts half an hour at least: try again later.")
        self.assertEqual(self.release(press=False)[-1], "NO no-button. Next: type it again and press the button within 10s.")
        # what he signs himself goes on with the session, and is no release
        self.assertEqual(w.login(verbs="release+reboot", level=0, by="tech")[-1], "OK")
        self.assertEqual(self.release(paste=False)[-1].split(".")[0], "NO stale-token")
        self.assertEqual(self.serial.ask("reboot")[-1].split(".")[0], "NO not-in-token")
        if subprocess.run(["unshare", "-T", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("SKIP: no time namespaces here: the release is left out")
        w.kill("hubd")
        w.commands["hubd"] = ["/usr/bin/unshare", "-T", "--boottime", "1900", config_io.BUILD / "hubd", *w.commands["hubd"][1:]]
        w.start("hubd")
        w.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")
        self.assertIn("level 2 quarantined", self.serial.ask("status"))
        self.assertEqual(self.serial.ask("release")[-1].split(".")[0], "NO no-session")
        said = w.ctl("token", w.dir, "home", w.challenge(), "--as", "sec", "--technician", "tech", "--level", "0").splitlines()
        first = next(i for i, text in enumerate(said) if text.strip().startswith("HT1:"))
        last = next(i for i, text in enumerate(said) if i >= first and text.strip().endswith("."))
        self.assertEqual(w.paste([text.strip() for text in said[first:last + 1]])[-1], "OK")
        self.assertEqual(self.release(paste=False)[-2:], ["level 0 normal", "OK"])
        self.assertIn("level 0 normal", self.serial.ask("status"))
        w.wait_level(0)
        self.assertEqual(self.release(paste=False)[-1].split(".")[0], "NO not-at-this-level")

    def guarded(self, *triggers):
        """Wait until the clinic knows of level 1 by these."""
        w = self.world

        def known():
            status = json.loads(w.ctl("status", w.dir, "home", "--json"))["status"]
            return (status["level"], {t["trigger"] for t in status["noticed"]}, status["challenge"] is not None) == \
                (1, set(triggers), USB in triggers)

        w.wait(f"level 1 by {triggers}", known)
        return w.ctl("status", w.dir, "home")

    def nonce(self):
        """Of the challenge that the clinic has to answer."""
        return json.loads(self.world.ctl("status", self.world.dir, "home", "--json"))["status"]["challenge"]

    def told(self):
        """What the hub has noticed, at its line."""
        return [text for text in self.serial.ask("level") if "noticed" in text]

    def test_level_1_with_button(self):
        """T10 ends by a release, at once: the token, 20 digits, the clinic's order. What ends by itself has none, and stays."""
        w, run = self.world, self.world.top / "run"
        radio, measure = lockdown_io.Radio(run), sealed_io.Measure(run)
        self.addCleanup(radio.socket.close)
        self.addCleanup(measure.socket.close)
        radio.report(RADIO, 1, 1000)
        self.assertIn("ends by itself", self.guarded(RADIO))
        self.assertIn("nothing to release from here", w.order("release", "sec", code=1))
        w.login(verbs="release+level", level=0)
        self.assertEqual(self.told(), ["noticed T2 radio, count 1000, calls for level 1, ends by itself"])
        self.assertNotIn("verb release", self.serial.ask("help"))
        self.assertEqual(self.serial.ask("release")[-1].split(".")[0], "NO not-at-this-level")
        self.serial.ask("logout")

        measure.plugged()
        self.assertIn("level 1: guarded, until it is released", self.guarded(RADIO, USB))
        # who reads only releases nothing; who may has to press
        said = json.loads(w.ctl("token", w.dir, "home", w.challenge(), "--as", "sec", "--technician", "tech", "--json").splitlines()[0])
        self.assertNotIn("release", said["verbs"])
        self.assertEqual(self.paste_text(said["token"]), "OK")
        self.assertIn("noticed T10 usb, count 1, calls for level 1, ends by release", self.told())
        self.assertEqual(self.serial.ask("release")[-1].split(".")[0], "NO not-in-token")
        self.serial.ask("logout")
        said = json.loads(w.ctl("token", w.dir, "home", w.challenge(), "--as", "sec", "--technician", "tech", "--level", "0",
                                "--json").splitlines()[0])
        self.assertIn("release", said["verbs"])
        self.assertEqual(self.paste_text(said["token"]), "OK")
        self.assertIn("verb release", self.serial.ask("help"))
        self.assertEqual(self.release(press=False, paste=False)[-1].split(".")[0], "NO no-button")
        self.assertEqual(self.release(paste=False)[-2:], ["level 1 guarded", "OK"])
        self.assertEqual(self.told(), ["noticed T2 radio, count 1000, calls for level 1, ends by itself"])
        self.assertEqual(self.release(paste=False)[-1].split(".")[0], "NO not-at-this-level")
        self.serial.ask("logout")
        self.assertIn("ends by itself", self.guarded(RADIO))

        measure.plugged()
        self.guarded(RADIO, USB)
        w.wait("what codes are made from is at the clinic", self.escrow)
        code = w.ctl("token", w.dir, "home", w.challenge(), "--voice", "--level", "0").strip()
        self.assertEqual(self.release(verb=f"release {code}", paste=False)[-2:], ["level 1 guarded", "OK"])
        self.serial.ask("logout")
        self.guarded(RADIO)

        measure.plugged()
        self.guarded(RADIO, USB)
        nonce = self.nonce()
        w.kill("hubd")
        w.start("hubd")
        w.wait("a challenge of this start", lambda: self.nonce() not in (None, nonce))
        self.guarded(RADIO, USB)
        w.wait_order(w.order("release", "sec")["counter"], "done")
        self.guarded(RADIO)
        w.kill("hubd")
        w.start("hubd")
        w.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")
        self.assertIn("level 1 guarded", self.serial.ask("status"))
        self.guarded(RADIO)
        self.assertEqual([c[4 + 1 + 8] for c in ((w.bundle / "hubd" / f"lockdown-{c}").read_bytes() for c in "ab")], [0, 0])

    def paste_text(self, text):
        """As clinicctl prints it; returns the last line of the answer."""
        return self.world.paste([text[at:at + 60] for at in range(0, len(text), 60)])[-1]

    def release(self, press=True, paste=True, verb="release"):
        """What is said; with a token of play_token's, unless one is taken."""
        w = self.world
        if paste:
            self.serial.ask("logout")
            self.assertEqual(w.login(verbs="release+level", level=0)[-1], "OK")
        self.serial.send(verb.encode() + b"\r")
        got = self.serial.until(lambda got: b"Press the button" in got or PROMPT.search(got))
        if b"Press" in got:
            if press:
                w.press()
            got += self.serial.prompt()
        return [text for text in got.decode().replace("\r", "").split("\n")[1:-1] if text]

    def test_begun_and_left(self):
        """Who has ordered a factory reset is in the log, though he pulled the cable before it was done."""
        w = self.world
        self.assertEqual(w.login(verbs="factory-reset", by="sec+doc")[-1], "OK")
        w.running["hub-store"].send_signal(signal.SIGSTOP)
        self.serial.send(b"factory-reset\r")
        w.wait("it is ordered", lambda: "reset-ordered result=good" in w.log("hubd"))
        self.serial.pull()
        w.wait("the session is over", lambda: any("by=cable" in detail for _, detail in w.audit()))
        self.assertTrue([1 for _, detail in w.audit() if re.match(r"factory-reset person=[1-9]\d* begun$", detail)], w.audit())

    def test_records_without_hub_store(self):
        """What was done while hub-store was away is told it afterwards, and how much of it had no place."""
        w = self.world
        self.assertEqual(w.login(verbs="version")[-1], "OK")
        w.kill("hub-store")
        for _ in range(20):
            self.assertEqual(self.serial.ask("version")[-1], "OK")
        w.start("hub-store")
        # the first one may have been on its way to the one that was killed
        w.wait("it is told", lambda: any(re.match("[34] records had no place while hub-store was away$", detail) for _, detail in w.audit()))

    def test_another_level_with_button(self):
        """What one person may ask is not done when the hub is at level 3 by the time that the button is pressed."""
        w, run = self.world, self.world.top / "run"
        self.assertEqual(w.login(verbs="reboot")[-1], "OK")
        self.serial.send(b"reboot\r")
        self.serial.until(lambda got: b"Press the button" in got)
        radio, measure = lockdown_io.Radio(run), sealed_io.Measure(run)
        self.addCleanup(radio.socket.close)
        self.addCleanup(measure.socket.close)
        radio.break_rules()
        measure.finds()
        w.wait("level 3", lambda: "lockdown level=3" in w.log("hubd"))
        w.press()
        self.assertIn(b"NO second-person", self.serial.prompt())
        self.assertIn("level 3 sealed", self.serial.ask("status"))

    def test_bad_tokens(self):
        """A-20, A-21, A-36: a used one, one for another challenge, another hub, two names for one key: refused; they delay, and count as T1."""
        w = self.world
        used = w.token(w.challenge())
        self.assertEqual(w.paste(used)[-1], "OK")
        self.serial.ask("logout")
        wrong = [used]
        for what in BAD:
            wrong.append(w.token(w.challenge(), what=what, by="sec+doc" if what == "verbs" else "sec"))
        stale = w.token(w.challenge())
        w.challenge()
        wrong.append(stale)
        delays = []
        for lines in wrong[:4]:
            said = self.after_waiting(lines, delays)
            self.assertRegex(said, r"^NO (bad|stale)-token\. Next: type 'challenge'")
            self.assertEqual(self.serial.ask("queue")[-1].split(".")[0], "NO no-session")
        self.assertGreaterEqual(max(delays), 3)
        self.assertEqual(self.serial.ask("status")[-1], "OK")
        self.assertEqual([e for e in w.audit() if e[1].startswith("opened")][1:], [])
        # the others without the wait: another hubd has not seen the ones before
        for lines in wrong[4:]:
            self.fresh()
            w.challenge()
            self.assertRegex(w.paste(lines)[-1], r"^NO (bad|stale)-token\. ", lines)
        self.fresh()
        for text in ("HT1:%s%n%n\x1b[31m.", "HT1:" + "A" * 240, "login HT1:\x07AAAA."):
            self.serial.send(text.encode() + b"\r")
            self.serial.prompt()
            self.serial.send(b"\x03")
            self.serial.prompt()
        self.assertEqual(w.login()[-1], "OK")
        self.assertNotIn("\x1b", w.log("hubd") + w.log("hub-console"))

    def fresh(self):
        """Another hubd."""
        w = self.world
        w.kill("hubd")
        w.start("hubd")
        w.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")

    def after_waiting(self, lines, delays):
        """What is said when it is looked at."""
        while True:
            said = self.world.paste(lines)[-1]
            wait = re.match(r"WAIT (\d+)s", said)
            if not wait:
                return said
            delays.append(int(wait.group(1)))
            time.sleep(1)

    def test_insider(self):
        """A-40: with every verb granted nothing of the patient's comes out; his own key opens nothing; the session ends with the cable."""
        w = self.world
        cuff = command_io.Cuff(w.top / "run")
        self.addCleanup(cuff.socket.close)
        for _ in range(3):
            cuff.measure()
        own = self.serial
        self.assertEqual(w.login(by="tech")[-1].split(".")[0], "NO not-your-role")
        self.assertEqual(w.login(by="tech", technician="sec")[-1].split(".")[0], "NO not-your-role")
        self.fresh()
        self.assertEqual(w.login()[-1], "OK")
        names = [text.removeprefix("verb ") for text in own.ask("help")[:-1]]
        self.assertGreater(len(names), 12)
        for verb in names:
            if verb not in ("login", "logout", "challenge"):
                said = own.ask(verb)
                self.assertRegex(said[-1], r"^(OK$|NO )", verb)
        printed = own.seen.decode().lower()
        for canary in ("aabbccddeeff", "aa:bb", "home", "clinic.example", "127.0.0.1", "120", "tech", "doc", str(w.way.port), "123456"):
            self.assertNotIn(canary, re.sub(r"ht1:[a-z2-7. \r\nmore>]*|[a-z2-7]{69}|sbom [0-9a-f ]*|serial [0-9a-f ]*|hash8 .*", "", printed), canary)
        for verb in ("cat /etc/passwd", "sh", "ca install", "key export", "reading list", "config set"):
            self.assertEqual(own.ask(verb), ["NO unknown-verb. Next: type 'help'."])
        own.pull()
        w.wait("the session is over", lambda: any("by=cable" in detail for _, detail in w.audit()))
        own.plug()
        own.prompt()
        self.assertEqual(own.ask("queue")[-1].split(".")[0], "NO no-session")

    def test_risk(self):
        """What the clinic makes of known vulnerabilities is shown with its age; without it nothing is shown as zero."""
        w = self.world
        w.login(verbs="risk")
        self.assertIn("known vulnerabilities unknown", self.serial.ask("risk"))
        version = w.play("risk")
        w.wait_config(state="in-use", used=version)
        said = self.serial.ask("risk")
        self.assertEqual(said[-1], "OK")
        said = "\n".join(said)
        self.assertIn("known vulnerabilities 23, actual 4, internal 3, unproven 0, closed 16\n", said)
        self.assertIn("components installed 58, loaded 41, exposed 17\n", said)
        self.assertRegex(said, r"as of \d+d.*, state old, of this image (no|unknown)\n")
        self.assertIn("0badcafe", said)

    def test_second_person(self):
        """Without a button on the board a verb that changes something takes two people; the machine is asked to start anew."""
        w = self.world
        self.assertEqual(w.login()[-1], "OK")
        self.assertEqual(self.serial.ask("reboot"), ["NO second-person. Next: ask the clinic for a token that two people signed."])
        self.serial.ask("logout")
        self.assertEqual(w.login(by="sec+tech")[-1], "OK")
        self.assertEqual(self.serial.ask("reboot"), ["OK"])
        self.assertEqual(w.running.pop("hubd").wait(20), 133)


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=3))
