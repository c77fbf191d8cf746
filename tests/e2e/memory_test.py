"""What many connections had of memory goes back to the system when they have gone."""

import socket
import unittest

from harness import PATIENCE, ProxyCase, answer, eventually, h2_client

CONNECTIONS = 800
KEPT_EACH_MAX = 4 * 1024  # by one that has gone
HELD_EACH_MAX = 12 * 1024  # by one that rests
HELLO = h2_client.PREFACE + bytes(3) + b"\x04" + bytes(5)  # and empty SETTINGS
REQUEST = b"\0\0\x06\x01\x05\0\0\0\x01" + b"\x82\x84\x86\x01\x01a"  # GET / of stream 1, of "a"


class Memory(ProxyCase):
    def test_idle_connections_of_http2_leave_little_behind(self):
        proxy = self.proxy(self.upstream(), workers=1, listener="h2c = true")
        self.come_and_go(proxy, 40)
        before = proxy.rss_bytes()
        self.come_and_go(proxy, CONNECTIONS)
        eventually(lambda: proxy.rss_bytes() - before < CONNECTIONS * KEPT_EACH_MAX, "most of the memory going back")

    def test_connections_of_http2_that_rest_hold_little(self):
        proxy = self.proxy(self.upstream(lambda exchange: exchange.send(answer(b"served"))), workers=1,
                           listener="h2c = true")
        self.come_and_go(proxy, 40)
        before = proxy.rss_bytes()
        clients = self.come(proxy, CONNECTIONS)
        for client in clients:
            client.sendall(REQUEST)
            self.read_until(client, b"served")
        eventually(lambda: proxy.rss_bytes() - before < CONNECTIONS * HELD_EACH_MAX, "the connections to rest")
        for client in clients:
            client.close()

    @staticmethod
    def read_until(client, end):
        heard = b""
        while end not in heard:
            some = client.recv(65536)
            assert some, heard
            heard += some

    @staticmethod
    def come(proxy, count):
        clients = [socket.create_connection(proxy.address, timeout=PATIENCE) for _ in range(count)]
        for client in clients:
            client.sendall(HELLO)
        for client in clients:
            assert client.recv(1)
        return clients

    def come_and_go(self, proxy, count):
        for client in self.come(proxy, count):
            client.close()
        eventually(lambda: proxy.metric("drawbridge_client_connections_open") == 0)


if __name__ == "__main__":
    unittest.main()
