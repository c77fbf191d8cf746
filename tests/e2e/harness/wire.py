"""HTTP/1.1 as both fakes read it: strictly, by their own reading, sharing nothing with the proxy's parser."""

import re
import select
import socket
import ssl
import time

from .waiting import PATIENCE

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*")
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) (HTTP/1\.[01])")
HEAD_BYTES_MAX = 256 * 1024


class Broken(Exception):
    """What arrived is no HTTP, or ended too early. `got` is what there was of it."""

    def __init__(self, message, got=b""):
        super().__init__(f"{message}: {got[-200:]!r}")
        self.got = got


class Late(Exception):
    """Nothing arrived in time."""


class Wire:
    """A socket with a buffer. `ended` is "", "fin" or "reset"."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.received = 0
        self.ended = ""
        self.deadline_seconds = PATIENCE

    def fill(self):
        """Reads once; False at the end of the stream."""
        if self.ended:
            return False
        kept = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0
        if not kept and not select.select([self.sock], [], [], self.deadline_seconds)[0]:
            raise Late(f"nothing within {self.deadline_seconds:g} s after {self.buffer[-200:]!r}")
        try:
            got = self.sock.recv(65536)
        except ssl.SSLZeroReturnError:  # as b"", once we have said close_notify ourselves
            got = b""
        except (ConnectionResetError, ssl.SSLError):
            self.ended = "reset"
            return False
        if not got:
            self.ended = "fin"
            return False
        self.received += len(got)
        self.buffer += got
        return True

    def take(self, count):
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def until(self, mark, bytes_max=HEAD_BYTES_MAX):
        """Everything up to and with `mark`."""
        while mark not in self.buffer:
            if len(self.buffer) > bytes_max:
                raise Broken(f"no {mark!r} in {bytes_max} bytes", self.buffer)
            if not self.fill():
                raise Broken(f"{self.ended} before {mark!r}", self.take(len(self.buffer)))
        return self.take(self.buffer.index(mark) + len(mark))

    def exactly(self, count):
        parts, have = [], 0
        while have < count:
            if not self.buffer and not self.fill():
                raise Broken(f"{self.ended} after {have} of {count} bytes", b"".join(parts))
            parts.append(self.take(count - have))
            have += len(parts[-1])
        return b"".join(parts)

    def rest(self):
        """Everything to the end of the stream, which `ended` then tells."""
        parts = [self.take(len(self.buffer))]
        while self.fill():
            parts.append(self.take(len(self.buffer)))
        return b"".join(parts)

    def has_more(self, seconds=0.0):
        """Whether bytes or an end are there, without reading them."""
        if isinstance(self.sock, ssl.SSLSocket) and not self.buffer and not self.ended:
            self._take_what_comes(seconds)
            return bool(self.buffer or self.ended)
        return bool(self.buffer or self.ended or select.select([self.sock], [], [], seconds)[0])

    def _take_what_comes(self, seconds):
        """Of TLS only reading tells bytes from tickets."""
        patience, deadline = self.sock.gettimeout(), self.deadline_seconds
        self.deadline_seconds = max(seconds, 0.01)
        self.sock.settimeout(self.deadline_seconds)
        try:
            self.fill()
        except (Late, TimeoutError):
            pass
        finally:
            self.sock.settimeout(patience)
            self.deadline_seconds = deadline


def parse_fields(lines):
    fields = []
    for line in lines:
        match = FIELD.fullmatch(line)
        if not match:
            raise Broken("no field line", line)
        fields.append((match[1].decode(), match[2].decode("latin-1")))
    return fields


def read_head(wire):
    """(raw bytes, first line, fields) of one message."""
    raw = wire.until(b"\r\n\r\n")
    lines = raw[:-4].split(b"\r\n")
    if any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines):
        raise Broken("control bytes in a head", raw)
    return raw, lines[0], parse_fields(lines[1:])


def values(fields, name):
    return [value for field, value in fields if field.lower() == name.lower()]


def framing(fields):
    """"chunked", a number of bytes, or None when neither is said. Anything that could be read in two ways is Broken."""
    codings, lengths = values(fields, "Transfer-Encoding"), values(fields, "Content-Length")
    if len(codings) + len(lengths) > 1:
        raise Broken(f"more than one framing {fields}")
    if codings:
        if codings[0].lower() != "chunked":
            raise Broken(f"unknown transfer coding {codings[0]}")
        return "chunked"
    if lengths:
        if not re.fullmatch(r"[0-9]{1,19}", lengths[0]):
            raise Broken(f"bad length {lengths[0]}")
        return int(lengths[0])
    return None


def read_chunk_size(wire):
    """0 for the last chunk, whose trailers follow."""
    line = wire.until(b"\r\n", 1024)[:-2]
    if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}(;[\t\x20-\x7e]*)?", line):
        raise Broken("bad chunk line", line)
    return int(line.split(b";")[0], 16)


def read_chunk(wire):
    """The data of one chunk; b"" for the last one."""
    size = read_chunk_size(wire)
    if size == 0:
        return b""
    data = wire.exactly(size)
    if wire.exactly(2) != b"\r\n":
        raise Broken("bad end of a chunk", data)
    return data


def read_trailers(wire):
    lines = []
    while line := wire.until(b"\r\n")[:-2]:
        lines.append(line)
    return parse_fields(lines)


def read_chunked(wire):
    """(body, trailers). Broken carries the part of the body that did arrive."""
    body = []
    try:
        while data := read_chunk(wire):
            body.append(data)
        return b"".join(body), read_trailers(wire)
    except Broken as broken:
        raise Broken("chunked body broken", b"".join(body) + broken.got) from broken


def reset(sock):
    """Closes so that the other side sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def time_left(deadline):
    return max(0.0, deadline - time.monotonic())
