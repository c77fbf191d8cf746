"""Clients that send requests without pause over keep-alive connections and note how each ended."""

import asyncio
import json
import random
import socket
import time

from flips_history import EXEMPT, MAINTENANCE, READ, WRITE, Request

HEAD_END = b"\r\n\r\n"
RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER: on, no time

# Method, path and kind under the rules of the test's configuration, and how often.
SHAPES = [("GET", "/goods", READ, 30), ("HEAD", "/goods", READ, 5), ("POST", "/login", READ, 5),
          ("POST", "/orders", WRITE, 30), ("DELETE", "/orders/7", WRITE, 5), ("GET", "/logout", WRITE, 5),
          ("POST", "/alive/device", EXEMPT, 10)]
WEIGHTS = [weight for *_, weight in SHAPES]
# A body comes in one piece, in two with a pause, in chunks with a pause, or after "100 Continue".
BODIES = ("whole", "whole", "whole", "two", "chunked", "expect")

LEAVING = 0.02  # of all clients hang up once they have sent their request


class Plan:
    """One request as it will be sent: the head with what follows at once, what follows later, and how much later; and
    when the client will hang up, if it will."""

    def __init__(self, dice, id, site):
        self.id, self.site = id, site
        self.method, path, self.kind, _ = dice.choices(SHAPES, WEIGHTS)[0]
        work = dice.choice((0, 0, 0, 0, 1, 3, 10))
        pause = dice.choice((0, 0, 0, 0, 0, 0, 4))
        self.leaves_ms = dice.choice((0, 1, 4)) if not pause and dice.random() < LEAVING else None
        self.later, self.pause_ms, self.waits_for_continue = b"", 0, False
        fields = f"X-Flip: {id}\r\nX-Work: {work}\r\nX-Pause: {pause}\r\nAccept: application/json\r\n"
        prefix = "/devices" if site == "devices" else ""
        self.first = f"{self.method} {prefix}{path} HTTP/1.1\r\nHost: flips.example\r\n{fields}".encode()
        self._add_body(dice)

    def _add_body(self, dice):
        if self.method != "POST":
            self.first += b"\r\n"
            return
        how = "whole" if self.leaves_ms is not None else dice.choice(BODIES)
        self.pause_ms = dice.choice((1, 5))
        if how == "chunked":
            self.first += b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
            self.later = b"5\r\nworld\r\n0\r\n\r\n"
        elif how == "expect":
            self.first += b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"
            self.later, self.waits_for_continue = b"helloworld", True
        else:
            self.first += b"Content-Length: 10\r\n\r\nhello"
            self.later = b"world"
            if how == "whole":
                self.first, self.later = self.first + self.later, b""


