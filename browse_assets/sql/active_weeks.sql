-- What: one row per calendar week that lies wholly within the data.
-- Columns: week (its Monday), people (with any event in it).
-- Worked example: data from Wednesday 1 to Tuesday 14 May 2024: only the week of Monday 6 May.
-- Needs: user_days.
WITH ends AS (
    SELECT min(day) AS first_day, max(day) AS last_day FROM user_days
)
SELECT date_trunc('week', day)::DATE AS week, count(DISTINCT user_key) AS people
FROM user_days CROSS JOIN ends
WHERE date_trunc('week', day) >= first_day AND date_trunc('week', day) + to_days(6) <= last_day
GROUP BY 1
ORDER BY 1;
