"""A write whose server was not heard to the end, and was broken off by us: which servers may still be at it."""

import json
import signal
import threading
import unittest

from h2_upstream_test import H2PoolCase
from harness import eventually
from harness.h2_client import REFUSED_STREAM

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


class UnknownWrites(H2PoolCase):
    def told(self, proxy, *arguments):
        """(exit status, receipt) of a readonly."""
        status, out, error = proxy.ctl("mode", "readonly", *arguments, "--json")
        document = json.loads((out or error).strip().splitlines()[-1])
        return status, document.get("receipt", document)

    def earlier(self, proxy):
        eventually(lambda: "unknown_writes" in proxy.admin("GET", "/v1/status")[1]["sites"][0], "its end")
        return self.told(proxy)[1]["earlier_unknown"]["requests"]

    def test_a_call_of_grpc_whose_deadline_passes_after_an_early_head(self):
        go = threading.Event()
        upstream = self.h2_upstream(lambda c: (c.head(("content-type", "application/grpc")), go.wait(20)))
        self.addCleanup(go.set)
        proxy = self.proxy(upstream)
        client = self.h2_client(proxy)
        call = client.open("POST", "/shop.Orders/Place", [*GRPC, ("grpc-timeout", "2S")], end=False)
        client.send_data(call, b"\0\0\0\0\3abc", end=True)
        client.pump(lambda: call.fields)
        status, receipt = self.told(proxy)
        self.assertEqual((status, receipt["result"], receipt["drained"]["writes"]), (4, "unknown", 0))
        self.assertEqual([r["server"] for r in receipt["unknown"]], [upstream.address])
        eventually(lambda: upstream.calls[0].reset is not None, "the end of the call at its server")

    def test_a_server_that_has_refused_the_second_attempt_is_not_named(self):
        asked = []

        def script(call):
            asked.append(call)
            if len(asked) == 1:
                call.peer.close()
            else:
                call.refuse(REFUSED_STREAM)

        upstreams = [self.h2_upstream(script), self.h2_upstream(script)]
        proxy = self.proxy(*upstreams)
        self.assertEqual(self.client(proxy).ask(b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").status, 502)
        self.assertEqual(len(asked), 2)
        self.assertIsNot(asked[0].peer.upstream, asked[1].peer.upstream)
        self.assertEqual([r["server"] for r in self.earlier(proxy)], [asked[0].peer.upstream.address])

    def test_two_servers_that_had_it_are_both_named(self):
        servers = [self.upstream(lambda exchange: (exchange.read_body(), exchange.close())) for _ in range(2)]
        proxy = self.proxy(*servers, pool="health = { active = false }")
        self.assertEqual(self.client(proxy).ask(b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").status, 502)
        named = self.earlier(proxy)[0]["server"].split(", ")
        self.assertEqual(sorted(named), sorted(s.address for s in servers))

    def test_a_restart_does_not_make_a_receipt_silent_about_them(self):
        go = threading.Event()
        server = self.upstream(lambda exchange: (exchange.read_body(), exchange.wait(go)))
        self.addCleanup(go.set)
        proxy = self.proxy(server, pool="health = { active = false }")
        asked = self.client(proxy).send(b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        eventually(lambda: server.requests, "the request")
        proxy.signal(signal.SIGTERM)
        proxy.wait_until_said("shutting_down")
        proxy.stop()  # the second one cuts it
        self.assertEqual(asked.read_response("PUT").status, 502)
        proxy.start()
        status, receipt = self.told(proxy)
        self.assertEqual((status, receipt["result"]), (0, "done"))
        self.assertRegex(receipt["before_restart"], "^proxyd was restarted at .*; before that 1 write ended without")
        proxy.stop()
        proxy.start()
        self.assertNotIn("before_restart", self.told(proxy)[1])


if __name__ == "__main__":
    unittest.main()
