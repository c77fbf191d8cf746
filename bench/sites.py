"""What a large configuration costs: CPU time a request with 1,000 sites and 10,000 rules, beside one site."""

import statistics

import cases
import contenders
import costs
import loading
import rig

SITES = 1_000
RULES_PER_SITE = 10
GOAL = 1.05


def site(number):
    rules = [f'"POST /search{rule}/**"' for rule in range(RULES_PER_SITE // 2)]
    writes = [f'"GET /cart{rule}/*/add"' for rule in range(RULES_PER_SITE - len(rules))]
    return (f'[site.s{number}]\nhosts = ["site{number}.bench"]\npool = "servers"\n'
            f"readonly = {{ read = [{', '.join(rules)}], write = [{', '.join(writes)}] }}\n")


class ManySites:
    """Loads as `costs` wants it: the same requests, for a thousand hosts in turn, to both."""

    def __init__(self, machines):
        self.machines = machines

    def load(self, contender, case, seconds):
        words = [*case.client_words(), "--sites", str(SITES)]
        return loading.client(self.machines, contender.server.port, words, seconds)


def run(count, seconds):
    with rig.Rig([], polling=True) as machines:
        one = contenders.drawbridge("one site", config="sites.toml")
        many = contenders.drawbridge("1,000 sites", config="sites.toml")
        single = '[site.s0]\npool = "servers"\n'
        running = [
            contenders.start(machines, one, extra={"@SITES@": single}),
            contenders.start(machines, many, extra={"@SITES@": "\n".join(map(site, range(SITES)))}),
        ]
        samples = costs.rounds(ManySites(machines), running, [cases.CASES[0]], count, seconds)
    return [{"peers": "polling", **each} for each in samples]


def ratio(samples):
    """CPU time with many sites to that with one."""
    return statistics.median(costs.Costs(samples).ratios("one site", cases.CASES[0], "polling", "1,000 sites"))
