"""When a hold ends, those who waited go on in the order in which they came, whichever worker has them: three workers, of
which one has most of those who wait. Judged by who went on until the hold began anew, not by any clock."""

import itertools

from harness import ProxyCase, eventually, main

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


if __name__ == "__main__":
    main()
