"""Which column of a table comes from which columns of the tables before it, read from the SELECTs.

What belongs here: the steps that make a table, in order, and tracing a column through them with sqlglot. What does
not: what Dagster is told of it (`assets/reporting.py`), the SELECTs themselves (`sql/`). A column comes from what its
value is made of; what only filters, joins or groups is not listed. Tables whose columns Python computes (scores,
models, recognised products) have no entry, rather than a guess.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from browse_assets.settings import REFERENCE_DIR
from browse_assets.sql import read_sql
from browse_assets.tables import TABLES

# sqlglot costs 0.5 s to import, and to read all SELECTs 2 s: only where a table was just made.
if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

# wordllama sets Python's root logger to INFO when it is imported: that sqlglot counts indices from 0 would stand on the
# terminal, for every one of them.
logging.getLogger("sqlglot").setLevel(logging.WARNING)

# Lists that the project ships, as `load_reference` names them.
REFERENCE = "reference_"


@dataclass(frozen=True, order=True)
class Source:
    """One column that another one is made from: of an asset's table, or of a list of data/reference."""

    table: str
    column: str


@dataclass(frozen=True)
class Select:
    """A step that DuckDB does: a temporary table, or the table itself."""

    name: str
    sql: str


@dataclass(frozen=True)
class Computed:
    """A step that Python does: for each column that later steps read, what it is made from, as `table.column`s."""

    name: str
    columns: Mapping[str, str]


Step = Select | Computed
Lineage = Mapping[str, tuple[Source, ...]]


def _file(name: str, table: str | None = None) -> Select:
    return Select(table or name, read_sql(name))


def _computed(name: str, /, **columns: str) -> Computed:
    return Computed(name, columns)


# The pseudonym is a keyed hash, a domain the registrable part of the host: one call each per distinct value.
_USER_KEYS = _computed("user_keys", user_id="raw_events.user_id", user_key="raw_events.user_id")
_CUSTOMER_KEYS = _computed("user_keys", user_id="raw_customers.user_id", user_key="raw_customers.user_id")
_ADMITTED = Select("admitted_events", "SELECT * FROM raw_events")
_CUSTOMERS = Select("admitted_customers", "SELECT * FROM raw_customers")
_DAYS = Select("day_events", "SELECT * FROM scrubbed_events")
_CHANGED = Select("changed_days", "SELECT user_key, event_time::DATE AS day FROM scrubbed_events")


_PAGE_TEXTS = "pages.path_text pages.title_text pages.terms_text pages.about_text"
_SITE_COLUMNS = ("domain", "kind", "default_product", "known_by")


def _scored(items: str) -> tuple[Step, ...]:
    """Evidence of interest (`analysis/interest.py`): counts by SQL, then rates against the panel's by Python."""
    rates = "item_events.item item_events.session_id item_events.event_time"
    rated = ("decayed_sessions", "score", "share", "rank", "lift", "probability", "is_interested")
    return (
        Select("item_events", items),
        _file("session_times"),
        _file("touches", "touched"),
        _computed(
            "scored",
            **{name: f"touched.{name}" for name in ("user_key", "item", "active_days", "first_seen", "last_seen")},
            sessions="item_events.item item_events.session_id",
            **dict.fromkeys(rated, rates),
            baseline="item_events.user_key",
            return_probability="touched.active_days touched.first_seen touched.last_seen",
        ),
    )


