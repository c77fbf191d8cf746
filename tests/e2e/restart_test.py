"""proxyd restarts, and nobody who connects is refused, no write is done twice, none that was acknowledged is lost."""

import signal
import socket
import subprocess
import threading
import unittest

from harness import BIN, KeptProxy, ProxyCase, answer, eventually
from restart_crowd import Crowd, listeners

RESTARTS = 8
ASK_WEBSOCKET = (b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
GREEN = '\n[pool.green]\nservers = ["%s"]\nhealth = { active = false }\n'
CLOSE_1012 = b"\x88\x02\x03\xf4"


class RestartCase(ProxyCase):
    def kept(self, upstream, grace="10s", **options):
        """Its listeners: plain, over TLS, HTTP/2."""
        proxy = KeptProxy([upstream], start=False, more=options.pop("more", listeners()), **options)
        self.addCleanup(proxy.remove)
        self.addCleanup(proxy.stop)
        proxy.edit(('shutdown_grace = "10s"', f'shutdown_grace = "{grace}"'))
        proxy.start().fix_addresses()
        return proxy

    def crowd(self, proxy):
        crowd = Crowd(proxy.addresses[:3])
        self.addCleanup(crowd.stop)
        crowd.wait_for()
        return crowd


class UnderLoad(RestartCase):
    def all_are_answered(self, proxy, restarts):
        upstream = self.server
        crowd = self.crowd(proxy)
        for restart in restarts:
            restart()
            crowd.wait_for()
        crowd.stop()
        self.assertEqual(crowd.not_answered(200), [])
        self.assertEqual(crowd.wrong_at(upstream), [])

    def open(self, **options):
        self.server = self.upstream()
        return self.kept(self.server, **options)

    def test_restarts_are_not_noticed(self):
        proxy = self.open()
        self.all_are_answered(proxy, [proxy.restart] * RESTARTS)

    def test_a_change_of_the_number_of_workers_is_not_noticed(self):
        proxy = self.open(workers=4)

        def change(before, after):
            proxy.edit((f"workers = {before}", f"workers = {after}"))
            proxy.restart()
        self.all_are_answered(proxy, [lambda: change(4, 2), lambda: change(2, 4), lambda: change(4, 3)])

    def test_a_listener_that_comes_or_goes_is_not_noticed_at_the_others(self):
        proxy = self.open()
        more = '\n[[listener]]\naddress = "127.0.0.1:0"\n'

        def add():
            proxy.config.write_text(proxy.config.read_text() + more)
            proxy.restart()

        def remove():
            proxy.edit((more, ""))
            proxy.restart()
        self.all_are_answered(proxy, [add, remove])

    def test_crashes_refuse_nobody_and_double_nothing(self):
        proxy = self.open()
        crowd = self.crowd(proxy)
        for _ in range(RESTARTS):
            proxy.crash_and_start()
            crowd.wait_for()
        crowd.stop()
        self.assertEqual([outcome for outcome in crowd.outcomes if outcome.got == "refused" and "Refused" in outcome.error], [])
        self.assertEqual(crowd.wrong_at(self.server), [])

    def test_readonly_goes_on_over_a_restart_and_every_write_is_told(self):
        proxy = self.open()
        proxy.mode("readonly")
        crowd = self.crowd(proxy)
        for _ in range(3):
            proxy.restart()
            crowd.wait_for()
        crowd.stop()
        self.assertEqual(crowd.not_answered(503), [])
        self.assertTrue(all(outcome.promised for outcome in crowd.outcomes))
        self.assertEqual(self.server.requests, [])

    def test_a_hold_goes_on_over_a_restart_and_who_cannot_wait_on_is_told_that_nothing_was_done(self):
        proxy = self.open()
        crowd = self.crowd(proxy)
        proxy.mode("hold")
        eventually(lambda: proxy.admin("GET", "/v1/status")[1]["sites"][0]["parked"]["waiting"] > 0, "somebody to be parked")
        reached = len(self.server.requests)
        proxy.restart()
        self.assertEqual(proxy.admin("GET", "/v1/status")[1]["sites"][0]["mode"], "hold")
        self.assertEqual(len(self.server.requests), reached)
        proxy.mode("live")
        crowd.wait_for()
        crowd.stop()
        self.assertEqual(crowd.not_answered(200, 503), [])
        self.assertTrue(all(outcome.promised for outcome in crowd.outcomes if outcome.got == 503))
        self.assertEqual(crowd.wrong_at(self.server), [])


class CrashInAHold(RestartCase):
    """What waited is gone with the process and was never sent; who comes while nobody runs is refused by nobody."""

    def open(self, **options):
        self.blue, self.green = self.upstream(), self.upstream()
        return self.kept(self.blue, more=GREEN % self.green.address, **options)

    def site(self, proxy):
        return proxy.admin("GET", "/v1/status")[1]["sites"][0]

    def post(self, proxy, target):
        return self.client(proxy).send(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())

    def crash(self, proxy):
        """Returns who came while no process ran."""
        waiting = self.post(proxy, "/waiting")
        eventually(lambda: self.site(proxy)["parked"]["waiting"] == 1, "a write to wait")
        proxy.kill()
        newcomer = self.post(proxy, "/newcomer")
        proxy.start()
        self.assertFalse(waiting.stays_open())
        return newcomer

    def reached(self):
        return [[request.target for request in server.requests] for server in (self.blue, self.green)]

    def test_a_cutover_has_not_been_and_the_newcomer_is_served_by_the_pool_of_before(self):
        proxy = self.open()
        running = subprocess.Popen([BIN / "proxyctl", "cutover", "web", "--to", "green", "--socket", proxy.socket_path,
                                    "--run", "exec sleep 3600"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.stderr.close)
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)
        eventually(lambda: (self.site(proxy).get("cutover") or {}).get("stage") == "run", "its command")
        newcomer = self.crash(proxy)
        self.assertEqual(newcomer.read_response("POST").status, 200)
        site = self.site(proxy)
        self.assertEqual((site["pool"], site["mode"], site.get("cutover")), ("blue", "live", None))
        self.assertEqual(self.reached(), [["/newcomer"], []])
        self.assertNotEqual(running.wait(), 0)

    def test_a_hold_goes_on_and_the_newcomer_waits_in_it(self):
        proxy = self.open()
        proxy.mode("hold")
        newcomer = self.crash(proxy)
        eventually(lambda: self.site(proxy)["parked"]["waiting"] == 1, "the newcomer to wait")
        self.assertEqual(self.reached(), [[], []])
        proxy.mode("live")
        self.assertEqual(newcomer.read_response("POST").status, 200)
        self.assertEqual(self.reached(), [["/newcomer"], []])


class LongOnes(RestartCase):
    """While something long is in flight the process that was told to end serves newcomers."""

    def open(self, **options):
        self.released = threading.Event()
        self.server = self.upstream(self.script)
        self.proxyd = self.kept(self.server, grace=options.pop("grace", "1h"), more=options.pop("more", ""), **options)
        self.downloader = self.client(self.proxyd).send(b"GET /download HTTP/1.1\r\nHost: a\r\n\r\n")
        self.downloader.read_head()
        return self.proxyd

    def script(self, exchange):
        if exchange.request.target == "/ws":
            exchange.switch()
            exchange.read_rest()
        elif exchange.request.target == "/download":
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            exchange.wait(self.released)
            exchange.send(b"done")
        else:
            exchange.read_body()
            if exchange.request.target == "/slow":
                exchange.wait(self.released)
            exchange.send(answer(b"page"))

    def told_to_end(self, proxy):
        proxy.signal(signal.SIGTERM)
        proxy.wait_until_said("shutting_down")

    def test_newcomers_are_served_until_a_download_has_ended(self):
        proxy = self.open()
        self.told_to_end(proxy)
        for _ in range(20):
            with self.client(proxy) as client:
                self.assertEqual([client.get().body for _ in range(3)], [b"page"] * 3)
        self.released.set()
        self.assertEqual(self.downloader.wire.exactly(8), b"halfdone")
        self.assertEqual(proxy.wait(), 0)
        self.assertNotIn("shutdown_grace_passed", proxy.said)

    def test_a_websocket_holds_up_nobody_and_is_told_when_its_client_can_come_back(self):
        proxy = self.open()
        websocket = self.client(proxy).send(ASK_WEBSOCKET)
        self.assertEqual(websocket.read_head().status, 101)
        self.told_to_end(proxy)
        self.client(proxy).get()
        self.assertTrue(websocket.stays_open())
        self.released.set()
        self.assertEqual(websocket.wire.exactly(4), CLOSE_1012)
        waiting = self.client(proxy).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(proxy.wait(), 0)
        proxy.start()
        self.assertEqual(waiting.read_response().body, b"page")

    def test_at_the_end_of_the_grace_what_was_there_is_cut_and_newcomers_are_not(self):
        proxy = self.open(grace="300ms")
        crowd = threading.Event()
        outcomes = []

        def come():
            while not crowd.is_set():
                with self.client(proxy) as client:
                    outcomes.append(client.post(b"x").status)
        thread = threading.Thread(target=come)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(crowd.set)
        proxy.restart()
        crowd.set()
        thread.join()
        self.assertEqual(self.downloader.wire.rest(), b"half")
        self.assertEqual(set(outcomes), {200})

    def test_what_has_had_its_grace_and_what_has_no_end_are_cut_while_a_newcomer_still_has_time(self):
        proxy = self.open(grace="2s")
        websocket = self.client(proxy).send(ASK_WEBSOCKET)
        self.assertEqual(websocket.read_head().status, 101)
        self.told_to_end(proxy)
        newcomer = self.client(proxy).send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        half_a_head = self.client(proxy).send(b"GET / HT")
        self.server.wait_for_requests(3)
        self.assertEqual(self.downloader.wire.rest(), b"half")
        self.assertEqual(websocket.wire.rest(), CLOSE_1012)
        self.assertEqual(half_a_head.wire.rest(), b"")
        self.assertTrue(newcomer.stays_open())
        self.released.set()
        self.assertEqual(newcomer.read_response("POST").body, b"page")
        self.assertEqual(proxy.wait(), 0)

    def test_an_order_given_meanwhile_holds_for_newcomers_and_for_the_next_process(self):
        proxy = self.open()
        self.told_to_end(proxy)
        code, out, _ = proxy.ctl("status")
        self.assertEqual(code, 0)
        self.assertIn("told to end", out)
        code, out, err = proxy.ctl("mode", "readonly")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.client(proxy).post(b"x").status, 503)
        self.released.set()
        self.assertEqual(proxy.wait(), 0)
        proxy.start()
        self.assertEqual(self.client(proxy).post(b"x").status, 503)
        self.assertEqual([request.method for request in self.server.requests], ["GET"])

    def test_a_cutover_is_not_broken_off(self):
        proxy = self.open(more=GREEN % self.upstream().address)
        self.released.set()
        gate = proxy.folder / "gate"
        running = subprocess.Popen([BIN / "proxyctl", "cutover", "web", "--to", "green", "--socket", proxy.socket_path,
                                    "--run", f"until [ -e {gate} ]; do sleep 0.01; done"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(running.wait)
        self.addCleanup(gate.touch)

        def site():
            return proxy.admin("GET", "/v1/status")[1]["sites"][0]
        eventually(lambda: (site().get("cutover") or {}).get("stage") == "run", "its command")
        self.told_to_end(proxy)
        self.assertEqual(self.client(proxy).get().body, b"page")
        gate.touch()
        self.assertEqual(running.wait(), 0)
        self.assertEqual(proxy.wait(), 0)
        proxy.start()
        self.assertEqual(site()["pool"], "green")

    def test_a_second_signal_ends_it_at_once(self):
        proxy = self.open()
        self.told_to_end(proxy)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(self.downloader.wire.rest(), b"half")
        self.assertEqual(proxy.wait(), 0)
        self.assertNotIn("shutdown_grace_passed", proxy.said)

    def test_without_a_supervisor_clients_are_refused_at_once_as_a_balancer_expects(self):
        self.released = threading.Event()
        proxy = self.proxy(self.upstream(self.script))
        client = self.client(proxy).send(b"GET /download HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_head()
        self.told_to_end(proxy)

        def refused():
            with socket.socket() as probe:
                return probe.connect_ex(proxy.address) != 0
        eventually(refused, "a refusal")
        self.assertIn("clients are refused", proxy.ctl("status")[1])
        self.released.set()
        self.assertEqual(client.wire.exactly(8), b"halfdone")


if __name__ == "__main__":
    unittest.main()
