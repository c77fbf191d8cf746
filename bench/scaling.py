"""What more workers bring: requests a second with several workers, over those with one."""

import json
import os
import statistics
import subprocess

import cases
import contenders
import rig

GOAL_PER_WORKER = 3.5 / 4


def worker_count():
    """Four where the machine has cores for the load as well, two where it has just enough; 0: it has not."""
    cores = len(os.sched_getaffinity(0))
    return 4 if cores >= 10 else 2 if cores >= 4 else 0


def reached(machines, running, seconds):
    """Requests a second, from one load generator a core that is left for them."""
    command = [rig.BIN / "bench_client", "--port", running.server.port, "--seconds", seconds,
               *cases.CASES[0].client_words(), "--host", "quiet.bench"]
    clients = [
        subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                         preexec_fn=lambda core=core: os.sched_setaffinity(0, {core}))
        for core in machines.cores.load
    ]
    counted = [json.loads(each.communicate()[0]) for each in clients]
    if any(each["failed"] for each in counted):
        raise SystemExit(f"bench: answers were not right: {counted}")
    return sum(each["answers"] / each["seconds"] for each in counted)


def run(count, seconds):
    workers = worker_count()
    if workers == 0:
        return None
    samples = []
    with rig.Rig([], cores=rig.Cores(for_proxy=workers)) as machines:
        all_cores = machines.cores.proxy
        few = contenders.drawbridge("one worker", config="flips.toml")
        many = contenders.drawbridge("many workers", config="flips.toml")
        machines.cores.proxy = set(sorted(all_cores)[:1])
        one = contenders.start(machines, few, extra={"@WORKERS@": 1})
        machines.cores.proxy = all_cores
        several = contenders.start(machines, many, extra={"@WORKERS@": workers})
        for _ in range(count):
            samples.append(reached(machines, several, seconds) / reached(machines, one, seconds))
    return {"workers": workers, "ratio": statistics.median(samples), "samples": samples}
