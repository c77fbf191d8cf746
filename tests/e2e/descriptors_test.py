"""Out of descriptors, whoever took them: servers stay what they were, the operator gets in, and all of it ends by
itself."""

import signal
import socket
import unittest

from harness import ProxyCase, eventually

PROBED = 'health = { path = "/", interval = "100ms", timeout = "5s", rise = 1, fall = 1 }'


def use_up(proxy):
    """From now on the process can open nothing."""
    proxy.limit_descriptors(proxy.descriptors())


class OutOfDescriptors(ProxyCase):
    def test_the_operator_gets_in_and_can_change_the_mode(self):
        proxy = self.proxy(self.upstream())
        use_up(proxy)
        for _ in range(3):
            self.assertEqual(proxy.ctl("status")[0], 0)
        code, _, error = proxy.ctl("mode", "maintenance")
        self.assertEqual((code, error), (0, ""))
        self.assertEqual(proxy.admin("GET", "/v1/status")[1]["sites"][0]["mode"], "maintenance")

    def test_servers_that_cannot_be_probed_stay_up_and_that_is_said(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, pool=PROBED)
        client = self.client(proxy)
        self.assertEqual(client.get().status, 200)
        use_up(proxy)
        proxy.wait_until_said("probes_not_asked .*Too many open files")
        self.assertEqual(client.get().status, 200)
        self.assertNotIn("server_down", proxy.said)
        proxy.limit_descriptors(1000)
        seen = len(upstream.requests)
        eventually(lambda: len(upstream.requests) > seen + 1, "probes again")


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
