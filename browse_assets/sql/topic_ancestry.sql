-- What: one row per topic that may be stored about a person, and topic at or above it that may.
-- Columns: topic_id, item_id (the topic itself or one above), tier (of item_id, 1 = first tier).
-- A session that touches a topic touches those above it: Soccer is Sports. What may not be stored is neither
--   there itself nor does it touch what stands above it.
-- Worked example: Tennis (541) below Sports (483): (541, 541, 2), (541, 483, 1), (483, 483, 1).
-- Needs: reference_topics; $with_sensitive, whether a setting names a purpose for sensitive topics.
WITH RECURSIVE tiers AS (
    SELECT topic_id, 1 AS tier, [topic_id] AS path FROM reference_topics WHERE coalesce(parent_topic_id, '') = ''
    UNION ALL
    SELECT topics.topic_id, tiers.tier + 1, list_append(tiers.path, topics.topic_id)
    FROM reference_topics AS topics JOIN tiers ON topics.parent_topic_id = tiers.topic_id
),
storable AS (
    SELECT topic_id FROM reference_topics WHERE $with_sensitive::BOOLEAN OR lower(is_sensitive) = 'false'
),
above AS (
    SELECT topic_id, unnest(path) AS item_id, generate_subscripts(path, 1) AS tier
    FROM tiers SEMI JOIN storable USING (topic_id)
)
SELECT above.* FROM above SEMI JOIN storable ON storable.topic_id = above.item_id
ORDER BY ALL;
