"""What the end-to-end tests are made of: the real programs, an upstream and a client that speak raw bytes."""

from .case import ExchangeCase, ProxyCase, main, visit
from .certificates import Certificates
from .client import Response, TestClient
from .hosts import Hosts
from .proxy import BIN, TestProxy
from .supervisor import KeptProxy, Supervisor
from .transports import TRANSPORT
from .upstream import Exchange, FakeUpstream, Request, answer, chunked
from .visitor import Answer, Cut
from .waiting import PATIENCE, eventually
from .wire import Broken, Late

__all__ = [
    "BIN",
    "PATIENCE",
    "TRANSPORT",
    "Answer",
    "Broken",
    "Certificates",
    "Cut",
    "Exchange",
    "ExchangeCase",
    "FakeUpstream",
    "Hosts",
    "KeptProxy",
    "Late",
    "ProxyCase",
    "Request",
    "Response",
    "Supervisor",
    "TestClient",
    "TestProxy",
    "answer",
    "chunked",
    "eventually",
    "main",
    "visit",
]
