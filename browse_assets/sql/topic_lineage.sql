-- What: one row per topic and topic at or above it, but for those marked sensitive.
-- Columns: topic_id (sensitive or not), item_id (the topic itself or one above, not sensitive), steps up.
-- Worked example: Tennis (541) below Sports (483): (541, 541, 0), (541, 483, 1), (483, 483, 0).
-- Needs: reference_topics.
WITH RECURSIVE above AS (
    SELECT topic_id, topic_id AS item_id, 0 AS steps FROM reference_topics
    UNION ALL
    SELECT above.topic_id, topics.parent_topic_id, above.steps + 1
    FROM above JOIN reference_topics AS topics ON topics.topic_id = above.item_id
    WHERE topics.parent_topic_id <> ''
)
SELECT above.*
FROM above
SEMI JOIN (SELECT topic_id FROM reference_topics WHERE lower(is_sensitive) = 'false') AS shown
    ON shown.topic_id = above.item_id
ORDER BY ALL;
