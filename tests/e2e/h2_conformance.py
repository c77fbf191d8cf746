"""What a client may and may not do on a connection of HTTP/2, as conformance suites ask it: rows of a name (the section of
RFC 9113 or RFC 7541 and a number), a sentence, what is sent behind the handshake, and what must follow.

What is sent is bytes, or a function of the client for what goes step by step, which returns True if it went as it should.
What must follow is one of
    "answered N"            so many requests are answered with 200, and the connection lives
    "lives"                 the connection lives
    "lives or ends"         a PING is answered, or the connection ends in order
    "stream CODE …"         RST_STREAM or GOAWAY with one of these codes
    "connection CODE …"     GOAWAY with one of these codes, then the end of the connection
"""

import struct

from harness import TRANSPORT, hpack
from harness.h2_client import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW,
                               MAX_STREAMS, PADDED, PING, PRIORITY, PRIORITY_FLAG, PUSH_PROMISE, RST_STREAM, SETTINGS,
                               WINDOW_UPDATE, H2Client)

frame = H2Client.frame
GET = [(":method", "GET"), (":scheme", TRANSPORT.scheme), (":path", "/"), (":authority", "a.example")]
POST = [(":method", "POST"), *GET[1:]]
BLOCK = hpack.encode(GET)
WHOLE = END_STREAM | END_HEADERS
PRIORITY_OF_0 = struct.pack(">IB", 0, 15)


def fields(*more, base=None, without=None, end=True, stream=1):
    head = [field for field in base or GET if field[0] != without]
    return frame(HEADERS, WHOLE if end else END_HEADERS, stream, hpack.encode([*head, *more]))


def get(stream=1):
    return fields(stream=stream)


def post(*more, stream=1):
    return fields(*more, base=POST, end=False, stream=stream)


def raw(block):
    return frame(HEADERS, WHOLE, 1, BLOCK + block)


def data(payload=b"test", flags=END_STREAM, stream=1):
    return frame(DATA, flags, stream, payload)


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def priority(stream, parent, weight=15):
    return frame(PRIORITY, 0, stream, struct.pack(">IB", parent, weight))


