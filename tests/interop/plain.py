"""aiocoap 0.4.17 (Python): CoAP only. Its own DTLS has no certificates, so `terminator` ends ours: hub-coap and clinicd
are unchanged and speak the profile dtls13-cid.
"""
import asyncio
import contextlib
import os
import socket
import threading
import time

import aiocoap
import aiocoap.resource
from aiocoap.numbers.codes import Code
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.numbers.types import Type
from aiocoap.optiontypes import OpaqueOption

import formats
from californium import Batches, longest, systolics
from cases import Case, all_there, check_readings, need, same
from home import DTLS13, LIMIT_S, NAME, Home, Talker, free_udp_port

PEER = 'aiocoap 0.4.17'
SIGN1, CBOR = 18, 60
UNKNOWN_CRITICAL, UNKNOWN_ELECTIVE = 65001, 65000
os.environ.setdefault('AIOCOAP_CLIENT_TRANSPORT', 'simple6')
os.environ.setdefault('AIOCOAP_SERVER_TRANSPORT', 'simplesocketserver')


def terminator(env, home, side, port):
    """Ends DTLS in front of `port`: (program, its port)."""
    pem = home.hub_pem if side == 'client' else home.server_pem
    program = Talker([env.build / 'tests/interop/terminator', side, '13', port, pem, home.root_pem, NAME],
                     home.folder / 'terminator.log')
    return program, program.next()['port']


# --- aiocoap as the hub ----------------------------------------------------------------------------


class Raw:
    """One CoAP message at a time: octets written and read by aiocoap's own coder, sent by us."""

    def __init__(self, port):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(('127.0.0.1', port))
        self._socket.settimeout(3)
        self._mid = 100

    def message(self, code=Code.POST, path=('u',), payload=b'', mtype=Type.CON, token=b'\x07', options=()):
        """A message with the next Message-ID."""
        self._mid += 1
        m = aiocoap.Message(code=code, payload=payload)
        m.mtype, m.mid, m.token = mtype, self._mid, token
        if code != Code.EMPTY:
            m.opt.uri_path = path
            m.opt.content_format = SIGN1 if payload else None
        for number, value in options:
            m.opt.add_option(OpaqueOption(OptionNumber(number), value))
        return m

    def send(self, data):
        """Octets as they are."""
        self._socket.send(data)

    def receive(self):
        """The next message; None: none within the time-out."""
        try:
            return aiocoap.Message.decode(self._socket.recv(2048))
        except TimeoutError:
            return None

    def ask(self, message):
        """A message and what comes for it."""
        self.send(message.encode())
        return self.receive()

    def close(self):
        """No more."""
        self._socket.close()


@contextlib.contextmanager
def clinic_behind(env, name):
    """The real clinicd with DTLS ended in front of it: (home, port for plain UDP)."""
    with Home(env.build, env.folder / name) as home:
        home.start_clinicd(DTLS13)
        program, port = terminator(env, home, 'client', home.port)
        try:
            yield home, port
        finally:
            program.process.kill()
            program.stop()


def client(env):
    """aiocoap's client as an application uses it: batches, other resources, other methods, .well-known/core."""
    async def talk(home, port):
        context = await aiocoap.Context.create_client_context()
        batches = Batches(home)

        async def ask(code, path, payload=b'', **options):
            m = aiocoap.Message(code=code, payload=payload, uri=f'coap://127.0.0.1:{port}/{path}', **options)
            return await asyncio.wait_for(context.request(m, handle_blockwise=False).response, LIMIT_S)

        def signed(count):
            return formats.sign1('hub/v1/batch', batches.next(count).encode(), home.sign)

        for _ in range(8):
            answer = await ask(Code.POST, 'u', signed(2), content_format=SIGN1)
            same((answer.code, answer.opt.content_format), (Code.CHANGED, CBOR), 'answer')
            same(formats.read_reply(answer.payload).contig, batches.seq, 'contig')
        answers = await asyncio.gather(*(ask(Code.POST, 'u', data, content_format=SIGN1)
                                         for data in [signed(1) for _ in range(6)]))
        same(max(formats.read_reply(a.payload).contig for a in answers), batches.seq, 'contig of six at once')
        seen = []
        for code, path, want in ((Code.POST, 'x', Code.NOT_FOUND), (Code.POST, 'u/v', Code.NOT_FOUND),
                                 (Code.POST, '', Code.NOT_FOUND), (Code.GET, 'u', Code.METHOD_NOT_ALLOWED),
                                 (Code.PUT, 'u', Code.METHOD_NOT_ALLOWED), (Code.DELETE, 'u', Code.METHOD_NOT_ALLOWED),
                                 (Code.FETCH, 'u', Code.METHOD_NOT_ALLOWED),
                                 (Code.iPATCH, 'u', Code.METHOD_NOT_ALLOWED),
                                 (Code.GET, '.well-known/core', Code.NOT_FOUND)):
            answer = await ask(code, path, b'' if code in (Code.GET, Code.DELETE) else b'x', content_format=SIGN1)
            seen.append((f'{code} /{path}', answer.code, want))
        bad = [f'{what}: {got}, want {want}' for what, got, want in seen if got != want]
        need(not bad, '; '.join(bad))
        await context.shutdown()
        same(systolics(home), [100 + n for n in range(1, batches.seq + 1)], 'systolics')
        return f'{batches.seq} readings, {len(seen)} other requests refused as RFC 7252 says'

    with clinic_behind(env, 'aio-client') as (home, port):
        return asyncio.run(talk(home, port))


