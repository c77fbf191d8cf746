"""Servers that note each request they get. A request says itself how it wants to be served: X-Flip names it, X-Work is
the milliseconds before the answer begins, X-Pause those between the two halves of the answer."""

import asyncio
import signal
import socket
import time

from flips_history import Stay

ANSWER = b"two halves"
ANSWER_HEAD = b"HTTP/1.1 200 OK\r\nX-Served: 1\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)


class ServerConnection(asyncio.Protocol):
    """One keep-alive connection: requests one after the other, bodies read to their end, each stay noted."""

    def __init__(self, stays):
        self.stays = stays
        self.buffer = b""
        self.current = None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        if self.current is not None:
            self.stays.append(Stay(self.current.id, self.current.arrived, None))

    def data_received(self, data):
        self.buffer += data
        if self.current is None and b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.current = Head(head)
            if self.current.expects_continue:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.current is not None and self.body_is_complete():
            self.buffer = b""
            self.after(self.current.work_ms, self.answer)

    def body_is_complete(self):
        framing = self.current.framing
        return self.buffer.endswith(b"0\r\n\r\n") if framing == "chunked" else len(self.buffer) >= framing

    def after(self, milliseconds, action):
        if milliseconds:
            asyncio.get_running_loop().call_later(milliseconds / 1000, action)
        else:
            action()

    def answer(self):
        if self.current.is_head:
            self.finish(ANSWER_HEAD)
        elif self.current.pause_ms:
            self.transport.write(ANSWER_HEAD + ANSWER[:3])
            self.after(self.current.pause_ms, lambda: self.finish(ANSWER[3:]))
        else:
            self.finish(ANSWER_HEAD + ANSWER)

    def finish(self, rest):
        if self.current is None or self.transport.is_closing():
            return
        self.stays.append(Stay(self.current.id, self.current.arrived, time.monotonic_ns()))
        self.current = None
        self.transport.write(rest)


class Head:
    """What of a request's head decides how it is served."""

    def __init__(self, text):
        self.arrived = time.monotonic_ns()
        line, *fields = text.split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}
        self.is_head = line.startswith(b"HEAD ")
        self.id = fields[b"x-flip"].decode()
        self.work_ms = int(fields[b"x-work"])
        self.pause_ms = int(fields[b"x-pause"])
        self.expects_continue = b"expect" in fields
        self.framing = "chunked" if b"transfer-encoding" in fields else int(fields.get(b"content-length", 0))


def serve(listener: socket.socket, results):
    """The body of a server process: serves until SIGTERM, then hands its stays to `results`."""

    async def run():
        stays = []
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        await loop.create_server(lambda: ServerConnection(stays), sock=listener)
        await ended.wait()
        results.send(stays)

    asyncio.run(run())
