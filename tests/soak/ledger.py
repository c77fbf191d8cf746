"""What clients sent and believe, beside what the servers counted and the access log says: do they agree?"""

import collections
import enum
import json
import re
from array import array

EXAMPLES_MAX = 5


class Outcome(enum.IntEnum):
    open = 0        # nothing is known: the client left or the connection broke; it may have been done, once
    answered = 1    # a whole answer of a server, with this request's id
    error = 2       # a whole answer of proxyd's own that promises nothing (502, 504, 408...)
    refused = 3     # a whole answer with the promise that no server saw it
    never_whole = 4  # the client did not send all of it: no server may take it for whole
    behind_close = 5  # pipelined behind an answer that closed the connection
    malformed = 6   # not a request: no server may see any of it


NEVER_COUNTED = {Outcome.refused, Outcome.never_whole, Outcome.behind_close, Outcome.malformed}


class Ledger:
    def __init__(self):
        self.outcomes = bytearray()
        self.writes = bytearray()      # 0 read, 1 write, 2 a write that HTTP allows to be repeated
        self.statuses = array("H")
        self.counted = bytearray()
        self.logged = bytearray()
        self.kinds = collections.Counter()
        self.problems = collections.defaultdict(list)
        self.unanswered = {}           # id: how the connection ended
        self.cut = set()
        self.strangers = 0

    def issue(self, kind, method="GET"):
        self.kinds[kind] += 1
        self.outcomes.append(Outcome.open)
        self.writes.append(0 if method in ("GET", "HEAD") else 2 if method in ("PUT", "DELETE") else 1)
        self.statuses.append(0)
        self.counted.append(0)
        self.logged.append(0)
        return len(self.outcomes) - 1

    def settle(self, number, outcome, status=0):
        self.outcomes[number] = outcome
        self.statuses[number] = status

    def problem(self, what, detail=""):
        self.problems[what].append(detail)

    def read_journals(self, paths):
        for path in paths:
            with open(path, encoding="latin-1") as lines:
                for line in lines:
                    self.read_entry(line.rstrip("\n"))

    def read_entry(self, line):
        kind, _, rest = line.partition(" ")
        if kind not in ("w", "r") or not rest.isdigit() or int(rest) >= len(self.counted):
            self.problem("a server met what nobody sent", line)
        elif self.counted[int(rest)] < 255:
            self.counted[int(rest)] += 1

    def read_access_logs(self, paths):
        for path in paths:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    self.read_record(line)

    def read_record(self, line):
        record = json.loads(line)
        found = re.search(r"[?&]id=(\d+)(?:&|$)", record.get("target", ""))
        if not found or int(found[1]) >= len(self.logged):
            self.strangers += 1
            return
        number = int(found[1])
        self.logged[number] = min(255, self.logged[number] + 1)
        if record.get("failure") == "cut":
            self.cut.add(number)
        if self.statuses[number] and record["status"] != self.statuses[number]:
            self.problem("the access log tells another status", f"{number}: {record['status']} {self.show(number)}")

    def show(self, number):
        outcome = Outcome(self.outcomes[number]).name
        return f"id {number} {outcome} {self.statuses[number]} counted {self.counted[number]} times"

    def reconcile(self):
        for number, how in self.unanswered.items():
            if number not in self.cut:
                self.problem("no answer at all", f"{how}: {self.show(number)}")
        for number, outcome in enumerate(self.outcomes):
            count, write = self.counted[number], self.writes[number]
            if outcome in NEVER_COUNTED and count > 0:
                self.problem(f"{Outcome(outcome).name}, yet a server counted it", self.show(number))
            if outcome == Outcome.answered and count == 0:
                self.problem("answered, yet no server counted it", self.show(number))
            if count > (1 if write == 1 else 2):
                self.problem("counted more often than allowed", self.show(number))
            if outcome in (Outcome.answered, Outcome.error, Outcome.refused) and self.logged[number] != 1:
                self.problem("not exactly one line in the access log", self.show(number))

    def summary(self):
        by_outcome = collections.Counter(self.outcomes)
        lines = [f"{len(self.outcomes):,} requests: " + ", ".join(
            f"{by_outcome[each]:,} {each.name}" for each in Outcome if by_outcome[each])]
        acknowledged = sum(1 for at, each in enumerate(self.outcomes) if each == Outcome.answered and self.writes[at])
        counted = sum(1 for at, each in enumerate(self.counted) if each and self.writes[at])
        lines.append(f"{acknowledged:,} writes acknowledged, {counted:,} counted by the servers, "
                     f"{sum(1 for each in self.counted if each > 1):,} reads or repeatable writes counted twice")
        lines.append("kinds: " + ", ".join(f"{name} {count:,}" for name, count in sorted(self.kinds.items())))
        statuses = collections.Counter(self.statuses)
        lines.append("statuses: " + ", ".join(f"{each}: {statuses[each]:,}" for each in sorted(statuses) if each))
        return lines

    def complaints(self):
        lines = []
        for what, details in sorted(self.problems.items()):
            lines.append(f"{what}: {len(details):,} times")
            lines += [f"    {each}" for each in details[:EXAMPLES_MAX]]
        return lines
