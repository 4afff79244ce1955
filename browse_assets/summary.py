"""What a run came to, in plain words, out of the warehouse.

What belongs here: sentences and counts. What does not: anything of a single person.
"""

import duckdb

from browse_assets.resources import open_databases
from browse_assets.settings import Settings

_TOP = 5


def summarize(settings: Settings) -> str:
    """Files, rows, personal data removed, people, interests, finance, churn, and where to look next."""
    if not settings.warehouse_path.exists():
        return "There is no warehouse yet."
    with open_databases(settings, warehouse="read") as con:
        parts = [
            _input(con),
            _removed(con),
            _people(con),
            _top(
                con,
                "Interests",
                "SELECT topic, count(*) FROM interest_profile WHERE is_interested GROUP BY 1",
            ),
            _top(
                con,
                "Products",
                "SELECT name || CASE WHEN is_new THEN ' (new)' ELSE '' END, count(*) FROM product_interest "
                "JOIN products USING (product_id) WHERE is_interested AND name IS NOT NULL GROUP BY 1",
            ),
            _top(
                con,
                "Shopping for",
                "SELECT replace(finance_product, '_', ' '), count(*) FROM finance_flags WHERE is_interested GROUP BY 1",
            ),
            _churn(con),
        ]
    return "\n".join([*parts, f"Next          make ui, or open {settings.warehouse_path} in DuckDB or pandas"])


def _line(label: str, text: str) -> str:
    return f"{label:<14}{text}"


def _row(con: duckdb.DuckDBPyConnection, select: str) -> tuple[object, ...]:
    row = con.execute(select).fetchone()
    assert row is not None
    return row


def _input(con: duckdb.DuckDBPyConnection) -> str:
    read, failed, is_sample, *counts = _row(
        con,
        "SELECT count_if(status = 'read'), count_if(status = 'failed'), coalesce(bool_or(origin = 'sample'), FALSE), "
        "coalesce(sum(accepted), 0), coalesce(sum(folded), 0), coalesce(sum(duplicates), 0), "
        "coalesce(sum(rejected), 0) FROM input_files",
    )
    accepted, folded, duplicates, rejected = (int(str(n)) for n in counts)
    lines = [
        _line("Files", f"{read} read, {failed} could not be read")
        + (" - the bundled SYNTHETIC sample panel, not real people" if is_sample else ""),
        _line(
            "Rows",
            f"{accepted:,} page views accepted, {folded:,} folded into them, {duplicates:,} duplicate, "
            f"{rejected:,} rejected",
        ),
    ]
    reasons = con.execute("SELECT reason, count(*) FROM rejected_events GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    if reasons:
        lines.append(_line("", "rejected: " + ", ".join(f"{reason} {count:,}" for reason, count in reasons)))
    failures = con.execute(
        "SELECT left(file_id, 12), reason FROM input_files WHERE status = 'failed' ORDER BY ALL LIMIT ?",
        [_TOP],
    ).fetchall()
    lines += [_line("Warning", f"file {file}: {reason}") for file, reason in failures]
    return "\n".join(lines)


def _removed(con: duckdb.DuckDBPyConnection) -> str:
    kinds = con.execute(
        "SELECT kind, sum(values_removed) FROM pii_removed WHERE kind <> 'pseudonymised' GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    return _line("Removed", ", ".join(f"{kind} {int(count):,}" for kind, count in kinds) or "nothing")


def _people(con: duckdb.DuckDBPyConnection) -> str:
    people, first, last = _row(con, "SELECT count(DISTINCT user_key), min(day), max(day) FROM user_days")
    return _line("People", f"{people}, seen from {first} to {last}" if people else "none")


def _top(con: duckdb.DuckDBPyConnection, label: str, select: str) -> str:
    rows = con.execute(f"{select} ORDER BY 2 DESC, 1 LIMIT {_TOP}").fetchall()
    return _line(label, ", ".join(f"{name} ({count})" for name, count in rows) or "none with enough evidence")


def _churn(con: duckdb.DuckDBPyConnection) -> str:
    best = con.execute(
        "SELECT model, roc_auc, roc_auc_low, roc_auc_high, log_loss, is_champion FROM churn_model "
        "WHERE model NOT IN ('dummy', 'one_rule_recency') ORDER BY is_champion DESC, log_loss LIMIT 1"
    ).fetchone()
    baseline = con.execute("SELECT log_loss FROM churn_model WHERE model = 'dummy'").fetchone()
    if best is None or baseline is None:
        return _line("Churn", "not enough history to train on")
    model, auc, low, high, loss, is_champion = best
    verdict = "promoted" if is_champion else "not promoted: not surely better than its baselines"
    return _line(
        "Churn",
        f"{model}: ROC AUC {auc:.3f} ({low:.3f} to {high:.3f}), log loss {loss:.3f} against the dummy's "
        f"{baseline[0]:.3f}; {verdict}",
    )
