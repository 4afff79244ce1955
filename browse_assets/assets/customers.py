"""Assets of customer tables: into the vault, and what of them may leave it.

What belongs here: raw_customers and customer_features. What does not: reading their files
(`readers/customers.py`), which attributes are safe (`sql/customer_features.sql`).
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import dagster as dg
import duckdb

from browse_assets.assets.consent import (
    admit_customers,
    consent_problems,
    consent_table,
    has_consent_file,
    load_consent,
    newest_customer_time,
)
from browse_assets.assets.events import raw_events, scrubbed_events
from browse_assets.assets.evidence import refresh_as_of
from browse_assets.assets.reporting import table_result
from browse_assets.assets.state import read_as_of
from browse_assets.keys import Keys, load_keys
from browse_assets.readers.customers import CONSENT, CUSTOMER_TABLES, customer_rows
from browse_assets.readers.errors import UnreadableFile
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    insert_rows,
    transaction,
    withheld_values,
)
from browse_assets.settings import SAMPLE_DIR, Settings
from browse_assets.sql import read_sql
from browse_assets.tables import CUSTOMER_FEATURES, RAW_CUSTOMERS
from browse_assets.tombstones import read_tombstones

_ATTRIBUTE_TABLES = tuple(name for name in CUSTOMER_TABLES if name != CONSENT)
# Tags that Dagster gives to runs that no person started.
_ASKED_BY = {"dagster/sensor_name", "dagster/schedule_name", "dagster/from_automation_condition"}
# Where neither browsing nor a customer table nor BROWSE_AS_OF holds any time: a constant that nobody takes for a
# time, since keys may not be NULL and the clock is no fact about the data.
NO_TIME = datetime(1970, 1, 1)


@dg.asset(pool=WRITER_POOL, group_name="customers", deps=[raw_events])
def raw_customers(context: dg.AssetExecutionContext, databases: Databases) -> dg.MaterializeResult:
    """One row per row of a customer table: personal, encrypted, never shown.

    Reads `customers/{customers,transactions,service_interactions,churn_labels,consent}.{csv,parquet}`; each
    is optional. A table is replaced when its file changes, and kept when its file cannot be read; but a
    consent table that cannot be read fails the asset, and with it all that would leave the vault. So does, in a
    run that no person started, one that is gone. Rows of erased people are left out. Caveat: without a consent table
    everybody counts as consenting; with one of 0 rows, nobody.
    """
    settings = databases.settings
    failed: dict[str, str] = {}
    with databases.open(vault="write") as con:
        stored = dict(con.execute("SELECT DISTINCT source_table, file_id FROM vault.raw_customers").fetchall())
        _refuse_vanished(con, customer_folder(con, settings), stored, is_automatic=is_automatic(context.run.tags))
        files = _customer_files(con, settings)
        for name in _ATTRIBUTE_TABLES:
            path = files.get(name)
            if path is None:
                con.execute("DELETE FROM vault.raw_customers WHERE source_table = ?", [name])
                continue
            file_id = hashlib.sha256(path.read_bytes()).hexdigest()
            if stored.get(name) == file_id:
                continue
            try:
                _replace_customer_table(con, name, path, file_id)
            except UnreadableFile as error:
                failed[name] = error.message
                context.log.warning(f"customers/{name}: {error.code}: {error.message}")
        consent_error = load_consent(con, customer_folder(con, settings))
        counts = dict(
            con.execute(
                "SELECT source_table, count_if(row_number > 0) FROM vault.raw_customers GROUP BY ALL"
            ).fetchall()
        )
        no_consents = consent_problems(con)
    if consent_error is not None:
        raise dg.Failure(
            f"customers/{CONSENT}: {consent_error.message}. Until it can be read nothing leaves the vault; the "
            "tables are as before.",
            allow_retries=False,
        )
    if no_consents:
        context.log.warning(f"customers/{CONSENT}: rows that grant nothing: {_listed(no_consents)}")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(counts.values()),
            **counts,
            "tables failed": len(failed),
            **({"consents that grant nothing": _listed(no_consents)} if no_consents else {}),
        }
    )


def is_automatic(tags: Mapping[str, str]) -> bool:
    """Whether a sensor, a schedule or a condition asked for the run, and nobody is looking."""
    return bool(_ASKED_BY & set(tags))


def _refuse_vanished(
    con: duckdb.DuckDBPyConnection, folder: Path, stored: Mapping[str, str], *, is_automatic: bool
) -> None:
    """A folder that is gone is a failed read, and a consent table that is gone would admit everybody.

    Raises:
        dagster.Failure: nothing was changed; what to do stands in it.
    """
    if stored and not folder.is_dir():
        raise dg.Failure(
            "customers/ is not there (a mount that is missing?), so its tables are kept as they were. Mount it, or "
            "make the folder to do without them.",
            allow_retries=False,
        )
    if is_automatic and consent_table(con) is not None and not has_consent_file(folder):
        raise dg.Failure(
            f"customers/{CONSENT} is gone: without it everybody would be admitted, which a run that nobody started "
            "does not decide. Put it back; or, if that is meant, start ml_analysis_pipeline by hand.",
            allow_retries=False,
        )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def customer_folder(con: duckdb.DuckDBPyConnection, settings: Settings) -> Path:
    """The user's own customer tables, or the sample's while only the sample is loaded."""
    origins = {row[0] for row in con.execute("SELECT DISTINCT origin FROM vault.raw_files").fetchall()}
    return SAMPLE_DIR / "customers" if origins == {"sample"} else settings.customers


def _customer_files(con: duckdb.DuckDBPyConnection, settings: Settings) -> dict[str, Path]:
    """Files of the customer tables by name, but for the consent table."""
    folder = customer_folder(con, settings)
    return {
        name: path
        for name in _ATTRIBUTE_TABLES
        for path in (folder / f"{name}.parquet", folder / f"{name}.csv")
        if path.is_file()
    }


def _replace_customer_table(con: duckdb.DuckDBPyConnection, name: str, path: Path, file_id: str) -> None:
    rows = customer_rows(con, path)
    try:
        rows.create("staged_customers")
    except duckdb.Error:
        problem = UnreadableFile("malformed", "a row cannot be parsed; export the table again")
    else:
        with transaction(con), withheld_values("Writing customer rows"):
            con.execute("DELETE FROM vault.raw_customers WHERE source_table = ?", [name])
            insert_rows(
                con,
                RAW_CUSTOMERS,
                "SELECT *, $name AS source_table, $file_id AS file_id FROM staged_customers "
                "WHERE user_id IS NULL OR NOT list_contains($erased::VARCHAR[], user_id) ORDER BY row_number",
                {"name": name, "file_id": file_id, "erased": _erased_among(con)},
            )
        con.execute("DROP TABLE staged_customers")
        return
    raise problem


def _erased_among(con: duckdb.DuckDBPyConnection) -> list[str]:
    """People of the staged rows who were erased and stay so."""
    tombstones = read_tombstones(con)
    if tombstones is None:
        return []
    ids = con.execute("SELECT DISTINCT user_id FROM staged_customers WHERE user_id IS NOT NULL").fetchall()
    return [user_id for (user_id,) in ids if tombstones.knows(user_id)]


@dg.asset(pool=WRITER_POOL, group_name="customers", deps=[raw_customers, scrubbed_events])
def customer_features(databases: Databases) -> dg.MaterializeResult:
    """One row per person of the customer tables.

    Declared attributes are kept only where they cannot single anybody out: at most 20 values, each
    shared by at least five people. Names, addresses and free text never leave the vault, nor does anything
    of people without a consent in force at as_of, where there is a consent table. Caveat: an attribute with any value
    of fewer than 5 people is left out for everybody.
    """
    settings = databases.settings
    keys = load_keys(settings)
    with databases.open(vault="read", warehouse="write") as con:
        tables = con.execute("SELECT DISTINCT source_table, file_id FROM vault.raw_customers ORDER BY ALL").fetchall()

        def compute(as_of: datetime) -> dict[str, str]:
            admit_customers(con, as_of)
            con.execute(read_sql("macros"))
            with withheld_values("Counting customer rows"):
                load_user_keys(con, keys)
                con.execute("CREATE TEMP TABLE features AS " + read_sql("customer_features"), {"as_of": as_of})
            return {"customer_features": "SELECT * FROM features ORDER BY user_key"}

        refresh_as_of(
            con,
            settings,
            (CUSTOMER_FEATURES,),
            compute,
            upstream="scrubbed_events",
            depends_on=tuple(tables),
            as_of=customers_as_of(con, settings),
        )
        return table_result(
            con,
            CUSTOMER_FEATURES,
            preview_select="SELECT user_key, transactions, transaction_amount, service_interactions "
            "FROM customer_features ORDER BY user_key LIMIT 5",
        )


def load_user_keys(con: duckdb.DuckDBPyConnection, keys: Keys) -> None:
    """Make `user_keys` (user_id, user_key) of the people of admitted_customers a temporary table."""
    import pandas as pd

    people = con.execute(
        "SELECT DISTINCT user_id FROM admitted_customers WHERE user_id IS NOT NULL ORDER BY 1"
    ).fetchall()
    mapped = pd.DataFrame(
        [(user_id, str(keys.user_key(user_id))) for (user_id,) in people], columns=["user_id", "user_key"], dtype="str"
    )
    con.register("mapped", mapped)
    con.execute("CREATE OR REPLACE TEMP TABLE user_keys AS SELECT user_id, user_key::UUID AS user_key FROM mapped")
    con.unregister("mapped")


def customers_as_of(con: duckdb.DuckDBPyConnection, settings: Settings) -> datetime | None:
    """End of every window of what customer tables are part of; the vault is open.

    That of the events where there are any. Else BROWSE_AS_OF, else the newest time of a customer table or label,
    else NO_TIME; None where there are no customers either.
    """
    as_of = read_as_of(con, settings)
    if as_of is not None:
        return as_of
    rows, newest = newest_customer_time(con)
    return (settings.as_of or newest or NO_TIME) if rows else None
