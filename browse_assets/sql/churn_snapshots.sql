-- What: one row per person and snapshot time t0 of snapshot_times that comes after the person's first day.
-- Columns: those of churn_snapshots (tables.py).
-- Features see (t0 - W, t0], the outcome is no activity in (t0 + g, t0 + g + H]. A day that t0 cuts in two
--   counts for neither side. Dwell and shares are of sums of whole numbers, so order does not matter.
-- Who was silent for H days at t0 has stopped by the same rule already: to foretell that is no foretelling,
--   so the row is not eligible.
-- Worked example: W = 28, g = 7, H = 14, t0 = 1 May: active on 20 April and 10 May: churned is false
--   (10 May lies in (8 May, 22 May]); days_since_last is counted from the last event up to t0.
-- Needs: user_days, domain_features, reference_finance_domains, snapshot_times (snapshot_time);
--   $as_of, $observed_until (the last midnight up to as_of), $window_days, $gap_days, $outcome_days.
WITH days AS (
    SELECT
        snapshots.snapshot_time,
        days.*,
        date_diff('day', days.day, snapshots.snapshot_time::DATE) AS age_days,
        lag(days.day) OVER (PARTITION BY snapshots.snapshot_time, days.user_key ORDER BY days.day) AS day_before
    FROM snapshot_times AS snapshots
    JOIN user_days AS days
        ON days.last_time <= snapshots.snapshot_time
        AND days.first_time > snapshots.snapshot_time - to_days($window_days::INTEGER)
),
history AS (
    SELECT
        snapshots.snapshot_time,
        days.user_key,
        min(days.first_time) AS first_ever,
        max(days.last_time) AS last_ever
    FROM snapshot_times AS snapshots
    JOIN user_days AS days ON days.last_time <= snapshots.snapshot_time
    GROUP BY ALL
),
activity AS (
    SELECT
        snapshot_time,
        user_key,
        count(*)::DOUBLE AS active_days,
        count_if(age_days <= 7)::DOUBLE AS active_days_7,
        count_if(age_days <= 28)::DOUBLE AS active_days_28,
        sum(page_views)::DOUBLE AS page_views,
        coalesce(sum(page_views) FILTER (age_days <= 28), 0)::DOUBLE AS page_views_28,
        sum(sessions)::DOUBLE AS sessions,
        coalesce(sum(sessions) FILTER (age_days <= 28), 0)::DOUBLE AS sessions_28,
        sum(sessions)::DOUBLE / count(*) AS sessions_per_active_day,
        (count_if(age_days <= $window_days / 2) - count_if(age_days > $window_days / 2))::DOUBLE / count(*) AS trend,
        sum(date_diff('day', day_before, day))::DOUBLE / nullif(count(day_before), 0) AS gap_mean_days,
        max(date_diff('day', day_before, day))::DOUBLE AS gap_max_days,
        sum((dwell_seconds * 1000000)::BIGINT)::DOUBLE / 1000000 / nullif(sum(sessions) FILTER (dwell_seconds IS NOT NULL), 0)
            AS dwell_per_session,
        sum(domains)::DOUBLE / count(*) AS domains_per_active_day,
        sum(searches)::DOUBLE AS searches,
        coalesce(sum(page_views) FILTER (isodow(day) >= 6), 0)::DOUBLE / nullif(sum(page_views), 0) AS weekend_share
    FROM days
    GROUP BY ALL
),
mix AS (
    SELECT
        snapshots.snapshot_time,
        features.user_key,
        count(DISTINCT features.domain)::DOUBLE AS distinct_domains,
        count(DISTINCT features.topic_id)::DOUBLE AS distinct_topics,
        coalesce(sum(features.page_views) FILTER (finance.domain IS NOT NULL), 0)::DOUBLE
            / nullif(sum(features.page_views), 0) AS finance_share
    FROM snapshot_times AS snapshots
    JOIN domain_features AS features
        ON features.last_time <= snapshots.snapshot_time
        AND features.first_time > snapshots.snapshot_time - to_days($window_days::INTEGER)
    LEFT JOIN reference_finance_domains AS finance ON finance.domain = features.domain
    GROUP BY ALL
),
later AS (
    SELECT DISTINCT snapshots.snapshot_time, days.user_key
    FROM snapshot_times AS snapshots
    JOIN user_days AS days
        ON days.last_time > snapshots.snapshot_time + to_days($gap_days::INTEGER)
        AND days.first_time <= snapshots.snapshot_time + to_days($gap_days::INTEGER + $outcome_days::INTEGER)
),
judged AS (
    SELECT
        history.*,
        history.snapshot_time + to_days($gap_days::INTEGER + $outcome_days::INTEGER) <= $observed_until::TIMESTAMP AS is_observed,
        history.last_ever > history.snapshot_time - to_days($outcome_days::INTEGER) AS is_active,
        later.user_key IS NOT NULL AS is_back
    FROM history
    LEFT JOIN activity USING (snapshot_time, user_key)
    LEFT JOIN later USING (snapshot_time, user_key)
)
SELECT
    judged.user_key,
    judged.snapshot_time,
    judged.is_observed AND judged.is_active AS eligible,
    CASE
        WHEN NOT judged.is_active THEN 'already_stopped'
        WHEN NOT judged.is_observed THEN 'outcome_not_observed'
    END AS reason,
    CASE WHEN judged.is_observed THEN NOT judged.is_back END AS churned,
    epoch_us(judged.snapshot_time - judged.last_ever) / 86400e6 AS days_since_last,
    epoch_us(judged.snapshot_time - judged.first_ever) / 86400e6 AS tenure_days,
    activity.* EXCLUDE (snapshot_time, user_key),
    mix.* EXCLUDE (snapshot_time, user_key),
    $as_of::TIMESTAMP AS as_of
FROM judged
LEFT JOIN activity USING (snapshot_time, user_key)
LEFT JOIN mix USING (snapshot_time, user_key)
ORDER BY judged.user_key, judged.snapshot_time;
