"""What a run came to, in plain words, out of the warehouse.

What belongs here: sentences and counts, of a panel nothing about a single person. What does not: how anything is
found. Where one person is all there is, it is theirs (their own browser's history), and a profile follows.
"""

import duckdb

from browse_assets.resources import open_databases
from browse_assets.settings import Settings
from browse_assets.sql import read_sql

_TOP = 5


def summarize(settings: Settings) -> str:
    """Files, rows, personal data removed, people, interests, finance, churn, and where to look next."""
    if not settings.warehouse_path.exists():
        return "There is no warehouse yet."
    with open_databases(settings, warehouse="read") as con:
        is_one_person = _row(con, "SELECT count(DISTINCT user_key) FROM user_days") == (1,)
        answers = [_profile(con)] if is_one_person else _answers(con)
        parts = [_input(con), _removed(con), _people(con), *answers, _churn(con)]
    report = settings.reports / "churn_report.html"
    if report.exists():
        parts.append(_line("Report", str(report)))
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
        "SELECT count(*) FILTER (status = 'read'), count(*) FILTER (status = 'failed'), "
        "coalesce(bool_or(origin = 'sample'), FALSE), "
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


# A flagged topic is told by its name and its parent's, and not again by the topic above it; of what is no interest,
# the topic that most of the sessions are about.
_PROFILE = {
    "Interested in": """
        SELECT coalesce(parent_topic || ' > ', '') || topic, evidence_text FROM interest_profile
        WHERE is_interested AND topic NOT IN (
            SELECT parent_topic FROM interest_profile WHERE is_interested AND parent_topic IS NOT NULL)
        ORDER BY probability DESC, sessions DESC, topic_id
    """,
    "Often on": """
        SELECT coalesce(parent_topic || ' > ', '') || topic, evidence_text FROM interest_profile AS mine
        WHERE NOT is_interested AND sessions >= 2 AND active_days >= 2 AND NOT EXISTS (
            FROM interest_profile AS below WHERE below.parent_topic = mine.topic AND 2 * below.sessions > mine.sessions)
            AND coalesce(parent_topic, '') NOT IN (SELECT topic FROM interest_profile WHERE is_interested)
        ORDER BY score DESC, topic_id
    """,
    "Products": """
        SELECT name || CASE WHEN is_new THEN ' (new)' ELSE '' END,
            evidence_text(sessions, active_days, []) || stage
        FROM product_interest JOIN products USING (product_id) WHERE is_interested AND name IS NOT NULL
        ORDER BY probability DESC, product_id
    """,
    "Shopping for": """
        SELECT replace(finance_product, '_', ' '), evidence_text(shopping_sessions, active_days, evidence)
        FROM finance_flags WHERE is_interested ORDER BY probability DESC, finance_product
    """,
    "Seems": """
        SELECT replace(attribute, '_', ' '), CASE WHEN value = 'likely' THEN '' ELSE value || ': ' END || explanation
        FROM audience_attributes WHERE attribute NOT IN ('reads_language', 'device')
        ORDER BY value <> 'likely', probability DESC, attribute
    """,
    "Customer of": """
        SELECT replace(finance_product, '_', ' '), servicing_sessions || ' sessions: '
            || array_to_string(list_transform(servicing_evidence, lambda one: one.domain), ', ')
        FROM finance_flags WHERE is_customer ORDER BY servicing_sessions DESC, finance_product
    """,
}


def _profile(con: duckdb.DuckDBPyConnection) -> str:
    """The one person that there is, against their own usual rates."""
    con.execute(read_sql("macros"))
    lines = [_line("Profile", "of the one person here, compared with their own other topics")]
    for label, select in _PROFILE.items():
        rows = con.execute(f"SELECT * FROM ({select}) LIMIT {_TOP}").fetchall()
        lines += [
            _line(label if place == 0 else "", f"{name}: {evidence}") for place, (name, evidence) in enumerate(rows)
        ]
    if len(lines) == 1:
        lines.append(_line("", "nothing seen in two sessions on two days yet"))
    return "\n".join(lines)


def _answers(con: duckdb.DuckDBPyConnection) -> list[str]:
    """How many people of a panel are interested in what."""
    return [
        _top(con, "Interests", "SELECT topic, count(*) FROM interest_profile WHERE is_interested GROUP BY 1"),
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
    ]


def _churn(con: duckdb.DuckDBPyConnection) -> str:
    best = con.execute(
        "SELECT model, roc_auc, roc_auc_low, roc_auc_high, log_loss, decision FROM churn_model WHERE is_challenger"
    ).fetchone()
    baseline = con.execute("SELECT log_loss FROM churn_model WHERE model = 'dummy'").fetchone()
    left, lost = con.execute(
        "SELECT count(DISTINCT user_key) FILTER (eligible AND churned), "
        "count(DISTINCT user_key) FILTER (reason = 'tracking_lost') FROM churn_snapshots"
    ).fetchone() or (0, 0)
    people = f"{left} people left, {lost} more fell silent and stayed customers"
    if best is None or baseline is None:
        return _line("Churn", f"{people}; not enough history to train on")
    model, auc, low, high, loss, decision = best
    verdict = {"promoted": "promoted", "kept": "not promoted: the champion so far stays"}.get(
        decision, "not promoted: no champion, churn_model.reason says why"
    )
    bands = con.execute(
        "SELECT band, count(*) FROM churn_scores GROUP BY ALL ORDER BY min(probability) DESC"
    ).fetchall()
    scored = "; at risk now: " + ", ".join(f"{band} {count}" for band, count in bands) if bands else ""
    first = _line(
        "Churn",
        f"{model}: ROC AUC {auc:.3f} ({low:.3f} to {high:.3f}), log loss {loss:.3f} against the dummy's "
        f"{baseline[0]:.3f}; {verdict}",
    )
    return first + "\n" + _line("", people + scored)
