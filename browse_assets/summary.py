"""What a run came to, in plain words, out of the warehouse.

What belongs here: sentences and counts, of a panel nothing about a single person. What does not: how anything is
found. Where one person is all there is, it is theirs (their own browser's history), and a profile follows.
"""

import textwrap
from collections.abc import Sequence

import duckdb

from browse_assets.resources import open_databases
from browse_assets.settings import Settings
from browse_assets.sql import read_sql

_TOP = 5
_LABEL_WIDTH = 14


# Kinds of pii_removed in words, for one and for many.
KINDS: dict[str, tuple[str, str]] = {
    "ip": ("IP address", "IP addresses"),
    "parameter": ("value behind the ? of an address", "values behind the ? of addresses"),
    "tracking": ("tracking code", "tracking codes"),
    "term": ("search term in an address", "search terms in addresses"),
    "user": ("user name", "user names"),
    "fragment": ("text behind the # of an address", "texts behind the # of addresses"),
    "personal_tag": ("personal tag of a page", "personal tags of pages"),
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("telephone number", "telephone numbers"),
    "card": ("payment card", "payment cards"),
    "credentials": ("password in an address", "passwords in addresses"),
    "geo": ("place by its coordinates", "places by their coordinates"),
    "iban": ("bank account", "bank accounts"),
    "ssn": ("social security number", "social security numbers"),
    "id": ("long number", "long numbers"),
    "token": ("secret token", "secret tokens"),
    "name": ("name of a person", "names of people"),
    "undecodable": ("unreadable text", "unreadable texts"),
}
# Reasons of rejected_events in words.
REASONS: dict[str, str] = {
    "no_user": "without a person",
    "no_time": "without a time",
    "bad_time": "with a time that is none",
    "time_out_of_range": "of an impossible time",
    "no_url": "without an address",
    "bad_url": "with an address that is none",
    "not_web": "of no web page",
    "malformed": "not readable",
    "erased": "of erased people",
    "expired": "of expired times",
}
_NO_BREAK = "\N{NO-BREAK SPACE}"
WIDTH = 100  # characters of a line, label included; a longer list goes on below


def summarize(settings: Settings) -> str:
    """Files, rows, personal data removed, people, interests, finance, churn, and where to look next."""
    if not settings.warehouse_path.exists():
        return _line("Nothing yet", "no table was ever made here: put files into the inbox, then make run")
    with open_databases(settings, warehouse="read") as con:
        people = _row(con, "SELECT count(DISTINCT user_key) FROM user_days")[0]
        parts = [_input(con), _left_out(con), _removed(con), _people(con)]
        if people == 1:
            parts.append(_profile(con))
        elif people:
            parts += _answers(con)
        parts.append(_churn(con))
    report = settings.reports / "churn_report.html"
    if report.exists():
        parts.append(_line("Report", str(report)))
    if not people:
        parts.append(_line("Next", f"put browsing files into {settings.inbox} (README: Your own files), then make run"))
    parts.append(_line("Next" if people else "", f"make ui, or open {settings.warehouse_path} in DuckDB or pandas"))
    return "\n".join(part for part in parts if part)


def _listed(label: str, items: Sequence[str], nothing: str) -> str:
    """Items behind a label, on as many lines as they need."""
    joined = ", ".join(item.replace(" ", _NO_BREAK) for item in items)  # a line ends between items only
    lines = textwrap.wrap(joined, WIDTH - _LABEL_WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(
        _line(label if place == 0 else "", line.replace(_NO_BREAK, " "))
        for place, line in enumerate(lines or [nothing])
    )


def _many(count: object, one: str, many: str) -> str:
    return f"{int(str(count)):,} {one if count == 1 else many}"


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL_WIDTH}}{text}"


def _row(con: duckdb.DuckDBPyConnection, select: str) -> tuple[object, ...]:
    row = con.execute(select).fetchone()
    assert row is not None
    return row


