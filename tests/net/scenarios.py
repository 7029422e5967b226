"""scenarios.py - what a network does to a hub, one function each; each ends with home.check().

A scenario gets a Home and returns the figures to be shown. `full` asks for the long form.
"""
import signal
import time

from home import CLINIC, PORT

KILO = 1024
DAY_S = 24 * 3600
SPREAD_S = 30 * 60  # a hub that was away for long draws its first attempt from so many seconds


def timed(home, seconds=600):
    """How long until everything that was given is at the clinic."""
    start = time.monotonic()
    home.wait_all(seconds)
    return time.monotonic() - start


def trickle(home, seconds, every, tick=None):
    """A reading every so often, for so long."""
    state = {'next': time.monotonic(), 'start': time.monotonic()}

    def both():
        if time.monotonic() >= state['next']:
            state['next'] += every
            home.give(1)
        if tick:
            tick(time.monotonic() - state['start'])
    home.pass_s(seconds, both)


def connect(home):
    """A first reading over a good path."""
    home.give(1)
    home.wait_all()


def figures(home, **more):
    """What is shown of any scenario."""
    stats = home.path.stats()
    result = {'readings': home.given, 'handshakes': home.handshakes(), 'hellos': stats['hellos']}
    for way in ('up', 'down'):
        result[way] = f'{stats[way]["packets"]}/{stats[way]["bytes"]}'
    result.update({key: f'{value:.1f}' if isinstance(value, float) else value for key, value in more.items()})
    return result


def good(home, full):
    """Nothing is wrong: what the others are held against."""
    connect(home)
    home.give(200 if full else 60)
    return figures(home, drain_s=timed(home))


def loss(home, full):
    """30 % lost each way; in the long form from the first datagram on."""
    if not full:
        connect(home)
    home.path.set(loss=30, delay=20)
    home.give(60 if full else 20)
    return figures(home, drain_s=timed(home, 900))


def drops(home, full):
    """One datagram of a connection is lost, each in turn: hub-coap starts anew and must get through all the same."""
    home.path.set(delay=20)
    connect(home)
    worst = 0
    for way, positions in (('up', 6), ('down', 9)) if full else (('up', 2), ('down', 2)):
        for position in range(1, positions + 1):
            home.coap.kill()
            home.path.tell(f'drop {way} {position}')
            home.give(1)
            worst = max(worst, timed(home, 60))
            home.path.tell(f'drop {way} 0')
    failed = [line for line in home.log('hub-coap').splitlines() if 'uplink-up' in line and 'failures=0' not in line]
    if failed:
        raise AssertionError(f'a lost datagram cost a connection: {failed}')
    return figures(home, worst_s=worst, dropped=sum(home.path.stats()[way]['chosen'] for way in ('up', 'down')))


def slow(home, full):
    """A round trip of 2 s."""
    home.path.set(delay=1000)
    home.give(200 if full else 60)
    return figures(home, drain_s=timed(home))


def narrow(home, full):
    """No packet above 576 bytes; the router says so."""
    home.path.set(mtu=576, delay=20)
    home.give(200 if full else 60)
    return figures(home, drain_s=timed(home), too_big=home.path.stats()['up']['too-big'])


def hole(home, full):
    """No packet above 576 bytes, and nobody says so."""
    home.path.set(mtu=576, hole=1, delay=20)
    home.give(200 if full else 60)
    return figures(home, drain_s=timed(home), too_big=home.path.stats()['up']['too-big'])


def rebind(home, full):
    """The router gives all ports anew every 20 s: no handshake, nothing lost."""
    every, seconds = (20, 180) if full else (4, 24)
    home.path.tell(f'nat {every}')
    home.path.set(delay=20)
    trickle(home, seconds, 1)
    took = timed(home)
    result = figures(home, drain_s=took, rebinds=home.path.stats()['rebinds'])
    if result['handshakes'] != 1:
        raise AssertionError(f'a new port cost a handshake: {result}\n{home.tails()}')
    return result


def restart(home, full):
    """The clinic's server is killed again and again and has no memory of sessions."""
    kills, every, waits = (9, 20, []) if full else (2, 10, [])
    home.path.set(delay=20)
    connect(home)
    for _ in range(kills):
        home.server.kill()
        home.give(5)
        waits.append(timed(home))
        home.pass_s(max(0, every - waits[-1]))
    worst = max(waits)
    if worst > 60:
        raise AssertionError(f'readings flow after {worst:.0f} s only\n{home.tails()}')
    return figures(home, kills=kills, worst_s=worst)


