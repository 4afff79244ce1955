"""A PostgreSQL of one test module: a cluster in a temporary folder, reached over a socket in it, gone afterwards.

What belongs here: starting and ending it. What does not: what is kept in it (`test_postgres.py`).
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

START_SECONDS = 120.0


def _programs() -> Path | None:
    """Folder of initdb and postgres; Debian keeps it out of the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = str(debian[-1]) if debian else shutil.which("postgres")
    return Path(found).parent if found else None


def _owner() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: Debian's package makes a user for it."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


PROGRAMS = _programs()
WITHOUT_POSTGRES = "" if PROGRAMS else "PostgreSQL is not installed"


class Cluster:
    """Two databases, `dagster` and `mlflow`, of a user without a password (the socket's folder is private)."""

    def __init__(self) -> None:
        assert PROGRAMS is not None
        self.folder = Path(tempfile.mkdtemp(prefix="browse-pg-"))  # short: a socket's path has 107 characters
        owner = _owner()
        if owner:
            os.chown(self.folder, owner["user"], owner["group"])
        data = str(self.folder / "data")
        made = [str(PROGRAMS / "initdb"), "-D", data, "-U", "browse", "--auth=trust", "-E", "UTF8", "--locale=C", "-N"]
        quick = [f"-c{name}=off" for name in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")]
        subprocess.run(made, cwd="/", check=True, stdout=subprocess.DEVNULL, **owner)
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [str(PROGRAMS / "postgres"), "-D", data, "-k", str(self.folder), "-c", "listen_addresses=", *quick],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            **owner,
        )
        try:
            self._make_databases()
        except BaseException:
            self.remove()
            raise

    def url(self, database: str) -> str:
        """Its address for SQLAlchemy."""
        return f"postgresql+psycopg2://browse@/{database}?host={self.folder}"

    def rows(self, database: str, select: str) -> list[tuple[Any, ...]]:
        """Rows of a SELECT."""
        import psycopg2

        con = psycopg2.connect(dbname=database, user="browse", host=str(self.folder))
        con.autocommit = True
        try:
            with con.cursor() as cursor:
                cursor.execute(select)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            con.close()

    def holds(self, text: str) -> list[str]:
        """Files of the tables in which a text stands; the write-ahead log is not one of them."""
        self.rows("dagster", "CHECKPOINT")
        files = [path for path in (self.folder / "data" / "base").rglob("*") if path.is_file()]
        return [path.name for path in files if text.encode() in path.read_bytes()]

    def _make_databases(self) -> None:
        import psycopg2

        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                for name in ("dagster", "mlflow"):
                    self.rows("postgres", f"CREATE DATABASE {name}")
                return
            except psycopg2.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.1)

    def remove(self) -> None:
        """End it, and take its folder away."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=60)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
