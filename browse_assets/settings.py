"""Where everything lies and how much it may use: the environment variables, read in one place.

What belongs here: paths and limits from the environment. What does not: opening anything.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from dotenv import dotenv_values

from browse_assets.foreseen import ForeseenError, all_of

PROJECT_ROOT = Path(__file__).resolve().parents[1]
REFERENCE_DIR = PROJECT_ROOT / "data" / "reference"
SAMPLE_DIR = PROJECT_ROOT / "data" / "sample"

# Smallest group of people that is told to others; the setting can only raise it. 11 is the minimum cell
# size of the US Centers for Medicare and Medicaid Services, among the strictest in common use.
LEAST_MIN_GROUP = 11

_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")

POSTGRES = "postgresql+psycopg2://"

# What may be learned from people who declare it, and said of others. Attributes of the second list never:
# special categories of personal data (GDPR art. 9), and what decides on credit.
MODELLED_ATTRIBUTES = ("age_band", "gender")
NEVER_MODELLED = (
    "health|disab|diagnos|illness|pregnan|relig|faith|church|ethnic|race|racial|origin|nationality|migra|politic|party|"
    "union|sexual|orientation|transgender|genetic|biometric|criminal|convict|debt|credit|income|salary|insolven"
)


# Which engine computes the steps that grow with the events.
ENGINES = ("duckdb", "spark")


class SettingsError(ForeseenError, ValueError):
    """Variables have values that cannot be used; the message names the variables, not their values."""


@dataclass(frozen=True)
class Settings:
    """Paths and limits of one installation."""

    data_dir: Path
    tracking_uri: str
    artifact_dir: Path
    secret_key_hex: str | None = None
    new_secret_key_hex: str | None = None
    retention_days: int | None = None
    as_of: datetime | None = None
    memory_limit: str | None = None
    threads: int | None = None
    ner_model: str | None = None
    dagster_port: int = 3000
    mlflow_port: int = 5000
    serve_port: int = 5001
    dagster_public_url: str | None = None
    mlflow_public_url: str | None = None
    min_group: int = LEAST_MIN_GROUP
    modelled_attributes: tuple[str, ...] = MODELLED_ATTRIBUTES
    sensitive_topics_purpose: str | None = None
    churn_values: tuple[float, float, float, float] | None = None
    webhook_url: str | None = None
    dagster_postgres_url: str | None = None
    engine: str = "duckdb"
    spark_master: str = "local[*]"
    lake: str | None = None

    def __repr__(self) -> str:
        """Never shows the key, nor the password of a database."""
        return f"Settings(data_dir={str(self.data_dir)!r})"

    @property
    def inbox(self) -> Path:
        """Folder of input files."""
        return self.data_dir / "inbox"

    @property
    def customers(self) -> Path:
        """Folder of customer tables."""
        return self.data_dir / "customers"

    @property
    def erase_queue(self) -> Path:
        """Folder of files that list who is to be erased, one id per line."""
        return self.data_dir / "erase"

    @property
    def vault_path(self) -> Path:
        """The encrypted database."""
        return self.data_dir / "vault.duckdb"

    @property
    def warehouse_path(self) -> Path:
        """The plain database, without personal data."""
        return self.data_dir / "browse.duckdb"

    @property
    def key_file(self) -> Path:
        """The secret, when BROWSE_SECRET_KEY is not set."""
        return self.data_dir / "keys" / "secret.key"

    @property
    def reports(self) -> Path:
        """Folder of reports."""
        return self.data_dir / "reports"

    @property
    def exports(self) -> Path:
        """What people asked to see about themselves: personal (mode 0700), to be deleted once handed over."""
        return self.data_dir / "exports"

    @property
    def topic_model(self) -> Path:
        """The last training of the topic classifier: from the project's lists alone, so that others may copy it."""
        return self.data_dir / "topic_classifier.npz"

    @property
    def export_requests(self) -> Path:
        """Files that name who asks, one user id or user_key per line."""
        return self.data_dir / "export"

    @property
    def scratch(self) -> Path:
        """Short-lived copies of input files (mode 0700); emptied before each ingest."""
        return self.data_dir / "scratch"

    @property
    def lake_dir(self) -> str:
        """Where Spark and DuckDB hand each other Parquet files: a folder, or the address of one in an object store."""
        return self.lake or str(self.data_dir / "lake")

    @property
    def spark_blocks(self) -> Path:
        """What Spark's driver spills (mode 0700), encrypted; made anew by each process that starts Spark."""
        return self.data_dir / "spark"

    @property
    def mlflow_paths(self) -> tuple[Path, ...]:
        """MLflow's database and artifacts on this machine; not what a server elsewhere keeps."""
        paths = [self.artifact_dir]
        if self.tracking_uri.startswith("sqlite:///"):
            paths.append(Path(self.tracking_uri.removeprefix("sqlite:///")))
        return tuple(path for path in paths if path.exists())

    @property
    def dagster_address(self) -> str:
        """Where people find Dagster's pages, without a slash at the end; a path means the site that they are on."""
        return self.dagster_public_url or f"http://127.0.0.1:{self.dagster_port}"

    @property
    def mlflow_address(self) -> str:
        """The same for MLflow's pages."""
        if self.mlflow_public_url:
            return self.mlflow_public_url
        if not self.tracking_uri.startswith(("http://", "https://")):
            return f"http://127.0.0.1:{self.mlflow_port}"
        return re.sub(r"^(https?://)[^/]*@", r"\1", self.tracking_uri).rstrip("/")  # a password is for the client alone

    @property
    def postgres_urls(self) -> dict[str, str]:
        """The PostgreSQL databases that Dagster (`Dagster`) and MLflow (`MLflow`) keep their records in, if any."""
        found = {"Dagster": self.dagster_postgres_url or "", "MLflow": self.tracking_uri}
        return {name: url for name, url in found.items() if url.startswith(POSTGRES)}

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of this installation."""
        return self.data_dir / "dagster_home"


def _environment() -> dict[str, str]:
    """`.env` of the project, overridden by the process's own variables."""
    from_file = {k: v for k, v in dotenv_values(PROJECT_ROOT / ".env").items() if v}
    return {**from_file, **os.environ}


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: values cannot be used; all of them are named.
    """
    problems: list[str] = []

    def noted(
        parse: Callable[_Arguments, _Value | None], *given: _Arguments.args, **named: _Arguments.kwargs
    ) -> _Value | None:
        try:
            return parse(*given, **named)
        except SettingsError as error:
            problems.append(str(error))
            return None

    env = _environment()
    data_dir = Path(env.get("BROWSE_DATA_DIR") or "data")
    if not data_dir.is_absolute():
        data_dir = PROJECT_ROOT / data_dir
    is_default = data_dir.resolve() == (PROJECT_ROOT / "data").resolve()
    store = PROJECT_ROOT / "mlflow" if is_default else data_dir / "mlflow"
    attributes = noted(_parse_attributes, env.get("BROWSE_MODELLED_ATTRIBUTES"))
    settings = Settings(
        data_dir=data_dir,
        tracking_uri=with_driver(env.get("MLFLOW_TRACKING_URI")) or f"sqlite:///{store / 'mlflow.db'}",
        artifact_dir=store / "artifacts",
        secret_key_hex=env.get("BROWSE_SECRET_KEY") or None,
        new_secret_key_hex=env.get("BROWSE_NEW_SECRET_KEY") or None,
        retention_days=noted(_parse_number, env, "BROWSE_RETENTION_DAYS", 1, 36500),
        as_of=noted(_parse_as_of, env.get("BROWSE_AS_OF")),
        memory_limit=env.get("BROWSE_MEMORY_LIMIT") or None,
        threads=noted(_parse_number, env, "BROWSE_THREADS", 1, 4096),
        ner_model=env.get("BROWSE_NER_MODEL") or None,
        dagster_port=noted(_parse_number, env, "BROWSE_DAGSTER_PORT", 1, 65535) or 3000,
        mlflow_port=noted(_parse_number, env, "BROWSE_MLFLOW_PORT", 1, 65535) or 5000,
        serve_port=noted(_parse_number, env, "BROWSE_SERVE_PORT", 1, 65535) or 5001,
        dagster_public_url=noted(_parse_address, env, "BROWSE_DAGSTER_PUBLIC_URL"),
        mlflow_public_url=noted(_parse_address, env, "BROWSE_MLFLOW_PUBLIC_URL"),
        min_group=noted(_parse_number, env, "BROWSE_MIN_GROUP", LEAST_MIN_GROUP, 1_000_000) or LEAST_MIN_GROUP,
        modelled_attributes=MODELLED_ATTRIBUTES if attributes is None else attributes,
        sensitive_topics_purpose=(env.get("BROWSE_SENSITIVE_TOPICS_PURPOSE") or "").strip() or None,
        churn_values=noted(_parse_values, env.get("BROWSE_CHURN_VALUES")),
        webhook_url=noted(_parse_webhook, env.get("BROWSE_WEBHOOK_URL")),
        dagster_postgres_url=noted(_parse_postgres, env.get("BROWSE_DAGSTER_POSTGRES_URL")),
        engine=noted(_parse_engine, env.get("BROWSE_ENGINE")) or ENGINES[0],
        spark_master=noted(_parse_master, env.get("BROWSE_SPARK_MASTER")) or "local[*]",
        lake=noted(_parse_lake, env.get("BROWSE_LAKE_DIR")),
    )
    if problems:
        raise SettingsError(all_of(problems))
    return settings


def with_driver(url: str | None) -> str | None:
    """A PostgreSQL address that names the driver that is installed: SQLAlchemy 2.1 would look for another."""
    return re.sub(r"^postgres(ql)?://", POSTGRES, url) if url else None


def _parse_postgres(text: str | None) -> str | None:
    url = with_driver(text)
    if url is not None and not url.startswith(POSTGRES):
        raise SettingsError(f"BROWSE_DAGSTER_POSTGRES_URL does not start with {POSTGRES}")
    return url


def _parse_engine(text: str | None) -> str:
    engine = (text or "").strip().lower() or ENGINES[0]
    if engine not in ENGINES:
        raise SettingsError(f"BROWSE_ENGINE is not one of {', '.join(ENGINES)}")
    return engine


def _parse_master(text: str | None) -> str:
    master = (text or "").strip() or "local[*]"
    if not re.fullmatch(r"local(\[[0-9*]+(,[0-9]+)?\])?|yarn|(spark|k8s)://\S+", master):
        raise SettingsError(
            "BROWSE_SPARK_MASTER is not a master such as local[*], spark://host:7077, yarn or k8s://..."
        )
    return master


def _parse_lake(text: str | None) -> str | None:
    """A password in the address would be in Spark's plans; stores take theirs from the environment."""
    lake = (text or "").strip().rstrip("/")
    if not lake:
        return None
    if "://" not in lake:
        return str(PROJECT_ROOT / lake)  # an absolute path stays as it is
    if re.search(r"//[^/]*@", lake):
        raise SettingsError("BROWSE_LAKE_DIR holds a name or password; give the store's own variables instead")
    return lake


