"""Reasons of a churn score in words that a product person reads: "last active 12 days ago (usual 2): raises the risk".

Here: names and units of features, and how a value is said. Not here: which features move a score
(`churn_scores`), what the features are (`tables.CHURN_FEATURES`).
"""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["day", "share", "second", "number"]

# Columns of a person's attributes are called so (`churn_rows.training_rows`).
ATTRIBUTE_PREFIX = "customer_"
_LONGEST_TEXT = 40


@dataclass(frozen=True)
class FeatureWords:
    """How a feature is spoken of.

    Attributes:
        name: what it is, as said when its value is unknown.
        phrase: what is said of a value, with `{}` where it stands.
        unit: days and seconds are said with their unit, shares in percent.
    """

    name: str
    phrase: str
    unit: Unit = "number"


# By feature of churn_snapshots; a test says that none is missing.
WORDS: dict[str, FeatureWords] = {
    "days_since_last": FeatureWords("last visit", "last active {} ago", "day"),
    "tenure_days": FeatureWords("time since the first visit", "here for {}", "day"),
    "active_days": FeatureWords("active days", "active on {} of the window", "day"),
    "active_days_7": FeatureWords("active days of the last week", "active on {} of the last week", "day"),
    "active_days_28": FeatureWords("active days of the last 4 weeks", "active on {} of the last 4 weeks", "day"),
    "page_views": FeatureWords("pages viewed", "pages viewed {}"),
    "page_views_28": FeatureWords("pages viewed in the last 4 weeks", "pages viewed in the last 4 weeks {}"),
    "sessions": FeatureWords("visits", "visits {}"),
    "sessions_28": FeatureWords("visits in the last 4 weeks", "visits in the last 4 weeks {}"),
    "sessions_per_active_day": FeatureWords("visits on an active day", "visits on an active day {}"),
    "trend": FeatureWords("trend of active days", "trend of active days {} (-1 falling, 1 rising)"),
    "gap_mean_days": FeatureWords("mean pause between active days", "a visit every {}", "day"),
    "gap_max_days": FeatureWords("longest pause", "longest pause {}", "day"),
    "dwell_per_session": FeatureWords("time spent per visit", "{} spent per visit", "second"),
    "domains_per_active_day": FeatureWords("sites on an active day", "sites on an active day {}"),
    "distinct_domains": FeatureWords("different sites", "different sites {}"),
    "distinct_topics": FeatureWords("different topics", "different topics {}"),
    "searches": FeatureWords("searches", "searches {}"),
    "finance_share": FeatureWords("share of financial pages", "{} of the pages are financial", "share"),
    "history_days": FeatureWords("active days ever", "active on {} ever", "day"),
    "lifecycle": FeatureWords("kind of visitor", "{} visitor"),
    "page_view_trend": FeatureWords("trend of pages viewed", "trend of pages viewed {} (-1 falling, 1 rising)"),
    "gap_variation": FeatureWords("how uneven the pauses are", "unevenness of pauses {} (0 is regular)"),
    "weekday_entropy": FeatureWords("spread over weekdays", "spread over weekdays {} (0 one weekday, 1 all alike)"),
    "overdue": FeatureWords("silence against the usual pause", "silent for {} times the usual pause"),
    "devices": FeatureWords("devices", "devices on a day {}"),
    "top_domain_share": FeatureWords("share of the most visited site", "{} of the pages on one site", "share"),
    "first_tier_topics": FeatureWords("fields of interest", "fields of interest {}"),
    "top_topic_share": FeatureWords("share of the main topic", "{} of the pages on the main topic", "share"),
    "topic_entropy": FeatureWords("variety of topics", "variety of topics {}"),
    "finance_domains": FeatureWords("different financial sites", "different financial sites {}"),
    "transactions": FeatureWords("transactions", "transactions in the window {}"),
    "transactions_28": FeatureWords("transactions of the last 4 weeks", "transactions in the last 4 weeks {}"),
    "transaction_amount": FeatureWords("amount of the transactions", "amount of the transactions {}"),
    "transaction_amount_28": FeatureWords("amount of the last 4 weeks", "amount of the last 4 weeks {}"),
    "transaction_mean": FeatureWords("mean amount of a transaction", "mean amount of a transaction {}"),
    "transaction_trend": FeatureWords("trend of transactions", "trend of transactions {} (-1 falling, 1 rising)"),
    "transaction_kinds": FeatureWords("kinds of transactions", "kinds of transactions {}"),
    "refunds": FeatureWords("refunds", "refunds {}"),
    "days_since_transaction": FeatureWords("last transaction", "last transaction {} ago", "day"),
    "service_interactions": FeatureWords("service contacts", "service contacts in the window {}"),
    "service_interactions_28": FeatureWords("service contacts of the last 4 weeks", "service contacts in 4 weeks {}"),
    "service_channels": FeatureWords("channels of service contacts", "channels of service contacts {}"),
    "service_topics": FeatureWords("topics of service contacts", "topics of service contacts {}"),
    "service_unresolved_share": FeatureWords("unresolved contacts", "{} of the contacts unresolved", "share"),
    "days_since_service": FeatureWords("last service contact", "last service contact {} ago", "day"),
    "weekend_share": FeatureWords("share of pages at weekends", "{} of the pages at weekends", "share"),
}


def reason(feature: str, value: float | str | None, usual: float | str | None, *, raises: bool) -> str:
    """One reason: the person's value, the usual one, and which way it moves the risk.

    Args:
        feature: a feature of churn_snapshots, or an attribute of a customer.
        value: of the person; None for unknown.
        usual: median or most common value of the people that the model was fitted on.
        raises: whether the value makes churn likelier than the usual one would.
    """
    words = WORDS.get(feature) or _words_of(feature)
    # Two digits are read at a glance; more only where the two would look the same.
    digits = next((n for n in (2, 3, 4) if _bare(value, words.unit, n) != _bare(usual, words.unit, n)), 4)
    said = f"{words.name} unknown" if value is None else words.phrase.format(_amount(value, words.unit, digits))
    return f"{said} (usual {_bare(usual, words.unit, digits)}): {'raises' if raises else 'lowers'} the risk"


def _words_of(feature: str) -> FeatureWords:
    name = feature.removeprefix(ATTRIBUTE_PREFIX).replace("_", " ")
    return FeatureWords(name, name.replace("{", "").replace("}", "") + " {}")


def _amount(value: float | str, unit: Unit, digits: int) -> str:
    said = _bare(value, unit, digits)
    if unit == "day":
        return f"{said} {'day' if said == '1' else 'days'}"
    return f"{said} s" if unit == "second" else said


def _bare(value: float | str | None, unit: Unit, digits: int) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[: _LONGEST_TEXT - 1] + "…"
    if unit == "share":
        return f"{_rounded(100 * value, digits)} %"
    if abs(value) >= 1e6:  # rounded: nobody reads more digits, and a long number could be a person's own
        return f"{_rounded(value / 1e6, digits)} million"
    return _rounded(value, digits)


def _rounded(value: float, digits: int) -> str:
    """At least the whole part, up to a million; 1,234 and 12 and 1.2 and 0.012 with two digits."""
    if abs(value) >= 1e6:
        return f"{value:.0e}"
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"
