"""Every command that the documents show exists: verbs and options of proxyctl and proxyd, and of ./dev."""

import os
import pathlib
import re
import subprocess

import docs
import tree

CODE = re.compile(r"`([^`]+)`")
WORDS = r"(?:[ \t]+[^\s`|&;<>()#\"']+|[ \t]+\"[^\"]*\"|[ \t]+'[^']*')*"
COMMAND = re.compile(rf"(?<![\w/.-])(?:\S*/)?(proxyctl|proxyd|dev)\b({WORDS})")
OPTION = re.compile(r"--[a-z][a-z-]*")
PLACEHOLDER = re.compile(r"^[A-Z…\[]")


class Help:
    """What the programs say about themselves, asked once for each."""

    def __init__(self, folder):
        self.folder = folder
        self.texts = {}

    def text(self, *words):
        if words not in self.texts:
            command = [self.folder / words[0], *words[1:], "--help"]
            if words[0] == "dev":
                command = [tree.ROOT / "dev", "help"]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
            self.texts[words] = done.stdout if done.returncode == 0 else ""
        return self.texts[words]

    def verbs(self, program):
        if program == "dev":
            return set(re.findall(r"^\./dev (\w+)", self.text("dev"), re.M)) | {"help"}
        listed = self.text(program).partition("Subcommands:")[2]
        return set(re.findall(r"^  (\w+)", listed, re.M))


def code_in(path):
    """(number, text) of what stands in fenced blocks or between backticks."""
    outside = dict(docs.prose(path))
    for number, line in enumerate(tree.lines_of(path), 1):
        if number not in outside:
            yield number, line
        else:
            for match in CODE.finditer(line):
                yield number, match[1]


def without_values(words):
    """The words up to the first that is no verb, global options and their values left out."""
    verbs, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("--socket", "--config", "--check", "--listen"):
            skip = True
        elif not word.startswith("-"):
            verbs.append(word)
    return verbs


def check_command(known, program, words):
    verbs = without_values(words)
    if not verbs or PLACEHOLDER.match(verbs[0]):
        path = (program,)
    elif verbs[0] in known.verbs(program):
        path = (program, verbs[0])
        if len(verbs) > 1 and known.text(*path, verbs[1]):
            path = (*path, verbs[1])
    elif program == "proxyd":
        path = (program,)
    else:
        return f"'{program} {verbs[0]}' is no command"
    for option in [word for word in words if OPTION.fullmatch(word.partition("=")[0])]:
        name = option.partition("=")[0]
        helps = known.text(*path) + known.text(program) + (known.text(*path[:2]) if len(path) > 1 else "")
        if not re.search(re.escape(name) + r"(?![a-z-])", helps) and name != "--help":
            return f"'{' '.join(path)}' has no {name}"
    return None


def check(root, folder):
    known, problems = Help(folder), []
    for path in tree.files(root, {".md"}):
        if path.name == "CHANGELOG.md":
            continue
        for number, text in code_in(path):
            for program, rest in COMMAND.findall(text):
                if program == "dev" and "./dev" not in text:
                    continue
                found = check_command(known, program, re.findall(r"\"[^\"]*\"|'[^']*'|\S+", rest))
                if found:
                    problems.append(tree.problem(root, path, number, found))
    return problems


if __name__ == "__main__":
    tree.report(check(tree.ROOT, pathlib.Path(os.environ["DRAWBRIDGE_BIN"])))
