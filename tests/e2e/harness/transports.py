"""The four ways a client reaches the proxy. What is no matter of the wire is tested over each of them."""

import dataclasses
import os

from .certificates import everywhere


@dataclasses.dataclass(frozen=True)
class Transport:
    name: str
    tls: bool
    http2: bool

    @property
    def scheme(self):
        return "https" if self.tls else "http"

    @property
    def via(self):
        """What the proxy calls the protocol in Via."""
        return "2.0" if self.http2 else "1.1"

    def listener(self):
        """The keys of a [[listener]] that takes it."""
        if self.tls:
            return f"tls = {everywhere().table('server')}"
        return "h2c = true" if self.http2 else ""

    def context(self):
        """The client's half of TLS; None where there is none."""
        return everywhere().context() if self.tls else None


ALL = (Transport("h1", False, False), Transport("h1-tls", True, False), Transport("h2-tls", True, True),
       Transport("h2c", False, True))

# That of this run: clients and proxies of the harness speak it unless told otherwise.
TRANSPORT = {transport.name: transport for transport in ALL}[os.environ.get("DRAWBRIDGE_TEST_TRANSPORT", "h1")]
