"""Declared attributes made coarse: no value that fewer than k people share is left.

Here: numbers in groups of neighbours, dates likewise, rare texts as 'other', and which attributes are identifiers.
Not here: which rows count at a time, and names that are personal by themselves (`sql/customer_declarations.sql`).
"""

from collections import Counter

import numpy as np
import pandas as pd

# The rule that customer_features has had from the start; each value left is shared by at least so many people.
K = 5
MAX_TEXTS = 20
MAX_TEXT_LENGTH = 40
MAX_GROUPS = 100
# Of a text that is mostly rare values (a name, a remark), what is left would be a handful of lucky ones.
LEAST_SHARE_KEPT = 0.5
OTHER = "other"
# What is longer is a telephone number, a card or a customer number, not a quantity.
IDENTIFIER_FROM = 1e7
# Whole numbers of four digits or more that (nearly) everybody has another of count people.
IDENTIFIER_DIGITS = 1_000
IDENTIFIER_SHARE = 0.99
IDENTIFIER_PEOPLE = 20
SIGNIFICANT_DIGITS = 4
# Days since 1970: all of them, and half a day.
DAY_DIGITS = 7
MISSING = ("", "na", "n/a", "nan", "null")
YES_NO = frozenset(("yes", "no", "true", "false", "y", "n", "t", "f", "0", "1"))


def coarse_attributes(declared: pd.DataFrame, *, k: int = K) -> pd.DataFrame:
    """The attributes of people as they may be kept, one row per person and attribute.

    Args:
        declared: one row per `user_key` and `name`, with `content` (text; empty and 'NA' are missing), `is_personal`
            (looks like personal data) and `is_private_name` (the name says that it may hold a person's own data: then
            only yes and no, and numbers below 1,000, are kept).
        k: a value is kept only where at least so many people share it.

    Returns:
        user_key, name, content (text of a number, or a text; NULL for a date), own_day and coarse_day (days since
        1970 for a date, else NULL), ordered by name and user_key.
    """
    known = declared.assign(content=declared["content"].astype("str").str.strip())
    known = known[declared["content"].notna() & ~known["content"].str.lower().isin(MISSING)]
    kept = [
        part.assign(name=str(name))
        for name, group in known.sort_values(["name", "user_key"]).groupby("name", sort=True)
        if (part := _coarse_attribute(group, k)) is not None
    ]
    columns = ["user_key", "name", "content", "own_day", "coarse_day"]
    if not kept:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in columns})
    return pd.concat(kept, ignore_index=True)[columns]


def _coarse_attribute(group: pd.DataFrame, k: int) -> pd.DataFrame | None:
    """One attribute; None where nothing of it may be kept."""
    content = group["content"]
    numbers = pd.to_numeric(content, errors="coerce")
    is_number = bool(numbers.notna().all() and np.isfinite(numbers).all())
    if bool(group["is_private_name"].any()) and not (
        content.str.lower().isin(YES_NO).all() or (is_number and (numbers.abs() < IDENTIFIER_DIGITS).all())
    ):
        return None
    if is_number:
        if _are_identifiers(numbers):
            return None
        coarse = coarse_numbers(numbers, k=k)
        return _rows(group, coarse.map(_number_text, na_action="ignore"))
    days = _days(content)
    if days is not None:
        return _rows(group, None, days, coarse_numbers(days, k=k, digits=DAY_DIGITS).round())
    if group["is_personal"].mean() > LEAST_SHARE_KEPT:
        return None
    return _rows(group, coarse_texts(content.mask(group["is_personal"].astype(bool), ""), k=k))


def _rows(
    group: pd.DataFrame, content: pd.Series | None, own: pd.Series | None = None, coarse: pd.Series | None = None
) -> pd.DataFrame | None:
    kept = content if content is not None else coarse
    assert kept is not None
    frame = pd.DataFrame(
        {
            "user_key": group["user_key"],
            "content": content.astype("object") if content is not None else None,
            "own_day": own if own is not None else np.nan,
            "coarse_day": coarse if coarse is not None else np.nan,
        }
    )[kept.notna()]
    return frame if len(frame) else None


def coarse_numbers(
    values: pd.Series, *, k: int = K, max_groups: int = MAX_GROUPS, digits: int = SIGNIFICANT_DIGITS
) -> pd.Series:
    """Each person's number as the median of a group of neighbours, so that at least k people share it.

    Groups are grown from the smallest value up, until they hold k people and a `max_groups`-th of all; what is left
    at the end joins the last. Equal values are never parted. NaN for all where there are fewer than k people.

    Args:
        values: a number for each person, none missing.
        k: least number of people of a group.
        max_groups: about the most groups that there can be.
        digits: significant digits that are looked at and kept.
    """
    if len(values) < k:
        return pd.Series(np.nan, index=values.index)
    rounded = values.astype("float64").map(lambda value: float(f"{value:.{digits}g}"))
    distinct, people = np.unique(rounded.to_numpy(), return_counts=True)
    if len(distinct) <= MAX_TEXTS and people.min() >= k:
        return rounded
    least = max(k, -(-len(values) // max_groups))
    groups, held = np.zeros(len(distinct), dtype=int), 0
    for position, count in enumerate(people):
        groups[position] = groups[position - 1] + (held >= least) if position else 0
        held = count if position and groups[position] > groups[position - 1] else held + count
    if held < least and groups[-1] > 0:
        groups[groups == groups[-1]] -= 1
    group = pd.Series(groups, index=distinct)
    of_person = rounded.map(group)
    return rounded.groupby(of_person).transform("median").map(lambda value: float(f"{value:.{digits}g}"))


def coarse_texts(values: pd.Series, *, k: int = K) -> pd.Series:
    """Each person's text where at least k people share it, else 'other' where at least k people have one like that.

    At most 20 texts of at most 40 characters are kept, the most common first; none where they are less than half
    of the people's. NULL where nothing may be told.

    Args:
        values: a text for each person; an empty one is always among the others.
        k: least number of people of a text.
    """
    counts = Counter(text for text in values if text and len(text) <= MAX_TEXT_LENGTH)
    by_people = sorted((-people, text) for text, people in counts.items() if people >= k)
    common = {text for _, text in by_people[:MAX_TEXTS]}
    is_common = values.isin(common)
    if not len(values) or is_common.mean() < LEAST_SHARE_KEPT:
        return pd.Series(None, index=values.index, dtype="object")
    rest = OTHER if (~is_common | values.eq(OTHER)).sum() >= k else None
    return values.astype("object").where(is_common, rest)


def _are_identifiers(numbers: pd.Series) -> bool:
    is_whole = bool((numbers % 1 == 0).all())
    if not is_whole:
        return False
    if (numbers.abs() >= IDENTIFIER_FROM).any():
        return True
    return (
        len(numbers) >= IDENTIFIER_PEOPLE
        and bool((numbers.abs().median()) >= IDENTIFIER_DIGITS)
        and numbers.nunique() >= IDENTIFIER_SHARE * len(numbers)
    )


def _days(content: pd.Series) -> pd.Series | None:
    """Days since 1970 where every value is an ISO 8601 day or time, else None."""
    if not content.str.match(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$").all():
        return None
    times = pd.to_datetime(content.str.slice(0, 10), format="%Y-%m-%d", errors="coerce")
    if times.isna().any():
        return None
    return (times - pd.Timestamp("1970-01-01")).dt.days.astype("float64")


def _number_text(value: float) -> str:
    return np.format_float_positional(value, trim="-")
