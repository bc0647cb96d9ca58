"""A PostgreSQL server for one run of the proofs."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg


class Server:
    """A server with its own data, reached by a socket in a temporary directory and gone with it."""

    def __init__(self) -> None:
        self.binaries = _binaries()
        self.root = Path(tempfile.mkdtemp(prefix="proofs-"))
        self.databases = 0
        # The server refuses to run as root.
        self.user = None
        if os.geteuid() == 0:
            self.user = _unprivileged()
            shutil.chown(self.root, self.user)
            self.root.chmod(0o755)
        self._run("initdb", "--pgdata=data", "--username=shop", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.root),
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "max_connections": "200",
            "deadlock_timeout": "200ms",
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._run("pg_ctl", "--pgdata=data", "--wait", "--silent", "--log=log", f"--options={options}", "start")

    def create_database(self) -> str:
        """A new, empty database."""
        self.databases += 1
        name = f"proof_{self.databases}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Ends every connection to it, and drops it."""
        with self.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection of the proof itself, which commits each statement."""
        return psycopg.connect(host=str(self.root), user="shop", dbname=database, autocommit=True)

    def stop(self) -> None:
        """Stops the server and deletes its data."""
        self._run("pg_ctl", "--pgdata=data", "--mode=immediate", "--silent", "stop")
        shutil.rmtree(self.root, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        # Not through pipes: the server keeps them open for as long as it runs.
        with tempfile.TemporaryFile() as said:
            command = [str(self.binaries / program), *words]
            done = subprocess.run(
                command, cwd=self.root, user=self.user, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=_plain_environment()
            )
            if done.returncode:
                said.seek(0)
                log = self.root / "log"
                more = log.read_text() if log.exists() else ""
                raise RuntimeError(f"{program} failed:\n{said.read().decode()}\n{more}")


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _binaries() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not installed:
        raise RuntimeError("no PostgreSQL server is installed: neither `initdb` on the path nor /usr/lib/postgresql/*/bin")
    return installed[-1].parent


def _unprivileged() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")
