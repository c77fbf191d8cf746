"""Out of descriptors, whoever took them: servers stay what they were, the operator gets in, and all of it ends by
itself."""

import re
import resource
import signal
import socket
import threading
import unittest

from harness import Certificates, ProxyCase, TestClient, answer, eventually

PROBED = 'health = { path = "/", interval = "100ms", timeout = "5s", rise = 1, fall = 1 }'


def use_up(proxy):
    """From now on the process can open nothing: each number below the limit is taken."""
    proxy.limit_descriptors(proxy.lowest_free_descriptor())


class OutOfDescriptors(ProxyCase):
    def test_the_operator_gets_in_and_can_change_the_mode(self):
        proxy = self.proxy(self.upstream())
        use_up(proxy)
        for _ in range(3):
            self.assertEqual(proxy.ctl("status")[0], 0)
        code, _, error = proxy.ctl("mode", "maintenance")
        self.assertEqual((code, error), (0, ""))
        self.assertEqual(proxy.admin("GET", "/v1/status")[1]["sites"][0]["mode"], "maintenance")

    def test_a_write_for_which_there_is_no_descriptor_may_be_sent_again(self):
        made = Certificates()
        self.addCleanup(made.remove)
        made.issue("a", "DNS:a.example")
        tls = f"tls = {made.table('a')}\nhttp2 = true"

        def over_h1(proxy, **options):
            return self.client(proxy, **options).post

        def over_h2(proxy, **options):
            client = self.h2_client(proxy, **options)
            return lambda body: client.request("POST", body=body)
        for listener, enter, options in (("h2c = true", over_h1, {}), ("h2c = true", over_h2, {}),
                                         (tls, over_h1, {"tls": made.context()}), (tls, over_h2, {"tls": made.context()})):
            with self.subTest(listener=listener, over=enter.__name__):
                upstream = self.upstream(answer(b"done", fields="Connection: close\r\n"))
                proxy = self.proxy(upstream, workers=1, listener=listener)
                post = enter(proxy, **options)
                self.assertEqual(post(b"x").status, 200)

                def refused():  # once what was open for a moment only is closed
                    eventually(lambda: upstream.open_connections == 0, "the end of the connection")
                    use_up(proxy)
                    seen = len(upstream.requests)
                    response = post(b"x")
                    return response if len(upstream.requests) == seen else None
                response = eventually(refused, "a refusal")
                fields = {name.lower(): value for name, value in response.fields}
                self.assertEqual((response.status, fields.get("drawbridge-not-processed")), (503, "1"))
                self.assertIn("retry-after", fields)

    def test_servers_that_cannot_be_probed_stay_up_and_that_is_said(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, pool=PROBED)
        client = self.client(proxy)
        self.assertEqual(client.get().status, 200)
        # Whatever was open for a moment only, a probe for one, is not reckoned with for good.
        eventually(lambda: use_up(proxy) or re.search("probes_not_asked .*Too many open files", proxy.said), "the event")
        self.assertEqual(client.get().status, 200)
        self.assertNotIn("server_down", proxy.said)
        proxy.limit_descriptors(1000)
        seen = len(upstream.requests)
        eventually(lambda: len(upstream.requests) > seen + 1, "probes again")


class FewDescriptors(ProxyCase):
    """A hard limit that carries a few clients only."""

    def few(self, upstream, **options):
        return self.proxy(upstream, prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)), **options)

    def test_only_clients_that_the_descriptors_carry_are_let_in_and_the_rest_works_on(self):
        upstream = self.upstream()
        proxy = self.few(upstream, pool=PROBED)
        carried = int(proxy.wait_until_said(r'descriptors_low limit=60 .*connections_max=(\d+)')[1])
        self.assertGreaterEqual(carried, 4)
        self.assertEqual(proxy.metric("drawbridge_client_connections_max"), carried)
        clients = [self.client(proxy) for _ in range(80)]
        for _ in range(3):
            self.assertEqual(proxy.ctl("status")[0], 0)
        self.assertEqual(proxy.ctl("mode", "readonly")[0], 0)
        with TestClient(proxy.address) as late:
            self.assertEqual(late.get().status, 200)
        self.assertNotRegex(proxy.said, "server_down|accept_paused|probes_not_asked")
        for client in clients:
            client.close()
        eventually(lambda: proxy.metric("drawbridge_client_connections_open") == 0, "all to have left")
        for _ in range(carried):
            self.assertEqual(self.client(proxy).get().status, 200)

    def test_doctor_says_how_many_clients_the_descriptors_carry(self):
        proxy = self.few(self.upstream())
        carried = proxy.wait_until_said(r'descriptors_low limit=60 .*connections_max=(\d+)')[1]
        checks = {check["check"]: check for check in proxy.admin("GET", "/v1/doctor")[1]["checks"]}
        self.assertEqual(checks["descriptors"]["result"], "warn")
        self.assertIn(f"enough for {carried} clients, not for limits.connections = 50000", checks["descriptors"]["text"])
        self.assertEqual(checks["clients"]["result"], "ok")

    def test_a_limit_raised_while_it_runs_counts_from_the_next_change_on(self):
        proxy = self.proxy(self.upstream())
        before = proxy.metric("drawbridge_client_connections_max")
        proxy.limit_descriptors(100)
        proxy.mode("readonly")
        self.assertLess(proxy.metric("drawbridge_client_connections_max"), 50)
        proxy.limit_descriptors(resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)[1])
        proxy.mode("live")
        self.assertEqual(proxy.metric("drawbridge_client_connections_max"), before)


