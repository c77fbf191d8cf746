"""nginx, HAProxy and proxyd side by side: CPU time a request and requests a second, in one run on the same cores.

Each proxy has one worker on the same core (taken in turns; only one is under load at a time), the upstream another
core, the load generator the rest. Rounds are interleaved, so that a change of the machine's mood hits all three.
Every answer is counted and its size checked: a proxy that answers wrongly fails the run.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass

import memory
import rig
import slow

RESULTS = rig.ROOT / "bench" / "results"
CONNECTIONS = 64
POST_BYTES = 1024


@dataclass(frozen=True)
class Scenario:
    name: str
    method: str
    path: str
    answer_bytes: int


SCENARIOS = [
    Scenario("small GET", "GET", "/bytes/128", 128),
    Scenario("16 KiB GET", "GET", "/bytes/16384", 16384),
    Scenario("1 KiB POST", "POST", "/orders", len(f"{POST_BYTES}\n")),
]


def check_answers(name, port):
    """Before anything is measured: does this proxy do the job at all?"""
    for scenario in SCENARIOS:
        body = b"x" * POST_BYTES if scenario.method == "POST" else None
        status, answer = rig.fetch(port, scenario.method, scenario.path, body)
        if status != 200 or len(answer) != scenario.answer_bytes:
            sys.exit(f"bench: {name}, {scenario.name}: status {status}, {len(answer)} bytes")


def load(machines, port, scenario, requests):
    """Runs h2load for exactly so many requests; returns its seconds. Ends the program if an answer was not right."""
    command = [
        rig.program("h2load"), "--h1", "-t1", f"-c{CONNECTIONS}", f"-n{requests}",
        f"http://127.0.0.1:{port}{scenario.path}",
    ]
    if scenario.method == "POST":
        body = machines.folder / "post"
        body.write_bytes(b"x" * POST_BYTES)
        command += ["-d", str(body)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, machines.cores.load),
    )
    succeeded = re.search(r"status codes: (\d+) 2xx", done.stdout)
    data = re.search(r"\((\d+)\) data$", done.stdout, re.M)
    wanted = (requests, requests * scenario.answer_bytes)
    if not succeeded or not data or (int(succeeded[1]), int(data[1])) != wanted:
        sys.exit(f"bench: not every answer was right ({' '.join(command)}):\n{done.stdout}{done.stderr}")
    number, unit = re.search(r"finished in ([\d.]+)(us|ms|s)\b", done.stdout).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]


def measure(machines, name, scenario, requests):
    server = machines.servers[name]
    cpu_before = server.cpu_seconds()
    seconds = load(machines, server.port, scenario, requests)
    cpu = server.cpu_seconds() - cpu_before
    return {
        "proxy": name,
        "scenario": scenario.name,
        "requests": requests,
        "seconds": seconds,
        "cpu_us_per_request": cpu / requests * 1e6,
        "requests_per_second": requests / seconds,
        "core_busy": cpu / seconds,
    }


def requests_for(machines, name, scenario, seconds):
    """How many requests fill a round; the run that finds out warms the proxy up as well."""
    probe = 20_000
    return max(probe, int(probe / load(machines, machines.servers[name].port, scenario, probe) * seconds))


def run(names, rounds, seconds):
    samples = []
    with rig.Rig(names) as machines:
        for name in names:
            check_answers(name, machines.servers[name].port)
        counts = {
            (name, scenario): requests_for(machines, name, scenario, seconds)
            for scenario in SCENARIOS
            for name in names
        }
        for number in range(rounds):
            turn = names[number % len(names) :] + names[: number % len(names)]
            for scenario in SCENARIOS:
                for name in turn:
                    samples.append(measure(machines, name, scenario, counts[name, scenario]))
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        return samples, machines.cores


def values(samples, name, scenario, key):
    return [each[key] for each in samples if (each["proxy"], each["scenario"]) == (name, scenario.name)]


def with_spread(numbers, form):
    middle = form.format(statistics.median(numbers))
    return f"{middle} ({form.format(min(numbers))}–{form.format(max(numbers))})"


def table(samples, names):
    lines = []
    for scenario in SCENARIOS:
        lines += [
            f"### {scenario.name}",
            "",
            "| | CPU µs a request | to HAProxy | requests/s | core busy |",
            "|---|---|---|---|---|",
        ]
        reference = values(samples, "HAProxy", scenario, "cpu_us_per_request")
        for name in names:
            cpu = values(samples, name, scenario, "cpu_us_per_request")
            speed = values(samples, name, scenario, "requests_per_second")
            busy = statistics.median(values(samples, name, scenario, "core_busy"))
            ratio = f"{statistics.median(cpu) / statistics.median(reference):.2f}" if reference else ""
            costs, reached = with_spread(cpu, "{:.2f}"), with_spread(speed, "{:,.0f}")
            lines.append(f"| {name} | {costs} | {ratio} | {reached} | {busy:.0%} |")
        lines.append("")
    return "\n".join(lines)


def version_of(*command):
    found = rig.program(command[0])
    if not found:
        return ""
    done = subprocess.run([found, *command[1:]], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else ""


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "nginx": version_of("nginx", "-v"),
        "haproxy": version_of("haproxy", "-v"),
    }


def report(samples, names, cores, about, rounds):
    now = datetime.datetime.now(datetime.timezone.utc)
    text = "\n".join([
        f"# Side by side, {now:%Y-%m-%d %H:%M} UTC",
        "",
        f"{about['processor']}, {about['cores']} cores, kernel {about['kernel']}.",
        f"{about['nginx']}; {about['haproxy']}.",
        f"One worker each, {CONNECTIONS} kept connections, {rounds} interleaved rounds; median (lowest–highest).",
        "Access log: proxyd on, nginx and HAProxy off."
        + ("" if cores.apart else " Too few cores: the load shares one with the proxy."),
        "",
        table(samples, names),
    ])
    if about["load_before"] > 1:
        text += f"\nThe machine was busy with other things (load {about['load_before']:.1f}): trust the ratios.\n"
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"load-{now:%Y%m%d-%H%M%S}"
    stem.with_suffix(".md").write_text(text)
    stem.with_suffix(".json").write_text(json.dumps({"machine": about, "samples": samples}, indent=1) + "\n")
    print(text)
    print(f"written to {stem.relative_to(rig.ROOT)}.md and .json")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="about two minutes instead of six")
    options.add_argument("--rounds", type=int)
    options.add_argument("--seconds", type=float, help="of one measurement")
    options.add_argument("--only", nargs="+", choices=list(rig.PROXIES), help="just these proxies")
    options.add_argument("--memory", action="store_true", help="does proxyd's memory stay flat?")
    options.add_argument("--slow", action="store_true", help="ordinary requests beside thousands of slow clients")
    chosen = options.parse_args()
    if chosen.slow:
        slow.main(machine(), chosen.only, chosen.seconds)
        return
    if chosen.memory:
        sys.exit(memory.main(chosen.quick))
    names = chosen.only or list(rig.PROXIES)
    rounds = chosen.rounds or (3 if chosen.quick else 7)
    seconds = chosen.seconds or (3 if chosen.quick else 5)
    about = machine()
    samples, cores = run(names, rounds, seconds)
    report(samples, names, cores, about, rounds)


if __name__ == "__main__":
    main()
