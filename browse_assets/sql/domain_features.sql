-- What: one row per person, domain and day for the person-days in changed_days.
-- Columns: user_key, domain, day, page_views, sessions, dwell_seconds, first_time, last_time, searches,
--   topic_id.
-- Redirect hops and subframes are events but no page views. Dwell is summed in whole microseconds, so
--   that the sum does not depend on the order of rows.
-- Worked example: two pages of example.com in one session on 1 May, dwell 10 s and unknown: page_views
--   2, sessions 1, dwell_seconds 10.
-- A sensitive topic (health, religion, ...) is not stored about a person: topic_id is NULL.
-- Needs: day_events (scrubbed_events of these days at least), changed_days (user_key, day), reference_domains (domain,
--   topic_id), reference_topics.
SELECT
    events.user_key,
    events.domain,
    events.event_time::DATE AS day,
    count_if(coalesce(events.transition, 'link') NOT IN ('redirect', 'subframe')) AS page_views,
    count(DISTINCT events.session_id) AS sessions,
    sum((events.dwell_seconds * 1000000)::BIGINT)::DOUBLE / 1000000 AS dwell_seconds,
    min(events.event_time) AS first_time,
    max(events.event_time) AS last_time,
    count(events.search_terms) AS searches,
    any_value(topics.topic_id) AS topic_id
FROM day_events AS events
SEMI JOIN changed_days ON changed_days.user_key = events.user_key AND changed_days.day = events.event_time::DATE
LEFT JOIN (
    SELECT domain, topic_id FROM reference_domains
    JOIN reference_topics USING (topic_id) WHERE lower(is_sensitive) = 'false'
) AS topics ON topics.domain = events.domain
GROUP BY ALL
ORDER BY ALL;
