#!/usr/bin/python3
"""test_export_io.py - what a hub has not sent goes to the clinic on a USB stick, once, although it is uploaded later, too.

usage: test_export_io.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap, hub-console and clinicd, as in test_console_session.py, and rootfs/stick/hub-stick. This test stands for the
path unit that starts it, for the kernel's USB (a tree of files), and for the stick (a folder in the place of what is mounted).
"""
import importlib
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
command_io = importlib.import_module("test_command_io")
console = importlib.import_module("test_console_session")
from child import die_with_us  # noqa: E402

NO_STICK = ["NO no-stick. Next: plug in a USB stick with FAT or exFAT, type it again."]
UNSENT = ["NO unsent-readings. Next: wait for the clinic ('queue'), or take a stick ('export-queue')."]
OK = re.compile(r"^records written (\d+), bytes (\d+)$")
NAMESPACE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


class Port(threading.Thread):
    """A USB port with what is plugged into it, and the unit that hubd's file starts."""

    def __init__(self, top, wish):
        super().__init__(daemon=True)
        self.top, self.wish, self.ends, self.small, self.child = top, wish, False, False, None
        self.run_dir, self.stick, self.tree = top / "stick-run", top / "stick", top / "sys" / "bus" / "usb"
        self.runs = 0
        for folder in (self.run_dir, self.stick, self.tree / "devices" / "usb1"):
            folder.mkdir(parents=True)
        os.mkfifo(self.run_dir / "pipe")
        (self.tree / "drivers_probe").write_text("", encoding="ascii")
        (self.tree / "devices" / "usb1" / "interface_authorized_default").write_text("1", encoding="ascii")
        for name, text in (("mount", f'#!/bin/sh\necho "$*" >>{top}/mounts\nfor last; do :; done\n'
                            f'[ ! -e {top}/small ] || exec mount -t tmpfs -o size=4k none "$last"\nrmdir "$last" && ln -s {self.stick} "$last"\n'),
                           ("umount", f'#!/bin/sh\n[ ! -e {top}/stall ] || kill -STOP $(ps -o ppid= -p $PPID)\n'
                            'if [ -L "$1" ]; then rm "$1"; else exec umount "$1"; fi\n')):
            (top / name).write_text(text, encoding="ascii")
            (top / name).chmod(0o755)
        self.start()

    def plug(self, *classes):
        """A device with an interface of each class; 08 is mass storage, and a disk hangs on it."""
        device = self.tree / "devices" / "1-1"
        device.mkdir()
        (device / "authorized").write_text("0", encoding="ascii")
        for i, number in enumerate(classes):
            interface = self.tree / "devices" / f"1-1:1.{i}"
            interface.mkdir()
            (interface / "bInterfaceClass").write_text(f"{number}\n", encoding="ascii")
            (interface / "authorized").write_text("0", encoding="ascii")
            if number == "08":
                (interface / "host0" / "target0:0:0" / "0:0:0:0" / "block" / "sda" / "sda1").mkdir(parents=True)

    def let_in(self, name):
        """What was written for it last."""
        return (self.tree / "devices" / name / "authorized").read_text()

    def run(self):
        """As hub-stick.path and hub-stick.service."""
        script = str(TOP / "rootfs/stick/hub-stick")
        environment = {"HUB_STICK_SYS": str(self.top / "sys"), "HUB_STICK_RUN": str(self.run_dir), "HUB_STICK_WISH": str(self.wish),
                       "HUB_STICK_MOUNT": str(self.top / "mount"), "HUB_STICK_UMOUNT": str(self.top / "umount")}
        while not self.ends:
            time.sleep(0.05)
            if not self.wish.exists():
                continue
            self.runs += 1
            command = [*NAMESPACE, script] if (self.top / "small").exists() else [script]
            with open(self.top / "hub-stick.log", "ab") as log:
                self.child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              start_new_session=True, preexec_fn=die_with_us)
                self.child.wait()
                try:
                    os.killpg(self.child.pid, signal.SIGKILL)  # what a unit leaves behind goes with it
                except ProcessLookupError:
                    pass
                subprocess.run([script, "out"], env=environment, stdout=log, stderr=log, timeout=30, check=True)

    def close(self):
        """No port any more."""
        self.ends = True
        self.join(10)