def messages(env):
    """Message layer and options, octet by octet in aiocoap's coder."""
    with clinic_behind(env, 'aio-messages') as (home, port):
        raw, batches = Raw(port), Batches(home)

        def batch(count=1):
            return formats.sign1('hub/v1/batch', batches.next(count).encode(), home.sign)

        first = raw.message(payload=batch())
        answers = [raw.ask(first) for _ in range(3)]
        for a in answers:
            same((a.mtype, a.mid, a.token, a.code), (Type.ACK, first.mid, first.token, Code.CHANGED), 'same again')
        same([formats.read_reply(a.payload).contig for a in answers], [1, 1, 1], 'contig each time')
        for length in range(9):
            token = bytes(range(1, length + 1))
            a = raw.ask(raw.message(payload=batch(), token=token))
            same((a.code, a.token), (Code.CHANGED, token), f'token of {length}')
        a = raw.ask(raw.message(payload=batch(), mtype=Type.NON))
        same((a.mtype, a.code), (Type.NON, Code.CHANGED), 'NON')
        a = raw.ask(raw.message(payload=batch(), options=[(UNKNOWN_ELECTIVE, b'x')]))
        same(a.code, Code.CHANGED, 'unknown elective option')
        stored = batches.seq
        a = raw.ask(raw.message(payload=batch(), options=[(UNKNOWN_CRITICAL, b'x')]))
        same(a.code, Code.BAD_OPTION, 'unknown critical option')
        a = raw.ask(raw.message(payload=bytes(64), options=[(OptionNumber.BLOCK1, b'\x0a')]))
        same(a.code, Code.REQUEST_ENTITY_TOO_LARGE, 'Block1')
        ping = raw.message(code=Code.EMPTY, token=b'')
        a = raw.ask(ping)
        same((a.mtype, a.mid, a.code), (Type.RST, ping.mid, Code.EMPTY), 'ping')
        for bad in (b'', b'\x40', b'\x80\x02\x00\x01', b'\x49\x02\x00\x02' + bytes(9), b'\x40\x02\x00\x03\xff',
                    b'\x40\x02\x00\x04\xdd', b'\x60\x02\x00\x05', b'\x70\x00\x00\x06', os.urandom(60)):
            raw.send(bad)
        while raw.receive():  # resets, perhaps
            pass
        same(systolics(home), [100 + n for n in range(1, stored + 1)], 'systolics')
        a = raw.ask(raw.message(payload=batch()))
        same(a.code, Code.CHANGED, 'a good one afterwards')
        raw.close()
        return 'same answer to duplicates, tokens of 0 to 8, NON, 4.02, 4.13, reset for a ping, malformed ones ignored'


# --- aiocoap as the clinic -------------------------------------------------------------------------


class Clinic(aiocoap.resource.Resource):
    """POST /u: reads each upload and answers as `answer` says."""

    def __init__(self, home, answer):
        super().__init__()
        self.home, self.answer, self.durable, self.uploads, self.odd = home, answer, set(), [], []

    async def render_post(self, request):
        """One upload; aiocoap has taken duplicates out."""
        data = bytes(request.payload)
        u = formats.read_upload(data, self.home.sign_public)
        options = sorted((int(o.number), o.encode()) for o in request.opt.option_list())
        # the path has been taken out
        if (request.mtype, options, 1 <= len(request.token) <= 4) != (
                Type.CON, [(OptionNumber.CONTENT_FORMAT, bytes([SIGN1]))], True):
            self.odd.append((request.mtype, options, request.token))
        self.uploads.append(data)
        answer = await self.answer(len(self.uploads), u)
        if answer is None:
            self.durable.update(u.seqs)
            time_ms = (int(time.time() * 1000), 2) if u.flags & formats.FLAG_WANT_TIME else None
            answer = aiocoap.Message(code=Code.CHANGED, payload=formats.reply(self.durable, time_ms),
                                     content_format=CBOR)
        return answer


