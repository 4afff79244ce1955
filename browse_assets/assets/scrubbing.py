"""From the vault's page views to the temporary view `fresh`, without personal data.

What belongs here: the order of the statements, and handing each distinct suspicious value to the rules
once. What does not: the rules (`analysis/scrubbing.py`), what is suspicious (`sql/suspects.sql`).
"""

import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from browse_assets.assets.panel_ids import panel_ids
from browse_assets.engine.choice import Connection, local, map_values
from browse_assets.keys import Keys
from browse_assets.resources import load_reference
from browse_assets.sql import read_sql

Rule = Callable[[str], str]


def prepare_scrubbing(con: Connection, keys: Keys, *, reads_all_texts: bool = False) -> Rule:
    """Make ready what does not depend on the slice: macros, people and hosts of `admitted_events`, search engines.

    One call of Python per distinct person and host.

    Args:
        con: with the vault attached, `admitted_events` made; or Spark beside such a connection.
        keys: of the pseudonyms.
        reads_all_texts: for a model of names, which no pattern can tell where to look.

    Returns what replaces the ids of all people of the vault in a text.
    """
    con.execute(read_sql("macros"))
    load_reference(local(con), ["neutral_domains", "account_domains", "url_parameters"])
    make_guards(con, reads_all_texts=reads_all_texts)
    return _map_people_and_hosts(con, keys)


def scrub_admitted_events(con: Connection, replace_ids: Rule, *, ner_model: str | None = None) -> None:
    """Make the view `fresh` from the view `admitted_events`: see sql/scrubbed_events.sql.

    One call of Python per distinct suspicious value, none per event; the rest is SQL.

    Args:
        con: after `prepare_scrubbing`, whose `admitted_events` held these and maybe more.
        replace_ids: what `prepare_scrubbing` has returned.
        ner_model: model that looks for names of people in every distinct text; None: nobody looks.
    """
    _create(con, "suspects")
    _create(con, "suspect_tags")
    _judge_addresses(con, replace_ids)
    _judge_texts(con, replace_ids, ner_model)
    _create(con, "scrubbed_suspects")
    con.execute("CREATE OR REPLACE TEMP VIEW fresh AS " + read_sql("scrubbed_events"))


def _create(con: Connection, name: str) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS " + read_sql(name))


def make_guards(con: Connection, *, reads_all_texts: bool = False) -> None:
    """Make the macros of sql/guards.sql, and the three that they need.

    Two are patterns made of the dictionaries: as constants they are compiled once, as joins once per row.
    `reads_all_texts` is for a model of names, which no pattern can tell where to look.
    """
    from browse_assets.analysis.scrubbing import MARKERS

    con.register("marker_rows", _table({"marker": sorted(MARKERS)}))
    con.execute("CREATE OR REPLACE TEMP TABLE markers AS SELECT marker FROM marker_rows")
    segments = "|".join(_in_any_case(marker) for marker in sorted(MARKERS))
    con.execute(
        "CREATE OR REPLACE TEMP MACRO has_personal_path(path) AS "
        f"regexp_matches(path, personal_pattern() || '|[;\\x01-\\x1f\\x7f]|/~|/[^/?]*=|/(?:{segments})/[^/]')"
    )
    names = (
        local(con)
        .execute(
            "SELECT string_agg(regexp_escape(parameter), '|') FROM reference_url_parameters WHERE kind <> 'tracking'"
        )
        .fetchone()
    )
    assert names is not None
    # Words and numbers of up to 14 and 4 characters: no rule finds anything in them.
    con.execute(
        "CREATE OR REPLACE TEMP MACRO has_clean_form(url) AS regexp_full_match(url, "
        "'https?://(?:[a-z.\\-]|[0-9]{1,3}[a-z.\\-])+(?:/[^?#:\\\\]*)?"
        f"(?:\\?(?:(?:{names[0]})=(?:[A-Z]?[a-z_]{{0,14}}[0-9]{{0,4}}|[A-Z]{{1,3}})(?:&|$))*)?')"
    )
    read_texts = "t IS NOT NULL" if reads_all_texts else "has_personal_pattern(t)"
    con.execute(f"CREATE OR REPLACE TEMP MACRO is_suspect_text(t) AS {read_texts}")
    con.execute(read_sql("guards"))


def _make_term_macro(con: Connection) -> None:
    """Make `term_of(url, parameter)`: what was searched for, still encoded; a pattern per engine's parameter."""
    parameters = con.execute("SELECT DISTINCT term_parameter FROM search_engines ORDER BY 1").fetchall()
    cases = "".join(
        f" WHEN '{parameter}' THEN regexp_extract(url, '[?&#]{re.escape(parameter)}=([^&#]*)', 1)"
        for (parameter,) in parameters
    )
    con.execute(f"CREATE OR REPLACE TEMP MACRO term_of(url, parameter) AS CASE parameter{cases} END")


def _in_any_case(word: str) -> str:
    """Pattern of a word in upper and lower case; `(?i)` would make the whole pattern slower by half."""
    return "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else re.escape(letter) for letter in word)


