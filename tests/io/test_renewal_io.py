#!/usr/bin/python3
"""test_renewal_io.py - certificates are renewed in time, and a hub that comes too late comes back by itself.

usage: test_renewal_io.py [BUILD] [Renewal.NAME | Bundle.NAME]      BUILD holds the programs, for kills built with FAILPOINTS=1

As test_enrol_hub.py, and of its World: the real hubd, hub-store, hub-coap and clinicd, with certificates of 90 days. What
lets 90 days pass is tests/net/shift.so, one for the clocks of the hub, one for those of the clinic.
"""
import concurrent.futures
import json
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest

import test_enrol_hub
from test_enrol_hub import Ble, SERVER, World

DAY_S = 86400
LIFE_DAYS = 90
BUNDLE_DUE_DAYS = 535  # the same of two years
DUE_DAYS = 67  # two thirds of 91 days, up to a sixteenth more, and one of them before the beginning
HUB = ("hubd", "hub-store", "hub-coap")
# where hub-coap and clinicd are killed in a renewal, each once
HUB_STEPS = ("identity.key.between", "coap.enrol.kept", "coap.enrol.asked", "coap.enrol.answered", "identity.promote.between",
             "coap.enrol.use")
CLINIC_STEPS = ("clinic.enrol.received", "clinic.enrol.commit.before", "clinic.enrol.commit.after", "clinic.enrol.answer.before",
                "clinic.confirm.received", "clinic.confirm.answer.before")


class Clocks:
    """Of some programs: what is added to those that count from a start, and to the one that has dates."""

    def __init__(self, path):
        self.path, self.steps, self.wall = path, 0, 0
        self.write()

    def write(self):
        """In place: it is mapped."""
        with open(self.path, "r+b" if self.path.exists() else "wb") as f:
            f.write(struct.pack("=qq", self.steps, self.wall))

    def pass_s(self, seconds):
        """Time goes by."""
        self.steps += seconds
        self.wall += seconds
        self.write()


