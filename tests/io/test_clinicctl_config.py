#!/usr/bin/env python3
"""A hub's configuration as a person sees and changes it: 'clinicctl config show' and 'clinicctl config edit'.

    test_clinicctl_config.py [BUILD]      as test_clinicctl.py
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import test_clinicctl
from test_clinicctl import Clinic as Base

CUFF = "bp,AA:BB:CC:DD:EE:FF,passkey=012345,user=1"
SCALE = "weight,any,justworks,user=2,consent=0042,history=all,serial=S-1"


class Clinic(Base):
    def setUp(self):
        super().setUp()
        self.init()
        self.ctl(0, "hub", "add", self.dir, "kitchen", "--out", self.out, "--device", CUFF, "--device", SCALE,
                 "--utc-offset", 60, "--dst-change", "2027-03-28T01:00Z,120")
        self.kept = self.dir / "edit-kitchen.json"

    def show(self):
        return json.loads(self.ctl(0, "config", "show", self.dir, "kitchen", "--json").stdout)

    def edit(self, want, script, answers="", *args):
        """With an editor that is a line of sed, or a program of its own; answers are typed."""
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "config", "edit", self.dir, "kitchen", *args], text=True,
                              timeout=60, input=answers, capture_output=True, cwd=self.top, check=False,
                              env={**os.environ, "VISUAL": "", "EDITOR": f"sed -i '{script}'"})
        self.assertEqual(done.returncode, want, f"{script}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr


class Show(Clinic):
    def test_all_but_secrets(self):
        text = self.ctl(0, "config", "show", self.dir, "kitchen").stdout
        for words in ("Configuration 1 of hub 'kitchen'", "heartbeat      300 s", "60 min, then 2027-03-28T01:00Z,120",
                      "device 1       bp,AA:BB:CC:DD:EE:FF,passkey=******,user=1\n",
                      "device 2       weight,any,justworks,user=2,consent=****,history=all,serial=S-1\n",
                      "endpoint       name=clinic.example,", "pairing window number 1, 10 minutes",
                      "configuration 1 waits for the hub to fetch it"):
            self.assertIn(words, text)
        for secret in ("012345", "0042"):
            self.assertNotIn(secret, text)
            self.assertNotIn(secret, json.dumps(self.show()["devices"]))
        shown = self.show()
        self.assertEqual((shown["version"], shown["heartbeat_s"], shown["assignment"]), (1, 300, 1))
        self.assertEqual(shown["config"]["state"], "on-its-way")
        self.assertEqual(shown["pairing_window"], {"number": 1, "device": 0, "minutes": 10, "repair": False})

    def test_usage(self):
        for args in ((), ("look",), ("show",), ("show", self.dir), ("show", self.dir, "kitchen", "more"),
                     ("show", self.dir, "kitchen", "--colour"), ("edit", self.dir), ("edit", self.dir, "kitchen", "--colour")):
            self.ctl(64, "config", *args)
        for verb in ("show", "edit"):
            self.ctl(66, "config", verb, self.dir, "attic")
            self.ctl(66, "config", verb, self.top, "kitchen")
        self.assertIn("clinicctl config edit", self.ctl(0, "config", "--help").stdout)


class Times(Clinic):
    """When somebody should measure, and when nobody may be asked to."""

    def write(self, **changed):
        """The text as it is, with fields replaced, in a file for --from; the text comes from an edit that fails."""
        self.edit(1, "s/300/301/", "n\n")
        text = json.loads(self.kept.read_text())
        self.kept.unlink()
        text.update(heartbeat_s=300, **changed)
        path = self.top / "edit.json"
        path.write_text(json.dumps(text))
        return path

    def test_there_and_back(self):
        shown = self.show()
        self.assertEqual((shown["plan"], shown["ask_to_measure"], shown["quiet_hours"]), ({}, True, []))
        path = self.write(plan={"2": "every 3 d", "1": "08:00,20:00"}, ask_to_measure=False, quiet_hours=["22:00-07:00", "13:00-14:30"])
        self.ctl(0, "config", "edit", self.dir, "kitchen", "--from", path, "--yes")
        shown = self.show()
        self.assertEqual((shown["version"], shown["ask_to_measure"], shown["quiet_hours"]), (2, False, ["22:00-07:00", "13:00-14:30"]))
        self.assertEqual(shown["plan"], {"2": "every 72 h", "1": "08:00,20:00"})
        text = self.ctl(0, "config", "show", self.dir, "kitchen").stdout
        for words in ("plan           device 1: 08:00,20:00\n", "plan           device 2: every 72 h\n",
                      "asking         nobody is asked to measure\n", "quiet hours    22:00-07:00\n"):
            self.assertIn(words, text)
        # another patient has no plan until somebody makes one
        self.ctl(0, "assign", self.dir, "kitchen", "--patient", "P-2", "--user", "1=3", "--user", "2=3,consent=0043")
        self.assertEqual((self.show()["plan"], self.show()["quiet_hours"][:1]), ({}, ["22:00-07:00"]))

    def test_limits(self):
        self.assertEqual(self.show()["limits"], {})
        path = self.write(limits={"temperature": "..39.5", "systolic": "90..180", "SpO2": "92.0.."})
        self.ctl(0, "config", "edit", self.dir, "kitchen", "--from", path, "--yes")
        self.assertEqual(self.show()["limits"], {"systolic": "90..180", "SpO2": "92..", "temperature": "..39.5"})
        self.assertIn("  limits         systolic: 90..180 mmHg\n", self.ctl(0, "config", "show", self.dir, "kitchen").stdout)
        # another patient has none until somebody sets them
        self.ctl(0, "assign", self.dir, "kitchen", "--patient", "P-2", "--user", "1=3", "--user", "2=3,consent=0043")
        self.assertEqual(self.show()["limits"], {})

    def test_no_place_for_a_name(self):
        for changed, words in (({"plan": {"1": "Maria Smith 08:00"}}, "'plan', device 1: neither times of the day"),
                               ({"plan": {"1": "08:00 Maria"}}, "'plan', device 1"), ({"plan": {"1": "20:00,08:00"}}, "ascending"),
                               ({"plan": {"1": "every 0 h"}}, "'plan', device 1"), ({"plan": {"1": "every 745 h"}}, "'plan', device 1"),
                               ({"plan": {"1": "every 32 d"}}, "'plan', device 1"), ({"plan": {"1": ""}}, "'plan', device 1"),
                               ({"plan": {"1": "24:00"}}, "'plan', device 1"), ({"plan": {"1": "08:60"}}, "'plan', device 1"),
                               ({"plan": {"9": "08:00"}}, "there is no device 9"), ({"plan": {"Maria": "08:00"}}, "is not a device's number"),
                               ({"plan": []}, "'plan' is not an object"), ({"ask_to_measure": "at tea"}, "'ask_to_measure'"),
                               ({"quiet_hours": ["when Maria sleeps"]}, "'quiet_hours'"), ({"quiet_hours": ["22:00-22:00"]}, "'quiet_hours'"),
                               ({"quiet_hours": ["22:00-07:00 born 1950"]}, "'quiet_hours'"), ({"quiet_hours": "22:00-07:00"}, "'quiet_hours'"),
                               ({"quiet_hours": 5 * ["01:00-02:00"]}, "at most 4"),
                               ({"limits": ["Maria"]}, "'limits' is not an object"), ({"limits": {"Maria": "1..2"}}, "a vital sign"),
                               ({"limits": {"pulse": "Maria"}}, "'limits', \"pulse\""), ({"limits": {"pulse": "9..8"}}, "'limits', \"pulse\""),
                               ({"limits": {"pulse": 8}}, "'limits', \"pulse\""),
                               ({"note": "Maria Smith, born 1950"}, "'note' is no field"), ({"patient": "Maria"}, "'patient' is no field")):
            with self.subTest(str(changed)):
                said = self.ctl(64, "config", "edit", self.dir, "kitchen", "--from", self.write(**changed), "--yes").stderr
                self.assertIn(words, said)
        self.assertEqual(self.show()["version"], 1)


class Edit(Clinic):
    def test_change(self):
        text = self.edit(0, "s/300/60/; s/,user=1\"/,user=sole\"/", "y\n")
        self.assertEqual(re.findall(r"(?m)^[-+] .*$", text),
                         ['- \t"heartbeat_s": 300,', '+ \t"heartbeat_s": 60,',
                          '- \t\t"1": "bp,AA:BB:CC:DD:EE:FF,passkey=012345,user=1",',
                          '+ \t\t"1": "bp,AA:BB:CC:DD:EE:FF,passkey=012345,user=sole",'])
        self.assertIn("Configuration 2 of hub 'kitchen' is signed", text)
        shown = self.show()
        self.assertEqual((shown["version"], shown["heartbeat_s"], shown["assignment"]), (2, 60, 1))
        self.assertEqual(shown["devices"]["1"], "bp,AA:BB:CC:DD:EE:FF,passkey=******,user=sole")
        self.assertEqual(shown["pairing_window"]["number"], 1)
        self.assertEqual(shown["config"]["wanted"], 2)
        self.assertFalse(self.kept.exists())

    def test_nothing(self):
        self.assertIn("Nothing was changed", self.edit(0, ""))
        self.assertEqual(self.show()["version"], 1)
        self.assertFalse(self.kept.exists())

    def test_everything_can_be_said(self):
        """What is given out is taken back as it is; and each field can be another."""
        self.edit(0, "s/^\\t\"heartbeat_s.*/\\t\"heartbeat_s\": 65535,/; s/\": 60,/\": -720,/; s/\"2027-03-28T01:00Z,120\"/null/;"
                     " s/^\\t\\t\"2\":.*/\\t\\t\"7\": \"hr,11:22:33:44:55:66\\/random,justworks,user=0,serial=a" + 6 * "\\" + "\"b\"/;"
                     " s/^\\t\\t\"name=.*/\"address=2001:db8::7\", \"name=clinic.example,port=5699,profile=1.2,weight=100\"/", "y\n")
        shown = self.show()
        self.assertEqual((shown["heartbeat_s"], shown["utc_offset_min"], shown["utc_offset_change"]), (65535, -720, None))
        self.assertEqual(shown["devices"]["7"], 'hr,11:22:33:44:55:66/random,justworks,user=0,serial=a\\"b')
        self.assertEqual([re.sub(",pin=.*", "", e) for e in shown["endpoints"]],
                         ["name=clinic.example,address=2001:db8::7,port=5684,profile=1.3,weight=1",
                          "name=clinic.example,port=5699,profile=1.2,weight=100"])
        self.assertIn("Nothing was changed", self.edit(0, ""))

    def test_no(self):
        for answers in ("n\n", "", "\n"):
            text = self.edit(1, "s/300/60/", answers)
            self.assertIn(f"The edit is kept in {self.kept}", text)
            self.assertEqual(self.kept.stat().st_mode & 0o777, 0o600)
            self.assertIn("there, from an edit", self.edit(73, "s/300/60/"))
            self.assertEqual(self.show()["version"], 1)
            self.kept.unlink()

    def test_mistakes_are_named_and_kept(self):
        for script, words in (
                ("s/300/9/", "'heartbeat_s' is not a whole number from 10 to 65535"),
                ("s/300/10.5/", "'heartbeat_s' is not a whole number"), ("s/300/1e99/", "'heartbeat_s' is not a whole number"),
                ("s/300/\"300\"/", "'heartbeat_s' is not a whole number"),
                ("s/: 60,/: 841,/", "'utc_offset_min' is not a whole number from -720 to 840"),
                ("s/03-28T/13-28T/", "'utc_offset_change' is neither null nor"),
                ("s/passkey=012345/passkey=12345/", "'devices', device 1: passkey= takes the six digits"),
                ("s/passkey=012345/passkey=******/", "'devices', device 1: passkey= takes the six digits"),
                ("s/\"2\":/\"1\":/", "device 1 is there twice"), ("s/\"2\":/\"two\":/", "\"two\" is not a device"),
                ("s/weight,any/weight,AA:BB:CC:DD:EE:FF/", "1 and 2 have the same address"),
                ("s/name=/host=/", "'endpoints', number 1: "), ("/name=/d", "'endpoints' is not a list of one endpoint"),
                ("s/name=clinic.example/name=other.example/;s/,pin=[0-9a-f]*//", "server.crt has the name clinic.example"),
                ("s/heartbeat_s/heart_s/", "'heart_s' is no field"), ("/utc_offset_min/d", "'utc_offset_min' is missing"),
                ("/heartbeat/p", "'heartbeat_s' is there twice"), ("s/kitchen/hall/", "'hub' is not \"kitchen\""),
                ("s/\"version\": 1/\"version\": 2/", "'version' is not 1"), ("4s/,$//", "line 5: this is not JSON"),
                ("1d", "this is not JSON"), ("s/.*//", "this is not JSON")):
            with self.subTest(words):
                text = self.edit(64, script, "n\n")
                self.assertIn(words, text)
                self.assertIn(f"--from {self.kept}", text)
                self.assertTrue(self.kept.exists())
                self.kept.unlink()
        self.assertEqual(self.show()["version"], 1)

    def test_again(self):
        """A mistake, then another go on the same text."""
        editor = self.top / "editor"
        editor.write_text("#!/bin/sh\nif grep -q '\"heartbeat_s\": 9,' \"$1\"; then sed -i 's/ 9,/ 90,/' \"$1\"; "
                          "else sed -i 's/ 300,/ 9,/' \"$1\"; fi\n")
        editor.chmod(0o755)
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "config", "edit", self.dir, "kitchen"], text=True,
                              input="y\ny\n", capture_output=True, timeout=60, check=False,
                              env={**os.environ, "VISUAL": str(editor), "EDITOR": "false"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.show()["heartbeat_s"], 90)

    def test_from(self):
        self.edit(64, "s/300/9/", "n\n")
        self.kept.write_text(self.kept.read_text().replace(" 9,", " 99,"))
        text = self.edit(0, "", "", "--from", str(self.kept), "--yes", "--out", "new.cose")
        self.assertIn(f"Delete {self.kept}", text)
        self.assertIn("copy new.cose over", text)
        self.assertEqual(self.show()["heartbeat_s"], 99)
        self.assertEqual((self.top / "new.cose").stat().st_mode & 0o777, 0o600)
        # the same text is of an older version now
        self.assertIn("'version' is not 2", self.edit(64, "", "", "--from", str(self.kept), "--yes"))
        self.edit(66, "", "", "--from", str(self.top / "none"))
        (self.top / "zero").write_bytes(b"{\0}")
        self.edit(66, "", "", "--from", str(self.top / "zero"))
        (self.top / "long").write_bytes(b" " * 65537)
        self.edit(66, "", "", "--from", str(self.top / "long"))

    def test_changed_meanwhile(self):
        """Somebody else signs while the editor is open."""
        editor = self.top / "editor"
        editor.write_text(f"#!/bin/sh\nsed -i 's/ 300,/ 90,/' \"$1\"\n{test_clinicctl.BUILD}/clinicctl hub pair-window {self.dir} "
                          "kitchen all >/dev/null\n")
        editor.chmod(0o755)
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "config", "edit", self.dir, "kitchen", "--yes"], text=True,
                              capture_output=True, timeout=60, check=False,
                              env={**os.environ, "VISUAL": "", "EDITOR": str(editor)})
        self.assertEqual(done.returncode, 1)
        self.assertIn("was changed meanwhile", done.stderr)
        self.assertTrue(self.kept.exists())
        self.assertEqual((self.show()["version"], self.show()["heartbeat_s"]), (2, 300))

    def test_editor_fails(self):
        self.edit(1, "s/(/")
        self.assertTrue(self.kept.exists())
        self.assertEqual(self.show()["version"], 1)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
