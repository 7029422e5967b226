#!/usr/bin/env python3
"""What came of hubs, through clinicd's door: readings leave it sealed and are opened by whoever has the key, numbers are
accounted for, and what people decide is written down under the name that was proved.

    test_door_records.py [BUILD]      as test_clinicctl.py
"""
import json
import pathlib
import shutil
import sys
import unittest

import test_clinicctl
import test_door

VERBS = (["readings"], ["readings", "--json", "--raw"], ["held"], ["held", "--json"], ["held", "kitchen", "--journal"],
         ["held", "kitchen", "--journal", "--json"], ["gaps", "kitchen"], ["gaps", "kitchen", "--json"])


class Door(test_door.Clinic):
    def setUp(self):
        test_door.Base.setUp(self)
        self.init_here()
        self.add()
        self.fill()
        self.serve()
        self.ann = self.person("ann", "clinician")

    def fill(self):
        self.run_it(0, "tests/io/play_hub", self.dir, self.out)

    def give_key(self, way):
        shutil.copy(self.dir / "seal.key", way)

    def say(self, way, verb, *more):
        """Output and exit code."""
        done = test_door.subprocess.run([test_clinicctl.BUILD / "clinicctl", verb, way, *more], capture_output=True, text=True,
                                        timeout=60, cwd=self.top)
        return done.stdout.replace(str(way), "CLINIC"), done.returncode

    def json(self, way, verb, *more):
        return [json.loads(line) for line in self.say(way, verb, *more, "--json")[0].splitlines()]


class Readings(Door):
    def test_each_way_says_the_same(self):
        self.give_key(self.ann)
        for verb, *more in VERBS:
            here = self.say(self.dir, verb, *more)
            self.assertEqual(self.say(self.ann, verb, *more), here, verb)
            if verb in ("readings", "gaps"):
                more += ["--seal-key", self.dir]
            self.assertEqual(self.say(self.door, verb, *more), here, verb)
        self.assertIn("128/82 mmHg", self.say(self.ann, "readings")[0])

    def test_without_the_key_they_stay_sealed(self):
        want = {r["seq"] for r in self.json(self.dir, "readings")}
        for way in (self.ann, self.door):
            text, code = self.say(way, "readings")
            self.assertEqual(code, 1)
            self.assertNotIn("mmHg", text)
            self.assertIn("NOT OPENED: sealed, and no sealing key is at hand", text)
            got = self.json(way, "readings")
            self.assertGreaterEqual({r["seq"] for r in got}, want)
            self.assertTrue(all("error" in r for r in got))
        self.ctl(66, "readings", self.ann, "--seal-key", self.top)
        self.ctl(66, "gaps", self.ann, "kitchen", "--seal-key", self.top)

    def test_what_leaves_clinicd_is_sealed(self):
        """The bytes on the socket, as anybody who asks gets them."""
        s = test_door.socket.socket(test_door.socket.AF_UNIX)
        s.settimeout(60)
        self.addCleanup(s.close)
        s.connect(str(self.door))
        body = b"\xa3\x00\x01\x01\x0d\x02\x67kitchen"
        s.sendall(len(body).to_bytes(4, "big") + body)
        got = b""
        while len(got) < 4 or len(got) < 4 + int.from_bytes(got[:4], "big"):
            got += s.recv(65536)
        self.assertEqual(got[4:7], b"\x83\x01\x00")
        self.assertGreater(len(got), 2000)
        self.assertNotIn(bytes.fromhex("1e800052006100"), got)

    def test_no_such_hub(self):
        for verb in (["readings", "--hub", "attic"], ["gaps", "attic"], ["held", "attic"],
                     ["held", "attic", "--release", "--reason", "x"]):
            for way in (self.ann, self.door):
                self.assertIn("there is no hub 'attic'", self.ctl(66, verb[0], way, *verb[1:]).stderr)

    def test_roles(self):
        ways = {role: self.person(role, role) for role in ("technician", "security", "auditor")}
        for way in ways.values():
            self.give_key(way)
            self.ctl(77, "readings", way)
            self.ctl(77, "readings", way, "--recovered")
            self.ctl(77, "held", way, "--open")
            self.assertEqual(self.say(way, "gaps", "kitchen"), self.say(self.dir, "gaps", "kitchen"))
        self.ctl(77, "held", ways["technician"])
        self.ctl(77, "held", ways["technician"], "--journal")
        for role in ("security", "auditor"):
            self.ctl(0, "held", ways[role])
            self.ctl(0, "held", ways[role], "--journal")
        self.ctl(77, "held", ways["auditor"], "kitchen", "--release", "--reason", "x")
        refused = {(line["person"], line["asked"]) for line in self.record() if line["result"] == "refused"}
        self.assertEqual(refused, {("technician", "readings"), ("technician", "recovered"), ("technician", "held-readings"),
                                   ("technician", "held"), ("technician", "journal"), ("security", "readings"),
                                   ("security", "recovered"), ("security", "held-readings"), ("auditor", "readings"),
                                   ("auditor", "recovered"), ("auditor", "held-readings"), ("auditor", "held-settle")})


