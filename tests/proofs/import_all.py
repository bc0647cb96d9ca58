"""Imports every module of a project's package, and has SQLAlchemy configure the mappers: `import_all.py ROOT PACKAGE`."""

import importlib
import sys
import traceback
from pathlib import Path

from sqlalchemy.orm import configure_mappers

root, package = Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(root))
failed = False
for path in sorted((root / package).rglob("*.py")):
    module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    try:
        importlib.import_module(module)
        print(module)
    except Exception:
        failed = True
        traceback.print_exc()
configure_mappers()
sys.exit(failed)
