"""Hand-made rows that pass each check, and rows that fail it.

What belongs here: rows, and what a failing check shows of them. What does not: running checks (`hand_made.py`).
"""

import json
from dataclasses import dataclass
from typing import Any

# Stands for any value about a person: it is in the failing rows, and may be in no result of a check.
SECRET_TEXT = "canary.person@example.com"
ANN, BOB = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


def event(number: int, **columns: Any) -> dict[str, Any]:
    """A row of scrubbed_events: page view `number` of Ann at minute `number`, alone in its session."""
    return {
        "event_id": f"00000000-0000-0000-0000-{number:012d}",
        "user_key": ANN,
        "event_time": f"2024-05-01 10:{number:02d}:00",
        "url": "https://example.com/a",
        "host": "example.com",
        "title": "News of 2024-05-01",
        "session_id": f"00000000-0000-0000-0000-{number:012d}",
        **columns,
    }


def file(**columns: Any) -> dict[str, Any]:
    """A row of input_files or raw_files that adds up: one row, one page view."""
    counts = {"rows_read": 1, "accepted": 1, "folded": 0, "duplicates": 0, "rejected": 0}
    return {"file_id": "f" * 64, "status": "read", "format": "csv", **counts, **columns}


def tagged(content: str) -> list[dict[str, str]]:
    return [{"name": "description", "content": content}]


@dataclass(frozen=True)
class Case:
    """Rows by table; for a failing case also how many rows offend, and values that the first shows."""

    rows: dict[str, list[dict[str, Any]]]
    offending: int = 0
    shown: dict[str, str] | None = None


FILE_EVENT = {"event_id": event(1)["event_id"], "file_id": "f" * 64, "user_id": SECRET_TEXT, "url": SECRET_TEXT}
CONSENT_TABLE = {"source_table": "consent", "row_number": 0, "attributes": "{}"}


def consent(start: str, end: str | None, problem: str | None = None) -> dict[str, Any]:
    """A row of the consent table, of the person of FILE_EVENT."""
    attributes = json.dumps({"purpose": "ads", "from": start, "to": end, "problem": problem})
    return {"source_table": "consent", "row_number": 1, "user_id": SECRET_TEXT, "attributes": attributes}


def consented(*rows: dict[str, Any], is_scrubbed: bool) -> dict[str, list[dict[str, Any]]]:
    """FILE_EVENT at 10:01, with a consent table of these rows, in the vault and maybe in the warehouse."""
    return {
        "vault.main.raw_events": [{**FILE_EVENT, "event_time": "2024-05-01 10:01:00"}],
        "vault.main.raw_customers": [CONSENT_TABLE, *rows],
        **({"scrubbed_events": [event(1)]} if is_scrubbed else {}),
    }


TOPIC = {"user_key": ANN, "probability": 1.0, "share": 0.0}
SNAPSHOT = {"user_key": ANN, "snapshot_time": "2024-05-01", "days_since_last": 0.0}
ATTRIBUTE = {"user_key": ANN, "value": "female", "probability": 0.8}
SEGMENTS = {"segment_id": 0, "segment": "Sports"}


def person(number: int, **columns: Any) -> dict[str, Any]:
    return {"user_key": f"00000000-0000-0000-0000-{number:012d}", **columns}


def released(dimension: str, item_id: str, people: int) -> dict[str, Any]:
    return {"purpose": "research", "dimension": dimension, "item_id": item_id, "people": people}


def candidate(model: str, decision: str, **columns: Any) -> dict[str, Any]:
    """A row of churn_model, of a training with that decision."""
    return {"model": model, "decision": decision, "is_champion": False, "champion_beats_dummy": True, **columns}


def rollup_cases(table: str) -> tuple[Case, Case]:
    events = [event(1), event(2), event(3, transition="redirect")]
    day = {"user_key": ANN, "day": "2024-05-01", **({"domain": "example.com"} if table == "domain_features" else {})}
    return (
        Case({"scrubbed_events": events, table: [{**day, "page_views": 2}]}),
        Case(
            {"scrubbed_events": events, table: [{**day, "page_views": 3}]},
            1,
            {"day": "2024-05-01", "events": "2", "rollup": "3"},
        ),
    )


REPORT_STATE = {"asset": "churn_report", "load_id": 1, "fingerprint": "hand-made"}

