"""An HTTP/2 client of frames: one connection, as many streams as a test wants, nothing done behind its back but the
answers to SETTINGS and PING."""

import contextlib
import socket
import struct
import time

from . import hpack
from .transports import TRANSPORT
from .waiting import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK, PADDED, PRIORITY_FLAG = 1, 4, 1, 8, 32
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, MAX_LIST, CONNECT_PROTOCOL = 1, 2, 3, 4, 5, 6, 8
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)
WINDOW = 65535


class Stream:
    """A request and what came back. `ended`: the answer is whole; `reset`: the code of RST_STREAM, else None."""

    def __init__(self, number):
        self.number = number
        self.interim = []
        self.fields = None
        self.trailers = None
        self.body = bytearray()
        self.ended = False
        self.reset = None
        self.window = WINDOW
        self.taken = 0  # bytes of the body that no WINDOW_UPDATE has given back

    @property
    def status(self):
        return int(self.value(":status")) if self.fields else None

    def value(self, name):
        found = [value for key, value in self.fields or [] if key == name]
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None

    @property
    def over(self):
        return self.ended or self.reset is not None


class H2Client:
    """`tls` is an ssl.SSLContext for h2 by ALPN; without one the connection begins with the preface at once."""

    def __init__(self, address, *, tls=None, settings=(), preface=True, give_back=True, receive_buffer=None):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect(address)
        self.scheme = "http"
        tls = tls or TRANSPORT.context()
        if tls:
            tls.set_alpn_protocols(["h2"])
            self.sock = tls.wrap_socket(self.sock, server_hostname="a.example")
            assert self.sock.selected_alpn_protocol() == "h2", self.sock.selected_alpn_protocol()
            self.scheme = "https"
        self.buffer = b""
        self.streams = {}
        self.next_number = 1
        self.window = WINDOW
        self.initial_window = WINDOW
        self.give_back = give_back
        self.give_back_at = 0.5  # of a window: it is given back when so much of it is taken
        self.answers_pings = True
        self.stream_window = dict(settings).get(INITIAL_WINDOW, WINDOW)  # ours, for each answer
        self.taken = 0  # of the window of the connection
        self.settings = {}
        self.goaway = []  # (last stream, code) of each
        self.pongs = []
        self.ended = None  # "fin" or "reset"
        self._decoder = hpack.Decoder()
        if preface:
            self.send_raw(PREFACE + self.frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *s) for s in settings)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # Frames out.

    @staticmethod
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    def send_raw(self, data):
        self.sock.sendall(data)
        return self

    def send(self, kind, flags, stream, payload=b""):
        return self.send_raw(self.frame(kind, flags, stream, payload))

    def reply(self, kind, flags, stream, payload=b""):
        """What every client says by itself. The other side may be gone, and what it said before is still to be read."""
        with contextlib.suppress(OSError):
            self.send(kind, flags, stream, payload)

    def open(self, method="GET", path="/", fields=(), *, end=True, authority="a.example", pseudo=None):
        """Sends the head of a request; `pseudo` replaces the pseudo-fields."""
        stream = Stream(self.next_number)
        stream.window = self.initial_window
        self.next_number += 2
        self.streams[stream.number] = stream
        head = pseudo if pseudo is not None else [
            (":method", method), (":scheme", self.scheme), (":path", path), (":authority", authority)]
        block = hpack.encode([*head, *fields])
        self.send(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream.number, block)
        return stream

    def send_data(self, stream, data, *, end=False):
        """As much at a time as the windows allow; reads what comes while it waits for them."""
        data = memoryview(data)
        while True:
            room = min(len(data), stream.window, self.window, 16384)
            if room == 0 and data:
                self.pump(lambda: stream.over or min(stream.window, self.window) > 0)
                if stream.over:
                    return
                continue
            piece, data = data[:room], data[room:]
            stream.window -= room
            self.window -= room
            self.send(DATA, END_STREAM if end and not data else 0, stream.number, piece)
            if not data:
                return

    def send_trailers(self, stream, fields):
        self.send(HEADERS, END_HEADERS | END_STREAM, stream.number, hpack.encode(fields))

    def reset(self, stream, code=CANCEL):
        self.send(RST_STREAM, 0, stream.number, struct.pack(">I", code))

    def request(self, method="GET", path="/", fields=(), body=None):
        """A whole request and its whole answer."""
        stream = self.open(method, path, fields, end=body is None)
        if body is not None:
            self.send_data(stream, body, end=True)
        return self.finish(stream)

    def finish(self, stream):
        """Reads until the stream is over."""
        self.pump(lambda: stream.over)
        return stream

    # Frames in.

    def pump(self, done):
        """Reads frames until `done()`; fails when the connection ends before."""
        while not done():
            if not self.read_frame():
                assert done(), f"the connection ended ({self.ended}, GOAWAY {self.goaway})"
                return

    def listen(self, done, seconds):
        """Reads frames until `done()`, for so long at most; whether it is done."""
        until = time.monotonic() + seconds
        try:
            with contextlib.suppress(TimeoutError):
                while not done() and not self.ended:
                    self.sock.settimeout(max(0.001, until - time.monotonic()))
                    self.read_frame()
        finally:
            self.sock.settimeout(PATIENCE)
        return done()

    def check_alive(self):
        """The connection goes on: a PING is answered."""
        heard = len(self.pongs)
        self.send(PING, 0, 0, b"are you?")
        self.pump(lambda: len(self.pongs) > heard)
        assert not self.goaway, self.goaway

    def read_to_end(self):
        while self.read_frame():
            pass
        return self.ended

    def read_frame(self):
        """One frame, dealt with; its kind, flags, stream and payload. None at the end of the connection."""
        if not self._has(9):
            return None
        length = int.from_bytes(self.buffer[:3], "big")
        if not self._has(9 + length):
            return None
        header, payload = self._exactly(9), self._exactly(length)
        kind, flags, number = header[3], header[4], int.from_bytes(header[5:], "big") & 0x7FFFFFFF
        self._handle(kind, flags, number, payload)
        return kind, flags, number, payload

    def _has(self, count):
        """Whether so many bytes come; nothing is lost when the time is up before."""
        while len(self.buffer) < count:
            try:
                got = self.sock.recv(65536)
            except ConnectionResetError:
                self.ended = "reset"
                return False
            if not got:
                self.ended = "fin"
                return False
            self.buffer += got
        return True

    def _exactly(self, count):
        if not self._has(count):
            return None
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _handle(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            self._take_settings(payload)
        elif kind == PING:
            if flags & ACK:
                self.pongs.append(payload)
            elif self.answers_pings:
                self.reply(PING, ACK, 0, payload)
        elif kind == GOAWAY:
            self.goaway.append(struct.unpack(">II", payload[:8]))
        elif kind == WINDOW_UPDATE:
            increment = struct.unpack(">I", payload)[0]
            if number == 0:
                self.window += increment
            elif stream:
                stream.window += increment
        elif kind == RST_STREAM and stream:
            stream.reset = struct.unpack(">I", payload)[0]
        elif kind == HEADERS:
            self._take_headers(flags, stream, payload)
        elif kind == DATA:
            self._take_data(flags, number, stream, payload)

    def _take_settings(self, payload):
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at : at + 6])
            self.settings[name] = value
        if INITIAL_WINDOW in self.settings:
            change = self.settings[INITIAL_WINDOW] - self.initial_window
            self.initial_window += change
            for stream in self.streams.values():
                stream.window += change
        self.reply(SETTINGS, ACK, 0)

    def _take_headers(self, flags, stream, payload):
        block = payload
        while not flags & END_HEADERS:
            header = self._exactly(9)
            assert header[3] == CONTINUATION
            block += self._exactly(int.from_bytes(header[:3], "big"))
            flags |= header[4] & END_HEADERS
        fields = self._decoder.decode(block)
        if stream is None:
            return
        if stream.fields is None and fields[0][0] == ":status" and fields[0][1].startswith("1"):
            stream.interim.append(fields)
        elif stream.fields is None:
            stream.fields = fields
        else:
            stream.trailers = fields
        stream.ended = stream.ended or bool(flags & END_STREAM)

    def _take_data(self, flags, number, stream, payload):
        if stream is not None:
            stream.body += payload
            stream.taken += len(payload)
            stream.ended = bool(flags & END_STREAM)
        self.taken += len(payload)
        if self.give_back:
            self._give_back(stream)

    def _give_back(self, stream):
        """The window of what has come, once that is half of it, as clients do, or as much as the test has it."""
        if self.taken >= int(WINDOW * self.give_back_at):
            self.reply(WINDOW_UPDATE, 0, 0, struct.pack(">I", self.taken))
            self.taken = 0
        if stream is not None and stream.taken >= int(self.stream_window * self.give_back_at) and not stream.ended:
            self.reply(WINDOW_UPDATE, 0, stream.number, struct.pack(">I", stream.taken))
            stream.taken = 0
