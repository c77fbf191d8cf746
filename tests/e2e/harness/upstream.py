"""An upstream that records what reaches it, byte by byte, and answers as its script says."""

import base64
import dataclasses
import hashlib
import socket
import threading

from . import wire
from .waiting import PATIENCE, eventually

WEBSOCKET_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TCP_REPAIR = 19  # of a socket that is closed then, nobody hears


def accept_of(key):
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_MAGIC).digest()).decode()


def answer(body=b"", status="200 OK", fields=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode("latin-1") + body


def chunked(*pieces, fields="", trailers=""):
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{fields}\r\n".encode("latin-1")
    return head + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n" + trailers.encode() + b"\r\n"


@dataclasses.dataclass
class Request:
    """As it was received. `connection` counts from 1; `complete` once the whole body is here."""

    connection: int
    raw_head: bytes
    method: str
    target: str
    version: str
    fields: list
    greeting: bytes = b""  # of its connection
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    complete: bool = False

    def value(self, name):
        found = wire.values(self.fields, name)
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None


class Exchange:
    """One request as its script sees it. After `close` or `reset` no further request is read."""

    def __init__(self, upstream, line, request):
        self.upstream = upstream
        self.wire = line
        self.request = request
        self.number = len(upstream.requests)  # of this request, over all connections, from 1
        self.open = True

    def read_body(self):
        request = self.request
        framing = wire.framing(request.fields)
        if framing == "chunked":
            request.body, request.trailers = wire.read_chunked(self.wire)
        elif framing:
            request.body = self.wire.exactly(framing)
        request.complete = True
        return request.body

    def send(self, data):
        self.wire.sock.sendall(data)

    def switch(self, more=b""):
        """Takes the upgrade that was asked for, as a server does that has understood it; `more` comes right behind."""
        key = self.request.value("Sec-WebSocket-Key")
        accept = f"Sec-WebSocket-Accept: {accept_of(key)}\r\n" if key else ""
        head = f"Connection: Upgrade\r\nUpgrade: {self.request.value('Upgrade')}\r\n{accept}"
        self.send(f"HTTP/1.1 101 Switching Protocols\r\n{head}\r\n".encode() + more)

    def wait(self, event):
        """Until the test sets `event`, or ends."""
        while not event.wait(0.02) and not self.upstream.stopping:
            pass

    def say_nothing(self):
        """Reads on and answers nothing, until the proxy ends the connection or the test ends."""
        self.wire.rest()

    def read_rest(self):
        """What the proxy sends until it ends the connection."""
        return self.wire.rest()

    def close(self):
        self.open = False
        self.wire.sock.close()

    def reset(self):
        self.open = False
        wire.reset(self.wire.sock)


class Nobody:
    """An address where nobody listens. It stays taken: no other program is given its port."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for who comes to listen after all
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"


class FakeUpstream:
    """Listens on a free port. `script` is the answer to every request: bytes, or a function of an Exchange, or a list
    of both, one a request, whose last goes on. Bytes are sent when the request is complete; a function reads the body
    itself (`exchange.read_body()`), or does not.

    `requests` grows as heads arrive; `connections` counts those that sent at least one byte (probes that only open
    one do not); `broken` collects what was no HTTP, and what a script raised.
    """

    def __init__(self, script=None, host="127.0.0.1", port=0, tls=None, greeted=False, receive_buffer=None):
        self.script = script if script is not None else answer(b"hello")
        self.tls = tls  # a server's context of the module ssl
        self.greeted = greeted  # connections begin with a PROXY header
        self.greetings = []  # of all of them, probes included
        self.sessions_reused = 0
        self.requests = []
        self.broken = []
        self.connections = 0
        self.open_connections = 0
        self._lock = threading.Lock()
        self._socks = set()
        self._doomed = set()
        self.stopping = False
        self._listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port = self._listener.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def wait_for_requests(self, count):
        eventually(lambda: len(self.requests) >= count, f"{count} requests at the upstream")
        return self.requests[count - 1]

    def wait_until_complete(self, count=1):
        eventually(lambda: len(self.requests) >= count and self.requests[count - 1].complete, f"request {count}")
        return self.requests[count - 1]

    def close_connections(self):
        """Ends every connection from this side, as a server does that restarts."""
        with self._lock:
            for sock in self._socks:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def vanish(self):
        """Forgets every connection without a word, as a machine does that lost its power: the next byte on it meets a
        reset. (Who may not do that resets it once the next byte is here: on the wire it looks the same.) Returns when
        it is so: what came before would be taken in silence."""
        with self._lock:
            for sock in self._socks:
                try:
                    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
                    sock.shutdown(socket.SHUT_RD)
                except PermissionError:
                    self._doomed.add(sock)
        eventually(lambda: self._socks <= self._doomed, "the end of its connections")

    def say(self, data):
        """Sends bytes that nobody asked for on every connection."""
        with self._lock:
            for sock in self._socks:
                sock.sendall(data)

    def stop(self):
        """Listens no more and ends every connection."""
        self.stopping = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self._thread.join(PATIENCE)
        self.close_connections()

    def _accept(self):
        while not self.stopping:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _secure(self, sock):
        """The socket with TLS on it; None if the proxy did not like what it was shown."""
        try:
            secured = self.tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        except OSError:
            sock.close()
            return None
        self.sessions_reused += secured.session_reused
        return secured

    def _hear_greeting(self, sock):
        """Not a byte more than the header: TLS may follow."""
        greeting = b""
        length = None
        while length is None or len(greeting) < length:
            got = sock.recv(1 if length is None else length - len(greeting))
            if not got:
                return greeting
            greeting += got
            if greeting.startswith(b"PROXY "):
                length = len(greeting) if greeting.endswith(b"\r\n") else None
            elif len(greeting) == 16:
                length = 16 + int.from_bytes(greeting[14:16], "big")
        return greeting

    def _serve(self, sock):
        greeting = self._hear_greeting(sock) if self.greeted else b""
        self.greetings.append(greeting)
        sock = self._secure(sock) if self.tls else sock
        if sock is None:
            return
        line = wire.Wire(sock)
        line.greeting = greeting
        line.deadline_seconds = 10 * PATIENCE
        with self._lock:
            self._socks.add(sock)
            self.open_connections += 1
        try:
            if line.fill():
                with self._lock:
                    self.connections += 1
                    number = self.connections
                while self._serve_one(line, number):
                    pass
        except OSError:
            pass  # the proxy went away in the middle: the tests look at what it did instead
        except Exception as error:  # a script's fault, or no HTTP: the case checks `broken` at its end
            if not (isinstance(error, wire.Broken) and line.ended):
                self.broken.append(error)
        finally:
            with self._lock:
                self._socks.discard(sock)
                self.open_connections -= 1
            sock.close()

    def _serve_one(self, line, number):
        if not line.buffer and not line.fill():
            return False
        if line.sock in self._doomed:
            wire.reset(line.sock)
            return False
        exchange = self._read_request(line, number)
        step = self._step(exchange.number)
        if callable(step):
            step(exchange)
        else:
            exchange.read_body()
            exchange.send(step)
        return exchange.open

    def _read_request(self, line, number):
        raw, first, fields = wire.read_head(line)
        match = wire.REQUEST_LINE.fullmatch(first)
        if not match:
            raise wire.Broken("no request line", raw)
        request = Request(number, raw, match[1].decode(), match[2].decode(), match[3].decode(), fields,
                          line.greeting)
        with self._lock:
            self.requests.append(request)
            return Exchange(self, line, request)

    def _step(self, number):
        if isinstance(self.script, list):
            return self.script[min(number, len(self.script)) - 1]
        return self.script
