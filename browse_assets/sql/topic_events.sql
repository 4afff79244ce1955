-- What: one row per event up to $as_of on a page whose topic is known.
-- Columns: user_key, item (IAB Content 3.1 topic id), event_time, session_id, domain.
-- Topics marked sensitive (health, religion, politics, ...) are never stored about a person.
-- Worked example: a page of espn.com in a session touches the topic Sports.
-- Needs: page_topics, reference_topics.
SELECT events.user_key, topics.topic_id AS item, events.event_time, events.session_id, events.domain
FROM scrubbed_events AS events
JOIN (
    SELECT pages.page_id, pages.topic_id
    FROM page_topics AS pages
    JOIN reference_topics AS topics USING (topic_id)
    WHERE lower(topics.is_sensitive) <> 'true'
) AS topics USING (page_id)
WHERE events.event_time <= $as_of::TIMESTAMP
  AND coalesce(events.transition, 'link') NOT IN ('redirect', 'subframe');