class ClientConnection(asyncio.Protocol):
    """One connection: the next request goes out when the answer of the one before is whole."""

    def __init__(self, client):
        self.client = client
        self.plan = None
        self.buffer = b""
        self.last = False  # the answer said that the connection will close

    def connection_made(self, transport):
        self.transport = transport
        self.send_next()

    def send_next(self):
        if self.client.stopping:
            self.transport.close()
            return
        self.plan = self.client.plan()
        self.start = time.monotonic_ns()
        self.transport.write(self.plan.first)
        loop = asyncio.get_running_loop()
        if self.plan.later and not self.plan.waits_for_continue:
            loop.call_later(self.plan.pause_ms / 1000, self.send_later, self.plan)
        if self.plan.leaves_ms is not None:
            loop.call_later(self.plan.leaves_ms / 1000, self.leave, self.plan)

    def leave(self, plan):
        """Hangs up, with a word (FIN) or without (RST)."""
        if self.plan is not plan or self.transport.is_closing():
            return
        self.plan = None
        self.client.note(plan, self.start, 0, left=True)
        if plan.leaves_ms:
            self.transport.close()
        else:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()

    def send_later(self, plan):
        """The rest of the body, also after an early answer: clients do that, and must not be reset for it."""
        if not plan.later or self.transport.is_closing():
            return
        self.transport.write(plan.later)
        plan.later = b""
        if self.plan is None and not self.last:
            self.send_next()

    def data_received(self, data):
        self.buffer += data
        while HEAD_END in self.buffer and self.plan is not None:
            head, _, rest = self.buffer.partition(HEAD_END)
            lines = head.split(b"\r\n")
            status = int(lines[0].split(b" ")[1])
            if status == 100:
                self.buffer = rest
                self.plan.waits_for_continue = False
                self.send_later(self.plan)
                continue
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
            length = 0 if self.plan.method == "HEAD" else int(fields[b"content-length"])
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.finish(status, fields, rest[:length])

    def finish(self, status, fields, body):
        plan, self.plan = self.plan, None
        refused = fields.get(b"drawbridge-not-processed") == b"1"
        shown = ""
        if refused:  # an answer to HEAD has no body to say it, but only one mode refuses reads
            shown = MAINTENANCE if plan.method == "HEAD" else json.loads(body).get("mode", "")
        self.client.note(plan, self.start, status, refused, shown)
        self.last = fields.get(b"connection", b"").lower() == b"close"
        # Without "100 Continue" the body is not sent, so only a new connection is sure to be in step.
        if self.last or plan.waits_for_continue:
            self.last = True
            if not plan.later or plan.waits_for_continue:
                self.transport.close()
        elif not plan.later:
            self.send_next()

    def connection_lost(self, error):
        if self.plan is not None:
            told = "reset" if isinstance(error, ConnectionError) else repr(error) if error else "closed"
            self.client.note(self.plan, self.start, 0, failure=f"{told} after {len(self.buffer)} bytes of the answer")
        elif error is not None:
            self.client.note_broken(error)
        self.client.reconnect()


class Clients:
    """All clients of one process. Each keeps one connection open, and opens another only when the proxy has said that
    it closes this one."""

    def __init__(self, address, name, seed):
        self.address, self.name = address, name
        self.dice = random.Random(f"{seed} {name}")
        self.count = 0
        self.connections = 0
        self.stopping = False
        self.quiet = asyncio.Event()  # stopping, and every request has ended
        self.requests = []
        self.broken = []  # what happened to connections outside of requests
        self.open = set()

    def plan(self):
        self.count += 1
        return Plan(self.dice, f"{self.name}-{self.count}", self.dice.choice(("shop", "devices")))

    def note(self, plan, start, status, refused=False, shown_mode="", **more):
        self.requests.append(
            Request(plan.id, plan.site, plan.kind, start, time.monotonic_ns(), status, refused, shown_mode, **more))
        if self.stopping and len(self.requests) == self.count:
            self.quiet.set()

    def stop(self):
        self.stopping = True
        if len(self.requests) == self.count:
            self.quiet.set()

    def note_broken(self, error):
        self.broken.append(f"a connection between requests: {error!r}")

    def reconnect(self):
        if self.stopping:
            return
        task = asyncio.ensure_future(self.connect())
        self.open.add(task)
        task.add_done_callback(self.open.discard)

    async def connect(self):
        self.connections += 1
        try:
            await asyncio.get_running_loop().create_connection(lambda: ClientConnection(self), *self.address)
        except OSError as error:
            self.broken.append(f"a connection was not accepted: {error!r}")


def drive(address, name, seed, connections, control):
    """The body of a client process: sends until `control` says something, ends what is open, hands back
    (requests, problems outside of requests, connections opened)."""

    async def run():
        clients = Clients(address, name, seed)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(control.fileno(), ended.set)
        await asyncio.gather(*(clients.connect() for _ in range(connections)))
        await ended.wait()
        clients.stop()
        await clients.quiet.wait()
        control.send((clients.requests, clients.broken, clients.connections))

    asyncio.run(run())
