"""The process: how it starts, ends, takes signals, and tells what it does."""

import json
import pathlib
import signal
import socket
import threading
import unittest
import urllib.request

from harness import ProxyCase, answer, eventually


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Ending(ProxyCase):
    def test_sigterm_lets_requests_in_flight_finish_and_says_close(self):
        released = threading.Event()
        upstream = self.upstream(lambda exchange: (exchange.wait(released), exchange.send(answer(b"late"))))
        proxy = self.proxy(upstream)
        client = self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        proxy.signal(signal.SIGTERM)
        proxy.wait_until_said("shutting_down")
        released.set()
        response = client.read_response()
        self.assertEqual((response.body, response.says_close, client.end()), (b"late", True, "fin"))
        self.assertEqual(proxy.wait(), 0)

    def test_after_sigterm_nobody_can_connect(self):
        upstream = self.upstream(lambda exchange: exchange.say_nothing())
        proxy = self.proxy(upstream, server="")
        self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        proxy.signal(signal.SIGTERM)

        def refused():
            with socket.socket() as probe:
                return probe.connect_ex(proxy.address) != 0
        eventually(refused, "connections to be refused")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)

    def test_a_second_sigterm_ends_what_still_has_its_grace(self):
        upstream = self.upstream(lambda exchange: exchange.say_nothing())
        proxy = self.proxy(upstream, config=self.config_with_grace(upstream, "1h"))
        client = self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        proxy.signal(signal.SIGTERM)
        proxy.wait_until_said("shutting_down")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(client.read_response().status, 502)
        self.assertEqual(proxy.wait(), 0)

    def test_sigterm_closes_idle_connections_at_once(self):
        proxy = self.proxy(self.upstream())
        client = self.client(proxy)
        client.get()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(client.end(), "fin")
        self.assertEqual(proxy.wait(), 0)

    def test_what_does_not_end_in_the_grace_is_cut_and_never_looks_complete(self):
        upstream = self.upstream(lambda e: (e.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), e.say_nothing()))
        proxy = self.proxy(upstream, config=self.config_with_grace(upstream, "100ms"))
        client = self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_head()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(client.wire.rest(), b"half")
        self.assertEqual(proxy.wait(), 0)

    @staticmethod
    def config_with_grace(upstream, grace):
        return f"""
[server]
state_dir = "{{folder}}/state"
admin_socket = "{{folder}}/admin.sock"
access_log = "off"
shutdown_grace = "{grace}"
[[listener]]
address = "127.0.0.1:0"
[pool.blue]
servers = ["{upstream.address}"]
[site.web]
pool = "blue"
"""


class Signals(ProxyCase):
    def test_sigusr1_opens_the_access_log_again_and_no_line_is_lost(self):
        proxy = self.proxy(self.upstream())
        client = self.client(proxy)
        client.get("/before")
        log, rotated = proxy.folder / "access.log", proxy.folder / "access.log.1"
        eventually(lambda: log.exists() and "/before" in log.read_text(), "the first record")
        log.rename(rotated)
        proxy.signal(signal.SIGUSR1)
        eventually(log.exists, "the new file")
        client.get("/after")
        eventually(lambda: "/after" in log.read_text(), "the second record")
        self.assertNotIn("/after", rotated.read_text())

    def test_sighup_takes_a_good_file_into_use(self):
        blue, green = self.upstream(answer(b"blue")), self.upstream(answer(b"green"))
        proxy = self.proxy(blue)
        client = self.client(proxy)
        self.assertEqual(client.get("/new").body, b"blue")
        text = proxy.config.read_text()
        proxy.config.write_text(text + f'[pool.green]\nservers = ["{green.address}"]\n[site.new]\npaths = ["/new"]\npool = "green"\n')
        proxy.signal(signal.SIGHUP)
        eventually(lambda: client.get("/new").body == b"green", "the new site")
        self.assertEqual(client.get("/").body, b"blue")

    def test_sighup_with_a_broken_file_changes_nothing_and_says_so(self):
        proxy = self.proxy(self.upstream())
        client = self.client(proxy)
        epoch = proxy.admin("GET", "/v1/status")[1]["epoch"]
        proxy.config.write_text(proxy.config.read_text() + "[pool.green]\nsevers = []\n")
        proxy.signal(signal.SIGHUP)
        proxy.wait_until_said("(?s)reload_refused.*config_problem.*severs")
        self.assertEqual(proxy.admin("GET", "/v1/status")[1]["epoch"], epoch)
        self.assertEqual(client.get().status, 200)
        code, _, error = proxy.ctl("reload")
        self.assertEqual(code, 1)
        self.assertIn("severs", error)