@cache
def _steps() -> dict[str, tuple[Step, ...]]:
    """The steps of each table that SQL makes; the last one is the table."""
    return {
        "scrubbed_events": (
            _ADMITTED,
            _USER_KEYS,
            _computed("hosts", **dict.fromkeys(("raw_host", "host", "domain"), "raw_events.raw_host")),
            _computed(
                "scrubbed_suspects",
                event_id="raw_events.event_id",
                url="raw_events.url",
                title="raw_events.title",
                metadata="raw_events.metadata",
                terms="raw_events.url raw_events.search_terms",
                removed="raw_events.url raw_events.title raw_events.metadata raw_events.search_terms",
            ),
            _file("scrubbed_events", "fresh"),
            _file("new_events"),
            Select(
                "unsessioned",
                "SELECT *, NULL::UUID AS old_session_id, NULL::DOUBLE AS old_seconds, NULL::VARCHAR AS old_method "
                "FROM new_events",
            ),
            _file("sessions", "sessioned"),
            # The domain of the page before is looked up by the referrer, not by the page's own host.
            Select(
                "scrubbed_events",
                "SELECT fresh.* REPLACE (raw.referrer AS referrer_domain), session_id, dwell_seconds, dwell_method "
                "FROM fresh JOIN sessioned ON sessioned.event_id = fresh.event_id "
                "JOIN admitted_events AS raw ON raw.event_id = fresh.event_id",
            ),
        ),
        "pii_removed": (
            _ADMITTED,
            Select("touched_files", "SELECT DISTINCT file_id FROM scrubbed_events"),
            _file("pii_removed"),
        ),
        "domain_features": (_DAYS, _CHANGED, _file("domain_features")),
        "user_days": (_DAYS, _CHANGED, _file("user_days")),
        "page_topics": (
            _file("new_pages"),
            _computed(
                "text_topics",
                domain="new_pages.domain",
                uses_host="new_pages.uses_host",
                text="new_pages.text",
                **dict.fromkeys(("topic_id", "method", "probability"), "new_pages.text new_pages.domain"),
            ),
            _file("page_topics"),
        ),
        "interest_profile": (
            # The topics above a page's own are those that the list of topics says.
            _computed(
                "topic_ancestry", topic_id="", item_id="page_topics.topic_id", tier=f"{REFERENCE}topics.parent_topic_id"
            ),
            *_scored(read_sql("topic_items")),
            Select(
                "scored_topics",
                "SELECT scored.*, ancestry.tier, NULL::TIMESTAMP AS as_of "
                "FROM scored JOIN topic_ancestry AS ancestry ON ancestry.item_id = scored.item",
            ),
            _file("interest_profile"),
        ),
        "page_finance": (
            _file("finance_texts", "pages"),
            _computed("finance_sites", **dict.fromkeys(_SITE_COLUMNS, "scrubbed_events.domain")),
            _file("finance_page_sites", "page_sites"),
            _computed("finance_named", page_id="pages.page_id", field=_PAGE_TEXTS, finance_product=_PAGE_TEXTS),
            _computed("finance_intents", page_id="pages.page_id", field=_PAGE_TEXTS, intent=_PAGE_TEXTS),
            _computed("finance_vetoes", page_id="pages.page_id", veto=_PAGE_TEXTS),
            _file("page_finance"),
        ),
        "finance_flags": (
            _file("finance_events"),
            *_scored(read_sql("finance_items")),
            _file("finance_flags"),
        ),
        "products": (
            _file("product_events"),
            # Lists of products that the project ships or the user keeps.
            _computed(
                "listed", **dict.fromkeys(("product_id", "name", "brand", "category", "launch_date", "method"), "")
            ),
            _file("products"),
        ),
        "product_interest": (
            _file("product_events"),
            *_scored("SELECT * FROM product_events"),
            _file("product_interest"),
        ),
        "customer_features": (_CUSTOMERS, _CUSTOMER_KEYS, _file("customer_features")),
        "churn_snapshots": (
            _CUSTOMERS,
            _CUSTOMER_KEYS,
            _file("customer_transactions", "transactions"),
            _file("customer_service", "service_interactions"),
            _computed(
                "snapshot_people",
                user_key="user_days.user_key raw_customers.user_id",
                **dict.fromkeys(("snapshot_time", "label_source"), ""),
                **dict.fromkeys(("is_labelled", "is_clear", "given_churned"), "raw_customers.attributes"),
            ),
            _computed("hole_days", day="user_days.day"),
            _computed(
                "coarse_attributes",
                user_key="raw_customers.user_id",
                snapshot_time="",
                **dict.fromkeys(("name", "content", "own_day", "coarse_day"), "raw_customers.attributes"),
            ),
            _computed(
                "attribute_times",
                user_key="raw_customers.user_id",
                snapshot_time="",
                latest_time="raw_customers.event_time",
            ),
            _file("churn_snapshots"),
        ),
    }


def has_lineage(table: str) -> bool:
    """Whether SQL makes the table, so that its columns can be traced."""
    return table in _steps()


