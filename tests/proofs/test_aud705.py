"""AUD705: of two assignments only the second counts."""

from pathlib import Path

from harness import proof
from harness.loading import evaluate
from harness.world import World


def raised(world: World, file: str, before: str, after: str, expression: str) -> str:
    """What a program sees after somebody has changed the first place where a constant stands."""
    path: Path = world.root / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return evaluate(world, "import app.limits", expression)


@proof("AUD705", "The same value twice", faulty="50", cured="80")
def test_same(world: World) -> str:
    return raised(world, "app/limits.py", "MAX_ITEMS = 50", "MAX_ITEMS = 80", "app.limits.limit()")


@proof("AUD705", "Two values", faulty="2.5", cured="4.0")
def test_two(world: World) -> str:
    path: Path = world.root / "app/limits.py"
    first = next(line for line in path.read_text().splitlines() if line.startswith("RETRIES = "))
    return raised(world, "app/limits.py", first.split("  #")[0], "RETRIES = 8", "app.limits.retries()")
