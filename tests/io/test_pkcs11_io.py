#!/usr/bin/python3
"""test_pkcs11_io.py - keys in tokens behind PKCS#11 (SoftHSM): what they sign a real hub does; and what is said when a PIN, a token, its
module or its name is not as it should be.

usage: test_pkcs11_io.py [BUILD] [-s SEED] [Wire.NAME | Card.NAME]      BUILD holds the programs

A module around SoftHSM's (odd_module.c) does what SoftHSM does not: tokens that are nearly locked, pulled out, or lie.
"""
import glob
import importlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
session = importlib.import_module("test_console_session")

MODULES = glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so")
PIN, WRONG, SO_PIN = "314159265", "271828182", "7654321"
ANN = "pkcs11:token=Ann's%20card;object=orders"


class Hsm:
    """Tokens of SoftHSM in a folder, seen through odd_module.c."""

    def __init__(self, top):
        self.top = top
        (top / "tokens").mkdir()
        conf = top / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {top}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.pin, self.wrong, self.log = top / "pin", top / "wrong", top / "odd.log"
        self.pin.write_text(PIN + "\n")
        self.wrong.write_text(WRONG + "\n")
        self.env = {"SOFTHSM2_CONF": str(conf), "CLINICCTL_PKCS11": str(config_io.BUILD / "tests/io/odd_module.so"),
                    "ODD_MODULE": MODULES[0], "ODD_LOG": str(self.log)}
        self.token("Ann's card")

    def run(self, *args):
        """softhsm2-util; returns what it printed."""
        return subprocess.run(["softhsm2-util", *args], check=True, capture_output=True, text=True, timeout=60,
                              env={**os.environ, **self.env}).stdout

    def token(self, label):
        """A new one; returns its serial number."""
        before = set(re.findall(r"Serial number: +(\w+)", self.run("--show-slots")))
        self.run("--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN)
        return (set(re.findall(r"Serial number: +(\w+)", self.run("--show-slots"))) - before).pop()

    def load(self, label, number, curve="P-256"):
        """A key that was made elsewhere."""
        pem = self.top / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", pem], check=True,
                       capture_output=True, timeout=60)
        self.run("--import", str(pem), "--token", "Ann's card", "--label", label, "--id", number, "--pin", PIN)
        pem.unlink()

    def said(self):
        """What the log has since it was asked last."""
        words = self.log.read_text().split("\n")[:-1] if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return words


