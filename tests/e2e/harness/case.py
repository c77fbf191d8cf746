"""The frame of an end-to-end test: what it opens is closed and judged at its end."""

import unittest

from .client import TestClient
from .h2_client import H2Client
from .proxy import TestProxy
from .upstream import FakeUpstream


class ProxyCase(unittest.TestCase):
    """Three lines of set-up: `self.upstream(…)`, `self.proxy(…)`, `self.client(proxy)`. At the end the proxy must stop
    well, no sanitizer may have complained, and no upstream may have seen what is no HTTP."""

    def upstream(self, script=None, **options):
        upstream = FakeUpstream(script, **options)
        self.addCleanup(self._check_upstream, upstream)
        return upstream

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
