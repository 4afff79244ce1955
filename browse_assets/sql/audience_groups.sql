-- What: how many people of an audience are in each group that may be released.
-- Columns: dimension (topic, segment or finance_product), item_id, item, parent_item_id, people.
-- In a topic is who is interested in it or in a topic below it. A topic marked sensitive is not here, and
--   the topics below it count as if they stood right below the topic above it.
-- Worked example: 12 people interested in Tennis and 3 others in Sports itself: Tennis 12, Sports 15.
-- Needs: audience (user_key); reference_topics; topic_lineage.
WITH parents AS (
    SELECT topic_id AS item_id, arg_min(item_id, steps) AS parent_item_id
    FROM topic_lineage WHERE steps > 0 GROUP BY ALL
),
members AS (
    SELECT 'topic' AS dimension, lineage.item_id, profile.user_key
    FROM interest_profile AS profile
    JOIN topic_lineage AS lineage USING (topic_id)
    WHERE profile.is_interested
    UNION ALL
    SELECT 'segment', segment_id::VARCHAR, user_key FROM interest_segments
    UNION ALL
    SELECT 'finance_product', finance_product, user_key FROM finance_flags
    WHERE is_interested AND finance_product <> 'payday_loans'
),
counted AS (
    SELECT dimension, item_id, count(DISTINCT user_key) AS people
    FROM members SEMI JOIN audience USING (user_key)
    GROUP BY ALL
),
segments AS (SELECT segment_id::VARCHAR AS item_id, any_value(segment) AS segment FROM interest_segments GROUP BY ALL)
SELECT
    counted.dimension,
    counted.item_id,
    coalesce(topics.topic, segments.segment, replace(counted.item_id, '_', ' ')) AS item,
    parents.parent_item_id,
    counted.people
FROM counted
LEFT JOIN reference_topics AS topics ON counted.dimension = 'topic' AND topics.topic_id = counted.item_id
LEFT JOIN parents ON counted.dimension = 'topic' AND parents.item_id = counted.item_id
LEFT JOIN segments ON counted.dimension = 'segment' AND segments.item_id = counted.item_id
ORDER BY counted.dimension, counted.item_id;
