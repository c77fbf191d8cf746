"""What a cutover does not wait for, tunnels and exempt writes: nobody is held up by it, and it is named."""

import json
import threading
import unittest

from cutover_case import POST, CutoverCase
from harness import answer, eventually
from tunnel_test import ASK, CLOSE_1012, SWITCH, echo


class Open(CutoverCase):
    def tunnel(self):
        client = self.client(self.the_proxy).send(ASK % b"websocket")
        self.assertEqual(client.read_response().status, 101)
        return client

    def test_tunnels_hold_up_nobody_and_are_told_to_go_after_the_flip(self):
        self.blue.script = echo
        self.shop(site='drain = { tunnel_spread = "100ms" }')
        tunnels = [self.tunnel() for _ in range(3)]
        self.assertIn("3 tunnels of web open: told to go after the flip", self.end_of(self.cut_over("--dry-run"))[1])
        status, out, error = self.end_of(self.cut_over())
        self.assertEqual(status, 0, out + error)
        self.assertIn("ended meanwhile: nothing", out)
        self.assertIn("open on blue at the flip: 3 tunnels (told to go", out)
        for tunnel in tunnels:
            self.assertEqual(tunnel.wire.exactly(4), CLOSE_1012)
        self.assertEqual(self.the_proxy.ctl("mode", "live", "web")[0], 0)
        for tunnel in tunnels:
            tunnel.close()
        self.assertEqual(self.the_proxy.ctl("wait", "web", "--until", "drained")[0], 0)

    def test_no_tunnel_is_open_when_the_command_begins_though_its_client_is_deaf(self):
        self.blue.script = echo
        self.shop(site='drain = { tunnel_spread = "30s", timeout = "30s" }')
        tunnels = [self.tunnel() for _ in range(3)]
        running = self.cut_over("--json", "--run", "true")
        status, out, error = self.end_of(running)
        self.assertEqual(status, 0, out + error)
        receipt = json.loads(out)["receipt"]
        ended = receipt["drained"]["tunnels"] + receipt.get("cut_counts", {"tunnels": 0})["tunnels"]
        self.assertEqual((ended, receipt["cutover"]["open_at_flip"]["tunnels"]), (3, 0))
        self.assertLess(receipt["cutover"]["held_ms"], 15_000)
        for tunnel in tunnels:
            tunnel.close()

    def test_an_exempt_write_is_named_and_no_later_one_is_called_the_last(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.blue.script = lambda exchange: (
            exchange.read_body(), exchange.request.target == "/devices/7" and exchange.wait(go_on),
            exchange.send(answer(b"blue")))
        self.shop(site='maintenance = { exempt = ["* /devices/**"] }')
        self.assertEqual(self.client(self.the_proxy).send(POST % b"order").read_response("POST").status, 200)
        device = self.client(self.the_proxy).send(POST % b"devices/7")
        self.blue.wait_for_requests(2)
        status, out, error = self.end_of(self.cut_over("--run", "true"))
        self.assertEqual(status, 0, out + error)
        self.assertIn("1 write of blue open as the command began; exempt requests do not wait:", error)
        self.assertIn("/devices/7", error)
        self.assertIn("/devices/7", out)
        self.assertIn("open on blue at the flip: 1 write (exempt requests do not wait)", out)
        self.assertNotIn("last write on blue", out)
        waiting = self.begin("wait", "web", "--until", "drained")
        self.assertEqual(self.the_proxy.ctl("mode", "live", "web")[0], 0)
        self.assertIsNone(waiting.poll())
        go_on.set()
        self.assertEqual(device.read_response("POST").body, b"blue")
        self.assertEqual(self.end_of(waiting)[0], 0)

    def test_a_mode_that_changes_with_the_flip_does_not_stay(self):
        self.shop()
        self.assertIn("web is now in readonly", self.end_of(self.cut_over("--then", "readonly"))[1])

    def test_a_cutover_that_is_given_up_while_it_drains_says_so(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.blue.script = lambda exchange: (
            exchange.read_body(), exchange.wait(go_on), exchange.send(answer(b"blue")))
        self.shop()
        self.client(self.the_proxy).send(POST % b"slow")
        self.blue.wait_for_requests(1)
        running = self.cut_over()
        self.until_stage("drain")
        self.assertEqual(self.the_proxy.ctl("cutover", "web", "--abort")[0], 0)
        self.assertIn("given up before what had to end had ended", self.end_of(running)[1])
        self.assertNotIn("draining", self.the_proxy.ctl("status")[1])
        status, out, _ = self.end_of(self.cut_over("--drain", "100ms"))
        self.assertEqual((status, "waited 1" in out, "drained after" in out), (1, True, False), out)


if __name__ == "__main__":
    unittest.main()
