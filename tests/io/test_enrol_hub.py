#!/usr/bin/python3
"""test_enrol_hub.py - a hub with nothing but clinic.trust enrols, gets its config, and uploads.

usage: test_enrol_hub.py [BUILD] [Enrolment.NAME]      BUILD holds the programs

The real hubd, hub-store, hub-coap and clinicd with DTLS and databases between them. A hub's label is claimed with the key
that it has made itself.
"""
import concurrent.futures
import hashlib
import json
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/io")]
from child import die_with_us, end  # noqa: E402
from label_text import label  # noqa: E402
from ports import free_udp_port  # noqa: E402

BUILD = TOP / "build" / "asan"
LIMIT_S = 120
SERVER = "clinic.example"
DEVICE = "bp,AA:BB:CC:DD:EE:FF,passkey=123456,user=sole"
# each step that an enrolment takes in hub-coap
STEPS = ("identity.device.between", "coap.enrol.use", "identity.state.between", "identity.key.between", "coap.enrol.kept",
         "coap.enrol.asked", "coap.enrol.answered", "identity.promote.between")
KILLS = 4  # at most, of one step: it comes again after each


class Ble:
    """Stands for hub-ble at hub-store's socket: one blood pressure reading at a time."""

    def __init__(self, world):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(str(world.top / "run" / "store-ble"))
        self.socket.settimeout(LIMIT_S)
        self.world, self.capture = world, 0
        world.ble = self

    def measure(self, systolic, assignment):
        """Returns when it is durable."""
        value = bytes([0, systolic, 0, 70, 0, 90, 0])
        self.world.wait("hub-store takes a reading", lambda: self.offer(value, assignment))

    def offer(self, value, assignment):
        """RAW alone: hub-store waits a second for what was decoded, and takes it as it is."""
        self.capture += 1
        captured = struct.pack(">16sQqIBhBBH", bytes(16), self.capture * 1000, 0, 0xFFFFFFFF, 0, 60, 4, 0, len(value))
        self.socket.send(struct.pack(">BBQQIBH", 1, 0x10, 7, self.capture, assignment, 1, 0x2A35) +
                         struct.pack(">H6sB", 1, bytes.fromhex("AABBCCDDEEFF"), 0) + captured + value)
        while True:
            packet = self.socket.recv(4096)
            if not packet:
                raise AssertionError("hub-store hung up")
            if packet[1] == 0x19 and struct.unpack(">Q", packet[2:10])[0] == self.capture:
                return packet[10] == 1


