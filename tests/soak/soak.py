"""Good, broken and leaving clients for a long time, while modes flip and servers are killed: does proxyd stay whole?

At the end: no sanitizer report, no leak, no descriptor left, memory flat, and what the clients believe, what the
servers counted and what the access log says agree. Prints the figures; exits 1 with every disagreement. Ctrl-C ends
the storm early; the books are compared all the same.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import ledger
import pulse
import stage
import traffic

GOOD_CLIENTS = 32
HOSTILE_CLIENTS = 24
IDLE_SECONDS_MAX = 30
GROWTH_MAX = 0.10
JUDGED_SECONDS_MIN = 300  # a shorter run has not warmed up
SAMPLE_SECONDS = 0.5
ROTATE_SECONDS = 20
MODES = [["readonly"], ["maintenance"], ["hold", "--scope", "writes"], ["hold", "--scope", "all"]]
LOOKS = [["status"], ["status", "--json"], ["pool", "list"], ["history", "--last", "5"], ["doctor"],
         ["explain", "POST", "http://good.test/b/ok"], ["page", "preview", "good", "--as", "json"]]


class Chaos:
    """What an operator and a bad night do beside the traffic."""

    def __init__(self, machines, book, stop):
        self.machines = machines
        self.book = book
        self.stop = stop
        self.flips = 0
        self.restarts = 0
        self.looks = 0
        self.cutovers = 0
        self.failed_back = 0
        self.site = asyncio.Lock()  # while a cutover has a site, other changes of it are refused

    async def pause(self, seconds):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.stop.wait(), seconds)

    async def expect(self, codes, *words):
        code, text = await self.machines.command(*words)
        if code not in codes:
            self.book.problem("proxyctl failed", f"{' '.join(words)}: exit {code}: {text[-400:]}")
        return code

    async def change(self, codes, *words):
        async with self.site:
            return await self.expect(codes, *words)

    async def flip(self):
        while not self.stop.is_set():
            mode = random.choice(MODES)
            cut = random.choice([[], ["--cut"]])
            lasts = random.choice([[], [], ["--for", "300ms"]])
            drain = random.choice(["50ms", "500ms", "2s"])
            # The end of the mode may come before that of the drain: then it is no longer in force, which is exit 1.
            codes = {0, 1, 4} if lasts or mode[0] == "hold" else {0, 4}
            await self.change(codes, "mode", *mode, "--drain", drain, "--reason", "soak", *cut, *lasts)
            await self.pause(random.uniform(0, 0.8))
            await self.change({0}, "mode", "live")
            self.flips += 2
            await self.pause(random.uniform(0, 4))

    async def cut_over(self):
        """There and back, as far as the servers let it: each must answer before, and they are being restarted."""
        to = "other"
        while not self.stop.is_set():
            await self.pause(random.uniform(0, 6))
            words = ["cutover", "good", "--to", to, "--hold", random.choice(["writes", "all"]), "--drain", "1s",
                     "--deadline", "2s", *random.choice([[], ["--cut"]]), *random.choice([[], ["--check", "/healthz"]])]
            if await self.change({0, 1}, *words) == 0:
                self.cutovers += 1
                to = "good" if to == "other" else "other"
            else:
                self.failed_back += 1

    async def restart(self):
        while not self.stop.is_set():
            await self.pause(random.uniform(1, 4))
            name = random.choice(list(self.machines.upstream_ports))
            await self.machines.restart_upstream(name, random.choice([signal.SIGKILL, signal.SIGTERM]))
            self.restarts += 1

    async def look(self):
        while not self.stop.is_set():
            words = random.choice(LOOKS)
            await self.expect({0, 1} if words == ["doctor"] else {0}, *words)
            self.looks += 1
            await self.pause(random.uniform(0, 1))

    async def drain_servers(self):
        address = f"127.0.0.1:{self.machines.upstream_ports['good_1']}"
        while not self.stop.is_set():
            await self.pause(random.uniform(1, 5))
            await self.expect({0, 4}, "server", random.choice(["drain", "disable"]), "good", address, "--drain", "500ms")
            await self.pause(random.uniform(0, 0.5))
            await self.expect({0}, "server", "ready", "good", address)
            await self.change({0}, "reload")

    async def rotate(self):
        while not self.stop.is_set():
            await self.pause(ROTATE_SECONDS)
            self.machines.rotate()
            access_log = self.machines.folder / "access.log"
            await stage.until(access_log.exists, stage.START_SECONDS_MAX, "the reopened access log")

    def all(self):
        return [self.flip(), self.cut_over(), self.restart(), self.look(), self.drain_servers(), self.rotate()]


async def sample(machines, stop, samples):
    while not stop.is_set() and not machines.ended():
        samples.append(machines.resident_mib())
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), SAMPLE_SECONDS)


async def storm(machines, book, seconds):
    """Everything at once; returns the chaos, for its counts, and the samples of the resident size."""
    stop = asyncio.Event()
    beat = pulse.Pulse()
    clients = traffic.Traffic(machines.port, book, stop, beat)
    chaos = Chaos(machines, book, stop)
    samples = []
    tasks = [asyncio.create_task(each) for each in [
        *(clients.run(clients.good) for _ in range(GOOD_CLIENTS)),
        *(clients.run(clients.hostile) for _ in range(HOSTILE_CLIENTS)),
        *chaos.all(), sample(machines, stop, samples), beat.run(stop),
    ]]
    ended = asyncio.create_task(machines.proxyd.wait())
    interrupted = asyncio.create_task(stop.wait())
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    await asyncio.wait([ended, interrupted, *tasks], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            book.problem("the soak itself failed", repr(result))
    if not ended.done():
        ended.cancel()
    return chaos, samples


async def settled_descriptors(machines, wanted):
    """The descriptors once nothing is in flight: the lowest of what is seen until it is what it was."""
    lowest = machines.descriptors()
    deadline = time.monotonic() + IDLE_SECONDS_MAX
    while lowest > wanted and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        lowest = min(lowest, machines.descriptors())
    return lowest


async def last_words(machines, book, before):
    """After the storm: everything is given back, the next request is served, and SIGTERM ends it cleanly."""
    if machines.ended():
        book.problem("proxyd ended by itself", f"exit {machines.proxyd.returncode}")
        return None
    await machines.command("mode", "live")
    after = await settled_descriptors(machines, before)
    if after > before:
        book.problem("descriptors left", f"{before} before, {after} after")
    code, text = await machines.command("status")
    if code != 0:
        book.problem("proxyctl failed", f"status at the end: {text[-400:]}")
    code = await machines.stop_proxyd()
    if code != 0:
        book.problem("proxyd did not end cleanly", f"exit {code}")
    return after


def judge_memory(book, samples, seconds):
    """Highest of the last quarter to highest of the second: the first warms up."""
    quarter = len(samples) // 4
    if quarter == 0:
        return "no samples"
    early, late = max(samples[quarter : 2 * quarter]), max(samples[-quarter:])
    growth = (late - early) / early
    if seconds >= JUDGED_SECONDS_MIN and growth > GROWTH_MAX:
        book.problem("memory grew", f"from {early:.0f} to {late:.0f} MiB")
    quarters = [max(samples[at * quarter : (at + 1) * quarter]) for at in range(4)]
    return ("highest resident size of each quarter, MiB: " + ", ".join(f"{each:.0f}" for each in quarters)
            + f"; last to second {growth:+.1%}")


def judge_reports(machines, book):
    for report in sorted(machines.folder.glob("sanitizer*")):
        book.problem("a sanitizer reports", report.read_text(errors="replace")[:6000])
    for line in (machines.folder / "proxyd.log").read_text(errors="replace").splitlines():
        if "CHECK" in line or "task_failed" in line:
            book.problem("proxyd says something went wrong", line)


async def soak(machines, seconds):
    book = ledger.Ledger()
    await machines.start()
    await asyncio.sleep(1)  # the first health checks have opened what they open
    before = min([machines.descriptors() for _ in range(20) if not await asyncio.sleep(0.05)])
    chaos, samples = await storm(machines, book, seconds)
    after = await last_words(machines, book, before)
    for process in machines.upstreams.values():
        process.terminate()
        await process.wait()
    book.read_journals(sorted(machines.folder.glob("journal-*")))
    book.read_access_logs(sorted(machines.folder.glob("access.log*")))
    book.reconcile()
    judge_reports(machines, book)
    lines = book.summary() + [
        f"{chaos.flips:,} mode flips, {chaos.restarts:,} restarts of servers, {chaos.looks:,} looks, "
        f"{machines.rotations:,} log rotations",
        f"{chaos.cutovers:,} cutovers, {chaos.failed_back:,} that were refused or went back",
        f"descriptors: {before} before, {after} after",
        judge_memory(book, samples, seconds),
    ]
    return lines, book.complaints()


async def run(options):
    folder = tempfile.mkdtemp(prefix="drawbridge-soak-")
    machines = stage.Stage(folder, options.programs)
    try:
        lines, complaints = await soak(machines, options.seconds)
    finally:
        await machines.close()
    print("\n".join([f"soak of {options.seconds} s, seed {options.seed}", *lines]))
    if complaints:
        print("\n".join(["", "WRONG:", *complaints, "", f"all of it is in {folder}"]))
        return 1
    shutil.rmtree(folder)
    print("all of it agrees")
    return 0


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=int, default=1800)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options.add_argument("--programs", default=os.environ.get("DRAWBRIDGE_BIN"),
                         help="the folder of proxyd and proxyctl; else DRAWBRIDGE_BIN")
    chosen = options.parse_args()
    if not chosen.programs or not (pathlib.Path(chosen.programs) / "proxyd").exists():
        sys.exit("soak: --programs must name the folder where proxyd and proxyctl are")
    random.seed(chosen.seed)
    sys.exit(asyncio.run(run(chosen)))


if __name__ == "__main__":
    main()
