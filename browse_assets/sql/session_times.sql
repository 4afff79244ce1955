-- What: one row per person and session up to $as_of: when it began.
-- Columns: user_key, session_id, session_time.
-- Worked example: a session with page views at 10:00 and 10:20: 10:00.
SELECT user_key, session_id, min(event_time) AS session_time
FROM scrubbed_events
WHERE event_time <= $as_of::TIMESTAMP
GROUP BY ALL;
