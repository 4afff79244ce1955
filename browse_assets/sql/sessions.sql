-- What: one row per event of `unsessioned` that is new, or whose session or dwell is another than the stored one.
-- Columns: event_id, session_id, dwell_seconds, dwell_method (tables.py: scrubbed_events), is_stored.
-- A session is a person's events in time order; a new one starts after a gap of more than 1,800 s, or
--   at the first event more than 24 h after the session's start. Sources: PostHog, Google Analytics.
--   Ties in time are ordered by event_id: without that, sessions differ between runs.
-- Dwell is the source's own where it gives one, else the time to the session's next event when that is
--   at most 300 s, else unknown.
-- Worked example: events at 0 s, 100 s, 1900.000 s, 3700.001 s: gaps 100, 1800 and 1800.001, so two
--   sessions; dwell 100 s by gap, unknown, unknown, unknown.
-- Needs: unsessioned, whose events of each person begin at a session's start: event_id, user_key, event_time,
--   given_seconds, given_kind, and old_session_id, old_seconds, old_method, which tell what is stored (NULL: new).
WITH ordered AS (
    SELECT
        event_id,
        user_key,
        event_time,
        coalesce(event_time - lag(event_time) OVER person > INTERVAL 1800 SECOND, TRUE) AS after_gap
    FROM unsessioned
    WINDOW person AS (PARTITION BY user_key ORDER BY event_time, event_id)
),
islands AS (
    SELECT
        *,
        count_if(after_gap) OVER (
            PARTITION BY user_key ORDER BY event_time, event_id ROWS UNBOUNDED PRECEDING) AS island
    FROM ordered
),
long_islands AS (
    SELECT user_key, island
    FROM islands
    GROUP BY user_key, island
    HAVING max(event_time) > min(event_time) + INTERVAL 24 HOUR
),
-- Each cut follows from the one before; both engines go through the times of an island once, in order.
cuts AS (
    SELECT
        user_key,
        island,
        list_reduce(
            list_transform(list(event_time ORDER BY event_time), lambda t: [t]),
            lambda found, t: CASE WHEN t[1] > found[-1] + INTERVAL 24 HOUR THEN found || t ELSE found END) AS cut_times
    FROM islands
    SEMI JOIN long_islands USING (user_key, island)
    GROUP BY user_key, island
),
placed AS (
    SELECT
        islands.event_id,
        islands.user_key,
        islands.event_time,
        islands.island,
        list_max(list_filter(cuts.cut_times, lambda t: t <= islands.event_time)) AS cut_time
    FROM islands
    LEFT JOIN cuts USING (user_key, island)
),
sessioned AS (
    SELECT
        event_id,
        first_value(event_id) OVER session_window AS session_id,
        epoch_us(lead(event_time) OVER session_window - event_time) / 1e6 AS gap_seconds
    FROM placed
    WINDOW session_window AS (
        PARTITION BY user_key, island, cut_time ORDER BY event_time, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
),
timed AS (
    SELECT
        event_id,
        sessioned.session_id,
        coalesce(given_seconds, CASE WHEN gap_seconds <= 300 THEN gap_seconds END) AS dwell_seconds,
        CASE
            WHEN given_seconds IS NOT NULL THEN given_kind
            WHEN gap_seconds <= 300 THEN 'gap'
        END AS dwell_method,
        old_session_id,
        old_seconds,
        old_method
    FROM unsessioned
    JOIN sessioned USING (event_id)
)
SELECT event_id, session_id, dwell_seconds, dwell_method, old_session_id IS NOT NULL AS is_stored
FROM timed
WHERE old_session_id IS DISTINCT FROM session_id
    OR old_seconds IS DISTINCT FROM dwell_seconds
    OR old_method IS DISTINCT FROM dwell_method;
