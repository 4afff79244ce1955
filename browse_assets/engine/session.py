"""Spark's session: started once in a process, with everything off or encrypted that could show a value.

What belongs here: Spark's settings and their reasons. What does not: what runs on it (`spark.py`).
"""

import atexit
import importlib.util
import logging
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from browse_assets.foreseen import ForeseenError
from browse_assets.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What executors import: rules and the lake's files; neither Dagster nor DuckDB.
_SHIPPED = ("analysis", "engine")

# Nothing that Spark writes may show a value: spilled and shuffled blocks and what goes over the network are encrypted,
# there are no pages of jobs and no records of them, and logs are off, as messages of failed tasks quote values.
_PROTECTION = {
    "spark.authenticate": "true",
    "spark.network.crypto.enabled": "true",
    "spark.io.encryption.enabled": "true",
    "spark.io.encryption.keySizeBits": "256",
    "spark.ui.enabled": "false",
    "spark.eventLog.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",
    "spark.executor.syncLogLevel.enabled": "true",
}
_SAME_RESULTS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.catalogImplementation": "in-memory",
}
# Java's regular expressions call themselves for each repetition of a group: long addresses need a deep stack.
_STACK = "-Xss64m"
_SPEED = {
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.shuffle.partitions": "64",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    "spark.sql.broadcastTimeout": "3600",
}


# Starting one takes seconds: it serves all steps of the process.
_SESSIONS: "dict[str, SparkSession]" = {}


class SparkUnavailableError(ForeseenError):
    """BROWSE_ENGINE asks for Spark, and it cannot be started; the message says what is missing."""


def spark_session(settings: Settings) -> "SparkSession":
    """The session of this process, started on first use.

    Raises:
        SparkUnavailableError: pyspark or Java is missing, or the cluster does not answer.
    """
    if missing := missing_programs():
        raise SparkUnavailableError("; ".join(missing) + ". Without that variable DuckDB computes.")
    master = settings.spark_master
    if master not in _SESSIONS:
        _SESSIONS[master] = _start(master, settings.memory_limit, settings.spark_blocks)
    return _SESSIONS[master]


def missing_programs() -> list[str]:
    """What has to be installed before Spark can be started here, in words."""
    missing = []
    if importlib.util.find_spec("pyspark") is None:
        missing.append("BROWSE_ENGINE=spark needs PySpark: make spark installs it")
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
        missing.append(
            "BROWSE_ENGINE=spark needs Java 17 or later, which is not found: install it (Debian: "
            "openjdk-17-jre-headless), or set JAVA_HOME"
        )
    return missing


def _start(master: str, memory: str | None, folder: Path) -> "SparkSession":
    from pyspark.sql import SparkSession

    remove_leftovers(folder)
    folder = folder / str(os.getpid())
    folder.mkdir(parents=True, mode=0o700)
    # Executors on this machine run the Python of this process, others what PYSPARK_PYTHON names there.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    is_local = master.startswith("local")
    options = {
        **_PROTECTION,
        **_SAME_RESULTS,
        **_SPEED,
        "spark.local.dir": str(folder / "blocks"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.defaultJavaOptions": f"{_STACK} -Djava.io.tmpdir={folder}",
        "spark.executor.defaultJavaOptions": _STACK,
    }
    if is_local:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        options |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": _java_size(memory) if memory else "2g",
            "spark.sql.shuffle.partitions": "8",
        }
    builder = SparkSession.builder.appName("browse_assets").master(master)
    for name, value in options.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise SparkUnavailableError(_why_not(master, error)) from None
    session.sparkContext.setLogLevel("OFF")
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).disabled = True  # they write each failed statement to the terminal
    session.sparkContext.addPyFile(str(_package(folder)))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(session.stop)
    return session


def remove_leftovers(folder: Path) -> None:
    """Delete what killed processes left, encrypted with keys that are gone; those at work have folders by their ids."""
    for left in folder.glob("*") if folder.exists() else ():
        try:
            os.kill(int(left.name), 0)
        except (ValueError, ProcessLookupError):
            shutil.rmtree(left, ignore_errors=True)
        except PermissionError:
            continue  # another user's process


def _why_not(master: str, error: Exception) -> str:
    if "spark.authenticate.secret" in str(error):
        return (
            "Spark's cluster needs a secret: set spark.authenticate true and spark.authenticate.secret in "
            "spark-defaults.conf of SPARK_CONF_DIR, the same for its master, its workers and here."
        )
    return (
        f"Spark at {re.sub('//[^/@]*@', '//', master)} did not start ({type(error).__name__}): is the master of "
        "BROWSE_SPARK_MASTER running, and has it the same secret?"
    )


def _java_size(limit: str) -> str:
    """A size as DuckDB writes it, as Java does: _java_size('1.5GB') = '1536m'."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(k|m|g|t)i?b?\s*", limit, re.IGNORECASE)
    if found is None:
        raise SparkUnavailableError("BROWSE_MEMORY_LIMIT is not a size such as 2GB, which Spark needs.")
    megabytes = float(found[1]) * {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}[found[2].lower()]
    return f"{max(512, round(megabytes))}m"


def _package(folder: Path) -> Path:
    """What executors import, as a .zip that Spark sends to each."""
    package = PROJECT_ROOT / "browse_assets"
    target = folder / "browse_assets.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(package / "__init__.py", "browse_assets/__init__.py")
        for name in _SHIPPED:
            for file in sorted((package / name).glob("*.py")):
                archive.write(file, f"browse_assets/{name}/{file.name}")
    return target
