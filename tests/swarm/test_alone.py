#!/usr/bin/python3
"""test_alone.py - one clinicd with its SQLCipher file, killed every five seconds: each reading is stored exactly once.

usage: test_alone.py FOLDER      FOLDER holds the programs; SWARM=full for 500 hubs with 50 readings each

The hubs are the real uplink of hub-coap with certificates of their own, over DTLS, on readings that are signed as
hub-store does it. A reading counts as acknowledged when a hub has written it to the ledger; then the hub forgets it.
"""
import sys

from rig import FULL, World, expect_all_once, kill_for, tell

HUBS, READINGS, PACE_MS, KILL_S, LIMIT_S = (500, 50, 1500, 120, 1200) if FULL else (100, 20, 1000, 30, 400)


def main():
    """Run, kill, wait, judge."""
    world, good = World(sys.argv[1], 'alone'), False
    try:
        world.init()
        world.start_servers()
        world.start_swarm(hubs=HUBS, readings=READINGS, pace_ms=PACE_MS, spread_ms=KILL_S * 900)
        kills = kill_for(world, KILL_S)
        world.swarm.wait_all_acked(LIMIT_S)
        assert world.swarm.stop() == 0, 'the swarm did not end in order'
        world.stop_servers()
        verdict = world.judge()
        expect_all_once(world, verdict)
        world.prove_judge()
        tell(world, verdict, kills)
        print(f'ok   {HUBS} hubs, one clinicd killed {kills} times: each of {verdict.stored} readings once', flush=True)
        good = True
    finally:
        world.close(good)


if __name__ == '__main__':
    main()
