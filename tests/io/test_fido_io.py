#!/usr/bin/python3
"""test_fido_io.py - what security keys say of their signatures, at a real hub: only what was touched for counts (SR-02), only with
PIN or finger where the signer's entry says so, and only from who is on the list with a security key.

usage: test_fido_io.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

The security keys are private keys in files here, so that they can say what no real one would; tests/interop/trussed.py has a real one.
"""
import importlib
import json
import pathlib
import re
import subprocess
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
command_io = importlib.import_module("test_command_io")

TOUCH, VERIFIED = 1, 2


class World(command_io.World):
    """With two more: one whose touch is enough, one who needs a PIN, too."""

    def __init__(self):
        super().__init__()
        for name, kind in (("touch", TOUCH), ("pin", VERIFIED)):
            der = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-outform", "DER"], check=True,
                                 stdout=subprocess.PIPE, timeout=60).stdout
            scalar, public = der[7:39], der[-65:]  # RFC 5915
            (self.dir / f"signer-{name}.key").write_bytes(scalar)
            file = self.top / f"{name}.fido"
            file.write_bytes(b"HFID" + bytes([1, kind]) + public + b"\x00\x03abc")
            said = json.loads(self.ctl("signer", "add", self.dir, name, "--role", "technician", "--public", file, "--json"))
            if (said["kind"], said["public"]) != (("fido2", "fido2-verified")[kind - 1], public.hex()):
                raise AssertionError(said)
        said = self.ctl("signer", "give", self.dir, "home")
        self.wait_config(state="in-use", used=int(re.search(r"configuration (\d+)", said).group(1)))

    def play(self, what):
        """The clinic orders to lock; returns what became of it."""
        done = subprocess.run([config_io.BUILD / "tests/io/play_command", self.dir, "home", what], check=True, text=True,
                              stdout=subprocess.PIPE, timeout=60, env={"ASAN_OPTIONS": "detect_leaks=0"})
        counter = int(done.stdout)
        self.wait(f"order {counter}", lambda: self.orders()[counter]["result"] is not None)
        return self.orders()[counter]["result"]


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def refused(self, what):
        self.assertIn("a signature is not good", self.world.play(what), what)

    def test_a_touch(self):
        w = self.world
        for what in ("fido-00:touch", "fido-04:touch", "fido-81:touch", "fido-09:touch", "plain:touch"):
            self.refused(what)
        self.assertEqual(w.level(), 0)
        self.assertEqual(w.play("fido-01:touch"), "done")
        w.wait_level(2)

    def test_verified(self):
        w = self.world
        for what in ("fido-01:pin", "fido-04:pin", "plain:pin", "fido-05:tech"):
            self.refused(what)
        self.assertEqual(w.level(), 0)
        self.assertEqual(w.play("fido-05:pin"), "done")
        w.wait_level(2)

    def test_what_clinicctl_says(self):
        """The list says of what kind a signer is; a key of another one is told before anything is ordered."""
        w = self.world
        self.assertRegex(w.ctl("signer", "list", w.dir), r"technician +fido2-verified +pin +elsewhere\n")
        plain, said = w.dir / "signer-pin.key", ("lock", w.dir, "home", "--as", "pin", "--reason", "x", "--key")
        self.assertIn("on the list with 'fido2-verified', and this is 'key'", w.ctl(*said, plain, code=1))
        self.assertIn("is missing: it belongs", w.ctl(*said, w.top / "pin.fido", code=66, environment={"CLINICCTL_FIDO": "/nonexistent"}))
        self.assertIn("ended without an answer", w.ctl(*said, w.top / "pin.fido", code=1, environment={"CLINICCTL_FIDO": "/bin/true"}))
        whole = (w.top / "pin.fido").read_bytes()
        for bad, why in ((whole[:-1], "damaged"), (whole + b"x", "damaged"), (whole[:4] + b"\x02" + whole[5:], "newer"),
                         (whole[:5] + b"\x00" + whole[6:], "damaged"), (whole[:4], "damaged")):
            (w.top / "bad").write_bytes(bad)
            self.assertIn(why, w.ctl(*said, w.top / "bad", code=1))
        for wrong in (["--touch-only"], ["--fido2", "--public", w.top / "pin.fido"]):
            w.ctl("signer", "add", w.dir, "new", "--role", "technician", *wrong, code=64)
        self.assertIn("there already", w.ctl("signer", "credential", w.top / "pin.fido", code=73))
        self.assertIn("a security key signs orders", w.ctl("--key", w.top / "pin.fido", "signer", "give", w.dir, "home", code=1))
        self.assertEqual(w.orders(), {})


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=4))