def flaps(home, full):
    """The link is there for 3 s and not for 3 s, then for two minutes not at all."""
    seconds = 60 if full else 18
    connect(home)
    trickle(home, seconds, 1, lambda t: home.path.set(cut=int(t / 3) % 2))
    home.path.set(cut=1)
    trickle(home, 120 if full else 10, 2)
    home.path.set(cut=0)
    return figures(home, drain_s=timed(home))


def everything(home, full):
    """30 % loss, a round trip of 2 s, 576 bytes, new ports every 20 s."""
    home.path.set(loss=30, delay=1000, mtu=576)
    home.path.tell('nat 20')
    home.give(40)
    return figures(home, drain_s=timed(home, 900), rebinds=home.path.stats()['rebinds'])


def month(home, full):
    """30 days without a network, 48 readings a day; then it is back. The hub's clocks are set forward, day by day."""
    days, a_day = (30, 48) if full else (10, 12)
    connect(home)
    home.path.set(cut=1, delay=20)
    for _ in range(days):
        home.give(a_day)
        home.step(DAY_S, DAY_S)
    home.pass_s(2)
    home.path.set(cut=0)
    waited = wait_out(home, SPREAD_S + 300)
    result = figures(home, drain_s=timed(home), hub_waited_s=waited, days=days, told_days=home.status()['manifests'])
    if result['told_days'] < days:
        raise AssertionError(f'the hub has not noticed that days went by: {result}')
    return result


def wait_out(home, most_s):
    """Set the clocks forward, a little at a time, until the next reading's way is free; returns how much it took."""
    before, waited = home.at_clinic(), 0
    while home.at_clinic() == before:
        if waited > most_s:
            raise AssertionError(f'nothing came in {waited} s of the hub\'s clock\n{home.tails()}')
        home.step(30, 30)
        waited += 30
        home.pass_s(1.5)
    return waited


def lost(home, full):
    """The hub's row says LOST by mistake: refused, the hub goes on and waits at most an hour; then it is active again."""
    connect(home)
    home.row('lost')
    home.give(20)
    home.pass_s(5)
    if home.at_clinic() != 1:
        raise AssertionError(f'a lost hub was let in: {home.status()}')
    for _ in range(12 if full else 6):  # the wait grows to its bound
        home.step(3600, 3600)
        home.pass_s(2)
    home.give(20)
    refused = home.path.stats()['hellos']
    home.row('active')
    waited = wait_out(home, 3600)
    return figures(home, drain_s=timed(home), hub_waited_s=waited, hellos_refused=refused)


def suspended(home, full):
    """The hub is suspended while it is offline: what it had comes, into quarantine, and it is asked for nothing else."""
    connect(home)
    home.path.set(cut=1)
    home.row('suspended')
    home.give(20 if full else 10)
    home.held = list(range(2, home.given + 1))
    home.pass_s(3)
    home.path.set(cut=0)
    took = timed(home)
    if home.numbers() != [1]:
        raise AssertionError(f'what a suspended hub sent is not held: {home.status()}')
    home.row('active')
    home.give(5)
    return figures(home, after_s=took, drain_s=timed(home), held=home.status()['held'])


def portal(home, full):
    """Something else answers: HTTP, an echo, noise. First at the very beginning, then on a standing connection."""
    home.path.set(delay=20)
    home.path.tell('portal on')
    home.give(10)
    home.pass_s(60 if full else 15)
    home.path.tell('portal off')
    first = timed(home)
    home.path.tell('portal on')
    home.give(10)
    home.pass_s(60 if full else 15)
    home.path.tell('portal off')
    return figures(home, after_s=first, drain_s=timed(home), answers=home.path.stats()['portal-answers'])


LIES = ('unreachable', 'port', 'mtu 68', 'mtu 0', 'mtu 552')


def lies(home, full):
    """Somebody forges ICMP errors: unreachable, no such port, too big with a small MTU."""
    home.path.set(delay=20)
    connect(home)
    for lie in LIES:  # told by the kernel when hub-coap wants to send: what it has to send is known to it before the lie
        home.coap.process.send_signal(signal.SIGSTOP)
        home.give(1)
        home.pass_s(0.2)
        home.path.tell(f'lie {lie}')
        home.pass_s(0.2)
        home.coap.process.send_signal(signal.SIGCONT)
        timed(home)
    due = {'next': 0}

    def tick(seconds):
        if seconds > due['next']:
            for lie in LIES:
                home.path.tell(f'lie {lie}')
            due['next'] = seconds + 0.5
    trickle(home, 60 if full else 12, 1, tick)
    result = figures(home, drain_s=timed(home), lies=home.path.stats()['lies'])
    if result['handshakes'] != 1:
        raise AssertionError(f'a forged error cost a connection: {result}\n{home.tails()}')
    return result


