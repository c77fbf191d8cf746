"""The beat of the clients' own process: whether the machine has let it run."""

import asyncio
import time

BEAT_SECONDS = 0.1
MISSED_SECONDS = 0.5  # a quarter of what proxyd waits for a client
REMEMBERED_SECONDS = 10


class Pulse:
    """A client that was kept from sending is too slow, and proxyd right to say so."""

    def __init__(self):
        self.beaten_at = time.monotonic()
        self.missed_at = float("-inf")

    async def run(self, stop):
        while not stop.is_set():
            await asyncio.sleep(BEAT_SECONDS)
            if self._misses():
                self.missed_at = time.monotonic()
            self.beaten_at = time.monotonic()

    def has_missed_beats(self):
        """Lately, or at this moment."""
        return self._misses() or time.monotonic() - self.missed_at < REMEMBERED_SECONDS

    def _misses(self):
        return time.monotonic() - self.beaten_at > BEAT_SECONDS + MISSED_SECONDS
