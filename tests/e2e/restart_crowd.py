"""A crowd that opens a connection for each request, plain, over TLS and in HTTP/2, and posts a write that nobody has
posted before. What became of each is written down; the upstream's list says what reached it."""

import collections
import dataclasses
import itertools
import ssl
import threading

from harness import TestClient, eventually
from harness.certificates import everywhere
from harness.h2_visitor import H2Visitor
from harness.visitor import Cut
from harness.wire import Broken, Late

EACH = 2  # members of each kind
LISTENERS = """
[[listener]]
address = "127.0.0.1:0"
tls = {tls}
[[listener]]
address = "127.0.0.1:0"
h2c = true
"""


def listeners():
    """Behind the plain one of the harness."""
    return LISTENERS.format(tls=everywhere().table("server"))


@dataclasses.dataclass
class Outcome:
    kind: str
    target: str
    got: object  # the status, or how far it came: "refused", "connected" (to be accepted), "sent"
    promised: bool = False  # Drawbridge-Not-Processed
    error: str = ""


class Crowd:
    def __init__(self, addresses):
        self.outcomes = []
        self._addresses = dict(zip(("plain", "tls", "h2"), addresses, strict=True))
        self._tls = everywhere().context()
        self._numbers = itertools.count()
        self._stopping = False
        self._threads = [threading.Thread(target=self._live, args=(kind,), daemon=True)
                         for kind in self._addresses for _ in range(EACH)]
        for thread in self._threads:
            thread.start()

    def _live(self, kind):
        while not self._stopping:
            outcome = Outcome(kind, f"/{next(self._numbers)}", "refused")
            try:
                self._post(outcome)
            except (OSError, ssl.SSLError, Broken, Late, Cut) as error:
                outcome.error = repr(error)
            self.outcomes.append(outcome)

    def _post(self, outcome):
        address = self._addresses[outcome.kind]
        if outcome.kind == "h2":
            with H2Visitor(address) as visitor:
                outcome.got = "connected"
                pending = visitor.begin("POST", outcome.target, body=b"write")
                outcome.got = "sent"
                answer = pending.answer()
                names = dict(answer.fields)
        else:
            with TestClient(address, tls=self._tls if outcome.kind == "tls" else None) as client:
                outcome.got = "connected"
                head = f"POST {outcome.target} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n"
                client.send(head.encode() + b"write")
                outcome.got = "sent"
                answer = client.read_response("POST")
                names = {name.lower(): value for name, value in answer.fields}
        outcome.promised = names.get("drawbridge-not-processed") == "1"
        outcome.got = answer.status

    def wait_for(self, count=3):
        """Until each kind has done so many more."""
        before = len(self.outcomes)
        eventually(lambda: all(self._done(kind, before) >= count for kind in self._addresses), "requests of each kind")

    def _done(self, kind, since):
        return sum(outcome.kind == kind and isinstance(outcome.got, int) for outcome in self.outcomes[since:])

    def stop(self):
        self._stopping = True
        for thread in self._threads:
            thread.join()

    def not_answered(self, *statuses):
        return [outcome for outcome in self.outcomes if outcome.got not in statuses]

    def wrong_at(self, upstream):
        """Writes that were doubled, that were acknowledged and are not there, or that are there against our word."""
        seen = collections.Counter(request.target for request in upstream.requests)
        return [(outcome, seen[outcome.target]) for outcome in self.outcomes
                if seen[outcome.target] > 1 or (outcome.got == 200 and not seen[outcome.target])
                or (outcome.promised and seen[outcome.target])]