def replay(home, full):
    """All datagrams doubled and out of order; what was sent is kept and sent again, to both, ten times over."""
    home.path.set(delay=20, dup=30, reorder=30)
    for way in ('up', 'down'):
        home.path.tell(f'record {way} on')
    home.give(60)
    timed(home)
    before = {p.name: p.rss_kb() for p in (home.server, home.coap)}
    for _ in range(20 if full else 5):
        home.path.tell('replay up 300')
        home.path.tell('replay down 300')
        home.give(2)
        home.pass_s(0.5)
    took = timed(home)
    grown = {p.name: p.rss_kb() - before[p.name] for p in (home.server, home.coap)}
    if max(grown.values()) > 4 * KILO:
        raise AssertionError(f'memory grew by KB: {grown}')
    return figures(home, drain_s=took, replayed=home.path.stats()['replayed'], grown_kb=max(grown.values()))


def clocks(home, full):
    """The hub's wall clock jumps 20 years back and forth while it is connected, and across a restart of its processes."""
    home.path.set(delay=20)
    connect(home)
    for years in (20, -40, 20):
        home.path.tell('drop up 1')  # what is sent again is due on the other side of the jump
        home.give(5)
        home.step(wall=years * 365 * DAY_S)
        timed(home)
    result = figures(home)
    if result['handshakes'] != 1:
        raise AssertionError(f'a clock cost a connection: {result}\n{home.tails()}')
    home.step(wall=-20 * 365 * DAY_S)
    for program in home.hub:
        program.kill()
    home.give(5)
    back = timed(home)
    home.step(wall=40 * 365 * DAY_S)  # the server's certificate has ended long ago, as this clock has it
    home.coap.kill()
    home.give(5)
    home.pass_s(10)
    ahead = home.at_clinic() == home.given
    home.step(wall=-20 * 365 * DAY_S)
    return figures(home, back_s=back, ahead='let-in' if ahead else 'refused', drain_s=timed(home))


# the long ones first
def said(home, name, text):
    """Until one of the hub's programs has said this."""
    home.wait(f'{name} to say {text}', lambda: text in home.log(name))


def endpoints(home, full):
    """Endpoints as clinicctl gives them, one by name: the first is down. Then one that is wrong, alone: the hub goes back, and says so."""
    names = home.dir / 'hosts'
    names.write_text(f'{CLINIC} clinic.example\n')
    home.coap.names = names
    for port in range(PORT + 1, PORT + 100):  # until this hub tries the one first at whose port nobody is
        order = home.endpoints('--set', 'name=clinic.example', '--set', f'address={CLINIC},port={port},weight=100')
        if order['endpoints'][0]['port'] == port:
            break
    home.give(1)
    home.wait('a try at the first endpoint', lambda: home.path.stats()['hellos'] > 0)
    home.step(60)  # the time that a handshake has
    failover = timed(home)
    said(home, 'hub-coap', 'uplink-endpoint endpoint=1')
    said(home, 'hubd', f'endpoints-proven version={order["config_version"]}')

    wrong = home.endpoints('--set', f'name=clinic.example,pin={"00" * 32}')
    said(home, 'hubd', f'config-taken version={wrong["config_version"]}')
    said(home, 'hubd', 'incident by=coap what=server-identity')
    home.give(2)
    home.wait_all()
    home.step(15 * 60)
    said(home, 'hub-coap', 'uplink-unconfirmed')
    said(home, 'hubd', 'incident by=coap what=config')
    for program in home.hub:
        program.kill()
    home.give(2)
    home.wait_all()

    good = home.endpoints('--set', f'address={CLINIC},weight=3')
    said(home, 'hubd', f'endpoints-proven version={good["config_version"]}')
    home.give(1)
    home.wait_all()
    if f'endpoints-proven version={wrong["config_version"]}\n' in home.log('hubd'):
        raise AssertionError('an endpoint with a wrong pin has proven itself')
    return figures(home, failover_s=failover)


QUICK = [hole, endpoints, restart, portal, loss, flaps, lost, rebind, slow, lies, month, clocks, replay, suspended, narrow, good]
FULL = [everything, drops, *QUICK]
