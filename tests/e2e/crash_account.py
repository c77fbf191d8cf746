"""What an operator may rely on after a crash: the account of the orders given, and the judge of what is found."""

import dataclasses
import re

LIVE, READONLY, MAINTENANCE = "live", "readonly", "maintenance"
HISTORY_ENTRIES = 1000  # as docs/ADMIN.md promises


@dataclasses.dataclass(frozen=True)
class Order:
    """One changing command. Its number stands in its reason, so that what is found can be told apart. It stays, or
    ends at `until` (a time as text), or after `lasts` seconds, when mode `then` follows."""

    number: int
    sites: tuple
    mode: str
    until: str = ""
    lasts: float = 0.0
    then: str = LIVE

    @property
    def reason(self):
        return f"order {self.number}"


@dataclasses.dataclass
class Held:
    """What is known to be in force at a site: an order, and whether it was seen to have ended by itself."""

    order: Order
    since: float  # when it was sent: its time may be over `lasts` later, not before
    expired: bool = False


class Account:
    """Orders are given one after the other; the one without an acknowledgement when proxyd dies is open. What is found
    after a restart is what was acknowledged last or, of the sites of an open order, that: all of it or nothing."""

    def __init__(self, sites):
        self.held = dict.fromkeys(sites)  # None: as the configuration says
        self.open = None
        self.acknowledged = []
        self.dropped = set()  # numbers of orders that were found not to have been carried out
        self.epoch = 0

    def send(self, order, now):
        self.open = Held(order, now)

    def acknowledge(self, epoch):
        """The problems with the receipt of the open order."""
        held, self.open = self.open, None
        self.acknowledged.append(held.order.number)
        for site in held.order.sites:
            self.held[site] = dataclasses.replace(held)
        problems = [] if epoch > self.epoch else [f"{held.order.reason} got epoch {epoch} after {self.epoch}"]
        self.epoch = max(epoch, self.epoch)
        return problems

    def check_status(self, document, now):
        """Judges a status taken after a restart, and settles by it what became of the open order."""
        problems = []
        if document["epoch"] < self.epoch:
            problems.append(f"the epoch went back from {self.epoch} to {document['epoch']}")
        problems += [f"a warning: {warning}" for warning in document["warnings"]]
        self.epoch = max(self.epoch, document["epoch"])
        found = {site["site"]: site for site in document["sites"]}
        shows_open = [self._shows(found[site], self.open, now) for site in self.open.order.sites] if self.open else []
        if not all(shows_open) and self._shows_what_was_held(found, now):
            shows_open = []  # what ended by itself before looks like the end of an order that was not carried out
        if any(shows_open) and not all(shows_open):
            problems.append(f"{self.open.order.reason} was carried out in part")
        if any(shows_open):
            for site in self.open.order.sites:
                self.held[site] = dataclasses.replace(self.open)
        elif self.open:
            self.dropped.add(self.open.order.number)
        self.open = None
        for site, held in self.held.items():
            problems += self._check_site(found[site], held, now)
        return problems

    def _shows_what_was_held(self, found, now):
        return all(self._shows(found[site], self.held[site], now) for site in self.open.order.sites)

    def _check_site(self, found, held, now):
        if not self._shows(found, held, now):
            return [f"{found['site']} is in {_describe_found(found)} and not in {_describe_held(held)}"]
        if held:
            held.expired = held.expired or found["by"] == "timer"
        return []

    @staticmethod
    def _shows(found, held, now):
        if held is None:
            return found["mode"] == LIVE and "reason" not in found
        order = held.order
        if found["by"] == "timer":
            over = held.expired or (order.lasts and now >= held.since + order.lasts)
            reason = order.reason if order.then != LIVE else None
            return over and found["mode"] == order.then and found.get("reason") == reason and "until" not in found
        if held.expired or found.get("reason") != order.reason or found["mode"] != order.mode:
            return False
        ends = bool(order.until or order.lasts)
        if ends != ("until" in found) or (order.until and found["until"] != order.until):
            return False
        return not ends or found["then"] == order.then

    def check_history(self, entries):
        """Judges the audit, oldest entry first. It keeps HISTORY_ENTRIES: shorter, it must have all there ever were."""
        changes = [entry for entry in entries if entry["kind"] == "changed"]
        numbers = [int(match[1]) for entry in changes if (match := re.fullmatch(r"order (\d+)", entry.get("reason", "")))]
        epochs = [entry["epoch"] for entry in changes]
        problems = []
        if any(later <= earlier for earlier, later in zip(numbers, numbers[1:])):
            problems.append("the history has an order twice or out of turn")
        if any(later < earlier for earlier, later in zip(epochs, epochs[1:])):
            problems.append("the history goes back in epochs")
        if gone := self.dropped & set(numbers):
            problems.append(f"the history has orders that were not carried out: {sorted(gone)}")
        first = numbers[0] if numbers and len(entries) >= HISTORY_ENTRIES else 0
        if lost := {number for number in self.acknowledged if number >= first} - set(numbers):
            problems.append(f"the history lost acknowledged orders: {sorted(lost)}")
        return problems


def _describe_found(found):
    return ", ".join(f"{key} {found[key]}" for key in ("mode", "reason", "by", "until", "then") if key in found)


def _describe_held(held):
    return f"{held.order}{', expired' if held.expired else ''}" if held else "the mode of its configuration"
