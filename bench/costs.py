"""CPU time a request: each case with each contender in interleaved rounds, so that a change of mood hits all."""

import statistics
import sys

import contenders
import loading
import rig

WARM_SECONDS = 0.2


def measure(loader, contender, case, seconds):
    before = contender.server.cpu_seconds()
    counted = loader.load(contender, case, seconds)
    cpu = contender.server.cpu_seconds() - before
    return {
        "contender": contender.name,
        "case": case.name,
        "answers": counted["answers"],
        "seconds": counted["seconds"],
        "cpu_us": cpu / counted["answers"] * 1e6,
        "per_second": counted["answers"] / counted["seconds"],
        "busy": cpu / counted["seconds"],
    }


def rounds(loader, running, wanted, count, seconds):
    pairs = [(case, each) for case in wanted for each in running if each.can(case)]
    for case, each in pairs:
        loader.load(each, case, WARM_SECONDS)
    samples = []
    for number in range(count):
        for case in wanted:
            turn = [each for each in running if each.can(case)]
            shift = number % len(turn) if turn else 0
            for each in turn[shift:] + turn[:shift]:
                samples.append({"round": number, **measure(loader, each, case, seconds)})
    return samples


def run(who, wanted, count, seconds, polling):
    with rig.Rig([], polling=polling) as machines:
        running = list(contenders.start_all(machines, who).values())
        samples = rounds(loading.Loader(machines), running, wanted, count, seconds)
    kind = "polling" if polling else "sleeping"
    print(f"CPU time with {kind} peers: done", file=sys.stderr, flush=True)
    return [{"peers": kind, **each} for each in samples]


class Costs:
    """Samples by contender, case and kind of peers."""

    def __init__(self, samples):
        self.samples = samples

    def pick(self, contender, case, peers):
        return [each for each in self.samples
                if (each["contender"], each["case"], each["peers"]) == (contender, case.name, peers)]

    def values(self, contender, case, peers, key):
        return [each[key] for each in self.pick(contender, case, peers)]

    def median(self, contender, case, peers, key):
        found = self.values(contender, case, peers, key)
        return statistics.median(found) if found else None

    def ratios(self, contender, case, peers, rival):
        """The rival's CPU time over the contender's, round by round: more is better."""
        theirs = {each["round"]: each["cpu_us"] for each in self.pick(rival, case, peers)}
        ours = self.pick(contender, case, peers)
        return [theirs[each["round"]] / each["cpu_us"] for each in ours if each["round"] in theirs]

    def half_load(self, case, names):
        """Half of what the slowest of them reaches, in requests a second; with polling peers."""
        reached = [self.median(name, case, "polling", "per_second") for name in names]
        reached = [each for each in reached if each]
        return min(reached) / 2 if reached else None


