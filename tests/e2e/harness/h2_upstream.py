"""An upstream that speaks HTTP/2 in frames: it records requests, and its script answers each as it says."""

import contextlib
import queue
import select
import socket
import ssl
import struct
import threading

from . import hpack
from .h2_client import (ACK, CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MAX_STREAMS, PING, PREFACE,
                        RST_STREAM, SETTINGS, WINDOW_UPDATE, H2Client)
from .waiting import PATIENCE, eventually


class Call:
    """A request as it has come, whole, on stream `number` of `connection` (from 1)."""

    def __init__(self, peer, number, fields):
        self.peer = peer
        self.connection = peer.count
        self.number = number
        self.fields = fields
        self.body = b""
        self.trailers = None
        self.reset = None
        self.ended = False

    def value(self, name):
        found = [value for key, value in self.fields if key == name]
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None

    def head(self, *fields, status="200", end=False):
        self.peer.send(HEADERS, END_HEADERS | (END_STREAM if end else 0), self.number,
                       hpack.encode([(":status", status), *fields]))
        return self

    def data(self, body, end=True):
        """Small: nobody looks at windows here."""
        self.peer.send(DATA, END_STREAM if end else 0, self.number, body)
        return self

    def exactly(self, count):
        """The next bytes of a tunnel."""
        eventually(lambda: len(self.body) >= count, f"{count} bytes")
        taken, self.body = self.body[:count], self.body[count:]
        return taken

    def answer(self, body=b"hello", *fields):
        return self.head(*fields).data(body)

    def end_with(self, trailers):
        self.peer.send(HEADERS, END_HEADERS | END_STREAM, self.number, hpack.encode(trailers))

    def refuse(self, code):
        self.peer.send(RST_STREAM, 0, self.number, struct.pack(">I", code))


class TlsSocket:
    """A socket with TLS that one thread reads and others write: OpenSSL takes one call at a time."""

    def __init__(self, sock, context):
        self._sock = context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        self._sock.setblocking(False)
        self._calling = threading.Lock()
        self.session_reused = self._sock.session_reused
        self.close = self._sock.close
        self.shutdown = self._sock.shutdown

    def recv(self, count):
        while True:
            with self._calling, contextlib.suppress(ssl.SSLWantReadError):
                return self._sock.recv(count)
            select.select([self._sock], [], [])

    def sendall(self, data):
        while data:
            with self._calling, contextlib.suppress(ssl.SSLWantWriteError):
                data = data[self._sock.send(data):]
                continue
            select.select([], [self._sock], [])


class Peer:
    """One connection of the proxy's."""

    def __init__(self, upstream, sock, count):
        self.upstream = upstream
        self.sock = sock
        self.count = count
        self.buffer = b""
        self.calls = {}
        self.goodbye = False
        self._decoder = hpack.Decoder()
        self._writing = threading.Lock()

    def send(self, kind, flags, stream, payload=b""):
        with self._writing, contextlib.suppress(OSError):
            self.sock.sendall(H2Client.frame(kind, flags, stream, payload))

    def goaway(self, last_stream, code=0):
        self.send(GOAWAY, 0, 0, struct.pack(">II", last_stream, code))

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def run(self):
        with contextlib.suppress(OSError):
            if self.upstream.tls:
                self.sock = TlsSocket(self.sock, self.upstream.tls)
            if self._exactly(len(PREFACE)) != PREFACE:
                return self.close()
        self.upstream.may_say_settings.wait(PATIENCE)
        self.send(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *s) for s in self.upstream.settings))
        with contextlib.suppress(OSError):
            while self._frame():
                pass
        return None

    def _exactly(self, count):
        while len(self.buffer) < count:
            got = self.sock.recv(65536)
            if not got:
                return None
            self.buffer += got
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _frame(self):
        header = self._exactly(9)
        if header is None:
            return False
        payload = self._exactly(int.from_bytes(header[:3], "big")) or b""
        self._handle(header[3], header[4], int.from_bytes(header[5:], "big"), payload)
        return True

    def _handle(self, kind, flags, number, payload):
        if kind == SETTINGS and not flags & ACK:
            self.send(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.send(PING, ACK, 0, payload)
        elif kind == GOAWAY:
            self.goodbye = True
        elif kind == RST_STREAM and number in self.calls:
            self.calls[number].reset = struct.unpack(">I", payload)[0]
        elif kind == DATA:
            self.calls[number].body += payload
            if payload:
                for target in (0, number):
                    self.send(WINDOW_UPDATE, 0, target, struct.pack(">I", len(payload)))
        elif kind == HEADERS and number in self.calls:
            self.calls[number].trailers = self._decoder.decode(payload)
        elif kind == HEADERS:
            self.calls[number] = Call(self, number, self._decoder.decode(payload))
            self.upstream.begun.append(self.calls[number])
        if kind in (DATA, HEADERS) and number in self.calls:
            self._went_on(kind, self.calls[number], flags & END_STREAM)

    def _went_on(self, kind, call, ended):
        """A tunnel has arrived with its head, any other call with its end."""
        tunnel = call.value(":protocol") is not None
        call.ended = bool(ended)
        if (tunnel and kind == HEADERS) or (ended and not tunnel):
            self.upstream.arrived(call)


class H2Upstream:
    """`script(call)` runs when a request is whole, each on a thread of its own. `settings`: (name, value) pairs; `tls`: a
    server's context of the module ssl."""

    def __init__(self, script=None, *, settings=(), tls=None):
        self.script = script or Call.answer
        self.settings = settings
        self.tls = tls
        self.may_say_settings = threading.Event()
        self.may_say_settings.set()
        self.begun = []
        self.calls = []
        self.peers = []
        self.failed = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer = Peer(self, sock, len(self.peers) + 1)
                self.peers.append(peer)
                self._start(peer.run)

    def _start(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def arrived(self, call):
        self.calls.append(call)
        self._start(self._answer, call)

    def _answer(self, call):
        try:
            self.script(call)
        except Exception as failure:  # pylint: disable=broad-except
            self.failed.put(failure)

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            peer.close()
        for thread in self._threads:
            thread.join(PATIENCE)
        for peer in self.peers:
            peer.sock.close()


__all__ = ["ACK", "CANCEL", "MAX_STREAMS", "Call", "H2Upstream"]
