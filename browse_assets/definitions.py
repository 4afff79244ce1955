"""Everything that Dagster sees, registered by name; policy is applied to the whole graph, once.

What belongs here: the list of assets, checks, jobs and resources, and what is true of all of them
(owner, kinds, table name, column schema, pool, code links, freshness). What does not: any asset's own facts.
"""

import warnings
from datetime import timedelta

import dagster as dg

# Code references are marked beta by Dagster: one line per asset at each load, which nobody can act on.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from browse_assets.arrival_sensors import customers_sensor, inbox_sensor
from browse_assets.assets.audience import audience_attributes, audience_models
from browse_assets.assets.churn import churn_model
from browse_assets.assets.churn_audit import churn_audit
from browse_assets.assets.churn_report import churn_report
from browse_assets.assets.churn_scores import churn_drift, churn_scores
from browse_assets.assets.churn_snapshots import churn_snapshots
from browse_assets.assets.customers import customer_features, raw_customers
from browse_assets.assets.events import (
    domain_features,
    input_files,
    pii_removed,
    raw_events,
    rejected_events,
    scrubbed_events,
    user_days,
)
from browse_assets.assets.finance import finance_flags, page_finance
from browse_assets.assets.interests import interest_profile, interest_segments
from browse_assets.assets.product_pages import page_products
from browse_assets.assets.product_returns import product_backtest
from browse_assets.assets.products import product_interest, products
from browse_assets.assets.reidentification import reidentification
from browse_assets.assets.releases import released_audiences
from browse_assets.assets.topics import page_topics, topic_classifier
from browse_assets.assets.watchlist import watchlist_interest
from browse_assets.automation import (
    TRAININGS,
    after_erasure_sensor,
    churn_drift_sensor,
    churn_retraining,
    churn_scoring,
    data_refresh,
    data_refresh_daily,
    derived_tables_sensor,
    ml_analysis_pipeline,
    training_weekly,
    with_condition,
)
from browse_assets.checks import CHECKS
from browse_assets.export_user import export_user
from browse_assets.incident_sensor import run_failure_sensor
from browse_assets.removal import erase_queue_sensor, erase_user, purge_old_events, purge_old_events_daily
from browse_assets.resources import Databases, ExperimentTracker
from browse_assets.tables import TABLES, Table

OWNER = "team:data-platform"
TRAINED = {*TRAININGS, "topic_classifier"}

# Assets that are files, no table: what kinds of file, and what their content may be used for.
FILES: dict[str, tuple[set[str], tuple[str, ...]]] = {"churn_report": ({"html", "pptx"}, ("product",))}

ASSETS = [
    raw_events,
    input_files,
    rejected_events,
    scrubbed_events,
    pii_removed,
    domain_features,
    user_days,
    topic_classifier,
    page_topics,
    interest_profile,
    interest_segments,
    audience_models,
    audience_attributes,
    page_products,
    products,
    product_interest,
    watchlist_interest,
    product_backtest,
    page_finance,
    finance_flags,
    raw_customers,
    customer_features,
    churn_snapshots,
    churn_model,
    churn_audit,
    churn_scores,
    churn_drift,
    churn_report,
    released_audiences,
    reidentification,
]


# The daily refresh is due after 24 h, and one that was missed is caught up with by the next: late after 26 h, stale
# after two were missed. Trainings are weekly. topic_classifier is remade with the tables; it learns from no panel.
DAILY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))
WEEKLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=15), warn_window=timedelta(days=8))


def _freshness(name: str) -> dg.FreshnessPolicy:
    return WEEKLY if name in TRAININGS else DAILY


def _personal_data(table: Table) -> str:
    """Rows about people under a pseudonym are personal data still (GDPR recital 26)."""
    if table.database == "vault":
        return "yes"
    return "pseudonymous" if "user_key" in table.column_names else "no"


def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Owner, kinds, tags, table and column schema of an asset, from the data dictionary."""
    name = spec.key.to_user_string()
    if name in FILES:
        return _with_file_policy(spec, *FILES[name])
    table = TABLES[name]
    kinds = {"duckdb", *({"mlflow", "scikitlearn"} if table.name in TRAINED else set())}
    return spec.replace_attributes(
        owners=[OWNER],
        kinds=kinds,
        freshness_policy=_freshness(name),
        tags={
            **spec.tags,
            "personal_data": _personal_data(table),
            **{f"purpose/{purpose}": "" for purpose in table.purposes},
        },
    ).merge_attributes(
        metadata={
            "dagster/table_name": f"{table.database}.{table.name}",
            "dagster/storage_kind": "duckdb",
            "purposes": ", ".join(table.purposes),
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(
                        column.name,
                        column.type,
                        description=column.description,
                        constraints=dg.TableColumnConstraints(nullable=column.name not in table.key),
                    )
                    for column in table.columns
                ]
            ),
        }
    )


def _with_file_policy(spec: dg.AssetSpec, kinds: set[str], purposes: tuple[str, ...]) -> dg.AssetSpec:
    """The same of an asset that is files about groups of people."""
    return spec.replace_attributes(
        owners=[OWNER],
        kinds=kinds,
        freshness_policy=_freshness(spec.key.to_user_string()),
        tags={**spec.tags, "personal_data": "no", **{f"purpose/{purpose}": "" for purpose in purposes}},
    ).merge_attributes(metadata={"dagster/storage_kind": "file", "purposes": ", ".join(purposes)})


defs = dg.Definitions(
    assets=dg.with_source_code_references(
        dg.map_asset_specs(lambda spec: with_condition(with_policy(spec)), ASSETS),
    ),
    asset_checks=CHECKS,
    jobs=[
        ml_analysis_pipeline,
        data_refresh,
        churn_scoring,
        churn_retraining,
        export_user,
        erase_user,
        purge_old_events,
    ],
    sensors=[
        inbox_sensor,
        customers_sensor,
        derived_tables_sensor,
        churn_drift_sensor,
        erase_queue_sensor,
        after_erasure_sensor,
        run_failure_sensor,
    ],
    schedules=[data_refresh_daily, training_weekly, purge_old_events_daily],
    resources={"databases": Databases(), "tracker": ExperimentTracker()},
    executor=dg.in_process_executor,
)
