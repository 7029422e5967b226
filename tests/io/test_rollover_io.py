#!/usr/bin/python3
"""test_rollover_io.py - the clinic's server gets another key, and no hub is lost over it.

usage: test_rollover_io.py [BUILD] [-s SEED] [Roll.NAME]      as test_config_io.py, and of its World
"""
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import test_config_io
from test_config_io import World


class Roll(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = World(emergency=self._testMethodName != "test_enrolment_ca")
        self.addCleanup(self.world.close)
        self.world.wait_config(state="in-use", wanted=1, used=1, proven=1)

    def keys(self, *args, code=0):
        return self.world.ctl("keys", args[0], self.world.dir, *args[1:], code=code)

    def state(self):
        return json.loads(self.keys("show", "--json"))

    def restart(self, name):
        self.world.kill(name)
        self.world.start(name)

    def heard(self):
        """A config that was made just now is in use: the hub was heard by the clinicd that runs."""
        version = self.world.window()
        self.world.wait_config(state="in-use", wanted=version, used=version, proven=version)
        return version

    def connections(self):
        return len(re.findall("uplink-up", self.world.log("hub-coap")))

    def test_server(self):
        """Announced, used, gone back, used, dropped; the hub makes a new connection, and needs no new config for it."""
        w = self.world
        before = self.state()["server"]["pins"]
        self.keys("next", "server")
        self.assertIn("1 of 1 hubs have not said", self.keys("use", "server", code=1))
        w.wait_config(state="in-use", wanted=2, used=2, proven=2)
        self.keys("use", "server")
        self.assertEqual(self.state()["server"]["pins"][1:], before)
        for step in ("the next one", "back"):
            with self.subTest(step):
                up = self.connections()
                self.restart("clinicd")
                w.wait("a connection to the other key", lambda: self.connections() > up)  # noqa: B023
                self.heard()
                self.keys("back" if step == "the next one" else "use", "server")
        self.restart("clinicd")
        self.heard()
        self.keys("drop", "server")
        version = w.config()["wanted"]
        w.wait_config(state="in-use", wanted=version, used=version, proven=version)
        self.restart("hub-coap")
        self.heard()
        self.assertEqual(len(self.state()["server"]["pins"]), 1)
        self.assertNotEqual(self.state()["server"]["pins"], before)
        self.assertNotIn("incident", w.log("hubd"))

    def test_away_for_the_change(self):
        """A hub that heard of the next key, and was off while it came into use, finds the clinic."""
        w = self.world
        self.keys("next", "server")
        w.wait_config(state="in-use", wanted=2, used=2, proven=2)
        for name in ("hub-coap", "hub-store", "hubd"):
            w.kill(name)
        self.keys("use", "server")
        self.restart("clinicd")
        for name in ("hubd", "hub-store", "hub-coap"):
            w.start(name)
        self.heard()
        self.assertNotIn("incident", w.log("hubd"))

    def test_never_heard_of_it(self):
        """One that was off from before the announcement calls in vain, until the key before is put back for it."""
        w = self.world
        w.kill("hub-coap")
        self.keys("next", "server")
        self.keys("use", "server", "--anyway")
        self.restart("clinicd")
        w.start("hub-coap")
        w.wait("it is refused by the hub", lambda: "incident by=coap what=server-identity" in w.log("hubd"))
        self.assertEqual(w.config()["used"], 1)
        self.assertEqual(self.state()["behind_names"], ["home"])
        self.keys("back", "server")
        self.restart("clinicd")
        w.wait_config(state="in-use", used=2, proven=2)
        self.assertEqual(self.state()["behind"], 0)
        self.keys("use", "server")
        self.restart("clinicd")
        self.heard()

    def test_wrong_pin(self):
        """A config that pins nobody's key is never the end: the hub stays with the one before, and says why."""
        w = self.world
        w.ctl("hub", "endpoints", w.dir, "home", "--set", f"address=127.0.0.1,port={w.way.port},pin={'ab' * 32}")
        w.wait_config(state="uplink-unconfirmed", wanted=2, used=2, proven=1)
        w.wait("it is refused by the hub", lambda: "incident by=coap what=server-identity" in w.log("hubd"))
        for names in (("clinicd",), ("hub-coap",), ("hubd", "hub-store", "hub-coap")):  # whoever starts anew
            for name in names:
                w.kill(name)
            for name in names:
                w.start(name)
            passed = len(w.log("clinicd"))
            up = self.connections()
            w.wait("the hub is back", lambda: self.connections() > up or len(w.log("clinicd")) > passed)  # noqa: B023
            w.wait_config(state="uplink-unconfirmed", used=2, proven=1)
        w.wait_config(refusal="who is there has another key than is pinned, or another name")
        self.assertRegex(w.ctl("status", w.dir, "home"), "UNCONFIRMED: .* the hub keeps those of 1: who is there has another key")
        w.ctl("hub", "endpoints", w.dir, "home", "--set", "address=127.0.0.1,port=9")  # where nobody is
        w.wait("the reason", lambda: w.config()["refusal"] == "nobody answers there", 300)  # a handshake is tried for a minute
        w.wait_config(state="uplink-unconfirmed", wanted=3, used=3, proven=1)
        w.ctl("hub", "endpoints", w.dir, "home", "--set", f"address=127.0.0.1,port={w.way.port}")
        w.wait_config(state="in-use", wanted=4, used=4, proven=4, refusal=None)

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def certify(self, ca):
        """What the hub would get if it renewed now: a certificate for its key, signed by this CA; it begins to use it."""
        w = self.world
        crt, key, temp = (w.bundle / "coap" / n for n in ("identity.crt", "identity.key", "temp"))
        hub = re.search(r"CN ?= ?([0-9a-f]{32})", self.openssl("x509", "-in", crt, "-noout", "-subject")).group(1)
        temp.write_text("basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = clientAuth\n")
        self.openssl("req", "-new", "-key", key, "-subj", f"/CN={hub}/serialNumber={hub}", "-out", w.top / "csr")
        self.openssl("x509", "-req", "-in", w.top / "csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-days", "90", "-sha256",
                     "-set_serial", "77", "-extfile", temp, "-out", crt)
        temp.unlink()
        self.restart("hub-coap")

    def test_enrolment_ca(self):
        """Certificates of the CA before are good until it is dropped; those of the next one from before it is used."""
        w = self.world
        first, next_ = w.top / "first", w.top / "next"
        for end in (".key", ".crt"):
            shutil.copy(w.dir / f"enrol{end}", f"{first}{end}")
        self.certify(first)
        self.heard()
        self.keys("next", "enrol")
        for end in (".key", ".crt"):
            shutil.copy(w.dir / f"enrol-next{end}", f"{next_}{end}")
        self.restart("clinicd")
        self.heard()
        self.certify(next_)  # of a clinicd that was told earlier
        self.heard()
        self.keys("use", "enrol")
        self.restart("clinicd")
        self.certify(first)
        self.heard()
        self.keys("drop", "enrol", code=1)
        self.keys("drop", "enrol", "--anyway")
        self.restart("clinicd")
        up = self.connections()
        w.wait("it is refused by the clinic", lambda: "incident by=coap what=handshake" in w.log("hubd"))
        self.assertEqual(self.connections(), up)
        self.certify(next_)
        self.heard()

    def test_sealing_key(self):
        """The hub has the other one as soon as the config is in force, and what it keeps for the clinic is sealed to it."""
        w = self.world
        recovery = w.bundle / "store" / "recovery"
        first = recovery.read_bytes()
        self.keys("next", "seal")
        w.wait_config(state="in-use", wanted=2, used=2)
        self.assertEqual(recovery.read_bytes(), first)
        self.keys("use", "seal")
        w.wait_config(state="in-use", wanted=3, used=3)
        public = (w.dir / "seal.pub").read_bytes()[1:]
        w.wait("the other key", lambda: public in recovery.read_bytes())
        copy = w.top / "card"
        w.kill("hub-store")
        shutil.copytree(w.bundle / "store", copy)
        self.assertIn("0 records of hub home", w.ctl("recover", w.dir, copy))
        w.start("hub-store")
        self.heard()


def one(name):
    """One test in a process of its own: most of its time is spent waiting for heartbeats."""
    done = subprocess.run([sys.executable, __file__, test_config_io.BUILD, f"Roll.{name}"], text=True, timeout=900,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f"ok {name}" if done.returncode == 0 else f"FAILED {name}\n{done.stdout}", flush=True)
    return done.returncode


def all_at_once():
    """All tests; returns the exit code."""
    names = unittest.defaultTestLoader.getTestCaseNames(Roll)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        return 1 if any(pool.map(one, names)) else 0


if __name__ == "__main__":
    if len(sys.argv) > 1 and pathlib.Path(sys.argv[1]).is_dir():
        test_config_io.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    if len(sys.argv) > 1:
        unittest.main()
    sys.exit(all_at_once())
