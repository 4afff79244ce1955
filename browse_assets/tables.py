"""The data dictionary: grain, columns, types and descriptions of every table.

What belongs here: facts about tables, once. The warehouse's DDL, the column schema in the Dagster UI,
the contract checks and the README's table are all made from it. What does not: SQL that fills a
table (`sql/`), rules (`analysis/`), connections (`resources.py`).
"""

from dataclasses import dataclass
from typing import Literal

Database = Literal["vault", "warehouse", "staging"]

REJECT_REASONS: dict[str, str] = {
    "no_user": "the row names no person",
    "no_time": "the row has no time",
    "bad_time": "the time is none of ISO 8601, epoch seconds, milliseconds or microseconds",
    "time_out_of_range": "before 1990, or after the file was written",
    "no_url": "no URL in the row, nor in its metadata",
    "bad_url": "the URL is not scheme://host",
    "not_web": "file:, chrome:, extension, localhost and private addresses are not web pages",
    "malformed": "the row cannot be parsed in its file's format",
    "erased": "the person asked to be erased; the row itself is not kept",
    "expired": "older than what retention has purged; the row itself is not kept",
}

FINANCE_PRODUCTS: tuple[str, ...] = (
    "personal_loans",
    "auto_loans",
    "student_loans",
    "payday_loans",
    "mortgages",
    "credit_cards",
    "banking",
    "investing",
    "retirement",
    "auto_insurance",
    "home_insurance",
    "life_insurance",
    "medical_insurance",
    "pet_insurance",
    "travel_insurance",
    "tax",
    "credit_reporting",
    "crypto",
)

# What data may be used for. People consent to the first four (customers/consent); accountability is the
# duty to show what came in and what became of it (GDPR art. 5(2)), and is about files and tables.
PURPOSES: dict[str, str] = {
    "research": "studies of how people use the web, as figures about groups",
    "measurement": "counting the audiences of sites, topics and products",
    "product": "making the product or service better that these people use, churn included",
    "ads": "planning advertising for groups of people",
    "accountability": "showing what came in, what was removed and that it works; about files and tables",
}
CONSENT_PURPOSES = ("research", "measurement", "product", "ads")
_ANALYSIS = ("research", "measurement", "product")

# Financial products that nobody else is told about, not as groups either: who looks for them is short of money.
NEVER_TOLD_PRODUCTS = ("payday_loans",)

# What must not be done with a table, whoever asks; shown on the asset's page and in the README.
FORBIDDEN_USES: dict[str, str] = {
    "finance_flags": "Never for a decision about credit, insurance, a price, employment or housing. Never told, "
    "released or joined for others together with age, gender, family status or postcode. Payday loans are "
    "never told to others, not as groups either.",
}
_ACCOUNTABILITY = ("accountability",)

CHURN_METRICS: tuple[str, ...] = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
    "lift_10",
    "profit",
)
# Of these, churn_model has the paired difference to logistic regression too.
CHURN_DIFFERENCES: tuple[str, ...] = ("roc_auc", "log_loss")
_METRIC_WORDS = {"profit": "mean value per person of calling from the threshold (NULL without BROWSE_CHURN_VALUES)"}


@dataclass(frozen=True)
class Column:
    """One column: its name, DuckDB type, and what it says (units and range where it has them).

    Attributes:
        compression: how DuckDB is to store it; empty for what it finds best by itself.
    """

    name: str
    type: str
    description: str
    compression: str = ""

    @property
    def definition(self) -> str:
        """Name, type and compression as CREATE TABLE has them."""
        compression = f" USING COMPRESSION {self.compression}" if self.compression else ""
        return f'"{self.name}" {self.type}{compression}'


