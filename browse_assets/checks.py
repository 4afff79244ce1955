"""Asset checks: what must be true of the tables, and the rows where it is not.

What belongs here: checks; each returns its offending rows, which are scrubbed already. What does not:
mending. A blocking ERROR check stops what comes after it.
"""

import dagster as dg

from browse_assets.leak_checks import LEAK_CHECKS
from browse_assets.report_checks import report_is_whole
from browse_assets.resources import WRITER_POOL, Databases, load_reference
from browse_assets.tables import BOOKKEEPING, CHURN_REASONS, TABLES, Table, tables_of
from browse_assets.verdict import verdict as _verdict
from browse_assets.verified import unseen_since, write_seen

COUNTS_THAT_DO_NOT_ADD_UP = """
    SELECT left(file_id, 12) AS file, rows_read, accepted, folded, duplicates, rejected
    FROM input_files
    WHERE status = 'read' AND NOT coalesce(rows_read = accepted + folded + duplicates + rejected, FALSE)
"""

# The vault is counted anew, so that a wrong sum and a lost row are both seen.
COUNTS_THAT_DIFFER_FROM_THE_VAULT = """
    SELECT left(files.file_id, 12) AS file, files.accepted, files.erased, files.expired,
        coalesce(events.n, 0) AS page_views_in_vault,
        files.rejected, coalesce(rejections.n, 0) AS rejections_in_vault
    FROM input_files AS files
    LEFT JOIN (SELECT file_id, count(*) AS n FROM vault.main.raw_events GROUP BY ALL) AS events USING (file_id)
    LEFT JOIN (SELECT file_id, count(*) AS n FROM vault.main.raw_rejected GROUP BY ALL) AS rejections USING (file_id)
    WHERE files.status = 'read'
      AND (files.accepted <> coalesce(events.n, 0) + coalesce(files.erased, 0) + coalesce(files.expired, 0)
           OR files.rejected <> coalesce(rejections.n, 0))
"""


@dg.asset_check(pool=WRITER_POOL, asset="input_files", blocking=True)
def counts_add_up(databases: Databases) -> dg.AssetCheckResult:
    """For each file, rows read = accepted + folded + duplicates + rejected, and the vault agrees."""
    with databases.open(vault="read", warehouse="read") as con:
        sums = _verdict(con, COUNTS_THAT_DO_NOT_ADD_UP, "files whose counts do not add up")
        return (
            sums
            if not sums.passed
            else _verdict(con, COUNTS_THAT_DIFFER_FROM_THE_VAULT, "files whose counts differ from the vault")
        )


UNREADABLE_FILES = """
    SELECT left(file_id, 12) AS file, format, reason, size_bytes FROM input_files WHERE status = 'failed'
"""


@dg.asset_check(pool=WRITER_POOL, asset="input_files")
def files_readable(databases: Databases) -> dg.AssetCheckResult:
    """Every input file could be read; a warning, since the others went on."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, UNREADABLE_FILES, "files that could not be read", dg.AssetCheckSeverity.WARN)


# Written apart from what admits events, so that each can find the other wrong.
MISSING_FROM_SCRUBBED = """
    WITH consents AS (
        SELECT user_id, row_number, (attributes ->> 'problem') IS NULL AS is_granted,
            (attributes ->> 'from')::TIMESTAMP AS valid_from, (attributes ->> 'to')::TIMESTAMP AS valid_to
        FROM vault.main.raw_customers WHERE source_table = 'consent'
    ),
    covered AS (
        SELECT DISTINCT event_id FROM vault.main.raw_events AS raw JOIN consents USING (user_id)
        WHERE is_granted AND raw.event_time >= valid_from AND coalesce(raw.event_time < valid_to, TRUE)
    ),
    raw AS (
        SELECT event_id, (SELECT count(*) FROM consents) = 0 OR covered.event_id IS NOT NULL AS is_admitted
        FROM vault.main.raw_events LEFT JOIN covered USING (event_id)
    )
    SELECT coalesce(raw.event_id, scrubbed.event_id) AS event_id, raw.event_id IS NOT NULL AS in_vault,
        scrubbed.event_id IS NOT NULL AS in_warehouse, raw.is_admitted
    FROM raw
    FULL JOIN scrubbed_events AS scrubbed USING (event_id)
    WHERE raw.event_id IS NULL OR raw.is_admitted <> (scrubbed.event_id IS NOT NULL)
