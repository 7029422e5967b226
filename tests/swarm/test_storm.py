#!/usr/bin/python3
"""test_storm.py - clinicd is restarted and all hubs come back, each in its own time; its memory stays bounded.

usage: test_storm.py FOLDER      FOLDER holds the programs; SWARM=full for 1,000 hubs

A server that starts anew knows no connection of before. Each hub finds out by itself, when its heartbeat stays without an
answer, waits as its back-off says, and makes a new handshake.
"""
import sys
import time

from rig import FULL, World, wait

HUBS, LIMIT_S = (1000, 900) if FULL else (150, 300)
# What one connected hub may take of clinicd's memory, and what the process may take beside.
SESSION_KB, PROCESS_KB = 48, 16384


def main():
    """Connect all, restart, wait for all, look at the memory."""
    world, good = World(sys.argv[1], 'storm'), False
    try:
        world.init()
        world.start_servers()
        server = world.servers[0]
        world.start_swarm(hubs=HUBS, readings=0, spread_ms=HUBS * 10, heartbeat_s=10)
        wait('all hubs connected', lambda: world.swarm.get('back') == HUBS, LIMIT_S)
        before, _ = server.memory_kb()
        handshakes = world.swarm.get('handshakes')
        server.hold(True)
        server.kill()
        world.swarm.mark()
        server.hold(False)
        begun = time.monotonic()
        wait('clinicd', server.is_ready, 60)
        wait('all hubs back', lambda: world.swarm.get('back') == HUBS, LIMIT_S)
        took = time.monotonic() - begun
        after, peak = server.memory_kb()
        assert peak <= PROCESS_KB + HUBS * SESSION_KB, f'clinicd took {peak} KiB for {HUBS} hubs'
        assert world.swarm.stop() == 0, 'the swarm did not end in order'
        world.stop_servers()
        print(f'     handshakes={world.swarm.figures["handshakes"] - handshakes} for {HUBS} hubs, {took:.0f} s until the last; '
              f'clinicd {before} KiB before, {after} KiB after, {peak} KiB at most', flush=True)
        print(f'ok   {HUBS} hubs come back after a restart', flush=True)
        good = True
    finally:
        world.close(good)


if __name__ == '__main__':
    main()
