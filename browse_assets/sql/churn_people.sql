-- What: one row per person and snapshot time: who is looked at when, and what customers/churn_labels says.
-- Columns: user_key, snapshot_time, label_source (rule, or given where there is any label), is_labelled, is_clear (all
--   labels of the person for this time can be read and say the same), given_churned.
-- By the rule: everybody whose first day is over at a snapshot time. With labels: who is labelled, at the label's time
--   (never later than $score_time; $default_label_time where it has none), and everybody known at $score_time.
-- Worked example: labels of ann for 1 May (yes) and 1 June (maybe): (ann, 1 May, given, true, true, true), (ann, 1 June,
--   given, true, false, NULL), (ann, $score_time, given, false, NULL, NULL).
-- Needs: user_days, snapshot_times (snapshot_time), given_labels, customer_people (user_key); $score_time,
--   $default_label_time (NULL: a label without a time is not used).
WITH labelled AS (
    SELECT user_key, least(coalesce(event_time, $default_label_time::TIMESTAMP), $score_time::TIMESTAMP) AS snapshot_time,
        churned
    FROM given_labels
    WHERE NOT is_time_unread AND coalesce(event_time, $default_label_time::TIMESTAMP) IS NOT NULL
),
labels AS (
    SELECT user_key, snapshot_time, count(*) = count(churned) AND count(DISTINCT churned) = 1 AS is_clear,
        bool_and(churned) AS given_churned
    FROM labelled
    GROUP BY ALL
),
known AS (
    SELECT user_key, min(day) AS known_since FROM user_days GROUP BY ALL
),
people AS (
    SELECT known.user_key, snapshots.snapshot_time, 'rule' AS label_source
    FROM known
    JOIN snapshot_times AS snapshots ON known.known_since < snapshots.snapshot_time::DATE
    WHERE NOT EXISTS (SELECT 1 FROM given_labels)
    UNION ALL
    SELECT user_key, $score_time::TIMESTAMP, 'given'
    FROM (
        SELECT user_key FROM known WHERE known_since < $score_time::TIMESTAMP::DATE
        UNION SELECT user_key FROM customer_people
    )
    WHERE EXISTS (SELECT 1 FROM given_labels)
    UNION ALL
    SELECT user_key, snapshot_time, 'given' FROM labels WHERE snapshot_time < $score_time::TIMESTAMP
)
SELECT
    people.*,
    labels.user_key IS NOT NULL AS is_labelled,
    labels.is_clear,
    CASE WHEN labels.is_clear THEN labels.given_churned END AS given_churned
FROM people
LEFT JOIN labels ON labels.user_key = people.user_key AND labels.snapshot_time = people.snapshot_time
ORDER BY people.user_key, people.snapshot_time;