"""


# One row where both sides have the same ids, each as often: sums of 64 bits of hashes that agree by chance once in
# 2^64. To join the sides takes seven times as long, and memory for all ids.
HAVE_THE_SAME_IDS = """
    SELECT count(*) = 1 AND NOT EXISTS (FROM vault.main.raw_customers WHERE source_table = 'consent') FROM (
        SELECT count(*), sum(hash(event_id)), bit_xor(hash(event_id)) FROM vault.main.raw_events
        UNION SELECT count(*), sum(hash(event_id)), bit_xor(hash(event_id)) FROM scrubbed_events)
"""


@dg.asset_check(pool=WRITER_POOL, asset="scrubbed_events", blocking=True)
def nothing_lost_in_scrubbing(databases: Databases) -> dg.AssetCheckResult:
    """Each page view of the vault is scrubbed once or outside consent, and nothing else is there."""
    with databases.open(vault="read", warehouse="read") as con:
        is_whole = con.execute(HAVE_THE_SAME_IDS).fetchone() == (True,)
        select = "SELECT 1 WHERE FALSE" if is_whole else MISSING_FROM_SCRUBBED
        return _verdict(con, select, "page views lost, foreign or outside consent")


SESSIONS_THAT_BREAK_THE_RULE = """
    SELECT session_id, event_id, gap_seconds, age_seconds FROM (
        SELECT session_id, event_id,
            epoch_us(event_time - lag(event_time) OVER (PARTITION BY session_id ORDER BY event_time, event_id)) / 1e6
                AS gap_seconds,
            epoch_us(event_time - min(event_time) OVER (PARTITION BY session_id)) / 1e6 AS age_seconds,
            user_key <> min(user_key) OVER (PARTITION BY session_id) AS is_shared
        FROM scrubbed_events
        WHERE $since = 0 OR session_id IN (SELECT session_id FROM scrubbed_events WHERE load_id > $since))
    WHERE gap_seconds > 1800 OR age_seconds > 86400 OR is_shared
"""


@dg.asset_check(pool=WRITER_POOL, asset="scrubbed_events")
def sessions_by_definition(databases: Databases) -> dg.AssetCheckResult:
    """No session has a pause of more than 1,800 s, lasts longer than 24 h, or belongs to two people."""
    with databases.open(warehouse="write") as con:
        since = unseen_since(con, "sessions_by_definition")
        select = SESSIONS_THAT_BREAK_THE_RULE.replace("$since", str(since))
        found = _verdict(con, select, "events that break their session's rule", since=since)
        if found.passed:
            write_seen(con, "sessions_by_definition")
        return found


def rollup_differences(table: str) -> str:
    """SELECT of the days on which a rollup's page views differ from the events'."""
    return f"""
        SELECT day, coalesce(events.n, 0) AS events, coalesce(rollup.n, 0) AS rollup
        FROM (
            SELECT event_time::DATE AS day, count(*) AS n FROM scrubbed_events
            WHERE coalesce(transition, 'link') NOT IN ('redirect', 'subframe') GROUP BY ALL
        ) AS events
        FULL JOIN (
            SELECT day, sum(page_views) AS n FROM {table}
            WHERE day >= (SELECT coalesce(max(horizon), TIMESTAMP '-infinity') FROM purges) GROUP BY ALL
        ) AS rollup USING (day)
        WHERE coalesce(events.n, 0) <> coalesce(rollup.n, 0)
    """


@dg.asset_check(pool=WRITER_POOL, asset="domain_features", blocking=True)
def domain_features_match_events(databases: Databases) -> dg.AssetCheckResult:
    """On each day, the page views of domain_features are those of scrubbed_events."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, rollup_differences("domain_features"), "days that differ from the events")


