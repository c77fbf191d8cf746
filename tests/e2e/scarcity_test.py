"""What the proxy does when the system gives it nothing more: no descriptors, no room on the disk, no state folder."""

import resource
import unittest

from harness import ProxyCase, TestClient, eventually


class Scarcity(ProxyCase):
    def test_without_descriptors_accepting_pauses_and_operators_still_come_in(self):
        proxy = self.proxy(self.upstream(), workers=1)
        self.client(proxy).get()
        proxy.limit_descriptors(proxy.lowest_free_descriptor() + 3)
        clients = [self.client(proxy) for _ in range(20)]
        proxy.wait_until_said("accept_paused")
        self.assertGreaterEqual(proxy.metric("drawbridge_accept_pauses_total"), 1)
        self.assertEqual(proxy.ctl("status")[0], 0)
        self.assertEqual(proxy.mode("readonly")["result"], "done")
        for client in clients:
            client.close()
        with TestClient(proxy.address) as client:
            self.assertEqual(client.get().status, 200)

    def test_a_disk_that_is_full_refuses_the_change_and_nothing_has_changed(self):
        proxy = self.proxy(self.upstream())
        before = proxy.admin("GET", "/v1/status")[1]
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        self.check_refused(proxy, before)
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.assertEqual(proxy.mode("readonly")["result"], "done")

    def test_a_state_folder_that_is_gone_refuses_the_change_and_nothing_has_changed(self):
        proxy = self.proxy(self.upstream())
        before = proxy.admin("GET", "/v1/status")[1]
        (proxy.folder / "state").rename(proxy.folder / "elsewhere")
        self.check_refused(proxy, before)
        (proxy.folder / "elsewhere").rename(proxy.folder / "state")
        self.assertEqual(proxy.mode("readonly")["result"], "done")

    def check_refused(self, proxy, before):
        status, problem = proxy.admin("POST", "/v1/mode", {"mode": "readonly"})
        self.assertEqual((status, problem["code"]), (507, "not_stored"))
        code, _, error = proxy.ctl("mode", "maintenance")
        self.assertEqual(code, 1)
        self.assertTrue(error)
        after = proxy.admin("GET", "/v1/status")[1]
        self.assertEqual((after["epoch"], after["sites"][0]["mode"]), (before["epoch"], "live"))
        self.assertEqual(self.client(proxy).post(b"x").status, 200)

    def test_an_access_log_that_cannot_be_written_harms_no_request_and_stands_in_status_and_doctor(self):
        proxy = self.proxy(self.upstream())
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        client = self.client(proxy)
        for _ in range(50):
            self.assertEqual(client.get().status, 200)
        proxy.wait_until_said("access_log_write_failed")
        trouble = r"access\.log cannot be written since 20\S+: File too large \(lines lost since proxyd started: 0\)"
        self.assertRegex(proxy.ctl("status")[1], trouble)
        self.assertRegex(proxy.ctl("doctor")[1], r"fail  access_log +the access log \S+" + trouble)
        self.assertEqual(proxy.metric("drawbridge_access_log_failing"), 1)
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        eventually(lambda: "cannot be written" not in proxy.ctl("status")[1], "the log to be written again")
        self.assertRegex(proxy.ctl("doctor")[1], r"ok    access_log +\S+access\.log can be written")
        self.assertEqual(proxy.metric("drawbridge_access_log_failing"), 0)


if __name__ == "__main__":
    unittest.main()
