"""AUD702: pip installs no version that two requirements exclude, or the later command wins."""

import subprocess
import sys
import zipfile
from pathlib import Path

from harness import look_alike, proof
from harness.world import World


def wheel(folder: Path, name: str, version: str) -> None:
    """A package of that version, with nothing in it."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: proof\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


def install(world: World, packages: dict[str, list[str]], *arguments: str) -> str:
    """What pip says of these requirements, where these versions of these packages exist, and nothing else."""
    for name, versions in packages.items():
        for version in versions:
            wheel(world.root / "wheels", name, version)
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--find-links", "wheels"]
    done = subprocess.run(
        [*command, "--target", "site", "--disable-pip-version-check", *arguments],
        cwd=world.root,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode == 0:
        return "installed"
    return "conflict" if "ResolutionImpossible" in done.stderr + done.stdout else done.stderr


@proof("AUD702", "A file that takes in another one", faulty="conflict", fix=None)
def test_include(world: World) -> str:
    packages = {"fastapi": ["0.100.0", "0.110.0", "0.112.0"], "uvicorn": ["0.29.0"], "celery": ["5.4.0"]}
    return install(world, packages, "-r", "requirements-worker.txt")


@proof("AUD702", "A folder of requirement files, two of which only a third brings together", faulty="conflict", fix=None)
def test_folder(world: World) -> str:
    return install(world, {"pydantic": ["1.10.17", "2.8.2"]}, "-r", "requirements/all.txt")


@proof("AUD702", "A constraint that no version meets", faulty="conflict", fix=None)
def test_constraint(world: World) -> str:
    return install(world, {"redis": ["4.6.0", "5.0.8"]}, "-r", "requirements.txt")


@look_alike("AUD702", "Versions that agree", seen="installed")
def test_agree(world: World) -> str:
    packages = {
        "torch": ["2.3.1+cpu"],
        "zope_interface": ["6.4", "7.0"],
        "fastapi": ["0.110.0", "0.110.3", "0.111.0"],
        "pydantic": ["2.8.2"],
    }
    return install(world, packages, "-r", "requirements-dev.txt")


@proof("AUD702", "Files that one command installs", faulty="conflict", fix=None)
def test_command(world: World) -> str:
    packages = {"fastapi": ["0.112.0"], "celery": ["5.4.0"], "httpx": ["0.24.1", "0.28.0"]}
    return install(world, packages, "-r", "requirements/web.txt", "-r", "requirements/worker.txt")
