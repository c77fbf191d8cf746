"""A run as Markdown: costs, delays, calls, memory, flips, many sites; each goal beside what was reached."""

import statistics

import cases
import delays
import flipping
import idle
import scaling
import sites

KINDS = ("sleeping", "polling")


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]


def spread(numbers, form):
    if not numbers:
        return ""
    return f"{form.format(statistics.median(numbers))} ({form.format(min(numbers))}–{form.format(max(numbers))})"


def verdict(reached, goal):
    if goal is None or reached is None:
        return ""
    return f"{goal:g} ✓" if reached >= goal else f"{goal:g}, not reached"


def cost_tables(costs, names, ours):
    lines = ["## CPU time", "",
             "Ratio: the rival's CPU time a request over the contender's, in the same round (more is better); median "
             "(lowest–highest) over the rounds. The rival is HAProxy; for the maintenance page nginx.", ""]
    for kind in KINDS:
        rows = []
        for case in cases.CASES:
            if not costs.pick(ours, case, kind):
                continue
            goal = case.goals[KINDS.index(kind)]
            ratios = {name: costs.ratios(name, case, kind, case.rival) for name in names}
            micros = " / ".join(f"{costs.median(name, case, kind, 'cpu_us') or 0:.1f}" for name in names)
            rows.append([case.name, *(spread(ratios[name], "{:.2f}") for name in names),
                         verdict(statistics.median(ratios[ours]) if ratios[ours] else None, goal), micros,
                         f"{costs.median(ours, case, kind, 'busy'):.0%}"])
        if rows:
            lines += [f"### Peers that {'never sleep (polling)' if kind == 'polling' else 'sleep'}", "",
                      *table(["case", *names, "goal", "µs: " + " / ".join(names), f"{ours} busy"], rows), ""]
    return lines


def delay_table(samples, names):
    rows = []
    for case in cases.DELAYED:
        for name in names:
            times = [delays.median(samples, name, case, key) for key in delays.QUANTILES]
            if times[0] is None:
                continue
            rate = next(each["rate"] for each in samples if each["case"] == case.name)
            late = delays.median(samples, name, case, "late")
            rows.append([case.name, f"{rate:,.0f}", name, *(f"{time:,.0f}" for time in times), f"{late:.2%}"])
    if not rows:
        return []
    return ["## Delay at half load", "",
            "Requests a second: half of what the slowest reaches, the same for all. Microseconds from the moment a "
            "request was due; median of the rounds. Asked late: the share that the load generator itself was more than "
            "0.1 ms late to ask; where it is near 0.1 % or above, p99.9 is also of the generator.", "",
            *table(["case", "requests/s", "", "p50", "p99", "p99.9", "asked late"], rows), ""]


def call_table(samples, names):
    counted = {(each["contender"], each["case"]): each["calls"] for each in samples}
    rows = [[case.name, *(f"{counted[name, case.name]:.1f}" if (name, case.name) in counted else "" for name in names)]
            for case in cases.CASES if any((name, case.name) in counted for name in names)]
    return ["## System calls a request", "", *table(["case", *names], rows), ""] if rows else []


def idle_table(samples, names):
    kib = {(each["contender"], each["transport"]): each["kib"] for each in samples}
    rows = [[{"plain": "plain", "tls": "TLS"}[transport],
             *(f"{kib[name, transport]:.1f}" if (name, transport) in kib else "" for name in names),
             f"{idle.GOALS_KIB[transport]:g}"] for transport in idle.GOALS_KIB]
    return [f"## Idle connection", "", f"Resident KiB each, of {idle.CONNECTIONS:,} that had one request.", "",
            *table(["", *names, "goal"], rows), ""] if samples else []


def flip_lines(found):
    times = flipping.summary(found)
    rows = [[label, f"{times[key][0]:,.0f}", f"{times[key][1]:,.0f}"]
            for label, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us"))]
    fence = found["fence"]
    return ["## Flips", "",
            f"Two sites, {flipping.RATE:,} requests a second to both, {flipping.FLIPS_PER_SECOND} flips a second of "
            "one; microseconds of the other, medians of rounds in turns:", "",
            *table(["", "without flips", "with"], rows), "",
            f"In force on all {flipping.WORKERS} workers at full load: {fence['flips']} flips, "
            f"{fence['below_1_ms']:.1%} within 1 ms, the longest {fence['longest_ms']} ms (goal: 99 % within 1 ms).",
            ""]


def site_lines(samples):
    ratio = sites.ratio(samples)
    return ["## Many sites", "",
            f"CPU time a request with {sites.SITES:,} sites and {sites.SITES * sites.RULES_PER_SITE:,} rules, "
            f"over that with one site: {ratio:.3f} (goal: at most {sites.GOAL}). HAProxy with a backend and "
            f"{sites.RULES_PER_SITE} rules for each of as many hosts, over one backend: "
            f"{sites.of_haproxy(samples):.3f}.", ""]


def scaling_lines(found):
    workers = found["workers"]
    low, high = min(found["samples"]), max(found["samples"])
    lines = ["## Workers", "",
             f"Requests a second with {workers} workers on {workers} cores, over those with one on one: "
             f"{found['ratio']:.2f} ({low:.2f}–{high:.2f}; goal: {workers * scaling.GOAL_PER_WORKER:.2f})."]
    if workers < 4:
        lines[-1] += " The machine has no cores for four beside the load; with so few the load may be the limit."
    return [*lines, ""]


def head(about, names, options):
    notes = [f"{about['processor']}, {about['cores']} cores, kernel {about['kernel']}, "
             f"congestion control {about['congestion_control']}.",
             f"{about['nginx']}; {about['haproxy']}; proxyd of {about['revision']}.",
             f"One worker each on the same core, taken in turns; {options['rounds']} interleaved rounds of "
             f"{options['seconds']:g} s. proxyd with access log, metrics, deadlines and health checks; nginx and "
             "HAProxy without a log (bench/load has the configurations)."]
    if not about["apart"]:
        notes.append("Too few cores: the load shares one with the proxy.")
    if about["load_before"] > 1:
        notes.append(f"**The machine was busy with other things (load {about['load_before']:.1f}): trust the ratios.**")
    return [f"# Side by side, {about['time']} UTC", "", *notes, ""]


def render(about, names, ours, options, found):
    lines = head(about, names, options)
    lines += cost_tables(found["costs"], names, ours)
    lines += delay_table(found["delays"], names)
    lines += call_table(found["calls"], names)
    lines += idle_table(found["idle"], names)
    lines += flip_lines(found["flips"]) if found["flips"] else []
    lines += site_lines(found["sites"]) if found["sites"] else []
    lines += scaling_lines(found["scaling"]) if found["scaling"] else []
    return "\n".join(lines)
