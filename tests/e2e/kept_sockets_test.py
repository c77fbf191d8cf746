"""proxyd knows whether a service manager keeps its listening sockets, and says so: a restart refuses nobody, or it does."""

import signal
import threading
import unittest

from handover_case import SECOND, HandoverCase, listening, listens_at
from harness import eventually


class KeptSockets(HandoverCase):
    def line(self, proxy):
        """Of doctor."""
        checks = proxy.admin("GET", "/v1/doctor")[1]["checks"]
        return next(check for check in checks if check["check"] == "restart")

    def warnings(self, proxy):
        """Of status, of restarts."""
        return [text for text in proxy.admin("GET", "/v1/status")[1]["warnings"] if "restart may refuse" in text]

    def is_well(self, proxy, text):
        line = self.line(proxy)
        self.assertEqual((line["result"], self.warnings(proxy)), ("ok", []))
        self.assertIn(text, line["text"])
        self.assertEqual(proxy.metric("drawbridge_listening_sockets_kept"), 1)

    def complains(self, proxy, advice):
        line = self.line(proxy)
        self.assertEqual((line["result"], self.warnings(proxy)), ("warn", [line["text"]]))
        self.assertIn(advice, line["advice"])
        self.assertEqual(proxy.metric("drawbridge_listening_sockets_kept"), 0)

    def test_sockets_that_are_kept_are_said_to_be(self):
        proxy = self.kept(workers=2, more=SECOND, room=5).fix_addresses()
        proxy.wait_until_said("sockets_kept count=4")
        self.is_well(proxy, "the service manager keeps 4 listening sockets")
        proxy.restart()
        proxy.wait_until_said("sockets_kept count=4")
        self.is_well(proxy, "the service manager keeps 4 listening sockets")

    def test_a_store_too_small_is_said_and_how_large_it_must_be(self):
        for room in range(5):
            with self.subTest(room=room):
                proxy = self.kept(workers=2, more=SECOND, room=room)
                proxy.wait_until_said("sockets_not_kept .*FileDescriptorStoreMax")
                self.complains(proxy, "FileDescriptorStoreMax= of the unit must be at least 5")

    def test_where_nothing_is_kept_clients_are_refused_at_once_and_status_says_so(self):
        released = threading.Event()
        self.addCleanup(released.set)

        def script(exchange):
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            exchange.wait(released)
            exchange.send(b"done")
        proxy = self.kept(self.upstream(script), room=0, start=False)
        proxy.edit(('shutdown_grace = "10s"', 'shutdown_grace = "1h"'))
        proxy.start()
        proxy.wait_until_said("sockets_not_kept")
        downloader = self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        downloader.read_head()
        proxy.signal(signal.SIGTERM)
        proxy.wait_until_said("shutting_down .*newcomers=refused")
        eventually(lambda: not listens_at(proxy.address), "a refusal")
        self.assertIn("clients are refused", proxy.ctl("status")[1])
        released.set()
        self.assertEqual(downloader.wire.exactly(8), b"halfdone")

    def test_what_is_kept_no_more_is_noticed(self):
        proxy = self.kept()
        proxy.wait_until_said("sockets_kept")
        proxy.supervisor.forget_all()
        self.complains(proxy, "FileDescriptorStoreMax=")

    def test_a_service_manager_that_takes_its_time_is_believed_when_it_has_answered(self):
        proxy = self.kept(start=False)
        proxy.supervisor.hears.clear()
        proxy.start()
        self.assertNotIn("sockets_kept", proxy.said)
        proxy.supervisor.hears.set()
        proxy.wait_until_said("sockets_kept")
        self.is_well(proxy, "keeps")

    def test_one_that_does_not_answer_is_not_believed(self):
        proxy = self.kept(start=False)
        proxy.supervisor.hears.clear()
        proxy.start()
        proxy.wait_until_said("sockets_not_kept")
        self.complains(proxy, "NOTIFY_SOCKET")
        proxy.supervisor.hears.set()
        proxy.wait_until_said("sockets_kept")
        self.is_well(proxy, "keeps")

    def test_one_that_cannot_be_reached_is_a_complaint(self):
        proxy = self.kept(start=False)
        proxy.environment["NOTIFY_SOCKET"] = str(proxy.folder / "nobody")
        proxy.start()
        self.complains(proxy, "NOTIFY_SOCKET")

    def test_where_nobody_was_to_keep_them_nothing_is_wrong(self):
        proxy = self.proxy(self.upstream())
        line = self.line(proxy)
        self.assertEqual((line["result"], self.warnings(proxy)), ("ok", []))
        self.assertIn("a restart refuses clients until it listens again", line["text"])
        self.assertEqual(proxy.metric("drawbridge_listening_sockets_kept"), 0)

    def test_sockets_that_came_from_elsewhere_need_no_store(self):
        proxy = self.handed([listening()], workers=1)
        proxy.supervisor.room = 0
        proxy.environment["NOTIFY_SOCKET"] = proxy.supervisor.address
        proxy.start()
        self.is_well(proxy, "who started proxyd holds 1 listening socket:")

    def test_some_that_came_from_elsewhere_are_not_all_of_them(self):
        proxy = self.handed([listening()])
        proxy.config.write_text(proxy.config.read_text() + SECOND)
        proxy.start()
        self.assertIn("a restart refuses clients until it listens again", self.line(proxy)["text"])
        self.assertEqual(proxy.metric("drawbridge_listening_sockets_kept"), 0)

    def test_some_that_came_from_elsewhere_do_not_make_up_for_a_store_too_small(self):
        proxy = self.handed([listening()], workers=2)
        proxy.supervisor.room = 0
        proxy.environment["NOTIFY_SOCKET"] = proxy.supervisor.address
        proxy.start()
        proxy.wait_until_said("sockets_not_kept")
        self.complains(proxy, "FileDescriptorStoreMax= of the unit must be at least 3")

    def test_what_it_sees_that_by_is_left_to_no_next_process(self):
        proxy = self.kept(workers=2).fix_addresses()
        proxy.supervisor.looks = False
        for _ in range(3):
            proxy.wait_until_said("sockets_kept")
            self.assertEqual(len(proxy.supervisor.store()), 3)
            proxy.restart()
            self.assertNotIn("handed_over_unfit", proxy.said)


if __name__ == "__main__":
    unittest.main()
