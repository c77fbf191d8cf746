"""What many connections had of memory goes back to the system when they have gone."""

import socket
import unittest

from harness import PATIENCE, ProxyCase, eventually, h2_client

CONNECTIONS = 800
KEPT_EACH_MAX = 4 * 1024
HELLO = h2_client.PREFACE + bytes(3) + b"\x04" + bytes(5)  # and empty SETTINGS


class Memory(ProxyCase):
    def test_idle_connections_of_http2_leave_little_behind(self):
        proxy = self.proxy(self.upstream(), workers=1, listener="h2c = true")
        self.come_and_go(proxy, 40)
        before = proxy.rss_bytes()
        self.come_and_go(proxy, CONNECTIONS)
        eventually(lambda: proxy.rss_bytes() - before < CONNECTIONS * KEPT_EACH_MAX, "most of the memory going back")

    @staticmethod
    def come_and_go(proxy, count):
        clients = [socket.create_connection(proxy.address, timeout=PATIENCE) for _ in range(count)]
        for client in clients:
            client.sendall(HELLO)
        for client in clients:
            assert client.recv(1)
        for client in clients:
            client.close()
        eventually(lambda: proxy.metric("drawbridge_client_connections_open") == 0)


if __name__ == "__main__":
    unittest.main()