class Held(Door):
    def fill(self):
        self.ctl(0, "hub", "suspend", self.dir, "kitchen", "--reason", "lid was open")
        self.run_it(0, "tests/io/play_hub", self.dir, self.out)

    def test_decided_through_the_door(self):
        self.give_key(self.ann)
        for verb, *more in VERBS:
            self.assertEqual(self.say(self.ann, verb, *more), self.say(self.dir, verb, *more), verb)
        opened = self.say(self.ann, "held", "kitchen", "--open")
        self.assertEqual(opened, self.say(self.dir, "held", "kitchen", "--open"))
        self.assertIn("128/82 mmHg", opened[0])
        self.assertNotIn("mmHg", self.say(self.door, "held", "kitchen", "--open")[0])
        self.assertEqual(self.say(self.door, "held", "kitchen", "--open", "--seal-key", self.ann), opened)
        self.assertIn("still held", self.ctl(0, "hub", "resume", self.ann, "kitchen", "--by", "somebody else").stdout)
        self.assertIn("is active already", self.ctl(0, "hub", "resume", self.ann, "kitchen").stdout)
        self.assertEqual(self.json(self.ann, "held", "kitchen", "--discard", "--numbers", "20-21", "--reason", "not hers"),
                         [{"hub": "kitchen", "discarded": 2, "left": {}}])
        self.assertIn("18 records of hub kitchen are filed", self.ctl(
            0, "held", self.door, "kitchen", "--release", "--reason", "looked at", "--by", "nurse K").stdout)
        self.assertIn("nothing was changed", self.ctl(0, "held", self.ann, "kitchen", "--release", "--reason", "x").stdout)
        self.assertEqual([(j["who"], j["act"], j["count"], j["why"]) for j in self.json(self.ann, "held", "--journal")][1:],
                         [("ann", "resumed", 0, "no reason given"), ("ann", "discarded", 2, "not hers"),
                          ("nurse K", "released", 18, "looked at")])
        self.assertEqual(self.say(self.ann, "gaps", "kitchen"), self.say(self.dir, "gaps", "kitchen"))

    def test_an_assignment_is_withdrawn(self):
        self.ctl(66, "hub", "withdraw", self.ann, "kitchen", "2", "--reason", "x")
        self.ctl(0, "hub", "withdraw", self.ann, "kitchen", "1", "--reason", "lent to a neighbour")
        self.assertIn("nothing was changed", self.ctl(0, "hub", "withdraw", self.ann, "kitchen", "1", "--reason", "x").stdout)
        security = self.person("sec", "security")
        self.ctl(77, "hub", "withdraw", security, "kitchen", "1", "--reason", "x", "--undo")
        done = self.ctl(0, "hub", "withdraw", self.ann, "kitchen", "1", "--reason", "not lent", "--undo", "--json").stdout
        self.assertEqual(json.loads(done), {"hub": "kitchen", "assignment": 1, "state": "given", "changed": True})
        self.assertEqual([j["act"] for j in self.json(self.ann, "held", "--journal")],
                         ["suspended", "assignment-withdrawn", "assignment-given-again"])

    def test_suspended_by_whom(self):
        way = self.person("bob", "technician")
        self.ctl(77, "hub", "resume", way, "kitchen")
        self.assertEqual(json.loads(self.ctl(0, "hub", "resume", self.ann, "kitchen", "--json").stdout),
                         {"hub": "kitchen", "was": "suspended", "state": "active", "changed": True, "held": 20})
        self.assertEqual(json.loads(self.ctl(0, "hub", "suspend", self.door, "kitchen", "--reason", "x", "--json").stdout)["state"],
                         "suspended")


class Lost(Door):
    def test_lost_and_found(self):
        tom = self.person("tom", "technician")
        got = json.loads(self.ctl(0, "lost", tom, "kitchen", "--reason", "not in the flat", "--json").stdout)
        self.assertEqual((got["was"], got["state"], got["changed"]), ("active", "lost", True))
        self.assertIn("already", self.ctl(0, "lost", self.door, "kitchen", "--reason", "x").stdout)
        self.ctl(77, "lost", tom, "kitchen", "--reason", "x", "--undo")
        self.assertIn("suspended for review", self.ctl(0, "lost", self.ann, "kitchen", "--reason", "in a drawer", "--undo").stdout)
        self.assertIn("suspended already", self.ctl(0, "lost", self.ann, "kitchen", "--reason", "x", "--undo").stdout)
        self.ctl(66, "lost", self.ann, "attic", "--reason", "x")
        self.assertEqual([(j["who"], j["act"], j["why"]) for j in self.json(self.ann, "held", "--journal")],
                         [("tom", "lost", "not in the flat"), ("ann", "found", "in a drawer")])


class Days(Door):
    """Proofs, as test_clinicctl.Days has them."""

    def fill(self):
        self.run_it(0, "tests/io/play_days", self.dir, self.out, "forged")

    def test_gaps(self):
        self.give_key(self.ann)
        here = self.say(self.dir, "gaps", "kitchen", "--json")
        self.assertEqual(here[1], 1)
        self.assertEqual(self.say(self.ann, "gaps", "kitchen", "--json"), here)
        self.assertEqual(self.say(self.ann, "gaps", "kitchen"), self.say(self.dir, "gaps", "kitchen"))
        text, code = self.say(self.door, "gaps", "kitchen")
        self.assertEqual(code, 0)               # the numbers are here; the forgery is sealed
        self.assertIn("3 could not be opened: no sealing key is at hand", text)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
