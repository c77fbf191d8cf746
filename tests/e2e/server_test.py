"""Taking a server out of its pool: from the fence on nothing new goes to it, and the command waits for what it has."""

import json
import subprocess
import threading

from harness import BIN, PATIENCE, ExchangeCase, ProxyCase, answer, eventually, main

TUNNEL = (b"GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class TakenOut(ExchangeCase):
    def scene(self):
        """Two servers, the first of which holds a request until `go` is set."""
        self.go = threading.Event()

        def held(exchange):
            if exchange.request.target == "/slow":
                exchange.wait(self.go)
            exchange.send(answer(b"first"))
        first = self.upstream(held)
        second = self.upstream(answer(b"second"))
        proxy = self.proxy(first, second, workers=1)
        asked = self.visitor(proxy).begin("GET", "/slow")
        first.wait_for_requests(1)
        return first, second, proxy, asked

    def drain(self, proxy, server, *arguments):
        status, out, err = proxy.ctl("server", "drain", "blue", server.address, *arguments, "--json")
        document = json.loads((out or err).strip().splitlines()[-1])
        return status, document.get("receipt", document)

    def test_the_command_returns_when_the_server_has_nothing_left(self):
        first, _, proxy, asked = self.scene()
        command = subprocess.Popen(
            [BIN / "proxyctl", "server", "drain", "blue", first.address, "--json", "--socket", proxy.socket_path],
            stdout=subprocess.PIPE, text=True)
        eventually(lambda: self.taken_out(proxy) == [first.address], "the fence")
        others = [self.visitor(proxy).get().body for _ in range(10)]
        self.assertEqual(set(others), {b"second"})
        self.assertIsNone(command.poll())
        self.go.set()
        out, _ = command.communicate(timeout=PATIENCE)
        receipt = json.loads(out.strip().splitlines()[-1])
        self.assertEqual((command.returncode, receipt.get("receipt", receipt)["result"]), (0, "done"))
        self.assertEqual(asked.answer().body, b"first")
        self.assertEqual(len(first.requests), 1)

    def test_what_is_left_at_the_end_of_the_wait_is_counted_and_goes_on(self):
        first, _, proxy, asked = self.scene()
        status, receipt = self.drain(proxy, first, "--drain", "100ms")
        self.assertEqual((status, receipt["result"], receipt["at_server"]), (4, "outstanding", 1))
        self.go.set()
        self.assertEqual(asked.answer().body, b"first")
        self.assertEqual(self.drain(proxy, first)[1]["result"], "done")

    def test_with_cut_what_is_left_is_ended_and_named(self):
        first, _, proxy, asked = self.scene()
        status, receipt = self.drain(proxy, first, "--drain", "100ms", "--cut")
        self.assertEqual((status, receipt["result"], len(receipt["cut"])), (0, "cut", 1))
        self.assertEqual(asked.answer().status, 502)
        self.assertEqual(self.drain(proxy, first)[1]["result"], "done")

    def test_the_last_server_is_taken_out_with_a_warning(self):
        first, second, proxy, _ = self.scene()
        self.go.set()
        self.assertNotIn("warning", self.drain(proxy, first)[1])
        self.assertIn("no server of blue", self.drain(proxy, second)[1]["warning"])
        self.assertEqual(self.visitor(proxy).get().status, 503)

    def test_a_second_attempt_does_not_go_to_a_server_that_was_taken_out_meanwhile(self):
        gone = threading.Event()

        def broken(exchange):
            exchange.wait(gone)
            exchange.close()
        servers = [self.upstream(broken), self.upstream(broken)]
        proxy = self.proxy(*servers, workers=1)
        request = self.visitor(proxy).begin("GET", "/slow")
        asked = eventually(lambda: [s for s in servers if s.requests], "the first attempt")[0]
        other = servers[1 - servers.index(asked)]
        self.assertEqual(self.drain(proxy, other)[1]["result"], "done")
        gone.set()
        self.assertEqual(request.answer().status, 502)
        self.assertEqual(len(other.requests), 0)

    def taken_out(self, proxy):
        return [server["address"] for pool in proxy.admin("GET", "/v1/pools")[1]["pools"] for server in pool["servers"]
                if server["admin"] != "ready"]


class ItsTunnels(ProxyCase):
    def test_websockets_are_told_to_go_to_another_server(self):
        server = self.upstream(lambda exchange: (exchange.send(SWITCHED), exchange.read_rest()))
        proxy = self.proxy(server, site='drain = { tunnel_spread = "10ms" }')
        client = self.client(proxy).send(TUNNEL)
        client.read_response()
        status, out, _ = proxy.ctl("server", "drain", "blue", server.address)
        self.assertEqual((status, "done" in out), (0, True), out)
        self.assertEqual(client.wire.exactly(4)[2:4], (1012).to_bytes(2, "big"))


if __name__ == "__main__":
    main()
