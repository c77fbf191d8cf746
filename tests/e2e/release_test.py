"""When a hold ends, those who waited go on in the order in which they came, whichever worker has them: three workers, of
which one has most of those who wait. Judged by who went on until the hold began anew, not by any clock."""

import itertools
import json
import socket
import threading

from cutover_case import POST, CutoverCase
from harness import PATIENCE, ProxyCase, answer, eventually, main

WAITING = 200
PER_SECOND = 100
TOGETHER = int(1 + 0.064 * PER_SECOND)  # so many at most are called at once, and may overtake each other
HOLD = f'hold = {{ release_per_second = {PER_SECOND}, max_wait = "10m", max_total = "10m" }}'


class Release(ProxyCase):
    def waiting(self, proxy):
        _, status = proxy.admin("GET", "/v1/status")
        return status["sites"][0].get("parked", {}).get("waiting", 0)

    def wait_for_parked(self, proxy, count):
        eventually(lambda: self.waiting(proxy) == count, f"{count} waiting requests")

    def crowd(self, proxy):
        """Writes with their numbers, each waiting before the next one comes. Three of five are of one connection, and so
        of one worker; the others have a connection each, with whichever worker."""
        one, streams = self.h2_client(proxy), []
        for number in range(WAITING):
            client = one if number % 5 < 3 else self.h2_client(proxy)
            streams.append((client, client.open("POST", f"/{number}")))
            self.wait_for_parked(proxy, number + 1)
        return streams

    def assert_in_order(self, gone):
        """Who came before one who has gone has gone too, but for those who were called together with him."""
        left_behind = next(number for number in itertools.count() if number not in gone)
        self.assertLess(sum(number > left_behind for number in gone), TOGETHER, (left_behind, sorted(gone)))

    def test_nobody_overtakes_one_who_came_earlier_however_often_the_hold_begins_anew(self):
        upstream = self.upstream()
        proxy = self.proxy(upstream, workers=3, listener="h2c = true", site=HOLD)
        proxy.mode("hold")
        streams = self.crowd(proxy)
        for share in (10, 50, 120):
            proxy.mode("live")
            upstream.wait_for_requests(share)
            proxy.mode("hold")
            eventually(lambda: self.waiting(proxy) + len(upstream.requests) == WAITING, "the rest to wait again")
            self.assert_in_order({int(request.target[1:]) for request in upstream.requests})
        proxy.mode("live")
        for client, stream in streams:
            client.pump(lambda s=stream: s.over)
        self.assertEqual({stream.status for _, stream in streams}, {200})
        self.assertEqual(sorted(int(request.target[1:]) for request in upstream.requests), list(range(WAITING)))


class SlowRelease(CutoverCase):
    def begin_release(self, hold):
        """A write is on its way that a cutover has to wait for; what lets it end."""
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.blue.script = lambda exchange: (exchange.read_body(), exchange.wait(go_on), exchange.send(answer(b"blue")))
        self.shop(site=f"hold = {{ {hold} }}", workers=2)
        self.client(self.the_proxy).send(POST % b"first")
        self.blue.wait_for_requests(1)
        return go_on

    def park(self, count):
        self.until_stage("drain")
        parked = [self.client(self.the_proxy).send(POST % b"%d" % number) for number in range(count)]
        eventually(lambda: self.site()["parked"]["waiting"] == count, "writes that wait")
        return parked

    def test_who_waits_too_long_for_his_turn_is_refused_and_counted(self):
        go_on = self.begin_release('release_per_second = 1, max_wait = "5s"')
        running = self.cut_over("--json")
        parked = self.park(12)
        go_on.set()
        answers = [one.read_response("POST") for one in parked]
        status, out, error = self.end_of(running)
        self.assertEqual(status, 0, out + error)
        refused = [one for one in answers if one.status == 503]
        self.assertEqual({one.value("Drawbridge-Not-Processed") for one in refused}, {"1"})
        self.assertEqual(len(self.green.requests), len(parked) - len(refused))
        self.assertEqual(json.loads(out)["receipt"]["cutover"]["refused"], len(refused))

    def test_who_waits_for_the_receipt_hears_that_the_release_goes_on(self):
        go_on = self.begin_release("release_per_second = 1")
        order = json.dumps({"site": "web", "to": "green"}).encode()
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            line.connect(str(self.the_proxy.socket_path))
            line.sendall(b"POST /v1/cutover HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nConnection: close\r\n"
                         b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(order), order))
            self.park(3)
            go_on.set()
            said = b""
            while b'{"receipt":' not in said:
                said += line.recv(65536)
        self.assertIn(b'{"progress":{"stage":"retire"', said)


if __name__ == "__main__":
    main()
