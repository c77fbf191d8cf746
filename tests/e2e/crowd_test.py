"""Ten thousand requests wait for a cutover and are let go: each reaches the new server once, none the old one, those of a
connection in their order, and no second sees more of them than was configured."""

import bisect
import collections
import http.client
import itertools
import re
import resource
import select
import socket
import subprocess
import unittest

from harness import BIN, PATIENCE, eventually
from register_stage import RegisterStage

DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
WAITING = min(10_000, (DESCRIPTORS - 400) // 2)  # proxyd keeps two for a client, one of them for its server
RELEASE_PER_SECOND = 4_000
BYTES_OF_ONE_MAX = 32 * 1024
SITE = f"""hold = {{ max_requests = {WAITING}, max_wait = "60s", max_total = "60s", release_per_second = {RELEASE_PER_SECOND} }}
[limits]
connections = {WAITING + 100}"""

STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")


class Crowd:
    """Connections that each send two requests at once: the first waits in the hold, the second behind it."""

    def __init__(self, address, count):
        self.sockets, self.seen = {}, {}
        self.poll = select.epoll()
        for number in range(count):
            one = socket.create_connection(address, timeout=PATIENCE)
            one.sendall(b"".join(self.request(f"c{number}{part}") for part in "ab"))
            self.sockets[one.fileno()] = one
            self.seen[one.fileno()] = b""
            self.poll.register(one, select.EPOLLIN)

    @staticmethod
    def request(name):
        return f"POST /inc/{name} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n".encode()

    def read_answers(self):
        """How often each status was answered."""
        open_ones = set(self.sockets)
        while open_ones:
            ready = self.poll.poll(PATIENCE)
            assert ready, f"{len(open_ones)} connections have no answers"
            for number, _ in ready:
                got = self.sockets[number].recv(4096)
                self.seen[number] += got
                if not got or len(STATUS.findall(self.seen[number])) == 2:
                    self.poll.unregister(number)
                    open_ones.discard(number)
        return collections.Counter(int(status) for text in self.seen.values() for status in STATUS.findall(text))

    def close(self):
        for one in self.sockets.values():
            one.close()
        self.poll.close()


def read_log(server):
    """[(nanoseconds, register)] of what a server was asked to add, in its order."""
    host, port = server.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    connection.request("GET", "/log")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return [(int(at), name) for at, name, _ in map(str.split, lines)]


def most_in_a_second(times):
    return max(bisect.bisect_left(times, at + 1_000_000_000) - number for number, at in enumerate(times))


class CrowdTest(unittest.TestCase):
    def setUp(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

    def begin(self, stage, go):
        command = f"while ! test -e {go}; do sleep 0.02; done"
        return subprocess.Popen(
            [BIN / "proxyctl", "cutover", "shop", "--to", "green", "--deadline", "60s", "--run", command, "--socket",
             stage.proxy.socket_path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def parked(self, stage):
        return stage.proxy.admin("GET", "/v1/status")[1]["sites"][0].get("parked", {}).get("waiting", 0)

    def test_ten_thousand_wait_and_go_on_in_order_at_the_configured_pace(self):
        with RegisterStage(work_us=0, site=SITE) as stage:
            go = stage.proxy.folder / "go"
            moving = self.begin(stage, go)
            eventually(lambda: stage.proxy.admin("GET", "/v1/status")[1]["sites"][0]["mode"] == "hold", "the hold")
            before = stage.proxy.rss_bytes()
            crowd = Crowd(stage.proxy.address, WAITING)
            stage.callback(crowd.close)
            eventually(lambda: self.parked(stage) == WAITING, f"{WAITING} waiting requests", 3 * PATIENCE)
            each = (stage.proxy.rss_bytes() - before) / WAITING
            self.assert_one_more_is_refused(stage)
            go.touch()
            answers = crowd.read_answers()
            out = moving.communicate(timeout=PATIENCE)[0]
            self.assertEqual(moving.returncode, 0, out)
            self.assertEqual(answers, {200: 2 * WAITING})
            self.assertEqual(read_log(stage.blue), [])
            self.assert_each_once_and_in_order(read_log(stage.green))
            self.assert_pace(read_log(stage.green), each)

    def assert_one_more_is_refused(self, stage):
        one_more = Crowd(stage.proxy.address, 1)
        stage.callback(one_more.close)
        self.assertEqual(one_more.read_answers(), {503: 2})

    def assert_each_once_and_in_order(self, log):
        names = [name for _, name in log]
        self.assertEqual(len(names), 2 * WAITING)
        places = {name: place for place, name in enumerate(names)}
        self.assertEqual(len(places), 2 * WAITING)
        wrong = [number for number in range(WAITING) if places[f"c{number}a"] > places[f"c{number}b"]]
        self.assertEqual(wrong, [])

    def assert_pace(self, log, bytes_each):
        times = [at for at, name in log if name.endswith("a")]
        most, took = most_in_a_second(times), (times[-1] - times[0]) / 1e9
        print(f"{WAITING} waited at {bytes_each / 1024:.1f} KiB each; let go in {took:.2f} s, at most {most} in a second "
              f"of {RELEASE_PER_SECOND}")
        # What a stalled machine holds back comes with what is due: no more of it than fits into the longest silence.
        stall = max(after - before for before, after in itertools.pairwise(times)) / 1e9
        self.assertLessEqual(most, RELEASE_PER_SECOND * (1 + stall))
        self.assertLess(bytes_each, BYTES_OF_ONE_MAX)


if __name__ == "__main__":
    unittest.main()