class Starting(ProxyCase):
    def fails(self, proxy):
        """What a proxyd says that does not start."""
        proxy.launch()
        self.assertEqual(proxy.wait(), 1)
        said = proxy.said
        proxy.process = None
        return said

    def test_an_admin_socket_that_another_proxyd_serves_is_left_to_it(self):
        first = self.proxy(self.upstream())
        second = self.proxy(self.upstream(), start=False)
        second.config.write_text(second.config.read_text().replace(str(second.socket_path), str(first.socket_path)))
        self.assertIn(str(first.socket_path), self.fails(second))
        self.assertEqual(first.ctl("status")[0], 0)

    def test_a_file_in_the_place_of_the_admin_socket_is_never_touched(self):
        proxy = self.proxy(self.upstream(), start=False)
        proxy.socket_path.write_text("precious")
        self.assertIn(str(proxy.socket_path), self.fails(proxy))
        self.assertEqual(proxy.socket_path.read_text(), "precious")

    def test_the_socket_of_a_dead_proxyd_is_replaced(self):
        proxy = self.proxy(self.upstream())
        proxy.kill()
        self.assertTrue(proxy.socket_path.exists())
        proxy.start()
        self.assertEqual(proxy.ctl("status")[0], 0)

    def test_an_address_that_another_program_has_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = "127.0.0.1:%d" % other.getsockname()[1]
            proxy = self.proxy(self.upstream(), start=False)
            proxy.config.write_text(proxy.config.read_text().replace("127.0.0.1:0", address))
            self.assertIn(address, self.fails(proxy))

    def test_the_mode_and_its_reason_survive_a_crash(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("maintenance", reason="database upgrade")
        proxy.kill()
        proxy.start()
        site = proxy.admin("GET", "/v1/status")[1]["sites"][0]
        self.assertEqual((site["mode"], site["reason"]), ("maintenance", "database upgrade"))
        self.assertEqual(self.client(proxy).get().status, 503)


class Telling(ProxyCase):
    def test_the_metrics_listener_serves_metrics_and_nothing_else(self):
        port = free_port()
        proxy = self.proxy(self.upstream(), server=f'metrics = "127.0.0.1:{port}"')
        self.client(proxy).get()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            text = response.read().decode()
        self.assertIn("drawbridge_requests_total", text)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/status", timeout=10)
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()

    def test_each_request_is_one_record_of_what_was_done_with_it(self):
        proxy = self.proxy(self.upstream())
        client = self.client(proxy)
        client.get("/a?b=c")
        proxy.mode("readonly")
        refused = client.post(b"x", "/orders")
        client.ask(b"GET / HTTP/1.1\r\n\r\n")
        records = eventually(lambda: len(proxy.access_log()) == 3 and proxy.access_log(), "three records")
        self.assertEqual([r["status"] for r in records], [200, 503, 400])
        self.assertEqual([r.get("verdict") for r in records[:2]], ["forward", "refuse"])
        self.assertEqual(records[0]["target"], "/a?b=c")
        self.assertIn(records[1]["request_id"].encode(), refused.raw_head + refused.body)

    def test_a_refused_head_is_logged_with_the_id_and_the_bytes_of_its_answer(self):
        proxy = self.proxy(self.upstream())
        response = self.client(proxy).ask(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        record = eventually(proxy.access_log, "the record")[0]
        self.assertEqual((record["status"], record["failure"]), (400, "host_repeated"))
        self.assertRegex(record["request_id"], "^[0-9a-f]{32}$")
        self.assertEqual(response.value("X-Request-Id"), record["request_id"])
        self.assertEqual(record["response_bytes"], len(response.body))

    def test_nothing_that_a_client_sends_can_break_a_line_of_the_log(self):
        proxy = self.proxy(self.upstream())
        for number, target in enumerate(('/?"\\x', '/\x01', '/\x80"}', '/\\u0000')):
            self.client(proxy).get(target, fields='User-Agent: "}\t\\ \x80\xff\r\n')
            eventually(lambda n=number: len(proxy.access_log()) == n + 1, "one record a request")

    def test_events_are_streamed_as_they_happen(self):
        proxy = self.proxy(self.upstream())
        with socket.socket(socket.AF_UNIX) as events:
            events.settimeout(20)
            events.connect(str(proxy.socket_path))
            events.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
            heard = events.recv(4096)
            proxy.mode("readonly")
            while b"mode_changed" not in heard:
                heard += events.recv(4096)
            self.assertIn(b"text/event-stream", heard)

    def test_history_names_who_did_what_and_how_it_ended(self):
        proxy = self.proxy(self.upstream())
        self.assertEqual(proxy.ctl("mode", "readonly", "--reason", "schema patch")[0], 0)
        code, out, _ = proxy.ctl("history", "--json")
        self.assertEqual(code, 0)
        entries = json.loads(out)["entries"]
        changed = [entry for entry in entries if entry["kind"] == "changed" and entry.get("reason") == "schema patch"]
        self.assertEqual((changed[0]["after"], changed[0]["uid"]), ({"web": "readonly"}, pathlib.Path("/proc/self").stat().st_uid))


if __name__ == "__main__":
    unittest.main()
