"""System calls a request, counted by perf at the kernel's door while a contender is under load."""

import json
import os
import re
import subprocess

import cases
import contenders
import rig

SECONDS = 0.3


def available():
    perf = rig.program("perf")
    if not perf:
        return False
    probe = [perf, "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def count(machines, contender, case):
    pids = ",".join(map(str, rig.tree_of(contender.server.process.pid)))
    report = machines.folder / "perf"
    command = [rig.program("perf"), "stat", "-x,", "-o", report, "-e", "raw_syscalls:sys_enter", "-p", pids, "--",
               rig.BIN / "bench_client", "--port", contender.port(case), "--seconds", SECONDS, *case.client_words()]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True,
        env={**os.environ, **machines.peers}, preexec_fn=lambda: os.sched_setaffinity(0, machines.cores.load),
    )
    calls = re.search(r"^(\d+),.*raw_syscalls", report.read_text(), re.M)
    answers = json.loads(done.stdout)["answers"]
    return {"contender": contender.name, "case": case.name, "calls": int(calls[1]) / answers}


def run(who):
    """Nothing where perf is not there or may not count."""
    if not available():
        return []
    with rig.Rig([], polling=True) as machines:
        running = contenders.start_all(machines, who).values()
        wanted = [case for case in cases.CASES if case.transport != "h2"]
        return [count(machines, each, case) for case in wanted for each in running if each.can(case)]
