"""What happened while modes flipped, and the judge of it.

All times are of one clock (CLOCK_MONOTONIC, the same in every process of a machine), in nanoseconds. They are taken
so that an honest proxy can't be accused: a client notes `start` before it sends and `end` after it has read; a
server notes `arrived` after it has read the head and `ended` before it sends its last byte; who commands notes `sent`
before the command and `returned` after its receipt. So every real interval of a server lies around the noted one,
and every real interval of a client or a command inside it.
"""

import bisect
import collections
import dataclasses
import math

READ, WRITE, EXEMPT = "read", "write", "exempt"
LIVE, READONLY, MAINTENANCE = "live", "readonly", "maintenance"
HOLD_WRITES, HOLD_ALL = "hold writes", "hold all"  # what is not admitted waits for another mode, and is decided then
MODES = (LIVE, READONLY, MAINTENANCE, HOLD_WRITES, HOLD_ALL)

ADMITTED = {LIVE: {READ, WRITE, EXEMPT}, READONLY: {READ, EXEMPT}, MAINTENANCE: {EXEMPT}, HOLD_WRITES: {READ, EXEMPT},
            HOLD_ALL: {EXEMPT}}


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request as its client saw it."""

    id: str
    site: str
    kind: str
    start: int
    end: int
    status: int = 200
    refused: bool = False  # the answer says that no server saw it
    shown_mode: str = ""  # the mode that a refusal names
    failure: str = ""  # anything but a whole response: reset, truncated, closed
    left: bool = False  # the client hung up by itself, after it had sent all of the request


@dataclasses.dataclass(frozen=True, slots=True)
class Stay:
    """One request at a server."""

    id: str
    arrived: int
    ended: int | None  # None: the server never got to answer it


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """One change of the mode of one site."""

    site: str
    mode: str
    sent: int
    returned: int
    result: str = "done"


@dataclasses.dataclass
class History:
    requests: list[Request]
    stays: list[Stay]
    commands: list[Command]


class Timeline:
    """Which modes a site may have been in, by its commands: mode k from some instant between the sending and the
    return of command k to some instant between those of command k + 1. Before the first it is live."""

    def __init__(self, commands):
        commands = sorted(commands, key=lambda command: command.sent)
        self.modes = [LIVE] + [command.mode for command in commands]
        self.sent = [-math.inf] + [command.sent for command in commands]
        self.returned = [-math.inf] + [command.returned for command in commands]

    def overlaps(self):
        """Commands that were sent before the one before had returned: nothing can be said of such a site."""
        return [k for k in range(1, len(self.sent)) if self.sent[k] < self.returned[k - 1]]

    def possible(self, start, end):
        """The commands whose mode may have been in force at some instant from `start` to `end`."""
        last = bisect.bisect_right(self.sent, end) - 1
        first = bisect.bisect_left(self.returned, start)
        # Command `first` may return only after `start`: until then the one before it may be in force.
        return range(max(0, first - 1), last + 1)

    def surely_during(self, start, end):
        """The commands whose mode was in force for sure at some instant from `start` to `end`."""
        return [k for k in self.possible(start, end) if self.returned[k] < end and start < self._next_sent(k)]

    def _next_sent(self, k):
        return self.sent[k + 1] if k + 1 < len(self.sent) else math.inf


def check(history):
    """Sentences about everything that must not be; an empty list if the history is one that Drawbridge promises."""
    problems = []
    timelines = _timelines(history.commands)
    for site, timeline in timelines.items():
        problems += [f"{site}: command {k} was sent before the one before it returned" for k in timeline.overlaps()]
    problems += [f"{c.site}: mode {c.mode} ended as {c.result}" for c in history.commands if c.result != "done"]
    problems += _check_arrivals(history)
    for request in history.requests:
        problems += _check_answer(request, timelines[request.site])
    problems += _check_stays(history, timelines)
    problems += _check_instants(history.requests, timelines)
    return problems


def _timelines(commands):
    by_site = collections.defaultdict(list)
    for command in commands:
        by_site[command.site].append(command)
    timelines = collections.defaultdict(lambda: Timeline([]))
    timelines.update({site: Timeline(of_site) for site, of_site in by_site.items()})
    return timelines


def _check_arrivals(history):
    """A forwarded request reached one server, once; a refused one none; one whose client left, at most one."""
    counts = collections.Counter(stay.id for stay in history.stays)
    problems = []
    for request in history.requests:
        count = counts.pop(request.id, 0)
        if request.refused and count > 0:
            problems.append(f"{_name(request)} was refused as not processed and reached a server")
        if request.left:
            if count > 1:
                problems.append(f"{_name(request)} was left by its client and reached servers {count} times")
        elif not request.refused and not request.failure and count != 1:
            problems.append(f"{_name(request)} was answered with {request.status} and reached servers {count} times")
    return problems + [f"{id} reached a server and no client sent it" for id in counts]


def _check_answer(request, timeline):
    """The answer fits the mode in force at some instant between the start and the end of its request."""
    if request.left:
        return []
    if request.failure:
        return [f"{_name(request)} failed: {request.failure}"]
    if request.status != 200 and not (request.status == 503 and request.refused):
        return [f"{_name(request)} failed with status {request.status}"]
    modes = {timeline.modes[k] for k in timeline.possible(request.start, request.end)}
    if not request.refused:
        fits = any(request.kind in ADMITTED[mode] for mode in modes)
        return [] if fits else [f"{_name(request)} was forwarded in mode {_names(modes)}"]
    if request.shown_mode not in modes:
        return [f"{_name(request)} was refused by mode {request.shown_mode} in mode {_names(modes)}"]
    if request.kind in ADMITTED[request.shown_mode]:
        return [f"{_name(request)} was refused by mode {request.shown_mode}, which admits it"]
    return []


def _check_stays(history, timelines):
    """Between the return of a command and the sending of the next, no server holds what its mode does not admit:
    nothing arrives, and all that had arrived before has ended."""
    requests = {request.id: request for request in history.requests}
    problems = []
    for stay in history.stays:
        request = requests.get(stay.id)
        if request is None:
            continue
        timeline = timelines[request.site]
        ended = math.inf if stay.ended is None else stay.ended
        if request.left and request.kind != WRITE and stay.ended is None:
            ended = stay.arrived  # a read that nobody waits for is given up at once; a write is seen to its end
        for k in timeline.surely_during(stay.arrived, ended):
            if request.kind in ADMITTED[timeline.modes[k]]:
                continue
            what = "arrived at" if stay.arrived > timeline.returned[k] else "was still at"
            problems.append(f"{_name(request)} {what} a server after mode {timeline.modes[k]} had returned")
            break
    return problems


def _check_instants(requests, timelines):
    """A change is one instant for everybody: once one answer shows the new mode, no request that starts later is
    treated by the old one. Judged by requests that can have seen these two modes only."""
    earliest_new = collections.defaultdict(lambda: math.inf)
    latest_old = collections.defaultdict(lambda: -math.inf)
    for request in requests:
        timeline = timelines[request.site]
        possible = timeline.possible(request.start, request.end)
        if request.failure or request.left or len(possible) != 2:
            continue
        fits = [_fits(request, timeline.modes[k]) for k in possible]
        change = (request.site, possible[1])
        if fits == [False, True]:
            earliest_new[change] = min(earliest_new[change], request.end)
        elif fits == [True, False]:
            latest_old[change] = max(latest_old[change], request.start)
    return [f"{site}: command {k} was not one instant: a request that started after an answer by mode "
            f"{timelines[site].modes[k]} was treated by mode {timelines[site].modes[k - 1]}"
            for (site, k), new in earliest_new.items() if latest_old[(site, k)] > new]


def _fits(request, mode):
    if request.refused:
        return request.shown_mode == mode
    return request.kind in ADMITTED[mode]


def count_drained(history):
    """How many times a command found a request at a server that its mode does not admit, so had to wait for it: a
    history without any proves little."""
    timelines = _timelines(history.commands)
    requests = {request.id: request for request in history.requests}
    count = 0
    for stay in history.stays:
        if stay.id not in requests or stay.ended is None:
            continue
        request = requests[stay.id]
        timeline = timelines[request.site]
        first = bisect.bisect_right(timeline.sent, stay.arrived)
        last = bisect.bisect_left(timeline.sent, stay.ended)
        count += sum(request.kind not in ADMITTED[timeline.modes[k]] for k in range(first, last))
    return count


def _name(request):
    return f"{request.kind} {request.id} of {request.site}"


def _names(modes):
    return " or ".join(sorted(modes))
