-- What: one row per number of whole weeks since a person's first day, counted over all people.
-- Columns: week (0 is the first), observed (people whose week of that number lies wholly up to the last day),
--   active (those of them with any event in it).
-- Worked example: first day 1 May, active on 1 and 20 May, data up to 22 May: observed in weeks 0 to 2,
--   active in weeks 0 and 2.
-- Needs: user_days.
WITH people AS (
    SELECT user_key, min(day) AS first_day FROM user_days GROUP BY user_key
),
ends AS (
    SELECT max(day) AS last_day FROM user_days
),
observed AS (
    SELECT people.user_key, people.first_day, unnest(range((date_diff('day', first_day, last_day) + 1) // 7)) AS week
    FROM people CROSS JOIN ends
),
active AS (
    SELECT DISTINCT days.user_key, date_diff('day', people.first_day, days.day) // 7 AS week
    FROM user_days AS days
    JOIN people USING (user_key)
)
SELECT week, count(*) AS observed, count(active.user_key) AS active
FROM observed
LEFT JOIN active USING (user_key, week)
GROUP BY week
ORDER BY week;
