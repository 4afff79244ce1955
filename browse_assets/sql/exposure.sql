-- What: one row per person: how many sessions up to $as_of, each weighing 2^(-age in days / 14).
-- Columns: user_key, decayed_sessions, decayed_squares (sum of the squares of the weights), sessions, first_time.
-- Weights are summed in whole billionths, so that the sum does not depend on the order of rows.
-- Worked example: one session at as_of and one 14 days before: 1.5, squares 1.25.
-- Needs: session_times up to $as_of.
SELECT
    user_key,
    sum((decay(session_time, $as_of::TIMESTAMP) * 1000000000)::BIGINT)::DOUBLE / 1000000000 AS decayed_sessions,
    sum((decay(session_time, $as_of::TIMESTAMP) ** 2 * 1000000000)::BIGINT)::DOUBLE / 1000000000 AS decayed_squares,
    count(*) AS sessions,
    min(session_time) AS first_time
FROM session_times
GROUP BY user_key
ORDER BY user_key;
