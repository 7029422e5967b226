#!/usr/bin/python3
"""test_config_io.py - a config that the clinic signs is in use at the hub, over the wire, and nothing else ever is.

usage: test_config_io.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap and clinicd with DTLS and databases between them, and a way between hub and clinic that loses
and doubles datagrams when it is told to. What clinicctl would never sign comes from play_config.
"""
import concurrent.futures
import json
import pathlib
import random
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests")]
from child import die_with_us, end  # noqa: E402

BUILD = TOP / "build" / "asan"
LIMIT_S = 90
SEED = random.randrange(1 << 30)


class Way(threading.Thread):
    """UDP between one hub and one clinic; a share of the datagrams is lost, another comes twice, once late."""

    def __init__(self):
        super().__init__(daemon=True)
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.to, self.hub = None, None
        self.lost, self.doubled, self.open = 0.0, 0.0, True
        self.dice = random.Random(SEED)
        self.largest, self.passed, self.held = 0, 0, []
        self.start()

    def run(self):
        """Until it is closed."""
        selector = selectors.DefaultSelector()
        for s in (self.front, self.back):
            selector.register(s, selectors.EVENT_READ)
        while self.open:
            for key, _ in selector.select(0.1):
                try:
                    data, peer = key.fileobj.recvfrom(4096)
                except OSError:
                    continue
                if key.fileobj is self.front:
                    self.hub = peer
                    self.pass_on(self.back, data, self.to)
                else:
                    self.pass_on(self.front, data, self.hub)

    def pass_on(self, socket_, data, to):
        """To the other side, or not, or twice; the second of two comes behind the one after it."""
        late, self.held = self.held, []
        if to and self.dice.random() >= self.lost:
            self.send(socket_, data, to)
            if self.dice.random() < self.doubled:
                self.held.append((socket_, data, to))
        for item in late:
            self.send(*item)

    def send(self, socket_, data, to):
        """One datagram."""
        self.largest, self.passed = max(self.largest, len(data)), self.passed + 1
        try:
            socket_.sendto(data, to)
        except OSError:
            pass  # nobody is there now


