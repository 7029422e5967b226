#!/usr/bin/env python3
"""Where a hub reaches the clinic, as a person says it: 'clinicctl hub add --endpoint' and 'clinicctl hub endpoints'.

    test_clinicctl_endpoints.py [BUILD]      as test_clinicctl.py
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import test_clinicctl
from test_clinicctl import DEVICE, Clinic as Base

PIN = "ab" * 32
FOUR = ["address=192.0.2.1", "address=2001:db8::1,port=5685", "name=clinic.example", "name=clinic.example,port=5685"]


class Clinic(Base):
    def hub(self, want, *endpoints):
        self.init()
        return self.ctl(want, "hub", "add", self.dir, "kitchen", "--out", self.out, "--device", DEVICE,
                        *(word for e in endpoints for word in ("--endpoint", e)))

    def change(self, want, *args, out="new.cose"):
        """--out is given anew each time; what a refused change leaves is looked at."""
        before = sorted(os.listdir(self.top)), self.shown() if want else None
        done = self.ctl(want, "hub", "endpoints", self.dir, "kitchen", *args, *(["--out", out] if out else []))
        if want:
            self.assertEqual((sorted(os.listdir(self.top)), self.shown()), before)
        return done

    def shown(self):
        return json.loads(self.ctl(0, "hub", "endpoints", self.dir, "kitchen", "--json").stdout)

    def places(self):
        return sorted(((e["name"], e["address"], e["port"]) for e in self.shown()["endpoints"]), key=str)


class Add(Clinic):
    def test_default_is_the_clinic_itself(self):
        text = self.hub(0).stdout
        pin = self.shown()["endpoints"][0]["pins"][0]
        self.assertIn(f"name=clinic.example,address=192.0.2.10,port=5684,profile=1.3,weight=1,pin={pin}\n", text)
        self.assertEqual(self.places(), [("clinic.example", "192.0.2.10", 5684)])

    def test_clinic_without_an_address(self):
        text = self.ctl(0, "init", self.dir, "--name", "clinic.example", "--port", 5999, "--hub-ports",
                        "443,5685, 5900 - 5999").stdout
        self.assertIn("look up clinic.example, UDP port 5999", text)
        self.assertNotIn("address", (self.dir / "clinic.conf").read_text())
        self.add()
        self.assertEqual(self.places(), [("clinic.example", None, 5999)])

    def test_name_only_and_address_only(self):
        self.hub(0, "name=clinic.example", "address=2001:0db8:0::7,weight=100",
                 f"name=twin.example,port=5690,profile=1.2,weight=2,pin={PIN},pin={PIN[::-1]}")
        got = {e["port"] if e["port"] == 5690 else e["address"]: e for e in self.shown()["endpoints"]}
        self.assertEqual(set(got), {None, "2001:db8::7", 5690})
        own = got[None]["pins"]
        self.assertEqual(got["2001:db8::7"], {"name": "clinic.example", "address": "2001:db8::7", "port": 5684, "profile": "1.3",
                                              "weight": 100, "pins": own, "new": False})
        self.assertEqual(got[5690], {"name": "twin.example", "address": None, "port": 5690, "profile": "1.2", "weight": 2,
                                     "pins": [PIN, PIN[::-1]], "new": False})

    @unittest.skipUnless(subprocess.run(["which", "openssl"], capture_output=True).returncode == 0, "SKIP: no openssl")
    def test_pin_is_what_the_manual_says(self):
        """The command of the manual page gives the key that is the default."""
        self.hub(0)
        page = (pathlib.Path(__file__).parents[2] / "clinic/clinicctl.1").read_text()
        command = re.search(r"^\$ (openssl x509 [^\n]*(?:\n +[^\n]*)*sha256sum)", page, re.M).group(1).replace("\\e\n", "\\\n")
        said = subprocess.run(command, shell=True, cwd=self.dir, capture_output=True, text=True, check=True).stdout
        self.assertEqual([said.split()[0]], self.shown()["endpoints"][0]["pins"])

    def test_limits(self):
        self.hub(0, *FOUR)
        self.assertEqual(len(self.places()), 4)
        self.out = self.top / "second"
        five = [word for e in FOUR + ["address=192.0.2.5"] for word in ("--endpoint", e)]
        add = ("hub", "add", self.dir, "hall", "--out", self.out, "--device", DEVICE)
        self.assertIn("at most 4", self.ctl(64, *add, *five).stderr)
        for text, word in (("", "name="), ("address=::", "IPv4 or IPv6"), ("name=Clinic", "DNS name"), ("port=1", "say where"),
                           ("name=other.example", "server.crt has the name clinic.example"), ("name=clinic.example,pin=1", "64 hex")):
            said = self.ctl(64, *add, "--endpoint", text).stderr
            self.assertIn(word, said)
            self.assertIn(f"--endpoint '{text}'", said)
        # said in two ways, and the same
        self.assertIn("already", self.ctl(64, *add, "--endpoint", FOUR[0], "--endpoint",
                                          "name=clinic.example,port=5684,address=::ffff:192.0.2.1,weight=9").stderr)
        self.assertEqual(sorted(os.listdir(self.top)), ["bundle", "clinic"])


class Change(Clinic):
    def test_usage(self):
        self.hub(0, *FOUR[:2])
        for args in (("--add", FOUR[2], "--set", FOUR[2]), ("--set", FOUR[2], "--remove", "192.0.2.1"), ("--colour",), ("more",),
                     ("--show",), ("--add", ""), ("--remove", ""), ("--remove", "a b"), ("--remove", "clinic.example"), ()):
            self.change(64, *args)
        self.change(64, "--show", "--add", FOUR[2], out=None)
        self.ctl(64, "hub", "endpoints", self.dir)
        self.ctl(66, "hub", "endpoints", self.dir, "attic")
        self.ctl(66, "hub", "endpoints", self.dir, "attic", "--add", FOUR[2], "--out", "f")
        self.ctl(66, "hub", "endpoints", self.top, "kitchen")
        self.change(73, "--add", FOUR[2], out=self.top / "no" / "where")
        self.change(73, "--add", FOUR[2], out=self.out)
        self.assertEqual(self.shown()["config_version"], 1)

    def test_without_a_file(self):
        """Nothing is to be carried: the hub fetches it."""
        self.hub(0, FOUR[0])
        text = self.change(0, "--add", FOUR[2], out=None).stdout
        self.assertIn("The hub fetches it when it calls next", text)
        self.assertNotIn("config.cose", text)
        text = self.ctl(0, "hub", "pair-window", self.dir, "kitchen", "all").stdout
        self.assertIn("(configuration 3)", text)
        self.assertNotIn("config.cose", text)
        self.assertEqual(sorted(os.listdir(self.top)), ["bundle", "clinic"])
        self.assertIn("kitchen: configuration 3 waits for the hub to fetch it", self.ctl(0, "status", self.dir).stdout)

    def test_help_says_how_it_reaches_the_hub(self):
        text = self.ctl(0, "hub", "--help").stdout
        for word in ("hub endpoints", "/var/lib/hub/hubd/config.cose", "default the clinic's", "SPEC"):
            self.assertIn(word, text)

    def test_add_remove_set(self):
        self.hub(0, *FOUR[:2])
        text = self.change(0, "--add", FOUR[2] + ",weight=5", "--add", FOUR[3]).stdout
        self.assertEqual(len(re.findall(r"^  = ", text, re.M)), 2)
        self.assertEqual(len(re.findall(r"^  \+ name=clinic.example,port=", text, re.M)), 2)
        self.assertIn("configuration 2", text)
        self.assertIn("copy new.cose over\n/var/lib/hub/hubd/config.cose", text)
        self.assertIn("The hub fetches it when it calls next", text)
        self.assertEqual((self.top / "new.cose").stat().st_mode & 0o777, 0o600)
        self.change(73, "--add", "address=192.0.2.9")                   # never overwritten
        os.unlink(self.top / "new.cose")
        self.assertIn("at most 4", self.change(64, "--add", "address=192.0.2.9").stderr)
        self.assertIn("already", self.change(64, "--add", FOUR[0]).stderr)
        self.assertIn("no endpoint '192.0.2.9'", self.change(66, "--remove", "192.0.2.9").stderr)
        # full, and one for another
        text = self.change(0, "--remove", "192.0.2.1", "--add", "address=192.0.2.9").stdout
        self.assertRegex(text, r"(?m)^  - name=clinic.example,address=192.0.2.1,")
        self.assertEqual([a for _, a, _ in self.places() if a], ["192.0.2.9", "2001:db8::1"])
        os.unlink(self.top / "new.cose")
        self.change(0, "--set", FOUR[2])
        self.assertEqual(self.places(), [("clinic.example", None, 5684)])
        self.assertEqual(self.shown()["config_version"], 4)
        os.unlink(self.top / "new.cose")
        self.assertIn("exactly these", self.change(64, "--set", FOUR[2] + ",weight=1").stderr)
        self.assertIn("no endpoint left", self.change(64, "--remove", "clinic.example").stderr)

    def test_same_place_used_otherwise(self):
        """Weight or key changed: shown as one that goes and one that comes; the last may be replaced by its like."""
        self.hub(0)
        text = self.change(0, "--set", "address=192.0.2.10,weight=2").stdout
        self.assertEqual(re.findall(r"^  ([-+=]) .*weight=(\d+)", text, re.M), [("+", "2"), ("-", "1")])
        os.unlink(self.top / "new.cose")
        self.change(0, "--remove", "192.0.2.10:5684", "--add", f"address=192.0.2.10,pin={PIN}")
        self.assertEqual(self.shown()["endpoints"][0]["pins"], [PIN])

    def test_json(self):
        self.hub(0, *FOUR[:2])
        done = self.change(0, "--remove", "192.0.2.1", "--add", FOUR[2], "--json")
        said = json.loads(done.stdout)
        self.assertEqual((said["hub"], said["config_version"], len(said["hub_id"])), ("kitchen", 2, 32))
        self.assertEqual(sorted((e["address"] or "", e["new"]) for e in said["endpoints"]), [("", True), ("2001:db8::1", False)])
        self.assertEqual([e["address"] for e in said["removed"]], ["192.0.2.1"])
        self.assertIn("copy new.cose over", done.stderr)

    def test_what_is_shown_can_be_typed(self):
        self.hub(0, *FOUR)
        before = self.shown()
        lines = re.findall(r"^  (name=\S+)$", self.ctl(0, "hub", "endpoints", self.dir, "kitchen", "--show").stdout, re.M)
        self.assertEqual(len(lines), 4)
        os.rename(self.out, self.top / "first")
        self.ctl(0, "hub", "add", self.dir, "hall", "--out", self.out, "--device", DEVICE.replace("FF", "01"),
                 *(word for line in lines for word in ("--endpoint", line)))
        after = json.loads(self.ctl(0, "hub", "endpoints", self.dir, "hall", "--json").stdout)

        def plain(shown):
            return sorted(map(str, shown["endpoints"]))
        self.assertEqual(plain(before), plain(after))

    def test_hubd_takes_it(self):
        """From the command line to the hub, and after a pairing window the endpoints are still there."""
        self.hub(0, FOUR[0])
        window = ("hub", "pair-window", self.dir, "kitchen", 1, "--out", "new.cose")
        hub = test_clinicctl.Hubd(self)
        hub.wait("config-taken version=1 epoch=1 devices=1 endpoints=1")
        for version, step in ((2, lambda: self.change(0, "--add", FOUR[2], "--add", FOUR[1])), (3, lambda: self.ctl(0, *window))):
            step()
            os.replace(self.top / "new.cose", self.out / "hubd/config.cose")
            hub.wait(f"config-taken version={version} epoch=1 devices=1 endpoints=3")
        hub.end()


class Ports(Clinic):
    """A hub that is told of a port which its packet filter does not let out would lock itself: nobody is told of one by mistake."""
    FILTER = ("5684-5699", "locks itself", "ports.nft", "hub-ports")

    def conf(self, old, new):
        path = self.dir / "clinic.conf"
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def check_words(self, text, port):
        for word in (f"UDP port {port}", *self.FILTER):
            self.assertIn(word, text)

    def test_init(self):
        init = ("init", self.dir, "--name", "clinic.example")
        for port in (5683, 5700):
            self.check_words(self.ctl(64, *init, "--port", port).stderr, port)
        self.ctl(64, *init, "--hub-ports", "443,5700")
        for text in ("", ",", "5684,", "0", "65536", "5699-5684", "5684-", "-5684", "5684 5685", "x", "1," * 64):
            self.assertIn("--hub-ports", self.ctl(64, *init, "--hub-ports", text).stderr)
        self.assertFalse(self.dir.exists())
        self.ctl(0, *init, "--port", 5699)
        self.assertNotIn("hub-ports", (self.dir / "clinic.conf").read_text())

    def test_other_image(self):
        """Said once, and every verb goes by it; clinicd reads it, too."""
        self.ctl(0, "init", self.dir, "--name", "clinic.example", "--address", "192.0.2.10", "--port", 443, "--hub-ports", "443,5685")
        self.assertIn("\nhub-ports = 443,5685\n", (self.dir / "clinic.conf").read_text())
        self.add()
        self.assertIn("(it has 443,5685)", self.change(64, "--add", "address=192.0.2.1,port=5684").stderr)
        self.change(0, "--add", "address=192.0.2.1,port=5685")
        self.assertNotIn("packet filter", self.ctl(0, "status", self.dir).stdout)

    def test_said_for_a_new_hub(self):
        for at, spec in enumerate(("address=192.0.2.1,port=5700", "name=clinic.example,port=5683")):
            self.out = self.top / f"out{at}"
            add = ("hub", "add", self.dir, f"hall{at}", "--out", self.out, "--device", DEVICE)
            if at == 0:
                self.init()
            said = self.ctl(64, *add, "--endpoint", spec).stderr
            self.check_words(said, spec[-4:])
            self.assertIn(f"--endpoint '{spec}'", said)
            self.assertFalse(self.out.exists())

    def test_written_down(self):
        """clinic.conf was changed by hand: nothing new is made by it, and status says so, with hubs and without."""
        self.init()
        for old, new, port in (("port = 5684", "port = 5800", 5800), ("port = 5684", "port = 5684\nenrol = 5801", 5801)):
            self.conf(old, new)
            self.check_words(self.ctl(0, "status", self.dir).stdout, port)
            said = self.ctl(1, "hub", "add", self.dir, "hall", "--out", self.out, "--device", DEVICE).stderr
            self.check_words(said, port)
            self.assertFalse(self.out.exists())
            self.check_words(self.ctl(1, "trust", self.dir, "-o", "clinic.trust").stderr, port)
            self.conf(new, old)
        self.assertNotIn("packet filter", self.ctl(0, "status", self.dir).stdout)
        # hubs renew at 5685 unless something else is said
        self.conf("port = 5684", "port = 5684\nhub-ports = 5684")
        self.assertIn("enrol in clinic.conf", self.ctl(1, "trust", self.dir, "-o", "clinic.trust").stderr)

    def test_a_hub_that_is_there(self):
        self.hub(0, *FOUR[:2])
        self.check_words(self.change(64, "--add", "address=192.0.2.1,port=5700").stderr, 5700)
        self.check_words(self.change(64, "--set", "name=clinic.example,port=80").stderr, 80)
        text = json.loads(self.ctl(0, "config", "show", self.dir, "kitchen", "--json").stdout)
        self.assertIsNone(json.loads(self.ctl(0, "status", self.dir, "--json").stdout)["bad_port"])
        # its image lets it through, and later does not any more: what it has may stay, what comes anew may not
        self.conf("port = 5684", "port = 5684\nhub-ports = 5684-5700")
        self.change(0, "--add", "address=192.0.2.1,port=5700")
        self.conf("\nhub-ports = 5684-5700", "")
        said = self.ctl(0, "status", self.dir).stdout
        self.assertIn("kitchen: its configuration names UDP port 5700", said)
        self.check_words(said, 5700)
        self.assertEqual(json.loads(self.ctl(0, "status", self.dir, "--json").stdout)["bad_port"], 5700)
        self.ctl(0, "hub", "pair-window", self.dir, "kitchen", "all")
        os.unlink(self.top / "new.cose")
        self.check_words(self.change(64, "--add", "address=192.0.2.2,port=5701").stderr, 5701)
        self.change(0, "--remove", "192.0.2.1:5700")
        self.assertNotIn("packet filter", self.ctl(0, "status", self.dir).stdout)
        self.assertEqual(len(text["endpoints"]), 2)

    def test_edited(self):
        """In an editor, too; what was written is kept."""
        self.hub(0)
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "config", "edit", self.dir, "kitchen", "--yes"], text=True,
                              timeout=60, capture_output=True, cwd=self.top, check=False,
                              env={**os.environ, "VISUAL": "", "EDITOR": "sed -i s/port=5684/port=5700/"})
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
        self.check_words(done.stderr, 5700)
        self.assertIn("port=5700", (self.dir / "edit-kitchen.json").read_text())
        self.assertEqual(self.shown()["config_version"], 1)

    def test_trust(self):
        self.init()
        for option in ("--endpoint", "--enrol"):
            said = self.ctl(64, "trust", self.dir, "-o", "clinic.trust", option, "address=192.0.2.1,port=5700").stderr
            self.check_words(said, 5700)
            self.assertIn(option, said)
        self.assertFalse((self.top / "clinic.trust").exists())


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
