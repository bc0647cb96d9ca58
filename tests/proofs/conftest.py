"""Fixtures of the proofs, and how a run is told: one line for each proof, and a last line that counts them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("harness.proof", "harness.world", "harness.pages")

# Loaded once, before workers are forked.
import asyncpg  # noqa: E402, F401
import flask_sqlalchemy  # noqa: E402, F401
import stripe  # noqa: E402, F401

from harness import pages  # noqa: E402
from harness.postgres import Server  # noqa: E402
from harness.world import World  # noqa: E402

_COUNTS = {"passed": 0, "failed": 0}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def world_of(postgres: Server, tmp_path: Path) -> Iterator[Callable[[], World]]:
    worlds: list[World] = []

    def make() -> World:
        worlds.append(World(postgres, tmp_path))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.hookimpl
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.failed or report.skipped:
        _COUNTS["passed" if report.passed else "failed"] += 1
        print(f"{'ok  ' if report.passed else 'FAIL'} {report.nodeid.partition('[')[2].rstrip(']') or report.nodeid}", flush=True)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    # In place of the dots: the lines above.
    return (report.outcome, "", "") if report.when == "call" else None


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if config.option.collectonly:
        return
    proved = {path.stem.removeprefix("test_").upper() for path in Path(__file__).parent.glob("test_aud*.py")}
    if missing := [code for code in pages.codes() if code not in proved]:
        print(f"hazards without a proof: {', '.join(missing)}")
    print(f"{_COUNTS['passed']} passed, {_COUNTS['failed']} failed", flush=True)
