#!/usr/bin/python3
"""test_held.py - readings of which it is not known whose they are, and of a suspended hub, through one clinicd.

usage: test_held.py FOLDER      FOLDER holds the programs

Real hubs over DTLS: they are given another assignment than the clinic knows, and one of them is suspended meanwhile. All is
acknowledged, what is in doubt is not filed; after a person's word each reading is filed, once, and is the one that was made.
"""
import json
import re
import subprocess
import sys

from rig import World, expect_all_once, wait

HUBS, READINGS, PACE_MS, LIMIT_S, UNKNOWN = 3, 40, 400, 240, 8


class Held(World):
    """The clinic of this test, and what people ask of it."""

    def said(self, code, *arguments):
        """Run clinicctl, which ends with this code; what it printed."""
        done = subprocess.run([self.build / 'clinicctl', *map(str, arguments)], text=True, timeout=60, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == code, f'{arguments}: {done.returncode}, not {code}: {done.stdout}{done.stderr}'
        return done.stdout

    def lines(self, code, verb, *arguments):
        """The same, of JSON lines."""
        return [json.loads(line) for line in self.said(code, verb, self.clinic, *arguments, '--json').splitlines()]

    def assign(self, number):
        """The hubs' readings are of this assignment from now on; waits until some have gone."""
        before = self.swarm.get('acked')
        self.swarm.process.stdin.write(f'assignment {number}\n')
        self.swarm.process.stdin.flush()
        wait('some more acknowledged', lambda: self.swarm.get('acked') >= before + 6 * HUBS, LIMIT_S)


def counted(text, result):
    """A counter of the file that Prometheus reads."""
    found = re.search(rf'^clinicd_records_total{{port="[0-9]+",result="{result}"}} ([0-9]+)$', text, re.M)
    return int(found.group(1))


def play(world):
    """The hubs' day. Returns the name of the hub that was suspended."""
    world.start_swarm(hubs=HUBS, readings=READINGS, pace_ms=PACE_MS, spread_ms=1)
    wait('some acknowledged', lambda: world.swarm.get('acked') >= 4 * HUBS, LIMIT_S)
    hub = sorted(h['hub'] for h in world.lines(0, 'status'))[0]
    world.assign(UNKNOWN)
    world.said(0, 'hub', 'suspend', world.clinic, hub, '--reason', 'a test')
    world.assign(7)
    world.said(0, 'hub', 'resume', world.clinic, hub)
    world.swarm.wait_all_acked(LIMIT_S)
    assert world.swarm.stop() == 0, 'the swarm did not end in order'
    return hub


def expect_held(world, metrics, suspended):
    """What is not filed, as each of the clinic's programs says it. Returns how many by reason."""
    groups, count = world.lines(0, 'held'), {}
    for g in groups:
        count[g['reason']] = count.get(g['reason'], 0) + g['count']
        assert g['assignment'] == (UNKNOWN if g['reason'] == 'unknown-assignment' else 7), g
        assert g['reason'] == 'unknown-assignment' or g['hub'] == suspended, g
    assert set(count) == {'unknown-assignment', 'suspended'}, groups
    held = sum(count.values())
    states = world.lines(0, 'status')
    assert sum(s['records'] for s in states) == HUBS * READINGS - held, states
    assert sum(s['held_unassigned'] for s in states) == count['unknown-assignment'], states
    assert all(s['missing'] == 0 and s['contig'] == READINGS for s in states), states
    text = world.said(0, 'status', world.clinic)
    assert 'it is not known whose they are' in text and 'while the hub was suspended' in text, text
    assert sum(r.get('not_filed', 0) for r in world.lines(1, 'readings')) == held  # 1: nobody can open a swarm's
    assert not world.judge().odd and len(world.judge().missing) == held
    wait('counters', lambda: counted(metrics.read_text(), 'stored') == HUBS * READINGS - held, 60)
    assert counted(metrics.read_text(), 'quarantined-assignment') == count['unknown-assignment']
    assert counted(metrics.read_text(), 'quarantined-held') == count['suspended']
    return count


def decide(world, suspended):
    """Everything is filed in the end, each act once."""
    for state in world.lines(0, 'status'):
        hub = state['hub']
        left = world.lines(3, 'held', hub, '--release', '--reason', 'looked at')[0]
        assert (left['released'] > 0) == (hub == suspended) and left['left']['unknown-assignment'] > 0, left
        again = world.lines(3, 'held', hub, '--release', '--reason', 'again')[0]
        assert again['released'] == 0 and again['left'] == left['left'], again
        done = world.lines(0, 'held', hub, '--release', '--assignment', UNKNOWN, '--reason', 'she said so')[0]
        assert done['released'] == left['left']['unknown-assignment'], done
        assert 'nothing was changed' in world.said(0, 'held', world.clinic, hub, '--release', '--assignment', UNKNOWN,
                                                   '--reason', 'again')
        world.said(0, 'gaps', world.clinic, hub)


def main():
    """Play, look, decide, judge."""
    world, good = Held(sys.argv[1], 'held'), False
    metrics = world.dir / 'clinicd.prom'
    try:
        world.init()
        world.start_servers()
        world.servers[0].argv += ['--metrics', metrics]
        world.servers[0].kill()
        wait('counters', metrics.exists, 60)
        suspended = play(world)
        count = expect_held(world, metrics, suspended)
        decide(world, suspended)
        world.stop_servers()
        expect_all_once(world, world.judge())
        print(f'ok   {HUBS * READINGS} readings, all acknowledged, {count} held, then filed once', flush=True)
        good = True
    finally:
        world.close(good)


if __name__ == '__main__':
    main()
