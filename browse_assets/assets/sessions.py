"""Sessions and dwell of new page views, and of the stored ones of the same people that they change.

What belongs here: which events are looked at, by their times and people alone. What does not: the rule
(`sql/sessions.sql`), what page views hold (`scrubbing.py`), writing them (`events.py`).
"""

from datetime import datetime, timedelta

from browse_assets.engine.choice import Connection
from browse_assets.sql import read_sql

# A session lasts at most 24 h and takes up events 1,800 s after its last: none that began earlier than both together
# before an event can reach it, and to know that a session began then, its own start has to be seen.
_REACH = timedelta(hours=48, seconds=1800)
_PAUSE_WITHIN = timedelta(hours=48)

# Between which times a person's sessions are cut anew: from the start of the last session that began before their
# first new event, if it still reaches it; to the first pause after their last new event, since what follows a pause
# depends on nothing before it. Who makes none in 48 h (NULL) has all of what follows cut anew.
SESSION_BOUNDS = """
    WITH news AS (
        SELECT user_key, min(event_time) AS first_new, max(event_time) AS last_new FROM new_events GROUP BY user_key
    ),
    starts AS (
        SELECT events.user_key, session_id, min(events.event_time) AS start_time
        FROM near_events AS events JOIN news ON news.user_key = events.user_key AND events.event_time <= news.first_new
        GROUP BY events.user_key, session_id
    ),
    since AS (SELECT user_key, max(start_time) AS since FROM starts GROUP BY user_key),
    later AS (
        SELECT events.user_key, events.event_time, events.event_time - coalesce(
            lag(events.event_time) OVER (PARTITION BY events.user_key ORDER BY events.event_time), last_new) AS pause
        FROM near_events AS events JOIN news
            ON news.user_key = events.user_key AND events.event_time > last_new
            AND events.event_time <= last_new + INTERVAL 48 HOUR
    ),
    until AS (
        SELECT user_key, min(CASE WHEN pause > INTERVAL 1800 SECOND THEN event_time END) AS until
        FROM later GROUP BY user_key
    )
    SELECT news.user_key, coalesce(since.since, first_new) AS since,
        CASE WHEN until.user_key IS NULL THEN last_new + INTERVAL 48 HOUR ELSE until.until END AS until
    FROM news LEFT JOIN since ON since.user_key = news.user_key LEFT JOIN until ON until.user_key = news.user_key
"""

# The new events, and the stored ones of the same people between these times.
UNSESSIONED = """
    SELECT *, NULL::UUID AS old_session_id, NULL::DOUBLE AS old_seconds, NULL::VARCHAR AS old_method
    FROM new_events
    UNION ALL BY NAME
    SELECT events.event_id, events.user_key, events.event_time,
        CASE WHEN dwell_method <> 'gap' THEN dwell_seconds END AS given_seconds,
        CASE WHEN dwell_method <> 'gap' THEN dwell_method END AS given_kind,
        session_id AS old_session_id, dwell_seconds AS old_seconds, dwell_method AS old_method
    FROM near_events AS events
    JOIN session_bounds ON session_bounds.user_key = events.user_key AND events.event_time >= session_bounds.since
        AND (session_bounds.until IS NULL OR events.event_time < session_bounds.until)
    ANTI JOIN new_events ON new_events.event_id = events.event_id
"""


def cut_sessions(con: Connection, stored: str) -> None:
    """Make the temporary table `sessioned` (see sql/sessions.sql) of `admitted_events`.

    Args:
        con: with `admitted_events` and `user_keys` (user_id, user_key) made.
        stored: the table of scrubbed page views that they come to.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE new_events AS " + read_sql("new_events"))
    first, last = con.execute("SELECT min(event_time), max(event_time) FROM new_events").fetchall()[0]
    _look_near(con, stored, first and first - _REACH, last and last + _PAUSE_WITHIN)
    con.execute("CREATE OR REPLACE TEMP TABLE session_bounds AS " + SESSION_BOUNDS)
    without_end, end = con.execute("SELECT count(*) - count(until), max(until) FROM session_bounds").fetchall()[0]
    _look_near(con, stored, first and first - _REACH, None if without_end else end)
    con.execute("CREATE OR REPLACE TEMP TABLE unsessioned AS " + UNSESSIONED)
    con.execute("CREATE OR REPLACE TEMP TABLE sessioned AS " + read_sql("sessions"))


def _look_near(con: Connection, stored: str, since: datetime | None, until: datetime | None) -> None:
    """Make the view `near_events` of stored page views between two times: constants, which spare what lies outside."""
    bounds = [f"event_time {sign} TIMESTAMP '{time}'" for sign, time in ((">=", since), ("<=", until)) if time]
    where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    con.execute(f"CREATE OR REPLACE TEMP VIEW near_events AS SELECT * FROM {stored}{where}")
