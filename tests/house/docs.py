"""The documents keep their word: links lead somewhere, and every metric has its line."""

import re
import urllib.parse

import tree

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*)$")
METRIC = re.compile(r'"((?:drawbridge|process)_[a-z0-9_]+)"')
FENCE = re.compile(r"^\s*```")


def prose(path):
    """(number, line) of everything outside fenced blocks."""
    fenced = False
    for number, line in enumerate(tree.lines_of(path), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(path):
    found = set()
    for _, line in prose(path):
        match = HEADING.match(line)
        if match:
            text = re.sub(r"[`*]", "", match[1]).lower()
            found.add(re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-"))
    return found


def check_link(root, path, number, target):
    if re.match(r"^[a-z]+:", target):
        return None
    name, _, anchor = target.partition("#")
    file = (path.parent / urllib.parse.unquote(name)).resolve() if name else path
    if not file.exists():
        return tree.problem(root, path, number, f"'{target}' leads nowhere")
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return tree.problem(root, path, number, f"'{target}': no such heading")
    return None


def check_metrics(root):
    """Each metric that is exposed has a line in docs/METRICS.md, and each line a metric."""
    code, page = root / "proxy/obs/exposition.cpp", root / "docs/METRICS.md"
    if not code.exists():
        return []
    exposed = set(METRIC.findall(code.read_text()))
    named = set(re.findall(r"^\| `([a-z0-9_]+)`", page.read_text() if page.exists() else "", re.M))
    return [tree.problem(root, page, 1, f"{name} is in only one of the page and exposition.cpp")
            for name in sorted(exposed ^ named)]


def check(root):
    problems = check_metrics(root)
    for path in tree.files(root, {".md"}):
        for number, line in prose(path):
            for match in LINK.finditer(line):
                found = check_link(root, path, number, match[1] or match[2])
                if found:
                    problems.append(found)
    return problems


if __name__ == "__main__":
    tree.report(check(tree.ROOT))
