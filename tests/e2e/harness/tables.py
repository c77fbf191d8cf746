"""The tables of the unit tests, for sending their rows over sockets."""

import functools
import subprocess

from .proxy import BIN


@functools.cache
def _all():
    done = subprocess.run([BIN / "e2e_tables"], capture_output=True, text=True, check=True)
    tables = {}
    for line in done.stdout.splitlines():
        name, *cells = line.split("\t")
        tables.setdefault(name, []).append([bytes.fromhex(cell) for cell in cells])
    return tables


def rows(table):
    """Each row as a tuple of bytes; the tables and their cells stand in tables.cpp."""
    return [tuple(row) for row in _all()[table]]
