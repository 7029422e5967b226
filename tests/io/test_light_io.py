#!/usr/bin/python3
"""test_light_io.py - what the patient sees, hears and reads over a reading's life, with the real hubd on a board of files.

usage: test_light_io.py [BUILD] [-s SEED] [Wire.NAME]      BUILD holds the programs

hubd, hub-store, hub-coap and clinicd as in test_command_io.py. The board is a folder as the kernel's LED class looks like, plain files
of which each change is noted; beeper and display are files in which all stays that was ever written.
"""
import importlib
import os
import pathlib
import signal
import struct
import sys
import threading
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "io")]
config_io = importlib.import_module("test_config_io")
command_io = importlib.import_module("test_command_io")
lockdown_io = importlib.import_module("test_lockdown_io")

MSG_STATUS, STATUS_ADAPTER, STATUS_BATTERY = 0x41, 1, 12
EV_SYN, EV_SND, SND_TONE = 0, 0x12, 2
LOOK_S = 0.002


class Board(threading.Thread):
    """A folder with lamps, a beeper and a display; notes what the lamps do."""

    def __init__(self, folder, lamps, sound=None):
        super().__init__(daemon=True)
        self.folder, self.lamps, self.ended, self.read = folder, lamps, False, 0
        for lamp in lamps:
            (folder / lamp).mkdir(parents=True)
            (folder / lamp / "brightness").write_text("077\n")  # as somebody left it
        for name in ("beeper", "display"):
            (folder / name).touch()
        if sound:
            (folder / "sound").write_text(sound + "\n")
        self.seen = []  # (when, which are lit)
        self.start()

    def lit(self):
        """Which lamps are, and how bright."""
        now = {lamp: int((self.folder / lamp / "brightness").read_text() or 0) for lamp in self.lamps}
        return {lamp: value for lamp, value in now.items() if value}

    def run(self):
        while not self.ended:
            lit = frozenset(self.lit())
            if not self.seen or self.seen[-1][1] != lit:
                self.seen.append((time.monotonic(), lit))
            time.sleep(LOOK_S)

    def close(self):
        """No more looks."""
        self.ended = True
        self.join()

    def since(self, when):
        """Which were lit since then, one after the other, and how long each."""
        seen = [s for s in self.seen if s[0] >= when]
        ends = [s[0] for s in seen[1:]] + [time.monotonic()]
        return [(lit, end - at) for (at, lit), end in zip(seen, ends)]

    def words(self):
        """All lines of the display."""
        return (self.folder / "display").read_bytes().decode().split("\r\n")[1:]

    def tones(self):
        """All that was heard, in Hz; 0: silence."""
        event = struct.Struct("@qqHHi")
        events = [e[2:] for e in event.iter_unpack((self.folder / "beeper").read_bytes())]
        assert all(e[:2] == (EV_SYN, 0) for e in events[1::2]) and all(e[:2] == (EV_SND, SND_TONE) for e in events[::2]), events
        return [e[2] for e in events[::2]]


