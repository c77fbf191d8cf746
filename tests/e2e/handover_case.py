"""The frame of tests of what outlives proxyd: a supervisor that keeps its listening sockets, or others in its place."""

import socket

from harness import KeptProxy, ProxyCase

SECOND = '\n[[listener]]\naddress = "127.0.0.1:0"\n'


def listening(port=0, share=True):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if share:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(16)
    return sock


def listens_at(address):
    """Whether anybody would take a connection there."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(address) == 0


class HandoverCase(ProxyCase):
    def kept(self, upstream=None, **options):
        proxy = KeptProxy([upstream or self.upstream()], **options)
        self.addCleanup(proxy.remove)
        self.addCleanup(proxy.stop)
        return proxy

    def handed(self, sockets, **options):
        """Started with these sockets and nobody to speak to."""
        address = "%s:%d" % sockets[0].getsockname()
        for sock in sockets:
            self.addCleanup(sock.close)
        proxy = self.kept(handed=[sock.fileno() for sock in sockets], kept=False, start=False, **options)
        proxy.edit(('"127.0.0.1:0"', f'"{address}"'))
        return proxy

    def serves(self, proxy, count=20):
        """All of that many connections, one after the other: any socket that nobody accepts on would get one."""
        for _ in range(count):
            with self.client(proxy) as client:
                self.assertEqual(client.get().status, 200)