@dg.asset_check(pool=WRITER_POOL, asset="user_days", blocking=True)
def user_days_match_events(databases: Databases) -> dg.AssetCheckResult:
    """On each day, the page views of user_days are those of scrubbed_events."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, rollup_differences("user_days"), "days that differ from the events")


# What loads after $since may have doubled, of the two tables with as many rows as page views: all else was looked at.
_NEW_KEYS = {
    "scrubbed_events": "event_id IN (SELECT event_id FROM scrubbed_events WHERE load_id > $since)",
    "domain_features": "day IN (SELECT event_time::DATE FROM scrubbed_events WHERE load_id > $since)",
}


def contract_violations(table: Table, since: int = 0) -> str:
    """SELECT of columns that differ from the data dictionary, and of keys that are doubled or NULL."""
    wanted = ", ".join(f"('{column.name}')" for column in table.columns)
    keys = ", ".join(table.key)
    null_key = " OR ".join(f"{name} IS NULL" for name in table.key)
    scope = f"WHERE {_NEW_KEYS[table.name].replace('$since', str(since))}" if since else ""
    return f"""
        SELECT 'column' AS what, coalesce(wanted.name, found.column_name) AS name, 1 AS n
        FROM (VALUES {wanted}) AS wanted (name)
        FULL JOIN (SELECT column_name FROM duckdb_columns()
                   WHERE database_name = 'warehouse' AND table_name = '{table.name}') AS found
            ON found.column_name = wanted.name
        WHERE wanted.name IS NULL OR found.column_name IS NULL
        UNION ALL
        SELECT 'doubled key', '{keys}', count(*) FROM
            (SELECT {keys} FROM {table.name} {scope} GROUP BY ALL HAVING count(*) > 1) HAVING count(*) > 0
        UNION ALL
        SELECT 'NULL in key', '{keys}', count(*) FROM {table.name} WHERE {null_key} HAVING count(*) > 0
    """


def _contract_check(table: Table) -> dg.AssetChecksDefinition:
    name = f"{table.name}_contract"

    @dg.asset_check(
        pool=WRITER_POOL,
        asset=table.name,
        name=name,
        description=f"{table.grain} Columns are those of the data dictionary; the key is unique and never NULL.",
    )
    def check(databases: Databases) -> dg.AssetCheckResult:
        is_long = table.name in _NEW_KEYS
        with databases.open(warehouse="write" if is_long else "read") as con:
            since = unseen_since(con, name) if is_long else None
            select = contract_violations(TABLES[table.name], since or 0)
            found = _verdict(con, select, "breaches of the data dictionary", since=since)
            if is_long and found.passed:
                write_seen(con, name)
            return found

    return check


CONTRACT_CHECKS = [_contract_check(table) for table in tables_of("warehouse") if table.name not in BOOKKEEPING]

PROBABILITIES_OUT_OF_RANGE = """
    SELECT 'interest_profile' AS source, probability FROM interest_profile WHERE NOT probability BETWEEN 0 AND 1
    UNION ALL SELECT 'interest_profile share', share FROM interest_profile WHERE NOT share BETWEEN 0 AND 1 + 1e-9
"""


@dg.asset_check(pool=WRITER_POOL, asset="interest_profile")
def interest_probabilities_in_range(databases: Databases) -> dg.AssetCheckResult:
    """Probabilities and shares lie between 0 and 1."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, PROBABILITIES_OUT_OF_RANGE, "values out of range")


SENSITIVE_TOPICS = """
    SELECT DISTINCT stored.source, topics.topic_id, topics.topic
    FROM (
        SELECT 'interest_profile' AS source, topic_id FROM interest_profile WHERE NOT $may_be_stored
        UNION ALL SELECT 'domain_features', topic_id FROM domain_features
    ) AS stored
    JOIN reference_topics AS topics USING (topic_id) WHERE lower(topics.is_sensitive) = 'true'
"""