class Wire(unittest.TestCase):
    """Each with a home of its own."""

    def setUp(self):
        self.world = command_io.World()
        self.addCleanup(self.world.close)

    def board(self, lamps=("red", "green", "blue", "white"), sound=None):
        """hubd with such a board."""
        w = self.world
        board = Board(w.top / "board", lamps, sound)
        self.addCleanup(board.close)
        w.commands["hubd"] += ["--board", w.top / "board"]
        self.again()
        cuff = command_io.Cuff(w.top / "run")
        self.addCleanup(cuff.socket.close)
        return board, cuff

    def again(self):
        """hubd is killed and comes back, with what hub-store has to say."""
        w = self.world
        w.kill("hubd")
        at = w.log("hubd").count("board lamps=")
        w.start("hubd")
        w.wait("the board", lambda: w.log("hubd").count("board lamps=") > at)
        w.wait("hub-store is there", lambda: w.level() == 0)

    def waits_for(self, board, *lines):
        """Until the display has said these and nothing else since this was asked last."""
        self.world.wait(f"{lines}", lambda: len(board.words()) >= board.read + len(lines))
        self.assertEqual(tuple(board.words()[board.read:board.read + len(lines)]), lines)
        board.read += len(lines)

    def settle(self, board, cuff):
        """Until hubd has heard of hub-store: a first reading may come before that and is no news then."""
        while not board.words():
            cuff.measure()
            time.sleep(1)
        self.world.wait("the clinic has it", lambda: board.words()[-2:] == ["Your clinic has it.", ""], 60)
        board.read = len(board.words())

    def test_a_readings_life(self):
        """Saved, at the clinic, and nothing more to say; offline it waits."""
        w = self.world
        board, cuff = self.board()
        self.settle(board, cuff)
        tones, began = len(board.tones()), time.monotonic()
        cuff.measure()
        self.waits_for(board, "Reading saved.", "Your clinic has it.", "")
        self.assertEqual(board.tones()[tones:], [660, 880, 0, 1320, 0])
        lit = board.since(began)
        amber = [s for s in lit if s[0] == {"red", "green"}]
        green = [s for s in lit if s[0] == {"green"}]
        self.assertGreaterEqual(len(amber), 2, lit)       # it blinks
        self.assertGreater(max(s[1] for s in green), 9)   # it does not
        self.assertEqual((w.bundle / "hubd" / "light").read_text(), "reached-the-clinic")

        w.kill("clinicd")
        cuff.measure()
        self.waits_for(board, "Reading saved.", "Saved. Will be sent later.")
        w.wait("white", lambda: set(board.lit()) == {"white"})
        w.wait("and dark", lambda: not board.lit())
        self.assertEqual((w.bundle / "hubd" / "light").read_text(), "saved")
        w.start("clinicd")
        self.waits_for(board, "Your clinic has it.", "")

    def test_level_2_and_a_window(self):
        """Steady with a break in it; readings are told of as ever. And a window, with its tick, while there is no lock."""
        w = self.world
        board, cuff = self.board()
        self.settle(board, cuff)
        radio = lockdown_io.Radio(w.top / "run")
        self.addCleanup(radio.socket.close)
        radio.say(struct.pack(">BBBQQ", 1, MSG_STATUS, STATUS_ADAPTER, 1, 0))
        tones = len(board.tones())
        w.window()
        self.waits_for(board, "Switch on the new device now.")
        w.wait("blue", lambda: set(board.lit()) == {"blue"})
        w.wait("two ticks", lambda: len(board.tones()) >= tones + 4)
        self.assertEqual(set(board.tones()[tones:]), {1000, 0})
        radio.say(struct.pack(">BBBQQ", 1, MSG_STATUS, STATUS_BATTERY, 1, 5))  # stands below a window
        began = time.monotonic()
        w.order("lock", "doc")
        self.waits_for(board, "Blood pressure cuff: needs a new battery.")  # the lock has closed the window
        w.wait("two beeps", lambda: board.tones()[-4:] == [784, 0, 784, 0])
        radio.say(struct.pack(">BBBQQ", 1, MSG_STATUS, STATUS_BATTERY, 1, 95))
        self.waits_for(board, "Keep measuring. Readings are saved.")
        w.wait("it has a break", lambda: any(not s[0] and s[1] < 1.5 for s in board.since(began)[-3:]))
        cuff.measure()
        self.waits_for(board, "Reading saved.", "Your clinic has it.", "Keep measuring. Readings are saved.")
        self.assertEqual((w.bundle / "hubd" / "light").read_text(), "locked")

    def test_one_lamp_and_no_sound(self):
        """The lamp of the processor, say; what cannot be written to harms nobody; the end is dark."""
        w = self.world
        board, cuff = self.board(["single"], "none")
        (board.folder / "display").unlink()
        os.symlink("/dev/full", board.folder / "display")
        self.again()
        for _ in range(3):
            cuff.measure()
        w.wait("it is lit", board.lit)
        w.wait("the readings are there", lambda: command_io.Wire.readings(self)[0] == 3)
        self.assertEqual(w.log("hubd").count('indicator part=display error='), 1)
        self.assertEqual(board.tones(), [])
        hubd = w.running.pop("hubd")
        hubd.send_signal(signal.SIGTERM)
        self.assertEqual(hubd.wait(20), 0)
        self.assertEqual(board.lit(), {})
        w.start("hubd")

    def test_handed_over(self):
        """What the manager has opened is used, and what lies in the folder under the same name is not."""
        w = self.world
        for name in ("lamp", "tones"):
            (w.top / name).touch()
        w.commands["hubd"] = ["/bin/sh", "-c", 'exec 3<>"$1" 4<>"$2"; shift 2; LISTEN_PID=$$ LISTEN_FDNAMES=beeper:lamp-single exec "$@"',
                              "sh", w.top / "tones", w.top / "lamp", config_io.BUILD / "hubd", *w.commands["hubd"][1:]]
        board, cuff = self.board(["single"])
        for _ in range(3):
            cuff.measure()
            time.sleep(1)
        w.wait("it is lit", lambda: int((w.top / "lamp").read_text() or 0) == 255)
        w.wait("it is heard", (w.top / "tones").read_bytes)
        self.assertEqual((board.tones(), board.lit()), ([], {"single": 77}))


if __name__ == "__main__":
    sys.exit(config_io.main(Wire, __file__, at_once=3))
