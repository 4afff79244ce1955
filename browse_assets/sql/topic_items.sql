-- What: one row per event up to $as_of on a page whose topic is known, and topic that it touches: the page's own, and
--   those above it.
-- Columns: user_key, item (IAB Content 3.1 topic id), event_time, session_id, domain.
-- Topics marked sensitive (health, religion, politics, ...) are not here, unless a setting names the purpose.
-- Worked example: a page of a tennis club in a session is two rows, Tennis and Sports.
-- Needs: page_topics, topic_ancestry.
SELECT events.user_key, topics.item_id AS item, events.event_time, events.session_id, events.domain
FROM scrubbed_events AS events
JOIN (SELECT page_id, item_id FROM page_topics JOIN topic_ancestry USING (topic_id)) AS topics USING (page_id)
WHERE events.event_time <= $as_of::TIMESTAMP
  AND coalesce(events.transition, 'link') NOT IN ('redirect', 'subframe');
