"""Servers that move, come and go, or vanish without a word: who is asked then, what a client sees, and what status,
metrics and log say of it."""

import re
import socket
import tempfile
import threading
import unittest

from harness import Hosts, ProxyCase, TestClient, answer, eventually

QUICK = 'health = { interval = "100ms", timeout = "5s", rise = 1, fall = 1, passive_fall = 0 }'


class Moving(ProxyCase):
    """`moving.test` is looked up each second. Its addresses are of the loopback network, its port is one."""

    def scene(self, script=answer(b"old"), **options):
        self.old = self.upstream(script, host="127.0.0.2")
        self.new = self.upstream(answer(b"new"), host="127.0.0.3", port=self.old.port)
        file = tempfile.NamedTemporaryFile(prefix="drawbridge-hosts-")
        self.addCleanup(file.close)
        self.hosts = Hosts(file.name, moving_test="127.0.0.2")
        proxy = self.proxy(f"moving.test:{self.old.port}", workers=1, prepare=self.hosts.prepare,
                           pool='resolve_interval = "1s"\nhealth = { active = false }', **options)
        client = self.client(proxy)
        eventually(lambda: client.get().status == 200, "the first look-up")
        return proxy, client

    def test_requests_follow_a_name_and_kept_connections_to_its_old_address_are_not_used(self):
        proxy, client = self.scene()
        self.assertEqual(client.get().body, b"old")
        self.hosts.say(moving_test="127.0.0.3")
        proxy.wait_until_said(r"addresses_changed.*before=\"?127\.0\.0\.2.*after=\"?127\.0\.0\.3")
        eventually(lambda: client.get().body == b"new", "the new address")
        self.assertEqual({client.get().body for _ in range(4)}, {b"new"})
        self.assertIn("127.0.0.3", str(proxy.admin("GET", "/v1/pools")[1]))

    def test_what_the_old_address_was_asked_before_is_answered_by_it(self):
        go = threading.Event()

        def script(exchange):
            if exchange.request.method == "POST":
                exchange.wait(go)
            exchange.send(answer(b"old"))
        proxy, client = self.scene(script)
        waiting = self.client(proxy).send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        eventually(lambda: self.old.requests[-1].method == "POST", "the request")
        self.hosts.say(moving_test="127.0.0.3")
        proxy.wait_until_said("addresses_changed")
        eventually(lambda: client.get().body == b"new", "the new address")
        go.set()
        self.assertEqual(waiting.read_response("POST").body, b"old")

    def test_a_name_that_is_lost_keeps_its_last_address_and_this_is_said_once(self):
        proxy, client = self.scene()
        self.hosts.say()
        proxy.wait_until_said("resolve_failed.*moving.test")
        self.assertEqual(client.get().body, b"old")
        self.hosts.say(moving_test="127.0.0.3")
        proxy.wait_until_said("resolve_recovered")
        eventually(lambda: client.get().body == b"new", "the new address")
        self.assertEqual(proxy.said.count("resolve_failed"), 1)


class ComingAndGoing(ProxyCase):
    def up(self, proxy, server):
        metrics = proxy.admin("GET", "/v1/metrics")[1]
        line = next(line for line in metrics.splitlines()
                    if line.startswith("drawbridge_server_up{") and f'"{server}"' in line)
        return line.endswith(" 1")

    def test_a_server_that_flaps_costs_no_request_while_another_answers(self):
        steady = self.upstream(answer(b"steady"))
        flapping = self.upstream(answer(b"flapping"))
        proxy = self.proxy(steady, flapping, pool=QUICK, workers=1)
        client = self.client(proxy)
        name = re.escape(flapping.address)
        eventually(lambda: self.up(proxy, flapping.address), "the first check")
        for turn in range(1, 4):
            flapping.stop()
            eventually(lambda: client.get().status == 200 and not self.up(proxy, flapping.address), "it to be down")
            self.assertEqual({client.get().body for _ in range(6)}, {b"steady"})
            flapping = self.upstream(answer(b"flapping"), port=flapping.port)
            eventually(lambda: client.get().status == 200 and self.up(proxy, flapping.address), "it to be up")
            eventually(lambda: client.get().body == b"flapping", "it to be asked again")
            said = rf"(server_up.*{name}[^#]*server_down.*{name}[^#]*){{{turn}}}server_up.*{name}"
            proxy.wait_until_said(said)

    def test_all_servers_down_is_a_503_that_ends_with_the_first_that_comes_back(self):
        servers = [self.upstream(), self.upstream()]
        proxy = self.proxy(*servers, pool=QUICK, workers=1)
        for server in servers:
            server.stop()
        eventually(lambda: not any(self.up(proxy, server.address) for server in servers), "all to be down")
        with TestClient(proxy.address) as client:
            response = client.post(b"x")
            self.assertEqual((response.status, response.value("Drawbridge-Not-Processed")), (503, "1"))
        back = self.upstream(port=servers[1].port)
        eventually(lambda: self.up(proxy, back.address), "one to be up")
        self.assertEqual(self.client(proxy).get().body, b"hello")


class Vanished(ProxyCase):
    """A peer that is gone and has not said so: no FIN, no RST."""

    def kept(self, **options):
        """A proxy with one kept connection to a server, which then forgets it without a word."""
        server = self.upstream([answer(b"first"), answer(b"second")])
        proxy = self.proxy(server, workers=1, timeouts='upstream_idle = "1m"', **options)
        client = self.client(proxy)
        self.assertEqual(client.get().body, b"first")
        server.vanish()
        return server, client

    def test_a_get_on_a_connection_that_its_server_has_forgotten_is_sent_again(self):
        server, client = self.kept()
        self.assertEqual(client.get().body, b"second")
        self.assertEqual(len(server.requests), 2)

    def test_a_post_on_a_connection_that_its_server_has_forgotten_is_not(self):
        server, client = self.kept()
        self.assertEqual(client.post(b"x").status, 502)
        self.assertEqual([request.method for request in server.requests], ["GET"])

    def test_a_server_that_takes_no_connection_is_passed_over_after_its_time(self):
        server = self.upstream()
        with deaf_listener() as deaf:
            proxy = self.proxy(deaf, server, workers=1, timeouts='upstream_connect = "200ms"',
                               pool='balance = "round_robin"\nhealth = { active = false, passive_fall = 1 }')
            client = self.client(proxy)
            self.assertEqual({client.post(b"x").body for _ in range(4)}, {b"hello"})
            proxy.wait_until_said(f"server_down.*{deaf}")

    def test_when_no_server_takes_a_connection_in_time_the_answer_says_so(self):
        with deaf_listener() as deaf:
            proxy = self.proxy(deaf, timeouts='upstream_connect = "200ms"')
            self.assertIn(self.client(proxy).post(b"x").status, (502, 504))


class deaf_listener:
    """The address of a listener whose queue is full: the kernel drops who knocks, as a lost machine does."""

    def __enter__(self):
        self.sockets = [socket.socket()]
        self.sockets[0].bind(("127.0.0.1", 0))
        self.sockets[0].listen(0)
        address = self.sockets[0].getsockname()
        for _ in range(4):
            self.sockets.append(socket.socket())
            self.sockets[-1].setblocking(False)
            self.sockets[-1].connect_ex(address)
        return f"127.0.0.1:{address[1]}"

    def __exit__(self, *_):
        for each in self.sockets:
            each.close()


if __name__ == "__main__":
    unittest.main()