@dg.asset_check(pool=WRITER_POOL, asset="interest_profile", blocking=True)
def no_sensitive_topics(databases: Databases) -> dg.AssetCheckResult:
    """No topic marked sensitive is stored about a person, unless a setting names the purpose."""
    may_be_stored = databases.settings.sensitive_topics_purpose is not None
    with databases.open(warehouse="read") as con:
        load_reference(con, ["topics"])
        return _verdict(con, SENSITIVE_TOPICS.replace("$may_be_stored", str(may_be_stored)), "sensitive topics")


SMALL_SEGMENTS = """
    SELECT segment_id, segment, count(*) AS people FROM interest_segments
    GROUP BY ALL HAVING count(*) < $min_group
"""


@dg.asset_check(pool=WRITER_POOL, asset="interest_segments")
def segments_large_enough(databases: Databases) -> dg.AssetCheckResult:
    """No segment has fewer than k people (BROWSE_MIN_GROUP)."""
    with databases.open(warehouse="read") as con:
        select = SMALL_SEGMENTS.replace("$min_group", str(databases.settings.min_group))
        return _verdict(con, select, "segments of fewer than k people")


ATTRIBUTES_THAT_MAY_NOT_BE = """
    SELECT attribute, value, count(*) AS people FROM audience_attributes
    WHERE NOT coalesce(probability BETWEEN 0 AND 1, FALSE)
       OR attribute IN (SELECT attribute FROM audience_models WHERE NOT is_published)
    GROUP BY ALL ORDER BY ALL
"""


@dg.asset_check(pool=WRITER_POOL, asset="audience_attributes", blocking=True)
def only_published_models_speak(databases: Databases) -> dg.AssetCheckResult:
    """No attribute comes from a model that abstains, and every probability lies between 0 and 1."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, ATTRIBUTES_THAT_MAY_NOT_BE, "attributes that may not be told")


INTEREST_WITHOUT_SHOPPING = """
    SELECT user_key, finance_product, shopping_sessions FROM finance_flags
    WHERE is_interested AND shopping_sessions < 2
"""


@dg.asset_check(pool=WRITER_POOL, asset="finance_flags")
def interest_needs_shopping(databases: Databases) -> dg.AssetCheckResult:
    """Nobody is flagged as interested in a financial product by servicing alone."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, INTEREST_WITHOUT_SHOPPING, "flags without two shopping sessions")


LABELS_OF_THE_FUTURE = f"""
    SELECT user_key, snapshot_time FROM churn_snapshots
    WHERE (eligible AND (churned IS NULL OR reason IS NOT NULL)) OR (NOT eligible AND reason IS NULL)
       OR reason NOT IN ({", ".join(f"'{reason}'" for reason in CHURN_REASONS)})
       OR (churned IS NOT NULL AND reason IN ('outcome_not_observed', 'tracking_lost', 'no_label', 'label_unclear'))
       OR least(days_since_last, tenure_days, days_since_transaction, days_since_service) < 0
       OR latest_feature_time > snapshot_time
"""


@dg.asset_check(pool=WRITER_POOL, asset="churn_snapshots", blocking=True)
def labels_are_observed(databases: Databases) -> dg.AssetCheckResult:
    """Who is eligible has a label, who is not has a reason; what is not known has no label, no feature is of later."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, LABELS_OF_THE_FUTURE, "snapshots with a label that is not known")


# A champion that was kept is none of the candidates: the same decision and reason stand in each row.
NO_CHAMPION = """
    SELECT model, log_loss, decision, reason FROM churn_model
    WHERE decision NOT IN ('promoted', 'kept') OR champion_beats_dummy IS DISTINCT FROM TRUE
       OR (decision = 'promoted') <> (SELECT count_if(is_champion) = 1 FROM churn_model)
