"""A visitor who speaks HTTP/2: one connection, a stream for each request."""

from . import h2_client
from .h2_client import H2Client
from .visitor import Answer, Pending, Visitor, pairs

OF_A_CONNECTION = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}


class H2Pending(Pending):
    OPENED = 200

    def __init__(self, visitor, stream, method, length):
        super().__init__(method)
        self.client = visitor.client
        self.stream = stream
        self.length = length  # that is still to be sent
        self.body = stream.body

    def send(self, data):
        if isinstance(self.length, int):
            self.length -= len(data)
        self.client.send_data(self.stream, data, end=self.length == 0)
        return self

    def end(self, trailers=()):
        assert self.length == "unknown"
        self.length = 0
        if trailers:
            self.client.send_trailers(self.stream, _lower(trailers))
        else:
            self.client.send_data(self.stream, b"", end=True)
        return self

    def finish_sending(self):
        return self.end()

    def leave(self, how="reset"):
        if how == "close":
            self.client.close()
        else:
            self.client.reset(self.stream)

    def is_quiet(self, seconds=0.2):
        def state():
            return len(self.heads), len(self.body), self.whole, self.broken
        before = state()
        return not self.client.listen(lambda: (self._take(), state() != before)[1], seconds)

    def check_spent(self):
        self.answer()
        if self.length != 0:
            self.client.pump(lambda: self.stream.reset is not None)
        assert self.stream.reset in (None, h2_client.NO_ERROR), self.stream.reset
        self.client.check_alive()

    def _check_cut(self):
        codes = (h2_client.INTERNAL_ERROR, h2_client.CANCEL)  # by its server, by an operator
        assert self.stream.reset in codes, (self.stream.reset, self.client.goaway)
        self.client.check_alive()

    def _advance(self):
        if self.client.read_frame() is None:
            self.broken = f"the connection ended ({self.client.ended}, GOAWAY {self.client.goaway})"
        self._take()

    def _take(self):
        """What the frames have brought of the answer."""
        stream = self.stream
        for fields in [*stream.interim, *([stream.fields] if stream.fields else [])][len(self.heads) :]:
            self.heads.append(_answer(fields))
        if stream.ended and not self.whole:
            self.whole, self.broken = True, None
            self.trailers = stream.trailers or []
        elif stream.reset is not None and not self.whole:
            self.broken = f"RST_STREAM {stream.reset}"


class H2Visitor(Visitor):
    connections = 1

    def __init__(self, address, **options):
        self.client = H2Client(address, **options)

    def begin(self, method="GET", target="/", fields=(), *, body=None, length=None, host="a.example"):
        sizes = []
        if isinstance(length, int) or body is not None:
            sizes = [("content-length", str(len(body or b"") if length is None else length))]
        stream = self.client.open(method, target, sizes + _lower(fields), end=not body and length is None, authority=host)
        if body:
            self.client.send_data(stream, body, end=True)
        return H2Pending(self, stream, method, 0 if length is None else length)

    def tunnel(self, target="/", fields=(), protocol="websocket"):
        self.client.pump(lambda: self.client.settings)
        assert self.client.settings[h2_client.CONNECT_PROTOCOL] == 1
        stream = self.client.open(end=False, fields=[("sec-websocket-version", "13")] + _lower(fields), pseudo=[
            (":method", "CONNECT"), (":protocol", protocol), (":scheme", self.client.scheme), (":path", target),
            (":authority", "a.example")])
        return H2Pending(self, stream, "GET", "unknown")

    def check_end(self):
        assert self.client.read_to_end() == "fin", self.client.ended
        assert self.client.goaway[-1][1] == h2_client.NO_ERROR, self.client.goaway

    def has_ended(self, seconds=0.0):
        return self.client.listen(lambda: self.client.goaway or self.client.ended, seconds)

    def close(self):
        self.client.close()


def _answer(fields):
    (first, status), *others = fields
    assert first == ":status", fields
    for name, _ in others:
        assert name == name.lower() and not name.startswith(":") and name not in OF_A_CONNECTION, fields
    return Answer(int(status), others)


def _lower(fields):
    return [(name.lower(), str(value)) for name, value in pairs(fields)]