def _map_people_and_hosts(con: Connection, keys: Keys) -> Rule:
    # tldextract 0.2 s: only where there is something new
    from browse_assets.analysis.hosts import HOST_COLUMNS, describe_host
    from browse_assets.analysis.panel_ids import id_replacer

    map_values(con, "mapped", "SELECT DISTINCT user_id FROM admitted_events", keys.pseudonymiser(), ("user_key",))
    map_values(
        con,
        "described",
        "SELECT raw_host FROM (SELECT raw_host FROM admitted_events "
        "UNION SELECT url_host(referrer) FROM admitted_events WHERE referrer IS NOT NULL) WHERE raw_host <> ''",
        describe_host,
        HOST_COLUMNS,
    )
    con.execute("CREATE OR REPLACE TEMP TABLE user_keys AS SELECT user_id, user_key::UUID AS user_key FROM mapped")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE hosts AS SELECT raw_host, host, described.domain, "
        "accounts.domain IS NOT NULL AS has_accounts "
        "FROM described LEFT JOIN reference_account_domains AS accounts USING (domain)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE search_engines AS SELECT domain, term_parameter "
        "FROM reference_neutral_domains WHERE kind = 'search_engine' AND term_parameter <> ''"
    )
    _make_term_macro(con)
    everybody = sorted(panel_ids(local(con)))
    _make_id_guard(con, everybody)
    return id_replacer(everybody)


def _make_id_guard(con: Connection, people: list[str]) -> None:
    """Make `may_hold_id(t)`: whether a text without a personal pattern may hold a person's id.

    Ids with a pattern of their own (digits, an address) make every text that holds them a suspect anyway. The
    others mostly share a beginning; if they do not, every text is looked at.
    """
    con.register("people", _table({"user_id": people}))
    plain = con.execute(
        "SELECT min(lower(user_id)), max(lower(user_id)) FROM people "
        "WHERE NOT regexp_matches(user_id, personal_pattern())"
    ).fetchone()
    con.unregister("people")
    if plain is None or plain[0] is None:
        guard = "FALSE"
    else:
        shared = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(*plain, strict=False)))
        pattern = re.escape(shared).replace("'", "''")
        guard = f"regexp_matches(t, '(?i){pattern}')"
    con.execute(f"CREATE OR REPLACE TEMP MACRO may_hold_id(t) AS {guard}")


def _judge_addresses(con: Connection, replace_ids: Rule) -> None:
    """Scrub the addresses of suspicious pages and tags: `clean_addresses`."""
    from browse_assets.analysis.hosts import HOST_COLUMNS, describe_host
    from browse_assets.analysis.scrubbing import personal_kind, scrub_segment

    con.execute(
        "CREATE OR REPLACE TEMP TABLE tag_addresses AS SELECT DISTINCT address, "
        "coalesce(url_host(address), '') AS raw_host FROM suspect_tags WHERE address IS NOT NULL"
    )
    map_values(con, "described", "SELECT DISTINCT raw_host FROM tag_addresses", describe_host, HOST_COLUMNS)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE suspect_addresses AS
        SELECT addresses.*, coalesce(engines.term_parameter, '') AS term_parameter,
            url_path(address) AS path, url_tail(address) AS tail
        FROM (
            SELECT DISTINCT suspects.url AS address, raw_host, page.host, page.domain, page.has_accounts
            FROM suspects JOIN hosts AS page USING (raw_host)
            WHERE suspects.url IS NOT NULL
            UNION
            SELECT address, raw_host, described.host, described.domain, accounts.domain IS NOT NULL
            FROM tag_addresses JOIN described USING (raw_host)
            LEFT JOIN reference_account_domains AS accounts USING (domain)
        ) AS addresses
        LEFT JOIN search_engines AS engines USING (domain)
        """
    )
    _create(con, "suspect_segments")
    map_values(
        con,
        "judged_segments",
        "SELECT DISTINCT segment, before, earlier FROM suspect_segments WHERE is_suspect ORDER BY ALL",
        lambda *segment: replace_ids(scrub_segment(*segment)),
        ("clean",),
    )
    _create(con, "suspect_parameters")
    map_values(
        con,
        "judged_parameters",
        "SELECT DISTINCT name, value FROM suspect_parameters "
        "WHERE kind NOT IN ('tracking', 'term') AND value <> '' ORDER BY ALL",
        lambda name, value: personal_kind(name, value) or ("user" if replace_ids(value) != value else None),
        ("kind",),
    )
    _create(con, "clean_addresses")


def _judge_texts(con: Connection, replace_ids: Rule, ner_model: str | None) -> None:
    """Scrub suspicious titles, search terms and tags: `judged_texts`, `judged_technical`."""
    from browse_assets.analysis.scrubbing import scrub_technical, scrub_text

    map_values(
        con,
        "judged_texts",
        "SELECT text FROM (SELECT title AS text FROM suspects UNION SELECT terms FROM suspects "
        "UNION SELECT plain FROM suspect_tags) WHERE is_suspect_text(text) OR may_hold_id(text) ORDER BY 1",
        lambda text: replace_ids(scrub_text(text)),
        ("clean",),
    )
    if ner_model is not None:
        _remove_names(con, ner_model)
    map_values(
        con,
        "judged_technical",
        "SELECT DISTINCT technical AS text FROM suspect_tags "
        "WHERE has_personal_pattern(technical) OR may_hold_id(technical) ORDER BY 1",
        lambda text: replace_ids(scrub_technical(text)),
        ("clean",),
    )


def _remove_names(con: Connection, ner_model: str) -> None:
    from browse_assets.analysis.names import find_names, without_names  # Presidio and spaCy: only where asked for

    rows = con.execute("SELECT text, clean FROM judged_texts ORDER BY text").fetchall()
    spans = find_names([clean for _, clean in rows], ner_model)
    clean = [without_names(clean, found) for (_, clean), found in zip(rows, spans, strict=True)]
    con.register("verdicts", _table({"text": [text for text, _ in rows], "clean": clean}))
    con.execute("CREATE OR REPLACE TEMP TABLE judged_texts AS SELECT * FROM verdicts")
    con.unregister("verdicts")


def _table(columns: dict[str, Sequence[str | None]]) -> Any:
    import pyarrow as pa  # 0.1 s

    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
