"""What the documents show can be used: configuration passes `proxyd --check`, and files that are named exist."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import commands
import docs
import tree

FENCE = re.compile(r"^\s*```(\w*)\s*$")
FOLDERS = "bench|cmake|config|docs|pages|proxy|tests"
CERTIFICATE = re.compile(r'"/etc/drawbridge/[\w.-]+\.(pem|key)"')
STAPLE = re.compile(r', ocsp_staple = "[^"]*"')
PAGE = re.compile(r'\bpage = "([\w-]+)"')
NAMED = re.compile(rf"(?<![\w/.:~-])(?:\./)?((?:{FOLDERS})/[\w./*-]*[\w*/])")

# What a part of a configuration may stand in: whole files pass as they are, parts in one of these.
WHOLE = "{text}"
SERVER = '[server]\npages_dir = "{pages}"\n'
LISTENER = '[[listener]]\naddress = "127.0.0.1:0"\n'
POOLS = '[pool.blue]\nservers = ["127.0.0.1:9001"]\n[pool.notice]\nservers = ["127.0.0.1:9002"]\n'
SITE = '[site.shop]\npool = "blue"\n'
CONTEXTS = [
    WHOLE,
    SERVER + LISTENER + POOLS + SITE + "{text}\n",
    SERVER + LISTENER + "{text}\n" + POOLS + SITE,
    SERVER + LISTENER + '[pool.blue]\nservers = ["127.0.0.1:9001"]\n{text}\n' + SITE,
    SERVER + "{text}\n" + LISTENER + POOLS + SITE,
]


def blocks(path, language):
    """(number of the first line, text) of each fenced block in a language."""
    start, inside, lines = 0, None, []
    for number, line in enumerate(tree.lines_of(path), 1):
        match = FENCE.match(line)
        if match and inside is None:
            start, inside, lines = number + 1, match[1], []
        elif match:
            if inside == language:
                yield start, "\n".join(lines)
            inside = None
        else:
            lines.append(line)


def complaint(program, text, folder):
    """What proxyd says against a configuration; empty if it is good."""
    file = pathlib.Path(folder) / "shown.toml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run([program, "--check", file], capture_output=True, text=True, check=False, timeout=20)
    return "" if done.returncode == 0 else done.stderr.strip() or "proxyd --check failed"


def own_files(text, folder):
    """The text with certificates that exist in place of those of the reader's machine."""
    pem, key = pathlib.Path(folder) / "shown.pem", pathlib.Path(folder) / "shown.key"
    if CERTIFICATE.search(text) and not pem.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=shown", "-keyout", key, "-out", pem], check=True, capture_output=True)
    text = STAPLE.sub("", text)
    return CERTIFICATE.sub(lambda found: f'"{pem if found[1] == "pem" else key}"', text)


def check_configuration(root, program):
    example = root / "config" / "examples" / "pages" / "upgrading"
    with tempfile.TemporaryDirectory() as folder:
        pages = pathlib.Path(folder) / "pages"
        pages.mkdir()
        for path in tree.files(root, {".md"}):
            for number, text in blocks(path, "toml"):
                for page in PAGE.findall(text):
                    shutil.copytree(example, pages / page, dirs_exist_ok=True)
                text = own_files(text, folder)
                tried = [context.format(text=text, pages=pages) for context in CONTEXTS]
                if "[[listener]]" in text:
                    tried = [tried[0], (SERVER + "{text}\n" + POOLS + SITE).format(text=text, pages=pages)]
                said = [complaint(program, each, folder) for each in tried]
                if all(said):
                    yield tree.problem(root, path, number, f"no good configuration: {said[0]}")


def check_named_files(root):
    for path in tree.files(root, {".md"}):
        shown = list(commands.code_in(path)) + list(docs.prose(path))
        for number, text in shown:
            for name in NAMED.findall(text):
                found = any(root.glob(name.rstrip("/"))) or (path.parent / name).exists()
                # A header and its source are named together, without a suffix.
                if not found and not any(root.glob(name + ".h")):
                    yield tree.problem(root, path, number, f"there is no {name}")


def check(root, program):
    return [*check_configuration(root, program), *sorted(set(check_named_files(root)))]


if __name__ == "__main__":
    tree.report(check(tree.ROOT, pathlib.Path(os.environ["DRAWBRIDGE_BIN"]) / "proxyd"))