def _input(con: duckdb.DuckDBPyConnection) -> str:
    read, failed, is_sample, rows, *counts = _row(
        con,
        "SELECT count(*) FILTER (status = 'read'), count(*) FILTER (status = 'failed'), "
        "coalesce(bool_or(origin = 'sample'), FALSE), coalesce(sum(rows_read), 0)::BIGINT, "
        "coalesce(sum(accepted), 0), coalesce(sum(folded), 0), coalesce(sum(duplicates), 0), "
        "coalesce(sum(rejected), 0) FROM input_files",
    )
    accepted, folded, duplicates, rejected = (int(str(n)) for n in counts)
    if not read and not failed:
        return _line("Files", "none: the inbox is empty, and held files before, so the sample panel stays out")
    origin = " - the bundled SYNTHETIC sample panel, not real people" if is_sample else ""
    lines = [
        _line("Files", f"{read} read{f', {failed} COULD NOT BE READ' if failed else ''}{origin}"),
        _line("Rows", f"{rows:,}, of which {_many(accepted, 'is a page view', 'are page views')}"),
    ]
    others = [
        (folded, "told more of one of these"),
        (duplicates, "said nothing new"),
        (rejected, "rejected"),
    ]
    lines += [_listed("", [f"{count:,} {what}" for count, what in others if count], "all of them")] if rows else []
    reasons = con.execute("SELECT reason, count(*) FROM rejected_events GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    if reasons:
        words = [f"{count:,} {REASONS.get(reason, reason)}" for reason, count in reasons]
        lines.append(_listed("", [f"rejected: {words[0]}", *words[1:]], ""))
    failures = con.execute(
        "SELECT left(file_id, 12), reason FROM input_files WHERE status = 'failed' ORDER BY ALL LIMIT ?",
        [_TOP],
    ).fetchall()
    lines += [_line("Warning", f"file {file}: {reason}") for file, reason in failures]
    if failures:
        lines.append(_line("", "(sha256sum of a file tells which it is; mend or remove it, then make run)"))
    if int(str(failed)) > len(failures):
        lines.append(_line("", f"and {int(str(failed)) - len(failures)} more: SELECT * FROM input_files"))
    return "\n".join(lines)


def _left_out(con: duckdb.DuckDBPyConnection) -> str:
    """Page views that came in and are told of no further, by why."""
    erased, expired, accepted, newest = _row(
        con,
        "SELECT coalesce(sum(erased), 0)::BIGINT, coalesce(sum(expired), 0)::BIGINT, "
        "coalesce(sum(accepted), 0)::BIGINT, max(load_id) FROM input_files",
    )
    (kept,) = _row(con, "SELECT count(*) FROM scrubbed_events")
    withheld = int(str(accepted)) - int(str(erased)) - int(str(expired)) - int(str(kept))
    is_current = _row(con, "SELECT coalesce(max(load_id), 0) FROM asset_state WHERE asset = 'scrubbed_events'") == (
        newest or 0,
    )
    said = [
        (erased, "erased with the people who asked for it"),
        (expired, "older than BROWSE_RETENTION_DAYS"),
        (withheld, "without a consent that covers them" if is_current else "not worked on yet: make run"),
    ]
    items = [f"{int(str(count)):,} {why}" for count, why in said if int(str(count)) > 0]
    return _listed("Left out", [f"page views: {items[0]}", *items[1:]], "") if items else ""


def _removed(con: duckdb.DuckDBPyConnection) -> str:
    kinds = con.execute(
        "SELECT kind, sum(values_removed) FROM pii_removed WHERE kind <> 'pseudonymised' GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    items = [_many(int(count), *KINDS.get(kind, (kind, kind))) for kind, count in kinds]
    return _listed("Removed", items, "nothing personal was found")


def _people(con: duckdb.DuckDBPyConnection) -> str:
    people, first, last = _row(con, "SELECT count(DISTINCT user_key), min(day), max(day) FROM user_days")
    return _line("People", f"{people:,}, seen from {first} to {last}, each under a pseudonym" if people else "nobody")


def _top(con: duckdb.DuckDBPyConnection, label: str, select: str) -> str:
    rows = con.execute(f"{select} ORDER BY 2 DESC, 1 LIMIT {_TOP}").fetchall()
    items = [
        f"{name} ({count if place else _many(count, 'person', 'people')})" for place, (name, count) in enumerate(rows)
    ]
    return _listed(label, items, "nothing with enough evidence")


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
    people = f"{_many(left, 'person', 'people')} left, {lost} more fell silent and stayed customers"
    if best is None or baseline is None:
        return _line("Churn", f"{people}; not enough history to learn who will leave")
    model, auc, low, high, loss, decision = best
    verdict = {
        "promoted": "It is the champion now.",
        "kept": "It is not promoted: the champion so far stays.",
    }.get(decision, "It is not good enough, so there is no champion: churn_model.reason says why.")
    bands = con.execute(
        "SELECT band, count(*) FROM churn_scores GROUP BY ALL ORDER BY min(probability) DESC"
    ).fetchall()
    lines = [
        _line("Churn", people),
        _line(
            "",
            f"Of one who leaves and one who stays, {model.replace('_', ' ')} tells which in {100 * auc:.0f} of 100 "
            f"pairs ({100 * low:.0f} to {100 * high:.0f}; by chance 50).",
        ),
        _line(
            "",
            f"{verdict} (ROC AUC {auc:.3f}; log loss {loss:.3f}, without any model {baseline[0]:.3f})",
        ),
    ]
    if bands:
        lines.append(_line("", "At risk now: " + ", ".join(f"{band} {count}" for band, count in bands)))
    return "\n".join(lines)
