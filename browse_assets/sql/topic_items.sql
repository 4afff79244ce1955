-- What: one row per event of topic_events and topic that it touches: the page's own, and those above it.
-- Columns: user_key, item (IAB Content 3.1 topic id), event_time, session_id, domain.
-- Worked example: an event on Tennis is two rows, Tennis and Sports.
-- Needs: topic_events, topic_ancestry.
SELECT user_key, item_id AS item, event_time, session_id, domain
FROM topic_events
JOIN topic_ancestry ON topic_ancestry.topic_id = topic_events.item;
