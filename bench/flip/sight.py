"""What the clients and the servers saw of the moves. All times are of one clock, in nanoseconds."""

import bisect
import statistics
import typing

MS = 1_000_000
AFTERMATH_NS = 50 * MS  # what a move still does to requests after it was declared done


class Window(typing.NamedTuple):
    """One move: from the command's start to its return, when it was declared done."""

    sent: int
    done: int
    old: str
    new: str


def freeze(window, logs):
    """From the last write on the old side to the first on the new one; the whole window if they overlapped."""
    end = window.done + AFTERMATH_NS
    old, new = logs[window.old], logs[window.new]
    last = bisect.bisect_right(old, end) - 1
    first = bisect.bisect_left(new, window.sent)
    if last < 0 or first == len(new) or old[last] > new[first]:
        return window.sent, window.done
    return old[last], new[first]


def operations(history, windows):
    """(window, is_read, status, start, end) of each operation; window None: it was not open during a move."""
    ends = [window.done + AFTERMATH_NS for window in windows]
    with open(history) as lines:
        for line in lines:
            _, kind, _, status, _, start, end = line.split()
            start, end = int(start), int(end)
            number = bisect.bisect_left(ends, start)
            in_move = number < len(windows) and windows[number].sent < end
            yield number if in_move else None, kind == "r", int(status), start, end


def wrong_side(windows, logs):
    """How many writes the old side had after each move was done until the next began, and the latest of them in ms."""
    count, latest = 0, 0
    for number, window in enumerate(windows):
        until = windows[number + 1].sent if number + 1 < len(windows) else window.done + AFTERMATH_NS
        log = logs[window.old]
        late = log[bisect.bisect_right(log, window.done):bisect.bisect_left(log, until)]
        count += len(late)
        latest = max(latest, (late[-1] - window.done) / MS if late else 0)
    return count, latest


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def judge(name, windows, history, logs):
    freezes = [freeze(window, logs) for window in windows]
    waits, usual, failed, stall, count = [], [], 0, 0, 0
    for number, is_read, status, start, end in operations(history, windows):
        failed += status != 200
        if number is None:
            usual += [] if is_read else [(end - start) / MS]
            continue
        count += 1
        stall = max(stall, end - start)
        begin, over = freezes[number]
        if not is_read and start < over and end > begin:
            waits.append((end - start) / MS)
    waits.sort()
    late, latest = wrong_side(windows, logs)
    return {
        "name": name, "moves": len(windows), "operations_in_moves": count, "writes_that_waited": len(waits),
        "usual_median_ms": statistics.median(usual),
        "wait_median_ms": percentile(waits, 0.5), "wait_p99_ms": percentile(waits, 0.99),
        "wait_max_ms": waits[-1] if waits else 0, "stall_max_ms": stall / MS, "failed": failed,
        "wrong_side": late, "wrong_side_ms": latest,
        "freeze_median_ms": statistics.median((over - begin) / MS for begin, over in freezes),
        "move_median_ms": statistics.median((window.done - window.sent) / MS for window in windows),
        "waits_ms": waits,
    }
