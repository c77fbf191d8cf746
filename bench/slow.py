"""Slow clients: what thousands of them do to the others, behind HAProxy and behind proxyd, one worker each.

slowhttptest opens 4,000 connections in each of its four modes (heads that come a field at a time, bodies that come
a byte at a time, answers that nobody reads, absurd ranges) while 200 ordinary requests a second go beside them, half
of them on connections of their own. Their latency counts from the moment they were due.
"""

import asyncio
import csv
import datetime
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

import rig

RESULTS = rig.ROOT / "bench" / "results" / "slow-clients.md"
CONFIG_FILES = {"HAProxy": rig.ROOT / "bench/slow/haproxy.cfg", "proxyd": rig.ROOT / "bench/load/proxyd.toml"}
CONNECTIONS = 4_000
CONNECTIONS_PER_SECOND = 1_000
ORDINARY_PER_SECOND = 200
ANSWER_BYTES = 512
PATIENCE_SECONDS = 10
SECONDS = 20
TURN = {  # slowhttptest's options, and the path they go to
    "none": None,
    "slow heads (-H)": (["-H", "-i", "5", "-x", "24", "-t", "GET"], "/bytes/100"),
    "slow bodies (-B)": (["-B", "-i", "5", "-s", "8192", "-x", "10", "-t", "POST"], "/orders"),
    "slow readers (-X)": (["-X", "-w", "10", "-y", "512", "-n", "5", "-z", "32", "-k", "3"], "/bytes/200000"),
    "ranges (-R)": (["-R", "-a", "10", "-b", "1000", "-t", "HEAD"], "/bytes/1000"),
}


@dataclass
class Outcome:
    latencies: list = field(default_factory=list)
    failures: dict = field(default_factory=dict)
    slow_connections: int = 0
    resident_mib: float = 0

    def failed(self, why):
        self.failures[why] = self.failures.get(why, 0) + 1

    def percentile(self, share):
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000 if ordered else math.nan


class Ordinary:
    """Requests at a steady pace, whether the ones before were answered or not."""

    def __init__(self, port, outcome):
        self.port = port
        self.outcome = outcome
        self.kept = []

    async def ask(self, keep):
        kept = self.kept.pop() if keep and self.kept else None
        reader, writer = kept or await asyncio.open_connection("127.0.0.1", self.port)
        connection = b"" if keep else b"Connection: close\r\n"
        writer.write(b"GET /bytes/%d HTTP/1.1\r\nHost: bench\r\n%s\r\n" % (ANSWER_BYTES, connection))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            writer.close()
            return head.split(b"\r\n")[0].decode("latin-1")
        await reader.readexactly(ANSWER_BYTES)
        if keep:
            self.kept.append((reader, writer))
        else:
            writer.close()
        return None

    async def one(self, due, keep):
        try:
            wrong = await asyncio.wait_for(self.ask(keep), PATIENCE_SECONDS)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            wrong = type(error).__name__
        if wrong:
            self.outcome.failed(wrong)
        else:
            self.outcome.latencies.append(time.monotonic() - due)

    async def run(self, seconds):
        start = time.monotonic()
        tasks = []
        for number in range(int(seconds * ORDINARY_PER_SECOND)):
            due = start + number / ORDINARY_PER_SECOND
            await asyncio.sleep(max(0, due - time.monotonic()))
            tasks.append(asyncio.create_task(self.one(due, number % 2 == 0)))
        await asyncio.gather(*tasks)
        for _, writer in self.kept:
            writer.close()


def attack(machines, port, turn, seconds):
    options, path = turn
    command = [
        rig.program("slowhttptest"), "-c", str(CONNECTIONS), "-r", str(CONNECTIONS_PER_SECOND), "-l", str(seconds),
        *options, "-u", f"http://127.0.0.1:{port}{path}", "-g", "-o", str(machines.folder / "slow"), "-p", "5",
    ]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, machines.cores.load),
    )


def connections_seen(machines):
    """The most that were open at once."""
    file = machines.folder / "slow.csv"
    with open(file, encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    column = [name.strip() for name in rows[0]].index("Connected")
    file.unlink()
    return max((int(row[column]) for row in rows[1:]), default=0)


async def watch(server, outcome):
    while True:
        outcome.resident_mib = max(outcome.resident_mib, server.resident_bytes() / 2**20)
        await asyncio.sleep(0.2)


async def measure(machines, name, turn, seconds):
    server = machines.servers[name]
    outcome = Outcome()
    watcher = asyncio.create_task(watch(server, outcome))
    attackers = attack(machines, server.port, turn, seconds) if turn else None
    await Ordinary(server.port, outcome).run(seconds)
    watcher.cancel()
    if attackers:
        attackers.wait()
        outcome.slow_connections = connections_seen(machines)
    return outcome


def start(machines, name):
    port = rig.free_port()
    values = {"@FOLDER@": str(machines.folder), "@PORT@": str(port), "@UPSTREAM@": str(machines.upstream.port)}
    (machines.folder / "state").mkdir(exist_ok=True)
    text = CONFIG_FILES[name].read_text()
    command = list(rig.PROXIES[name])
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
        command = [word.replace(placeholder, value) for word in command]
    (machines.folder / rig.CONFIG_FILES[name]).write_text(text)
    command[0] = rig.program(command[0]) or command[0]
    return machines.start(name, command, machines.cores.proxy, port)


def row(mode, name, outcome):
    failures = ", ".join(f"{count} {why}" for why, count in outcome.failures.items()) or "none"
    latency = " | ".join(f"{each:.1f}" for each in (
        outcome.percentile(0.5), outcome.percentile(0.99), max(outcome.latencies, default=math.nan) * 1000))
    return (f"| {mode} | {name} | {outcome.slow_connections:,} | {len(outcome.latencies):,} | {latency} | {failures} "
            f"| {outcome.resident_mib:.0f} |")


def report(rows, about, seconds, load):
    now = datetime.datetime.now(datetime.timezone.utc)
    return "\n".join([
        f"# Slow clients, {now:%Y-%m-%d %H:%M} UTC",
        "",
        f"{about['processor']}, {about['cores']} cores, kernel {about['kernel']}; {about['haproxy']}.",
        f"One worker each on the same core. slowhttptest opens {CONNECTIONS:,} connections at "
        f"{CONNECTIONS_PER_SECOND:,} a second and keeps them as long as it may, {seconds} s a row. Beside it "
        f"{ORDINARY_PER_SECOND} ordinary GETs of {ANSWER_BYTES} bytes a second, every second one on a connection of "
        "its own; milliseconds from the moment each was due.",
        f"Load of the machine before: {load:.1f}" + (
            " (busy with other things: compare the rows, not the days)." if load > 1 else "."),
        "",
        "| slow clients | proxy | open at once | answered | p50 | p99 | longest | failed | highest RSS, MiB |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ])


def run(names, seconds):
    rows = []
    for mode, turn in TURN.items():
        for name in names:
            with rig.Rig([]) as machines:
                start(machines, name)
                outcome = asyncio.run(measure(machines, name, turn, seconds if turn else seconds / 2))
            rows.append(row(mode, name, outcome))
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def main(about, only, seconds):
    if not rig.program("slowhttptest"):
        sys.exit("bench: slowhttptest is missing; as root: apt-get install -y slowhttptest")
    names = [name for name in CONFIG_FILES if not only or name in only]
    seconds = int(seconds or SECONDS)
    load = os.getloadavg()[0]
    text = report(run(names, seconds), about, seconds, load)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)
