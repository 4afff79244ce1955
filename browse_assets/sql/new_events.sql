-- What: one row per admitted page view, as far as sessions need it.
-- Columns: event_id, user_key, event_time, given_seconds, given_kind (what its source says of the time on the page).
-- Worked example: a page view of ann at 10:00, 12 s in the foreground: (event, key of ann, 10:00, 12, foreground).
-- Needs: admitted_events, user_keys (user_id, user_key).
SELECT event_id, user_key, event_time, duration_seconds AS given_seconds, duration_kind AS given_kind
FROM admitted_events
JOIN user_keys USING (user_id);
