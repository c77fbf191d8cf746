"""Builds another revision's proxyd, to be measured in the same run: a slowdown is seen when it is made."""

import os
import pathlib
import subprocess
import sys

import contenders
import rig

TREES = rig.ROOT / "build" / "compare"


def git(*words, folder=rig.ROOT):
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: git {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout.strip()


def build(revision, jobs):
    """A contender named after the revision. Its tree and build stay in build/compare: the next time is short."""
    commit = git("rev-parse", "--short=10", f"{revision}^{{commit}}")
    tree = TREES / commit
    if not tree.exists():
        git("worktree", "add", "--detach", tree, commit)
    print(f"building {revision} ({commit})", file=sys.stderr, flush=True)
    for command in (["cmake", "--preset", "release"],
                    ["cmake", "--build", "--preset", "release", "-j", str(jobs), "--target", "proxyd"]):
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {revision} does not build:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return contenders.drawbridge(f"proxyd at {revision}", pathlib.Path(tree) / "build" / "release" / "bin")


def jobs():
    return int(os.environ.get("DEV_JOBS", os.cpu_count() or 1))


def clean():
    """Forgets all trees."""
    if TREES.exists():
        for tree in TREES.iterdir():
            git("worktree", "remove", "--force", tree)
