"""A hosts file of a test's own: what names mean to one proxyd, whatever the machine says."""

import ctypes
import os
import pathlib

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18


class Hosts:
    """`prepare` runs in the child before proxyd starts and puts the file in the place of /etc/hosts, for it alone."""

    def __init__(self, path, **names):
        self.path = pathlib.Path(path)
        self.say(**names)

    def say(self, **names):
        """What the names mean from now on: an address, or a list of them. Names have `_` for the dot."""
        lines = ["127.0.0.1 localhost\n"]
        for name, addresses in names.items():
            lines += [f"{one} {name.replace('_', '.')}\n" for one in ([addresses] if isinstance(addresses, str) else addresses)]
        # The same file, for it is mounted: not another one that takes its name.
        self.path.write_text("".join(lines), encoding="utf-8")

    def prepare(self):
        libc = ctypes.CDLL(None, use_errno=True)
        user, group = os.geteuid(), os.getegid()

        def must(result):
            if result != 0:
                raise OSError(ctypes.get_errno(), "a hosts file of its own")
        must(libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user != 0 else 0)))
        if user != 0:
            pathlib.Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            pathlib.Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            pathlib.Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
        must(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        must(libc.mount(str(self.path).encode(), b"/etc/hosts", None, MS_BIND, None))
