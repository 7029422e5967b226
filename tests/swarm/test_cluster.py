#!/usr/bin/python3
"""test_cluster.py - two clinicd on one PostgreSQL with a synchronous standby: exactly once, acknowledged means durable.

usage: test_cluster.py FOLDER [run|control]...      FOLDER holds the programs; SWARM=full for 500 hubs with 50 readings each

Each hub knows both clinicd. One of them is killed every five seconds. Once the primary is killed, all its processes at
once, after three seconds in which it could send the standby nothing; the standby is promoted. Whatever was acknowledged
to a hub must be there, since the hub has forgotten it.

The control is the same with a standby that nobody waits for, and that was cut off before the end: now readings that were
acknowledged are gone, and the judge must say so. It shows that the good run owes its result to the synchronous standby.
"""
import os
import signal
import subprocess
import sys
import time

from rig import FULL, TOP, World, expect_all_once, kill_for, tell, wait

HUBS, READINGS, PACE_MS, KILL_S, LIMIT_S = (500, 50, 1500, 120, 1200) if FULL else (100, 20, 1000, 30, 400)
CONTROL = {'hubs': 20, 'readings': 20, 'pace_ms': 400, 'spread_ms': 3000}


class Pair:
    """A primary and its standby, real ones."""

    def __init__(self, folder):
        self.primary, self.standby, self.running = folder / 'one', folder / 'two', []
        self.call('start', self.primary)
        self.running.append(self.primary)
        self.call('standby', self.standby, self.primary)
        self.running.append(self.standby)
        self.conninfo = self.call('conninfo', self.primary, self.standby)

    @staticmethod
    def call(*arguments):
        """Run tests/clinic/postgres.sh; returns what it printed."""
        done = subprocess.run([TOP / 'tests/clinic/postgres.sh', *map(str, arguments)], text=True, timeout=300,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        assert done.returncode == 0, f'postgres.sh {arguments[0]} ended with {done.returncode}'
        return done.stdout.strip()

    def sql(self, server, text):
        """One statement; its rows."""
        return self.call('sql', server, text)

    def stall(self):
        """For three seconds the standby gets nothing: who would not wait for it acknowledges what it will never have."""
        os.kill(int(self.sql(self.primary, 'SELECT pid FROM pg_stat_replication')), signal.SIGSTOP)
        time.sleep(3)

    def fail_over(self):
        """The primary dies with all its processes, the standby takes its place."""
        self.call('kill', self.primary)
        self.running.remove(self.primary)
        self.call('promote', self.standby)

    def let_loose(self):
        """Nobody waits for the standby any more, and it hears nothing any more."""
        self.sql(self.primary, "ALTER SYSTEM SET synchronous_standby_names = ''")
        self.sql(self.primary, 'SELECT pg_reload_conf()')
        self.sql(self.standby, "ALTER SYSTEM SET primary_conninfo = ''")
        self.sql(self.standby, 'SELECT pg_reload_conf()')
        wait('the standby cut off', lambda: self.sql(self.primary, 'SELECT count(*) FROM pg_stat_replication') == '0', 60)

    def stop(self):
        """Both."""
        for server in self.running:
            self.call('stop', server)


class Clinic(World):
    """Two clinicd and their databases."""

    def __init__(self, build, name):
        super().__init__(build, name, ports=2)
        self.pair = None

    def start(self, **options):
        """All of it, and the hubs."""
        self.pair = Pair(self.dir / 'db')
        self.init('--database', self.pair.conninfo)
        self.start_servers()
        self.start_swarm(**options)

    def close(self, good):
        """The databases, too."""
        if self.swarm:
            self.swarm.stop(force=True)
        self.stop_servers()
        if self.pair:
            self.pair.stop()
        super().close(good)


def run_good(clinic):
    """Kills, and one failover in the middle."""
    seen = {}

    def fail_over():
        clinic.pair.stall()
        seen['before'] = len(clinic.ledger('acked'))
        clinic.pair.fail_over()

    clinic.start(hubs=HUBS, readings=READINGS, pace_ms=PACE_MS, spread_ms=KILL_S * 900)
    kills = kill_for(clinic, KILL_S, at=[(KILL_S * 0.55, fail_over)])
    assert 0 < seen['before'] < HUBS * READINGS, f'the primary died with {seen["before"]} readings acknowledged'
    clinic.swarm.wait_all_acked(LIMIT_S)
    assert clinic.swarm.stop() == 0, 'the swarm did not end in order'
    clinic.stop_servers()
    verdict = clinic.judge()
    expect_all_once(clinic, verdict)
    rows = clinic.pair.sql(clinic.pair.standby, 'SELECT count(*), count(DISTINCT (hub_id, epoch, seq)), pg_is_in_recovery() FROM record')
    assert rows == f'{verdict.stored}|{verdict.stored}|f', f'the database itself says {rows}'
    clinic.prove_judge()
    tell(clinic, verdict, kills, failovers=1, acknowledged_before_it=seen['before'])
    print(f'ok   {HUBS} hubs, two clinicd killed {kills} times, primary killed once: each of {verdict.stored} readings once', flush=True)


def run_control(clinic):
    """Acknowledged, and not on the standby: the judge must see it."""
    clinic.start(**CONTROL)
    whole = CONTROL['hubs'] * CONTROL['readings']
    wait('some readings acknowledged', lambda: clinic.swarm.get('acked') > whole // 3, LIMIT_S)
    clinic.pair.let_loose()
    clinic.swarm.wait_all_acked(LIMIT_S)
    clinic.swarm.stop(force=True)
    clinic.stop_servers()
    clinic.pair.fail_over()
    verdict = clinic.judge()
    assert verdict.lost, 'a standby that nobody waited for lost nothing: the test would not see a loss'
    assert not verdict.phantom and not verdict.changed and not verdict.twice, 'more than a loss'
    print(f'ok   control: with an asynchronous standby {len(verdict.lost)} of {verdict.acked} acknowledged readings are gone, '
          'and that is seen', flush=True)


def main():
    """What is asked for, or both."""
    runs = {'run': run_good, 'control': run_control}
    for name in sys.argv[2:] or runs:
        clinic, good = Clinic(sys.argv[1], name), False
        try:
            runs[name](clinic)
            good = True
        finally:
            clinic.close(good)


if __name__ == '__main__':
    main()
