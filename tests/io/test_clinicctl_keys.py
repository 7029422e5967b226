#!/usr/bin/env python3
"""The clinic's keys as they change: 'clinicctl keys', killed at each step, and what the keys before still open.

    test_clinicctl_keys.py [BUILD]      as test_clinicctl.py
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import unittest

import test_clinicctl
from test_clinicctl import Clinic as Base

STEPS = ("clinicctl.keys.next", "clinicctl.keys.half", "clinicctl.keys.copied", "clinicctl.keys.removed")
SEAL_STEPS = ("clinicctl.keys.next", "clinicctl.seal.kept", "clinicctl.seal.half", "clinicctl.seal.moved",
              "clinicctl.keys.removed")


class Clinic(Base):
    def setUp(self):
        super().setUp()
        self.init()
        self.add()

    def show(self):
        return json.loads(self.ctl(0, "keys", "show", self.dir, "--json").stdout)

    def config(self, hub="kitchen"):
        return json.loads(self.ctl(0, "config", "show", self.dir, hub, "--json").stdout)

    def pins(self, hub="kitchen"):
        """Of the one endpoint of its configuration."""
        return [p[4:] for p in self.config(hub)["endpoints"][0].split(",") if p.startswith("pin=")]

    def files(self, *names):
        return [(self.dir / n).read_bytes() for n in names]

    def keys(self, *args):
        return sorted(p.name for p in self.dir.iterdir() if p.name.split(".")[0].startswith(args))

    def killed(self, step, *args):
        """One run that is killed at its first such step; False if it does not come there."""
        once = self.top / f"once-{len(list(self.top.glob('once-*')))}"
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", *map(str, args)], capture_output=True, timeout=60, check=False,
                              env={**os.environ, "HUB_FAILPOINT": step, "HUB_FAILPOINT_ONCE": str(once)})
        self.assertEqual(once.exists(), done.returncode == -signal.SIGKILL, f"{step} {args}: {done}")
        return once.exists()


class Server(Clinic):
    def test_from_one_to_the_next(self):
        first = self.show()["server"]["pins"]
        self.assertEqual(self.pins(), first)
        before = self.files("server.key", "server.crt")
        text = self.ctl(0, "keys", "next", self.dir, "server").stdout
        self.assertIn("1 hubs have a new configuration", text)
        shown = self.show()
        self.assertEqual((shown["server"]["state"], shown["hubs"], shown["behind_names"]), ("announced", 1, ["kitchen"]))
        both = shown["server"]["pins"]
        self.assertEqual(both[:1], first)
        self.assertEqual(self.pins(), both)
        self.assertEqual(self.files("server.key", "server.crt"), before)
        # once more: nothing is made, nobody is told again
        self.assertIn("0 hubs have a new configuration", self.ctl(0, "keys", "next", self.dir, "server").stdout)
        self.assertEqual((self.show()["server"]["pins"], self.config()["version"]), (both, 2))
        # a hub that is added now knows both, and a change of its endpoints keeps them
        self.add("attic", out=self.top / "attic")
        self.assertEqual(self.pins("attic"), both)
        self.ctl(0, "hub", "endpoints", self.dir, "attic", "--set", "address=192.0.2.11")
        self.assertEqual(self.pins("attic"), both)
        trust = self.top / "clinic.trust"
        self.ctl(0, "trust", self.dir, "-o", trust)
        self.assertIn(both[1], self.ctl(0, "trust", "show", trust).stdout)
        # no hub has said that it knows
        refused = self.ctl(1, "keys", "use", self.dir, "server").stderr
        self.assertIn("2 of 2 hubs have not said that they know it: attic, kitchen", refused)
        self.assertEqual(self.files("server.key", "server.crt"), before)
        self.ctl(0, "keys", "use", self.dir, "server", "--anyway")
        after = self.files("server.key", "server.crt")
        self.assertEqual((self.show()["server"]["state"], self.show()["server"]["pins"]), ("used", both[::-1]))
        self.assertNotEqual(after, before)
        self.assertEqual(self.pins(), both)
        # there and back
        self.ctl(0, "keys", "back", self.dir, "server")
        self.assertEqual(self.files("server.key", "server.crt"), before)
        self.assertEqual(self.show()["server"]["state"], "announced")
        self.ctl(66, "keys", "back", self.dir, "server")
        self.ctl(0, "keys", "use", self.dir, "server", "--anyway")
        self.assertEqual(self.files("server.key", "server.crt"), after)
        self.ctl(73, "keys", "next", self.dir, "server")
        # the end
        self.ctl(1, "keys", "drop", self.dir, "server")
        self.assertEqual(self.pins(), both)
        self.ctl(0, "keys", "drop", self.dir, "server", "--anyway")
        self.assertEqual((self.pins(), self.pins("attic")), (both[1:], both[1:]))
        self.assertEqual(self.show()["server"], {"state": "one", "pins": both[1:]})
        self.assertEqual(self.keys("server"), ["server.crt", "server.key"])
        self.ctl(64, "keys", "drop", self.dir, "server")
        self.ctl(66, "keys", "use", self.dir, "server")

    def test_other_servers_stay(self):
        """An endpoint that is another server, by its pin, is nobody's business here."""
        other = "ab" * 32
        self.ctl(0, "hub", "endpoints", self.dir, "kitchen", "--add", f"name=other.example,pin={other}")
        self.ctl(0, "keys", "next", self.dir, "server")
        shown = [e for e in self.config()["endpoints"] if "other.example" in e]
        self.assertEqual([p for e in shown for p in e.split(",") if p.startswith("pin=")], [f"pin={other}"])

    def test_killed(self):
        """At any step: the key in use has its certificate after the run that finishes it, and no key is lost."""
        for what in ("server", "enrol"):
            self.ctl(0, "keys", "next", self.dir, what)
            for verb, end in (("use", "used"), ("back", "announced"), ("use", "used")):
                want = self.files(*(f"{what}-{'next' if verb == 'use' else 'old'}.{e}" for e in ("key", "crt")))
                stays = self.files(f"{what}.key", f"{what}.crt")
                kills = 0
                # past what is done a run comes to the next step of that name
                for step in ("clinicctl.keys.half", "clinicctl.keys.copied", "clinicctl.keys.half", "clinicctl.keys.copied",
                             "clinicctl.keys.removed"):
                    args = ("keys", verb, self.dir, what, *(("--anyway",) if verb == "use" else ()))
                    kills += self.killed(step, *args)
                    have = [p.read_bytes() for p in self.dir.glob(f"{what}*.key")]
                    self.assertTrue(want[0] in have and stays[0] in have)
                    if (self.dir / f"{what}-{'next' if verb == 'use' else 'old'}.crt").exists():
                        continue
                    break
                self.assertGreaterEqual(kills, 4)
                self.assertEqual(self.files(f"{what}.key", f"{what}.crt"), want)
                self.assertEqual(self.show()[what]["state"], end)
                other = f"{what}-{'old' if verb == 'use' else 'next'}"
                self.assertEqual(self.files(f"{other}.key", f"{other}.crt"), stays)
                for stale in (self.dir / f"{what}-{'next' if verb == 'use' else 'old'}.key",):
                    stale.unlink(missing_ok=True)  # a key whose certificate is gone is made anew
        self.assertTrue(self.killed("clinicctl.keys.removed", "keys", "drop", self.dir, "server", "--anyway"))
        self.assertEqual(self.show()["server"]["state"], "one")
        self.assertEqual(len(self.pins()), 1)
        # a next one that was not whole is made anew
        self.assertTrue(self.killed("clinicctl.keys.next", "keys", "next", self.dir, "server"))
        self.assertEqual(self.show()["server"]["state"], "one")
        self.ctl(0, "keys", "next", self.dir, "server")
        self.assertEqual(len(self.pins()), 2)

    def test_drop_cut_short(self):
        """Hubs that a run before has told already are not asked once more: 'do the same again' is enough."""
        for what in ("server", "root"):
            self.ctl(0, "keys", "next", self.dir, what)
            self.ctl(0, "keys", "use", self.dir, what, "--anyway")
            self.assertIn("have not said", self.ctl(1, "keys", "drop", self.dir, what).stderr)
            self.assertTrue(self.killed("clinicctl.keys.told", "keys", "drop", self.dir, what, "--anyway"))
            self.assertEqual(self.show()[what]["state"], "used")
            version = self.config()["version"]
            again = self.ctl(0 if what == "server" else 1, "keys", "drop", self.dir, what)
            self.assertNotIn("have not said", again.stderr)
            if what == "root":  # another question, of the certificate of a hub that was added by hand
                self.assertIn("certificate of: kitchen", again.stderr)
                self.ctl(0, "keys", "drop", self.dir, what, "--anyway")
            self.assertEqual((self.show()[what]["state"], self.config()["version"]), ("one", version))
            self.assertEqual(self.show()["behind_names"], ["kitchen"])  # it has said nothing yet

    def test_usage(self):
        for args in ((), ("look",), ("show",), ("next", self.dir), ("next", self.dir, "colour"), ("use", self.dir, "seal", "more"),
                     ("show", self.dir, "--colour"), ("back", self.dir, "seal"), ("drop", self.dir, "seal")):
            self.ctl(64, "keys", *args)
        for args in (("show", self.top), ("next", self.top, "server"), ("next", self.top, "seal"), ("use", self.top, "seal")):
            self.ctl(66, "keys", *args)