"""


@dg.asset_check(pool=WRITER_POOL, asset="churn_model")
def champion_beats_baseline(databases: Databases) -> dg.AssetCheckResult:
    """There is a champion, and on the newest test it surely beats always saying the base rate.

    A warning: 'there is none' is an honest result, and one that was kept may have become as bad as chance.
    """
    with databases.open(warehouse="read") as con:
        return _verdict(
            con,
            NO_CHAMPION,
            "signs that no champion surely beats the dummy",
            dg.AssetCheckSeverity.WARN,
        )


# The tests that show a leak where they fail; the others are worth a look.
LEAKS = """
    SELECT test, subject, value, low, high, detail FROM churn_audit
    WHERE NOT passed AND test NOT IN ('single_feature', 'coverage_alone') ORDER BY position
"""


@dg.asset_check(pool=WRITER_POOL, asset="churn_model")
def churn_audit_passed(databases: Databases) -> dg.AssetCheckResult:
    """No feature saw the future, permuted outcomes teach nothing, and identifiers alone tell nothing."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, LEAKS, "tests of the audit that found a leak")


FEATURES_THAT_TELL_ALL = """
    SELECT subject AS feature, value AS roc_auc, low, high, detail FROM churn_audit
    WHERE NOT passed AND test = 'single_feature' ORDER BY position
"""


@dg.asset_check(pool=WRITER_POOL, asset="churn_model")
def no_single_feature_tells_all(databases: Databases) -> dg.AssetCheckResult:
    """No feature alone has a ROC AUC above 0.95; a warning, since it may be that good, or hold the outcome."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, FEATURES_THAT_TELL_ALL, "features that tell the outcome alone", dg.AssetCheckSeverity.WARN)


COVERAGE_THAT_TELLS = """
    SELECT value AS roc_auc, low, high, detail FROM churn_audit
    WHERE NOT passed AND test = 'coverage_alone' ORDER BY position
"""


@dg.asset_check(pool=WRITER_POOL, asset="churn_model")
def coverage_tells_little(databases: Databases) -> dg.AssetCheckResult:
    """How long people were observed has alone no ROC AUC above 0.8; a warning: models may learn the panel's history."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, COVERAGE_THAT_TELLS, "signs that coverage tells who leaves", dg.AssetCheckSeverity.WARN)


DRIFTED = """
    SELECT feature, psi, bound, people, reference_people, model_version FROM churn_drift
    WHERE has_drifted AND (feature = 'probability') = $is_score ORDER BY psi DESC, feature
"""


def _drift_check(name: str, description: str, what: str, *, is_score: bool) -> dg.AssetChecksDefinition:
    @dg.asset_check(pool=WRITER_POOL, asset="churn_drift", name=name, description=description)
    def check(databases: Databases) -> dg.AssetCheckResult:
        with databases.open(warehouse="read") as con:
            select = DRIFTED.replace("$is_score", str(is_score))
            return _verdict(con, select, what, dg.AssetCheckSeverity.WARN)

    return check


features_have_not_drifted = _drift_check(
    "features_have_not_drifted",
    "The people scored look like those that the champion was tested on; a warning, which asks for a training.",
    "features that have drifted",
    is_score=False,
)
scores_have_not_drifted = _drift_check(
    "scores_have_not_drifted",
    "The champion's scores are spread as on the people that it was tested on; a warning, which asks for a training.",
    "scores that have drifted",
    is_score=True,
)


RELEASED_WRONGLY = """
    SELECT released.purpose, released.dimension, released.item_id, released.people,
        CASE WHEN released.people < $min_group THEN 'too few people'
             WHEN topics.topic_id IS NOT NULL THEN 'sensitive topic'
             ELSE 'more people than there are' END AS what
    FROM released_audiences AS released
    LEFT JOIN reference_topics AS topics
        ON released.dimension = 'topic' AND topics.topic_id = released.item_id AND lower(topics.is_sensitive) = 'true'
    LEFT JOIN (
        SELECT 'segment' AS dimension, segment_id::VARCHAR AS item_id, count(*) AS n FROM interest_segments GROUP BY ALL
        UNION ALL
        SELECT 'finance_product', finance_product, count_if(is_interested) FROM finance_flags GROUP BY ALL
        UNION ALL
        SELECT 'everybody', 'everybody', count(DISTINCT user_key) FROM user_days
    ) AS there USING (dimension, item_id)
    WHERE released.people < $min_group OR topics.topic_id IS NOT NULL
       OR (released.dimension <> 'topic' AND released.people > coalesce(there.n, 0))
"""


