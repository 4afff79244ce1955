"""The users' own rows merged into the temporary table of a list.

What belongs here: which row wins. What does not: reading and checking the files (`files.py`).
"""

from pathlib import Path

import duckdb

from browse_assets.reference.files import (
    KEY_COLUMNS,
    OwnRows,
    ReferenceFileError,
    own_files,
    read_own_rows,
    unused_own_files,
)


def merge_own_rows(con: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
    """Put the users' own rows of a list into `reference_<name>`, in place of those with the same key.

    A domain that they call neutral has no topic, and one to which they give a topic is not neutral; a
    search engine stays one, for its search terms.

    Raises:
        ReferenceFileError: an own file is not usable; the message says which line, and what to do.
    """
    own = _own_rows(con, name, folder)
    if name == "domains":
        _delete_rows(con, name, _own_rows(con, "neutral_domains", folder))
    elif name == "neutral_domains":
        _delete_rows(con, name, _own_rows(con, "domains", folder), "AND kind <> 'search_engine'")
    _delete_rows(con, name, own)
    if own:
        import pyarrow as pa  # 0.2 s, and most have no own rows

        con.register("own_rows", pa.table(own.columns_of_rows()))
        con.execute(f"INSERT INTO reference_{name} SELECT * FROM own_rows")
        con.unregister("own_rows")


def own_list_problems(con: duckdb.DuckDBPyConnection, folder: Path) -> list[str]:
    """Everything that is wrong with the users' own lists, a line each: where, and what to do."""
    problems = [
        f"data/reference/{path.name}: no list of that name takes own rows; rename it after one of "
        f"{', '.join(KEY_COLUMNS)}"
        for path in unused_own_files(folder)
    ]
    for name in KEY_COLUMNS:
        try:
            _own_rows(con, name, folder)
        except ReferenceFileError as error:
            problems += str(error).splitlines()
    return problems


def _own_rows(con: duckdb.DuckDBPyConnection, name: str, folder: Path) -> OwnRows | None:
    def is_pattern(text: str) -> bool:
        try:
            con.execute("SELECT regexp_matches('', ?)", [text])
        except duckdb.Error:
            return False
        return True

    return read_own_rows(folder, name, is_pattern) if own_files(folder, name) else None


def _delete_rows(con: duckdb.DuckDBPyConnection, name: str, own: OwnRows | None, where: str = "") -> None:
    """Delete the rows of a list with a key that own rows have."""
    if own:
        import pyarrow as pa

        key = ", ".join(own.columns[: own.key_width])
        con.register("own_rows", pa.table(own.columns_of_rows()))
        con.execute(f"DELETE FROM reference_{name} WHERE ({key}) IN (SELECT ({key}) FROM own_rows) {where}")
        con.unregister("own_rows")
