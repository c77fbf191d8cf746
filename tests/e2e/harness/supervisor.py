"""What systemd is to proxyd: hears it at NOTIFY_SOCKET, keeps descriptors for it, and hands them to the next process."""

import array
import fcntl
import os
import pathlib
import select
import signal
import socket
import stat
import sys
import threading

from .proxy import TestProxy
from .waiting import eventually

OUT_OF_THE_WAY = 300  # where descriptors wait for their numbers
DESCRIPTORS_MAX = 64  # of a message


class Supervisor:
    """Keeps what FDSTORE=1 brings, once each and at most `room`, until FDSTOREREMOVE=1 or until it hangs up (as systemd
    does). It can be deaf for a while: then what is said waits. And it need not look who has hung up."""

    def __init__(self, folder, room=4096):
        self.address = str(pathlib.Path(folder) / "notify.sock")
        self.said = []  # the messages, as dictionaries
        self.room = room
        self.looks = True
        self.hears = threading.Event()
        self.hears.set()
        self._kept = []  # (name, descriptor)
        self._lock = threading.Lock()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(self.address)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            text, ancillary, _, _ = self._sock.recvmsg(4096, socket.CMSG_SPACE(DESCRIPTORS_MAX * 4))
            if not text:
                return
            self.hears.wait()
            descriptors = array.array("i")
            for _, kind, data in ancillary:
                assert kind == socket.SCM_RIGHTS
                descriptors.frombytes(data)
            self._hear(dict(line.split("=", 1) for line in text.decode().splitlines()), descriptors)

    def _hear(self, message, descriptors):
        with self._lock:
            if message.get("FDSTORE") == "1":
                for number in descriptors:
                    self._keep(message.get("FDNAME", "stored"), number)
            elif message.get("FDSTOREREMOVE") == "1":
                self._drop(lambda name, _: name == message["FDNAME"])
            else:
                for number in descriptors:
                    os.close(number)
            self.said.append(message)

    def _keep(self, name, number):
        self._drop_ended()
        if len(self._kept) >= self.room or any(os.path.sameopenfile(number, known) for _, known in self._kept):
            os.close(number)
        else:
            self._kept.append((name, number))

    def _drop(self, condition):
        for pair in [pair for pair in self._kept if condition(*pair)]:
            self._kept.remove(pair)
            os.close(pair[1])

    def _drop_ended(self):
        if self.looks:
            self._drop(lambda _, number: _has_hung_up(number))

    def store(self):
        """(name, descriptor) of all that is kept now."""
        with self._lock:
            self._drop_ended()
            return list(self._kept)

    def kept(self):
        """Of these the sockets."""
        return [(name, number) for name, number in self.store() if stat.S_ISSOCK(os.fstat(number).st_mode)]

    def keeps(self, address):
        """How many sockets on that address."""
        return sum(_bound(number) == address for _, number in self.kept())

    def has_heard(self, **wanted):
        return any(wanted.items() <= message.items() for message in self.said)

    def forget_all(self):
        """As systemd does with a service that was stopped."""
        with self._lock:
            self._drop(lambda *_: True)

    def close(self):
        self.hears.set()
        self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()
        self.forget_all()


def _bound(number):
    with socket.socket(fileno=os.dup(number)) as sock:
        return sock.getsockname()


def _has_hung_up(number):
    poll = select.poll()
    poll.register(number, 0)
    return bool(poll.poll(0))


# Runs in a process of its own, which becomes proxyd: the descriptors are inherited under numbers that are out of the
# way. Arguments: what is said of them, then the command.
HAND_OVER = """
import os, sys
numbers, said = eval(sys.argv[1])
for place, number in enumerate(numbers, 3):
    os.dup2(number, place)
    os.close(number)
os.environ.update({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(numbers)), **said})
os.execv(sys.argv[2], sys.argv[2:])
"""


def handing_over(command, descriptors, said):
    return [sys.executable, "-ISs", "-c", HAND_OVER, repr((descriptors, said)), *map(str, command)]


class KeptProxy(TestProxy):
    """A proxyd under a supervisor. `told` changes what it is told of the descriptors (LISTEN_FDS and the like), and
    `handed` are given behind those that are kept. `kept=False`: it gets `handed` only, and cannot speak."""

    def __init__(self, upstreams=(), *, told=None, handed=(), kept=True, room=4096, start=True, **options):
        super().__init__(upstreams, start=False, **options)
        self.supervisor = Supervisor(self.folder, room)
        self.told = told or {}
        self.more_handed = list(handed)
        if kept:
            self.environment["NOTIFY_SOCKET"] = self.supervisor.address
        self._on_their_way = []
        if start:
            self.start()

    def handed_over(self):
        return self._on_their_way

    def command(self):
        handed = [*self.supervisor.store(), *(("unknown", number) for number in self.more_handed)]
        self._on_their_way = [fcntl.fcntl(number, fcntl.F_DUPFD, OUT_OF_THE_WAY) for _, number in handed]
        if not handed and not self.told:
            return super().command()
        names = ":".join(name for name, _ in handed)
        return handing_over(super().command(), self._on_their_way, {"LISTEN_FDNAMES": names, **self.told})

    def launch(self):
        super().launch()
        for number in self._on_their_way:
            os.close(number)
        self._on_their_way = []

    def fix_addresses(self):
        """Port 0 of the configuration becomes what was bound, so that the next process wants the same."""
        text = self.config.read_text()
        for _, port in self.addresses:
            text = text.replace('"127.0.0.1:0"', f'"127.0.0.1:{port}"', 1)
        self.config.write_text(text)
        return self

    def edit(self, *changes):
        text = self.config.read_text()
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        self.config.write_text(text)

    def end(self):
        """SIGTERM, and until the process is gone."""
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.said

    def restart(self):
        """As `systemctl restart`: the next process begins when this one has ended."""
        self.end()
        self.start()

    def crash_and_start(self):
        self.kill()
        self.start()

    def wait_until_kept(self, count):
        eventually(lambda: len(self.supervisor.kept()) == count, f"{count} descriptors to be kept")

    def remove(self):
        super().remove()
        self.supervisor.close()