class Root(Clinic):
    """What hubs make of it is in test_root_io.py."""

    def certified(self):
        """The server's certificate and the CA's are below the root in use, and nobody's pin has changed."""
        for name in ("server.crt", "enrol.crt"):
            subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", self.dir / "root.crt", self.dir / name], check=True,
                           capture_output=True)
        self.assertEqual(self.pins(), self.first_pins)

    def test_killed(self):
        """At each step: done again, it comes to the same end; the key of no root is lost."""
        if b"clinicctl.root.next" not in pathlib.Path(test_clinicctl.BUILD, "clinicctl").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        self.first_pins = self.pins()
        self.assertTrue(self.killed("clinicctl.root.next", "keys", "next", self.dir, "root"))
        self.assertEqual(self.show()["root"]["state"], "one")
        self.assertEqual(self.config()["version"], 1)
        self.ctl(0, "keys", "next", self.dir, "root")
        self.assertEqual((self.show()["root"]["state"], self.config()["version"], self.show()["behind"]), ("announced", 2, 1))
        self.assertIn("already", self.ctl(0, "keys", "next", self.dir, "root").stdout)
        for verb, end in (("use", "used"), ("back", "announced"), ("use", "used")):
            other = "root-next" if verb == "use" else "root-old"
            want, stays = self.files(f"{other}.key", f"{other}.crt"), self.files("root.key", "root.crt")
            for _ in range(2):  # with one set of files copied, with both
                self.assertTrue(self.killed("clinicctl.root.copied", "keys", verb, self.dir, "root"))
                have = [p.read_bytes() for p in self.dir.glob("root*.key")]
                self.assertTrue(want[0] in have and stays[0] in have)
                self.assertEqual((self.show()["root"]["state"], self.show()["behind"]), ("moving", 1))
            self.ctl(0, "keys", verb, self.dir, "root")
            self.assertEqual((self.show()["root"]["state"], self.files("root.key", "root.crt")), (end, want))
            self.certified()
        self.assertIn("kitchen", self.ctl(1, "keys", "drop", self.dir, "root").stderr)
        self.assertIn("certificate of: kitchen", self.ctl(0, "keys", "drop", self.dir, "root", "--anyway").stderr)
        self.assertEqual(self.show()["root"]["state"], "one")
        self.assertEqual((self.show()["behind"], self.show()["behind_names"]), (1, ["kitchen"]))
        self.assertTrue(self.show()["root"]["dropped"])
        self.assertRegex(self.ctl(0, "keys", "show", self.dir).stdout, r"(?s)root     no change; the one before is dropped\n.*"
                         r"0 of 1 hubs have said that they know all this\.\nNot yet: kitchen\n")
        self.assertEqual(list(self.dir.glob("root-old*")), [])
        self.certified()
        self.ctl(0, "keys", "next", self.dir, "server")  # below the root in use
        self.ctl(0, "keys", "use", self.dir, "server", "--anyway")
        subprocess.run(["openssl", "verify", "-CAfile", self.dir / "root.crt", self.dir / "server.crt"], check=True,
                       capture_output=True)
        # a hub that is added now has the root in use, and is told of no other
        self.add(name="hall", out=self.top / "second")
        self.assertEqual((self.top / "second/coap/root.crt").read_bytes(), (self.dir / "root.crt").read_bytes())

    def test_hubs_of_the_ca_before(self):
        """The other change is not at its end: certificates of the CA before are good for weeks, below the next root, too."""
        self.ctl(0, "keys", "next", self.dir, "enrol")
        self.ctl(0, "keys", "use", self.dir, "enrol")
        key = self.files("enrol-old.key")
        then = (self.dir / "enrol-old.crt").stat().st_mtime - 86400
        os.utime(self.dir / "enrol-old.crt", (then, then))
        self.ctl(0, "keys", "next", self.dir, "root")
        self.ctl(0, "keys", "use", self.dir, "root")
        self.assertEqual(self.files("enrol-old.key"), key)
        subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", self.dir / "root.crt", self.dir / "enrol-old.crt"],
                       check=True, capture_output=True)
        self.assertIn("until 1 days ago", self.ctl(1, "keys", "drop", self.dir, "enrol").stderr)

    def test_there_is_none(self):
        for verb in ("use", "back"):
            self.ctl(66, "keys", verb, self.dir, "root")
        self.ctl(64, "keys", "drop", self.dir, "root")
        self.ctl(66, "keys", "next", self.top, "root")


