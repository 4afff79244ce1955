-- What: one row per picked person: the smallest released group that the person is in.
-- Columns: user_key, people (as released).
-- Worked example: in Sports (36) and in segment 2 (16), in no other: 16. In none: everybody.
-- Needs: picked (user_key); topic_lineage.
WITH members AS (
    SELECT 'topic' AS dimension, lineage.item_id, profile.user_key
    FROM interest_profile AS profile JOIN topic_lineage AS lineage USING (topic_id)
    WHERE profile.is_interested
    UNION ALL
    SELECT 'segment', segment_id::VARCHAR, user_key FROM interest_segments
    UNION ALL
    SELECT 'finance_product', finance_product, user_key FROM finance_flags
    WHERE is_interested AND finance_product <> 'payday_loans'
    UNION ALL
    SELECT 'everybody', 'everybody', user_key FROM picked
)
SELECT picked.user_key, min(released.people) AS people
FROM picked
JOIN members USING (user_key)
JOIN released_audiences AS released USING (dimension, item_id)
GROUP BY ALL
ORDER BY ALL;
