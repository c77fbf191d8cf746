"""Format, clang-tidy, shellcheck and Python syntax, over everything or over the files named."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import py_compile
import shutil
import subprocess
import sys
import tempfile

import tree

SCRIPTS = ("dev", ".ci/run")
COMMANDS = tree.ROOT / "build" / "dev" / "compile_commands.json"
CLEAN = tree.ROOT / "build" / "dev" / "lint-clean"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tree.ROOT)
    said = (done.stdout + done.stderr).splitlines()
    return done.returncode, "\n".join(line for line in said if "warnings generated" not in line).strip()


def show(title, status, text):
    print(f"{title:<14} {'clean' if status == 0 else 'FOUND'}", flush=True)
    if status != 0 and text:
        print(text, flush=True)
    return status == 0


def lint_format(sources):
    return show("clang-format", *run("clang-format-19", "--dry-run", "-Werror", *sources)) if sources else True


def fingerprint(command, source):
    """Of all that clang-tidy sees: the preprocessed source, its rules, its flags. Equal means: clean stays clean."""
    arguments = [word for word in command["command"].split() if word not in ("ccache", "-c")]
    if "-o" in arguments:
        at = arguments.index("-o")
        del arguments[at : at + 2]
    arguments = [word for word in arguments if not word.endswith("/ccache")]
    done = subprocess.run([*arguments, "-E"], capture_output=True, check=False, cwd=command["directory"])
    rules = (tree.ROOT / ".clang-tidy").read_bytes()
    return hashlib.sha256(rules + str(source).encode() + done.stdout).hexdigest()


def tidy_one(command):
    source = pathlib.Path(command["file"])
    mark = CLEAN / fingerprint(command, source)
    if mark.exists():
        return 0, ""
    status, text = run("clang-tidy-19", "--quiet", "-p", str(COMMANDS.parent), str(source))
    if status == 0:
        mark.touch()
    return status, text


def lint_tidy(sources):
    wanted = {str(path) for path in sources}
    commands = [each for each in json.loads(COMMANDS.read_text()) if each["file"] in wanted]
    CLEAN.mkdir(parents=True, exist_ok=True)
    clean = True
    jobs = int(os.environ.get("DEV_JOBS", os.cpu_count() or 1))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for command, (status, text) in zip(commands, pool.map(tidy_one, commands)):
            if status != 0:
                clean = show(str(pathlib.Path(command["file"]).relative_to(tree.ROOT)), status, text)
    return show("clang-tidy", 0 if clean else 1, "") and clean


def lint_shell(scripts):
    return show("shellcheck", *run("shellcheck", *scripts)) if scripts else True


def lint_python(sources):
    scratch = pathlib.Path(tempfile.mkdtemp())
    try:
        for path in sources:
            py_compile.compile(str(path), cfile=str(scratch / "compiled"), doraise=True)
    except py_compile.PyCompileError as error:
        return show("python", 1, str(error))
    finally:
        shutil.rmtree(scratch)
    return show("python", 0, "")


def in_product(path):
    """clang-tidy takes a minute for a source full of Asio: tests have it only when they are named."""
    return path.relative_to(tree.ROOT).parts[0] != "tests"


def main():
    named = [pathlib.Path(name).resolve() for name in sys.argv[1:]]
    cpp = [path for path in tree.cpp_files(tree.ROOT) if not named or path in named]
    python = [path for path in tree.files(tree.ROOT, {".py"}) if not named or path in named]
    shell = [tree.ROOT / name for name in SCRIPTS if not named or tree.ROOT / name in named]
    results = [
        lint_format(cpp),
        lint_shell(shell),
        lint_python(python),
        lint_tidy([path for path in cpp if path.suffix == ".cpp" and (named or in_product(path))]),
    ]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