class World:
    """A clinic, and a hub that has nothing."""

    def __init__(self, lines=""):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="enrol-hub-"))
        self.dir, self.hub = self.top / "clinic", self.top / "hub"
        self.port, self.enrol_port = free_udp_port(), free_udp_port()
        self.running, self.ble = {}, None
        self.ctl("init", self.dir, "--name", SERVER, "--address", "127.0.0.1", "--hub-ports", "1-65535", "--port", self.port)
        with open(self.dir / "clinic.conf", "a", encoding="ascii") as conf:
            conf.write(f"enrol = {self.enrol_port}\n{lines}")
        (self.top / "run").mkdir()
        for name in ("coap", "store", "hubd"):
            (self.hub / name).mkdir(parents=True)
        common = ["--run", self.top / "run", "--same-user"]
        self.commands = {"clinicd": ["clinicd", "--dir", self.dir, "--listen", "127.0.0.1"],
                         **{name: [name, "--state", self.hub / folder, *common]
                            for name, folder in (("hubd", "hubd"), ("hub-store", "store"), ("hub-coap", "coap"))}}

    def ctl(self, *arguments, code=0):
        """clinicctl; returns what it printed."""
        done = subprocess.run([str(BUILD / "clinicctl"), *map(str, arguments)], text=True, timeout=60, input="",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0"})
        if done.returncode != code:
            raise AssertionError(f"clinicctl {arguments}: {done.returncode}, want {code}: {done.stderr}")
        return done.stdout + done.stderr

    def start(self, *names, **environment):
        """Start them."""
        for name in names:
            with open(self.top / f"{name}.log", "ab") as log:
                self.running[name] = subprocess.Popen(
                    [str(BUILD / self.commands[name][0]), *map(str, self.commands[name][1:])], stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, preexec_fn=die_with_us,
                    env={"PATH": "/usr/bin", "ASAN_OPTIONS": "detect_leaks=0", **environment})

    def kill(self, name):
        """As the OOM killer would."""
        self.running[name].send_signal(signal.SIGKILL)
        self.running.pop(name).wait()

    def stop(self, name):
        """In order."""
        end(self.running.pop(name), 20)

    def start_hub(self):
        """All of it but the radio."""
        self.start("hubd", "hub-store", "hub-coap")

    def put_trust(self, *words):
        """As a person at the bench does."""
        self.ctl("trust", self.dir, "-o", self.top / "clinic.trust", "--enrol",
                 f"name={SERVER},address=127.0.0.1,port={self.enrol_port}", *words)
        shutil.copy(self.top / "clinic.trust", self.hub / "coap" / "clinic.trust")

    def device(self):
        """SHA-256 of the SubjectPublicKeyInfo of the hub's own key."""
        data = (self.hub / "coap" / "device").read_bytes()
        at = 4 + 1 + 1 + 4 + 32
        at += 2 + int.from_bytes(data[at:at + 2], "big")
        size = int.from_bytes(data[at:at + 2], "big")
        key = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-pubkey"], input=data[at + 2:at + 2 + size],
                             stdout=subprocess.PIPE, check=True).stdout
        return hashlib.sha256(subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key,
                                             stdout=subprocess.PIPE, check=True).stdout).digest()

    def claim(self):
        """Its label is scanned."""
        self.wait("the device key", (self.hub / "coap" / "device").exists)
        self.ctl("claim", self.dir, label(self.device()), "--name", "home")

    def state(self):
        """What hubd shows: state, trouble, epoch."""
        path = self.hub / "hubd" / "enrolment"
        return tuple(path.read_text().split()) if path.exists() else ()

    def row(self):
        """What the clinic has: state, epoch, tries, active key, issued key."""
        done = subprocess.run([BUILD / "tests/io/play_enrol", self.dir, "rows"], stdout=subprocess.PIPE, text=True, check=True,
                              env={"ASAN_OPTIONS": "detect_leaks=0"}, timeout=60)
        return done.stdout.split()[1:6]

    def log(self, name):
        """All that a program said."""
        path = self.top / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait(self, what, condition, seconds=LIMIT_S):
        """Until it holds; a program that ends meanwhile is an error."""
        last = time.monotonic() + seconds
        while not condition():
            ended = [n for n, p in self.running.items() if p.poll() is not None]
            if ended or time.monotonic() > last:
                logs = "\n".join(f"--- {n}\n{self.log(n)[-2500:]}" for n in self.commands)
                raise AssertionError(f"waited for {what}; ended: {ended}; {self.state()}\n{logs}")
            time.sleep(0.1)

    def wait_state(self, *want):
        """Until hubd shows it."""
        self.wait(f"state {want}", lambda: self.state()[:len(want)] == want)

    def configure(self):
        """The clinic's first config for this hub, with a patient."""
        self.ctl("assign", self.dir, "home", "--patient", "P-1", "--pair-window", "0")

    def readings(self):
        """What the clinic has."""
        return [json.loads(line) for line in self.ctl("readings", self.dir, "--json").splitlines()]

    def close(self):
        """End all."""
        if self.ble:
            self.ble.socket.close()
        for p in self.running.values():
            end(p, 10)
        shutil.rmtree(self.top)


