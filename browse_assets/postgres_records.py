"""Rows that Dagster and MLflow keep in PostgreSQL: rewritten for good, and read through.

What belongs here: any table of a database, value by value. What does not: which values
(`dagster_records.py`, `erasure/`, `rotate_keys.py`), SQLite files (`dagster_records.py`, `byte_search.py`).

PostgreSQL keeps old versions of a row in its table until VACUUM FULL writes the table anew, which is done
here. It keeps them longer in its write-ahead log and in backups: those are the administrator's.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

_WAIT = "30s"  # the web server and the daemon hold a row only for a moment
_BATCH_ROWS = 500


def rewrite_rows(url: str, change: Callable[[str], str]) -> int:
    """Give every stored text to `change`, store what it returns, and leave no old version in the tables.

    Returns:
        How many values were changed.
    """
    changed = 0
    with closing(_connection(url)) as con:
        for table, columns in _tables(con).items():
            texts = [column for column, kind in columns.items() if kind in ("text", "character varying")]
            in_table = _rewrite_table(con, table, texts, change) if texts else 0
            if in_table:
                _compact(con, table)
            changed += in_table
    return changed


def _rewrite_table(con: Any, table: str, texts: list[str], change: Callable[[str], str]) -> int:
    """One transaction, in which others may read the table but not write it."""
    from psycopg2.sql import SQL, Identifier

    name = Identifier(table)
    changed = 0
    with con, con.cursor("rows") as rows, con.cursor() as cursor:
        cursor.execute(SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(name))
        rows.itersize = _BATCH_ROWS
        listed = SQL(", ").join(map(Identifier, texts))
        rows.execute(SQL("SELECT ctid::text, {} FROM {}").format(listed, name))
        for ctid, *values in rows:
            news = {c: new for c, old in zip(texts, values, strict=True) if old and (new := change(old)) != old}
            if news:
                assignments = SQL(", ").join(SQL("{} = %s").format(Identifier(column)) for column in news)
                where = SQL("UPDATE {} SET {} WHERE ctid = %s::tid").format(name, assignments)
                cursor.execute(where, [*news.values(), ctid])
                changed += len(news)
    return changed


def change_row(url: str, table: str, key: str, value: str, column: str, change: Callable[[str], str]) -> None:
    """Change one text of the row whose key has a value, and leave no old version in the table."""
    from psycopg2.sql import SQL, Identifier

    where = SQL("{} = %s").format(Identifier(key))
    with closing(_connection(url)) as con:
        with con, con.cursor() as cursor:
            found = SQL("SELECT {} FROM {} WHERE {} FOR UPDATE").format(Identifier(column), Identifier(table), where)
            cursor.execute(found, [value])
            (old,) = cursor.fetchone()
            new = SQL("UPDATE {} SET {} = %s WHERE {}").format(Identifier(table), Identifier(column), where)
            cursor.execute(new, [change(old), value])
        _compact(con, table)


def row_readings(url: str) -> Iterator[tuple[str, bytes]]:
    """(table, the row's values as bytes, packed ones unpacked too) of every row of the database."""
    from psycopg2.sql import SQL, Identifier

    with closing(_connection(url)) as con:
        for table in _tables(con):
            with con, con.cursor("rows") as rows:
                rows.itersize = _BATCH_ROWS
                rows.execute(SQL("SELECT * FROM {}").format(Identifier(table)))
                for row in rows:
                    yield table, b"\n".join(part for value in row for part in _parts(value))


def _parts(value: object) -> Iterator[bytes]:
    if isinstance(value, memoryview):
        content = bytes(value)
        yield content
        if content[:1] == b"\x78":  # Dagster packs snapshots of jobs
            try:
                yield zlib.decompress(content)
            except zlib.error:
                return
    elif value is not None:
        yield str(value).encode()


def _connection(url: str) -> Any:
    import psycopg2

    return psycopg2.connect(url.replace("+psycopg2", "", 1), options=f"-c lock_timeout={_WAIT}")


def _tables(con: Any) -> dict[str, dict[str, str]]:
    """Tables of the schema that is written to, each with its columns and their types."""
    with con, con.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1, ordinal_position"
        )
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in cursor.fetchall():
            found.setdefault(table, {})[column] = kind
    return found


def _compact(con: Any, table: str) -> None:
    from psycopg2.sql import SQL, Identifier

    con.autocommit = True  # VACUUM runs in no transaction
    try:
        with con.cursor() as cursor:
            cursor.execute(SQL("VACUUM FULL {}").format(Identifier(table)))
    finally:
        con.autocommit = False
