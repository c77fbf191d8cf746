"""A server behind proxyd: does what the path asks for, well or badly, and writes down each whole request first.

    upstream.py PORT JOURNAL      journal: one line a request, "w ID", "r ID" (write, read) or "? what was wrong"

The journal is written before the answer, with one write(2) each: a killed server has counted what it answered.
"""

import asyncio
import os
import socket
import sys

import wire

FILLER = b"0123456789abcdef" * 4096
HANG_SECONDS = 10
EVENTS = 100


class Server:
    def __init__(self, journal):
        self.journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.behaviours = {
            "ok": self.ok, "chunked": self.in_chunks, "until_close": self.until_close, "empty": self.empty,
            "slow": self.slow, "early_hint": self.early_hint, "events": self.events, "stale": self.stale,
            "short": self.short, "garbage": self.garbage, "two_framings": self.two_framings, "reset": self.reset,
            "reset_middle": self.reset_middle, "hang": self.hang, "extra": self.extra, "torn_chunk": self.torn_chunk,
        }

    def note(self, text):
        os.write(self.journal, f"{text}\n".encode())

    async def serve(self, reader, writer):
        try:
            while await self.serve_one(reader, writer):
                pass
        except (OSError, wire.Truncated, asyncio.TimeoutError):
            pass
        except ValueError as error:
            self.note(f"? {error}")
        finally:
            writer.close()

    async def serve_one(self, reader, writer):
        """True: the connection can be used again."""
        head = await wire.read_head(reader)
        if head is None:
            return False
        method, target, _ = head.start.split(" ")
        path, _, query = target.partition("?")
        if path == "/healthz":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        asked = dict(pair.split("=") for pair in query.split("&"))
        if head.value("x-soak-id") != asked.get("id"):
            raise ValueError(f"{head.start} carries the id {head.value('x-soak-id')}")
        behaviour = path.removeprefix("/b/")
        if behaviour == "early":
            return await self.early(writer, asked)
        if head.value("upgrade"):
            return await self.tunnel(reader, writer, asked)
        body = await self.read_body(head, reader, writer)
        if body != wire.pattern(asked["id"], len(body)):
            raise ValueError(f"{head.start}: the body is another's: {body[:80]!r}")
        self.note(f"{'r' if method in ('GET', 'HEAD') else 'w'} {asked['id']}")
        if behaviour not in self.behaviours:
            raise ValueError(f"nobody asked for {head.start}")
        return await self.behaviours[behaviour](writer, method, asked)

    async def read_body(self, head, reader, writer):
        if head.value("expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if head.has_token("transfer-encoding", "chunked"):
            return await wire.read_chunked(reader)
        return await wire.read_exactly(reader, int(head.value("content-length", "0")))

    def body(self, asked):
        begin = f"{asked['id']}\n".encode()
        size = int(asked.get("size", "0"))
        return begin + (FILLER * (size // len(FILLER) + 1))[:size]

    def head(self, asked, *fields, status="200 OK"):
        return "\r\n".join([f"HTTP/1.1 {status}", f"X-Answer-Id: {asked['id']}", *fields, "", ""]).encode()

    async def send(self, writer, *parts):
        for part in parts:
            for at in range(0, len(part), 65536):
                writer.write(part[at : at + 65536])
                await writer.drain()

    async def ok(self, writer, method, asked):
        body = self.body(asked)
        await self.send(writer, self.head(asked, f"Content-Length: {len(body)}"), b"" if method == "HEAD" else body)
        return True

    async def in_chunks(self, writer, _, asked):
        await self.send(writer, self.head(asked, "Transfer-Encoding: chunked"), wire.chunked(self.body(asked), 7000))
        return True

    async def until_close(self, writer, _, asked):
        await self.send(writer, self.head(asked, "Connection: close"), self.body(asked))
        return False

    async def empty(self, writer, _, asked):
        await self.send(writer, self.head(asked, status="204 No Content"))
        return True

    async def slow(self, writer, method, asked):
        await asyncio.sleep(0.3)
        return await self.ok(writer, method, asked)

    async def early_hint(self, writer, method, asked):
        await self.send(writer, b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n")
        return await self.ok(writer, method, asked)

    async def events(self, writer, _, asked):
        await self.send(writer, self.head(asked, "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
        for number in range(EVENTS):
            await self.send(writer, b"%x\r\n" % len(line := f"data: {number}\n\n".encode()), line, b"\r\n")
            await asyncio.sleep(0.02)
        await self.send(writer, b"0\r\n\r\n")
        return True

    async def stale(self, writer, method, asked):
        """Promises to keep the connection and closes it."""
        await self.ok(writer, method, asked)
        return False

    async def short(self, writer, _, asked):
        body = self.body(asked)
        await self.send(writer, self.head(asked, f"Content-Length: {len(body) + 100}"), body)
        return False

    async def torn_chunk(self, writer, _, asked):
        await self.send(writer, self.head(asked, "Transfer-Encoding: chunked"), b"1000\r\n", self.body(asked)[:64])
        return False

    async def garbage(self, writer, *_):
        await self.send(writer, b"\x16\x03\x01 what is this\r\n\r\n")
        return False

    async def two_framings(self, writer, _, asked):
        fields = ("Content-Length: 5", "Transfer-Encoding: chunked")
        await self.send(writer, self.head(asked, *fields), b"5\r\nhello\r\n0\r\n\r\n")
        return True

    async def reset(self, writer, *_):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False

    async def reset_middle(self, writer, method, asked):
        await self.short(writer, method, asked)
        return await self.reset(writer)

    async def hang(self, *_):
        await asyncio.sleep(HANG_SECONDS)
        return False

    async def extra(self, writer, method, asked):
        """An answer to nobody behind the one that was asked for."""
        await self.ok(writer, method, asked)
        await self.send(writer, b"HTTP/1.1 200 OK\r\nX-Answer-Id: nobody\r\nContent-Length: 6\r\n\r\nnobody")
        return True

    async def early(self, writer, asked):
        """Answers before the body is there, and closes."""
        await self.send(writer, self.head(asked, "Content-Length: 0", "Connection: close", status="403 Forbidden"))
        return False

    async def tunnel(self, reader, writer, asked):
        self.note(f"r {asked['id']}")
        await self.send(writer, self.head(asked, "Connection: Upgrade", "Upgrade: echo",
                                          status="101 Switching Protocols"))
        while data := await reader.read(65536):
            await self.send(writer, data)
        return False


async def main():
    service = Server(sys.argv[2])
    server = await asyncio.start_server(
        service.serve, "127.0.0.1", int(sys.argv[1]), reuse_address=True, limit=wire.HEAD_BYTES_MAX, backlog=1024
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
