#!/usr/bin/python3
"""test_root_io.py - the clinic goes over to another root, and no hub is visited for it.

usage: test_root_io.py [BUILD] [Root.NAME]      as test_renewal_io.py, and of its Calendar
"""
import concurrent.futures
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

import test_enrol_hub
import test_renewal_io
from test_renewal_io import BUNDLE_DUE_DAYS, Calendar, DUE_DAYS, HUB

PARTS = ("root", "server", "enrol")


class Root(unittest.TestCase):
    """Each with a clinic and a hub of its own."""

    def setUp(self):
        self.world = Calendar()
        self.addCleanup(self.world.close)

    check_readings = test_renewal_io.Renewal.check_readings
    check_key = test_renewal_io.Renewal.check_key

    def live(self):
        w = self.world
        w.live()
        w.measure()
        w.wait("the reading", w.all_are_there)
        self.first = self.root()

    def keys(self, step, *words, code=0):
        return self.world.ctl("keys", step, self.world.dir, "root", *words, code=code)

    def restart(self, name="clinicd"):
        self.world.kill(name)
        self.world.start(name)

    def der(self, name, folder=None):
        return subprocess.run(["openssl", "x509", "-in", (folder or self.world.dir) / name, "-outform", "DER"], stdout=subprocess.PIPE,
                              check=True).stdout

    def root(self):
        return self.der("root.crt")

    def has_root(self, root):
        """Is it that of both files that the hub keeps of its clinic?"""
        return all(root in (self.world.hub / folder / "clinic.trust").read_bytes() for folder in ("coap", "hubd"))

    def config(self):
        return json.loads(self.world.ctl("status", self.world.dir, "home", "--json").splitlines()[0])["config"]

    def in_use(self):
        """The config that the clinic wants is in use at the hub."""
        w = self.world
        w.hurry("the configuration", lambda: self.config()["used"] == self.config()["wanted"], 60)

    def one_more(self):
        """A reading comes through."""
        w = self.world
        w.measure()
        w.hurry("a reading", w.all_are_there, 120)

    def counts(self, what):
        return f"clinic-root counts={what}" in self.world.log("hub-coap")

    def move(self):
        """The next root in use, shown by clinicd."""
        before = [self.der(f"{name}.crt") for name in PARTS]
        self.keys("use")
        for name, was in zip(PARTS, before):
            self.assertNotEqual(self.der(f"{name}.crt"), was)
        for name in PARTS[1:]:
            subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", self.world.dir / "root.crt", self.world.dir / f"{name}.crt"],
                           check=True, stdout=subprocess.DEVNULL)
        self.restart()

    def dropped(self):
        """No root but the new one, on both sides."""
        w = self.world
        self.keys("drop")
        self.restart()
        w.hurry("the hub has gone over", lambda: self.has_root(self.root()), 60)
        self.assertNotEqual(self.root(), self.first)
        w.wait("it is said", lambda: "trust-followed" in w.log("hubd"))
        self.assertNotIn("server-identity", w.log("hubd"))

    def renews(self, days=DUE_DAYS):
        w = self.world
        before = w.active()
        w.pass_days(days)
        w.hurry("the renewal", lambda: w.renewed(before))

    def test_to_another_root(self):
        """Announced, used, dropped; the hub renews its certificate in the middle of it and at its end, and nothing is lost."""
        w = self.world
        self.live()
        self.assertIn("keys use", self.keys("next"))
        self.in_use()
        w.wait("both", lambda: self.counts("both"))
        self.assertTrue(self.has_root(self.first))
        self.one_more()
        self.move()
        self.one_more()
        self.renews()
        self.one_more()
        self.dropped()
        self.one_more()
        self.renews()
        self.one_more()
        for name in HUB:
            w.kill(name)
        w.ble.socket.close()
        w.ble = None
        (w.top / "run" / "store-ble").unlink(missing_ok=True)
        w.start_hub()
        self.one_more()
        self.check_readings()
        self.check_key()
        self.assertEqual(json.loads(w.ctl("keys", "show", w.dir, "--json"))["root"]["state"], "one")
        # and once more, to a third one
        self.first = self.root()
        self.keys("next")
        self.in_use()
        self.move()
        self.one_more()
        self.dropped()
        self.one_more()

    def test_off_meanwhile(self):
        """It is off from before the announcement until the other root is in use, and its certificate ends in that time: the root
        that it has vouches for the other one. Without it nobody drops the root before."""
        w = self.world
        self.live()
        before = w.active()
        w.switch_off()
        self.keys("next")
        self.move()
        self.assertIn("home", self.keys("drop", code=1))
        w.pass_days(test_renewal_io.LIFE_DAYS + 10)
        w.switch_on()
        w.wait("it is refused", lambda: "what=handshake" in w.log("hubd"))
        w.pass_s(3700)  # an hour of refusals, which begins with the first of them
        w.hurry("the renewal", lambda: w.renewed(before))
        self.one_more()
        self.in_use()
        w.wait("both", lambda: self.counts("both"))
        self.dropped()
        self.one_more()
        self.check_readings()

    def test_back(self):
        """The clinic takes it back, and goes on later."""
        w = self.world
        self.live()
        self.keys("next")
        self.in_use()
        self.move()
        self.one_more()
        self.keys("back")
        self.assertEqual(self.root(), self.first)
        self.restart()
        self.one_more()
        self.assertTrue(self.has_root(self.first))
        self.move()
        self.one_more()
        self.dropped()
        self.one_more()
        self.check_readings()
        self.assertEqual(w.renewals(), 0)

    def test_nobody_shows_it(self):
        """Told to drop the root before while the clinic's server does not show the other one: the hub tries, and goes back."""
        w = self.world
        self.live()
        self.keys("next")
        self.in_use()
        keep = w.top / "keep"
        shutil.copytree(w.dir, keep)
        self.keys("use")  # clinicd is as it was: it shows the certificate of the root before
        self.keys("drop")
        w.hurry("the trial", lambda: self.counts("the-next-one-on-trial"), 30)
        self.assertTrue(self.has_root(self.first))
        w.pass_s(15 * 60 + 1)
        w.hurry("both again", lambda: w.log("hub-coap").count("counts=both") >= 2, 60)
        w.measure()
        w.hurry("a reading", w.all_are_there, 60)
        self.assertTrue(self.has_root(self.first))
        self.restart()
        w.hurry("the hub has gone over", lambda: self.has_root(self.root()), 600)
        self.one_more()
        self.check_readings()

    def test_foreign_root(self):
        """Whoever has the key for configs has not the root's: the hub says which field it does not take."""
        w = self.world
        self.live()
        for what in ("root", "cross"):
            subprocess.run([test_enrol_hub.BUILD / "tests/io/play_config", w.dir, "home", what], check=True, timeout=60,
                           stdout=subprocess.DEVNULL, env={"ASAN_OPTIONS": "detect_leaks=0"})
            w.hurry("it is refused", lambda: self.config()["refused"] == self.config()["wanted"], 60)
            self.assertIn("field 'root' is bad", self.config()["refusal"])
        self.assertTrue(self.has_root(self.first))
        self.assertFalse(self.counts("both"))
        self.one_more()
        self.keys("next")
        self.in_use()
        w.wait("both", lambda: self.counts("both"))

    def kill_at(self, program, step, log):
        """It dies once at this step of the way to the other root."""
        w = self.world
        if step.encode() not in (test_enrol_hub.BUILD / program).read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        self.live()
        self.keys("next")
        self.in_use()
        self.move()
        self.one_more()
        w.kill(program)
        w.start(program, HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(w.top / "once"))
        victim = w.running.pop(program)
        self.keys("drop")
        self.restart()

        def died():
            for what in (signal.SIGSTOP, signal.SIGCONT):  # as pass_s, which wakes only those that are to live
                victim.send_signal(what)
            return victim.poll() is not None

        w.measure()
        w.hurry(f"the kill at {step}", died, 60)
        self.assertEqual(victim.returncode, -signal.SIGKILL)
        w.start(program)
        w.hurry("the hub has gone over", lambda: self.has_root(self.root()), 60)
        w.wait("it is said", lambda: log in w.log("hubd"))
        self.one_more()
        self.renews()
        self.one_more()
        self.check_readings()

    def test_kill_hub(self):
        self.kill_at("hub-coap", "coap.anchor.between", "trust-followed")

    def test_kill_hubd(self):
        self.kill_at("hubd", "hubd.trust.follow", "trust-followed")

    def test_bundle(self):
        """A hub that was added by hand: its certificate is the root's own, so it has to renew before that is dropped."""
        w = self.world
        w.live_by_bundle()
        self.one_more()
        self.first = self.root()
        self.keys("next")
        self.in_use()
        self.move()
        self.one_more()
        self.assertIn("has signed the certificate of: home", self.keys("drop", code=1))
        self.renews(BUNDLE_DUE_DAYS)
        self.one_more()
        self.dropped()
        self.assertFalse((w.hub / "coap/root.crt").exists())
        self.one_more()
        self.renews()
        self.one_more()
        self.check_readings()


def one(name):
    """One test in a process of its own: most of its time is spent waiting."""
    done = subprocess.run([sys.executable, __file__, test_enrol_hub.BUILD, f"Root.{name}"], text=True, timeout=900,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f"ok {name}" if done.returncode == 0 else f"FAILED {name}\n{done.stdout}", flush=True)
    return done.returncode


def all_at_once():
    """All tests; returns the exit code."""
    names = unittest.defaultTestLoader.getTestCaseNames(Root)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return 1 if any(list(pool.map(one, names))) else 0


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and pathlib.Path(sys.argv[1]).is_dir():
        test_enrol_hub.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    if len(sys.argv) > 1:
        unittest.main()
    sys.exit(all_at_once())
