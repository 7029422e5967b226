#!/usr/bin/env python3
"""Keys that sign: encrypted files that openssl reads and writes too, a passphrase on a terminal, and a token behind PKCS#11
(SoftHSM). What was signed is believed by the clinic, which verifies it with config.pub.

    test_keyfiles.py [BUILD]      as test_clinicctl.py
"""
import glob
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
import unittest

import test_clinicctl
from test_clinicctl import Clinic as Base

MODULES = glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so")
GOOD, OTHER, PIN = "correct horse", "battery staple", "1234567"


class Clinic(Base):
    def setUp(self):
        super().setUp()
        self.good, self.other = self.top / "good", self.top / "other"
        self.good.write_text(GOOD + "\n")
        self.other.write_text(OTHER)

    def init(self, *before):
        return self.ctl(0, *before, "init", self.dir, "--name", "clinic.example", "--address", "192.0.2.10",
                        *(["--encrypt"] if before else []))

    def openssl(self, *args, **kw):
        return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=60, **kw).stdout

    def window(self, want, *before, env=None):
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", *map(str, before), "hub", "pair-window", self.dir, "kitchen", "1"],
                              capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})}, start_new_session=True)
        self.assertEqual(done.returncode, want, done.stdout + done.stderr)
        return done


class Encrypted(Clinic):
    def setUp(self):
        super().setUp()
        self.init("--passphrase-file", self.good)
        self.ctl(0, "--passphrase-file", self.good, "hub", "add", self.dir, "kitchen", "--out", self.out, "--device",
                 test_clinicctl.DEVICE)

    def test_no_key_is_there_in_clear(self):
        plain = {}
        for name in ("root.key", "config.key"):
            self.assertTrue((self.dir / name).read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
            plain[name] = self.openssl("pkey", "-in", self.dir / name, "-passin", f"pass:{GOOD}", "-text", "-noout").decode()
            self.assertIn("prime256v1", plain[name])
        scalar = bytes.fromhex(re.sub(r"[\s:]", "", re.search(r"priv:\s*([0-9a-f:\s]+)pub", plain["config.key"])[1]))
        for file in self.dir.iterdir():
            self.assertNotIn(scalar, file.read_bytes(), file)
        form = self.openssl("asn1parse", "-in", self.dir / "config.key").decode()
        for word in ("PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0"):
            self.assertIn(word, form)

    def test_signs_with_its_passphrase_only(self):
        self.assertNotIn("WARNING", self.window(0, "--passphrase-file", self.good).stderr)
        self.assertIn("does not open", self.window(1, "--passphrase-file", self.other).stderr)
        self.assertIn("needs its passphrase", self.window(77).stderr)
        self.assertIn("needs its passphrase", self.window(77, "--passphrase-file", self.top / "none").stderr)

    def test_change(self):
        self.ctl(64, "--passphrase-file", self.good, "passphrase", self.dir, "--new-passphrase-file", self.short())
        self.ctl(1, "--passphrase-file", self.other, "passphrase", self.dir, "--new-passphrase-file", self.good)
        self.ctl(0, "--passphrase-file", self.good, "passphrase", self.dir, "--new-passphrase-file", self.other)
        self.window(1, "--passphrase-file", self.good)
        self.window(0, "--passphrase-file", self.other)

    def short(self):
        path = self.top / "short"
        path.write_text("1234567")
        return path

    def test_what_openssl_encrypts_is_taken(self):
        clear = self.openssl("pkey", "-in", self.dir / "config.key", "-passin", f"pass:{GOOD}")
        for words in (["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"], ["-v2", "aes-128-cbc"]):
            (self.dir / "config.key").write_bytes(self.openssl("pkcs8", "-topk8", *words, "-passout", f"pass:{OTHER}", input=clear))
            self.window(0, "--passphrase-file", self.other)
        (self.dir / "config.key").write_bytes(clear)
        self.assertIn("WARNING", self.window(0).stderr)

    def test_damage_is_told(self):
        whole = (self.dir / "config.key").read_bytes()
        for bad in (whole[:-40], whole.replace(b"M", b"N", 3), b"", b"x" * 31, b"x" * 33, whole * 20):
            (self.dir / "config.key").write_bytes(bad)
            self.assertNotEqual(self.window_code(), 0)
        (self.dir / "config.key").write_bytes(whole)
        self.window(0, "--passphrase-file", self.good)

    def window_code(self):
        done = subprocess.run([test_clinicctl.BUILD / "clinicctl", "--passphrase-file", self.good, "hub", "pair-window", self.dir,
                               "kitchen", "1"], capture_output=True, text=True, timeout=60)
        self.assertIn("clinicctl:", done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)
        return done.returncode


class Terminal(Clinic):
    """On a terminal of its own."""

    def talk(self, answers, *words):
        """Answers each question; returns what was seen, the exit code, and whether echo was off at each."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(test_clinicctl.BUILD / "clinicctl", ["clinicctl", *map(str, words)])
        seen, quiet, code = b"", [], None
        end = time.monotonic() + 120
        for question, answer in answers:
            while question.encode() not in seen.split(b"\x00")[-1]:
                self.assertLess(time.monotonic(), end, seen)
                if select.select([fd], [], [], 1)[0]:
                    seen += os.read(fd, 4096)
            while termios.tcgetattr(fd)[3] & termios.ECHO:
                self.assertLess(time.monotonic(), end, "echo stays on")
                time.sleep(0.01)
            quiet.append(True)
            seen += b"\x00"
            os.write(fd, answer.encode() + b"\n")
        while True:
            try:
                more = os.read(fd, 4096)
            except OSError:
                break
            if not more:
                break
            seen += more
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        return seen.decode(errors="replace"), code

    def test_new_and_used(self):
        seen, code = self.talk([("New passphrase for", GOOD), ("The same again for", GOOD)], "init", self.dir, "--name",
                               "clinic.example", "--encrypt")
        self.assertEqual(code, 0, seen)
        self.assertNotIn(GOOD, seen)
        self.ctl(0, "--passphrase-file", self.good, "hub", "add", self.dir, "kitchen", "--out", self.out, "--device",
                 test_clinicctl.DEVICE)
        seen, code = self.talk([("Passphrase of", GOOD)], "hub", "pair-window", self.dir, "kitchen", "1")
        self.assertEqual(code, 0, seen)
        self.assertNotIn(GOOD, seen)
        seen, code = self.talk([("Passphrase of", OTHER)], "hub", "pair-window", self.dir, "kitchen", "1")
        self.assertEqual(code, 1, seen)

    def test_not_the_same_twice(self):
        seen, code = self.talk([("New passphrase for", GOOD), ("The same again for", OTHER)], "init", self.dir, "--name",
                               "clinic.example", "--encrypt")
        self.assertEqual(code, 64, seen)
        self.assertFalse(self.dir.exists())


class Plain(Clinic):
    def test_goes_on_with_a_loud_line(self):
        self.init()
        self.add()
        done = self.window(0)
        self.assertRegex(done.stderr, "WARNING: .*config.key is not encrypted")
        self.ctl(0, "passphrase", self.dir, "--new-passphrase-file", self.good)
        self.assertNotIn("WARNING", self.window(0, "--passphrase-file", self.good).stderr)

    def test_one_file(self):
        self.init()
        self.ctl(0, "passphrase", self.dir, "root.key", "--new-passphrase-file", self.good)
        self.assertEqual((self.dir / "config.key").stat().st_size, 32)
        self.ctl(64, "passphrase", self.dir, "../x", "--new-passphrase-file", self.good)
        self.ctl(66, "passphrase", self.dir, "none.key", "--new-passphrase-file", self.good)


@unittest.skipUnless(MODULES and shutil.which("softhsm2-util"), "SKIP: no softhsm2")
class Token(Clinic):
    def setUp(self):
        super().setUp()
        self.init()
        self.add()
        (self.top / "tokens").mkdir()
        conf = self.top / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {self.top}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.env = {"SOFTHSM2_CONF": str(conf), "CLINICCTL_PKCS11": MODULES[0]}
        self.pin = self.top / "pin"
        self.pin.write_text(PIN)
        self.hsm("--init-token", "--free", "--label", "Ann's card", "--so-pin", "7654321", "--pin", PIN)
        scalar = (self.dir / "config.key").read_bytes()
        der = bytes.fromhex("30310201010420") + scalar + bytes.fromhex("a00a06082a8648ce3d030107")
        pem = self.openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", input=der)
        self.load(pem, "config", "01")
        (self.dir / "config.key").unlink()

    def hsm(self, *args):
        subprocess.run(["softhsm2-util", *args], check=True, capture_output=True, timeout=60, env={**os.environ, **self.env})

    def load(self, pem, label, number):
        path = self.top / "key.pem"
        path.write_bytes(pem)
        self.hsm("--import", str(path), "--token", "Ann's card", "--label", label, "--id", number, "--pin", PIN)
        path.unlink()

    def with_key(self, want, key, pin=None, env=None):
        return self.window(want, "--key", key, "--passphrase-file", pin or self.pin, env={**self.env, **(env or {})})

    def test_signs(self):
        self.assertIn("config.key is missing", self.window(66, env=self.env).stderr)
        self.with_key(0, "pkcs11:token=Ann's%20card;object=config")
        self.with_key(0, "pkcs11:object=config;token=Ann%27s%20card;type=private")
        done = self.window(0, "--passphrase-file", self.pin, env={**self.env, "CLINICCTL_KEY": "pkcs11:token=Ann's card;object=config"})
        self.assertNotIn("WARNING", done.stderr)
        self.assertIn("configuration 4", done.stdout)

    def test_another_key_of_the_token_is_not_the_clinics(self):
        other = self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.load(other, "other", "02")
        self.assertIn("not the key", self.with_key(1, "pkcs11:token=Ann's card;object=other").stderr)

    def test_what_is_not_there(self):
        key = "pkcs11:token=Ann's card;object=config"
        self.assertIn("does not take this PIN", self.with_key(1, key, pin=self.good).stderr)
        self.assertIn("no private EC key", self.with_key(66, "pkcs11:token=Ann's card;object=none").stderr)
        self.assertIn("no token is there", self.with_key(66, "pkcs11:token=Ann;object=config").stderr)
        self.assertIn("cannot be loaded", self.with_key(66, key, env={"CLINICCTL_PKCS11": "/nonexistent.so"}).stderr)
        self.assertIn("needs its PIN", self.window(77, "--key", key, env=self.env).stderr)
        other = self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.load(other, "config", "03")
        self.assertIn("more than one", self.with_key(66, key).stderr)

    def test_names_that_are_none(self):
        for bad in ("pkcs11:", "pkcs11:token=%;object=x", "pkcs11:token=%4;object=x", "pkcs11:token=%zz;object=x",
                    "pkcs11:token=" + "t" * 33 + ";object=x", "pkcs11:token=" + "t" * 600, "pkcs11:token=x;object=x;nothing=1"):
            self.assertIn("the form is", self.with_key(1, bad).stderr, bad)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        test_clinicctl.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