class Enrolment(unittest.TestCase):
    """Each with a clinic and a hub of its own."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def enrolled(self):
        """With everything running."""
        w = self.world
        w.start("clinicd")
        w.start_hub()
        w.claim()
        w.put_trust()
        w.wait_state("active", "none", "1")
        return w

    def uploads(self, systolic=121):
        """A config with a patient, and a reading that is filed."""
        w = self.world
        w.configure()
        w.wait("the config", lambda: "config-taken" in w.log("hubd"))
        before = len(w.readings())
        (w.ble or Ble(w)).measure(systolic, 1)
        w.wait("the reading at the clinic", lambda: len(w.readings()) == before + 1)
        reading = w.readings()[-1]
        self.assertEqual((reading["epoch"], reading["assignment"], "not_filed" in reading), (1, 1, False))

    def check_active(self, epoch="1"):
        """One key is in use at the clinic, none is issued."""
        state, at, _, active, issued = self.world.row()
        self.assertEqual((state, at, active.split("/")[1], issued), ("active", epoch, epoch, "-"))

    def test_from_the_trust_to_a_reading(self):
        w = self.world
        w.start("clinicd")
        w.start_hub()
        w.wait_state("factory", "none", "0")
        w.claim()
        w.put_trust()
        w.wait_state("active", "none", "1")
        self.check_active()
        self.uploads()
        self.assertEqual((w.hub / "hubd" / "clinic.pub").read_bytes(), (w.dir / "config.pub").read_bytes())
        for name in ("hubd", "hub-store", "hub-coap"):  # over a start of each
            w.kill(name)
            w.start(name)
        w.wait("hub-coap is up again", lambda: w.log("hub-coap").count("uplink-up") >= 2)
        self.check_active()

    def test_not_claimed(self):
        """Nobody has claimed it; then somebody does."""
        w = self.world
        w.start("clinicd")
        w.put_trust()
        w.start_hub()
        w.wait("it is turned away", lambda: w.state()[1:2] == ("turned-away",))
        self.assertEqual(w.state()[2], "0")
        w.claim()
        w.kill("hub-coap")  # a person switches it off and on
        w.start("hub-coap")
        w.wait_state("active", "none", "1")
        self.check_active()

    def test_clinic_away(self):
        """Nobody answers for a while."""
        w = self.world
        w.put_trust()
        w.start_hub()
        w.claim()
        w.wait("no answer", lambda: w.state()[1:2] == ("no-answer",))
        w.start("clinicd")
        w.wait_state("active", "none", "1")
        self.check_active()

    def test_approval(self):
        """A person at the clinic has to say so."""
        w = self.world
        with open(w.dir / "clinic.conf", "a", encoding="ascii") as conf:
            conf.write("enrol-approve = ask\n")
        w.start("clinicd")
        w.put_trust()
        w.start_hub()
        w.claim()
        w.wait("it waits", lambda: w.state()[1:2] == ("must-wait",))
        w.ctl("enrol", "approve", w.dir, "home", "--by", "nurse", "--reason", "seen")
        w.kill("hub-coap")
        w.start("hub-coap")
        w.wait_state("active", "none", "1")
        self.check_active()

    def test_hubd_killed(self):
        """Between the file that it keeps and the key in it."""
        w = self.world
        if b"hubd.trust.between" not in (BUILD / "hubd").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        w.put_trust()
        w.start("hubd", HUB_FAILPOINT="hubd.trust.between", HUB_FAILPOINT_ONCE=str(w.top / "once"))
        hubd = w.running.pop("hubd")
        w.start("clinicd", "hub-store", "hub-coap")
        w.wait("the kill", (w.top / "once").exists)
        self.assertEqual(hubd.wait(20), -signal.SIGKILL)
        self.assertFalse((w.hub / "hubd" / "clinic.pub").exists())
        w.start("hubd")
        w.claim()
        w.wait_state("active", "none", "1")
        self.assertTrue((w.hub / "hubd" / "clinic.pub").exists())
        self.uploads()

    def kill_at(self, step):
        """hub-coap at this step, again and again; then it is let be and ends active, with one key."""
        w = self.world
        if step.encode() not in (BUILD / "hub-coap").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        w.put_trust()
        w.start("clinicd", "hubd", "hub-store")
        kills, claimed = 0, False
        while kills < KILLS:
            w.start("hub-coap", HUB_FAILPOINT=step, HUB_FAILPOINT_ONCE=str(w.top / f"once-{kills}"))
            hub = w.running.pop("hub-coap")
            w.wait("the device key, or the kill", lambda h=hub: h.poll() is not None or (w.hub / "coap" / "device").exists())
            if not claimed and (w.hub / "coap" / "device").exists():
                claimed = True
                w.claim()
            w.wait(f"the kill at {step}, or the end", lambda h=hub: h.poll() is not None or w.state()[:1] == ("active",))
            if hub.poll() is None:
                end(hub, 20)
                break
            self.assertEqual(hub.returncode, -signal.SIGKILL)
            kills += 1
        self.assertGreater(kills, 0)
        w.start("hub-coap")
        if not claimed:
            w.claim()
        w.wait_state("active", "none", "1")
        self.check_active()
        self.uploads()


for one_step in STEPS:
    setattr(Enrolment, "test_kill_" + one_step.replace(".", "_"), lambda self, step=one_step: self.kill_at(step))


def one(name):
    """One test in a process of its own: most of its time is spent waiting."""
    done = subprocess.run([sys.executable, __file__, BUILD, f"Enrolment.{name}"], text=True, timeout=900,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f"ok {name}" if done.returncode == 0 else f"FAILED {name}\n{done.stdout}", flush=True)
    return done.returncode


def all_at_once():
    """All tests; returns the exit code."""
    names = unittest.defaultTestLoader.getTestCaseNames(Enrolment)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return 1 if any(list(pool.map(one, names))) else 0


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and pathlib.Path(sys.argv[1]).is_dir():
        BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    if len(sys.argv) > 1:
        unittest.main()
    sys.exit(all_at_once())