def _parse_as_of(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError("BROWSE_AS_OF is not an ISO 8601 time, such as 2026-06-30T00:00:00") from None
    return parsed.astimezone(UTC).replace(tzinfo=None) if parsed.tzinfo else parsed


def _parse_attributes(text: str | None) -> tuple[str, ...]:
    if text is None:
        return MODELLED_ATTRIBUTES
    names = sorted({name.strip() for name in text.split(",") if name.strip()} - {"none"})
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise SettingsError("BROWSE_MODELLED_ATTRIBUTES is not a list of names such as age_band,gender, or none")
        if re.search(NEVER_MODELLED, name):
            raise SettingsError("BROWSE_MODELLED_ATTRIBUTES names something sensitive, which is never modelled")
    return tuple(names)


def _parse_values(text: str | None) -> tuple[float, float, float, float] | None:
    if not text:
        return None
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != 4 or not all(abs(value) <= 1e9 for value in found):  # NaN and infinity fail too
        raise SettingsError(
            "BROWSE_CHURN_VALUES is not four numbers true_positive,false_positive,false_negative,true_negative"
        )
    return found[0], found[1], found[2], found[3]


def _parse_webhook(text: str | None) -> str | None:
    """Only the web: `file:` and the like would make the sensor read or write here. The address may hold a secret."""
    if not text:
        return None
    if not re.fullmatch(r"https?://[^\s/]+\S*", text):
        raise SettingsError("BROWSE_WEBHOOK_URL is not an address that begins with https:// or http://")
    return text


def _parse_address(env: Mapping[str, str], variable: str) -> str | None:
    text = (env.get(variable) or "").strip()
    if not text:
        return None
    # A password would end up in Dagster's metadata and MLflow's notes.
    if not re.fullmatch(r"(https?://[^/\s?#@]+)?(/[^\s?#@/]+)*/?", text) or text == "/":
        raise SettingsError(f"{variable} is not an address such as https://panel.example/a, or a path such as /a")
    return text.rstrip("/")


def _parse_number(env: Mapping[str, str], variable: str, least: int, most: int) -> int | None:
    text = env.get(variable)
    if not text:
        return None
    if not text.isdecimal() or not least <= int(text) <= most:
        raise SettingsError(f"{variable} is not a whole number from {least} to {most}")
    return int(text)