@cache
def tracing_version() -> str:
    """Hash of this module, which says what the steps are; what the steps do is in `sql/` and `tables.py`."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


@cache
def column_lineage(table: str) -> Lineage:
    """For each column of a table that SQL makes, in the table's order, what it is made from, sorted.

    Empty for a table whose columns Python computes. A column made from nothing stored (a parameter, the time of the
    newest event) has no sources.
    """
    steps = _steps().get(table)
    if steps is None:
        return {}
    tracer = _Tracer(steps)
    return {name: tuple(sorted(tracer.sources(table, name))) for name in TABLES[table].column_names}


class _Tracer:
    """The steps of one table, read; a step sees the steps before it, and the tables."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        from sqlglot.optimizer.scope import build_scope

        schema = dict(_stored_columns())
        self._order = {step.name: place for place, step in enumerate(steps)}
        self._computed = {step.name: step.columns for step in steps if isinstance(step, Computed)}
        self._scopes: dict[str, Scope] = {}
        for step in steps:
            if isinstance(step, Computed):
                schema[step.name] = dict.fromkeys(step.columns, "VARCHAR")
                continue
            select = _qualified(step.sql, schema)
            scope = build_scope(select)
            assert scope is not None
            self._scopes[step.name] = scope
            schema[step.name] = dict.fromkeys(select.named_selects, "VARCHAR")

    def sources(self, name: str, column: str) -> frozenset[Source]:
        """Of a column of the step of that name."""
        return self._of_table(name, column, before=len(self._order))

    def _of_table(self, name: str, column: str, before: int) -> frozenset[Source]:
        place = self._order.get(name, before)
        if place >= before:  # no earlier step: a table, or a list
            return frozenset({Source(name, column)})
        if name in self._computed:
            parts = [source.split(".") for source in self._computed[name][column].split()]
            return frozenset().union(*(self._of_table(table, of, place) for table, of in parts))
        return self._of_scope(self._scopes[name], column, place, frozenset())

    def _of_scope(self, scope: "Scope", column: str, place: int, seen: frozenset[tuple[int, str]]) -> frozenset[Source]:
        """`seen` ends a recursion: a recursive CTE reads itself."""
        from sqlglot import exp

        if (id(scope), column) in seen:
            return frozenset()
        seen |= {(id(scope), column)}
        query = scope.expression
        if not isinstance(query, exp.Query) or column not in query.named_selects:
            return frozenset()
        index = query.named_selects.index(column)
        if scope.union_scopes:
            branches = [(branch, branch.expression.named_selects[index]) for branch in scope.union_scopes]
            return frozenset().union(*(self._of_scope(branch, name, place, seen) for branch, name in branches))
        found: frozenset[Source] = frozenset()
        for read in _columns_of(query.selects[index]):
            found |= self._of_read(scope, read, place, seen)
        return found

    def _of_read(
        self, scope: "Scope", read: "exp.Column", place: int, seen: frozenset[tuple[int, str]]
    ) -> frozenset[Source]:
        from sqlglot import exp

        for inside in (scope, *scope.subquery_scopes):
            source = inside.sources.get(read.table)
            if isinstance(source, exp.Table):
                return self._of_table(source.name, read.name, place)
            if source is not None:
                return self._of_scope(source, read.name, place, seen)
        # `removal.kind`: no table of that name, so a field of the column `removal`.
        holders = [part for part in scope.sources.values() if not isinstance(part, exp.Table)]
        return frozenset().union(*(self._of_scope(holder, read.table, place, seen) for holder in holders))


def _columns_of(expression: "exp.Expression") -> "Iterator[exp.Column]":
    """Columns that a value is made of; not those that only order or part the rows of a window."""
    from sqlglot import exp

    if isinstance(expression, exp.Column):
        yield expression
        return
    children = [expression.this] if isinstance(expression, exp.Window) else expression.iter_expressions()
    for child in children:
        if isinstance(child, exp.Expression):
            yield from _columns_of(child)


def _qualified(sql: str, schema: dict[str, dict[str, str]]) -> "exp.Query":
    """The SELECT with stars spelled out and every column with its table."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.qualify import qualify

    tree = sqlglot.parse_one(sql, dialect="duckdb")
    read = {table.name for table in tree.find_all(exp.Table)}
    for table in tree.find_all(exp.Table):
        table.set("db", None)
        table.set("catalog", None)
    for join in list(tree.find_all(exp.Join)):
        if join.args.get("kind") in ("SEMI", "ANTI"):
            join.pop()  # it filters, no value comes from it
    found = qualify(
        tree,
        schema={name: columns for name, columns in schema.items() if name in read},
        dialect="duckdb",
        validate_qualify_columns=False,
        quote_identifiers=False,
        identify=False,
    )
    assert isinstance(found, exp.Query)
    return found


@cache
def _stored_columns() -> dict[str, dict[str, str]]:
    """Columns by table and by list; their types do not matter here."""
    stored = {name: dict.fromkeys(table.column_names, "VARCHAR") for name, table in TABLES.items()}
    for path in REFERENCE_DIR.glob("*.csv"):
        if "." in path.stem:  # the users' own, whose columns are the shipped list's, or wrong
            continue
        with path.open(encoding="utf-8") as file:
            stored[REFERENCE + path.stem] = dict.fromkeys(file.readline().strip().split(","), "VARCHAR")
    return stored
