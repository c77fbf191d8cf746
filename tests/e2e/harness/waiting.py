"""Waiting for conditions, never for time."""

import time

# Far beyond what anything here takes on a busy machine: whoever waits that long has failed.
PATIENCE = 20.0


def eventually(condition, what="the condition", seconds=PATIENCE):
    """The first true value of `condition()`; fails when the deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        time.sleep(0.005)
