"""AUD701: what the Dockerfile copies is not in the build context."""

import json
import shlex

from harness import look_alike, proof
from harness.world import World


def missing(world: World, dockerfile: str, context: str) -> list[str]:
    """The sources of `COPY` that a build with that context would not find."""
    absent = []
    for line in (world.root / dockerfile).read_text().splitlines():
        if not line.startswith("COPY ") or "--from" in line:
            continue
        rest = line.removeprefix("COPY ")
        words = json.loads(rest) if rest.startswith("[") else [word for word in shlex.split(rest) if not word.startswith("--")]
        # A leading slash is the context's top.
        absent += [source for source in words[:-1] if not (world.root / context / source.lstrip("/")).exists()]
    return absent


@proof("AUD701", "A file that was moved", faulty=["requirements.txt"], cured=[], fix="Take")
def test_moved(world: World) -> list[str]:
    return missing(world, "backend/Dockerfile", "backend")


@proof(
    "AUD701", "A path from the root, and a context below it", faulty=["backend/app", "backend/alembic.ini"], cured=[]
)
def test_root(world: World) -> list[str]:
    return missing(world, "backend/Dockerfile.prod", "backend")


@proof("AUD701", "A slip of the pen", faulty=["requirement.txt"], cured=[], fix="Take")
def test_slip(world: World) -> list[str]:
    return missing(world, "Dockerfile", ".")


@look_alike("AUD701", "The context that the compose file names has it", seen=[])
def test_compose(world: World) -> list[str]:
    return missing(world, "docker/api.Dockerfile", ".")
