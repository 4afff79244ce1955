-- What: one row per person and topic of scored_topics, with the topic's names.
-- Columns: those of interest_profile (tables.py).
-- The parent is the nearest topic above that may be stored.
-- Worked example: the item 541 (Tennis): topic 'Tennis', parent_topic 'Sports'; 483 (Sports) has parent NULL.
-- Needs: macros.sql; scored_topics (interest.py, with tier and as_of), touched (touches.sql), topic_ancestry,
--   reference_topics.
SELECT
    scored.* REPLACE (scored.user_key::UUID AS user_key),
    scored.item AS topic_id,
    topics.topic,
    parents.parent_topic,
    touched.evidence,
    evidence_text(scored.sessions, scored.active_days, touched.evidence) AS evidence_text,
    nullif(topics.audience_id, '') AS audience_id
FROM scored_topics AS scored
JOIN touched ON touched.user_key = scored.user_key::UUID AND touched.item = scored.item
JOIN reference_topics AS topics ON topics.topic_id = scored.item
LEFT JOIN (
    SELECT ancestry.topic_id, arg_max(above.topic, ancestry.tier) AS parent_topic
    FROM topic_ancestry AS ancestry
    JOIN reference_topics AS above ON above.topic_id = item_id
    WHERE item_id <> ancestry.topic_id
    GROUP BY 1
) AS parents ON parents.topic_id = scored.item
ORDER BY user_key, tier, rank;
