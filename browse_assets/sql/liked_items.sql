-- What: one row per person and topic or named product: what a person looks at, in words.
-- Columns: user_key, text, weight (topics and products of a person weigh one each in all).
-- A topic above another of the person's is left out: the lower one says more, and has the same sessions.
-- Worked example: two topics with shares 0.3 and 0.1, no product: weights 0.75 and 0.25.
-- Needs: interest_profile, product_interest, products.
SELECT user_key::VARCHAR AS user_key, text, sum(weight) AS weight
FROM (
    SELECT user_key, topic AS text, share / nullif(sum(share) OVER (PARTITION BY user_key), 0) AS weight
    FROM interest_profile AS mine
    WHERE NOT EXISTS (
        FROM interest_profile AS below WHERE below.user_key = mine.user_key AND below.parent_topic = mine.topic)
    UNION ALL
    SELECT user_key, concat_ws(' ', name, category) AS text,
        sessions / sum(sessions) OVER (PARTITION BY user_key) AS weight
    FROM product_interest JOIN products USING (product_id)
    WHERE name IS NOT NULL
)
WHERE weight > 0
GROUP BY ALL
ORDER BY ALL;
