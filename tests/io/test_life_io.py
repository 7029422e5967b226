#!/usr/bin/python3
"""test_life_io.py - how a hub's life ends at its clinic: lost and found, suspended by mistake, replaced. Retired: test_retire_io.py.

usage: test_life_io.py [BUILD] [Life.NAME]      BUILD holds the programs

Real hubd, hub-store, hub-coap and clinicd with DTLS and databases between them; tests/net/feed.c stands for hub-ble and gives
readings by number. What became of each reading is asked of clinicctl.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import test_config_io
from test_config_io import World as Base, die_with_us, end


class Home:
    """One hub's processes, with a way of their own to the clinic."""

    def __init__(self, world, name, device):
        self.world, self.name, self.way = world, name, test_config_io.Way()
        self.bundle, self.run = world.top / name, world.top / f"run-{name}"
        self.run.mkdir()
        world.ctl("hub", "add", world.dir, name, "--out", self.bundle, "--heartbeat", "10", "--utc-offset", "0", "--device",
                  f"bp,{device},passkey=123456,user=sole", "--pair-window", "0", "--endpoint",
                  f"address=127.0.0.1,port={self.way.port}")
        self.feed, self.given = None, 0

    def programs(self):
        """Its processes by name."""
        return {f"{self.name}-{program}": [program, "--state", self.bundle / folder, "--run", self.run, "--same-user"]
                for program, folder in (("hubd", "hubd"), ("hub-store", "store"), ("hub-coap", "coap"))}

    def start(self):
        """All of them."""
        self.world.commands.update(self.programs())
        for name in self.programs():
            self.world.start(name)
        self.feed = subprocess.Popen([str(test_config_io.BUILD / "tests/net/feed"), str(self.run)], text=True, bufsize=1,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                     preexec_fn=die_with_us, env={"PATH": "/usr/bin", "ASAN_OPTIONS": "detect_leaks=0"})

    def give(self, count):
        """So many readings more, durable on the hub when this returns."""
        self.feed.stdin.write(f"give {count}\n")
        self.given += count
        for line in self.feed.stdout:
            if line == f"durable {self.given}\n":
                return
        raise AssertionError("feed ended")

    def status(self):
        """What the clinic says of it."""
        return json.loads(self.world.ctl("status", self.world.dir, self.name, "--json"))

    def readings(self):
        """That are filed; a manifest is none."""
        s = self.status()
        return s["records"] - s["manifests"]

    def tell_of_more(self):
        """Until the hub has told of more than came; then its way is cut."""
        while True:
            self.give(300)
            self.wait("some of them", lambda s: s["hub_highest"] > s["contig"] or s["records"] - s["manifests"] == self.given)
            self.way.lost = 1.0
            status = self.status()
            if status["hub_highest"] > status["contig"]:
                return
            self.way.lost = 0.0

    def wait(self, what, condition):
        """Until it holds of the status."""
        self.world.wait(f"{self.name}: {what}", lambda: condition(self.status()))


class World(Base):
    """A clinic; its hubs come later. The ports are those of the hubs' ways."""

    def __init__(self, *names):  # pylint: disable=super-init-not-called
        self.top = pathlib.Path(test_config_io.tempfile.mkdtemp(prefix="life-io-"))
        self.dir, self.running, self.homes = self.top / "clinic", {}, {}
        self.ctl("init", self.dir, "--name", "clinic.example", "--address", "127.0.0.1", "--hub-ports", "1-65535", "--port", "5684")
        self.commands = {"clinicd": ["clinicd", "--dir", self.dir, "--listen", "127.0.0.1", "--port", "0"]}
        for at, name in enumerate(names):
            self.homes[name] = Home(self, name, f"AA:BB:CC:DD:EE:{at:02X}")
        self.way = self.homes[names[0]].way
        self.start("clinicd")
        for home in self.homes.values():
            home.way.to = self.way.to

    def config(self):
        """For a failed wait."""
        return {name: home.status() for name, home in self.homes.items()}

    def json(self, *arguments):
        """What a verb says, as one object; warnings stand behind it."""
        return json.loads(self.ctl(*arguments, "--json").splitlines()[0])

    def show(self, name):
        """Of one hub."""
        return self.ctl("hub", "show", self.dir, name)

    def restart_clinic(self):
        """Killed and started; the ways lead to it."""
        self.kill("clinicd")
        self.start("clinicd")
        for home in self.homes.values():
            home.way.to = self.way.to

    def close(self):
        """End all."""
        for home in self.homes.values():
            home.way.open = False
            if home.feed:
                home.feed.kill()
                home.feed.wait()
        for p in self.running.values():
            end(p, 10)
        for home in self.homes.values():
            home.way.join()
        test_config_io.shutil.rmtree(self.top)