class World(console.World):
    """With a port; nothing reaches the clinic until it is told to."""

    def __init__(self, button):
        self.port = self.cuff = None
        super().__init__(button)

    def start(self, name, **environment):
        """hub-store has the port's pipe."""
        if self.port is None:
            self.port = Port(self.top, self.bundle / "hubd" / "stick")
            self.commands["hub-store"] += ["--stick", self.port.run_dir]
        super().start(name, **environment)

    def measure(self, count):
        """So many readings, durable at the hub."""
        self.cuff = self.cuff or command_io.Cuff(self.top / "run")
        for _ in range(count):
            self.cuff.measure()

    def granted(self, *verbs, by="sec+tech"):
        """A session for these."""
        said = self.login(verbs="+".join(verbs), by=by)
        assert said[-1] == "OK", said

    def files(self):
        """On the stick."""
        return sorted(self.port.stick.iterdir())

    def filed(self):
        """Readings at the clinic, and numbers that are there twice."""
        rows = [r for r in map(json.loads, self.ctl("readings", self.dir, "--json").splitlines()) if r.get("kind") == "blood pressure"]
        return len(rows), len(rows) - len({r["seq"] for r in rows})

    def imports(self, path, code=0, where=None):
        """What clinicctl import says of it."""
        said = self.ctl("import", where or self.dir, path, "--json", code=code)
        return json.loads(said.splitlines()[0])

    def close(self):
        """End all."""
        if self.cuff:
            self.cuff.socket.close()
        self.port.close()
        super().close()


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = World("button" in self._testMethodName)
        self.addCleanup(self.world.close)
        self.serial = self.world.serial

    def export(self, verb):
        """Returns how many records and octets; the port is shut again."""
        w = self.world
        said = self.serial.ask(verb)
        self.assertEqual(said[-1], "OK", said)
        counts = OK.match(said[-2])
        self.assertTrue(counts, said)
        self.shut()
        self.assertEqual(w.log("hubd").count("console event=\"export\""), len(w.files()))
        return tuple(int(n) for n in counts.groups())

    def shut(self):
        """Nothing is let in any more."""
        w = self.world
        w.wait("the port is shut", lambda: w.port.let_in("1-1") == "0")
        self.assertFalse((w.bundle / "hubd" / "stick").exists())

    def test_queue(self):
        """40 readings that could not be sent: on the stick, filed once, and once only although they are uploaded afterwards."""
        w = self.world
        w.measure(1)
        w.wait("it is filed", lambda: w.filed() == (1, 0))
        w.way.lost = 1.0
        w.measure(40)
        w.granted("export-queue", "queue")
        w.port.plug("03", "08")
        records, size = self.export("export-queue")
        self.assertGreaterEqual(records, 40)
        (path,) = w.files()
        self.assertRegex(path.name, r"^hub-[0-9a-f]{8}-queue-1\.stick$")
        self.assertEqual(path.stat().st_size, size)
        self.assertEqual((w.port.let_in("1-1:1.0"), w.port.let_in("1-1:1.1")), ("0", "1"))
        self.assertIn("-t vfat -o noexec,nodev,nosuid,noatime,umask=0077 /dev/sda1", (w.top / "mounts").read_text())
        seen = self.seen()
        rest = self.bad_files(path)
        self.assertEqual(w.imports(path), {"file": str(path), "hub": "home", "what": "queue", "whole": True, "filed": records - rest, "here": rest,
                                           "held": 0, "conflict": 0, "refused_batches": 0})
        self.assertEqual(w.filed(), (41, 0))
        self.assertEqual(w.imports(path)["here"], records)
        self.assertEqual(self.seen(), seen)  # it did not call
        self.assertIn(f"unsent {records}", self.serial.ask("queue")[0])
        w.way.lost = 0.0
        w.wait("all is uploaded", lambda: self.serial.ask("queue")[0] == "unsent 0")
        self.assertEqual(w.filed(), (41, 0))
        self.assertEqual(self.serial.ask("export-queue"), ["NO nothing-to-export. Next: the clinic has all: pull the stick."])

    def seen(self):
        """When the hub called last, as the clinic says."""
        return json.loads(self.world.ctl("status", self.world.dir, "home", "--json"))["seen"]

    def bad_files(self, good):
        """Of a clinic that does not know the hub, and what is no such file: nothing is taken. Of one that was changed only what is signed; returns how many."""
        w = self.world
        other, whole, bad = w.top / "other", good.read_bytes(), w.top / "bad.stick"
        w.ctl("init", other, "--name", "other.example", "--address", "127.0.0.1")
        said = w.imports(good, code=1, where=other)
        self.assertEqual((said["filed"], said["refused"]), (0, "this clinic knows no such hub, or takes nothing from it any more"))
        for data, words in ((whole[:64], "cut off"), (b"", "damaged"), (b"HUBSTICK\2" + bytes(55), "newer"), (b"x" * 100, "damaged")):
            bad.write_bytes(data)
            said = w.imports(bad, code=1)
            self.assertIn(words, said["trouble"])
            self.assertEqual(said["filed"], 0)
        self.assertIn("cannot be opened", w.ctl("import", w.dir, w.top / "none", code=66))
        bad.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
        said = w.imports(bad, code=1)
        self.assertEqual((said["refused_batches"], said["refused"]), (1, "not signed by the hub that the clinic knows"))
        return said["filed"]

    def test_queue_cut(self):
        """Of a file that was cut off the whole part counts; one to which something was added is told as damaged."""
        w = self.world
        w.way.lost = 1.0
        w.measure(40)
        w.granted("export-queue")
        w.port.plug("08")
        records, _ = self.export("export-queue")
        whole, bad = w.files()[0].read_bytes(), w.top / "bad.stick"
        bad.write_bytes(whole[:-60])
        said = w.imports(bad, code=1)
        self.assertEqual((said["filed"], said["whole"]), (32, False))
        self.assertIn("cut off", said["trouble"])
        bad.write_bytes(whole + b"\0")
        said = w.imports(bad, code=1)
        self.assertEqual((said["here"], said["filed"]), (32, records - 32))
        self.assertIn("damaged", said["trouble"])

    def test_no_stick_with_button(self):
        """Nothing in the port; a keyboard; a stick without room; and it takes two people, whatever the button."""
        w = self.world
        w.way.lost = 1.0
        w.measure(40)
        w.granted("export-queue", by="sec")
        self.assertEqual(self.serial.ask("export-queue")[0].split(".")[0], "NO second-person")
        self.serial.ask("logout")
        w.granted("export-queue")
        self.assertEqual(self.pressed()[-1:], NO_STICK)
        w.port.plug("03")
        self.assertEqual(self.pressed()[-1:], NO_STICK)
        self.assertEqual((w.port.let_in("1-1"), w.port.let_in("1-1:1.0")), ("0", "0"))
        self.assertFalse((w.bundle / "hubd" / "stick").exists())
        if subprocess.run([*NAMESPACE, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("SKIP: no mount namespaces here: a full stick is left out")
        subprocess.run(["rm", "-r", *w.port.tree.glob("devices/1-*")], check=True)
        w.port.plug("08")
        (w.top / "small").write_text("", encoding="ascii")
        said = self.pressed()
        self.assertEqual(said[-1], "NO stick-full. Next: take another stick, or make room on this one.")
        (w.top / "small").unlink()
        self.assertEqual(self.pressed()[-1], "OK")
        self.assertEqual(w.imports(w.files()[0])["filed"] >= 40, True)

    def test_again_with_button(self):
        """The next verb is not taken for the one before by a unit that was slow to see the end of its own, though a file system gives
        an inode's number anew."""
        w = self.world
        wish, kept = w.port.wish, w.top / "kept"

        def keep():
            w.wait("the first verb", wish.exists)
            os.link(wish, kept)

        def go_on():
            w.wait("the next verb", wish.exists)
            os.utime(kept)
            os.rename(kept, wish)
            os.kill(slow, signal.SIGCONT)

        w.way.lost = 1.0
        w.measure(1)
        w.granted("export-queue")
        w.port.plug("08")
        (w.top / "stall").touch()
        threading.Thread(target=keep).start()
        self.assertEqual(self.pressed()[-1], "OK")
        (w.top / "stall").unlink()
        slow = w.port.child.pid
        self.assertIn(" T ", pathlib.Path(f"/proc/{slow}/stat").read_text(encoding="ascii"))
        self.assertFalse(wish.exists())
        threading.Thread(target=go_on).start()
        self.assertEqual(self.pressed()[-1], "OK")

    def pressed(self):
        """The verb, and the button; what is said then."""
        self.serial.send(b"export-queue\r")
        got = self.serial.until(lambda got: b"within 10s.\r\n" in got)
        self.world.press()
        got += self.serial.prompt()
        return [text for text in got.decode().replace("\r", "").split("\n")[2:-1] if text]

    def test_evidence(self):
        """What the hub says of itself, with the newest of its audit log, sealed as it would go up; no reading is in it."""
        w = self.world
        w.way.lost = 1.0
        w.measure(3)
        w.granted("export-evidence")
        self.assertEqual(self.serial.ask("export-queue")[0].split(".")[0], "NO not-in-token")
        w.port.plug("08")
        records, _ = self.export("export-evidence")
        (path,) = w.files()
        self.assertRegex(path.name, r"-evidence-1\.stick$")
        self.assertEqual(w.imports(path)["filed"], records)
        self.assertEqual(w.filed(), (0, 0))
        listed = json.loads(w.ctl("evidence", w.dir, "home", "--json", "--out", w.top / "evidence"))
        (one,) = listed["snapshots"]
        self.assertEqual((one["level"], one["whole"], one["signed"]), (1, True, False))
        self.assertGreaterEqual(one["audit_files"], 1)
        self.assertTrue(list((w.top / "evidence").glob("*/audit-*")))

    def plugged(self):
        """As hub-measure says it: something new is in a port. Returns when hubd has heard of it."""
        w = self.world
        before = w.log("hubd").count("incident by=measure")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.connect(str(w.top / "run" / "hubd-measure"))
            link.send(struct.pack(">BBHHI", 1, 0x40, 10, 0, 1))
            w.wait("hubd has heard of it", lambda: w.log("hubd").count("incident by=measure") > before)

    def test_plugged(self):
        """T10: a stick is nothing to be told while somebody is logged in who may write to one, and is afterwards."""
        w = self.world
        w.granted("export-evidence")
        self.plugged()
        self.assertIn("level 0 normal", self.serial.ask("status"))
        self.serial.ask("logout")
        w.granted("queue")
        self.plugged()
        w.wait("level 1", lambda: "level 1 guarded" in self.serial.ask("status"))

    def test_gone(self):
        """hub-store is killed while it works, then hubd: it is told, the port is shut, and the next one is whole."""
        w = self.world
        w.way.lost = 1.0
        w.measure(40)
        w.granted("export-queue")
        w.kill("hubd")
        (w.bundle / "hubd" / "stick").write_text("1\n", encoding="ascii")
        w.start("hubd")
        w.wait("hubd has begun anew", lambda: not (w.bundle / "hubd" / "stick").exists())
        w.wait("hubd answers", lambda: self.serial.ask("status")[-1] == "OK")
        w.granted("export-queue")
        self.serial.send(b"export-queue\r")
        w.wait("it works", lambda: (w.bundle / "hubd" / "stick").exists())
        w.kill("hub-store")
        self.assertIn(b"NO ", self.serial.prompt())
        self.assertFalse((w.bundle / "hubd" / "stick").exists())
        w.start("hub-store")
        w.port.plug("08")
        w.wait("hub-store is there again", lambda: self.serial.ask("export-queue")[-1] == "OK")
        self.assertGreaterEqual(w.imports(w.files()[-1])["filed"], 40)

    def test_reset(self):
        """A factory reset is refused while a reading is unsent, also one that came after the export; when all is on the stick the hub is
        erased, it says so, and the clinic has each reading from the stick."""
        w = self.world
        store = w.bundle / "store"
        w.way.lost = 1.0
        w.measure(40)
        w.granted("export-queue", "factory-reset")
        self.assertEqual(self.serial.ask("factory-reset"), UNSENT)
        self.assertNotIn("reset-ordered", w.log("hubd"))
        w.port.plug("08")
        self.export("export-queue")
        w.measure(1)
        self.assertEqual(self.serial.ask("factory-reset"), UNSENT)
        self.assertIn("reset-ordered", w.log("hubd"))
        self.assertFalse((store / "reset").exists())
        w.measure(1)
        records, _ = self.export("export-queue")
        said = self.serial.ask("factory-reset")
        self.assertEqual(said, [f"erased here, on the stick only: records {records}", "OK"])
        self.assertEqual(w.running.pop("hubd").wait(60), 133)
        w.kill("hub-store")
        for step in ("decide", "finish"):
            done = subprocess.run([config_io.BUILD / "hub-store-reset", "--state", store, step], stderr=subprocess.PIPE, text=True, timeout=60, check=True,
                                  env={"ASAN_OPTIONS": "detect_leaks=0"})
        self.assertIn("reset-done", done.stderr)
        self.assertEqual(list(store.iterdir()), [])
        self.assertEqual(w.filed(), (0, 0))
        for path in w.files():
            self.assertTrue(w.imports(path)["whole"])
        self.assertEqual(w.filed(), (42, 0))


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=3))
