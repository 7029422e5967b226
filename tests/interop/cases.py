"""What every group of cases uses: a list of named cases, and statements about uploads."""
import dataclasses
import functools
import typing

import formats


@dataclasses.dataclass(frozen=True)
class Case:
    """One case: `run` gets the environment and returns what it saw, in a few words; AssertionError: it failed."""

    peer: str
    name: str
    run: typing.Callable


def need(good, what):
    """AssertionError unless good."""
    if not good:
        raise AssertionError(what)


def same(got, want, what):
    """AssertionError unless equal, with both."""
    if got != want:
        raise AssertionError(f'{what}: {got!r}, want {want!r}')


@functools.lru_cache(None)
def _read(data, key):
    return formats.read_upload(data, key)


def read_uploads(home, uploads):
    """Every upload, octets as they came, through our second reader; returns them read."""
    read = [_read(data, home.sign_public) for data in uploads]
    for u in read:
        same(u.hub, home.hub_id, 'hub')
        same(u.epoch, 1, 'epoch')
    return read


def all_there(home, uploads):
    """Has the peer every reading, and does the hub's light say so? The light alone may not know of the last one yet."""
    seqs = {r.seq for u in read_uploads(home, uploads) for r in u.records if r.kind == formats.KIND_BP}
    return len(seqs) == len(home.measured) and home.delivered()


def check_acked(home, uploads, withheld=()):
    """The hub never claims an acknowledgement that it had not got; `withheld`: not acknowledged at first."""
    durable, withheld = set(), set(withheld)
    for u in read_uploads(home, uploads):
        contig = formats.read_reply(formats.reply(durable)).contig
        need(u.acked <= contig, f'the hub says that {u.acked} are acknowledged, it is {contig}')
        durable.update(set(u.seqs) - withheld)
        withheld -= set(u.seqs)


def check_readings(home, uploads):
    """The sealed bodies, opened, are the readings that were measured, each once, in order; returns how many uploads
    carried each number."""
    times, seen = {}, {}
    for u in read_uploads(home, uploads):
        for record in u.records:
            times[record.seq] = times.get(record.seq, 0) + 1
            if record.kind != formats.KIND_BP:
                continue
            content = formats.read_body(formats.unseal(record.sealed, record.envelope(u.hub, u.epoch),
                                                       home.seal_private))
            reading = (content[3], content[9])
            same(seen.setdefault(record.seq, reading), reading, f'seq {record.seq} has two bodies')
    same([seen[seq] for seq in sorted(seen)], home.measured, 'readings at the peer')
    return times