class Life(unittest.TestCase):
    """Each with a clinic of its own."""

    def world(self, *names):
        """A clinic with these hubs, the first of which has delivered five readings."""
        w = World(*names)
        self.addCleanup(w.close)
        home = w.homes[names[0]]
        home.start()
        home.give(5)
        home.wait("five readings", lambda s: s["records"] - s["manifests"] == 5)
        return w, home

    def test_lost_and_found(self):
        """Nothing of a lost hub is taken, its calls are kept; found again it heals without a visit, and all is filed."""
        w, home = self.world("home")
        w.ctl("lost", w.dir, "home", code=64)  # a reason is wanted
        done = w.json("lost", w.dir, "home", "--reason", "burglary", "--by", "Ann")
        self.assertEqual((done["was"], done["state"], done["changed"]), ("active", "lost", True))
        self.assertFalse(w.json("lost", w.dir, "home", "--reason", "again")["changed"])
        home.give(7)
        w.wait("a call is kept", lambda: re.search(r"called +[1-9][0-9]* times? since it was lost, last .* from 127\.0\.0\.1:",
                                                   w.show("home")))
        self.assertIn("ended-hub-called", w.log("clinicd"))
        status = home.status()
        self.assertEqual((status["state"], home.readings(), status["held"]), ("lost", 5, 0))
        for words in (["hub", "resume", w.dir, "home"], ["assign", w.dir, "home", "--patient", "P-1"]):
            w.ctl(*words, code=1)  # no other verb leads out
        self.assertEqual(home.status()["state"], "lost")
        self.assertEqual(w.json("lost", w.dir, "home", "--undo", "--reason", "it was in the car")["state"], "suspended")
        w.ctl("lost", w.dir, "home", "--undo", "--reason", "again")
        home.wait("what it kept is held", lambda s: s["held"] >= 7 and s["hub_queued"] == 0)
        self.assertEqual(home.readings(), 5)
        w.ctl("hub", "resume", w.dir, "home", "--reason", "looked at")
        w.ctl("held", w.dir, "home", "--release", "--reason", "looked at")
        home.give(3)
        home.wait("all are filed", lambda s: s["records"] - s["manifests"] == 15)
        w.ctl("gaps", w.dir, "home")
        journal = w.ctl("held", w.dir, "home", "--journal")
        for word in ("lost", "found", "resumed", "burglary", "Ann"):
            self.assertIn(word, journal)

    def test_suspended_by_mistake(self):
        """One change of the row heals it: the hub goes on capturing, and nobody visits it."""
        w, home = self.world("home")
        w.ctl("hub", "suspend", w.dir, "home", "--reason", "mistake")
        home.give(4)
        home.wait("they are held", lambda s: s["held"] >= 4)
        w.ctl("hub", "resume", w.dir, "home", "--reason", "no, it was the other one")
        home.give(2)
        home.wait("filed again", lambda s: s["records"] - s["manifests"] >= 7)
        self.assertEqual(home.status()["state"], "active")

    def test_replaced(self):
        """What the old one has told of is filed as its patient's, what it measures later is held; then it is retired."""
        w, old = self.world("home", "hall")
        new = w.homes["hall"]
        w.ctl("assign", w.dir, "hall", "--unassign")
        w.ctl("assign", w.dir, "home", "--patient", "P-17")
        old.tell_of_more()
        done = w.json("replace", w.dir, "home", "--by", "hall", "--reason", "it smells burnt", "--who", "Ann")
        self.assertEqual((done["state"], done["drain"], done["handed_over"], done["successor"]),
                         ("suspended", "replaced", True, "hall"))
        upto = done["files_up_to"]
        self.assertGreater(upto, old.status()["contig"])
        again = w.json("replace", w.dir, "home", "--by", "hall")
        self.assertEqual((again["files_up_to"], again["handed_over"], again["assignment"]), (upto, True, None))
        shown = w.json("assign", w.dir, "hall")
        self.assertEqual((shown["patient"], shown["assignment_wanted"]), ("P-17", done["assignment"]))
        self.assertIn("AA:BB:CC:DD:EE:00", w.ctl("config", "show", w.dir, "hall"))
        for words in (["hub", "resume", w.dir, "home"], ["assign", w.dir, "home", "--patient", "P-2"],
                      ["hub", "suspend", w.dir, "home", "--reason", "x"]):
            w.ctl(*words, code=1)
        new.start()
        new.wait("its config", lambda s: s["config"]["state"] == "in-use" and s["config"]["used"] == done["config"])
        old.give(3)  # and after it was replaced
        self.assertEqual(old.status()["state"], "suspended")
        w.restart_clinic()
        old.way.lost = 0.0
        old.wait("drained", lambda s: s["state"] == "retired")
        status = old.status()
        self.assertEqual((status["missing"], status["hub_queued"]), (0, 0))
        self.assertEqual(status["records"] + status["given_up"], upto)
        held = [json.loads(line) for line in w.ctl("held", w.dir, "home", "--json").splitlines() if line.startswith("{")]
        self.assertEqual({h["reason"] for h in held}, {"suspended"})
        self.assertEqual(min(h["first"] for h in held), upto + 1)
        self.assertEqual(sum(h["count"] for h in held), status["highest"] - upto)
        self.assertGreaterEqual(status["highest"] - upto, 3)
        w.ctl("gaps", w.dir, "home")
        self.assertIn("replaced  by 'hall'", w.show("home"))
        self.assertIn("hub-retired", w.log("clinicd"))
        journal = w.ctl("held", w.dir, "home", "--journal")
        for word in ("replaced", "taken-over", "drained-and-retired", "it smells burnt", "clinicd"):
            self.assertIn(word, journal)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and os.path.isdir(sys.argv[1]):
        test_config_io.BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
    unittest.main()
