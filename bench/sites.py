"""What a large configuration costs: CPU time a request with 1,000 sites and 10,000 rules, beside one site; and what
HAProxy needs for as many hosts, a backend with ten rules each, beside one."""

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


def backend(number):
    """What an operator of HAProxy writes for a host: it is found by its name."""
    rules = [f"  acl write path_beg /cart{rule}/" for rule in range(RULES_PER_SITE)]
    return "\n".join([f"backend site{number}.bench", *rules, "  http-request set-header X-Class write if write",
                      "  server one 127.0.0.1:@UPSTREAM@ pool-max-conn 2048", ""])


def one_and_many(machines):
    sites = "\n".join(map(site, range(SITES)))
    backends = contenders.fill("\n".join(map(backend, range(SITES))), {"@UPSTREAM@": machines.upstream.port})
    haproxy = ("haproxy", "-db", "-f", "@FOLDER@/haproxy-sites.cfg")
    by_name = "use_backend %[req.hdr(host),lower]"
    return [
        contenders.start(machines, contenders.drawbridge("one site", config="sites.toml"),
                         extra={"@SITES@": '[site.s0]\npool = "servers"\n'}),
        contenders.start(machines, contenders.drawbridge("1,000 sites", config="sites.toml"), extra={"@SITES@": sites}),
        contenders.start(machines, contenders.Contender("one backend", haproxy, "haproxy-sites.cfg"),
                         extra={"@BY_NAME@": "", "@BACKENDS@": ""}),
        contenders.start(machines, contenders.Contender("1,000 backends", haproxy, "haproxy-sites.cfg"),
                         extra={"@BY_NAME@": by_name, "@BACKENDS@": backends}),
    ]


def run(count, seconds):
    with rig.Rig([], polling=True) as machines:
        running = one_and_many(machines)
        samples = costs.rounds(ManySites(machines), running, [cases.CASES[0]], count, seconds)
    return [{"peers": "polling", **each} for each in samples]


def ratio(samples, one="one site", many="1,000 sites"):
    """CPU time with many of them to that with one."""
    return statistics.median(costs.Costs(samples).ratios(one, cases.CASES[0], "polling", many))


def of_haproxy(samples):
    return ratio(samples, "one backend", "1,000 backends")