class People(Base):
    """A clinic without hubs."""

    def setUp(self):
        super().setUp()
        self.init()

    def test_people_elsewhere(self):
        """The certificate of who asks from elsewhere is of the root before: 'drop' names them first."""
        for name in ("ann", "sue"):
            self.ctl(0, "person", "add", self.dir, name, "--role", "clinician", "--out", self.top / name, "--port", 1)
        self.ctl(0, "person", "add", self.dir, "tom", "--role", "technician", "--login", "daemon")
        self.ctl(0, "person", "revoke", self.dir, "sue")
        self.ctl(0, "keys", "next", self.dir, "root")
        self.ctl(0, "keys", "use", self.dir, "root")
        self.ctl(0, "person", "add", self.dir, "eve", "--role", "auditor", "--out", self.top / "eve", "--port", 1)
        refused = self.ctl(1, "keys", "drop", self.dir, "root").stderr
        self.assertIn("certificate of the person: ann\n", refused)
        self.assertIn("Make each of them another folder", refused)
        said = self.ctl(0, "keys", "drop", self.dir, "root", "--anyway").stderr
        self.assertIn("certificate of the person: ann\n", said)
        self.assertEqual(list(self.dir.glob("root-old*")), [])

    def test_renewed_below_the_next_root(self):
        """Nobody is in the way of a drop who has another certificate since."""
        self.ctl(0, "person", "add", self.dir, "ann", "--role", "clinician", "--out", self.top / "ann", "--port", 1)
        self.ctl(0, "keys", "next", self.dir, "root")
        self.ctl(0, "keys", "use", self.dir, "root")
        self.assertIn("person: ann\n", self.ctl(1, "keys", "drop", self.dir, "root").stderr)
        self.ctl(0, "person", "renew", self.dir, "ann", "--out", self.top / "again", "--port", 1)
        self.assertEqual((self.top / "again/root.crt").read_bytes(), (self.dir / "root.crt").read_bytes())
        self.ctl(0, "keys", "drop", self.dir, "root")


