"""What the end-to-end tests are made of: the real programs, an upstream and a client that speak raw bytes."""

from .case import ProxyCase
from .certificates import SCHEME, Certificates
from .client import Response, TestClient
from .hosts import Hosts
from .proxy import BIN, TestProxy
from .upstream import Exchange, FakeUpstream, Request, answer, chunked
from .waiting import PATIENCE, eventually
from .wire import Broken, Late

__all__ = [
    "BIN",
    "PATIENCE",
    "SCHEME",
    "Broken",
    "Certificates",
    "Exchange",
    "FakeUpstream",
    "Hosts",
    "Late",
    "ProxyCase",
    "Request",
    "Response",
    "TestClient",
    "TestProxy",
    "answer",
    "chunked",
    "eventually",
]
