-- What: one row per person and day with any event, for the person-days in changed_days.
-- Columns: user_key, day, page_views, sessions, domains, dwell_seconds, devices, longest_gap_hours,
--   searches, first_time, last_time.
-- Worked example: events at 08:00, 09:00 and 20:00: longest_gap_hours 11.
-- Needs: day_events (scrubbed_events of these days at least), changed_days (user_key, day).
WITH events AS (
    SELECT
        *,
        event_time::DATE AS day,
        epoch_us(event_time - lag(event_time) OVER (
            PARTITION BY user_key, event_time::DATE ORDER BY event_time, event_id)) / 3.6e9 AS gap_hours
    FROM day_events
    SEMI JOIN changed_days
        ON changed_days.user_key = day_events.user_key
        AND changed_days.day = day_events.event_time::DATE
)
SELECT
    user_key,
    day,
    count_if(coalesce(transition, 'link') NOT IN ('redirect', 'subframe')) AS page_views,
    count(DISTINCT session_id) AS sessions,
    count(DISTINCT domain) AS domains,
    sum((dwell_seconds * 1000000)::BIGINT)::DOUBLE / 1000000 AS dwell_seconds,
    nullif(count(DISTINCT device), 0) AS devices,
    max(gap_hours) AS longest_gap_hours,
    count(search_terms) AS searches,
    min(event_time) AS first_time,
    max(event_time) AS last_time
FROM events
GROUP BY ALL
ORDER BY ALL;
