"""Loading the modules of an example, each time in an interpreter that has loaded nothing."""

import subprocess
import sys

from harness.world import World


def load(world: World, *modules: str) -> str:
    """`"loaded"`, or the name of the exception with which the import ends."""
    return evaluate(world, f"import {', '.join(modules)}", "'loaded'")


def evaluate(world: World, statement: str, expression: str) -> str:
    """The value of an expression after a statement, as text, or the name of the exception with which they end."""
    script = f"{statement}\nprint({expression})"
    command = [sys.executable, "-B", "-c", script]
    done = subprocess.run(command, cwd=world.root, capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        return done.stdout.strip()
    return done.stderr.strip().splitlines()[-1].split(":")[0]
