"""A client in terms of requests and answers: what a test of the exchange is written in, whatever the wire.

What differs by nature between the protocols is said here and in the two files that speak them, h1_visitor.py and
h2_visitor.py, and in no test:

                              HTTP/1                               HTTP/2
    requests on their way     a connection each, kept              streams of the one connection
    an answer that is cut     never looks whole; the               RST_STREAM INTERNAL_ERROR, or CANCEL by an
                              connection ends                      operator; the connection goes on
    answered before the       the connection says that it          RST_STREAM NO_ERROR behind the whole answer;
    request had ended         closes, and ends in order            the connection goes on
    a client gives up         a reset of its connection            RST_STREAM CANCEL
    a tunnel                  Upgrade, 101                         extended CONNECT, 200 (RFC 8441)
    the proxy goes            the connection ends                  GOAWAY NO_ERROR, then it ends
"""

import dataclasses

from . import wire


@dataclasses.dataclass
class Answer:
    """One head and what followed it. Names are found in any case, as they are meant."""

    status: int
    fields: list
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    interim: list = dataclasses.field(default_factory=list)  # the 1xx before it

    def value(self, name):
        """The value of a field that stands at most once; None if it is not there."""
        found = wire.values(self.fields, name)
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None

    def trailer(self, name):
        found = wire.values(self.trailers, name)
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None

    @property
    def not_processed(self):
        """Whether a client may repeat the request, whatever it was."""
        return self.value("Drawbridge-Not-Processed") == "1"


class Cut(Exception):
    """An answer that ended too early. `head` is None when not even that came, `got` what came of the body."""

    def __init__(self, why, head, got):
        super().__init__(f"{why}: {head} {got[-200:]!r}")
        self.head = head
        self.got = got


class Pending:
    """A request on its way, and its answer as it comes. Subclasses fill `heads`, `body` and `trailers`, and set
    `whole` or `broken` at the end."""

    def __init__(self, method):
        self.method = method
        self.heads = []
        self.body = bytearray()
        self.trailers = []
        self.whole = False
        self.broken = None
        self._heads_given = 0
        self._body_given = 0

    @property
    def final(self):
        return self.heads[-1] if self.heads and (self.heads[-1].status >= 200 or self.heads[-1].status == 101) else None

    # What the client says.

    def send(self, data):
        """More of the body. What the proxy does not want any more is lost, as it is for every client."""
        raise NotImplementedError

    def end(self, trailers=()):
        """The body is whole. Not for one whose length was announced: that ends by itself."""
        raise NotImplementedError

    def finish_sending(self):
        """Nothing more comes through this tunnel."""
        raise NotImplementedError

    def leave(self, how="reset"):
        """Goes away: "reset" gives up this request, "close" is the end of the client's program."""
        raise NotImplementedError

    # What the client hears.

    def head(self):
        """The next head, interim or final, as soon as it is there."""
        self._until(lambda: len(self.heads) > self._heads_given)
        self._heads_given += 1
        return self.heads[self._heads_given - 1]

    def read(self, count):
        """The next bytes of the body, as soon as they are there."""
        self._until(lambda: len(self.body) >= self._body_given + count)
        self._body_given += count
        return bytes(self.body[self._body_given - count : self._body_given])

    def answer(self):
        """The whole answer, with what was read of it; raises Cut."""
        self._until(lambda: self.whole)
        final = self.final
        return Answer(final.status, final.fields, bytes(self.body), self.trailers, self.heads[:-1])

    def rest(self):
        """What comes of the body until it ends, in whatever way."""
        try:
            self.answer()
        except Cut:
            pass
        return bytes(self.body[self._body_given :])

    def cut(self):
        """What came of the body of an answer that began and must not look whole."""
        try:
            answer = self.answer()
        except Cut as cut:
            assert cut.head is not None, "it was cut before its answer began"
            self._check_cut()
            return cut.got
        raise AssertionError(f"the answer looks whole: {answer}")

    def check_spent(self):
        """Behind the whole answer to a request that was not heard to its end: nothing is lost but what must be."""
        raise NotImplementedError

    def is_quiet(self, seconds=0.2):
        """Whether neither more of an answer nor its end comes within a moment."""
        raise NotImplementedError

    def opened(self):
        """Reads the answer that opens this tunnel."""
        head = self.head()
        assert head.status == self.OPENED, head
        return head

    def _until(self, done):
        self._take()
        while not done():
            if self.broken:
                raise Cut(self.broken, self.final, bytes(self.body))
            assert not self.whole, f"the answer ended before: {self.heads} {bytes(self.body[-200:])!r}"
            self._advance()

    def _take(self):
        """What has come while somebody else read."""

    def _advance(self):
        """Reads on."""
        raise NotImplementedError

    def _check_cut(self):
        raise NotImplementedError


class Visitor:
    """`ask` for whole answers; `begin` where a test wants to be in the middle of it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def begin(self, method="GET", target="/", fields=(), *, body=None, length=None, host="a.example"):
        """A request that is sent. `body`: all of it; `length`: as many bytes follow by `send`, or "unknown" many, up to
        `end`. `fields` are pairs, or a dictionary."""
        raise NotImplementedError

    def tunnel(self, target="/", fields=(), protocol="websocket"):
        """A request that wants to become a tunnel; `opened` says whether it has."""
        raise NotImplementedError

    def ask(self, method="GET", target="/", fields=(), body=None, **options):
        return self.begin(method, target, fields, body=body, **options).answer()

    def get(self, target="/", fields=()):
        return self.ask("GET", target, fields)

    def post(self, body=b"", target="/", fields=()):
        return self.ask("POST", target, fields, body)

    def check_end(self):
        """The proxy ends the connection in order, unasked."""
        raise NotImplementedError

    def has_ended(self, seconds=0.0):
        """Whether that has come, or comes within a moment."""
        raise NotImplementedError

    def close(self):
        raise NotImplementedError


def pairs(fields):
    return list(fields.items()) if isinstance(fields, dict) else list(fields)
