"""The files of the project, as the house tests see them, and the way they report."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_OURS = {"build", ".git", ".cache", "__pycache__", "results"}
CODE_FOLDERS = ("proxy", "pages", "config", "tests", "bench")


def files(root, suffixes, folders=None):
    """Every file below `root` (or below the named folders of it) with one of the suffixes, as sorted paths."""
    found = []
    starts = [root] if folders is None else [root / folder for folder in folders]
    for start in starts:
        for path in start.rglob("*"):
            inside = path.relative_to(root).parts
            if path.is_file() and path.suffix in suffixes and not NOT_OURS.intersection(inside):
                found.append(path)
    return sorted(found)


def cpp_files(root, folders=CODE_FOLDERS):
    return files(root, {".h", ".cpp"}, folders)


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def problem(root, path, number, text):
    return f"{path.relative_to(root)}:{number}: {text}"


def report(problems):
    """Prints what was found and ends the program: 0 when there was nothing."""
    for text in problems:
        print(text)
    print(f"{len(problems)} problems")
    sys.exit(1 if problems else 0)