class Enrol(Clinic):
    def test_old_certificates_are_good_for_a_while(self):
        self.ctl(0, "keys", "next", self.dir, "enrol")
        self.assertEqual(self.show()["enrol"]["state"], "announced")
        self.assertEqual(self.config()["version"], 1)  # hubs need not know
        self.ctl(0, "keys", "use", self.dir, "enrol")
        self.assertIn("good for 90", self.ctl(1, "keys", "drop", self.dir, "enrol").stderr)
        old = self.dir / "enrol-old.crt"
        then = old.stat().st_mtime - 90 * 86400 - 60
        os.utime(old, (then, then))
        self.ctl(0, "keys", "drop", self.dir, "enrol")
        self.assertEqual(self.keys("enrol"), ["enrol.crt", "enrol.key"])


class Seal(Clinic):
    def readings(self):
        """By hub and number: those that open; the exit status is 1, as one of play_hub never does."""
        done = self.ctl(1, "readings", self.dir, "--json").stdout
        return {(r["hub"], r["seq"]) for r in map(json.loads, done.splitlines()) if "seq" in r and "error" not in r}

    def test_both_open(self):
        self.run_it(0, "tests/io/play_hub", self.dir, self.out)
        first = self.readings()
        self.assertGreater(len(first), 10)
        self.assertIn("1 hubs have a new configuration", self.ctl(0, "keys", "next", self.dir, "seal").stdout)
        shown = self.config()
        self.assertEqual((shown["version"], shown["sealing_key"], shown["next_sealing_key"]), (2, 1, 2))
        self.assertEqual(self.readings(), first)
        self.ctl(0, "keys", "use", self.dir, "seal")
        shown = self.config()
        self.assertEqual((shown["version"], shown["sealing_key"], shown["next_sealing_key"]), (3, 2, None))
        self.assertEqual(self.show()["seal"], {"key": 2, "next": None})
        self.assertEqual(self.keys("seal"), ["seal-1.key", "seal.key", "seal.pub"])
        # one that seals to the other key
        attic = self.top / "attic"
        self.add("attic", out=attic)
        self.run_it(0, "tests/io/play_hub", self.dir, attic)
        both = self.readings()
        self.assertEqual({seq for hub, seq in both if hub == "kitchen"}, {seq for hub, seq in both if hub == "attic"})
        self.assertEqual({r for r in both if r[0] == "kitchen"}, first)
        # without the key of before its readings are listed, with the reason
        (self.dir / "seal-1.key").rename(self.top / "elsewhere")
        self.assertEqual({hub for hub, _ in self.readings()}, {"attic"})
        self.assertIn("sealed to another key than seal.key and those before it",
                      self.ctl(1, "readings", self.dir, "--hub", "kitchen").stdout)
        (self.top / "elsewhere").rename(self.dir / "seal-7.key")  # the number in it counts, not the name
        self.assertEqual(self.readings(), both)

    def test_private_key_elsewhere(self):
        """The machine that signs configurations need not have it."""
        (self.dir / "seal.key").rename(self.top / "seal.key")
        self.ctl(0, "keys", "next", self.dir, "seal")
        (self.dir / "seal-next.key").rename(self.top / "seal-2.key")
        self.ctl(0, "keys", "use", self.dir, "seal")
        self.assertEqual(self.keys("seal"), ["seal.pub"])
        self.assertEqual(self.config()["sealing_key"], 2)

    def test_killed(self):
        """Whatever was sealed opens after each kill, and the next run ends where it should."""
        self.run_it(0, "tests/io/play_hub", self.dir, self.out)
        first = self.readings()
        kills = 0
        for number in (2, 3):
            for step in SEAL_STEPS:
                verb = "next" if step.endswith("next") else "use"
                kills += self.killed(step, "keys", verb, self.dir, "seal")
                self.assertEqual(self.readings(), first)
                if verb == "next":
                    self.ctl(0, "keys", "next", self.dir, "seal")
            self.ctl(0, "keys", "use", self.dir, "seal")
            shown = self.config()
            self.assertEqual((shown["sealing_key"], shown["next_sealing_key"]), (number, None))
            (self.dir / "seal-next.key").unlink(missing_ok=True)
        self.assertEqual(kills, 2 * len(SEAL_STEPS))
        self.assertEqual(self.keys("seal"), ["seal-1.key", "seal-2.key", "seal.key", "seal.pub"])


if __name__ == "__main__":
    if len(sys.argv) > 1 and pathlib.Path(sys.argv[1]).is_dir():
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
