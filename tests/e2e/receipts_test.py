"""What is in flight when a mode changes: the command waits for its end, or its receipt names it; never less."""

import contextlib
import json
import subprocess
import threading

from harness import BIN, PATIENCE, ExchangeCase, answer, eventually, main

BODY = b"stored as order 7"
SITE = 'maintenance = { exempt = ["POST /alive"] }'


class Held:
    """A server's script: each request is answered in two halves, when the test says so. `first` bytes go out at once."""

    def __init__(self, first=b""):
        self.first = first
        self.go = threading.Event()

    def __call__(self, exchange):
        exchange.read_body()
        exchange.send(self.first)
        exchange.wait(self.go)
        try:
            exchange.send(answer(BODY)[len(self.first):])
        except OSError:
            pass  # the exchange was cut meanwhile


class Command:
    """proxyctl in the background."""

    def __init__(self, proxy, *arguments):
        self.process = subprocess.Popen(
            [BIN / "proxyctl", *arguments, "--json", "--socket", proxy.socket_path], stdout=subprocess.PIPE, text=True)

    def runs(self):
        return self.process.poll() is None

    def end(self):
        """(exit status, receipt)."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, receipt_of(out)

    def kill(self):
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


def receipt_of(text):
    document = json.loads(text.strip().splitlines()[-1])
    return document.get("receipt", document)


class ReceiptCase(ExchangeCase):
    def scene(self, script, method="POST", path="/orders", **options):
        """A server that follows `script`, a proxy, and a request that is at the server."""
        server = self.upstream(script)
        proxy = self.proxy(server, site=SITE, **options)
        asked = self.visitor(proxy).begin(method, path, body=b"hi")
        server.wait_until_complete()
        return server, proxy, asked

    def ctl(self, proxy, *arguments):
        status, out, err = proxy.ctl(*arguments, "--json")
        return status, receipt_of(out or err)

    def is_draining(self, proxy):
        return any("draining" in site for site in proxy.admin("GET", "/v1/status")[1]["sites"])

    def assert_lists_the_write(self, requests, server):
        self.assertEqual([(r["method"], r["path"], r["class"]) for r in requests], [("POST", "/orders", "write")])
        self.assertEqual(requests[0]["request_id"], server.requests[0].value("X-Request-Id"))

    def assert_refused(self, proxy, mode="readonly"):
        with self.visitor(proxy) as visitor:
            response = visitor.post(b"hi", "/orders", {"Accept": "application/json"})
        self.assertEqual((response.status, response.not_processed), (503, True))
        self.assertEqual(json.loads(response.body)["mode"], mode)


class Waiting(ReceiptCase):
    def test_the_command_waits_for_a_write_and_returns_when_it_has_ended(self):
        held = Held()
        server, proxy, asked = self.scene(held)
        command = Command(proxy, "mode", "readonly")
        eventually(lambda: self.is_draining(proxy), "the drain")
        self.assert_refused(proxy)
        self.assertTrue(command.runs())
        held.go.set()
        status, receipt = command.end()
        self.assertEqual((status, receipt["result"]), (0, "done"))
        self.assertEqual(receipt["drained"], {"reads": 0, "writes": 1, "tunnels": 0})
        self.assertEqual((receipt["outstanding"], receipt["cut"]), ([], []))
        self.assertEqual(asked.answer().body, BODY)
        self.assertEqual(len(server.requests), 1)

    def test_a_write_whose_body_is_still_on_its_way_is_waited_for(self):
        server = self.upstream()
        proxy = self.proxy(server)
        asked = self.visitor(proxy).begin("POST", "/orders", length=4).send(b"hi")
        server.wait_for_requests(1)
        command = Command(proxy, "mode", "readonly")
        eventually(lambda: self.is_draining(proxy), "the drain")
        asked.send(b"ho")
        self.assertEqual(asked.answer().body, b"hello")
        status, receipt = command.end()
        self.assertEqual((status, receipt["drained"]["writes"]), (0, 1))

    def test_readonly_does_not_wait_for_reads_and_maintenance_does(self):
        held = Held()
        _, proxy, asked = self.scene(held, method="GET")
        status, receipt = self.ctl(proxy, "mode", "readonly")
        self.assertEqual((status, receipt["drained"]), (0, {"reads": 0, "writes": 0, "tunnels": 0}))
        command = Command(proxy, "mode", "maintenance")
        eventually(lambda: self.is_draining(proxy), "the drain")
        held.go.set()
        status, receipt = command.end()
        self.assertEqual((status, receipt["drained"]["reads"]), (0, 1))
        self.assertEqual(asked.answer().body, BODY)

    def test_exempt_requests_are_not_waited_for(self):
        held = Held()
        _, proxy, asked = self.scene(held, path="/alive")
        status, receipt = self.ctl(proxy, "mode", "maintenance")
        self.assertEqual((status, receipt["result"], receipt["drained"]["writes"]), (0, "done", 0))
        held.go.set()
        self.assertEqual(asked.answer().body, BODY)

    def test_a_change_stays_when_the_operator_goes_away_while_it_waits(self):
        held = Held()
        _, proxy, asked = self.scene(held)
        command = Command(proxy, "mode", "readonly")
        eventually(lambda: self.is_draining(proxy), "the drain")
        command.kill()
        self.assert_refused(proxy)
        held.go.set()
        self.assertEqual(asked.answer().body, BODY)
        status, _, _ = proxy.ctl("wait", "--until", "drained", "--timeout", "10s")
        self.assertEqual(status, 0)
        newest = proxy.admin("GET", "/v1/history")[1]["entries"][0]
        self.assertEqual((newest["kind"], newest["result"], newest["drained"]["writes"]), ("ended", "done", 1))

    def test_a_later_change_that_takes_it_back_supersedes_one_that_waits(self):
        held = Held()
        _, proxy, asked = self.scene(held)
        command = Command(proxy, "mode", "readonly")
        eventually(lambda: self.is_draining(proxy), "the drain")
        self.assertEqual(self.ctl(proxy, "mode", "live")[0], 0)
        status, receipt = command.end()
        self.assertEqual((status, receipt["result"]), (1, "superseded"))
        held.go.set()
        self.assertEqual(asked.answer().body, BODY)

    def test_a_write_is_waited_for_though_its_client_has_gone(self):
        for leave in ("close", "reset"):
            held = Held()
            server, proxy, asked = self.scene(held)
            asked.leave(leave)
            command = Command(proxy, "mode", "readonly")
            eventually(lambda: self.is_draining(proxy), "the drain")
            self.assertEqual(server.open_connections, 1)
            held.go.set()
            status, receipt = command.end()
            self.assertEqual((status, receipt["result"], receipt["drained"]["writes"]), (0, "done", 1), leave)

    def unanswered(self, held, fate, settings, *arguments):
        """(exit status, receipt) of a readonly during which a write gets no whole answer: its server has the last of it
        when the readonly waits for it."""
        server = self.upstream(held)
        proxy = self.proxy(server, site=SITE, timeouts=settings)
        asked = self.visitor(proxy).begin("POST", "/orders", length=2).send(b"h")
        server.wait_for_requests(1)
        command = Command(proxy, "mode", "readonly", *arguments)
        eventually(lambda: self.is_draining(proxy), "the drain")
        asked.send(b"i")
        if held.first:
            asked.read(len(held.first.partition(b"\r\n\r\n")[2]))
        server.wait_until_complete()
        if fate == "breaks":
            server.close_connections()
        status, receipt = command.end()
        self.assertEqual(receipt["drained"]["writes"], 0, fate)
        self.assertEqual([c["path"] for c in receipt["unknown"]], ["/orders"], fate)
        self.assertEqual(receipt["unknown"][0]["server"], server.address)
        self.assertEqual((receipt["unknown_counts"]["writes"], receipt["cut"]), (1, []))
        held.go.set()
        return status, receipt, asked, proxy

    def test_a_write_whose_server_never_answers_is_named_and_the_command_does_not_return_0(self):
        for fate, settings in (("times out", "upstream_head = '500ms'"), ("breaks", "")):
            status, receipt, asked, _ = self.unanswered(Held(), fate, settings)
            self.assertEqual((status, receipt["result"]), (4, "unknown"), fate)
            self.assertIn(asked.answer().status, (502, 504))

    def test_a_write_whose_answer_breaks_off_is_named_and_the_command_does_not_return_0(self):
        for fate, settings in (("falls silent", "upstream_body = '500ms'"), ("breaks", "")):
            status, receipt, asked, _ = self.unanswered(Held(answer(BODY)[:-5]), fate, settings)
            self.assertEqual((status, receipt["result"]), (4, "unknown"), fate)
            self.assertNotEqual(asked.cut(), BODY)

    def test_a_write_whose_client_leaves_in_the_midst_of_its_answer_is_named(self):
        def run_on(exchange):
            exchange.read_body()
            exchange.send(answer(b"1%" * 100000)[:-199998])
            with contextlib.suppress(OSError):
                while not left.wait(0.02):
                    exchange.send(b"1%")

        left = threading.Event()
        self.addCleanup(left.set)
        server, proxy, asked = self.scene(run_on)
        asked.read(2)
        command = Command(proxy, "mode", "readonly")
        eventually(lambda: self.is_draining(proxy), "the drain")
        asked.leave("reset")
        status, receipt = command.end()
        self.assertEqual((status, receipt["result"], receipt["drained"]["writes"]), (4, "unknown", 0))
        self.assert_lists_the_write(receipt["unknown"], server)
        self.assertEqual(receipt["unknown"][0]["server"], server.address)

    def test_who_says_cut_has_accepted_that_the_outcome_of_a_write_is_unknown(self):
        status, receipt, _, _ = self.unanswered(Held(), "breaks", "", "--cut")
        self.assertEqual((status, receipt["result"]), (0, "cut"))

    def test_a_write_that_had_no_answer_before_the_command_is_named_by_it_and_by_status(self):
        held = Held()
        server, proxy, asked = self.scene(held, timeouts="upstream_head = '300ms'")
        self.assertEqual(asked.answer().status, 504)
        held.go.set()
        eventually(lambda: "unknown_writes" in proxy.admin("GET", "/v1/status")[1]["sites"][0], "its end")
        status, receipt = self.ctl(proxy, "mode", "readonly")
        self.assertEqual((status, receipt["result"], receipt["earlier_unknown"]["count"]), (0, "done", 1))
        self.assert_lists_the_write(receipt["earlier_unknown"]["requests"], server)
        self.assertEqual(receipt["earlier_unknown"]["requests"][0]["server"], server.address)
        self.assertNotIn("earlier_unknown", self.ctl(proxy, "mode", "live")[1])
        _, out, _ = proxy.ctl("status")
        self.assertIn("1 write got no whole answer, outcome unknown", out)
        self.assertIn(server.requests[0].value("X-Request-Id"), out)


class Deadline(ReceiptCase):
    def test_a_write_that_does_not_end_is_listed_as_outstanding_and_goes_on(self):
        held = Held()
        server, proxy, asked = self.scene(held)
        status, receipt = self.ctl(proxy, "mode", "readonly", "--drain", "300ms")
        self.assertEqual((status, receipt["result"]), (4, "outstanding"))
        self.assert_lists_the_write(receipt["outstanding"], server)
        self.assertEqual(receipt["outstanding_counts"], {"reads": 0, "writes": 1, "tunnels": 0})
        self.assertGreaterEqual(receipt["outstanding"][0]["age_ms"], 300)
        self.assertLess(receipt["drained_ms"], 5000)
        self.assert_refused(proxy)
        held.go.set()
        self.assertEqual(asked.answer().body, BODY)
        self.assertEqual(len(server.requests), 1)

    def test_people_are_shown_what_is_outstanding(self):
        held = Held()
        server, proxy, _ = self.scene(held)
        status, out, _ = proxy.ctl("mode", "readonly", "--drain", "100ms")
        held.go.set()
        self.assertEqual(status, 4)
        self.assertIn(server.requests[0].value("X-Request-Id"), out)
        self.assertIn("/orders", out)

    def cut(self, script):
        server, proxy, asked = self.scene(script)
        if script.first:
            asked.head()
        status, receipt = self.ctl(proxy, "mode", "readonly", "--drain", "300ms", "--cut")
        self.assertEqual((status, receipt["result"]), (0, "cut"))
        self.assert_lists_the_write(receipt["cut"], server)
        self.assertEqual(receipt["outstanding"], [])
        self.assert_refused(proxy)
        self.assertEqual(len(server.requests), 1)
        return asked

    def test_a_write_that_is_cut_before_its_answer_began_fails_and_is_not_called_unprocessed(self):
        response = self.cut(Held()).answer()
        self.assertEqual(response.status, 502)
        self.assertFalse(response.not_processed)
        self.assertIsNone(response.value("Retry-After"))

    def test_a_write_that_is_cut_in_its_answer_gets_a_truncated_one(self):
        for first in (answer(BODY)[:-5], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nstore\r\n"):
            self.assertNotEqual(self.cut(Held(first)).cut(), BODY)

    def test_an_answer_without_a_length_is_cut_and_does_not_seem_to_have_ended(self):
        self.assertEqual(self.cut(Held(b"HTTP/1.1 200 OK\r\n\r\nstored")).cut(), b"stored")


class Tunnels(ReceiptCase):
    GOING_AWAY = (1012).to_bytes(2, "big")

    def open(self, script):
        """A tunnel through which one word has passed each way."""

        def upgrade(exchange):
            exchange.switch()
            script(exchange)
            exchange.close()

        proxy = self.proxy(self.upstream(upgrade), site='drain = { tunnel_spread = "100ms" }')
        tunnel = self.visitor(proxy).tunnel("/live")
        tunnel.opened()
        return proxy, tunnel

    def test_a_websocket_is_told_to_go_and_waited_for(self):
        seen = []

        def serve(exchange):
            exchange.send(b"\x81\x05hello")
            seen.append(exchange.read_rest())

        proxy, tunnel = self.open(serve)
        self.assertEqual(tunnel.read(7), b"\x81\x05hello")
        command = Command(proxy, "mode", "readonly")
        close = tunnel.read(4)
        self.assertEqual((close[0], close[2:4]), (0x88, self.GOING_AWAY))
        tunnel.read(close[1] - 2)
        tunnel.send(b"\x88\x82\0\0\0\0" + self.GOING_AWAY)
        tunnel.leave("close")
        status, receipt = command.end()
        self.assertEqual((status, receipt["result"], receipt["drained"]["tunnels"]), (0, "done", 1))
        self.assertLess(receipt["drained_ms"], 10_000)
        eventually(lambda: seen, "the end at the server")
        self.assertEqual(seen[0][:1], b"\x88")

    def test_a_tunnel_that_stays_is_cut_at_the_deadline_without_being_asked_for_and_listed(self):
        proxy, tunnel = self.open(lambda exchange: exchange.read_rest())
        status, receipt = self.ctl(proxy, "mode", "readonly", "--drain", "300ms")
        self.assertEqual((status, receipt["result"]), (0, "cut"))
        self.assertEqual([(r["class"], r["path"]) for r in receipt["cut"]], [("tunnel", "/live")])
        self.assertEqual(tunnel.rest()[2:], self.GOING_AWAY)

    def test_a_new_tunnel_is_refused(self):
        proxy = self.proxy(self.upstream())
        proxy.mode("readonly")
        response = self.visitor(proxy).tunnel("/live").answer()
        self.assertEqual((response.status, response.not_processed), (503, True))


if __name__ == "__main__":
    main()
