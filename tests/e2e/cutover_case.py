"""A shop on pool blue that is to move to pool green, and proxyctl beside it."""

import pathlib
import subprocess

from harness import BIN, PATIENCE, ProxyCase, answer, eventually

POST = b"POST /%s HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc"
GREEN = '[pool.green]\nservers = ["{}"]\nhealth = {{ active = false }}\n'


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until_kept(running):
    """Who runs the command of this proxyctl, in stage run, is there to say when nothing of it runs any more."""
    eventually(lambda: children(running.pid), "the keeper of the command")


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def has_ended(pid):
    try:
        return state_of(pid) == "Z"
    except OSError:
        return True


class CutoverCase(ProxyCase):
    def setUp(self):
        self.blue, self.green = self.upstream(answer(b"blue")), self.upstream(answer(b"green"))

    def shop(self, **options):
        options = {"pool": "health = { active = false }", "more": GREEN.format(self.green.address), **options}
        self.the_proxy = self.proxy(self.blue, **options)
        return self.the_proxy

    def begin(self, *arguments, **options):
        running = subprocess.Popen(
            [BIN / "proxyctl", *arguments, "--socket", self.the_proxy.socket_path],
            text=True, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})
        self.addCleanup(lambda: (running.poll() is None and running.kill(), running.communicate()))
        return running

    def cut_over(self, *arguments, **options):
        return self.begin("cutover", "web", "--to", "green", *arguments, **options)

    def gated_cut_over(self, *arguments):
        """A cutover whose command has begun and ends once there is a file: the file, and the cutover."""
        gate = self.the_proxy.folder / "gate"
        running = self.cut_over(*arguments, "--run", f"while [ ! -e {gate} ]; do sleep 0.02; done")
        self.until_stage("run")
        return gate, running

    def end_of(self, running):
        out, error = running.communicate(timeout=3 * PATIENCE)
        return running.returncode, out, error

    def site(self):
        return self.the_proxy.admin("GET", "/v1/status")[1]["sites"][0]

    def until_stage(self, stage):
        eventually(lambda: self.site().get("cutover", {}).get("stage") == stage, f"stage {stage}")

    def parked_post(self, name=b"order"):
        parked = self.client(self.the_proxy).send(POST % name)
        eventually(lambda: self.site().get("parked", {}).get("waiting", 0) > 0, "a waiting request")
        return parked

    def assert_on(self, pool, mode="live"):
        eventually(lambda: "cutover" not in self.site(), "the end of the cutover")
        self.assertEqual((self.site()["pool"], self.site()["mode"]), (pool, mode))
        if mode == "live":
            self.assertEqual(self.client(self.the_proxy).send(POST % b"after").read_response("POST").body, pool.encode())
