"""The house rules that a compiler does not know: sizes, names, sleeps, leftovers."""

import re

import tree

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

NOT_A_FUNCTION = re.compile(
    r"^\s*(namespace|class|struct|enum|union|extern|if|else|for|while|do|switch|case|try|catch|return|co_return)\b"
    r"|^\s*(\}|//|#)"
)
OPENS_BODY = re.compile(r"\)[^;={}]*(->[^;={}]*)?\{$|^[^;={}]*\bnoexcept\b.*\{$")
TEST_NAME = re.compile(r'\b(?:TEST_CASE|SUBCASE)\(\s*"((?:[^"\\]|\\.)*)"')
PYTHON_TEST_NAME = re.compile(r"^\s*def test_(\w+)")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
SLOW_ON_PURPOSE = "soak"  # the folder whose clients and servers take their time: that is the traffic
WAITER = re.compile(r"\b(wait|eventually|poll)\w*\s*\(")
# Spelled in two halves, so that this file keeps its own rules.
LEFTOVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
SKIPPED = re.compile(r"(doctest::|unittest\.|pytest\.|pytest\.mark\.|self\.)sk" + r"ip|sk" + r"ip\(true\)")
MACHINE_PATH = re.compile("/(ho" + "me|Us" + "ers|ro" + "ot|wo" + "rk)/|/tmp/w" + "t-")
TEXT_SUFFIXES = {".h", ".cpp", ".py", ".md", ".txt", ".cmake", ".toml", ".json", ".html", ".conf", ".sh", ""}


def functions(lines):
    """(first line number, line count) of each function, read from the layout that clang-format gives the code."""
    for index, line in enumerate(lines):
        if not OPENS_BODY.search(line) or NOT_A_FUNCTION.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        start = index
        # A signature over several lines goes on with a deeper indent; its closing brace stands under its first line.
        while start > 0 and indent >= 4 and not lines[start - 1].rstrip().endswith((";", "{", "}", ":")):
            start -= 1
            indent = len(lines[start]) - len(lines[start].lstrip())
        if NOT_A_FUNCTION.match(lines[start]):
            continue
        closing = " " * indent + "}"
        for end in range(index + 1, len(lines)):
            if lines[end].startswith(closing):
                yield start + 1, end - start + 1
                break


def check_sizes(root):
    for path in tree.files(root, {".h", ".cpp", ".py"}, tree.CODE_FOLDERS):
        lines = tree.lines_of(path)
        if len(lines) > FILE_LINES_MAX:
            yield tree.problem(root, path, 1, f"{len(lines)} lines; a file has at most {FILE_LINES_MAX}")
        if path.suffix == ".py":
            continue
        for number, count in functions(lines):
            if count > FUNCTION_LINES_MAX:
                yield tree.problem(root, path, number, f"a function of {count} lines; at most {FUNCTION_LINES_MAX}")


def namespace_of(root, path):
    parts = path.relative_to(root).parts
    return parts[-2]


def check_headers_and_namespaces(root):
    for path in tree.cpp_files(root, ("proxy", "pages", "config")):
        text = path.read_text(encoding="utf-8")
        wanted = f"namespace drawbridge::{namespace_of(root, path)}"
        if not re.search(re.escape(wanted) + r"\b", text) and not re.search(r"^int main\(", text, re.M):
            yield tree.problem(root, path, 1, f"expected `{wanted}`: a folder is a namespace")
        if path.suffix == ".h" and "#pragma once" not in text.splitlines()[:3]:
            yield tree.problem(root, path, 1, "a header begins with #pragma once")


def check_own_header_first(root):
    for path in tree.cpp_files(root, ("proxy", "pages", "config")):
        header = path.with_suffix(".h")
        if path.suffix != ".cpp" or not header.exists():
            continue
        wanted = f'#include "{header.relative_to(root)}"'
        includes = [line for line in tree.lines_of(path) if line.startswith("#include")]
        if not includes or includes[0] != wanted:
            yield tree.problem(root, path, 1, f"its own header comes first: {wanted}")


def check_sources_are_built(root):
    """No globs in CMake, so a source can be forgotten: a test that nobody builds passes for ever."""
    for path in tree.files(root, {".cpp"}, tree.CODE_FOLDERS):
        folder, named = path.parent, False
        while not named and folder != root:
            listing = folder / "CMakeLists.txt"
            name = re.escape(str(path.relative_to(folder)))
            named = listing.exists() and re.search(rf"(^|[\s/(]){name}([\s)]|$)", listing.read_text()) is not None
            folder = folder.parent
        if not named and path.name != "replay_main.cpp":
            yield tree.problem(root, path, 1, "no CMakeLists.txt names this source")


def check_test_names(root):
    for path in tree.files(root, {".cpp", ".py"}, ("tests",)):
        pattern = TEST_NAME if path.suffix == ".cpp" else PYTHON_TEST_NAME
        seen = set()
        for number, line in enumerate(tree.lines_of(path), 1):
            match = pattern.search(line)
            if not match:
                continue
            words = re.split(r"[\s_]+", match[1].strip())
            if len(words) < 3 and "SUBCASE" not in line:
                yield tree.problem(root, path, number, f"'{match[1]}' is no sentence about behaviour")
            if match[1] in seen and "SUBCASE" not in line:
                yield tree.problem(root, path, number, f"'{match[1]}' names two tests")
            seen.add(match[1])


def stands_in_waiter(lines, index):
    """Whether the function around a line waits for a condition: its head says wait, eventually or poll."""
    indent = len(lines[index]) - len(lines[index].lstrip())
    for line in reversed(lines[:index]):
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth < indent:
            if WAITER.search(line):
                return True
            indent = depth
    return False


def check_sleeps(root):
    for path in tree.files(root, {".h", ".cpp", ".py"}, ("tests",)):
        if path.parent.name == SLOW_ON_PURPOSE:
            continue
        lines = tree.lines_of(path)
        for index, line in enumerate(lines):
            if SLEEP.search(line) and not stands_in_waiter(lines, index):
                text = "a test waits for a condition with a deadline, it does not sleep"
                yield tree.problem(root, path, index + 1, text)


def check_leftovers(root):
    for path in tree.files(root, TEXT_SUFFIXES):
        try:
            lines = tree.lines_of(path)
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            if LEFTOVER.search(line):
                yield tree.problem(root, path, number, "unfinished business: do it or drop it")
            if SKIPPED.search(line):
                yield tree.problem(root, path, number, "no test is skipped")
            if MACHINE_PATH.search(line) and "corpus" not in path.parts:
                yield tree.problem(root, path, number, "a path of one machine")


CHECKS = [
    check_sizes,
    check_headers_and_namespaces,
    check_own_header_first,
    check_sources_are_built,
    check_test_names,
    check_sleeps,
    check_leftovers,
]


def check(root):
    return [found for one in CHECKS for found in one(root)]


if __name__ == "__main__":
    tree.report(check(tree.ROOT))
