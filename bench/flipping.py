"""Flips are free: what mode flips cost a site that is not flipped, and how soon a flip is in force on all workers."""

import http.client
import json
import socket
import statistics
import threading
import time

import contenders
import loading
import rig

FLIPS_PER_SECOND = 10
RATE = 10_000
WORKERS = 2
QUIET, FLIPPED = "quiet.bench", "flipped.bench"
WORDS = ["--connections", "64", "--path", "/bytes/128", "--answer-bytes", "128", "--other-status", "503"]


class Operator:
    """Sends changes over the admin socket, on one connection."""

    def __init__(self, path):
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(str(path))

    def flip(self, mode):
        body = json.dumps({"mode": mode, "sites": ["flipped"]})
        self.connection.request("POST", "/v1/mode", body)
        answer = self.connection.getresponse()
        said = json.loads(answer.read())
        if answer.status != 200:
            raise SystemExit(f"bench: a flip was answered {answer.status}: {said}")
        return said["receipt"]


class Flipper(threading.Thread):
    """Flips between live and maintenance until it is stopped; keeps the receipts. `pause` 0: without a pause."""

    def __init__(self, socket_path, pause):
        super().__init__()
        self.operator = Operator(socket_path)
        self.pause = pause
        self.over = threading.Event()
        self.receipts = []

    def run(self):
        due = time.monotonic()
        while not self.over.is_set():
            for mode in ("maintenance", "live"):
                self.receipts.append(self.operator.flip(mode))
                due += self.pause
                self.over.wait(max(0, due - time.monotonic()))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def at_rate(machines, port, seconds):
    words = [*WORDS, "--host", QUIET, "--host", FLIPPED]
    return loading.client(machines, port, words, seconds, RATE)["hosts"][0]


def unaffected(machines, running, count, seconds):
    """The quiet site's times, in turns without and with flips of the other."""
    samples = []
    for number in range(count):
        still = at_rate(machines, running.server.port, seconds)
        samples.append({"round": number, "flips": 0, **still})
        with Flipper(running.folder / "admin.sock", 1 / FLIPS_PER_SECOND) as flipper:
            busy = at_rate(machines, running.server.port, seconds)
        samples.append({"round": number, "flips": len(flipper.receipts), **busy})
    return samples


def fences(machines, running, seconds):
    """Flip after flip while all workers have as much to do as they can: how many were in force within 1 ms."""
    with Flipper(running.folder / "admin.sock", 0) as flipper:
        loading.client(machines, running.server.port, [*WORDS, "--host", QUIET], seconds)
    times = sorted(each["fenced_ms"] for each in flipper.receipts)
    return {"flips": len(times), "below_1_ms": sum(each == 0 for each in times) / len(times), "longest_ms": times[-1]}


def run(count, seconds):
    """A worker on each of two cores: the control thread and the log writer have none of their own, as in production."""
    with rig.Rig([], cores=rig.Cores(for_proxy=2)) as machines:
        who = contenders.drawbridge("flips", config="flips.toml")
        running = contenders.start(machines, who, extra={"@WORKERS@": WORKERS})
        return {"quiet": unaffected(machines, running, count, seconds), "fence": fences(machines, running, seconds * 2)}


def summary(found):
    def median(flips, key):
        return statistics.median(each[key] for each in found["quiet"] if bool(each["flips"]) == flips)

    return {key: (median(False, key), median(True, key)) for key in ("p50_us", "p99_us", "p999_us")}
