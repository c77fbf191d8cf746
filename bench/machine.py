"""What a result must say about where it was measured."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

import rig


def version_of(*command):
    found = rig.program(command[0])
    if not found:
        return f"no {command[0]}"
    done = subprocess.run([found, *command[1:]], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else ""


def revision():
    done = subprocess.run(["git", "-C", rig.ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "no repository"


def describe():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "time": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M}",
        "processor": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "apart": rig.Cores().apart,
        "kernel": platform.release(),
        "congestion_control": pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip(),
        "load_before": os.getloadavg()[0],
        "nginx": version_of("nginx", "-v"),
        "haproxy": version_of("haproxy", "-v"),
        "revision": revision(),
    }
