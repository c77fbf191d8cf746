"""What clients of counters saw, and the judge of it: is there an order of all operations, each taking effect at one
instant between its start and its end, in which counters count?

An increment adds one and answers the new value, a read answers the value. So the answers themselves fix the order: the
increment to 7, then the reads of 7, then the increment to 8. The history is linearizable if that order agrees with time:
nothing may answer less than what an operation before it had answered, and an increment must answer more. All times are of
one clock, in nanoseconds; a client notes the start before it sends and the end after it has read."""

import collections
import heapq
import typing

READ, INCREMENT = "r", "i"
WELL = 200


class Operation(typing.NamedTuple):
    client: int
    kind: str
    register: int
    status: int  # 0: no whole answer came
    value: int
    start: int
    end: int


def parse(text):
    """The lines that register_clients writes."""
    return [Operation(int(client), kind, int(register), int(status), int(value), int(start), int(end))
            for client, kind, register, status, value, start, end in map(str.split, text.splitlines())]


def check(operations, finals):
    """Sentences about everything that must not be, the most telling first; empty if every operation was answered well and
    the history is linearizable. `finals`: what the registers hold after the last of them, by number."""
    problems = [_tell("refused or lost", one) for one in operations if one.status != WELL]
    by_register = collections.defaultdict(list)
    for one in operations:
        if one.status == WELL:
            by_register[one.register].append(one)
    for register, history in sorted(by_register.items()):
        problems += _check_increments(register, history, finals.get(register, 0))
        problems += _check_order(history)
    return problems


def _check_increments(register, history, final):
    """Each value from 1 to the last was answered to one increment: none is lost, none doubled."""
    answered = collections.Counter(one.value for one in history if one.kind == INCREMENT)
    problems = [f"register {register}: {count} increments were answered {value}"
                for value, count in answered.items() if count > 1]
    if missing := set(range(1, max(final, *answered, 0) + 1)) - set(answered):
        problems.append(f"register {register}: nobody was answered {_some(missing)}: made twice, or by nobody")
    if final != max(answered, default=0):
        problems.append(f"register {register} ends at {final} and not {max(answered, default=0)}")
    return problems


def _check_order(history):
    """Sweeps over the starts; `highest` is the operation with the highest value among those that had ended by then."""
    problems, ended, highest = [], [], None
    for number, one in enumerate(sorted(history, key=lambda operation: operation.start)):
        while ended and ended[0][0] < one.start:
            before = heapq.heappop(ended)[2]
            if highest is None or (before.value, before.kind == READ) > (highest.value, highest.kind == READ):
                highest = before
        heapq.heappush(ended, (one.end, number, one))
        if highest is None or one.value > highest.value or (one.value == highest.value and one.kind == READ):
            continue
        own = ", which this client had seen" if one.client == highest.client else ""
        problems.append(f"{_tell('back in time', one)} after {_tell('', highest).strip()}{own}")
    return problems


def _tell(what, one):
    verb = "read" if one.kind == READ else "increment"
    return f"{what}: client {one.client}, {verb} of register {one.register}: {one.status}, value {one.value}, at {one.end}"


def _some(numbers):
    ordered = sorted(numbers)
    return ", ".join(map(str, ordered[:5])) + (f" and {len(ordered) - 5} more" if len(ordered) > 5 else "")