class Calendar(World):
    """A clinic and a hub whose days a test lets pass."""

    def __init__(self):
        super().__init__()
        self.clocks = {"hub": Clocks(self.top / "hub-clock"), "clinic": Clocks(self.top / "clinic-clock")}
        self.taken, self.measuring, self.number = [], None, 0

    def start(self, *names, **environment):
        for name in names:
            clock = self.clocks["clinic" if name == "clinicd" else "hub"].path
            super().start(name, **{"LD_PRELOAD": str(test_enrol_hub.BUILD / "tests/net/shift.so"), "HUB_TEST_CLOCK": str(clock),
                                   "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0", **environment})

    def pass_s(self, seconds):
        """Everywhere at once; whoever waits is woken, as nothing else would."""
        for clocks in self.clocks.values():
            clocks.pass_s(seconds)
        for process in self.running.values():
            process.send_signal(signal.SIGSTOP)
            process.send_signal(signal.SIGCONT)

    def pass_days(self, days):
        """As above."""
        self.pass_s(days * DAY_S)

    def hurry(self, what, condition, step_s=200):
        """As wait, but what waits between two tries need not be waited for: again and again a step passes at once, which is longer
        than whatever may be under way takes, each after a little more time in which that can come to its end."""
        pause = 1.5
        due = time.monotonic() + pause

        def looks():
            nonlocal pause, due
            if condition():
                return True
            if time.monotonic() > due:
                self.pass_s(step_s)
                pause += 0.5
                due = time.monotonic() + pause
            return False

        self.wait(what, looks)

    def switch_off(self):
        """The hub, at once."""
        for name in HUB:
            if name in self.running:
                self.kill(name)
        if self.ble:
            self.ble.socket.close()
        self.ble = None

    def switch_on(self, wall=None):
        """It counts from a new start; wall: seconds since 1970 that a clock without a battery shows."""
        if wall is not None:
            self.clocks["hub"].wall = wall - int(time.time())
            self.clocks["hub"].write()
        (self.hub / "hubd" / "enrolment").unlink(missing_ok=True)
        (self.top / "run" / "store-ble").unlink(missing_ok=True)
        self.start_hub()

    def live(self):
        """Enrolled, configured, with a patient."""
        self.start("clinicd")
        self.start_hub()
        self.claim()
        self.put_trust()
        self.wait_state("active", "none", "1")
        self.configure()
        self.wait("the config", lambda: "config-taken" in self.log("hubd"))

    def live_by_bundle(self):
        """Added by hand: it has its keys, its certificate and its first config from a folder, and never enrolled."""
        shutil.rmtree(self.hub)
        self.ctl("hub", "add", self.dir, "home", "--out", self.hub, "--heartbeat", "10", "--utc-offset", "0", "--pair-window", "0",
                 "--device", test_enrol_hub.DEVICE)
        self.start("clinicd")
        self.start_hub()
        self.wait("the config", lambda: "config-taken" in self.log("hubd"))

    def radio(self):
        """Stands for hub-ble; names of values are given once."""
        def connects():
            try:
                self.ble = self.ble or Ble(self)
            except OSError:
                return False
            self.ble.capture = self.number
            return True

        self.wait("hub-store's door", connects)
        return self.ble

    def measure(self, count=1):
        """Readings of a value each that are durable on the hub."""
        ble = self.radio()
        for _ in range(count):
            self.taken.append(bytes([0, 100 + len(self.taken) % 100, len(self.taken) // 100, 70, 0, 90, 0]))
            value = self.taken[-1]
            self.wait("hub-store takes a reading", lambda: ble.offer(value, 1))
            self.number = ble.capture

    def all_are_there(self):
        """Does the clinic have each reading?"""
        return len(self.readings()) >= len(self.taken)

    def row(self):
        """A hub that was added by hand has none before it first renews."""
        return super().row() or ["", "", "", "-", "-"]

    def active(self):
        """The clinic's word: key in use, e.g. '1a2b3c4d/1r'."""
        return self.row()[3]

    def renewed(self, before):
        """Is another key in use, and confirmed on both sides?"""
        row = self.row()
        return row[3] != before and row[4] == "-" and self.state()[:2] == ("active", "none")

    def wait_renewed(self, before):
        """Until then."""
        self.wait("the renewal", lambda: self.renewed(before))

    def renewals(self):
        """How many certificates hub-coap has put to use."""
        return self.log("clinicd").count("outcome=confirmed epoch=1 renewal=yes")


class Renewal(unittest.TestCase):
    """Each with a clinic and a hub of its own."""

    def setUp(self):
        self.world = Calendar()
        self.addCleanup(self.world.close)
        self.world.live()

    def check_readings(self):
        """Each once, and filed."""
        w = self.world
        w.wait("all readings", w.all_are_there)
        said = w.ctl("readings", w.dir, "--json", "--raw")
        for value in w.taken:
            self.assertEqual(said.count(value.hex()), 1, value.hex())
        self.assertEqual(len(w.readings()), len(w.taken))
        self.assertFalse(any("not_filed" in reading for reading in w.readings()))

    def check_key(self, epoch="1"):
        """One key in use, by renewal, none beside it."""
        state, at, _, active, issued = self.world.row()
        self.assertEqual((state, at, active.split("/")[1], issued), ("active", epoch, epoch + "r", "-"))

    def test_in_time(self):
        """Nobody asks before it is due; then another key is in use, and the readings of those seconds are all there, each once."""
        w = self.world
        w.measure()
        before = w.active()
        w.pass_days(DUE_DAYS - 10)
        w.measure()
        w.wait("a reading", w.all_are_there)
        self.assertEqual(w.active(), before)
        stop = threading.Event()

        def measure():
            while not stop.is_set():
                w.measure()

        thread = threading.Thread(target=measure)
        thread.start()
        try:
            w.wait("some readings", lambda: len(w.taken) > 3)
            w.pass_days(10)
            w.wait_renewed(before)
            count = len(w.taken)
            w.wait("more of them", lambda: len(w.taken) > count + 2)
        finally:
            stop.set()
            thread.join()
        self.check_readings()
        self.check_key()
        self.assertNotIn("renewal=no", w.log("clinicd").split("outcome=confirmed", 2)[-1])
        self.assertNotIn("incident", w.log("hubd"))

    def kill_at(self, program, steps):
        """It dies at one step of a renewal after the other, and is started again; what is measured meanwhile arrives."""
        w = self.world
        if steps[-1].encode() not in (test_enrol_hub.BUILD / program).read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        for step in steps:
            before, once = w.active(), w.top / f"once-{step}"
            w.kill(program)
            w.start(program, HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(once))
            w.pass_days(DUE_DAYS)
            w.measure()
            victim = w.running.pop(program)
            w.hurry(f"the kill at {step}", lambda v=victim: v.poll() is not None)
            self.assertEqual((victim.returncode, once.exists()), (-signal.SIGKILL, True), step)
            row = w.row()
            self.assertTrue(row[3] == before or row[4] == "-", f"{step}: {row}")  # one key that may upload
            w.measure()
            w.start(program)
            w.hurry("the renewal", lambda b=before: w.renewed(b))
        self.check_readings()
        self.check_key()
        self.assertEqual(w.log("hub-coap").count("enrolment-stuck"), 0)

    def test_hub_killed_asking(self):
        self.kill_at("hub-coap", HUB_STEPS[:3])

    def test_hub_killed_confirming(self):
        self.kill_at("hub-coap", HUB_STEPS[3:])

    def test_clinic_killed_issuing(self):
        """Before anything is kept, before and after the COMMIT, and with the answer on its way: it is lost."""
        self.kill_at("clinicd", CLINIC_STEPS[:4])

    def test_clinic_killed_confirming(self):
        """Before it is true, and with the answer on its way: it is lost."""
        self.kill_at("clinicd", CLINIC_STEPS[4:])

    def test_switched_off(self):
        """For longer than the certificate is good, on a board without a clock: readings are refused, the renewal is not."""
        w = self.world
        w.measure()
        w.wait("the reading", w.all_are_there)
        w.stop("clinicd")
        w.measure(2)
        before = w.active()
        w.switch_off()
        w.pass_days(LIFE_DAYS + 30)
        w.start("clinicd")
        w.switch_on(wall=0)
        w.wait("it is refused", lambda: "what=handshake" in w.log("hubd"))
        self.assertEqual((w.active(), len(w.readings())), (before, 1))
        w.pass_s(3700)  # an hour of refusals
        w.wait_renewed(before)
        self.check_readings()
        self.check_key()

    def test_out_of_reach(self):
        """The same, but the hub was on: it knows what day it is, and renews before it tries to send."""
        w = self.world
        w.measure()
        before = w.active()
        w.stop("clinicd")
        w.measure(2)
        w.pass_days(LIFE_DAYS + 30)
        w.hurry("it has tried", lambda: w.state()[1:2] == ("no-answer",))
        w.start("clinicd")
        w.hurry("the renewal", lambda: w.renewed(before))
        self.check_readings()
        self.check_key()

    def test_other_clinic(self):
        """Somebody else answers at the clinic's name and ports: nothing of the hub's goes there, and nothing is lost."""
        w = self.world
        w.measure()
        w.wait("the reading", w.all_are_there)
        before, right = w.active(), w.commands["clinicd"]
        other = w.top / "other"
        w.ctl("init", other, "--name", SERVER, "--address", "127.0.0.1", "--hub-ports", "1-65535", "--port", w.port)
        with open(other / "clinic.conf", "a", encoding="ascii") as conf:
            conf.write(f"enrol = {w.enrol_port}\n")
        w.stop("clinicd")
        w.commands["clinicd"] = [str(other) if word == w.dir else word for word in right]
        w.start("clinicd")
        w.pass_days(DUE_DAYS)
        w.measure()
        w.wait("it is refused by the hub", lambda: w.state()[1:2] == ("other-root",))
        self.assertNotIn("enrolment hub=", w.log("clinicd").rsplit("role=enrol", 1)[1])
        w.stop("clinicd")
        w.commands["clinicd"] = right
        w.start("clinicd")
        w.pass_s(1800)
        w.wait_renewed(before)
        self.check_readings()
        self.check_key()

    def test_other_ca(self):
        """The clinic's server itself is right, but signs with a CA that its root knows nothing of: the hub does not take that."""
        w = self.world
        w.measure()
        w.wait("the reading", w.all_are_there)
        before, other = w.active(), w.top / "other"
        w.ctl("init", other, "--name", SERVER, "--address", "127.0.0.1", "--hub-ports", "1-65535", "--port", w.port)
        ends = (".key", ".crt")
        for end in ends:
            shutil.move(w.dir / f"enrol{end}", w.top / f"right{end}")
            shutil.copy(other / f"enrol{end}", w.dir)
        shutil.copy(w.top / "right.crt", w.dir / "enrol-old.crt")  # what it has signed is good
        w.kill("clinicd")
        w.start("clinicd")
        w.pass_days(DUE_DAYS)
        w.hurry("it is not taken", lambda: "its CA is not one of this clinic" in w.log("hub-coap"))
        self.assertEqual((w.active(), w.state()[1]), (before, "other-root"))
        w.measure()
        w.wait("a reading by the certificate before", w.all_are_there)
        for end in ends:
            shutil.copy(w.top / f"right{end}", w.dir / f"enrol{end}")
        (w.dir / "enrol-old.crt").unlink()
        w.kill("clinicd")
        w.start("clinicd")
        w.hurry("the renewal", lambda: w.renewed(before), 6 * 3600)  # after five keys it waits a day
        self.check_readings()
        self.check_key()

    def test_server_key(self):
        """The clinic's server has another key than clinic.trust names: the hub knows it from its configuration, and renews."""
        w = self.world
        before = w.active()
        for step in ("next", "use", "drop"):
            w.ctl("keys", step, w.dir, "server", *(() if step == "next" else ("--anyway",)))
            w.kill("clinicd")
            w.start("clinicd")
            version = json.loads(w.ctl("status", w.dir, "home", "--json").splitlines()[0])["config"]["wanted"]
            w.hurry("the configuration", lambda v=version: f"config-taken version={v} " in w.log("hubd"))
        w.pass_days(DUE_DAYS)
        w.hurry("the renewal", lambda: w.renewed(before))
        self.check_key()

    def test_suspended(self):
        """It renews as long as its certificate is good, and what it sends is held; one that has ended is not renewed until the
        row is healed, and nobody has to go there for it."""
        w = self.world
        w.measure()
        w.wait("the reading", w.all_are_there)
        before = w.active()
        w.ctl("hub", "suspend", w.dir, "home", "--reason", "looked for")
        w.pass_days(DUE_DAYS)
        w.measure()
        w.wait("the renewal", lambda: w.row()[3] != before and w.row()[4] == "-")
        w.wait("what is held", lambda: "suspended" in w.ctl("held", w.dir, "home"))
        w.wait("the reading that is held", w.all_are_there)
        self.assertEqual((w.row()[0], ["not_filed" in r for r in w.readings()]), ("suspended", [False, True]))
        before = w.active()
        w.switch_off()
        w.pass_days(LIFE_DAYS + 30)
        w.switch_on()
        w.wait("it is refused", lambda: "what=handshake" in w.log("hubd"))
        w.pass_s(3700)
        w.wait("its renewal is refused", lambda: "reason=suspended" in w.log("clinicd"))
        self.assertEqual(w.active(), before)
        w.ctl("hub", "resume", w.dir, "home", "--reason", "was found")
        w.hurry("the renewal", lambda: w.renewed(before), 1800)
        w.ctl("held", w.dir, "home", "--release", "--reason", "looked at")
        self.check_readings()
        self.check_key()

    def test_other_epoch(self):
        """An old card is put in after the hub began another epoch: its key is dead, and the clinic names the epoch that will do."""
        w = self.world
        w.switch_off()
        shutil.copytree(w.hub, w.top / "card")
        (w.hub / "coap" / "current").unlink()  # lost
        w.switch_on()
        w.wait_state("active", "none", "2")
        w.switch_off()
        shutil.rmtree(w.hub)
        shutil.move(w.top / "card", w.hub)
        w.switch_on()
        w.wait("it is refused", lambda: "what=handshake" in w.log("hubd"))
        w.pass_s(3700)
        w.wait("its renewal is refused", lambda: w.state()[1:2] == ("turned-away",))
        w.hurry("another epoch", lambda: w.state() == ("active", "none", "3"))
        self.assertIn("code=4.09", w.log("hub-coap"))
        state, at, _, active, issued = w.row()
        self.assertEqual((state, at, active.split("/")[1], issued), ("active", "3", "3", "-"))


class Bundle(unittest.TestCase):
    """A hub of 'clinicctl hub add', whose first certificate is good for two years."""

    def setUp(self):
        self.world = Calendar()
        self.addCleanup(self.world.close)

    check_readings = Renewal.check_readings
    check_key = Renewal.check_key

    def test_bundle(self):
        """Two thirds of them: then it has one as every other hub, and renews that, too; each reading is there."""
        w = self.world
        w.live_by_bundle()
        w.measure()
        w.wait("the reading", w.all_are_there)
        before = w.active()
        w.pass_days(BUNDLE_DUE_DAYS - 60)
        w.measure()
        w.wait("a reading", w.all_are_there)
        self.assertEqual(w.active(), before)
        for days in (60, DUE_DAYS, DUE_DAYS, DUE_DAYS):  # longer than the first one was good
            before = w.active()
            w.pass_days(days)
            w.hurry("the renewal", lambda b=before: w.renewed(b))
            w.measure()
            w.wait("a reading", w.all_are_there)
        self.check_readings()
        self.check_key()
        self.assertFalse((w.hub / "coap/identity.key").exists())
        self.assertTrue((w.hub / "coap/current").exists())

    def test_older_bundle_by_config(self):
        """The same by the clinic's configuration, and nobody goes there."""
        w = self.world
        w.live_by_bundle()
        w.switch_off()
        for folder in ("coap", "hubd"):
            (w.hub / folder / "clinic.trust").unlink()
        w.switch_on()
        w.measure()
        w.wait("the reading", w.all_are_there)
        before = w.active()
        w.pass_days(BUNDLE_DUE_DAYS)
        w.measure()
        w.wait("a reading", w.all_are_there)
        self.assertEqual(w.active(), before)
        w.ctl("trust", w.dir, "--to-hubs")
        w.hurry("the renewal", lambda: w.renewed(before))
        self.assertTrue((w.hub / "hubd/clinic.trust").exists())
        w.measure()
        self.check_readings()
        self.check_key()

    def test_older_bundle(self):
        """One without clinic.trust, as they were: its certificate would end. The clinic's file on the boot partition mends that,
        another clinic's is not taken."""
        w, boot = self.world, self.world.top / "boot"
        boot.mkdir()
        w.live_by_bundle()
        w.switch_off()
        for folder in ("coap", "hubd"):
            (w.hub / folder / "clinic.trust").unlink()
        w.switch_on()
        w.measure()
        w.wait("the reading", w.all_are_there)
        before = w.active()
        w.pass_days(BUNDLE_DUE_DAYS)
        w.measure()
        w.wait("a reading", w.all_are_there)
        self.assertEqual(w.active(), before)
        w.ctl("init", w.top / "other", "--name", SERVER, "--address", "127.0.0.1")
        for folder, says in ((w.top / "other", "clinic-trust-ignored"), (w.dir, "clinic-trust-taken")):
            w.switch_off()
            (boot / "clinic.trust").unlink(missing_ok=True)
            w.ctl("trust", folder, "-o", boot / "clinic.trust", "--days", "3650")
            done = subprocess.run([test_enrol_hub.BUILD / "hub-setup", "--state", w.hub / "coap", "--boot", boot], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, timeout=60,
                                  env={"ASAN_OPTIONS": "detect_leaks=0"})
            self.assertIn(says, done.stdout)
            w.switch_on()
        w.hurry("the renewal", lambda: w.renewed(before))
        w.measure()
        self.check_readings()
        self.check_key()


def one(name):
    """One test in a process of its own: most of its time is spent waiting."""
    done = subprocess.run([sys.executable, __file__, test_enrol_hub.BUILD, name], text=True, timeout=900,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f"ok {name}" if done.returncode == 0 else f"FAILED {name}\n{done.stdout}", flush=True)
    return done.returncode


def all_at_once():
    """All tests; returns the exit code."""
    names = [f"{case.__name__}.{name}" for case in (Renewal, Bundle)
             for name in unittest.defaultTestLoader.getTestCaseNames(case)]
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        return 1 if any(list(pool.map(one, names))) else 0


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and pathlib.Path(sys.argv[1]).is_dir():
        test_enrol_hub.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    if len(sys.argv) > 1:
        unittest.main()
    sys.exit(all_at_once())
