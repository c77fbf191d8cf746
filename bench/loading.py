"""Load on one contender: bench_client for HTTP/1.1, h2load for HTTP/2. Ends the program if an answer was not right."""

import json
import os
import re
import subprocess
import sys

import rig

PATIENCE_SECONDS = 60
WARM_SECONDS = 0.3  # at a given rate, before times are counted


def run(machines, command):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
        env={**os.environ, **machines.peers}, preexec_fn=lambda: os.sched_setaffinity(0, machines.cores.load),
    )
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def client(machines, port, words, seconds, rate=None):
    """What bench_client counted. Any failure, at any rate, ends the program."""
    command = [rig.BIN / "bench_client", "--port", port, "--seconds", seconds, *words]
    command += ["--rate", f"{rate:.1f}", "--warm", WARM_SECONDS] if rate else []
    counted = json.loads(run(machines, command))
    if counted["failed"]:
        sys.exit(f"bench: {counted['failed']} answers were not right ({' '.join(map(str, command))})")
    return counted


def h2(machines, port, case, requests):
    """Exactly so many requests over eight connections with eight streams each."""
    stdout = run(machines, [rig.program("h2load"), "-t1", "-c8", "-m8", f"-n{requests}",
                            f"https://127.0.0.1:{port}/bytes/{case.answer_bytes}"])
    right = re.search(r"status codes: (\d+) 2xx", stdout)
    data = re.search(r"\((\d+)\) data$", stdout, re.M)
    protocol = re.search(r"Application protocol: (\S+)", stdout)
    wanted = (requests, requests * case.answer_bytes, "h2")
    if not (right and data and protocol) or (int(right[1]), int(data[1]), protocol[1]) != wanted:
        sys.exit(f"bench: not every answer was right:\n{stdout}")
    number, unit = re.search(r"finished in ([\d.]+)(us|ms|s)\b", stdout).groups()
    return {"answers": requests, "seconds": float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]}


class Loader:
    """Loads contenders; remembers how many HTTP/2 requests fill a measurement."""

    H2_FIRST = 5_000

    def __init__(self, machines):
        self.machines = machines
        self.h2_rates = {}

    def load(self, contender, case, seconds):
        if case.transport != "h2":
            return client(self.machines, contender.port(case), case.client_words(), seconds)
        rate = self.h2_rates.get((contender.name, case.name))
        requests = max(1_000, int(rate * seconds)) if rate else self.H2_FIRST
        counted = h2(self.machines, contender.port(case), case, requests)
        self.h2_rates[contender.name, case.name] = counted["answers"] / counted["seconds"]
        return counted

    def at_rate(self, contender, case, seconds, rate, words=()):
        return client(self.machines, contender.port(case), [*case.client_words(), *words], seconds, rate)