class Loop:
    """aiocoap's server in a thread, on plain UDP."""

    def __init__(self, resource):
        self.resource, self.port, self._ready = resource, None, threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        need(self._ready.wait(LIMIT_S), 'aiocoap does not listen')

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._loop.run_forever()

    async def _start(self):
        site = aiocoap.resource.Site()
        site.add_resource(['u'], self.resource)
        self.port = free_udp_port()
        self._context = await aiocoap.Context.create_server_context(site, bind=('127.0.0.1', self.port))
        self._ready.set()

    def stop(self):
        """End it."""
        asyncio.run_coroutine_threadsafe(self._context.shutdown(), self._loop).result(LIMIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)


@contextlib.contextmanager
def hub_before(env, name, answer):
    """A hub whose clinic is aiocoap, DTLS ended in front of that: (home, resource)."""
    with Home(env.build, env.folder / name) as home:
        resource = Clinic(home, answer)
        loop = Loop(resource)
        program, port = terminator(env, home, 'server', loop.port)
        home.call(port, DTLS13)
        home.start_hub()
        try:
            yield home, resource
        finally:
            program.process.kill()
            program.stop()
            loop.stop()
    same(resource.odd, [], 'requests that are not as they should be')


def server(env):
    """Requests as aiocoap sees them; piggybacked answers."""
    async def answer(_number, _upload):
        return None
    with hub_before(env, 'aio-server', answer) as (home, resource):
        home.measure_long()
        home.measure(20)
        home.wait('everything is delivered', lambda: all_there(home, resource.uploads))
        times = check_readings(home, resource.uploads)
        same(set(times.values()), {1}, 'times that each number came')
        return f'{len(times)} records{longest(resource.uploads)}; CON, token, options as they should be'


def separate(env):
    """Answers that take longer than aiocoap waits with its empty acknowledgement: it sends them as messages of their
    own, and wants them acknowledged."""
    async def answer(_number, _upload):
        await asyncio.sleep(1.5)
    with hub_before(env, 'aio-separate', answer) as (home, resource):
        home.measure(9)
        home.wait('everything is delivered', lambda: all_there(home, resource.uploads))
        times = check_readings(home, resource.uploads)
        same(set(times.values()), {1}, 'times that each number came')
        return f'{len(times)} records'


def refusals(env):
    """Answers that acknowledge nothing: 5.03 with Max-Age, 4.29, 2.04 without a body, an unknown critical option, 2.05,
    a body that is no reply. The same octets come again each time, and nothing is forgotten."""
    def with_option(message, number):
        message.opt.add_option(OpaqueOption(OptionNumber(number), b'x'))
        return message

    async def answer(number, upload):
        good = formats.reply(set(range(1, upload.highest + 1)))
        makers = [lambda: aiocoap.Message(code=Code.SERVICE_UNAVAILABLE, max_age=1),
                  lambda: aiocoap.Message(code=Code.CHANGED),
                  lambda: aiocoap.Message(code=Code(4 << 5 | 29), max_age=1),
                  lambda: with_option(aiocoap.Message(code=Code.CHANGED, payload=good, content_format=CBOR),
                                      UNKNOWN_CRITICAL),
                  lambda: aiocoap.Message(code=Code.CONTENT, payload=good, content_format=CBOR),
                  lambda: aiocoap.Message(code=Code.CHANGED, payload=b'\xff', content_format=CBOR)]
        if not upload.records:
            return None
        first.append(number)
        return makers[len(first) - 1]() if len(first) <= len(makers) else None

    first = []
    with hub_before(env, 'aio-refusals', answer) as (home, resource):
        home.measure(1)
        home.wait('everything is delivered', lambda: all_there(home, resource.uploads))
        times = check_readings(home, resource.uploads)
        same(times[1], 7, 'times that the reading came')
        return 'six times not taken for an acknowledgement, then taken'


CASES = [
    Case(PEER, 'client -> clinicd: requests, refusals', client),
    Case(PEER, 'client -> clinicd: message layer and options', messages),
    Case(PEER, 'hub -> server: batches, replies of a second encoder', server),
    Case(PEER, 'hub -> server: separate responses', separate),
    Case(PEER, 'hub -> server: answers that acknowledge nothing', refusals),
]
