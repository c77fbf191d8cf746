"""A client's connection. Unlike a stream of asyncio's it still gives what arrived before a reset."""

import asyncio
import contextlib
import socket

CONNECT_SECONDS_MAX = 10
SEND_SECONDS_MAX = 30
READ_BYTES = 65536


class Link:
    def __init__(self, port):
        self.port = port
        self.loop = asyncio.get_running_loop()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.buffer = b""
        self.was_reset = False

    async def __aenter__(self):
        await asyncio.wait_for(self.loop.sock_connect(self.socket, ("127.0.0.1", self.port)), CONNECT_SECONDS_MAX)
        return self

    async def __aexit__(self, *_):
        self.socket.close()

    async def send(self, data):
        """What cannot be sent is not an error here: the answer may have come before."""
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(self.loop.sock_sendall(self.socket, data), SEND_SECONDS_MAX)

    def finish_sending(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    async def more(self):
        """False at the end of the stream, however it ended."""
        try:
            data = await self.loop.sock_recv(self.socket, READ_BYTES)
        except ConnectionError:
            self.was_reset = True
            return False
        self.buffer += data
        return bool(data)

    def take(self, count):
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    async def readuntil(self, mark):
        while mark not in self.buffer:
            if not await self.more():
                raise asyncio.IncompleteReadError(self.take(len(self.buffer)), None)
        return self.take(self.buffer.index(mark) + len(mark))

    async def readexactly(self, count):
        while len(self.buffer) < count:
            if not await self.more():
                raise asyncio.IncompleteReadError(self.take(len(self.buffer)), count)
        return self.take(count)

    async def read(self, count):
        """Up to `count` bytes, b"" at the end; with -1 all until the end, which must not be a reset."""
        if count >= 0:
            if not self.buffer:
                await self.more()
            return self.take(count)
        while await self.more():
            pass
        if self.was_reset:
            raise asyncio.IncompleteReadError(self.take(len(self.buffer)), None)
        return self.take(len(self.buffer))
