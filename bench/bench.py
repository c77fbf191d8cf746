"""nginx, HAProxy and proxyd side by side: what a request costs each, in one run on the same cores.

Each has one worker on the same core (taken in turns; only one is under load at a time), the upstream another core, the
load generator the rest. Rounds are interleaved, so that a change of the machine's mood hits all. Every answer is
counted and looked at: a proxy that answers wrongly ends the run. docs/PERFORMANCE.md says how to read the result.
"""

import argparse
import datetime
import json
import sys
import time

import calls
import cases
import contenders
import costs
import delays
import flipping
import idle
import machine
import memory
import picture
import report
import revision
import rig
import scaling
import sites
import slow

RESULTS = rig.ROOT / "bench" / "results"
PARTS = ("costs", "delays", "calls", "idle", "flips", "sites", "scaling")
FULL = {"rounds": 7, "seconds": 0.8, "delay_rounds": 3, "delay_seconds": 1.5, "flip_rounds": 5, "flip_seconds": 2}
QUICK = {"rounds": 3, "seconds": 0.3, "delay_rounds": 1, "delay_seconds": 1, "flip_rounds": 1, "flip_seconds": 1.5}


def say(what, since):
    print(f"{time.monotonic() - since:6.0f} s  {what}", file=sys.stderr, flush=True)


def measure(who, chosen, options):
    start = time.monotonic()
    wanted = [case for case in cases.CASES if not chosen.case or case.name in chosen.case]
    found = {"costs": costs.Costs([]), "delays": [], "calls": [], "idle": [], "flips": None, "sites": None,
             "scaling": None}
    samples = []
    if "costs" in chosen.parts or "delays" in chosen.parts:
        samples += costs.run(who, wanted, options["rounds"], options["seconds"], polling=True)
        say("CPU time, polling peers", start)
    if "costs" in chosen.parts and not chosen.quick:
        samples += costs.run(who, wanted, options["rounds"], options["seconds"], polling=False)
        say("CPU time, sleeping peers", start)
    found["costs"] = costs.Costs(samples)
    delayed = [case for case in wanted if case in cases.DELAYED]
    if "delays" in chosen.parts and delayed:
        found["delays"] = delays.run(who, delayed, options["delay_rounds"], options["delay_seconds"], found["costs"])
        say("delays", start)
    for part, run in (("calls", calls.run), ("idle", idle.run)):
        if part in chosen.parts:
            found[part] = run(who)
            say(part, start)
    if "flips" in chosen.parts:
        found["flips"] = flipping.run(options["flip_rounds"], options["flip_seconds"])
        say("flips", start)
    if "sites" in chosen.parts:
        found["sites"] = sites.run(options["rounds"], options["seconds"])
        say("many sites", start)
    if "scaling" in chosen.parts:
        found["scaling"] = scaling.run(options["rounds"], options["seconds"])
        say("workers", start)
    return found


def write(about, who, options, found, publish):
    names = [each.name for each in who]
    ours = names[-1]
    text = report.render(about, names, ours, options, found)
    RESULTS.mkdir(exist_ok=True)
    now = f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%d-%H%M%S}"
    stem = RESULTS / ("side-by-side" if publish else f"load-{now}")
    stem.with_suffix(".md").write_text(text + "\n")
    values = {**found, "costs": found["costs"].samples}
    stem.with_suffix(".json").write_text(json.dumps({"machine": about, "options": options, **values}, indent=1) + "\n")
    stem.with_suffix(".svg").write_text(picture.draw(found["costs"], cases.CASES, names, "polling"))
    print(text)
    print(f"written to {stem.relative_to(rig.ROOT)}.md, .json and .svg")


def read_options():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="two minutes instead of twelve: polling peers only")
    options.add_argument("--compare", metavar="REV", action="append", default=[],
                         help="measure this revision's proxyd as well")
    options.add_argument("--publish", action="store_true", help="write bench/results/side-by-side.*, for the README")
    options.add_argument("--rounds", type=int)
    options.add_argument("--seconds", type=float, help="of one measurement of CPU time")
    options.add_argument("--case", nargs="+", choices=[case.name for case in cases.CASES], help="just these cases")
    options.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="just these parts")
    options.add_argument("--only", nargs="+", choices=list(rig.PROXIES), help="just these proxies")
    options.add_argument("--memory", action="store_true", help="does proxyd's memory stay flat?")
    options.add_argument("--slow", action="store_true", help="ordinary requests beside thousands of slow clients")
    return options.parse_args()


def main():
    chosen = read_options()
    about = machine.describe()
    if chosen.slow:
        slow.main(about, chosen.only, chosen.seconds)
        return
    if chosen.memory:
        sys.exit(memory.main(chosen.quick))
    options = dict(QUICK if chosen.quick else FULL)
    options["rounds"] = chosen.rounds or options["rounds"]
    options["seconds"] = chosen.seconds or options["seconds"]
    who = [each for each in contenders.peers() if not chosen.only or each.name in chosen.only]
    who += [revision.build(each, revision.jobs()) for each in chosen.compare]
    who.append(contenders.drawbridge())
    write(about, who, options, measure(who, chosen, options), chosen.publish)


if __name__ == "__main__":
    main()
