"""The documents keep their word: links lead somewhere, and commands that are shown exist."""

import re
import urllib.parse

import tree

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*)$")
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


def check(root):
    problems = []
    for path in tree.files(root, {".md"}):
        for number, line in prose(path):
            for match in LINK.finditer(line):
                found = check_link(root, path, number, match[1] or match[2])
                if found:
                    problems.append(found)
    return problems


if __name__ == "__main__":
    tree.report(check(tree.ROOT))