@unittest.skipUnless(MODULES and shutil.which("softhsm2-util"), "SKIP: no softhsm2")
class Wire(unittest.TestCase):
    """With a real hub."""

    def test_orders_and_release(self):
        """Locked by an order, released by a pasted token, both signed in a PKCS#11 token: hub and clinicd see ordinary signatures."""
        w = session.World(button=True)
        self.addCleanup(w.close)
        hsm = Hsm(w.top)

        def ctl(*words, code=0, env=None):
            return w.ctl("--passphrase-file", hsm.pin, *words, code=code, environment={**hsm.env, **(env or {})})

        made = json.loads(ctl("signer", "add", w.dir, "ann", "--role", "clinic-security", "--pkcs11", ANN, "--new-key", "--json"))
        self.assertEqual((made["kind"], made["key"]), ("key", "token"))
        said = ctl("signer", "give", w.dir, "home")
        w.wait_config(state="in-use", used=int(re.search(r"configuration (\d+)", said).group(1)))
        order = json.loads(ctl("lock", w.dir, "home", "--as", "ann", "--reason", "test", "--json").splitlines()[0])
        w.wait_order(order["counter"], "done")
        w.wait_level(2)
        # a signature that is not one goes nowhere
        self.assertIn("not that of 'ann'", ctl("lock", w.dir, "home", "--as", "ann", "--reason", "x", code=1, env={"ODD": "forged"}))
        self.assertEqual(list(w.orders()), [order["counter"]])
        if subprocess.run(["unshare", "-T", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("SKIP: no time namespaces here: the release is left out")
        w.kill("hubd")
        w.commands["hubd"] = ["/usr/bin/unshare", "-T", "--boottime", "1900", config_io.BUILD / "hubd", *w.commands["hubd"][1:]]
        w.start("hubd")
        w.wait("hubd answers", lambda: w.serial.ask("status")[-1] == "OK")
        said = ctl("token", w.dir, "home", w.challenge(), "--as", "ann", "--key", ANN, "--technician", "tech", "--level",
                   "0").splitlines()
        first = next(i for i, text in enumerate(said) if text.strip().startswith("HT1:"))
        last = next(i for i, text in enumerate(said) if i >= first and text.strip().endswith("."))
        self.assertEqual(w.paste([text.strip() for text in said[first:last + 1]])[-1], "OK")
        w.serial.send(b"release\r")
        got = w.serial.until(lambda got: b"Press the button" in got or session.PROMPT.search(got))
        self.assertIn(b"Press the button", got)
        w.press()
        self.assertIn(b"level 0 normal", w.serial.prompt())
        w.wait_level(0)


@unittest.skipUnless(MODULES and shutil.which("softhsm2-util"), "SKIP: no softhsm2")
class Card(unittest.TestCase):
    """A clinic without a hub that listens."""

    def setUp(self):
        self.temp = tempfile.TemporaryDirectory(prefix="pkcs11-io-")
        self.addCleanup(self.temp.cleanup)
        self.top = pathlib.Path(self.temp.name)
        self.dir = self.top / "clinic"
        self.hsm = Hsm(self.top)
        self.ctl("init", self.dir, "--name", "clinic.example", "--address", "192.0.2.10")
        self.ctl("hub", "add", self.dir, "home", "--out", self.top / "bundle", "--device", "bp,AA:BB:CC:DD:EE:FF,passkey=123456,user=sole")

    def ctl(self, *words, code=0, pin=None, odd="", env=None):
        """clinicctl; returns what it printed, then what it complained. No PIN is ever in that."""
        before = ["--passphrase-file", pin] if pin else []
        done = subprocess.run([str(config_io.BUILD / "clinicctl"), *map(str, [*before, *words])], text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True,
                              env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0", **self.hsm.env, "ODD": odd, **(env or {})})
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        for secret in (PIN, WRONG):
            self.assertNotIn(secret, done.stdout + done.stderr)
        return done.stdout + done.stderr if code else done.stdout

    def add(self, name="ann", uri=ANN, *more, **how):
        """A signer with a key of a token."""
        how.setdefault("pin", self.hsm.pin)
        said = self.ctl("signer", "add", self.dir, name, "--role", "technician", "--pkcs11", uri, *more, **how)
        if not how.get("code"):
            self.ctl("signer", "give", self.dir, "home")
        return said

    def lock(self, **how):
        """An order that ann signs."""
        more = how.pop("more", ())
        how.setdefault("pin", self.hsm.pin)
        return self.ctl("lock", self.dir, "home", "--as", "ann", "--reason", "x", "--json", *more, **how)

    def test_made_named_and_listed(self):
        """A key is made once, named afterwards from a file or by its URI; the list says where each key is."""
        said = json.loads(self.add("ann", ANN, "--new-key", "--json"))
        self.assertRegex(said["uri"], r"^pkcs11:.*token=Ann%27s%20card.*object=orders.*type=private$")
        self.assertEqual((self.dir / "signer-ann.key").read_text(), f"{said['uri']}\npublic {said['public']}\n")
        self.assertIn("a key of this name or id already", self.add("bob", ANN, "--new-key", code=73))
        self.assertIn("this name or with this key already", self.add("bob", ANN, code=73))
        self.assertFalse((self.dir / "signer-bob.key").exists())
        self.lock()
        self.lock(more=("--key", ANN))
        made = json.loads(self.ctl("signer", "credential", self.top / "own", "--pkcs11", said["uri"], "--json", pin=self.hsm.pin))
        self.assertEqual((made["public"], made["kind"], made["uri"]), (said["public"], "key", said["uri"]))
        self.lock(more=("--key", self.top / "own"))
        self.assertIn("there already", self.ctl("signer", "credential", self.top / "own", "--pkcs11", ANN, code=73))
        self.ctl("signer", "credential", self.top / "amy", "--pkcs11", ANN.replace("orders", "amy"), "--new-key", pin=self.hsm.pin)
        self.ctl("signer", "add", self.dir, "amy", "--role", "technician", "--public", self.top / "amy")
        for name in ("bob", "eve"):
            self.ctl("signer", "add", self.dir, name, "--role", "clinician")
        (self.top / "new").write_text("correct horse")
        self.ctl("passphrase", self.dir, "signer-eve.key", "--new-passphrase-file", self.top / "new")
        rows = {r["name"]: r for r in map(json.loads, self.ctl("signer", "list", self.dir, "--json").splitlines())}
        self.assertEqual({n: r["key"] for n, r in rows.items()}, {"ann": "token", "amy": "elsewhere", "bob": "file", "eve": "encrypted-file"})
        self.assertEqual(rows["ann"]["uri"], said["uri"])
        shutil.copy(self.dir / "signer-ann.key", self.dir / "signer-bob.key")  # ann's, so not bob's
        (self.top / "amy").rename(self.dir / "signer-amy.key")
        self.assertRegex(self.ctl("signer", "list", self.dir), f" ann +token {re.escape(said['uri'])}\n(.*\n)* .* amy +token pkcs11:.*amy.*\n"
                                                               "(.*\n)* .* bob +elsewhere\n")

    def test_statements_and_configurations(self):
        """VEX statements and configurations are signed by such keys, too; one whose file says another public key is not used."""
        self.ctl("signer", "add", self.dir, "ann", "--role", "manufacturer", "--pkcs11", ANN, "--new-key", pin=self.hsm.pin)
        (self.top / "vex.json").write_text("{}")
        self.ctl("risk", "sign", self.dir, self.top / "vex.json", "--as", "ann", pin=self.hsm.pin)
        self.assertTrue((self.top / "vex.json.cose").exists())
        scalar = (self.dir / "config.key").read_bytes()
        der = bytes.fromhex("30310201010420") + scalar + bytes.fromhex("a00a06082a8648ce3d030107")
        subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-out", self.top / "c.pem"], input=der, check=True)
        self.hsm.run("--import", str(self.top / "c.pem"), "--token", "Ann's card", "--label", "config", "--id", "77", "--pin", PIN)
        (self.dir / "config.key").write_text("pkcs11:token=Ann's card;object=config\n")  # by hand
        self.ctl("signer", "give", self.dir, "home", pin=self.hsm.pin)
        (self.top / "new").write_text("correct horse")
        said = self.ctl("passphrase", self.dir, "--new-passphrase-file", self.top / "new")
        self.assertEqual(said, f"{self.dir}/root.key is encrypted.\n")
        self.assertIn("gone: it was pulled out", self.ctl("signer", "give", self.dir, "home", pin=self.hsm.pin, odd="pulled", code=66))
        (self.dir / "config.key").write_text(ANN + "\n")
        self.assertIn("not the key", self.ctl("signer", "give", self.dir, "home", pin=self.hsm.pin, code=1))
        file = self.dir / "signer-ann.key"
        file.write_text(file.read_text().replace("object=orders", "object=config").replace("id=", "id=%77;x-id="))
        self.assertIn("not in RFC 7512", self.lock(code=1, more=("--key", file)))
        public = re.search(r"public (\w+)", file.read_text())[1]
        for uri, why in (("pkcs11:token=Ann's card;object=config", "another one than when the file was made"), ("pkcs11:", "is damaged")):
            file.write_text(f"{uri}\npublic {public}\n")
            self.assertIn(why, self.lock(code=1))
        for bad in (f"{ANN}\npublic {public[:-2]}\n", f"{ANN}\npublic {public}\nx", f"{ANN}\nprivate {public}\n", f"{ANN}\n\n",
                    ANN + "x" * 600, "pkcs11:\n", "pkcs11:token=\x01;object=x\n"):
            file.write_text(bad)
            self.assertIn("is damaged", self.lock(code=1), bad)

    def test_pin(self):
        """A wrong PIN is tried once, told with what the token says of it, and never written anywhere."""
        self.add("ann", ANN, "--new-key")
        self.hsm.said()
        said = self.lock(pin=self.hsm.wrong, code=1)
        self.assertIn("token 'Ann's card' does not take this PIN; more tries are left", said)
        self.assertEqual(self.hsm.said(), ["login 1"])
        self.assertIn("one try left", self.lock(pin=self.hsm.wrong, code=77, odd="last"))
        self.assertIn("type it at a terminal", self.lock(code=77, odd="last"))
        self.assertIn("is locked", self.lock(code=1, odd="locked"))
        self.assertIn("has no PIN yet", self.lock(code=77, odd="no-pin"))
        self.assertIn("no terminal", self.lock(pin=False, code=77))
        (self.top / "empty").write_text("\n")
        self.assertIn("--passphrase-file", self.lock(pin=self.top / "empty", code=77))
        (self.top / "long").write_text("1" * 300)
        self.assertIn("--passphrase-file", self.lock(pin=self.top / "long", code=77))
        self.assertEqual(self.hsm.said(), [])
        self.assertIn("type the PIN of token 'Ann's card' at its reader", self.lock_reader(PIN, 0))
        self.assertIn("does not take this PIN", self.lock_reader(WRONG, 1))

    def lock_reader(self, typed, code):
        done = subprocess.run([str(config_io.BUILD / "clinicctl"), "lock", self.dir, "home", "--as", "ann", "--reason", "x"], text=True,
                              timeout=60, check=False, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True,
                              env={**os.environ, **self.hsm.env, "ODD": "reader", "ODD_PIN": typed})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_pin_source(self):
        """The URI may say a file with the PIN, and nothing else: no PIN, no program, no module."""
        self.add("ann", ANN, "--new-key")
        for source in (f"file:{self.hsm.pin}", f"file://{self.hsm.pin}", self.hsm.pin):
            self.lock(pin=False, more=("--key", f"{ANN}?pin-source={source}"))
        self.hsm.said()
        self.assertIn("pin-source names", self.lock(pin=False, code=77, more=("--key", f"{ANN}?pin-source={self.top}/none")))
        self.assertIn("one try left", self.lock(pin=False, code=77, odd="last", more=("--key", f"{ANN}?pin-source={self.hsm.pin}")))
        self.assertEqual(self.hsm.said(), [])
        for query, why in (("pin-source=|/bin/cat", "absolute path"), ("pin-source=pin", "absolute path"), ("module-name=x", "module"),
                           ("module-path=/tmp/x.so", "module"), (f"pin-value={PIN}", "has a PIN in it")):
            said = self.ctl("signer", "credential", self.top / "own", "--pkcs11", f"{ANN}?{query}", code=1)
            self.assertIn(why, said, query)
        # and what is kept does not say where the PIN is
        made = json.loads(self.ctl("signer", "credential", self.top / "own", "--pkcs11", f"{ANN}?pin-source={self.hsm.pin}", "--json"))
        self.assertNotIn("pin-source", made["uri"] + (self.top / "own").read_text())

    def test_names(self):
        """One token and one key, or nothing."""
        self.hsm.load("orders", "01")
        self.hsm.load("orders", "02")
        self.assertIn("more than one private EC key", self.add("ann", ANN, code=66))
        self.add("ann", f"{ANN};id=%02")
        self.lock()
        self.hsm.load("big", "03", "P-384")
        self.assertIn("is not one of P-256", self.add("bob", "pkcs11:token=Ann's card;object=big", code=1))
        self.assertIn("no private EC key", self.add("bob", "pkcs11:token=Ann's card;object=none", code=66))
        self.assertIn("asked for was pkcs11:token=Bob", self.add("bob", "pkcs11:token=Bob;object=orders", code=66))
        self.assertIn("type= is not private", self.add("bob", f"{ANN};type=public", code=1))
        self.assertIn("neither a token nor a key", self.add("bob", "pkcs11:type=private", code=1))
        self.assertIn("how a new key is called", self.add("bob", "pkcs11:token=Ann's card", "--new-key", code=1))
        self.assertIn("too long", self.add("bob", "pkcs11:token=" + "x" * 600, code=1))
        serial = self.hsm.token("Ann's card")
        self.assertIn("more than one token", self.lock(code=66, more=("--key", f"{ANN};id=%02")))
        self.lock()  # the file has the serial number
        self.assertIn("no private EC key", self.lock(code=66, more=("--key", f"{ANN};serial={serial}")))

    def test_modules(self):
        """A module that is not there, is none, crashes, lies or prints; a token that is pulled out."""
        self.add("ann", ANN, "--new-key")
        (self.top / "text.so").write_text("no module")
        for path in ("/nonexistent.so", self.top / "text.so", "/lib/x86_64-linux-gnu/libm.so.6"):
            self.assertIn("cannot be loaded", self.lock(code=66, env={"CLINICCTL_PKCS11": str(path)}), path)
        self.assertIn("cannot be loaded", self.lock(code=66, env={"ODD_MODULE": "/nonexistent.so"}))
        for odd, code, why in (("pulled", 66, "is gone: it was pulled out"), ("refused", 1, "has refused"), ("short", 1, "P-256"),
                               ("crash", 1, "ended without an answer"), ("forged", 1, "not that of 'ann'")):
            self.assertIn(why, self.lock(code=code, odd=odd), odd)
        self.assertIn("is not that of the key that signs", self.add("bob", ANN, code=1, odd="forged"))
        self.assertIn("makes no key by PKCS#11", self.add("bob", ANN.replace("orders", "x"), "--new-key", code=1, odd="no-make"))
        json.loads(self.lock(odd="noise"))
        shutil.move(self.top / "tokens", self.top / "drawer")
        (self.top / "tokens").mkdir()
        self.assertIn("no token is there", self.lock(code=66))
        for name, code, why in (("/nonexistent", 66, "is missing: it belongs"), ("/bin/true", 1, "ended without an answer")):
            self.assertIn(why, self.lock(code=code, env={"CLINICCTL_PKCS11_HELPER": name}))
        for wrong in (["--new-key"], ["--pkcs11", ANN, "--fido2"], ["--pkcs11", ANN, "--public", "x"], ["--pkcs11", "x"]):
            self.ctl("signer", "add", self.dir, "new", "--role", "technician", *wrong, code=64)
        self.assertEqual(len(self.ctl("command", "list", self.dir, "home", "--json").splitlines()), 1)

    def test_terminal(self):
        """The PIN is asked for without echo; what the token says of it stands in the question."""
        self.add("ann", ANN, "--new-key")
        for odd, answer, question, code, after in (
                ("", PIN, "PIN of token 'Ann's card': ", 0, "lock"),
                ("low", WRONG, "PIN of token 'Ann's card' (a wrong one was tried before): ", 1, "more tries are left"),
                ("last", WRONG, "PIN of token 'Ann's card' (one try left before it locks itself): ", 1, "one try left before it locks itself"),
                ("last", PIN, "(one try left before it locks itself): ", 0, "lock")):
            seen, got = self.talk(question, answer, odd)
            self.assertEqual(got, code, seen)
            self.assertIn(after, seen.split("\n", 1)[1])
            self.assertNotIn(answer, seen)

    def talk(self, question, answer, odd):
        """What was seen, and the exit code."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(config_io.BUILD / "clinicctl", ["clinicctl", "lock", str(self.dir), "home", "--as", "ann", "--reason", "x"],
                      {"ASAN_OPTIONS": "detect_leaks=0", **self.hsm.env, "ODD": odd})
        seen, end = b"", time.monotonic() + 60
        while question.encode() not in seen:
            self.assertLess(time.monotonic(), end, seen)
            if select.select([fd], [], [], 1)[0]:
                seen += os.read(fd, 4096)
        while termios.tcgetattr(fd)[3] & termios.ECHO:
            self.assertLess(time.monotonic(), end, "echo stays on")
            time.sleep(0.01)
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
        return seen.decode(), code

    def test_a_key_that_always_wants_the_pin(self):
        """PIV's 9C: the PIN that was typed is good for one signature; the next one asks again."""
        self.add("ann", ANN, "--new-key", odd="always")
        self.hsm.said()
        self.lock()
        self.assertEqual(self.hsm.said(), ["login 1", "login 2", "sign 32"])
        talk = Helper(self.hsm)
        self.addCleanup(talk.close)
        self.assertEqual(talk.say(b"\x83\x01\x01" + text(ANN))[:2], b"\x83\x04")
        self.assertEqual(talk.say(b"\x82\x02" + text(PIN))[:2], b"\x83\x06")
        sign = b"\x82\x03\x58\x20" + bytes(32)
        self.assertEqual(talk.say(sign)[:2], b"\x82\x07")
        self.assertEqual(talk.say(sign)[:2], b"\x83\x04")
        self.assertEqual(talk.say(b"\x82\x02" + text(PIN))[:2], b"\x82\x07")
        self.assertEqual(self.hsm.said(), ["login 1", "login 2", "sign 32", "login 2", "sign 32"])
        self.assertEqual(talk.say(sign)[:2], b"\x83\x04")
        self.assertEqual(talk.say(b"\x82\x02" + text(WRONG))[:3], b"\x84\x08\x0a")
        self.assertEqual(talk.say(sign), b"")

    def test_a_key_that_does_not(self):
        """One login for many signatures."""
        self.add("ann", ANN, "--new-key")
        self.hsm.said()
        talk = Helper(self.hsm)
        self.addCleanup(talk.close)
        talk.say(b"\x83\x01\x01" + text(ANN))
        talk.say(b"\x82\x02" + text(PIN))
        for _ in range(3):
            self.assertEqual(talk.say(b"\x82\x03\x58\x20" + bytes(32))[:2], b"\x82\x07")
        self.assertEqual(self.hsm.said(), ["login 1", "sign 32", "sign 32", "sign 32"])

    def test_who_runs_it_otherwise(self):
        """Without a socket, and with garbage on it, nothing is loaded."""
        program = config_io.BUILD / "clinicctl-pkcs11"
        done = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        self.assertIn("is run by clinicctl", done.stderr)
        for bad in (b"\x80", b"\x83\x01\x03" + text(ANN), b"\x83\x01\x01" + text("x"), bytes(3000)):
            talk = Helper(self.hsm)
            self.assertEqual(talk.say(bad), b"")
            talk.close()
        self.assertEqual(self.hsm.said(), [])


def text(words):
    """CBOR."""
    data = words.encode()
    return (bytes([0x60 + len(data)]) if len(data) < 24 else bytes([0x78, len(data)])) + data


class Helper:
    """clinicctl-pkcs11, asked here."""

    def __init__(self, hsm):
        self.socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.process = subprocess.Popen([config_io.BUILD / "clinicctl-pkcs11"], stdin=other, stderr=subprocess.DEVNULL,
                                        env={"ASAN_OPTIONS": "detect_leaks=0", **hsm.env})
        other.close()

    def say(self, packet):
        """Returns the answer; b"" if it has ended."""
        try:
            self.socket.send(packet)
            return self.socket.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            return b""

    def close(self):
        """It ends when nobody asks."""
        self.socket.close()
        self.process.wait(60)


if __name__ == "__main__":
    failed = config_io.main(Wire, __file__)
    sys.exit(config_io.main(Card, __file__, at_once=8) or failed)
