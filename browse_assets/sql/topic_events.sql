-- What: one row per event up to $as_of on a page whose topic is known.
-- Columns: user_key, item (IAB Content 3.1 topic id), event_time, session_id, domain.
-- Topics marked sensitive (health, religion, politics, ...) are not here, unless a setting names the purpose.
-- Worked example: a page of espn.com in a session touches the topic Sports.
-- Needs: page_topics, topic_ancestry.
SELECT events.user_key, topics.topic_id AS item, events.event_time, events.session_id, events.domain
FROM scrubbed_events AS events
JOIN (SELECT * FROM page_topics SEMI JOIN topic_ancestry USING (topic_id)) AS topics USING (page_id)
WHERE events.event_time <= $as_of::TIMESTAMP
  AND coalesce(events.transition, 'link') NOT IN ('redirect', 'subframe');
