"""A visitor who speaks HTTP/1.1: a connection for each request on its way, kept for the next one."""

from . import wire
from .client import TestClient
from .visitor import Answer, Pending, Visitor, pairs


class _Body:
    """The body of one answer, by its framing, as it comes."""

    def __init__(self, line, framing):
        self.line = line
        self.framing = framing  # as wire.framing() says
        self.left = framing if isinstance(framing, int) else 0
        self.line_due = False  # behind a chunk
        self.trailers = []

    def piece(self):
        """Some bytes; b"" at the end. Broken if it is none."""
        if self.framing == "chunked":
            return self._chunked()
        if self.framing is None:
            if not self.line.buffer and not self.line.fill() and self.line.ended != "fin":
                raise wire.Broken(f"{self.line.ended} in a body that ends with the connection")
            return self.line.take(65536)
        return self._sized()

    def _sized(self):
        if self.left == 0:
            return b""
        if not self.line.buffer and not self.line.fill():
            raise wire.Broken(f"{self.line.ended} with {self.left} bytes to come")
        taken = self.line.take(self.left)
        self.left -= len(taken)
        return taken

    def _chunked(self):
        if self.left == 0:
            self.end_chunk()
            self.left = wire.read_chunk_size(self.line)
            if self.left == 0:
                self.trailers = wire.read_trailers(self.line)
                return b""
            self.line_due = True
        return self._sized()

    def end_chunk(self):
        """Reads what only ends a chunk that was read, for it is no part of the body."""
        if self.line_due and self.left == 0:
            self.line_due = False
            if self.line.exactly(2) != b"\r\n":
                raise wire.Broken("bad end of a chunk")


class H1Pending(Pending):
    OPENED = 101

    def __init__(self, visitor, client, method, length):
        super().__init__(method)
        self.visitor = visitor
        self.client = client
        self.length = length  # that is still to be sent
        self.says_close = False
        self._reader = None

    def send(self, data):
        if isinstance(self.length, int):
            self.length -= len(data)
        elif self.length == "unknown":
            data = b"%x\r\n%s\r\n" % (len(data), data)
        self._say(data)
        return self

    def end(self, trailers=()):
        assert self.length == "unknown"
        self.length = 0
        self._say(b"0\r\n" + _lines(trailers) + b"\r\n")
        return self

    def finish_sending(self):
        self.client.finish_sending()
        return self

    def leave(self, how="reset"):
        getattr(self.client, how)()

    def _say(self, data):
        try:
            self.client.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def is_quiet(self, seconds=0.2):
        if self._reader is not None:
            self._reader.end_chunk()
        return not self.whole and self.client.stays_open(seconds)

    def check_spent(self):
        self.answer()
        assert self.says_close, "the connection does not say that it closes"
        assert self.client.end() == "fin"

    def _check_cut(self):
        assert self.client.wire.ended, "the connection goes on behind an answer that was cut"

    def _advance(self):
        try:
            if self._reader is None:
                self._take_head()
            else:
                self._take_body()
        except wire.Broken as broken:
            if not self.client.wire.ended:
                raise  # not cut: no HTTP
            self.broken = str(broken)

    def _take_head(self):
        head = self.client.read_head()
        self.heads.append(Answer(head.status, head.fields))
        if self.final is None:
            return
        self.says_close = head.says_close
        framing = wire.framing(head.fields)
        empty = self.method == "HEAD" or head.status in (204, 304)
        self._reader = _Body(self.client.wire, 0 if empty else None if head.status == 101 else framing)

    def _take_body(self):
        piece = self._reader.piece()
        self.body += piece
        if piece:
            return
        self.whole = True
        self.trailers = self._reader.trailers
        if not self.says_close and self.length == 0 and not self.client.wire.ended:
            self.visitor.idle.append(self.client)


class H1Visitor(Visitor):
    def __init__(self, address, **options):
        self.address = address
        self.options = options
        self.clients = []
        self.idle = []

    @property
    def connections(self):
        """How many it has made."""
        return len(self.clients)

    def begin(self, method="GET", target="/", fields=(), *, body=None, length=None, host="a.example"):
        framing = {}
        if length == "unknown":
            framing = {"Transfer-Encoding": "chunked"}
        elif body is not None or length is not None:
            framing = {"Content-Length": len(body or b"") if length is None else length}
        pending = H1Pending(self, self._client(), method, 0 if length is None else length)
        pending._say(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n".encode("latin-1") + _lines(framing) +
                     _lines(fields) + b"\r\n" + (body or b""))
        return pending

    def tunnel(self, target="/", fields=(), protocol="websocket"):
        upgrade = [("Connection", "Upgrade"), ("Upgrade", protocol), ("Sec-WebSocket-Version", "13"),
                   ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
        return self.begin("GET", target, upgrade + pairs(fields))

    def _client(self):
        if self.idle:
            return self.idle.pop()
        self.clients.append(TestClient(self.address, **self.options))
        return self.clients[-1]

    def check_end(self):
        for client in self.idle or [self._client()]:
            assert client.end() == "fin", client.wire.ended

    def has_ended(self, seconds=0.0):
        return any(client.wire.has_more(seconds) for client in self.idle)

    def close(self):
        for client in self.clients:
            client.close()


def _lines(fields):
    return "".join(f"{name}: {value}\r\n" for name, value in pairs(fields)).encode("latin-1")
