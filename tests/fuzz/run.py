"""Runs each fuzz target of build/fuzz/bin for a while and says what it reached and found.

The corpus in tests/fuzz/corpus is read, never written: new inputs go to a working copy under build/fuzz. Exits 1 if
any target found something; the inputs that did are named and kept.
"""

import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "fuzz"
MEMORY_MB_MAX = 2048
INPUT_SECONDS_MAX = 10


def last_number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def run_target(program, seconds):
    name = program.name.removeprefix("fuzz_")
    corpus = WORK / "corpus" / name
    findings = WORK / "findings" / name
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    known = set(findings.iterdir())
    command = [
        program,
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={MEMORY_MB_MAX}",
        f"-timeout={INPUT_SECONDS_MAX}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        corpus,
    ]
    words = ROOT / "tests" / "fuzz" / "dictionary" / name
    if words.exists():
        command.append(f"-dict={words}")
    seeds = ROOT / "tests" / "fuzz" / "corpus" / name
    if seeds.is_dir():
        command.append(seeds)
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    (findings.parent / f"{name}.log").write_text(done.stderr)
    return {
        "name": name,
        "executions": last_number(r"stat::number_of_executed_units: (\d+)", done.stderr),
        "edges": last_number(r"cov: (\d+)", done.stderr),
        "inputs": len(list(corpus.iterdir())),
        "found": sorted(set(findings.iterdir()) - known),
        "failed": done.returncode != 0,
    }


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--jobs", type=int, default=1)
    chosen = options.parse_args()
    programs = sorted((WORK / "bin").glob("fuzz_*"))
    if not programs:
        sys.exit("no fuzz targets in build/fuzz/bin: run ./dev fuzz")
    print(f"{len(programs)} targets, {chosen.seconds} s each, {chosen.jobs} at a time", flush=True)
    print(f"{'target':<20} {'executions':>12} {'edges':>7} {'inputs':>7}  found", flush=True)
    failed = False
    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        for result in pool.map(lambda program: run_target(program, chosen.seconds), programs):
            failed |= result["failed"]
            found = "nothing"
            if result["failed"]:
                log = WORK / "findings" / f"{result['name']}.log"
                found = ", ".join(str(path.relative_to(ROOT)) for path in result["found"] + [log])
            row = f"{result['name']:<20} {result['executions']:>12,} {result['edges']:>7,} {result['inputs']:>7,}"
            print(f"{row}  {found}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
