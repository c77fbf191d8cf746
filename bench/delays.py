"""How long requests take at half load: the same rate for all, half of what the slowest contender reaches.

Requests are due at even times and their time counts from then, so a contender that stalls cannot hide it. The load
generator counts those that it looked at more than 0.1 ms after they were due: that delay is its own, and in the times.
"""

import statistics

import contenders
import loading
import rig

QUANTILES = ("p50_us", "p99_us", "p999_us")


def run(who, wanted, count, seconds, costs):
    names = [each.name for each in who]
    samples = []
    with rig.Rig([], polling=True) as machines:
        running = list(contenders.start_all(machines, who).values())
        loader = loading.Loader(machines)
        for number in range(count):
            for case in wanted:
                rate = costs.half_load(case, names)
                turn = [each for each in running if each.can(case)]
                for each in turn[number % 2 :] + turn[: number % 2]:
                    counted = loader.at_rate(each, case, seconds, rate)
                    times = {key: counted["hosts"][0][key] for key in QUANTILES}
                    late = counted["late"] / (rate * seconds)
                    samples.append({"round": number, "contender": each.name, "case": case.name, "rate": rate, **times,
                                    "late": late})
    return samples


def median(samples, contender, case, key):
    found = [each[key] for each in samples if (each["contender"], each["case"]) == (contender, case.name)]
    return statistics.median(found) if found else None