@dg.asset_check(pool=WRITER_POOL, asset="released_audiences", blocking=True)
def released_groups_are_large(databases: Databases) -> dg.AssetCheckResult:
    """No released group has fewer than k people or a sensitive topic, or counts more people than there are."""
    with databases.open(warehouse="read") as con:
        load_reference(con, ["topics"])
        select = RELEASED_WRONGLY.replace("$min_group", str(databases.settings.min_group))
        return _verdict(con, select, "groups that may not be released")


# Written apart from the guard of releases (`assets/releases.py`), and over all purposes: they can be compared.
FINANCE_RELEASED_WITH_TRAITS = """
    SELECT purpose, dimension, item_id, 'beside financial products' AS what
    FROM released_audiences
    WHERE dimension NOT IN ('everybody', 'topic', 'segment', 'finance_product')
      AND list_has_any(
          string_split_regex(lower(concat_ws(' ', dimension, item_id, item)), '[^a-z]+'),
          ['age', 'ages', 'aged', 'birth', 'gender', 'sex', 'female', 'male', 'family', 'families', 'marital',
           'married', 'single', 'spouse', 'parent', 'parents', 'children', 'kids', 'household', 'life', 'postcode',
           'post', 'postal', 'zip', 'zipcode', 'plz'])
      AND EXISTS (SELECT 1 FROM released_audiences WHERE dimension = 'finance_product')
    UNION ALL
    SELECT purpose, dimension, item_id, 'never told' FROM released_audiences
    WHERE dimension = 'finance_product' AND item_id = 'payday_loans'
"""


@dg.asset_check(pool=WRITER_POOL, asset="released_audiences", blocking=True)
def finance_is_released_alone(databases: Databases) -> dg.AssetCheckResult:
    """No release tells financial products beside age, gender, family status or postcode, or tells of payday loans."""
    with databases.open(warehouse="read") as con:
        return _verdict(con, FINANCE_RELEASED_WITH_TRAITS, "groups that may not be told beside financial products")


TOLD_APART_BY_RELEASES = """
    SELECT "view", people, match_rate, 1.0 / $min_group AS most FROM reidentification
    WHERE "view" = 'released_groups' AND match_rate > 1.0 / $min_group + 1e-9
"""


@dg.asset_check(pool=WRITER_POOL, asset="reidentification")
def releases_hide_people(databases: Databases) -> dg.AssetCheckResult:
    """What is released tells nobody apart from fewer than k - 1 others: the rate is at most 1/k."""
    with databases.open(warehouse="read") as con:
        select = TOLD_APART_BY_RELEASES.replace("$min_group", str(databases.settings.min_group))
        return _verdict(con, select, "releases that tell people apart")


CHECKS: list[dg.AssetChecksDefinition] = [
    counts_add_up,
    files_readable,
    nothing_lost_in_scrubbing,
    sessions_by_definition,
    domain_features_match_events,
    user_days_match_events,
    interest_probabilities_in_range,
    no_sensitive_topics,
    segments_large_enough,
    only_published_models_speak,
    interest_needs_shopping,
    labels_are_observed,
    champion_beats_baseline,
    churn_audit_passed,
    no_single_feature_tells_all,
    coverage_tells_little,
    features_have_not_drifted,
    scores_have_not_drifted,
    released_groups_are_large,
    finance_is_released_alone,
    releases_hide_people,
    report_is_whole,
    *CONTRACT_CHECKS,
    *LEAK_CHECKS,
]
