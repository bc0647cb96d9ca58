"""How a driver says what it proves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from harness import pages
from harness.world import World

Schedule = Callable[[World], Any]


@dataclass(frozen=True)
class Case:
    """One run of a schedule: on which files, and what must be seen."""

    code: str
    section: str
    title: str
    #: `None` for the example as it stands; else the option of `auditline check`, or the title of a fix.
    fix: str | None
    expected: Any

    def __str__(self) -> str:
        what = {"silent": "look-alike"}.get(self.section, "as written" if self.fix is None else self.fix)
        return f"{self.code} {self.title}: {what}"


def proof(code: str, title: str, *, faulty: Any, cured: Any = None, fix: str | None = "--fix") -> Callable[[Schedule], Any]:
    """The hazardous example shows `faulty`, and after the quick fix the same schedule shows `cured`.

    `fix` is `--fix`, `--unsafe-fixes`, or the beginning of the title of a fix that neither of them takes first; `None` where
    the page offers none.
    """
    assert (fix is None) == (cured is None), "say what is seen after the fix, or that there is none"
    assert faulty != cured, "a fault that looks like its cure is none"
    cases = [Case(code, "hazardous", title, None, faulty)]
    if fix is not None:
        cases.append(Case(code, "hazardous", title, fix, cured))
    return lambda schedule: _test(schedule, cases)


def look_alike(code: str, title: str, *, seen: Any) -> Callable[[Schedule], Any]:
    """The look-alike shows `seen`: no fault."""
    return lambda schedule: _test(schedule, [Case(code, "silent", title, None, seen)])


def _test(schedule: Schedule, cases: list[Case]) -> Any:
    # Decorators stack: one schedule may serve several examples.
    inner = getattr(schedule, "schedule", schedule)
    cases = cases + getattr(schedule, "cases", [])

    @pytest.mark.parametrize("case", cases, ids=str)
    def test(case: Case, world_of: Callable[[], World]) -> None:
        world = world_of()
        example = pages.example(case.code, case.section, case.title)
        example.write(world.root)
        if case.fix in ("--fix", "--unsafe-fixes"):
            pages.fix(case.code, world.root, unsafe=case.fix == "--unsafe-fixes")
        elif case.fix is not None:
            example.write_fixed(world.root, case.fix)
        elif case.section == "silent":
            assert not pages.findings(case.code, world.root)
        assert inner(world) == case.expected

    test.schedule = inner
    test.cases = cases
    return test
