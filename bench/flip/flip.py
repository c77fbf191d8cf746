"""How long does a write wait when a site moves to another server? proxyd's cutover beside the same move by an nginx
reload and over HAProxy's runtime socket, under full load of the same 64 clients, on the same cores.

`./dev bench --flip` takes about three minutes, with `--moves 20` half of one.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import random
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import histogram
import movers
import rig
import sight

RESULTS = rig.ROOT / "bench" / "results"
PAUSE_SECONDS = (0.05, 0.15)
SETTLE_SECONDS = 0.3


def fsync_ms(folder):
    """What the disk takes to keep a small file, as the state store asks it to: the median of 50."""
    took = []
    for number in range(50):
        began = time.monotonic()
        descriptor = os.open(folder / "probe", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.write(descriptor, b"x" * 2048)
        os.fsync(descriptor)
        os.close(descriptor)
        took.append((time.monotonic() - began) * 1000)
    return statistics.median(took)


def measure(mover_class, moves, folder):
    """Moves back and forth under load; what the clients and the servers saw of it."""
    with contextlib.ExitStack() as ending:
        cores = movers.Cores()
        servers = {name: movers.RegisterServer(cores.servers) for name in ("blue", "green")}
        for server in servers.values():
            ending.callback(server.stop)
        mover = mover_class(folder, servers, cores.proxy)
        ending.callback(mover.stop)
        clients = movers.Clients(mover.port, folder / "history", cores.clients)
        ending.callback(clients.kill)
        time.sleep(SETTLE_SECONDS)
        windows = []
        for number in range(moves):
            target = ("green", "blue")[number % 2]
            sent = time.monotonic_ns()
            mover.move(target)
            windows.append(sight.Window(sent, time.monotonic_ns(), "blue" if target == "green" else "green", target))
            time.sleep(random.uniform(*PAUSE_SECONDS))
        clients.end()
        logs = {name: server.log() for name, server in servers.items()}
        return sight.judge(mover_class.name, windows, clients.history, logs)


def table(seen):
    lines = ["| | moves | a write at other times: median | a write waited: median | p99 | max | longest stall of any request | failed requests | "
             "writes on the old side after the move was done | at most so long after |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for one in seen:
        lines.append(
            f"| {one['name']} | {one['moves']} | {one['usual_median_ms']:.1f} ms | {one['wait_median_ms']:.1f} ms | {one['wait_p99_ms']:.1f} ms | "
            f"{one['wait_max_ms']:.1f} ms | {one['stall_max_ms']:.1f} ms | {one['failed']} | {one['wrong_side']} | "
            f"{one['wrong_side_ms']:.1f} ms |")
    return "\n".join(lines)


def report(seen, about):
    now = datetime.datetime.now(datetime.timezone.utc)
    busy = "" if about["load_before"] < 1 else (
        f"\nThe machine was busy with other things (load {about['load_before']:.1f}): the long waits are its, too.\n")
    text = "\n".join([
        f"# Moving a site under full load, {now:%Y-%m-%d %H:%M} UTC",
        "",
        f"{about['cores']} cores, kernel {about['kernel']}; {movers.WORKERS} workers each on the same cores, "
        f"{movers.CLIENTS} clients, every other request a write.",
        f"An fsync where proxyd keeps its state takes {about['fsync_ms']:.1f} ms (median of 50).",
        busy,
        table(seen),
        "",
        "*A write waited*: every write that was open when the old side had its last one and the new side not yet its "
        "first, or, where both sides had writes at once, while the move was made. *Failed*: no whole answer, or not 200.",
        "proxyd holds writes and waits for the old side's; nginx and HAProxy do neither, so they stop nobody and leave "
        "writes behind.",
        "",
        "![histogram](flip.svg)",
        "",
    ])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "flip.md").write_text(text)
    (RESULTS / "flip.svg").write_text(histogram.draw(seen))
    values = [{key: value for key, value in one.items() if key != "waits_ms"} for one in seen]
    (RESULTS / "flip.json").write_text(json.dumps({"machine": about, "seen": values}, indent=1) + "\n")
    print(text)
    print("written to bench/results/flip.md, .svg and .json")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--moves", type=int, default=200, help="of each (200)")
    options.add_argument("--only", nargs="+", choices=[each.name for each in movers.ALL], help="just these")
    chosen = options.parse_args()
    about = {"cores": len(os.sched_getaffinity(0)), "kernel": platform.release(), "load_before": os.getloadavg()[0]}
    seen = []
    for mover in movers.ALL:
        if chosen.only and mover.name not in chosen.only:
            continue
        with tempfile.TemporaryDirectory(prefix="drawbridge-flip-") as name:
            folder = pathlib.Path(name)
            folder.chmod(0o755)
            about["fsync_ms"] = fsync_ms(folder)
            seen.append(measure(mover, chosen.moves, folder))
        print(f"{mover.name}: {chosen.moves} moves", file=sys.stderr, flush=True)
    report(seen, about)


if __name__ == "__main__":
    main()
