"""The clients: good ones, broken ones and ones that leave, each noting in the ledger what it may believe."""

import asyncio
import random

import wire
from ledger import Outcome
from link import Link

GOOD = "good.test"   # servers that behave, but are restarted and switched
BAD = "bad.test"     # a server that does not behave
GOOD_STATUSES = frozenset({200, 204, 502, 503, 504})
REFUSING_STATUSES = {400, 405, 408, 411, 413, 414, 417, 421, 431, 501, 503, 505}
ANSWER_SIZES = [0, 100, 3_000, 70_000, 400_000]
BODY_SIZES = [1, 500, 20_000, 150_000]
BAD_BEHAVIOURS = ["short", "torn_chunk", "garbage", "two_framings", "reset", "reset_middle", "hang", "extra", "stale"]
CUT_SHORT = {"short", "torn_chunk", "reset_middle"}
BAD_CHUNKS = [b"zz\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5\rhello\r\n", b"5\r\nhelloXX0\r\n\r\n"]

# Each is refused, the connection closed, and no server sees any of it. {t}: a target with this request's id.
BROKEN = [
    "GET {t} HTTP/1.1\r\n\r\n",
    "GET {t} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET {t} HTTP/1.1\r\nHost : good.test\r\n\r\n",
    "GET {t} HTTP/1.1\r\nHost: good.test\r\n folded\r\n\r\n",
    "GET {t} HTTP/1.1\r\nHost: good.test\r\nX: a\0b\r\n\r\n",
    "GET {t} HTTP/1.1\nHost: good.test\n\n",
    "GET {t} HTTP/1.1\r\nHost: good.test\r\nX: a\rb\r\n\r\n",
    "GET {t}  HTTP/1.1\r\nHost: good.test\r\n\r\n",
    "GET {t} HTTP/3.1\r\nHost: good.test\r\n\r\n",
    "G@T {t} HTTP/1.1\r\nHost: good.test\r\n\r\n",
    "TRACE {t} HTTP/1.1\r\nHost: good.test\r\n\r\n",
    "POST {t} HTTP/1.1\r\nHost: good.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST {t} HTTP/1.1\r\nHost: good.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "POST {t} HTTP/1.1\r\nHost: good.test\r\nContent-Length: +4\r\n\r\nabcd",
    "POST {t} HTTP/1.1\r\nHost: good.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST {t} HTTP/1.1\r\nHost: good.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST {t} HTTP/1.0\r\nHost: good.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET {t} HTTP/1.1\r\nHost: good.test\r\nX: " + "a" * 40_000 + "\r\n\r\n",
    "GET {t}&" + "a" * 10_000 + " HTTP/1.1\r\nHost: good.test\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


def request(number, method, behaviour, *fields, host=GOOD, size=0, version="1.1"):
    lines = [f"{method} /b/{behaviour}?id={number}&size={size} HTTP/{version}", f"Host: {host}",
             f"X-Soak-Id: {number}", *fields, "", ""]
    return "\r\n".join(lines).encode()


class Traffic:
    def __init__(self, port, ledger, stop, pulse):
        self.port = port
        self.ledger = ledger
        self.stop = stop
        self.pulse = pulse
        self.good = [(self.read, 30), (self.write, 25), (self.write_in_chunks, 10), (self.expecting_write, 5),
                     (self.pipeline, 8), (self.repeatable_write, 5), (self.old_client, 3), (self.tunnel, 2),
                     (self.half_close, 3)]
        self.hostile = [(self.broken, 30), (self.torn_body, 12), (self.torn_chunks, 8), (self.leave_at_once, 12),
                        (self.stop_reading, 8), (self.torn_head, 8), (self.slow_head, 2), (self.slow_body, 2),
                        (self.bad_server, 30), (self.leave_events, 4), (self.early_answer, 6), (self.say_nothing, 2),
                        (self.bad_chunks, 6)]

    async def run(self, kinds):
        """One visitor after the other until the end; each does some things on one connection."""
        functions, weights = zip(*kinds)
        while not self.stop.is_set():
            try:
                async with Link(self.port) as link:
                    for _ in range(random.randint(1, 12)):
                        if self.stop.is_set() or not await random.choices(functions, weights)[0](link):
                            break
            except (OSError, ValueError, asyncio.TimeoutError) as error:
                self.ledger.problem("a client met something impossible", repr(error))
                await asyncio.sleep(0.05)

    # What an answer means.

    def was_held_up(self):
        """Whether a client that was too slow could not help it."""
        held_up = self.pulse.has_missed_beats()
        self.ledger.kinds["clients that the machine held up"] += held_up
        return held_up

    def is_stray(self, answer):
        """An answer to nobody. Nothing tells it from the right one when it comes just behind the request."""
        stray = answer.head.value("x-answer-id") == "nobody"
        self.ledger.kinds["answers to nobody taken by somebody"] += stray
        return stray

    def judge(self, number, method, answer, size, host=GOOD):
        ledger = self.ledger
        if host == BAD and self.is_stray(answer):
            return not answer.closes
        held_up = answer.status == 408 and self.was_held_up()
        if answer.status not in GOOD_STATUSES and not held_up:
            ledger.problem("unexpected status", f"id {number}: {answer.status} {answer.body[:200]!r}")
        whose = answer.head.value("x-answer-id")
        if whose:
            if whose != str(number):
                ledger.problem("an answer to another request", f"{number} got the answer to {whose}")
            length = 0 if method == "HEAD" or answer.status == 204 else len(f"{number}\n") + size
            if len(answer.body) != length or not answer.body.startswith(f"{number}\n".encode()[:length]):
                ledger.problem("an answer that is not whole looks whole", f"{number}: {len(answer.body)} bytes")
            ledger.settle(number, Outcome.answered, answer.status)
        elif answer.head.value("drawbridge-not-processed") == "1":
            ledger.settle(number, Outcome.refused, answer.status)
        else:
            ledger.settle(number, Outcome.error, answer.status)
        return not answer.closes

    async def take_answer(self, link, number, method="GET", size=0, host=GOOD):
        """True: the connection goes on."""
        try:
            return self.judge(number, method, await wire.read_answer(link, method), size, host)
        except wire.Truncated as error:
            self.ledger.kinds["answers cut short"] += 1
            if not error.started and not self.was_held_up():
                self.ledger.unanswered[number] = "reset" if link.was_reset else "closed"
            return False

    # Good clients.

    async def read(self, link):
        behaviour = random.choice(["ok", "ok", "ok", "chunked", "empty", "slow", "early_hint"])
        method = random.choice(["GET", "GET", "GET", "HEAD"]) if behaviour == "ok" else "GET"
        size = 0 if behaviour == "empty" else random.choice(ANSWER_SIZES)
        number = self.ledger.issue(f"read {behaviour}", method)
        await link.send(request(number, method, behaviour, size=size))
        return await self.take_answer(link, number, method, size)

    async def write(self, link):
        number = self.ledger.issue("write", "POST")
        size = random.choice(BODY_SIZES)
        head = request(number, random.choice(["POST", "PATCH"]), "ok", f"Content-Length: {size}", size=10)
        await link.send(head + wire.pattern(number, size))
        return await self.take_answer(link, number, "POST", 10)

    async def repeatable_write(self, link):
        number = self.ledger.issue("repeatable write", "PUT")
        head = request(number, random.choice(["PUT", "DELETE"]), "ok", "Content-Length: 300", size=10)
        await link.send(head + wire.pattern(number, 300))
        return await self.take_answer(link, number, "PUT", 10)

    async def write_in_chunks(self, link):
        number = self.ledger.issue("write in chunks", "POST")
        data = wire.chunked(wire.pattern(number, random.choice(BODY_SIZES)), random.choice([37, 4096, 60_000]))
        middle = random.randrange(len(data))
        await link.send(request(number, "POST", "ok", "Transfer-Encoding: chunked", size=10) + data[:middle])
        await asyncio.sleep(random.choice([0, 0, 0.01]))
        await link.send(data[middle:])
        return await self.take_answer(link, number, "POST", 10)

    async def expecting_write(self, link):
        """Sends the body at once, as a client may that does not get its 100 in time (RFC 9110 section 10.1.1)."""
        number = self.ledger.issue("write expecting 100", "POST")
        size = random.choice(BODY_SIZES)
        await link.send(request(number, "POST", "ok", f"Content-Length: {size}", "Expect: 100-continue", size=10))
        await asyncio.sleep(random.choice([0, 0.02]))
        await link.send(wire.pattern(number, size))
        return await self.take_answer(link, number, "POST", 10)

    async def pipeline(self, link):
        wanted = []
        together = b""
        for _ in range(random.randint(2, 6)):
            method = random.choice(["GET", "GET", "POST"])
            number = self.ledger.issue("pipelined", method)
            size = random.choice([0, 200, 5_000])
            together += request(number, method, "ok", f"Content-Length: {size}", size=size)
            together += wire.pattern(number, size)
            wanted.append((number, method, size))
        await link.send(together)
        for at, (number, method, size) in enumerate(wanted):
            if not await self.take_answer(link, number, method, size):
                if self.ledger.statuses[number]:
                    for behind, _, _ in wanted[at + 1 :]:
                        self.ledger.settle(behind, Outcome.behind_close)
                return False
        return True

    async def old_client(self, link):
        number = self.ledger.issue("HTTP/1.0")
        await link.send(request(number, "GET", "chunked", size=5_000, version="1.0"))
        try:
            answer = await wire.read_answer(link, "GET")
        except wire.Truncated:
            return False
        # A body that only the end of the connection ends looks whole when a server is killed in the middle.
        if len(answer.body) >= 5_000 or not answer.head.value("x-answer-id"):
            self.judge(number, "GET", answer, 5_000)
        return False

    async def half_close(self, link):
        number = self.ledger.issue("half close")
        await link.send(request(number, "GET", "slow", size=500))
        link.finish_sending()
        await self.take_answer(link, number, "GET", 500)
        return False

    async def tunnel(self, link):
        number = self.ledger.issue("tunnel")
        await link.send(request(number, "GET", "tunnel", "Connection: Upgrade", "Upgrade: echo"))
        try:
            answer = await wire.read_answer(link, "GET")
            if answer.status != 101:
                return self.judge(number, "GET", answer, 0)
            for _ in range(random.randint(1, 5)):
                data = random.randbytes(random.choice([10, 2_000, 30_000]))
                await link.send(data)
                if await wire.read_exactly(link, len(data)) != data:
                    self.ledger.problem("a tunnel changed its bytes", f"id {number}")
            if random.random() < 0.5:
                link.finish_sending()
                await wire.read_rest(link)
        except wire.Truncated:
            return False
        return False

    # Clients that are broken or leave.

    async def broken(self, link):
        number = self.ledger.issue("broken head", "POST")
        self.ledger.settle(number, Outcome.malformed)
        text = random.choice(BROKEN).replace("{t}", f"/b/ok?id={number}&size=0")
        await link.send(text.encode("latin-1"))
        try:
            answer = await wire.read_answer(link, "POST")
            if answer.status not in REFUSING_STATUSES or not answer.closes:
                self.ledger.problem("a broken request was not refused", f"{answer.status} to {text[:200]!r}")
        except wire.Truncated:
            if "HTTP" in text:
                self.ledger.problem("a broken request got no answer", f"{text[:200]!r}, reset: {link.was_reset}")
        return False

    async def leave(self, link, number):
        self.ledger.settle(number, Outcome.never_whole)
        await asyncio.sleep(random.choice([0, 0, 0.01, 0.05]))
        if random.random() < 0.5:
            link.reset()
        return False

    async def torn_head(self, link):
        number = self.ledger.issue("torn head", "POST")
        head = request(number, "POST", "ok", "Content-Length: 0")
        await link.send(head[: random.randrange(len(head) - 1)])
        return await self.leave(link, number)

    async def torn_body(self, link):
        number = self.ledger.issue("torn body", "POST")
        size = random.choice(BODY_SIZES)
        part = wire.pattern(number, random.randrange(size))
        await link.send(request(number, "POST", "ok", f"Content-Length: {size}") + part)
        return await self.leave(link, number)

    async def torn_chunks(self, link):
        number = self.ledger.issue("torn chunks", "POST")
        data = wire.chunked(wire.pattern(number, random.choice(BODY_SIZES)))
        part = data[: random.randrange(len(data))]
        await link.send(request(number, "POST", "ok", "Transfer-Encoding: chunked") + part)
        return await self.leave(link, number)

    async def bad_chunks(self, link):
        number = self.ledger.issue("bad chunks", "POST")
        self.ledger.settle(number, Outcome.never_whole)
        tail = random.choice(BAD_CHUNKS)
        await link.send(request(number, "POST", "ok", "Transfer-Encoding: chunked") + b"4\r\nsoak\r\n" + tail)
        try:
            answer = await wire.read_answer(link, "POST")
            if answer.status not in REFUSING_STATUSES | {502, 504} or not answer.closes:
                self.ledger.problem("bad chunks were not refused", f"id {number}: {answer.status} to {tail!r}")
        except wire.Truncated:
            self.ledger.unanswered[number] = f"bad chunks {tail!r}, reset: {link.was_reset}"
        return False

    async def leave_at_once(self, link):
        number = self.ledger.issue("left at once", "POST")
        await link.send(request(number, "POST", "slow", "Content-Length: 100") + wire.pattern(number, 100))
        if random.random() < 0.5:
            link.reset()
        return False

    async def stop_reading(self, link):
        number = self.ledger.issue("stopped reading")
        await link.send(request(number, "GET", "ok", size=3_000_000))
        await link.read(10_000)
        await asyncio.sleep(random.choice([0, 0.1, 0.5]))
        if random.random() < 0.5:
            link.reset()
        return False

    async def leave_events(self, link):
        number = self.ledger.issue("left events")
        await link.send(request(number, "GET", "events"))
        for _ in range(random.randint(1, 8)):
            await link.read(1_000)
        if random.random() < 0.5:
            link.reset()
        return False

    async def say_nothing(self, link):
        await asyncio.sleep(random.choice([0, 0.5, 6]))
        return False

    async def slow_head(self, link):
        number = self.ledger.issue("slow head", "POST")
        self.ledger.settle(number, Outcome.never_whole)
        for byte in request(number, "POST", "ok", "Content-Length: 0")[:-1][:40]:
            await link.send(bytes([byte]))
            await asyncio.sleep(0.1)
        return await self.expect_time_out(link, number)

    async def slow_body(self, link):
        number = self.ledger.issue("slow body", "POST")
        self.ledger.settle(number, Outcome.never_whole)
        await link.send(request(number, "POST", "ok", "Content-Length: 9000") + wire.pattern(number, 4000))
        return await self.expect_time_out(link, number)

    async def expect_time_out(self, link, number):
        try:
            answer = await wire.read_answer(link, "POST")
            refused = answer.status == 503  # by the mode, and a small body may still come
            if answer.status not in {408, 502, 503} or not (answer.closes or refused):
                self.ledger.problem("a slow request was not ended", f"id {number}: {answer.status}")
        except wire.Truncated:
            self.ledger.unanswered[number] = f"slow, reset: {link.was_reset}"
        return False

    async def early_answer(self, link):
        """The server answers before the body has come, and closes."""
        number = self.ledger.issue("answered early", "POST")
        size = random.choice([10, 5_000, 150_000])
        await link.send(request(number, "POST", "early", f"Content-Length: {size}", host=BAD))
        await asyncio.sleep(random.choice([0, 0.01]))
        await link.send(wire.pattern(number, size))
        try:
            answer = await wire.read_answer(link, "POST")
        except wire.Truncated:
            self.ledger.unanswered[number] = f"answered early, reset: {link.was_reset}"
            return False
        held_up = answer.status == 408 and self.was_held_up()
        if answer.status not in {403, 502, 503} and not held_up and not self.is_stray(answer):
            self.ledger.problem("unexpected status", f"id {number}: {answer.status}")
        self.ledger.settle(number, Outcome.error, answer.status)
        return not answer.closes

    async def bad_server(self, link):
        behaviour = random.choice(BAD_BEHAVIOURS) if random.random() < 0.9 else "hang"
        method = random.choice(["GET", "POST"])
        number = self.ledger.issue(f"server {behaviour}", method)
        await link.send(request(number, method, behaviour, "Content-Length: 50", host=BAD, size=200)
                        + wire.pattern(number, 50))
        keep = await self.take_answer(link, number, method, 200, BAD)
        if behaviour in CUT_SHORT and self.ledger.outcomes[number] == Outcome.answered:
            self.ledger.problem("an answer that is not whole looks whole", f"{behaviour} {number}")
        return keep
