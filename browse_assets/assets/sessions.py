"""Sessions and dwell of new page views, and of the stored ones of the same people that they change.

What belongs here: which events are looked at, by their times and people alone. What does not: the rule
(`sql/sessions.sql`), what page views hold (`scrubbing.py`), writing them (`events.py`).
"""

from datetime import timedelta

from browse_assets.engine.choice import Connection
from browse_assets.sql import read_sql

# A session lasts at most 24 h and takes up events 1,800 s after its last: none that began earlier than both together
# before an event can reach it, and to know that a session began then, its own start has to be seen.
_REACH = timedelta(hours=48, seconds=1800)

# Since when a person's sessions are cut anew: the start of the last session that began before their
# first new event, if it still reaches it.
SESSION_STARTS = """
    WITH news AS (SELECT user_key, min(event_time) AS first_new FROM new_events GROUP BY ALL),
    starts AS (
        SELECT user_key, session_id, min(event_time) AS start_time
        FROM stored_events SEMI JOIN news USING (user_key)
        GROUP BY ALL
    )
    SELECT news.user_key, coalesce(max(starts.start_time), any_value(news.first_new)) AS since
    FROM news LEFT JOIN starts ON starts.user_key = news.user_key AND starts.start_time <= news.first_new
    GROUP BY news.user_key
"""

# The new events, and the stored ones of the same people since then.
UNSESSIONED = """
    SELECT *, NULL::UUID AS old_session_id, NULL::DOUBLE AS old_seconds, NULL::VARCHAR AS old_method
    FROM new_events
    UNION ALL BY NAME
    SELECT events.event_id, events.user_key, events.event_time,
        CASE WHEN dwell_method <> 'gap' THEN dwell_seconds END AS given_seconds,
        CASE WHEN dwell_method <> 'gap' THEN dwell_method END AS given_kind,
        session_id AS old_session_id, dwell_seconds AS old_seconds, dwell_method AS old_method
    FROM stored_events AS events
    JOIN session_starts ON session_starts.user_key = events.user_key AND events.event_time >= session_starts.since
    ANTI JOIN new_events ON new_events.event_id = events.event_id
"""


def cut_sessions(con: Connection, stored: str) -> None:
    """Make the temporary table `sessioned` (see sql/sessions.sql) of `admitted_events`.

    Args:
        con: with `admitted_events` and `user_keys` (user_id, user_key) made.
        stored: the table of scrubbed page views that they come to.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE new_events AS " + read_sql("new_events"))
    first = con.execute("SELECT min(event_time) FROM new_events").fetchone()
    since = f" WHERE event_time >= TIMESTAMP '{first[0] - _REACH}'" if first and first[0] else ""
    con.execute(f"CREATE OR REPLACE TEMP VIEW stored_events AS SELECT * FROM {stored}{since}")
    con.execute("CREATE OR REPLACE TEMP TABLE session_starts AS " + SESSION_STARTS)
    con.execute("CREATE OR REPLACE TEMP TABLE unsessioned AS " + UNSESSIONED)
    con.execute("CREATE OR REPLACE TEMP TABLE sessioned AS " + read_sql("sessions"))
