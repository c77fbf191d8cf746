"""A client that sends exactly the bytes it is told and believes nothing."""

import contextlib
import dataclasses
import os
import socket
import ssl

from . import wire
from .transports import TRANSPORT
from .waiting import PATIENCE


@dataclasses.dataclass
class Response:
    status: int
    version: str
    reason: str
    fields: list
    raw_head: bytes
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    interim: list = dataclasses.field(default_factory=list)  # the 1xx before it

    def value(self, name):
        """The value of a field that stands at most once; None if it is not there."""
        found = wire.values(self.fields, name)
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None

    @property
    def says_close(self):
        connection = (self.value("Connection") or "").lower()
        return "close" in connection or (self.version == "HTTP/1.0" and "keep-alive" not in connection)


class TestClient:
    """One connection. `TestClient(proxy.address)`, then send bytes and read responses."""

    __test__ = False

    def __init__(self, address, receive_buffer=None, tls=None, name="a.example", greeting=b""):
        """`tls` is a context of the module ssl; without one the connection is plain. `greeting` is sent before it."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect(address)
        self.sock.sendall(greeting)
        tls = tls or TRANSPORT.context()
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name, suppress_ragged_eofs=False)
        self.wire = wire.Wire(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)
        return self

    def send_bytewise(self, data):
        """One byte a segment. Stops when the other side has ended: a refusal may come before the last byte."""
        try:
            for index in range(len(data)):
                self.sock.sendall(data[index : index + 1])
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def get(self, target="/", fields=""):
        return self.ask(f"GET {target} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n".encode("latin-1"))

    def post(self, body=b"", target="/", fields=""):
        head = f"POST {target} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
        return self.ask(head.encode("latin-1") + body)

    def ask(self, data):
        method = data.split(b" ", 1)[0].decode("latin-1")
        return self.send(data).read_response(method)

    def read_head(self):
        """One response head, interim or final, its body unread."""
        raw, line, fields = wire.read_head(self.wire)
        match = wire.STATUS_LINE.fullmatch(line)
        if not match:
            raise wire.Broken("no status line", raw)
        return Response(int(match[2]), match[1].decode(), (match[3] or b"").decode("latin-1"), fields, raw)

    def read_response(self, method="GET"):
        """One whole response. Broken if it is truncated or framed in more than one way; `got` is the body so far."""
        interim = []
        while (response := self.read_head()).status < 200 and response.status != 101:
            interim.append(response)
        response.interim = interim
        self.read_body(response, method)
        return response

    def read_body(self, response, method="GET"):
        framing = wire.framing(response.fields)
        if method == "HEAD" or response.status in (101, 204, 304):
            return
        if framing == "chunked":
            response.body, response.trailers = wire.read_chunked(self.wire)
        elif framing is not None:
            response.body = self.wire.exactly(framing)
        else:
            response.body = self.wire.rest()
            if self.wire.ended != "fin":
                raise wire.Broken(f"{self.wire.ended} in a body that ends with the connection", response.body)

    def end(self):
        """How the other side ended: "fin" or "reset". Anything that still arrives is a failure."""
        extra = self.wire.rest()
        assert not extra, f"unexpected bytes before the end: {extra[:200]!r}"
        return self.wire.ended

    def stays_open(self, seconds=0.2):
        """Whether neither bytes nor an end come within a moment."""
        return not self.wire.has_more(seconds)

    def finish_sending(self):
        if isinstance(self.sock, ssl.SSLSocket):
            self._say_close_notify()
        else:
            self.sock.shutdown(socket.SHUT_WR)
        return self

    def _say_close_notify(self):
        """Ours, and not a byte of theirs: unwrap() would throw away what comes before it. So for that moment the socket
        is one on which nothing comes, and what was said there is sent."""
        here, there = socket.socketpair()
        kept = os.dup(self.sock.fileno())
        self.sock.settimeout(0)
        here.setblocking(False)
        os.dup2(here.fileno(), self.sock.fileno())
        with contextlib.suppress(ssl.SSLWantReadError):
            self.sock.unwrap()
        os.dup2(kept, self.sock.fileno())
        os.close(kept)
        here.close()
        self.sock.settimeout(PATIENCE)
        with there, socket.socket(fileno=os.dup(self.sock.fileno())) as plain:
            plain.sendall(there.recv(65536))

    def reset(self):
        wire.reset(self.sock)

    def close(self):
        self.sock.close()
