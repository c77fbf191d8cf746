"""The frame of an end-to-end test: what it opens is closed and judged at its end."""

import unittest

from .client import TestClient
from .h1_visitor import H1Visitor
from .h2_client import H2Client
from .h2_visitor import H2Visitor
from .proxy import TestProxy
from .transports import TRANSPORT
from .upstream import FakeUpstream, Nobody


def visit(address, **options):
    """A visitor who speaks what this run does."""
    return (H2Visitor if TRANSPORT.http2 else H1Visitor)(address, **options)


class ProxyCase(unittest.TestCase):
    """Three lines of set-up: `self.upstream(…)`, `self.proxy(…)`, `self.client(proxy)`. At the end the proxy must stop
    well, no sanitizer may have complained, and no upstream may have seen what is no HTTP."""

    over = ("h1", "h1-tls")  # the transports that main() runs it over: these cases say HTTP/1 byte by byte

    def upstream(self, script=None, **options):
        upstream = FakeUpstream(script, **options)
        self.addCleanup(self._check_upstream, upstream)
        return upstream

    def nobody(self):
        """A server that is not there."""
        nobody = Nobody()
        self.addCleanup(nobody.socket.close)
        return nobody

    def proxy(self, *upstreams, **options):
        proxy = TestProxy(upstreams, **options)
        self.addCleanup(proxy.remove)
        self.addCleanup(proxy.stop)
        return proxy

    def client(self, proxy, **options):
        client = TestClient(proxy.address, **options)
        self.addCleanup(client.close)
        return client

    def h2_client(self, proxy, **options):
        client = H2Client(proxy.address, **options)
        self.addCleanup(client.close)
        return client

    def _check_upstream(self, upstream):
        upstream.stop()
        self.assertEqual(upstream.broken, [], "the upstream was sent what it cannot read")


class ExchangeCase(ProxyCase):
    """Written in requests and answers, not in bytes: it runs over every transport, and the verdicts are the same."""

    over = ("h1", "h1-tls", "h2-tls", "h2c")

    def visitor(self, proxy, **options):
        visitor = visit(proxy.address, **options)
        self.addCleanup(visitor.close)
        return visitor


class _Loader(unittest.TestLoader):
    def loadTestsFromTestCase(self, case):
        return super().loadTestsFromTestCase(case) if TRANSPORT.name in case.over else self.suiteClass()


def main():
    """As unittest.main(), with those cases that are meant for the transport of this run."""
    unittest.main(testLoader=_Loader())
