"""What a person's sessions say about language, country, time zone and rhythm of the day.

Here: small Bayesian count models with their assumptions as named numbers. Not here: what language or
country a page has (SQL), interest in topics and signs of life stages (`interest`), attributes learned
from people who declared them (`audience_models`), tables (assets).

Sessions of one person repeat each other, and people differ more than such models do: counts enter every
likelihood with a power below 1. On the sample panel these powers give probabilities that hold about as often
as they say; with 0.25 for domains, countries that were 93 % sure on average were right in 80 %.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

EVIDENCE_WEIGHT = 0.5  # sessions by language, or by the country that the source gives
RHYTHM_WEIGHT = 0.25  # active hours
DOMAIN_WEIGHT = 0.05  # sessions by country-code domain: habits differ most here
# Shares of sessions by language of their pages. Half of the web's pages are in English (W3Techs), so
# people of other languages meet it all the time, and English speakers hardly anything else.
OWN_LANGUAGE, ENGLISH_AS_FOREIGN, ENGLISH_OWN = 0.62, 0.35, 0.95
READS_SHARE = 0.10
# Share of sessions on the country-code domains of another country.
FOREIGN_DOMAINS = 0.01
SAME_LANGUAGE_DOMAINS = 0.5  # of what they are at home, times the country's part of the language
SOURCE_IS_RIGHT = 0.9  # a country that the source gives; travellers and VPNs are the rest
MIN_PROBABILITY = 0.8
MIN_DAYS, MIN_DAY_HOURS = 10, 20
OFFSETS = np.arange(-11, 14)
CHRONOTYPES = ("early bird", "office hours", "evening", "night owl")
# Peak local hour and spread of each; and how active people are at each local hour whatever their type: hardly
# at 3 or 4, ever more till the evening (hourly shares of web traffic, as content networks publish them).
PEAKS = {"early bird": (7.0, 2.5), "office hours": (12.5, 3.5), "evening": (19.5, 2.5), "night owl": (23.5, 2.5)}
EVERYBODY = np.array(
    [2, 1, 0.5, 0.3, 0.3, 0.7, 2, 3.5, 4.5, 5, 5, 5, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.4, 5.8, 6, 6, 5, 3.5]
)
EVERYBODY_SHARE = 0.4
CHRONOTYPE_PRIOR = np.array([0.2, 0.3, 0.3, 0.2])


@dataclass(frozen=True)
class Places:
    """Posteriors by person, in the order of `people`.

    Attributes:
        people: user_key.
        country: (people, countries), rows sum to 1.
        offset: (people, OFFSETS), rows sum to 1.
        chronotype: (people, CHRONOTYPES), rows sum to 1.
    """

    people: pd.Index
    country: pd.DataFrame
    offset: pd.DataFrame
    chronotype: pd.DataFrame


def language_posterior(sessions: pd.DataFrame) -> pd.DataFrame:
    """P(main language) of each person.

    A person of main language L has pages in L in a share OWN_LANGUAGE of the sessions and English ones in
    ENGLISH_AS_FOREIGN (English people: ENGLISH_OWN), all others alike in the rest; every language of
    the panel is as likely before.

    Args:
        sessions: one row per person, one column per language: sessions with a page in it.

    Returns:
        The same rows and columns; rows sum to 1.
    """
    languages = list(sessions.columns)
    share = np.empty((len(languages), len(languages)))
    for i, own in enumerate(languages):
        rest = (1 - (ENGLISH_OWN if own == "en" else OWN_LANGUAGE + ENGLISH_AS_FOREIGN)) / max(len(languages), 20)
        share[i] = rest
        if own != "en" and "en" in languages:
            share[i, languages.index("en")] = ENGLISH_AS_FOREIGN
        share[i, i] = ENGLISH_OWN if own == "en" else OWN_LANGUAGE
    log = EVIDENCE_WEIGHT * sessions.to_numpy(dtype=np.float64) @ np.log(share).T
    return pd.DataFrame(_normalised(log), index=sessions.index, columns=sessions.columns)


def reads_probability(sessions: pd.DataFrame, labelled: pd.Series) -> pd.DataFrame:
    """P(a language's share of sessions is at least READS_SHARE), uniform prior, weighted counts.

    Args:
        sessions: as in `language_posterior`.
        labelled: sessions with any page of known language, by user_key.
    """
    from scipy.stats import beta

    hits = sessions.to_numpy(dtype=np.float64)
    total = np.maximum(labelled.reindex(sessions.index).to_numpy(dtype=np.float64)[:, None], hits)
    p = beta.sf(READS_SHARE, 1 + EVIDENCE_WEIGHT * hits, 1 + EVIDENCE_WEIGHT * (total - hits))
    return pd.DataFrame(np.where(hits > 0, p, 0.0), index=sessions.index, columns=sessions.columns)


def place_posteriors(
    *,
    languages: pd.DataFrame,
    domains: pd.DataFrame,
    sources: pd.DataFrame,
    hours: pd.DataFrame,
    sessions: pd.Series,
    countries: pd.DataFrame,
) -> Places:
    """Country, time zone and chronotype together: each of them tells something of the others.

    P(country, offset, type) is proportional to P(country | language) (people online who speak it), P(offset
    | country), the sessions on country-code domains (binomial, home and abroad), what the source gives as
    country, and the hours of activity (multinomial over the type's curve in local time). Offsets are
    standard time: summer time moves a rhythm by an hour for a part of the year, which this cannot tell.

    Args:
        languages: P(main language), one row per person (people without a row: unknown).
        domains: sessions that touch a country's domains, one column per country.
        sources: sessions whose source gives a country, one column per country.
        hours: distinct days with activity in each UTC hour, columns 0 to 23.
        sessions: sessions in all; its index says who the people are.
        countries: index country; columns home_share, languages (name -> share), offsets (hours -> share),
            online_millions.
    """
    people = sessions.index
    codes = list(countries.index)
    log_country = np.log(_country_prior(languages.reindex(people), countries))
    log_country += DOMAIN_WEIGHT * _domain_likelihood(domains.reindex(people), sessions, countries)
    given = sources.reindex(index=people, columns=codes).fillna(0.0).to_numpy(dtype=np.float64)
    wrong = np.log((1 - SOURCE_IS_RIGHT) / len(codes))
    log_country += EVIDENCE_WEIGHT * given * (np.log(SOURCE_IS_RIGHT) - wrong)
    offset_given_country = np.array(
        [[float(shares.get(int(offset), 0.0)) for offset in OFFSETS] for shares in countries["offsets"]]
    )
    rhythm = _rhythm_likelihood(hours.reindex(people).fillna(0.0).to_numpy(dtype=np.float64))
    peak = rhythm.max(axis=(1, 2), keepdims=True)
    weight = np.exp(rhythm - peak) * CHRONOTYPE_PRIOR[None, None, :]
    prior = _normalised(log_country)
    by_offset = weight.sum(axis=2)
    country = _shares(prior * (by_offset @ offset_given_country.T))
    offset_prior = prior @ offset_given_country
    offset = _shares(offset_prior * by_offset)
    chronotype = _shares(np.einsum("po,poc->pc", offset_prior, weight))
    return Places(
        people,
        pd.DataFrame(country, index=people, columns=codes),
        pd.DataFrame(offset, index=people, columns=OFFSETS),
        pd.DataFrame(chronotype, index=people, columns=list(CHRONOTYPES)),
    )


def best_offset(offset: pd.DataFrame) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """The UTC offset with the most probability within an hour of it, and that probability."""
    p = np.pad(offset.to_numpy(), ((0, 0), (1, 1)))
    window = p[:, :-2] + p[:, 1:-1] + p[:, 2:]
    # On a tie of windows the one with the more likely middle.
    best = (window + 1e-6 * p[:, 1:-1]).argmax(axis=1) if len(window) else np.zeros(0, dtype=np.int64)
    return OFFSETS[best], window[np.arange(len(window)), best]


def _country_prior(languages: pd.DataFrame, countries: pd.DataFrame) -> FloatArray:
    """P(country | language), mixed by P(language); the world's where the language is not known."""
    online = countries["online_millions"].to_numpy(dtype=np.float64)
    world = online / online.sum()
    prior = np.full((len(languages), len(countries)), 0.0)
    p = languages.fillna(0.0).to_numpy(dtype=np.float64)
    for column, name in enumerate(languages.columns):
        speakers = online * np.array([float(shares.get(name, 0.0)) for shares in countries["languages"]])
        prior += p[:, [column]] * (speakers / speakers.sum() if speakers.sum() > 0 else world)
    prior += (1 - p.sum(axis=1, keepdims=True)) * world
    return 0.99 * prior + 0.01 * world  # some live where others speak


def _domain_likelihood(domains: pd.DataFrame, sessions: pd.Series, countries: pd.DataFrame) -> FloatArray:
    """Log likelihood of the sessions on each country's domains, for each country to live in."""
    touched = domains.reindex(columns=countries.index).fillna(0.0).to_numpy(dtype=np.float64)
    total = np.maximum(sessions.to_numpy(dtype=np.float64)[:, None], touched)
    home = countries["home_share"].to_numpy(dtype=np.float64)
    main = [max(shares, key=lambda name: shares[name]) for shares in countries["languages"]]
    same = np.array([[a == b for b in main] for a in main])
    # Foreign sites of one's language are read as much as there are of them: Austrians read .de, Americans
    # hardly .uk.
    online = countries["online_millions"].to_numpy(dtype=np.float64)
    part = same * online[None, :] / (same @ online)[:, None]
    rate = np.maximum(SAME_LANGUAGE_DOMAINS * home[None, :] * part, FOREIGN_DOMAINS)
    np.fill_diagonal(rate, home)
    rate = np.clip(rate, 0.002, 0.9)
    return touched @ np.log(rate).T + (total - touched) @ np.log1p(-rate).T


def chronotype_curves() -> FloatArray:
    """P(local hour | chronotype): (CHRONOTYPES, 24), rows sum to 1."""
    hour = np.arange(24) + 0.5
    rows = []
    for name in CHRONOTYPES:
        peak, spread = PEAKS[name]
        distance = np.abs((hour - peak + 12) % 24 - 12)
        bell = np.exp(-0.5 * (distance / spread) ** 2)
        rows.append(EVERYBODY_SHARE * EVERYBODY / EVERYBODY.sum() + (1 - EVERYBODY_SHARE) * bell / bell.sum())
    return np.array(rows)


def _rhythm_likelihood(hours: FloatArray) -> FloatArray:
    """(people, OFFSETS, CHRONOTYPES): log likelihood of activity by UTC hour."""
    curves = np.log(chronotype_curves())
    moved = np.array([[np.roll(curve, -offset) for curve in curves] for offset in OFFSETS])
    return RHYTHM_WEIGHT * np.einsum("ph,och->poc", hours, moved)


def _normalised(log: FloatArray) -> FloatArray:
    if log.size == 0:
        return log
    return _shares(np.exp(log - log.max(axis=1, keepdims=True)))


def _shares(weights: FloatArray) -> FloatArray:
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def describe_languages(sessions: pd.DataFrame, labelled: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows `language` (the main one) and `reads_language` (each), and P(main language) by person."""
    main = language_posterior(sessions)
    if main.empty:
        return _rows([]), main
    best, probability = main.idxmax(axis=1), main.max(axis=1)
    reads = reads_probability(sessions, labelled)
    rows: list[tuple[object, ...]] = [
        (user, "language", best[user], probability[user], f"language:{best[user]}", None)
        for user in main.index
        if probability[user] >= MIN_PROBABILITY
    ]
    rows += [
        (user, "reads_language", name, p, f"language:{name}", None)
        for name in reads.columns
        for user, p in reads[name].items()
        if p >= MIN_PROBABILITY
    ]
    return _rows(rows), main


def describe_places(
    *,
    main_language: pd.DataFrame,
    domains: pd.DataFrame,
    sources: pd.DataFrame,
    hours: pd.DataFrame,
    people: pd.DataFrame,
    countries: pd.DataFrame,
) -> list[pd.DataFrame]:
    """Rows `country`, `time_zone` and `chronotype`, each where it is sure enough.

    Time zone and chronotype need MIN_DAYS active days and MIN_DAY_HOURS active hours of them.

    Args:
        main_language, domains, sources, hours: as in `place_posteriors`.
        people: columns sessions and days, by user_key.
        countries: the reference table, as text.
    """
    if people.empty:
        return [_rows([])]
    table = parse_countries(countries)
    found = place_posteriors(
        languages=main_language,
        domains=domains,
        sources=sources,
        hours=hours,
        sessions=people["sessions"],
        countries=table,
    )
    country, p_country = found.country.idxmax(axis=1), found.country.max(axis=1)
    offset, p_offset = best_offset(found.offset)
    kind, p_kind = found.chronotype.idxmax(axis=1), found.chronotype.max(axis=1)
    active = hours.reindex(people.index).fillna(0.0).sum(axis=1)
    knows_place = domains.reindex(people.index).fillna(0.0).sum(axis=1) + main_language.reindex(people.index).sum(
        axis=1
    )
    rows: list[tuple[object, ...]] = []
    for i, user in enumerate(people.index):
        days, code = int(people["days"].iloc[i]), str(country.iloc[i])
        is_seen = knows_place.iloc[i] > 0 or user in sources.index
        if p_country.iloc[i] >= MIN_PROBABILITY and is_seen:
            source = float(sources.loc[user].get(code, 0.0)) if user in sources.index else 0.0
            item = f"source_country:{code}" if source else f"country_domain:{code}"
            at_home = float(domains.loc[user].get(code, 0.0)) if user in domains.index else 0.0
            why = None if source or at_home else "by language and hours of the day; no domain of the country"
            rows.append((user, "country", code, p_country.iloc[i], item, why))
        if days < MIN_DAYS or active.iloc[i] < MIN_DAY_HOURS:
            continue
        seen = f"{int(active.iloc[i])} active hours on {days} days"
        if p_offset[i] >= MIN_PROBABILITY:
            zone = f"UTC{int(offset[i]):+03d}:00"
            rows.append((user, "time_zone", zone, min(1.0, p_offset[i]), None, f"{seen}, give or take an hour"))
            if p_kind.iloc[i] >= MIN_PROBABILITY:
                rows.append((user, "chronotype", kind.iloc[i], p_kind.iloc[i], None, f"{seen} around {zone}"))
    return [_rows(rows)]


def describe_devices(sessions: pd.DataFrame) -> pd.DataFrame:
    """Rows `device`: the probability that a session is on it, uniform prior over the panel's devices."""
    share = (sessions + 1).div(sessions.sum(axis=1) + len(sessions.columns), axis="index")
    rows: list[tuple[object, ...]] = [
        (user, "device", name, p, f"device:{name}", None)
        for name in sessions.columns
        for user, p in share.loc[sessions[name] > 0, name].items()
    ]
    return _rows(rows)


def parse_countries(countries: pd.DataFrame) -> pd.DataFrame:
    """The reference table with numbers in place of text, by country; see `place_posteriors`."""

    def shares(text: str) -> dict[str, float]:
        parts = dict(part.split(":") for part in text.split(";"))
        total = sum(float(value) for value in parts.values())
        return {name: float(value) / total for name, value in parts.items()}

    return pd.DataFrame(
        {
            "home_share": countries["home_share"].astype(float).to_numpy(),
            "online_millions": countries["online_millions"].astype(float).to_numpy(),
            "languages": [shares(text) for text in countries["languages"]],
            "offsets": [{int(k): v for k, v in shares(text).items()} for text in countries["utc_offsets"]],
        },
        index=pd.Index(countries["country"].astype(str), name="country"),
    )


def _rows(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_key", "attribute", "value", "probability", "item", "explanation"])