class World:
    """A clinic and its hub, without a radio."""

    def __init__(self, emergency=True):
        """emergency: without it the hub is as one of an older clinicctl, its certificate and key are PEM files."""
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="config-io-"))
        self.dir, self.bundle, run = self.top / "clinic", self.top / "bundle", self.top / "run"
        run.mkdir()
        self.way = Way()
        self.ctl("init", self.dir, "--name", "clinic.example", "--address", "127.0.0.1", "--hub-ports", "1-65535", "--port", self.way.port)
        self.ctl("hub", "add", self.dir, "home", "--out", self.bundle, "--heartbeat", "10", "--utc-offset", "0",
                 "--device", "bp,AA:BB:CC:DD:EE:FF,passkey=123456,user=sole", "--pair-window", "0")
        if not emergency:
            (self.bundle / "coap" / "emergency").unlink()
        self.running = {}
        common = ["--run", run, "--same-user"]
        self.commands = {"clinicd": ["clinicd", "--dir", self.dir, "--listen", "127.0.0.1", "--port", "0"],
                         **{name: [name, "--state", self.bundle / folder, *common]
                            for name, folder in (("hubd", "hubd"), ("hub-store", "store"), ("hub-coap", "coap"))}}
        self.start("clinicd")
        for name in ("hubd", "hub-store", "hub-coap"):
            self.start(name)

    def start(self, name, **environment):
        """Start one; clinicd is then where the way leads."""
        log = self.top / f"{name}.log"
        at = log.stat().st_size if log.exists() else 0
        with open(log, "ab") as f:
            self.running[name] = subprocess.Popen([str(BUILD / self.commands[name][0]), *map(str, self.commands[name][1:])],
                                                  stdin=subprocess.DEVNULL, stdout=f, stderr=f, preexec_fn=die_with_us,
                                                  env={"PATH": "/usr/bin", "ASAN_OPTIONS": "detect_leaks=0", **environment})
        if name == "clinicd":
            self.wait("clinicd", lambda: re.search(r"listening port=(\d+)", log.read_text()[at:]))
            port = re.search(r"listening port=(\d+)", log.read_text()[at:]).group(1)
            self.way.to = ("127.0.0.1", int(port))

    def kill(self, name):
        """As the OOM killer would."""
        self.running[name].send_signal(signal.SIGKILL)
        self.running.pop(name).wait()

    def ctl(self, *arguments, code=0, text=None, environment=None):
        """clinicctl; returns what it printed and complained. code None: whatever it says."""
        done = subprocess.run([str(BUILD / "clinicctl"), *map(str, arguments)], text=True, timeout=60, input=text or "",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0", **(environment or {})})
        if code is not None and done.returncode != code:
            raise AssertionError(f"clinicctl {arguments}: {done.returncode}, want {code}: {done.stderr}")
        return done.stdout + done.stderr

    def play(self, what):
        """The clinic signs something bad; returns the version that it says."""
        done = subprocess.run([str(BUILD / "tests/io/play_config"), str(self.dir), "home", what], text=True, timeout=60,
                              stdout=subprocess.PIPE, check=True, env={"ASAN_OPTIONS": "detect_leaks=0"})
        return int(done.stdout.split()[0])

    def window(self):
        """A change that harms nobody; returns its version."""
        said = self.ctl("hub", "pair-window", self.dir, "home", "all", "--minutes", "1")
        return int(re.search(r"configuration (\d+)", said).group(1))

    def config(self):
        """What 'clinicctl status --json' says of it."""
        return json.loads(self.ctl("status", self.dir, "home", "--json"))["config"]

    def log(self, name):
        """All that a program said."""
        return (self.top / f"{name}.log").read_text(errors="replace")

    def wait(self, what, condition, seconds=LIMIT_S):
        """Until it holds; a program that ends meanwhile is an error."""
        last = time.monotonic() + seconds
        while not condition():
            ended = [n for n, p in self.running.items() if p.poll() is not None]
            if ended or time.monotonic() > last:
                logs = "\n".join(f"--- {n}\n{self.log(n)[-1500:]}" for n in self.commands)
                raise AssertionError(f"waited for {what}; ended: {ended}; {self.config()}\n{logs}")
            time.sleep(0.1)

    def wait_config(self, **want):
        """Until the clinic says so."""
        self.wait(f"{want}", lambda: all(self.config()[k] == v for k, v in want.items()))

    def close(self):
        """End all."""
        self.way.open = False
        for p in self.running.values():
            end(p, 10)
        self.way.join()
        shutil.rmtree(self.top)


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.wait_config(state="in-use", wanted=1, used=1, proven=1)

    def good(self):
        """The hub still takes what is good."""
        version = self.world.window()
        self.world.wait_config(state="in-use", wanted=version, used=version, proven=version, refused=None)

    def test_change_reaches_the_hub(self):
        w = self.world
        version = w.window()
        self.assertEqual(version, 2)
        w.wait_config(state="in-use", wanted=2, used=2, proven=2)
        self.assertIn("config-taken version=2", w.log("hubd"))
        text = w.ctl("status", w.dir, "home")
        self.assertIn("home: configuration 2 is in use [in-use]", text)
        good = (w.bundle / "hubd" / "config.good").read_bytes()
        self.assertEqual(good, (w.bundle / "hubd" / "config.cose").read_bytes())
        self.assertEqual(good, (w.bundle / "hubd" / "config.proven").read_bytes())
        for name in ("hubd", "hub-coap"):  # over a start of either
            w.kill(name)
            w.start(name)
            self.good()

    def test_while_the_hub_was_away(self):
        w = self.world
        w.kill("hub-coap")
        for _ in range(3):
            w.window()
        self.assertEqual(w.config()["state"], "on-its-way")
        self.assertIn("configuration 4 waits for the hub to fetch it; in use is 1", w.ctl("status", w.dir))
        w.start("hub-coap")
        w.wait_config(state="in-use", used=4)
        self.assertEqual(re.findall(r"config-taken version=(\d+)", w.log("hubd")), ["1", "4"])

    def test_lost_and_doubled(self):
        """A config of several blocks over a bad way, and back to a small one."""
        w = self.world
        w.way.lost, w.way.doubled = 0.2, 0.2
        version = w.play("large")
        w.wait_config(state="in-use", used=version)
        w.way.lost = w.way.doubled = 0
        self.assertGreater(len((w.bundle / "hubd" / "config.good").read_bytes()), 2048)
        self.assertLess(w.way.largest, 1280)
        self.good()

    def test_bad_ones_are_refused_by_name(self):
        w = self.world
        for what, words in (("signature", "it is not signed by this hub's clinic"), ("not-signed", "not a signed document"),
                            ("other-hub", "made for another hub"), ("other-epoch", "another enrolment"),
                            ("older", "older than the one in use"), ("heartbeat", "its field 'heartbeat' is bad"),
                            ("endpoints", "its field 'endpoints' is bad"), ("truncated", "is bad")):
            with self.subTest(what):
                used = w.config()["used"]
                good = (w.bundle / "hubd" / "config.good").read_bytes()
                version = w.play(what)
                w.wait_config(state="refused", wanted=version, used=used, refused=version)
                self.assertIn(words, w.config()["refusal"])
                self.assertRegex(w.ctl("status", w.dir, "home"),
                                 rf"home: configuration {version} was REFUSED by the hub: .*{words}.*; in use is {used} ")
                self.assertEqual((w.bundle / "hubd" / "config.good").read_bytes(), good)
                self.assertEqual((w.bundle / "hubd" / "config.cose").read_bytes(), good)
        asked = w.log("hubd").count("config-refused")
        self.assertEqual(asked, 8)  # none of them twice
        # the refusal outlives the one who said it
        w.kill("hubd")
        w.start("hubd")
        w.wait("it is refused anew", lambda: w.log("hubd").count("config-refused") == asked + 1)
        self.assertEqual(w.config()["state"], "refused")
        # repaired through the clinic's own tool, whose last config is the bad one's good twin
        self.good()

    def test_lower_version(self):
        """A clinic that went back in time is not heeded, says so, and goes above."""
        w = self.world
        self.good()
        self.good()
        w.play("lower")
        w.wait_config(state="ahead", wanted=1, used=3)
        self.assertIn("was an old backup restored?", w.ctl("status", w.dir, "home"))
        heard = len(re.findall("upload", w.log("clinicd")))
        passed = w.way.passed
        w.wait("a heartbeat", lambda: w.way.passed >= passed + 4)
        self.assertEqual(w.log("hubd").count("config-taken"), 3)
        self.assertEqual(w.log("hubd").count("config-refused"), 0)
        self.assertEqual(heard, len(re.findall("upload", w.log("clinicd"))))
        self.assertEqual(w.window(), 4)
        w.wait_config(state="in-use", used=4)

    def test_endpoints_on_trial(self):
        """A config whose endpoints nobody answers at is taken, the ones before are kept, and the clinic sees it."""
        w = self.world
        w.ctl("hub", "endpoints", w.dir, "home", "--set", "address=127.0.0.1,port=9")
        w.wait_config(state="uplink-unconfirmed", wanted=2, used=2, proven=1)
        self.assertIn("configuration 2 is in use, but UNCONFIRMED", w.ctl("status", w.dir, "home"))
        for name in ("hubd", "hub-coap"):  # kept over a start of both
            w.kill(name)
        for name in ("hubd", "hub-coap"):
            w.start(name)
        w.ctl("hub", "endpoints", w.dir, "home", "--set", f"address=127.0.0.1,port={w.way.port}")
        w.wait_config(state="in-use", wanted=3, used=3, proven=3)

    def test_suspended(self):
        """A suspended hub is told of no config; resumed it fetches the last."""
        w = self.world
        w.ctl("hub", "suspend", w.dir, "home", "--reason", "test")
        version = w.window()
        passed = w.way.passed
        w.wait("two heartbeats", lambda: w.way.passed >= passed + 8)
        self.assertEqual(w.config()["used"], 1)
        w.ctl("hub", "resume", w.dir, "home", "--reason", "test")
        w.wait_config(state="in-use", used=version)

    def test_killed_at_each_durable_step(self):
        """The last good config, or the new one, whole."""
        w = self.world
        if b"hubd.config.staged" not in (BUILD / "hubd").read_bytes():
            self.skipTest("SKIP: built without FAILPOINTS=1")
        for step in ("staged", "taken", "proven"):
            with self.subTest(step):
                once = w.top / f"once-{step}"
                w.kill("hubd")
                w.start("hubd", HUB_FAILPOINT=f"hubd.config.{step}", HUB_FAILPOINT_ONCE=str(once))
                hubd = w.running.pop("hubd")
                version = w.window()
                w.wait(f"the kill at {step}", once.exists)
                self.assertEqual(hubd.wait(20), -signal.SIGKILL)
                w.start("hubd")
                w.wait_config(state="in-use", used=version, proven=version)
                self.assertNotIn("config-refused", w.log("hubd"))


def one(case, script, name):
    """One test in a process of its own: most of its time is spent waiting for heartbeats."""
    done = subprocess.run([sys.executable, script, BUILD, "-s", str(SEED), f"{case.__name__}.{name}"], text=True, timeout=900,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f"ok {name}" if done.returncode == 0 else f"FAILED {name}\n{done.stdout}", flush=True)
    return done.returncode


def main(case, script, at_once=16):
    """All tests of a class, so many at once, or those that the command line names; returns the exit code."""
    global BUILD, SEED
    if "-s" in sys.argv:
        at = sys.argv.index("-s")
        SEED = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and pathlib.Path(sys.argv[1]).is_dir():
        BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    print(f"seed {SEED}", flush=True)
    if len(sys.argv) > 1:
        unittest.main(module=sys.modules[case.__module__])
    names = unittest.defaultTestLoader.getTestCaseNames(case)
    with concurrent.futures.ThreadPoolExecutor(min(at_once, len(names))) as pool:
        return 1 if any(pool.map(lambda name: one(case, script, name), names)) else 0


if __name__ == "__main__":
    sys.exit(main(Wire, __file__))
