"""HTTP/1.1 by hand, for both ends of the soak: nothing is repaired, what is not whole is an error."""

import asyncio

WAIT_SECONDS_MAX = 30
HEAD_BYTES_MAX = 64 * 1024
NO_BODY = {204, 304}


class Truncated(Exception):
    """The stream ended inside a message. `started`: after at least one byte of it."""

    def __init__(self, started):
        super().__init__("the message has no end")
        self.started = started


class Head:
    def __init__(self, text):
        lines = text.decode("latin-1").split("\r\n")
        self.start = lines[0]
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields.setdefault(name.lower(), []).append(value.strip())

    def value(self, name, default=""):
        return self.fields.get(name, [default])[0]

    def has_token(self, name, token):
        return any(token == word.strip().lower() for each in self.fields.get(name, []) for word in each.split(","))


class Answer:
    def __init__(self, head, body, interim):
        self.head = head
        self.status = int(head.start.split(" ")[1])
        self.body = body
        self.interim = interim
        self.closes = head.has_token("connection", "close") or head.start.startswith("HTTP/1.0")


async def read_head(reader):
    """The next head; None at a clean end of the stream."""
    try:
        text = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS_MAX)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Truncated(True) from error
        return None
    return Head(text[:-4])


async def read_exactly(reader, count):
    try:
        return await asyncio.wait_for(reader.readexactly(count), WAIT_SECONDS_MAX)
    except asyncio.IncompleteReadError as error:
        raise Truncated(True) from error


async def read_rest(reader):
    """All until an orderly end."""
    try:
        return await asyncio.wait_for(reader.read(-1), WAIT_SECONDS_MAX)
    except asyncio.IncompleteReadError as error:
        raise Truncated(True) from error


async def read_line(reader):
    try:
        return (await asyncio.wait_for(reader.readuntil(b"\r\n"), WAIT_SECONDS_MAX))[:-2]
    except asyncio.IncompleteReadError as error:
        raise Truncated(True) from error


async def read_chunked(reader):
    parts = []
    while size := int((await read_line(reader)).split(b";")[0], 16):
        parts.append(await read_exactly(reader, size))
        if await read_exactly(reader, 2) != b"\r\n":
            raise ValueError("a chunk does not end where it says")
    while await read_line(reader):
        pass
    return b"".join(parts)


async def read_answer(reader, method):
    """One whole answer. Raises Truncated, or what the socket raises."""
    interim = []
    while True:
        head = await read_head(reader)
        if head is None:
            raise Truncated(bool(interim))
        status = int(head.start.split(" ")[1])
        if status >= 200 or status == 101:
            break
        interim.append(status)
    if method == "HEAD" or status in NO_BODY or status == 101:
        body = b""
    elif head.has_token("transfer-encoding", "chunked"):
        body = await read_chunked(reader)
    elif "content-length" in head.fields:
        body = await read_exactly(reader, int(head.value("content-length")))
    else:
        body = await read_rest(reader)
    return Answer(head, body, interim)


def chunked(data, size=4096):
    parts = []
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        parts += [b"%x\r\n" % len(piece), piece, b"\r\n"]
    return b"".join([*parts, b"0\r\n\r\n"])


def pattern(number, size):
    """A body that tells whose it is at every place."""
    piece = f"{number}.".encode()
    return (piece * (size // len(piece) + 1))[:size]