# By check: rows that pass it and rows that fail it, as near to each other as can be.
CASES: dict[str, tuple[Case, Case]] = {
    # Files that are there are judged in assets/test_churn_report.py.
    "report_is_whole": (Case({}), Case({"asset_state": [REPORT_STATE]}, 2, {"fault": "is missing"})),
    "counts_add_up": (
        Case(
            {
                "input_files": [file(rows_read=5, folded=1, duplicates=2, rejected=1)],
                "vault.main.raw_events": [FILE_EVENT],
                "vault.main.raw_rejected": [{"file_id": "f" * 64, "row_number": 5, "row": SECRET_TEXT}],
            }
        ),
        Case(
            {"input_files": [file(rows_read=2)], "vault.main.raw_events": [FILE_EVENT]},
            1,
            {"file": "f" * 12, "rows_read": "2", "accepted": "1"},
        ),
    ),
    "files_readable": (
        Case({"input_files": [file()]}),
        Case(
            {"input_files": [file(), file(file_id="e" * 64, status="failed", reason="empty: it holds nothing")]},
            1,
            {"file": "e" * 12, "reason": "empty: it holds nothing"},
        ),
    ),
    "nothing_lost_in_scrubbing": (
        Case({"scrubbed_events": [event(1)], "vault.main.raw_events": [FILE_EVENT]}),
        Case(
            {"scrubbed_events": [event(2)], "vault.main.raw_events": [FILE_EVENT]},
            2,
        ),
    ),
    "no_personal_data": (
        Case({"scrubbed_events": [event(1, metadata=tagged("https://example.com/{user}"), search_terms="4 by 4")]}),
        Case(
            {"scrubbed_events": [event(1, title=f"Inbox of {SECRET_TEXT}")]},
            1,
            {"event_id": event(1)["event_id"], "part": "title", "kind": "email"},
        ),
    ),
    "sessions_by_definition": (
        Case({"scrubbed_events": [event(1, session_id=ANN), event(31, session_id=ANN)]}),
        Case(
            {
                "scrubbed_events": [
                    event(1, session_id=ANN),
                    event(31, session_id=ANN, event_time="2024-05-01 10:31:00.001"),
                ]
            },
            1,
            {"event_id": event(31)["event_id"], "gap_seconds": "1800.001"},
        ),
    ),
    "domain_features_match_events": rollup_cases("domain_features"),
    "user_days_match_events": rollup_cases("user_days"),
    "interest_probabilities_in_range": (
        Case({"interest_profile": [{**TOPIC, "topic_id": "1"}, {**TOPIC, "topic_id": "2", "probability": 0.0}]}),
        Case(
            {"interest_profile": [{**TOPIC, "topic_id": "1", "probability": 1.01}]},
            1,
            {"source": "interest_profile", "probability": "1.01"},
        ),
    ),
    "no_sensitive_topics": (
        Case({"interest_profile": [{**TOPIC, "topic_id": "1", "topic": "Automotive"}]}),
        Case({}, 1),  # the first sensitive topic of the dictionary: see `rows_of`
    ),
    "segments_large_enough": (
        Case({"interest_segments": [person(i, segment_id=i // 11, segment="Sports") for i in range(22)]}),
        Case(
            {"interest_segments": [person(i, segment_id=i // 12, segment="Sports") for i in range(22)]},
            1,
            {"segment_id": "1", "people": "10"},
        ),
    ),
    "only_published_models_speak": (
        Case(
            {
                "audience_attributes": [{**ATTRIBUTE, "attribute": "gender"}],
                "audience_models": [{"attribute": "gender", "is_published": True}],
            }
        ),
        Case(
            {
                "audience_attributes": [{**ATTRIBUTE, "attribute": "gender"}],
                "audience_models": [{"attribute": "gender", "is_published": False}],
            },
            1,
            {"attribute": "gender", "people": "1"},
        ),
    ),
    "interest_needs_shopping": (
        Case(
            {"finance_flags": [person(1, finance_product="crypto", is_interested=True, shopping_sessions=2)]},
        ),
        Case(
            {
                "finance_flags": [
                    person(1, finance_product="crypto", is_interested=True, shopping_sessions=1, servicing_sessions=9)
                ]
            },
            1,
            {"finance_product": "crypto", "shopping_sessions": "1"},
        ),
    ),
    "labels_are_observed": (
        Case({"churn_snapshots": [{**SNAPSHOT, "eligible": True, "churned": False}]}),
        Case(
            {"churn_snapshots": [{**SNAPSHOT, "eligible": True}]},
            1,
            {"user_key": ANN, "snapshot_time": "2024-05-01 00:00:00"},
        ),
    ),
    "released_groups_are_large": (
        Case(
            {
                "released_audiences": [released("segment", "0", 11), released("topic", "1", 16)],
                "interest_segments": [person(i, **SEGMENTS) for i in range(11)],
            }
        ),
        Case(
            {"released_audiences": [released("segment", "0", 10)], "interest_segments": [person(1, **SEGMENTS)]},
            1,
            {"item_id": "0", "people": "10", "what": "too few people"},
        ),
    ),
    "finance_is_released_alone": (
        Case(
            {
                "released_audiences": [
                    released("finance_product", "mortgages", 16),
                    released("topic", "1", 16),
                    released("attribute", "language", 16),
                ]
            }
        ),
        Case(
            {
                "released_audiences": [
                    released("finance_product", "mortgages", 16),
                    released("attribute", "age_band: 25-34", 16),
                ]
            },
            1,
            {"item_id": "age_band: 25-34", "what": "beside financial products"},
        ),
    ),
    "releases_hide_people": (
        Case(
            {
                "reidentification": [
                    {"view": "raw_hosts", "match_rate": 1.0},
                    {"view": "released_groups", "match_rate": 1 / 11},
                ]
            }
        ),
        Case(
            {"reidentification": [{"view": "released_groups", "people": 20, "match_rate": 0.1}]},
            1,
            {"view": "released_groups", "people": "20"},
        ),
    ),
    "champion_beats_baseline": (
        Case({"churn_model": [candidate("dummy", "promoted"), candidate("tree", "promoted", is_champion=True)]}),
        Case(
            {"churn_model": [candidate("dummy", "none", champion_beats_dummy=None, log_loss=0.5)]},
            1,
            {"model": "dummy", "log_loss": "0.5"},
        ),
    ),
    "churn_audit_passed": (
        # What could not be tried is no leak, and a warning is another check's.
        Case(
            {
                "churn_audit": [
                    {"position": 0, "test": "injected_future", "passed": None},
                    {"position": 1, "test": "permuted_labels", "subject": "decision_tree", "passed": True},
                    {"position": 2, "test": "single_feature", "passed": False},
                    {"position": 3, "test": "coverage_alone", "passed": False},
                ]
            }
        ),
        Case(
            {
                "churn_audit": [
                    {"position": 0, "test": "injected_future", "value": 3.0, "passed": False},
                    {"position": 1, "test": "permuted_labels", "subject": "decision_tree", "passed": False},
                    {"position": 2, "test": "identifiers_alone", "passed": False},
                    {"position": 3, "test": "no_future_features", "passed": False},
                    {"position": 4, "test": "single_feature", "passed": False},
                ]
            },
            4,
            {"test": "injected_future", "value": "3.0"},
        ),
    ),
    "no_single_feature_tells_all": (
        Case({"churn_audit": [{"position": 0, "test": "single_feature", "subject": "pause", "passed": True}]}),
        Case(
            {
                "churn_audit": [
                    {"position": 0, "test": "single_feature", "subject": "closed", "value": 0.99, "passed": False},
                    {"position": 1, "test": "permuted_labels", "passed": False},
                ]
            },
            1,
            {"feature": "closed", "roc_auc": "0.99"},
        ),
    ),
    "coverage_tells_little": (
        Case({"churn_audit": [{"position": 0, "test": "coverage_alone", "value": 0.7, "passed": True}]}),
        Case(
            {"churn_audit": [{"position": 0, "test": "coverage_alone", "value": 0.9, "passed": False}]},
            1,
            {"roc_auc": "0.9"},
        ),
    ),
}

CASES |= {
    f"{which}_have_not_drifted": (
        Case(
            {
                "churn_drift": [
                    {"feature": feature, "psi": 0.2, "bound": 0.25, "has_drifted": False},
                    {"feature": other, "psi": 3.0, "bound": 0.25, "has_drifted": True},
                    {"feature": "tenure_days", "psi": 4.0},
                ]
            }
        ),
        Case(
            {"churn_drift": [{"feature": feature, "psi": 0.3, "bound": 0.25, "has_drifted": True}]},
            1,
            {"feature": feature, "psi": "0.3", "bound": "0.25"},
        ),
    )
    for which, feature, other in (("features", "sessions", "probability"), ("scores", "probability", "sessions"))
}

WITHHELD = {"in_vault": "True", "in_warehouse": "True", "is_admitted": "False"}
LOST = {"in_vault": "True", "in_warehouse": "False", "is_admitted": "True"}

# More ways to fail the same checks.
MORE_FAILURES: list[tuple[str, Case]] = [
    ("nothing_lost_in_scrubbing", Case(consented(is_scrubbed=True), 1, WITHHELD)),
    (
        "nothing_lost_in_scrubbing",
        Case(consented(consent("2024-05-01T10:01:01", None), is_scrubbed=True), 1, WITHHELD),
    ),
    (
        "nothing_lost_in_scrubbing",
        Case(consented(consent("2024-05-01", "2024-05-01T10:01:00"), is_scrubbed=True), 1, WITHHELD),
    ),
    (
        "nothing_lost_in_scrubbing",
        Case(consented(consent("2024-05-01", None, "bad_to"), is_scrubbed=True), 1, WITHHELD),
    ),
    ("nothing_lost_in_scrubbing", Case(consented(consent("2024-05-01", None), is_scrubbed=False), 1, LOST)),
    # Sums that add up, but not to what the vault holds.
    ("counts_add_up", Case({"input_files": [file()]}, 1, {"accepted": "1", "page_views_in_vault": "0"})),
    ("counts_add_up", Case({"input_files": [file(rows_read=None)], "vault.main.raw_events": [FILE_EVENT]}, 1)),
    (
        "sessions_by_definition",
        Case({"scrubbed_events": [event(1, session_id=ANN), event(2, session_id=ANN, user_key=BOB)]}, 1),
    ),
    (
        "sessions_by_definition",
        Case(
            {
                "scrubbed_events": [
                    event(i, session_id=ANN, event_time=f"2024-05-0{1 + i // 48} {i // 2 % 24:02d}:{i % 2 * 30:02d}")
                    for i in range(50)
                ]
            },
            1,
            {"age_seconds": "88200.0"},
        ),
    ),
    (
        "labels_are_observed",
        Case({"churn_snapshots": [{**SNAPSHOT, "churned": True, "reason": "outcome_not_observed"}]}, 1),
    ),
    ("labels_are_observed", Case({"churn_snapshots": [{**SNAPSHOT, "days_since_last": -0.5}]}, 1)),
    ("interest_probabilities_in_range", Case({"interest_profile": [{**TOPIC, "topic_id": "1", "share": -0.1}]}, 1)),
    # Kept, but no better than the dummy any more; promoted, but nobody is champion.
    ("champion_beats_baseline", Case({"churn_model": [candidate("tree", "kept", champion_beats_dummy=False)]}, 1)),
    ("champion_beats_baseline", Case({"churn_model": [candidate("tree", "promoted")]}, 1)),
    (
        "released_groups_are_large",
        Case(
            {
                "released_audiences": [released("segment", "0", 16)],
                "interest_segments": [person(i, **SEGMENTS) for i in range(15)],
            },
            1,
            {"what": "more people than there are"},
        ),
    ),
    (
        "released_groups_are_large",
        # 286 is Medical Health, which is sensitive.
        Case({"released_audiences": [released("topic", "286", 500)]}, 1, {"what": "sensitive topic"}),
    ),
    *(
        (
            "finance_is_released_alone",
            Case({"released_audiences": [released("finance_product", "tax", 16), released(*trait, 16)]}, 1),
        )
        for trait in (("gender", "female"), ("attribute", "parent of young children"), ("postcode", "10115"))
    ),
    (
        "finance_is_released_alone",
        Case({"released_audiences": [released("finance_product", "payday_loans", 16)]}, 1, {"what": "never told"}),
    ),
    (
        "no_personal_data",
        Case(
            {
                "scrubbed_events": [
                    event(1, url="https://example.com/?page=2&email=x"),
                    event(2, url="https://example.com/#top"),
                    event(3, search_terms="call +49 30 901820"),
                    event(4, host="ann%40example.com"),
                    event(5, metadata=tagged("card 4111 1111 1111 1111")),
                    event(6, removed=[{"column_name": SECRET_TEXT, "kind": "id", "n": 1}]),
                    event(7, language=SECRET_TEXT, title=SECRET_TEXT),
                ]
            },
            8,
        ),
    ),
]
