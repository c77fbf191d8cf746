"""A headless Chromium over the DevTools pipe: what the tests need of a browser and no more."""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --disable-default-apps --no-first-run "
    "--no-default-browser-check --hide-scrollbars --mute-audio --remote-debugging-pipe"
).split()


class BrowserError(Exception):
    pass


class Browser:
    """One browser process of our own; `with Browser() as browser`. Every wait has a deadline."""

    def __init__(self, deadline_s=60, flags=()):
        program = shutil.which("chromium") or shutil.which("google-chrome")
        if program is None:
            raise BrowserError("no chromium: apt-get install -y --no-install-recommends chromium")
        self.deadline_s = deadline_s
        self.profile = tempfile.mkdtemp(prefix="pages-browser-")
        self.process, self.to, self.come = self._start(program, flags)
        self.buffer = b""
        self.sequence = 0
        self.session = None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _start(self, program, flags):
        # The browser reads commands from descriptor 3 and writes answers to 4.
        read_commands, write_commands = os.pipe()
        read_answers, write_answers = os.pipe()

        def place_descriptors():
            spare_in, spare_out = os.dup(read_commands), os.dup(write_answers)
            os.dup2(spare_in, 3)
            os.dup2(spare_out, 4)

        process = subprocess.Popen(
            [program, *FLAGS, *flags, f"--user-data-dir={self.profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=place_descriptors, start_new_session=True,
        )
        os.close(read_commands)
        os.close(write_answers)
        return process, write_commands, read_answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.to)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.come)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _next_message(self, deadline):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.come], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise BrowserError("the browser does not answer")
            got = os.read(self.come, 1 << 20)
            if not got:
                raise BrowserError("the browser has ended")
            self.buffer += got
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.sequence += 1
        message = {"id": self.sequence, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        deadline = time.monotonic() + self.deadline_s
        while True:
            answer = self._next_message(deadline)
            if answer.get("id") == self.sequence:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_event(self, method):
        """Takes events until one of that name comes; returns its parameters."""
        deadline = time.monotonic() + self.deadline_s
        while True:
            event = self.events.pop(0) if self.events else self._next_message(deadline)
            if event.get("method") == method:
                return event.get("params", {})

    def look_like(self, width, height, dark=False, zone="UTC", script=True, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
                  mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        self.call("Emulation.setTimezoneOverride", timezoneId=zone)
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def open(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait_event("Page.loadEventFired")

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails'].get('text')}")
        return answer["result"].get("value")

    def text(self):
        return self.evaluate("document.body.innerText")

    def wait_until(self, condition):
        """Until a JavaScript expression holds in the page, looked at once a frame."""
        milliseconds = self.deadline_s * 500
        held = self.evaluate(
            "new Promise((done) => { const end = performance.now() + %d; const look = () => (%s) ? done(true) : "
            "performance.now() > end ? done(false) : setTimeout(look, 20); look(); })" % (milliseconds, condition)
        )
        if not held:
            raise BrowserError(f"did not come true: {condition}")

    def screenshot(self, file):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True,
                         optimizeForSpeed=True)["data"]
        file.write_bytes(base64.b64decode(data))

    def complaints(self):
        """What the console would show as an error: refused styles and scripts, exceptions."""
        found = []
        for event in self.events:
            if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(event["params"]["entry"]["text"])
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(event["params"]["exceptionDetails"].get("text", "exception"))
        return found
