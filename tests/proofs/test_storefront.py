"""The sample project is a project that works: with its own requirements every module can be imported."""

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
STOREFRONT = HERE.parent / "projects" / "storefront"


def test_storefront_imports() -> None:
    command = [os.environ["STOREFRONT_PYTHON"], str(HERE / "import_all.py"), str(STOREFRONT), "app"]
    done = subprocess.run(command, cwd=STOREFRONT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = done.stdout.split()
    assert {"app.main", "app.models.product", "app.webhooks.payments"} <= set(imported)
    assert len(imported) == len(list((STOREFRONT / "app").rglob("*.py")))
