"""What an idle kept connection costs: resident bytes of the proxy, after one request on each of thousands."""

import json
import os
import subprocess
import time

import cases
import contenders
import loading
import rig

CONNECTIONS = 4_000
GOALS_KIB = {"plain": 0.5, "tls": 14.0}
WARM = 200
WARM_SECONDS = 0.5  # under load: what a process touches once is no cost of a connection
SETTLE_SECONDS_MAX = 15
STILL_SECONDS = 1


def hold(machines, contender, case, connections):
    """Resident bytes while so many connections are idle."""
    words = [rig.BIN / "bench_client", "--port", contender.port(case), "--idle", *case.client_words(),
             "--connections", connections]
    client = subprocess.Popen(
        [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, machines.cores.load),
    )
    with client:
        counted = json.loads(client.stdout.readline())
        if counted["failed"] or counted["answers"] != connections:
            raise SystemExit(f"bench: idle connections of {contender.name}: {counted}")
        resident = settled(contender.server)
        client.stdin.close()
    return resident


def settled(server):
    """Resident bytes once they have stopped falling: memory of the burst of requests goes back first."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    resident = server.resident_bytes()
    while time.monotonic() < deadline:
        time.sleep(STILL_SECONDS)
        before, resident = resident, server.resident_bytes()
        if resident >= before:
            break
    return resident


def run(who):
    samples = []
    for transport in ("plain", "tls"):
        case = next(each for each in cases.CASES if each.transport == transport)
        with rig.Rig([]) as machines:
            for each in contenders.start_all(machines, who).values():
                if not each.can(case):
                    continue
                loading.Loader(machines).load(each, case, WARM_SECONDS)
                before = hold(machines, each, case, WARM)
                cost = (hold(machines, each, case, WARM + CONNECTIONS) - before) / CONNECTIONS
                samples.append({"contender": each.name, "transport": transport, "kib": cost / 1024})
    return samples