def reset(stream=1, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(stream=0, code=0):
    return frame(GOAWAY, 0, stream, struct.pack(">II", 0, code))


def cut_block(between, flags=END_HEADERS, stream=1):
    """A head in two frames with something between them."""
    return frame(HEADERS, END_STREAM, 1, BLOCK[:5]) + between + frame(CONTINUATION, flags, stream, BLOCK[5:])


def behind_answer(after):
    """Sent when the stream is closed from both sides."""
    def step(client):
        stream = client.request()
        client.send_raw(after)
        return stream.status == 200
    return step


def one_byte_first(client):
    client.send_raw(settings((INITIAL_WINDOW, 1)))
    stream = client.open()
    client.pump(lambda: stream.body)
    return len(stream.body) == 1


def the_last_value_counts(client):
    client.send_raw(settings((INITIAL_WINDOW, 100), (INITIAL_WINDOW, 1)))
    stream = client.open()
    client.pump(lambda: stream.body)
    return len(stream.body) == 1


def window_opened_afterwards(client):
    client.send_raw(settings((INITIAL_WINDOW, 0)))
    stream = client.open()
    client.pump(lambda: stream.fields)
    nothing = stream.body == b""
    client.send_raw(settings((INITIAL_WINDOW, 1)))
    client.pump(lambda: stream.body)
    return nothing and len(stream.body) == 1


def negative_window(client):
    client.give_back = False
    client.send_raw(settings((INITIAL_WINDOW, 3)))
    stream = client.open()
    client.pump(lambda: len(stream.body) == 3)
    client.send_raw(settings((INITIAL_WINDOW, 2)) + update(1, 2))
    client.pump(lambda: len(stream.body) == 4)
    return True


def too_many_streams(client):
    client.send_raw(settings((INITIAL_WINDOW, 0)))
    client.send_raw(b"".join(get(2 * number + 1) for number in range(client.settings[MAX_STREAMS] + 1)))
    return True


def settings_are_acknowledged(client):
    client.send_raw(settings())
    while True:
        kind, flags, *_ = client.read_frame()
        if kind == SETTINGS:
            return flags == ACK


def ping_that_acknowledges(client):
    """Only the one that asks is answered."""
    client.pongs.clear()
    client.send_raw(frame(PING, ACK, 0, b"invalid!") + frame(PING, 0, 0, b"a valid."))
    client.pump(lambda: client.pongs)
    return client.pongs == [b"a valid."]


USUAL = [
    # The connection and its streams.
    ("3.4/1", "the preface", get(), "answered 1"),
    ("5.1/1", "PRIORITY on an idle stream", priority(1, 0), "lives"),
    ("5.1/2", "WINDOW_UPDATE behind the end of a request", get() + update(1, 100), "answered 1"),
    ("5.1/3", "PRIORITY behind the end of a request", get() + priority(1, 0), "answered 1"),
    ("5.1/4", "RST_STREAM behind the end of a request", get() + reset(), "lives"),
    ("5.1/5", "PRIORITY on a closed stream", behind_answer(priority(1, 0)), "lives"),
    # Each frame.
    ("6.1/1", "DATA", post() + data(), "answered 1"),
    ("6.1/2", "DATA in several frames", post() + data(flags=0) + data(), "answered 1"),
    ("6.1/3", "DATA with padding", post() + data(b"\x06test" + bytes(6), END_STREAM | PADDED), "answered 1"),
    ("6.2/1", "HEADERS", get(), "answered 1"),
    ("6.2/2", "HEADERS with padding", frame(HEADERS, WHOLE | PADDED, 1, b"\x06" + BLOCK + bytes(6)), "answered 1"),
    ("6.2/3", "HEADERS with a priority", frame(HEADERS, WHOLE | PRIORITY_FLAG, 1, PRIORITY_OF_0 + BLOCK), "answered 1"),
    ("6.3/1", "PRIORITY of weight 1", priority(1, 0, 0) + get(), "answered 1"),
    ("6.3/2", "PRIORITY of weight 256", priority(1, 0, 255) + get(), "answered 1"),
    ("6.3/3", "PRIORITY that depends on another", priority(1, 0) + priority(3, 1) + get(), "answered 1"),
    ("6.3/4", "PRIORITY that excludes others", priority(1, 0) + priority(3, 1 << 31 | 1) + get(), "answered 1"),
    ("6.3/5", "PRIORITY of a stream above the next", priority(5, 0) + get(3), "answered 1"),
    ("6.4/1", "RST_STREAM", post() + reset(), "lives"),
    ("6.5/1", "SETTINGS", settings((INITIAL_WINDOW, 65535)), "lives"),
    ("6.7/1", "PING", frame(PING, 0, 0, b"drawbrdg"), "lives"),
    ("6.8/1", "GOAWAY", goaway(), "lives or ends"),
    ("6.9/1", "WINDOW_UPDATE of the connection", update(0, 1) + get(), "answered 1"),
    ("6.9/2", "WINDOW_UPDATE of a stream", post() + update(1, 1) + data(), "answered 1"),
    ("6.10/1", "CONTINUATION", cut_block(b""), "answered 1"),
    ("6.10/2", "CONTINUATION several times", cut_block(frame(CONTINUATION, 0, 1) * 2), "answered 1"),
    # Messages.
    ("8.1/1", "a GET", get(), "answered 1"),
    ("8.1/2", "a HEAD", fields((":method", "HEAD"), *GET[1:], base=[("", "")], without=""), "answered 1"),
    ("8.1/3", "a POST with a body", post() + data(), "answered 1"),
    ("8.1/4", "a POST with trailers", post(("trailer", "x-test")) + data(flags=0)
     + frame(HEADERS, WHOLE, 1, hpack.encode([("x-test", "ok")])), "answered 1"),
    # Header compression.
    ("7541 6.1/1", "an indexed field", raw(b"\xba"), "answered 1"),
    ("7541 6.2.1/1", "indexed from now on, name of the table", raw(b"\x7a\x06h2test"), "answered 1"),
    ("7541 6.2.1/2", "likewise with Huffman", raw(b"\x7a\x84\x9c\x48\xac\xa4"), "answered 1"),
    ("7541 6.2.1/3", "indexed from now on, new name", raw(b"\x40\x04test\x06h2test"), "answered 1"),
    ("7541 6.2.1/4", "likewise with Huffman", raw(b"\x40\x83\x49\x50\x9f\x84\x9c\x48\xac\xa4"), "answered 1"),
    ("7541 6.2.2/1", "not indexed, name of the table", raw(b"\x0f\x2b\x06h2test"), "answered 1"),
    ("7541 6.2.2/2", "likewise with Huffman", raw(b"\x0f\x2b\x84\x9c\x48\xac\xa4"), "answered 1"),
    ("7541 6.2.2/3", "not indexed, new name", raw(b"\x00\x04test\x06h2test"), "answered 1"),
    ("7541 6.2.2/4", "likewise with Huffman", raw(b"\x00\x83\x49\x50\x9f\x84\x9c\x48\xac\xa4"), "answered 1"),
    ("7541 6.2.3/1", "never indexed, name of the table", raw(b"\x1f\x2b\x06h2test"), "answered 1"),
    ("7541 6.2.3/2", "likewise with Huffman", raw(b"\x1f\x2b\x84\x9c\x48\xac\xa4"), "answered 1"),
    ("7541 6.2.3/3", "never indexed, new name", raw(b"\x10\x04test\x06h2test"), "answered 1"),
    ("7541 6.2.3/4", "likewise with Huffman", raw(b"\x10\x83\x49\x50\x9f\x84\x9c\x48\xac\xa4"), "answered 1"),
    ("7541 6.3/1", "a smaller table", frame(HEADERS, WHOLE, 1, b"\x20" + BLOCK), "answered 1"),
    ("7541 6.3/2", "a smaller table, then a larger one", frame(HEADERS, WHOLE, 1, b"\x20\x3f\xe1\x1f" + BLOCK), "answered 1"),
]

FRAMES = [
    ("4.1/1", "an unknown type", frame(0x16, 0, 0, bytes(8)), "lives"),
    ("4.1/2", "undefined flags", frame(PING, 0x16, 0, bytes(8)), "lives"),
    ("4.1/3", "the reserved bit", frame(PING, 0, 1 << 31, bytes(8)), "lives"),
    ("4.2/1", "DATA of 2^14 bytes", post() + data(bytes(1 << 14)), "answered 1"),
    ("4.2/2", "DATA beyond MAX_FRAME_SIZE", post() + data(bytes((1 << 14) + 1)), "stream FRAME_SIZE_ERROR"),
    ("4.2/3", "HEADERS beyond MAX_FRAME_SIZE", raw(hpack.encode([("x", "y" * (1 << 14))])), "connection FRAME_SIZE_ERROR"),
    ("4.3/1", "a block that cannot be read", raw(b"\x40"), "connection COMPRESSION_ERROR"),
    ("4.3/2", "PRIORITY inside a block", cut_block(priority(1, 0)), "connection PROTOCOL_ERROR"),
    ("4.3/3", "HEADERS of another stream inside a block", cut_block(get(3)), "connection PROTOCOL_ERROR"),
    ("5.1 idle/1", "DATA", data(), "connection PROTOCOL_ERROR STREAM_CLOSED"),
    ("5.1 idle/2", "RST_STREAM", reset(), "connection PROTOCOL_ERROR"),
    ("5.1 idle/3", "WINDOW_UPDATE", update(1, 100), "connection PROTOCOL_ERROR"),
    ("5.1 idle/4", "CONTINUATION", frame(CONTINUATION, END_HEADERS, 1, BLOCK), "connection PROTOCOL_ERROR"),
    ("5.1 half-closed/1", "DATA", get() + data(), "stream STREAM_CLOSED"),
    ("5.1 half-closed/2", "HEADERS", get() + get(), "stream STREAM_CLOSED"),
    ("5.1 half-closed/3", "CONTINUATION", get() + frame(CONTINUATION, END_HEADERS, 1, BLOCK), "stream STREAM_CLOSED PROTOCOL_ERROR"),
    ("5.1 reset/1", "DATA", post() + reset() + data(), "stream STREAM_CLOSED"),
    ("5.1 reset/2", "HEADERS", post() + reset() + get(), "stream STREAM_CLOSED"),
    ("5.1 reset/3", "CONTINUATION", post() + reset() + frame(CONTINUATION, END_HEADERS, 1, BLOCK),
     "stream STREAM_CLOSED PROTOCOL_ERROR"),
    ("5.1 closed/1", "DATA", behind_answer(data()), "connection STREAM_CLOSED"),
    ("5.1 closed/2", "HEADERS", behind_answer(get()), "connection STREAM_CLOSED"),
    ("5.1 closed/3", "CONTINUATION", behind_answer(frame(CONTINUATION, END_HEADERS, 1, BLOCK)),
     "connection STREAM_CLOSED PROTOCOL_ERROR"),
    ("5.1.1/1", "a stream of even number", get(2), "connection PROTOCOL_ERROR"),
    ("5.1.1/2", "a stream below the last", get(5) + get(3), "connection PROTOCOL_ERROR"),
    ("5.1.2/1", "more streams than are allowed", too_many_streams, "stream PROTOCOL_ERROR REFUSED_STREAM"),
    ("5.3.1/1", "HEADERS that depend on themselves",
     frame(HEADERS, WHOLE | PRIORITY_FLAG, 1, struct.pack(">IB", 1, 15) + BLOCK), "stream PROTOCOL_ERROR"),
    ("5.3.1/2", "PRIORITY that depends on itself", priority(1, 1), "stream PROTOCOL_ERROR"),
    ("5.4.1/1", "an error of the connection ends it", frame(PING, 0, 3, bytes(8)), "connection PROTOCOL_ERROR"),
    ("5.5/1", "an unknown frame is ignored", frame(0xFF, 0, 0, b"x"), "lives"),
    ("5.5/2", "an unknown frame inside a block", cut_block(frame(0xFF, 1, 0, b"x")), "connection PROTOCOL_ERROR"),
    ("6.1/4", "DATA on stream 0", data(stream=0), "connection PROTOCOL_ERROR"),
    ("6.1/5", "DATA where no more may come", get() + data(), "stream STREAM_CLOSED"),
    ("6.1/6", "padding longer than the payload", post() + data(b"\x06test", PADDED | END_STREAM), "connection PROTOCOL_ERROR"),
    ("6.2/4", "a block followed by PRIORITY", frame(HEADERS, END_STREAM, 1, BLOCK) + priority(1, 0), "connection PROTOCOL_ERROR"),
    ("6.2/5", "a block followed by HEADERS of another", frame(HEADERS, END_STREAM, 1, BLOCK) + get(3), "connection PROTOCOL_ERROR"),
    ("6.2/6", "HEADERS on stream 0", get(0), "connection PROTOCOL_ERROR"),
    ("6.2/7", "padding longer than the block", frame(HEADERS, WHOLE | PADDED, 1, b"\xff" + BLOCK), "connection PROTOCOL_ERROR"),
    ("6.3/6", "PRIORITY on stream 0", priority(0, 1), "connection PROTOCOL_ERROR"),
    ("6.3/7", "PRIORITY of another size than 5", get() + frame(PRIORITY, 0, 1, bytes(4)), "stream FRAME_SIZE_ERROR"),
    ("6.4/2", "RST_STREAM on stream 0", reset(0), "connection PROTOCOL_ERROR"),
    ("6.4/3", "RST_STREAM on an idle stream", reset(), "connection PROTOCOL_ERROR"),
    ("6.4/4", "RST_STREAM of another size than 4", post() + frame(RST_STREAM, 0, 1, bytes(3)), "connection FRAME_SIZE_ERROR"),
    ("6.5/2", "SETTINGS that acknowledges and says something", frame(SETTINGS, ACK, 0, bytes(1)), "connection FRAME_SIZE_ERROR"),
    ("6.5/3", "SETTINGS on a stream", frame(SETTINGS, 0, 1, struct.pack(">HI", 3, 1)), "connection PROTOCOL_ERROR"),
    ("6.5/4", "SETTINGS of a size that is no multiple of 6", frame(SETTINGS, 0, 0, bytes(3)), "connection FRAME_SIZE_ERROR"),
    ("6.5.2/1", "ENABLE_PUSH of 2", settings((2, 2)), "connection PROTOCOL_ERROR"),
    ("6.5.2/2", "INITIAL_WINDOW_SIZE too large", settings((4, 1 << 31)), "connection FLOW_CONTROL_ERROR"),
    ("6.5.2/3", "MAX_FRAME_SIZE too small", settings((5, 16383)), "connection PROTOCOL_ERROR"),
    ("6.5.2/4", "MAX_FRAME_SIZE too large", settings((5, 1 << 24)), "connection PROTOCOL_ERROR"),
    ("6.5.2/5", "an unknown setting", settings((0xFF, 1)), "lives"),
    ("6.5.3/1", "of several values the last counts", the_last_value_counts, "lives"),
    ("6.5.3/2", "SETTINGS are acknowledged", settings_are_acknowledged, "lives"),
    ("6.7/2", "PING that acknowledges is not answered", ping_that_acknowledges, "lives"),
    ("6.7/3", "PING on a stream", frame(PING, 0, 1, bytes(8)), "connection PROTOCOL_ERROR"),
    ("6.7/4", "PING of another size than 8", frame(PING, 0, 0, bytes(6)), "connection FRAME_SIZE_ERROR"),
    ("6.8/2", "GOAWAY on a stream", goaway(1), "connection PROTOCOL_ERROR"),
    ("6.9/3", "WINDOW_UPDATE of 0, connection", update(0, 0), "connection PROTOCOL_ERROR"),
    ("6.9/4", "WINDOW_UPDATE of 0, stream", post() + update(1, 0), "stream PROTOCOL_ERROR"),
    ("6.9/5", "WINDOW_UPDATE of another size than 4", frame(WINDOW_UPDATE, 0, 0, bytes(3)), "connection FRAME_SIZE_ERROR"),
    ("6.9.1/1", "a window of one byte", one_byte_first, "lives"),
    ("6.9.1/2", "the connection's window beyond 2^31-1", update(0, (1 << 31) - 1) * 2, "connection FLOW_CONTROL_ERROR"),
    ("6.9.1/3", "a stream's window beyond 2^31-1", post() + update(1, (1 << 31) - 1) * 2, "stream FLOW_CONTROL_ERROR"),
    ("6.9.2/1", "windows change with INITIAL_WINDOW_SIZE", window_opened_afterwards, "lives"),
    ("6.9.2/2", "a window becomes negative", negative_window, "lives"),
    ("6.9.2/3", "INITIAL_WINDOW_SIZE beyond 2^31-1", settings((4, 1 << 31)), "connection FLOW_CONTROL_ERROR"),
    ("6.10/3", "CONTINUATION several times", cut_block(frame(CONTINUATION, 0, 1) * 3), "answered 1"),
    ("6.10/4", "CONTINUATION followed by DATA", cut_block(data()), "connection PROTOCOL_ERROR"),
    ("6.10/5", "CONTINUATION on stream 0", cut_block(b"", stream=0), "connection PROTOCOL_ERROR"),
    ("6.10/6", "CONTINUATION behind HEADERS that end the block", get() + frame(CONTINUATION, END_HEADERS, 1, BLOCK),
     "connection PROTOCOL_ERROR"),
    ("6.10/7", "CONTINUATION behind the last CONTINUATION", cut_block(b"") + frame(CONTINUATION, END_HEADERS, 1, BLOCK),
     "connection PROTOCOL_ERROR"),
    ("6.10/8", "CONTINUATION behind DATA", post() + data() + frame(CONTINUATION, END_HEADERS, 1, BLOCK), "connection PROTOCOL_ERROR"),
    ("7/1", "GOAWAY with an unknown code", goaway(code=0xFF), "lives or ends"),
    ("7/2", "RST_STREAM with an unknown code", post() + reset(code=0xFF), "lives"),
]

MESSAGES = [
    ("8.1/5", "HEADERS again that do not end the request", post() + fields(("x-test", "ok"), base=[("x", "y")], end=False),
     "stream PROTOCOL_ERROR"),
    ("8.2.1/1", "a name in capitals", fields(("X-TEST", "ok")), "stream PROTOCOL_ERROR"),
    ("8.2.2/1", "a field of a connection", fields(("connection", "keep-alive")), "stream PROTOCOL_ERROR"),
    ("8.2.2/2", "TE that is not trailers", fields(("trailers", "test"), ("te", "trailers, deflate")), "stream PROTOCOL_ERROR"),
    ("8.3/1", "an unknown pseudo-field", fields((":test", "ok")), "stream PROTOCOL_ERROR"),
    ("8.3/2", "a pseudo-field of answers", fields((":status", "200")), "stream PROTOCOL_ERROR"),
    ("8.3/3", "a pseudo-field among trailers", post(("trailer", "x-test")) + data(flags=0)
     + frame(HEADERS, WHOLE, 1, hpack.encode([(":method", "200"), ("x-test", "ok")])), "stream PROTOCOL_ERROR"),
    ("8.3/4", "a pseudo-field behind others", fields((":path", "/"), base=[("x-test", "ok"), *GET], without=":path"),
     "stream PROTOCOL_ERROR"),
    ("8.3.1/1", "an empty :path", fields((":path", ""), without=":path"), "stream PROTOCOL_ERROR"),
    ("8.3.1/2", "no :method", fields(without=":method"), "stream PROTOCOL_ERROR"),
    ("8.3.1/3", "no :scheme", fields(without=":scheme"), "stream PROTOCOL_ERROR"),
    ("8.3.1/4", "no :path", fields(without=":path"), "stream PROTOCOL_ERROR"),
    ("8.3.1/5", "two :method", fields(base=[*GET, GET[0]]), "stream PROTOCOL_ERROR"),
    ("8.3.1/6", "two :scheme", fields(base=[*GET, GET[1]]), "stream PROTOCOL_ERROR"),
    ("8.3.1/7", "two :path", fields(base=[*GET, GET[2]]), "stream PROTOCOL_ERROR"),
    ("8.1.1/1", "a body of another length", post(("content-length", "1")) + data(), "stream PROTOCOL_ERROR"),
    ("8.1.1/2", "likewise, in pieces", post(("content-length", "1")) + data(flags=0) + data(), "stream PROTOCOL_ERROR"),
    ("8.4/1", "PUSH_PROMISE of a client", frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 3) + BLOCK), "connection PROTOCOL_ERROR"),
    ("7541 2.3.3/1", "an index beyond the tables", raw(b"\xc6"), "connection COMPRESSION_ERROR"),
    ("7541 2.3.3/2", "a name beyond the tables", raw(b"\x0f\x37\x06h2test"), "connection COMPRESSION_ERROR"),
    ("7541 4.2/1", "a new table size behind the fields", raw(b"\x3f\xe1\x1f"), "connection COMPRESSION_ERROR"),
    ("7541 5.2/1", "Huffman padding of more than 7 bits", raw(b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"),
     "connection COMPRESSION_ERROR"),
    ("7541 5.2/2", "Huffman padding of zeros", raw(b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"), "connection COMPRESSION_ERROR"),
    ("7541 5.2/3", "the Huffman end-of-string", raw(b"\x00\x85\xf2\xb2\x4a\x87\xff\xff\xff\xff\x85\x49\x50\x9f"),
     "connection COMPRESSION_ERROR"),
    ("7541 6.1/2", "the index 0", raw(b"\x80"), "connection COMPRESSION_ERROR"),
    ("7541 6.3/3", "a table larger than allowed", frame(HEADERS, WHOLE, 1, b"\x3f\xe2\x1f" + BLOCK), "connection COMPRESSION_ERROR"),
]
