"""The examples of the pages, as `cargo xtask prove` has read them from `crates/auditline_hazards/src/**/page.md`."""

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """One example of a page."""

    code: str
    title: str
    #: Path and text of its files.
    files: dict[str, str]
    #: What each fix makes of it, by the beginning of the fix's title; the first fix has the key "".
    fixed: dict[str, dict[str, str]]

    def write(self, root: Path) -> None:
        """Writes its files below that directory."""
        _write(root, self.files)

    def write_fixed(self, root: Path, title: str) -> None:
        """Writes what the fix of that title makes of it (the pages' tests hold the fix to these bytes)."""
        found = [files for known, files in self.fixed.items() if known.startswith(title)]
        assert len(found) == 1, f"{self.code} `{self.title}` has {len(found)} blocks for the fix `{title}`: {list(self.fixed)}"
        _write(root, found[0])


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@cache
def _pages() -> dict[str, dict[str, list[dict]]]:
    return json.loads(Path(os.environ["AUDITLINE_PAGES"]).read_text())


def codes() -> list[str]:
    """The codes of the catalogue."""
    return sorted(_pages())


def example(code: str, section: str, title: str) -> Example:
    """The example of that title in `hazardous` or `silent`."""
    examples = _pages()[code][section]
    for one in examples:
        if one["title"] == title:
            return Example(code, title, one["files"], one["fixed"])
    titles = "\n  ".join(one["title"] for one in examples)
    raise LookupError(f"{code} has no {section} example `{title}`, but\n  {titles}")


def findings(code: str, root: Path) -> list[str]:
    """What `auditline check` finds of that hazard."""
    done = _auditline("--select", code, "--output-format", "concise", str(root))
    return [line for line in done.stdout.splitlines() if code in line]


def fix(code: str, root: Path, unsafe: bool) -> None:
    """Applies the quick fix of each finding, and sees to it that none is left."""
    assert findings(code, root), f"{code} is not found in its own example"
    _auditline("--select", code, "--fix", *(["--unsafe-fixes"] if unsafe else []), str(root))
    left = findings(code, root)
    assert not left, "the fix leaves\n" + "\n".join(left)


def _auditline(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([os.environ["AUDITLINE"], "check", "--no-config", *words], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done