class NoRoom(ProxyCase):
    def test_who_is_turned_away_sees_it_and_the_operator_hears_of_it_first(self):
        released = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.wait(released), exchange.send(answer(b"late"))))
        proxy = self.proxy(upstream, workers=1, limits="connections = 2")
        inside = [self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(2)]
        upstream.wait_for_requests(2)
        response = self.client(proxy).get()
        self.assertEqual((response.status, response.says_close), (503, True))
        proxy.wait_until_said("clients_turned_away connections_max=2")
        self.assertEqual(proxy.metric("drawbridge_client_connections_refused_total"), 1)
        said_first = proxy.ctl("status")[1].splitlines()[0]
        self.assertRegex(said_first, "all 2 client connections are taken.*1 so far")
        released.set()
        self.assertEqual([client.read_response().body for client in inside], [b"late", b"late"])
        self.assertEqual(self.client(proxy).get().status, 200)
        for client in inside:
            client.close()
        eventually(lambda: proxy.metric("drawbridge_client_connections_open") < 2, "a free place")
        checks = {check["check"]: check for check in proxy.admin("GET", "/v1/doctor")[1]["checks"]}
        self.assertEqual(checks["clients"]["result"], "warn")
        self.assertIn("in the last minute", checks["clients"]["text"])

    def test_who_speaks_http2_or_tls_is_not_turned_away_in_http1(self):
        released = threading.Event()
        self.addCleanup(released.set)
        upstream = self.upstream(lambda exchange: (exchange.wait(released), exchange.send(answer(b"late"))))
        proxy = self.proxy(upstream, workers=1, limits="connections = 1", listener="h2c = true")
        inside = self.h2_client(proxy)
        stream = inside.open()
        upstream.wait_for_requests(1)
        outside = self.h2_client(proxy)  # both have said it before the first of the queue is turned away
        outside.open()
        greeting = self.client(proxy)
        greeting.sock.sendall(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
        outside.read_to_end()
        self.assertEqual((outside.goaway, outside.ended), ([(0, 0)], "fin"))  # nothing was taken: send it elsewhere
        self.assertEqual(greeting.sock.recv(100), b"")
        released.set()
        self.assertEqual(inside.finish(stream).body, b"late")
        inside.close()
        eventually(lambda: proxy.metric("drawbridge_client_connections_open") == 0, "its place")
        self.assertEqual(self.h2_client(proxy).request().status, 200)


    def test_who_has_said_nothing_where_tls_is_spoken_is_not_turned_away_in_plain_text(self):
        made = Certificates()
        self.addCleanup(made.remove)
        made.issue("a", "DNS:a.example")
        released = threading.Event()
        self.addCleanup(released.set)
        upstream = self.upstream(lambda exchange: (exchange.wait(released), exchange.send(answer(b"late"))))
        proxy = self.proxy(upstream, workers=1, limits="connections = 1", listener=f"tls = {made.table('a')}")
        inside = self.client(proxy, tls=made.context()).send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        upstream.wait_for_requests(1)
        with socket.create_connection(proxy.address) as silent:
            self.assertEqual(silent.recv(100), b"")
        released.set()
        self.assertEqual(inside.read_response().body, b"late")


class GivenUp(ProxyCase):
    def test_a_command_whose_user_left_before_it_was_begun_is_not_carried_out(self):
        proxy = self.proxy(self.upstream())
        proxy.signal(signal.SIGSTOP)
        body = b'{"mode": "maintenance"}'
        with socket.socket(socket.AF_UNIX) as user:
            user.connect(str(proxy.socket_path))
            user.sendall(b"POST /v1/mode HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        proxy.signal(signal.SIGCONT)
        proxy.wait_until_said("admin_request_dropped .*/v1/mode")
        self.assertEqual(proxy.admin("GET", "/v1/status")[1]["sites"][0]["mode"], "live")
        changes = [entry["change"] for entry in proxy.admin("GET", "/v1/history")[1]["entries"]]
        self.assertEqual(changes, ["start"])


if __name__ == "__main__":
    unittest.main()