@dataclass(frozen=True)
class Table:
    """One table of the vault, the warehouse or the staging area of an ingest."""

    name: str
    database: Database
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    purposes: tuple[str, ...] = ()
    """What the table may be used for, out of PURPOSES; a test says that none lacks them."""

    def __post_init__(self) -> None:
        """Refuse a purpose that is not in PURPOSES: there is none for decisions about credit, nor can there be.

        Raises:
            ValueError: a purpose is unknown.
        """
        unknown = sorted(set(self.purposes) - set(PURPOSES))
        if unknown:
            raise ValueError(f"{self.name}: no such purpose: {', '.join(unknown)}")

    def ddl(self, schema: str | None = None) -> str:
        """CREATE TABLE IF NOT EXISTS with quoted names, in key-independent column order."""
        target = f'{schema}."{self.name}"' if schema else f'"{self.name}"'
        body = ", ".join(column.definition for column in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {target} ({body})"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(column.name for column in self.columns)


_METADATA = "STRUCT(name VARCHAR, content VARCHAR)[]"
# For texts that hardly repeat: written in two thirds of the time of DuckDB's own choice (a dictionary), and a quarter
# smaller; read whole in a third more of very little, and one by one in half. Tags and short texts do better without.
_FOR_TEXTS = "zstd"
_USER = Column("user_key", "UUID", "pseudonym: first 128 bits of HMAC-SHA256(pseudonym key, user id)")
_AS_OF = Column("as_of", "TIMESTAMP", "end of every window: the newest event, or BROWSE_AS_OF")
_FILE = Column("file_id", "VARCHAR", "SHA-256 of the file's content, hexadecimal")
_LOAD = Column("load_id", "BIGINT", "load that last wrote the row; what came later is new downstream")


STAGED_ROWS = Table(
    "staged_rows",
    "staging",
    "One row per row of an input file, as its reader saw it, before anything is judged; or one for neighbours that "
    "differ in their meta tag alone.",
    ("row_number",),
    (
        Column("row_number", "BIGINT", "position of the data row, the first of its neighbours, in its file, from 1"),
        Column("rows", "BIGINT", "how many rows it stands for; of several, metadata has one entry each, NULL for none"),
        Column("user_id", "VARCHAR", "the person's id; NULL or empty when the row names none"),
        Column("ip", "VARCHAR", "address of the device"),
        Column("event_time", "TIMESTAMP", "time of the visit in UTC; NULL when absent or unreadable"),
        Column("url", "VARCHAR", "address of the page as given; NULL when the row has none", _FOR_TEXTS),
        Column("title", "VARCHAR", "title of the page", _FOR_TEXTS),
        Column("metadata", _METADATA, "meta tags that the row carries; NULL when it carries none"),
        Column(
            "has_distinct_tags",
            "BOOLEAN",
            "whether no two tags share a name, and none of several rows lacks one; NULL where unknown",
        ),
        Column("duration_seconds", "DOUBLE", "seconds on the page as the source gives them, at least 0"),
        Column(
            "duration_kind",
            "VARCHAR",
            "foreground (browser's own) or extension; NULL without duration",
        ),
        Column("referrer", "VARCHAR", "address of the page before"),
        Column(
            "transition",
            "VARCHAR",
            "link, typed, bookmark, search, form, reload, subframe, start, redirect (a hop), other",
        ),
        Column("device", "VARCHAR", "device as the source names it"),
        Column("country", "VARCHAR", "ISO 3166-1 alpha-2 code, where the source gives one"),
        Column("language", "VARCHAR", "language of the page, BCP 47"),
        Column(
            "search_terms",
            "VARCHAR",
            "terms typed into a search engine, where the source gives them",
        ),
        Column("reason", "VARCHAR", "malformed or bad_time where the reader knows it; else NULL"),
        Column("raw_text", "VARCHAR", "the row as it stood, only where it is malformed"),
    ),
    purposes=_ACCOUNTABILITY,
)

RAW_FILES = Table(
    "raw_files",
    "vault",
    "One row per input file ever seen, with its path: the only place that knows it.",
    ("file_id",),
    (
        _FILE,
        Column("path", "VARCHAR", "path below the inbox when it was read"),
        Column("origin", "VARCHAR", "inbox, or sample for the bundled synthetic panel"),
        Column("format", "VARCHAR", "format recognised by content; NULL when none was"),
        Column("status", "VARCHAR", "read or failed"),
        Column("reason", "VARCHAR", "why it failed, without any value of the file"),
        Column("rows_read", "BIGINT", "rows in the file; NULL when it could not be read"),
        Column("accepted", "BIGINT", "page views that the file was first to bring"),
        Column("folded", "BIGINT", "rows that added a meta tag to a page view"),
        Column("duplicates", "BIGINT", "rows that said nothing new"),
        Column("rejected", "BIGINT", "rows with a reason in rejected_events"),
        Column("erased", "BIGINT", "page views of the file erased since with their person; NULL for none"),
        Column("expired", "BIGINT", "page views of the file purged since by retention; NULL for none"),
        Column("first_event", "TIMESTAMP", "oldest accepted row"),
        Column("last_event", "TIMESTAMP", "newest accepted row"),
        Column("size_bytes", "BIGINT", "size of the file, a database's write-ahead log included"),
        Column("modified_ns", "BIGINT", "when the file was last written, ns since 1970"),
        Column("rules", "VARCHAR", "hash of the rules it was read with: a failed file is tried again by new ones"),
        _LOAD,
    ),
    purposes=_ACCOUNTABILITY,
)

RAW_EVENTS = Table(
    "raw_events",
    "vault",
    "One row per page view, as it came in: personal, encrypted, never shown.",
    ("event_id",),
    (
        Column("event_id", "UUID", "keyed hash of person, time and page"),
        _LOAD,
        _FILE,
        Column("source", "VARCHAR", "format of the file that brought it"),
        *(
            column
            for column in STAGED_ROWS.columns
            if column.name not in ("row_number", "rows", "has_distinct_tags", "reason", "raw_text")
        ),
        Column("raw_host", "VARCHAR", "host of the URL in lower case, without port and credentials"),
    ),
    purposes=_ACCOUNTABILITY,
)

RAW_REJECTED = Table(
    "raw_rejected",
    "vault",
    "One row per rejected row, with the row itself.",
    ("file_id", "row_number"),
    (
        _FILE,
        Column("row_number", "BIGINT", "position of the data row in its file, from 1"),
        Column("reason", "VARCHAR", "one of: " + ", ".join(REJECT_REASONS)),
        Column("row", "VARCHAR", "the row as JSON, or as its raw text when malformed"),
        _LOAD,
    ),
    purposes=_ACCOUNTABILITY,
)

RAW_CUSTOMERS = Table(
    "raw_customers",
    "vault",
    "One row per row of a customer table.",
    ("source_table", "row_number"),
    (
        Column(
            "source_table",
            "VARCHAR",
            "customers, transactions, service_interactions, churn_labels or consent",
        ),
        _FILE,
        Column("row_number", "BIGINT", "position of the data row in its file, from 1; 0: there is a consent table"),
        Column("user_id", "VARCHAR", "the person's id, as in the events"),
        Column("event_time", "TIMESTAMP", "time in UTC, where the table has one"),
        Column("attributes", "JSON", "all other columns by name, as text"),
    ),
    purposes=_ACCOUNTABILITY,
)

RAW_TOMBSTONES = Table(
    "raw_tombstones",
    "vault",
    "One row per erased person: enough to know them again when a file brings them back, and no more.",
    ("tombstone",),
    (
        Column("tombstone", "VARCHAR", "HMAC-SHA256(salt, user id), hexadecimal; never the id"),
        Column("salt", "VARCHAR", "256 random bits, hexadecimal; the same in each row, and nowhere else"),
        Column("load_id", "BIGINT", "newest load when the person was erased: no later load takes its number"),
    ),
    purposes=_ACCOUNTABILITY,
)

RAW_PEOPLE = Table(
    "raw_people",
    "vault",
    "One row per person of whom page views were purged: a new key needs the id while rollups remain.",
    ("user_id",),
    (Column("user_id", "VARCHAR", "the person's id, as in the events"),),
    purposes=_ACCOUNTABILITY,
)

RAW_HORIZON = Table(
    "raw_horizon",
    "vault",
    "One row per purge: where the events begin since.",
    ("horizon",),
    (Column("horizon", "TIMESTAMP", "midnight UTC; events before it are gone and are not taken in again"),),
    purposes=_ACCOUNTABILITY,
)

INPUT_FILES = Table(
    "input_files",
    "warehouse",
    "One row per input file ever seen.",
    ("file_id",),
    tuple(column for column in RAW_FILES.columns if column.name not in ("path", "modified_ns", "rules")),
    purposes=_ACCOUNTABILITY,
)

REJECTED_EVENTS = Table(
    "rejected_events",
    "warehouse",
    "One row per rejected row; the row itself stays in the vault.",
    ("file_id", "row_number"),
    (
        _FILE,
        Column("row_number", "BIGINT", "position of the data row in its file, from 1"),
        Column("reason", "VARCHAR", "; ".join(f"{k}: {v}" for k, v in REJECT_REASONS.items())),
    ),
    purposes=_ACCOUNTABILITY,
)

SCRUBBED_EVENTS = Table(
    "scrubbed_events",
    "warehouse",
    "One row per page view, without personal data.",
    ("event_id",),
    (
        Column("event_id", "UUID", "keyed hash of person, time and page"),
        _USER,
        Column("event_time", "TIMESTAMP", "time of the visit, UTC"),
        Column("source", "VARCHAR", "format of the file that brought it"),
        Column(
            "url",
            "VARCHAR",
            "scheme, host, scrubbed path and allow-listed parameters; no credentials, no fragment",
            _FOR_TEXTS,
        ),
        Column("host", "VARCHAR", "host, with labels that look personal replaced"),
        Column("domain", "VARCHAR", "registrable domain, private suffixes counted; {ip} for an address"),
        Column("title", "VARCHAR", "title of the page, scrubbed", _FOR_TEXTS),
        Column("metadata", _METADATA, "meta tags, scrubbed; tags personal by name are gone"),
        Column("search_terms", "VARCHAR", "terms typed into a search engine, scrubbed"),
        Column("language", "VARCHAR", "language of the page, BCP 47"),
        Column(
            "transition",
            "VARCHAR",
            "how the page was reached; redirect and subframe are no page views",
        ),
        Column("referrer_domain", "VARCHAR", "registrable domain of the page before"),
        Column("device", "VARCHAR", "desktop, mobile, tablet, tv or other; NULL when not given"),
        Column("country", "VARCHAR", "ISO 3166-1 alpha-2 code, where the source gives one"),
        Column("dwell_seconds", "DOUBLE", "seconds on the page; NULL when unknown, never imputed"),
        Column(
            "dwell_method",
            "VARCHAR",
            "foreground, extension, gap (next event within 300 s) or NULL",
        ),
        Column("session_id", "UUID", "event_id of the session's first event"),
        _FILE,
        Column(
            "removed",
            "STRUCT(column_name VARCHAR, kind VARCHAR, n BIGINT)[]",
            "how many values of which kind were removed from which column; NULL for none",
        ),
        Column("page_id", "UUID", "hash of url, title, search terms and metadata: equal for visits of one page"),
        _LOAD,
    ),
    purposes=_ANALYSIS,
)

PII_REMOVED = Table(
    "pii_removed",
    "warehouse",
    "One row per file, column and kind of personal data removed.",
    ("file_id", "column_name", "kind"),
    (
        _FILE,
        Column("column_name", "VARCHAR", "column of raw_events that held it"),
        Column("kind", "VARCHAR", "kind of personal data: email, phone, card, id, ip, ..."),
        Column("values_removed", "BIGINT", "values removed or replaced, at least 1"),
    ),
    purposes=_ACCOUNTABILITY,
)

DOMAIN_FEATURES = Table(
    "domain_features",
    "warehouse",
    "One row per person, domain and day (UTC).",
    ("user_key", "domain", "day"),
    (
        _USER,
        Column("domain", "VARCHAR", "registrable domain"),
        Column("day", "DATE", "day in UTC"),
        Column("page_views", "BIGINT", "page views; redirect hops and subframes are not counted"),
        Column("sessions", "BIGINT", "distinct sessions that touch the domain on the day"),
        Column("dwell_seconds", "DOUBLE", "sum of the known dwell; NULL when none is known"),
        Column("first_time", "TIMESTAMP", "first event"),
        Column("last_time", "TIMESTAMP", "last event"),
        Column("searches", "BIGINT", "events with search terms"),
        Column(
            "topic_id", "VARCHAR", "IAB Content 3.1 id of the domain; NULL when no list knows it, or it is sensitive"
        ),
    ),
    purposes=_ANALYSIS,
)

USER_DAYS = Table(
    "user_days",
    "warehouse",
    "One row per person and day (UTC) with any event.",
    ("user_key", "day"),
    (
        _USER,
        Column("day", "DATE", "day in UTC"),
        Column("page_views", "BIGINT", "page views; redirect hops and subframes are not counted"),
        Column("sessions", "BIGINT", "distinct sessions"),
        Column("domains", "BIGINT", "distinct domains"),
        Column("dwell_seconds", "DOUBLE", "sum of the known dwell; NULL when none is known"),
        Column("devices", "BIGINT", "distinct devices; NULL when none is given"),
        Column(
            "longest_gap_hours",
            "DOUBLE",
            "longest pause between events of the day, hours; NULL for one",
        ),
        Column("searches", "BIGINT", "events with search terms"),
        Column("first_time", "TIMESTAMP", "first event"),
        Column("last_time", "TIMESTAMP", "last event"),
    ),
    purposes=_ANALYSIS,
)

_EVIDENCE_COLUMNS = (
    Column("sessions", "BIGINT", "sessions that touch it"),
    Column("active_days", "BIGINT", "days with such a session"),
    Column("last_seen", "TIMESTAMP", "last touching event"),
)
_LIFT = Column("lift", "DOUBLE", "the person's rate (posterior mean) over the baseline's mean")
_PROBABILITY = Column("probability", "DOUBLE", "P(the person's rate > the baseline's mean), 0 to 1")
_EVIDENCE_TEXT = Column("evidence_text", "VARCHAR", "the evidence in words: 12 sessions on 5 days: example.com 7, ...")
_BASELINE = Column("baseline", "VARCHAR", "panel, or person when the panel has fewer than 20 people")

INTEREST_PROFILE = Table(
    "interest_profile",
    "warehouse",
    "One row per person and topic that the person touched, or that stands above one.",
    ("user_key", "topic_id"),
    (
        _USER,
        Column("topic_id", "VARCHAR", "IAB Content 3.1 id"),
        Column("topic", "VARCHAR", "IAB Content 3.1 name"),
        Column("parent_topic", "VARCHAR", "name of the nearest topic above that may be stored; NULL for a first tier"),
        Column("tier", "BIGINT", "1 for a first tier, to 4"),
        Column("audience_id", "VARCHAR", "IAB Audience 1.1 interest id; NULL where it has no such interest"),
        *_EVIDENCE_COLUMNS,
        Column("score", "DOUBLE", "touching sessions per session, posterior mean"),
        Column("share", "DOUBLE", "share of the person's decayed touches over all topics of the tier, 0 to 1"),
        Column("rank", "BIGINT", "1 = strongest evidence of the person within the tier"),
        _LIFT,
        _PROBABILITY,
        Column(
            "is_interested",
            "BOOLEAN",
            "probability >= 0.9, 2 sessions on 2 days, seen within 28 days",
        ),
        Column(
            "evidence",
            "STRUCT(domain VARCHAR, sessions BIGINT)[]",
            "up to five domains with their sessions, most first",
        ),
        _EVIDENCE_TEXT,
        _BASELINE,
        _AS_OF,
    ),
    purposes=CONSENT_PURPOSES,
)

INTEREST_SEGMENTS = Table(
    "interest_segments",
    "warehouse",
    "One row per person with any topic.",
    ("user_key",),
    (
        _USER,
        Column("segment_id", "BIGINT", "0 = largest segment"),
        Column("segment", "VARCHAR", "the segment's over-represented topics"),
        Column("x", "DOUBLE", "first principal coordinate"),
        Column("y", "DOUBLE", "second principal coordinate"),
        _AS_OF,
    ),
    purposes=CONSENT_PURPOSES,
)

AUDIENCE_MODELS = Table(
    "audience_models",
    "warehouse",
    "One row per attribute that may be modelled: how well browsing tells it, and whether it is published.",
    ("attribute",),
    (
        Column("attribute", "VARCHAR", "age_band, gender, ...: BROWSE_MODELLED_ATTRIBUTES"),
        Column("people", "BIGINT", "people who declared one of the classes and were seen"),
        Column("classes", "VARCHAR[]", "declared values that at least k people share, in the model's order"),
        Column("log_loss", "DOUBLE", "mean over held-out people, nats; NULL when nothing was trained"),
        Column("prior_log_loss", "DOUBLE", "the same of the classes' shares"),
        Column("gain", "DOUBLE", "prior_log_loss - log_loss, nats"),
        Column("gain_low", "DOUBLE", "lower end of its 95 % interval (bootstrap over people)"),
        Column("gain_high", "DOUBLE", "upper end of its 95 % interval"),
        Column("accuracy", "DOUBLE", "share of held-out people whose likeliest class is the declared one, 0 to 1"),
        Column("accuracy_low", "DOUBLE", "lower end of its 95 % interval (bootstrap over people)"),
        Column("accuracy_high", "DOUBLE", "upper end of its 95 % interval"),
        Column("majority_accuracy", "DOUBLE", "that of always saying the commonest class"),
        Column("is_published", "BOOLEAN", "gain_low > 0 and accuracy > majority_accuracy; else it abstains"),
        Column("reason", "VARCHAR", "why it is published or abstains, in words"),
        Column("mlflow_run_id", "VARCHAR", "nested run of the attribute, with the model where it is published"),
        _AS_OF,
    ),
    purposes=("research", "measurement"),
)

AUDIENCE_ATTRIBUTES = Table(
    "audience_attributes",
    "warehouse",
    "One row per person, attribute and value that the person's browsing speaks for.",
    ("user_key", "attribute", "value"),
    (
        _USER,
        Column(
            "attribute",
            "VARCHAR",
            "language (the main one), reads_language, country, time_zone, chronotype, device; signs such as "
            "job_seeker (data/reference/audience_signals.csv); published models' attributes such as gender",
        ),
        Column(
            "value",
            "VARCHAR",
            "ISO 639-1 and 3166-1 codes, UTC+HH:00 (standard time), early bird, office hours, evening or night "
            "owl, desktop, ...; likely for a sign; only reads_language and device have several per person",
        ),
        Column(
            "probability",
            "DOUBLE",
            "P(the value holds), 0 to 1; time_zone: within an hour; device: of a session; a sign: P(the person's "
            "rate of such sessions > the baseline's mean)",
        ),
        Column(
            "evidence",
            "STRUCT(domain VARCHAR, sessions BIGINT)[]",
            "up to five domains with their sessions, most first; NULL where hours or a model speak",
        ),
        Column("explanation", "VARCHAR", "the evidence in words: 12 sessions on 5 days: indeed.com 7, ..."),
        _AS_OF,
    ),
    purposes=("research", "measurement"),
)

PRODUCT_STAGES = ("search", "category", "product", "compare", "cart", "checkout")
PRODUCT_METHODS = {
    "metadata": "tags of a shop: og:type, product:*, prices, JSON-LD",
    "marketplace": "an address of a marketplace, named by its title",
    "watch_list": "named by data/reference/watchlist.csv",
    "product_list": "named by data/reference/products.csv",
    "title": "named as another page's product, in title, path or search terms",
}
_METHOD = Column("method", "VARCHAR", "; ".join(f"{name}: {words}" for name, words in PRODUCT_METHODS.items()))
_PRODUCT_ID = Column("product_id", "VARCHAR", "id on a list, else four made-up words from a hash: it says nothing")

PAGE_PRODUCTS = Table(
    "page_products",
    "warehouse",
    "One row per distinct page and product that it sells or names.",
    ("page_id", "product_id"),
    (
        Column("page_id", "UUID", "page of scrubbed_events"),
        _PRODUCT_ID,
        Column("stage", "VARCHAR", "how near to buying, rising: " + " < ".join(PRODUCT_STAGES)),
        _METHOD,
        Column("name", "VARCHAR", "as a page that sells it has it, reduced to brand and model; else NULL"),
        Column("name_key", "VARCHAR", "its words in lower case: equal at all shops that call it the same"),
        Column("brand", "VARCHAR", "as the page has it; NULL where private people sell"),
        Column("category", "VARCHAR", "as the page has it; NULL where private people sell"),
        Column("codes", "VARCHAR[]", "kind:value; gtin (EAN, UPC, ISBN), mpn and asin compare between shops"),
        Column("is_specific", "BOOLEAN", "whether brand and model say which product it is, not only what kind"),
        Column("is_nameable", "BOOLEAN", "a brand of the list and a model number: no room for a person's name"),
        _LOAD,
    ),
    purposes=_ANALYSIS,
)

PAGE_TOPICS = Table(
    "page_topics",
    "warehouse",
    "One row per distinct page: what it is about, and how that is known.",
    ("page_id",),
    (
        Column("page_id", "UUID", "the page, as in scrubbed_events"),
        Column("domain", "VARCHAR", "registrable domain of the page"),
        Column("topic_id", "VARCHAR", "IAB Content 3.1 id; NULL = unknown, about nothing, or withheld"),
        Column(
            "method",
            "VARCHAR",
            "dictionary, page_classifier, host_classifier (no text), abstained, not_judged (mail, log-in), or "
            "withheld: sensitive, and no purpose named",
        ),
        Column("probability", "DOUBLE", "of the classifier's most likely topic, 0 to 1; NULL where it was not asked"),
        _LOAD,
    ),
    purposes=CONSENT_PURPOSES,
)

TOPIC_CLASSIFIER = Table(
    "topic_classifier",
    "warehouse",
    "One row per head of the topic classifier and topic, and one for all topics: quality on held-out sites.",
    ("head", "topic_id"),
    (
        Column("head", "VARCHAR", "page (texts) or host (names of domains)"),
        Column("topic_id", "VARCHAR", "IAB Content 3.1 id of the class, or all"),
        Column("topic", "VARCHAR", "name of the topic"),
        Column("precision", "DOUBLE", "of the most likely topic, abstaining or not, 0 to 1; for all: mean of topics"),
        Column("recall", "DOUBLE", "of the most likely topic, abstaining or not, 0 to 1; for all: mean of topics"),
        Column("f1", "DOUBLE", "harmonic mean of both; for all: mean of topics"),
        Column("accuracy", "DOUBLE", "share of rows whose most likely topic is right; for all topics only"),
        Column("support", "BIGINT", "held-out rows of the topic"),
        Column("coverage", "DOUBLE", "share of the rows that get an answer"),
        Column("precision_answered", "DOUBLE", "share of the answers that are right"),
        Column("threshold", "DOUBLE", "smallest probability that is an answer; above 1: never"),
        Column("mlflow_run", "VARCHAR", "experiment and run of the training"),
    ),
    purposes=_ACCOUNTABILITY,
)

PRODUCTS = Table(
    "products",
    "warehouse",
    "One row per product seen in the panel.",
    ("product_id",),
    (
        _PRODUCT_ID,
        Column(
            "name",
            "VARCHAR",
            "name of the product; NULL unless it is on a list, brand and model number, sold by two shops that name "
            "its brand, or seen by at least BROWSE_MIN_GROUP people: a title can hold a person's name",
        ),
        Column("brand", "VARCHAR", "brand; NULL when unknown, or where the name is NULL"),
        Column("category", "VARCHAR", "category; NULL when unknown, or where the name is NULL"),
        Column("method", "VARCHAR", "the surest of its pages' methods (page_products), in that table's order"),
        Column("first_seen", "TIMESTAMP", "first event in the panel"),
        Column("launch_date", "DATE", "launch on a list; NULL when unknown"),
        Column(
            "is_new",
            "BOOLEAN",
            "launched or first seen at most 90 days before as_of; NULL when the panel is too young to tell",
        ),
        _AS_OF,
    ),
    purposes=CONSENT_PURPOSES,
)

PRODUCT_INTEREST = Table(
    "product_interest",
    "warehouse",
    "One row per person and product that the person touched.",
    ("user_key", "product_id"),
    (
        _USER,
        _PRODUCT_ID,
        Column("stage", "VARCHAR", "furthest stage: " + " < ".join(PRODUCT_STAGES)),
        *_EVIDENCE_COLUMNS[:2],
        Column("first_seen", "TIMESTAMP", "first touching event"),
        _EVIDENCE_COLUMNS[2],
        Column("recency_days", "DOUBLE", "days from last_seen to as_of"),
        Column(
            "visits_per_day",
            "DOUBLE",
            "touching sessions per day since first_seen (at least one day)",
        ),
        Column("score", "DOUBLE", "touching sessions per session, posterior mean"),
        _LIFT,
        _PROBABILITY,
        Column(
            "is_interested",
            "BOOLEAN",
            "probability >= 0.9, 2 sessions on 2 days, seen within 28 days (14 for a new product)",
        ),
        Column(
            "is_new_to_person",
            "BOOLEAN",
            "first seen at most 60 days before as_of; NULL when the person is too young to tell",
        ),
        Column(
            "return_probability",
            "DOUBLE",
            "P(a visit within 14 days of as_of) by the MBG/NBD model (product_backtest); NULL below 30 pairs",
        ),
        _BASELINE,
        _AS_OF,
    ),
    purposes=CONSENT_PURPOSES,
)

PAGE_FINANCE = Table(
    "page_finance",
    "warehouse",
    "One row per distinct page and financial product that it is about.",
    ("page_id", "finance_product"),
    (
        Column("page_id", "UUID", "the page, as in scrubbed_events"),
        Column("finance_product", "VARCHAR", "one of: " + ", ".join(FINANCE_PRODUCTS)),
        Column("intent", "VARCHAR", "shopping (comparing, rates, applying) or servicing (using what one has)"),
        Column("is_front_page", "BOOLEAN", "front page of a provider: shopping only for who does not use it"),
        Column("why", "VARCHAR", "kind of site and how it is known, what named the product, what showed the intent"),
    ),
    purposes=_ANALYSIS,
)

WATCHLIST_INTEREST = Table(
    "watchlist_interest",
    "warehouse",
    "One row per person and product of the watch list.",
    ("user_key", "watch_name"),
    (
        _USER,
        Column("watch_name", "VARCHAR", "name in data/reference/watchlist.csv"),
        _PRODUCT_ID,
        Column("basis", "VARCHAR", "visits; similarity for who never visited it; NULL when neither says anything"),
        Column("sessions", "BIGINT", "sessions on it; 0: none"),
        Column("active_days", "BIGINT", "days with such a session; NULL without visits"),
        Column("last_seen", "TIMESTAMP", "last visit; NULL without visits"),
        Column("recency_days", "DOUBLE", "days from last_seen to as_of; NULL without visits"),
        Column("similarity", "DOUBLE", "mean cosine of its description to the person's topics and products, -1 to 1"),
        Column("similarity_cut", "DOUBLE", "3 robust deviations above the panel's median; NULL below 20 people"),
        Column("nearest", "VARCHAR", "the topic or product of the person that adds most to the similarity"),
        Column("probability", "DOUBLE", "as in product_interest; NULL without visits: a similarity is none"),
        Column("is_interested", "BOOLEAN", "by visits as product_interest says, else similarity >= cut; NULL: unknown"),
        _AS_OF,
    ),
    purposes=CONSENT_PURPOSES,
)

PRODUCT_BACKTEST = Table(
    "product_backtest",
    "warehouse",
    "One row per method of telling who returns to a product within 14 days.",
    ("method",),
    (
        Column("method", "VARCHAR", "logistic, evidence, mbg_nbd, recency, frequency or popularity"),
        *(
            Column(f"{metric}{suffix}", "DOUBLE", f"{words}{bound}")
            for metric, words in {
                "precision_at_k": "share of the k highest that returned; k a tenth of a cut-off's pairs, at least 10",
                "average_precision": "area under precision over recall, mean over cut-offs by returns",
                "log_loss": "of the calibrated probabilities",
                "brier": "mean squared error of the probabilities",
                "calibration_error": "mean difference of predicted and observed rate, ten bins of equal mass",
            }.items()
            for suffix, bound in (
                ("", ""),
                ("_low", ": lower end of the 95 % interval (bootstrap over people)"),
                ("_high", ": upper end of the 95 % interval (bootstrap over people)"),
            )
        ),
        Column("is_above_popularity", "BOOLEAN", "average precision above popularity's in 97.5 % of paired resamples"),
        Column("pairs", "BIGINT", "(person, product, cut-off) that were predicted"),
        Column("returns", "BIGINT", "of them with a visit within 14 days"),
        Column("cutoffs", "BIGINT", "cut-offs that were predicted"),
        Column("mlflow_run_id", "VARCHAR", "nested run of the method"),
        _AS_OF,
    ),
    purposes=CONSENT_PURPOSES,
)

FINANCE_FLAGS = Table(
    "finance_flags",
    "warehouse",
    "One row per person and financial product that the person shopped for or used.",
    ("user_key", "finance_product"),
    (
        _USER,
        Column("finance_product", "VARCHAR", "one of: " + ", ".join(FINANCE_PRODUCTS)),
        Column("shopping_sessions", "BIGINT", "sessions that compare, look up rates or apply"),
        Column("servicing_sessions", "BIGINT", "sessions that log in to or use what one has"),
        Column("active_days", "BIGINT", "days with a shopping session"),
        Column("first_seen", "TIMESTAMP", "first shopping or servicing event"),
        Column("last_seen", "TIMESTAMP", "last shopping or servicing event"),
        Column(
            "score",
            "DOUBLE",
            "shopping sessions per session, posterior mean; NULL without shopping",
        ),
        _LIFT,
        _PROBABILITY,
        Column(
            "is_interested",
            "BOOLEAN",
            "by shopping alone: probability >= 0.9, 2 sessions on 2 days, 28 days",
        ),
        Column("is_customer", "BOOLEAN", "servicing on at least 2 days"),
        Column(
            "evidence",
            "STRUCT(domain VARCHAR, sessions BIGINT)[]",
            "up to five domains of shopping with their sessions, most first",
        ),
        Column(
            "servicing_evidence",
            "STRUCT(domain VARCHAR, sessions BIGINT)[]",
            "up to five domains where they use what they have, with their sessions",
        ),
        _BASELINE,
        _AS_OF,
    ),
    purposes=_ANALYSIS,
)

CUSTOMER_FEATURES = Table(
    "customer_features",
    "warehouse",
    "One row per person of the customer tables.",
    ("user_key",),
    (
        _USER,
        Column("transactions", "BIGINT", "transactions up to as_of; NULL without that table"),
        Column("transaction_amount", "DOUBLE", "sum of their amounts; NULL without any"),
        Column("days_since_transaction", "DOUBLE", "days from the last one to as_of; NULL without any"),
        Column(
            "service_interactions",
            "BIGINT",
            "service interactions up to as_of; NULL without that table",
        ),
        Column("days_since_service", "DOUBLE", "days from the last one to as_of; NULL without any"),
        Column(
            "attributes",
            "MAP(VARCHAR, VARCHAR)",
            "declared attributes with at most 20 values, each shared by at least 5 people",
        ),
        _AS_OF,
    ),
    purposes=("product",),
)

CHURN_FEATURES: tuple[Column, ...] = (
    Column("days_since_last", "DOUBLE", "days from the last active day to the snapshot"),
    Column("tenure_days", "DOUBLE", "days from the first active day ever to the snapshot"),
    Column("history_days", "DOUBLE", "active days ever, up to the snapshot"),
    Column(
        "lifecycle",
        "VARCHAR",
        "dormant (silent for 28 days), new (first seen in the last 28), returning (the 28 days before were silent), "
        "regular; NULL for who never browsed",
    ),
    Column("active_days", "DOUBLE", "active days in the window"),
    Column("active_days_7", "DOUBLE", "active days in the last 7 days"),
    Column("active_days_28", "DOUBLE", "active days in the last 28 days"),
    Column("page_views", "DOUBLE", "page views in the window"),
    Column("page_views_28", "DOUBLE", "page views in the last 28 days"),
    Column("sessions", "DOUBLE", "sessions in the window"),
    Column("sessions_28", "DOUBLE", "sessions in the last 28 days"),
    Column("sessions_per_active_day", "DOUBLE", "sessions per active day"),
    Column(
        "trend",
        "DOUBLE",
        "active days in the later half of the window less the earlier half, over their sum",
    ),
    Column("page_view_trend", "DOUBLE", "the same of page views"),
    Column("gap_mean_days", "DOUBLE", "mean days between active days; NULL for fewer than 2"),
    Column("gap_max_days", "DOUBLE", "longest pause between active days; NULL for fewer than 2"),
    Column("gap_variation", "DOUBLE", "deviation of the pauses over their mean, 0 = regular; NULL for fewer than 2"),
    Column("weekday_entropy", "DOUBLE", "how evenly active days fall on weekdays: 0 = one weekday, 1 = all alike"),
    Column("overdue", "DOUBLE", "days_since_last over gap_mean_days: above 1 the usual pause is exceeded"),
    Column("dwell_per_session", "DOUBLE", "known dwell seconds per session; NULL when none is known"),
    Column("domains_per_active_day", "DOUBLE", "distinct domains per active day"),
    Column("distinct_domains", "DOUBLE", "distinct domains in the window"),
    Column("devices", "DOUBLE", "most devices on a day of the window; NULL when none is given"),
    Column("top_domain_share", "DOUBLE", "share of page views on the most visited domain"),
    Column("distinct_topics", "DOUBLE", "distinct topics in the window; sensitive ones are never looked at"),
    Column("first_tier_topics", "DOUBLE", "distinct first-tier topics in the window"),
    Column("top_topic_share", "DOUBLE", "share of the page views with a topic that are on the top first-tier topic"),
    Column("topic_entropy", "DOUBLE", "entropy of page views over first-tier topics, nats"),
    Column("searches", "DOUBLE", "events with search terms in the window"),
    Column("finance_share", "DOUBLE", "share of page views on financial domains; sensitive ones are never looked at"),
    Column("finance_domains", "DOUBLE", "distinct financial domains in the window; sensitive ones are never looked at"),
    Column("weekend_share", "DOUBLE", "share of page views on Saturday and Sunday"),
    Column("transactions", "DOUBLE", "transactions in the window; NULL while that table has no row up to then"),
    Column("transactions_28", "DOUBLE", "transactions in the last 28 days"),
    Column("transaction_amount", "DOUBLE", "sum of their amounts in the window"),
    Column("transaction_amount_28", "DOUBLE", "sum of their amounts in the last 28 days"),
    Column("transaction_mean", "DOUBLE", "mean amount in the window; NULL without any"),
    Column(
        "transaction_trend", "DOUBLE", "transactions in the later half of the window less the earlier, over their sum"
    ),
    Column("transaction_kinds", "DOUBLE", "distinct kinds of transactions in the window"),
    Column("refunds", "DOUBLE", "transactions in the window with an amount below 0"),
    Column("days_since_transaction", "DOUBLE", "days from the last transaction; NULL without any"),
    Column("service_interactions", "DOUBLE", "service interactions in the window; NULL as for transactions"),
    Column("service_interactions_28", "DOUBLE", "service interactions in the last 28 days"),
    Column("service_channels", "DOUBLE", "distinct channels of them in the window"),
    Column("service_topics", "DOUBLE", "distinct topics of them in the window"),
    Column("service_unresolved_share", "DOUBLE", "share of them not resolved; NULL where none says"),
    Column("days_since_service", "DOUBLE", "days from the last service interaction; NULL without any"),
)

CHURN_REASONS: dict[str, str] = {
    "already_stopped": "silent for H days at the snapshot: there is nothing left to foretell",
    "outcome_not_observed": "the data end before the outcome window does",
    "coverage_hole": "a tenth or more of the outcome window's days saw under a quarter of the usual people",
    "tracking_lost": "no browsing in the outcome window, but a payment or service contact over 14 days after the last",
    "no_label": "labels are given, and none for this person and time",
    "label_unclear": "the label cannot be read, or two contradict each other",
}

CHURN_SNAPSHOTS = Table(
    "churn_snapshots",
    "warehouse",
    "One row per person and snapshot time.",
    ("user_key", "snapshot_time"),
    (
        _USER,
        Column("snapshot_time", "TIMESTAMP", "t0: features see (t0-W, t0], the outcome (t0+g, t0+g+H]"),
        Column("eligible", "BOOLEAN", "whether the row may train or test a model"),
        Column(
            "reason",
            "VARCHAR",
            "why not, NULL when eligible; " + "; ".join(f"{k}: {v}" for k, v in CHURN_REASONS.items()),
        ),
        Column("churned", "BOOLEAN", "no activity in the outcome window, or as the label says; NULL when not known"),
        Column("label_source", "VARCHAR", "rule, or given (customers/churn_labels, which replace the rule)"),
        Column("latest_feature_time", "TIMESTAMP", "latest time of anything in the features; NULL: nothing has one"),
        Column("hole_days", "BIGINT", "coverage holes in the window: the same for all of a snapshot, no feature"),
        *CHURN_FEATURES,
        Column(
            "attributes",
            "MAP(VARCHAR, VARCHAR)",
            "declared attributes as of the snapshot, no feature's value shared by fewer than 5 people",
        ),
        _AS_OF,
    ),
    purposes=("product",),
)

CHURN_MODEL = Table(
    "churn_model",
    "warehouse",
    "One row per candidate model of the last training.",
    ("model",),
    (
        Column("model", "VARCHAR", "name of the candidate"),
        Column("mlflow_run_id", "VARCHAR", "nested run of the candidate"),
        _AS_OF,
        Column("people", "BIGINT", "people in the test snapshot"),
        *(
            Column(f"{metric}{suffix}", "DOUBLE", f"{_METRIC_WORDS.get(metric, metric)} on the test snapshot{words}")
            for metric in CHURN_METRICS
            for suffix, words in (
                ("", ""),
                ("_low", ", lower end of the 95 % interval (bootstrap over people)"),
                ("_high", ", upper end of the 95 % interval (bootstrap over people)"),
            )
        ),
        *(
            Column(f"{metric}_difference{suffix}", "DOUBLE", f"{metric} less that of logistic_regression{words}")
            for metric in CHURN_DIFFERENCES
            for suffix, words in (
                ("", ", on the same people"),
                ("_low", ", lower end of the 95 % interval (paired bootstrap over people)"),
                ("_high", ", upper end of the 95 % interval (paired bootstrap over people)"),
            )
        ),
        Column(
            "random_split_roc_auc",
            "DOUBLE",
            "roc_auc of the same pipeline on a random split of rows, which mixes times and people: what it is above "
            "roc_auc is leakage; NULL for baselines, and where each person has one row, for it says the same then",
        ),
        Column(
            "threshold",
            "DOUBLE",
            "probability from which churn is called, set on held-out people for the highest profit "
            "(BROWSE_CHURN_VALUES), else F1; above 1 nobody is called",
        ),
        Column(
            "tuning_log_loss",
            "DOUBLE",
            "log loss on the folds that tuning held out; the challenger is the simplest model that the lowest does not "
            "surely beat; NULL for baselines",
        ),
        Column(
            "person_disjoint_roc_auc",
            "DOUBLE",
            "roc_auc on the test where none of its people was learned from; NULL for baselines, and where the test is "
            "made of other people anyway",
        ),
        Column("is_challenger", "BOOLEAN", "whether it won this training, by its log loss in tuning"),
        Column("is_champion", "BOOLEAN", "whether this training made it champion"),
        Column(
            "champion_beats_dummy",
            "BOOLEAN",
            "whether the champion of now (this one, or one that was kept) surely beats the dummy on this test; NULL "
            "without a champion",
        ),
        Column(
            "decision",
            "VARCHAR",
            "promoted (the best model is champion now), kept (the champion so far is) or none; the same in all rows",
        ),
        Column("reason", "VARCHAR", "why, in words and numbers; the same in all rows"),
    ),
    purposes=("product",),
)

CHURN_AUDIT = Table(
    "churn_audit",
    "warehouse",
    "One row per test of the last training for leakage; empty where nothing was trained.",
    ("position",),
    (
        Column("position", "BIGINT", "order of the tests, from 0"),
        Column(
            "test",
            "VARCHAR",
            "no_future_features, injected_future, permuted_labels, identifiers_alone, or as a warning single_feature "
            "or coverage_alone",
        ),
        Column("subject", "VARCHAR", "the model or feature that it is about; NULL for all of them"),
        Column("value", "DOUBLE", "what was found; `detail` says in what"),
        Column(
            "low",
            "DOUBLE",
            "lower end of its 99 % interval (bootstrap over people), or least of the fits to permuted outcomes",
        ),
        Column("high", "DOUBLE", "upper end of the same"),
        Column("passed", "BOOLEAN", "whether no leak was found; NULL where there was nothing to test"),
        Column("detail", "VARCHAR", "what the value is, and what was compared"),
        Column("mlflow_run_id", "VARCHAR", "parent run of the training"),
        _AS_OF,
    ),
    purposes=("product",),
)

CHURN_SCORES = Table(
    "churn_scores",
    "warehouse",
    "One row per person who has not stopped already; empty without a champion.",
    ("user_key",),
    (
        _USER,
        Column("probability", "DOUBLE", "calibrated probability of churn, 0 to 1"),
        Column("band", "VARCHAR", "low, medium or high"),
        Column(
            "reasons",
            "VARCHAR[]",
            "up to three features that move the score most against a usual person, in words, the strongest first",
        ),
        Column("model_version", "VARCHAR", "registered version of models:/churn@champion"),
        _AS_OF,
    ),
    purposes=("product",),
)

CHURN_DRIFT = Table(
    "churn_drift",
    "warehouse",
    "One row per feature of the champion, and one for its probability; empty without a champion.",
    ("feature",),
    (
        Column("feature", "VARCHAR", "name of the feature, or probability"),
        Column(
            "psi",
            "DOUBLE",
            "population stability index of the people scored against those that the champion was tested on; "
            "NULL when nobody was scored",
        ),
        Column(
            "bound",
            "DOUBLE",
            "above it the feature has drifted: 0.25, or what chance reaches with so few people; NULL for what "
            "grows by itself",
        ),
        Column("people", "BIGINT", "people scored"),
        Column("reference_people", "BIGINT", "people whom the champion was tested on, bins of fewer than k left out"),
        Column("has_drifted", "BOOLEAN", "psi above bound; NULL when there is no bound"),
        Column("model_version", "VARCHAR", "registered version of models:/churn@champion"),
        _AS_OF,
    ),
    purposes=("product",),
)

RELEASED_AUDIENCES = Table(
    "released_audiences",
    "warehouse",
    "One row per purpose and group of at least k people whose count may be told to others.",
    ("purpose", "dimension", "item_id"),
    (
        Column("purpose", "VARCHAR", "one of: " + ", ".join(CONSENT_PURPOSES)),
        Column("dimension", "VARCHAR", "everybody, topic, segment or finance_product"),
        Column("item_id", "VARCHAR", "IAB Content 3.1 id, segment_id, financial product, or everybody"),
        Column("item", "VARCHAR", "name of the group"),
        Column("parent_item_id", "VARCHAR", "nearest released topic above; NULL where that is everybody"),
        Column("people", "BIGINT", "people in the group, rounded down to k + a multiple of 5, so up to 4 more"),
        Column("min_group", "BIGINT", "k: no smaller group is released, nor one that would give a smaller one away"),
        Column("as_of", "TIMESTAMP", "day of the end of every window; its time could be that of one page view"),
    ),
    purposes=CONSENT_PURPOSES,
)

REIDENTIFICATION = Table(
    "reidentification",
    "warehouse",
    "One row per view of the data: how often a person's second half is matched to their first.",
    ("view",),
    (
        Column("view", "VARCHAR", "raw_hosts, domains, topics, released_topics or released_groups"),
        Column("position", "BIGINT", "from what is known of people to what is told of them, from 0"),
        Column("description", "VARCHAR", "what is compared"),
        Column("people", "BIGINT", "people with both halves who were compared, each with all; at most 5,000"),
        Column("match_rate", "DOUBLE", "share of them matched to themselves, 0 to 1; NULL when not measured"),
        Column("match_rate_low", "DOUBLE", "lower end of the 95 % interval (Wilson); NULL for an upper bound"),
        Column("match_rate_high", "DOUBLE", "upper end of the 95 % interval (Wilson); NULL for an upper bound"),
        Column("chance", "DOUBLE", "rate of a blind guess: 1 / people"),
        Column("reason", "VARCHAR", "why there is no rate; NULL where there is one"),
        Column("split_day", "DATE", "first day of the second half"),
        _AS_OF,
    ),
    purposes=_ACCOUNTABILITY,
)

ASSET_STATE = Table(
    "asset_state",
    "warehouse",
    "One row per asset: what its table holds, so that the next materialization does only what is new.",
    ("asset",),
    (
        Column("asset", "VARCHAR", "asset key"),
        Column("load_id", "BIGINT", "newest load in the table"),
        Column("fingerprint", "VARCHAR", "hash of rules, code and windows that made the table"),
        Column("mlflow_run", "VARCHAR", "experiment and run of the training, for trained tables"),
    ),
    purposes=_ACCOUNTABILITY,
)

PURGES = Table(
    "purges",
    "warehouse",
    "One row per purge of old events; the rollups of the days before its horizon stay as they were.",
    ("horizon",),
    (
        Column("horizon", "TIMESTAMP", "midnight UTC; events before it are gone"),
        Column("retention_days", "BIGINT", "BROWSE_RETENTION_DAYS of the purge"),
        _AS_OF,
        Column("page_views", "BIGINT", "page views removed from raw_events"),
        Column("scrubbed_page_views", "BIGINT", "page views removed from scrubbed_events"),
        Column("rejected_rows", "BIGINT", "rejected rows whose text was removed; their reason stays"),
    ),
    purposes=_ACCOUNTABILITY,
)

WEBHOOK_STATES: dict[str, str] = {
    "off": "BROWSE_WEBHOOK_URL was not set",
    "pending": "not delivered yet: tried again at each look of run_failure_sensor",
    "delivered": "the address answered with 2xx",
    "given up": "not delivered in 20 attempts; webhook_problem says why",
}

INCIDENTS = Table(
    "incidents",
    "warehouse",
    "One row per failed run: what happened, in words without personal data, and what to do.",
    ("run_id",),
    (
        Column("run_id", "VARCHAR", "run in Dagster"),
        Column("job", "VARCHAR", "job of the run; assets chosen by hand have none of their own and say so"),
        Column("failed_at", "TIMESTAMP", "when the run ended, by its own record"),
        Column(
            "failed_steps", "VARCHAR[]", "assets, checks and ops that failed; empty when the run ended between them"
        ),
        Column("message", "VARCHAR", "what failed and why"),
        Column("what_to_do", "VARCHAR", "the next step of whoever looks after the installation"),
        Column("webhook", "VARCHAR", " or ".join(WEBHOOK_STATES) + ": whether it was told to BROWSE_WEBHOOK_URL"),
        Column("webhook_attempts", "BIGINT", "times that it was tried"),
        Column("webhook_problem", "VARCHAR", "kind of the last failure to deliver, without the address; NULL without"),
    ),
    purposes=_ACCOUNTABILITY,
)

# Tables that no asset makes: what materializations and jobs note for each other.
BOOKKEEPING = ("asset_state", "purges", "incidents")

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        STAGED_ROWS,
        RAW_FILES,
        RAW_EVENTS,
        RAW_REJECTED,
        RAW_CUSTOMERS,
        RAW_TOMBSTONES,
        RAW_PEOPLE,
        RAW_HORIZON,
        INPUT_FILES,
        REJECTED_EVENTS,
        SCRUBBED_EVENTS,
        PII_REMOVED,
        DOMAIN_FEATURES,
        USER_DAYS,
        TOPIC_CLASSIFIER,
        PAGE_TOPICS,
        INTEREST_PROFILE,
        INTEREST_SEGMENTS,
        AUDIENCE_MODELS,
        AUDIENCE_ATTRIBUTES,
        PAGE_PRODUCTS,
        PRODUCTS,
        PRODUCT_INTEREST,
        WATCHLIST_INTEREST,
        PRODUCT_BACKTEST,
        PAGE_FINANCE,
        FINANCE_FLAGS,
        CUSTOMER_FEATURES,
        CHURN_SNAPSHOTS,
        CHURN_MODEL,
        CHURN_AUDIT,
        CHURN_SCORES,
        CHURN_DRIFT,
        RELEASED_AUDIENCES,
        REIDENTIFICATION,
        ASSET_STATE,
        PURGES,
        INCIDENTS,
    )
}


def tables_of(database: Database) -> tuple[Table, ...]:
    """The tables of one database, in the order of the dictionary."""
    return tuple(table for table in TABLES.values() if table.database == database)


def dictionary_markdown() -> str:
    """The warehouse's tables as the README shows them: a heading, the grain and a table each."""
    parts = []
    for table in tables_of("warehouse"):
        rows = [f"| `{column.name}` | {column.type} | {column.description} |" for column in table.columns]
        parts.append(
            "\n".join(
                [
                    f"### `{table.name}`",
                    f"{table.grain} Key: {', '.join(f'`{name}`' for name in table.key)}. "
                    f"Purposes: {', '.join(table.purposes)}.",
                    "",
                    "| column | type | what it says |",
                    "|---|---|---|",
                    *rows,
                ]
            )
        )
    return "\n\n".join(parts)
