-- What: one row per person and snapshot time t0 of snapshot_people.
-- Columns: those of churn_snapshots (tables.py).
-- Features see (t0 - W, t0] (tenure, history, lifecycle and days since the last of anything: all up to t0), the outcome is
--   no activity in (t0 + g, t0 + g + H]. Days are whole: the one that t0 lies in is not seen, whatever came later on it.
--   Shares, means and entropies are of sums of whole numbers or of sorted lists, so that order does not matter.
-- Who was silent for H days at t0 has stopped by the same rule already: to foretell that is no foretelling.
-- Where a tenth of the outcome window's days or more are coverage holes, nobody of the snapshot is eligible: to leave out
--   only those who stayed away would leave a sample in which nobody does.
-- Tracking lost: no browsing in the outcome window, but in it, and more than 14 days after the last page view, a
--   transaction (no refund) or a service interaction (none that ends the contract). Nothing after the window is looked at.
-- Labels given (label_source given) replace all of that.
-- Worked example: W = 28, g = 7, H = 14, t0 = 1 May: active on 20 April and 10 May: churned is false
--   (10 May lies in (8 May, 22 May]); days_since_last is counted from the last event up to t0. Without 10 May, but with
--   a payment on 12 May: tracking_lost, and churned is NULL.
-- Needs: macros.sql; snapshot_people, user_days, domain_features, transactions, service_interactions, coarse_attributes (user_key,
--   snapshot_time or NULL for any, name, content, own_day, coarse_day), attribute_times (user_key, snapshot_time,
--   latest_time), hole_days (day), reference_finance_domains, reference_domains, reference_topics; $as_of,
--   $observed_until (the last midnight up to as_of), $window_days, $gap_days, $outcome_days.
WITH people AS (
    SELECT
        *,
        snapshot_time - to_days($window_days::INTEGER) AS window_start,
        snapshot_time + to_days($gap_days::INTEGER) AS outcome_start,
        snapshot_time + to_days($gap_days::INTEGER + $outcome_days::INTEGER) AS outcome_end
    FROM snapshot_people
),
-- What each table can tell at a time: with no row of anybody up to t0, its counts are unknown, not 0.
present AS (
    SELECT
        snapshot_time,
        snapshot_time::DATE > (SELECT min(day) FROM user_days) AS has_browsing,
        snapshot_time >= (SELECT min(event_time) FROM transactions) AS has_transactions,
        snapshot_time >= (SELECT min(event_time) FROM service_interactions) AS has_service,
        (SELECT count(*) FROM hole_days AS holes
            WHERE holes.day >= window_start::DATE AND holes.day < snapshot_time::DATE) AS hole_days,
        (SELECT count(*) FROM hole_days AS holes
            WHERE holes.day >= outcome_start::DATE AND holes.day < outcome_end::DATE) AS outcome_hole_days
    FROM (SELECT DISTINCT snapshot_time, window_start, outcome_start, outcome_end FROM people)
),
history AS (
    SELECT
        people.snapshot_time,
        people.user_key,
        min(days.first_time) FILTER (days.day < people.snapshot_time::DATE) AS first_ever,
        max(days.last_time) FILTER (days.day < people.snapshot_time::DATE) AS last_ever,
        max(days.last_time) FILTER (days.last_time <= people.outcome_start) AS last_before_outcome,
        count_if(days.day < people.snapshot_time::DATE)::DOUBLE AS history_days,
        count_if(days.day < people.snapshot_time::DATE AND days.last_time > people.snapshot_time - INTERVAL 28 DAY)
            AS recent_days,
        count_if(days.last_time <= people.snapshot_time - INTERVAL 28 DAY
            AND days.last_time > people.snapshot_time - INTERVAL 56 DAY) AS days_before_that,
        coalesce(bool_or(days.last_time > people.outcome_start AND days.first_time <= people.outcome_end), FALSE) AS is_back
    FROM user_days AS days
    JOIN people ON people.user_key = days.user_key
    GROUP BY ALL
),
days AS (
    SELECT
        people.snapshot_time,
        days.*,
        date_diff('day', days.day, people.snapshot_time::DATE) AS age_days,
        date_diff('day', lag(days.day) OVER (PARTITION BY people.snapshot_time, days.user_key ORDER BY days.day), days.day)
            AS gap_days
    FROM user_days AS days
    JOIN people ON people.user_key = days.user_key
        AND days.day < people.snapshot_time::DATE
        AND days.first_time > people.window_start
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
        (coalesce(sum(page_views) FILTER (age_days <= $window_days / 2), 0)
            - coalesce(sum(page_views) FILTER (age_days > $window_days / 2), 0))::DOUBLE / nullif(sum(page_views), 0)
            AS page_view_trend,
        sum(gap_days)::DOUBLE / nullif(count(gap_days), 0) AS gap_mean_days,
        max(gap_days)::DOUBLE AS gap_max_days,
        CASE WHEN count(gap_days) >= 2 THEN
            sqrt(greatest(count(gap_days) * sum(gap_days * gap_days) - sum(gap_days) ^ 2, 0)::DOUBLE) / sum(gap_days)
        END AS gap_variation,
        sum((dwell_seconds * 1000000)::BIGINT)::DOUBLE / 1000000 / nullif(sum(sessions) FILTER (dwell_seconds IS NOT NULL), 0)
            AS dwell_per_session,
        sum(domains)::DOUBLE / count(*) AS domains_per_active_day,
        max(devices)::DOUBLE AS devices,
        sum(searches)::DOUBLE AS searches,
        coalesce(sum(page_views) FILTER (isodow(day) >= 6), 0)::DOUBLE / nullif(sum(page_views), 0) AS weekend_share,
        max(last_time) AS latest_time
    FROM days
    GROUP BY ALL
),
weekdays AS (
    SELECT snapshot_time, user_key, entropy(counts) / ln(7) AS weekday_entropy
    FROM (
        SELECT snapshot_time, user_key, list(n ORDER BY n) AS counts
        FROM (SELECT snapshot_time, user_key, isodow(day) AS weekday, count(*)::DOUBLE AS n FROM days GROUP BY ALL)
        GROUP BY ALL
    )
),
visits AS (
    SELECT people.snapshot_time, features.user_key, features.domain, features.topic_id,
        sum(features.page_views)::DOUBLE AS page_views, max(features.last_time) AS latest_time
    FROM domain_features AS features
    JOIN people ON people.user_key = features.user_key
        AND features.day < people.snapshot_time::DATE
        AND features.first_time > people.window_start
    GROUP BY ALL
),
-- Payday loans and domains of a sensitive topic (debt) are no part of the mix: nothing is made of them about a person.
finance AS (
    SELECT domain FROM reference_finance_domains
    WHERE kind <> 'payday' AND default_product IS DISTINCT FROM 'payday_loans'
      AND domain NOT IN (
        SELECT listed.domain FROM reference_domains AS listed
        JOIN reference_topics AS topics USING (topic_id) WHERE lower(topics.is_sensitive) <> 'false')
),
mix AS (
    SELECT
        visits.snapshot_time,
        visits.user_key,
        count(DISTINCT visits.domain)::DOUBLE AS distinct_domains,
        count(DISTINCT visits.topic_id)::DOUBLE AS distinct_topics,
        max(visits.page_views) / nullif(sum(visits.page_views), 0) AS top_domain_share,
        coalesce(sum(visits.page_views) FILTER (finance.domain IS NOT NULL), 0) / nullif(sum(visits.page_views), 0)
            AS finance_share,
        count(DISTINCT finance.domain)::DOUBLE AS finance_domains,
        max(visits.latest_time) AS latest_time
    FROM visits
    LEFT JOIN finance ON finance.domain = visits.domain
    GROUP BY ALL
),
topics AS (
    SELECT snapshot_time, user_key,
        len(counts)::DOUBLE AS first_tier_topics,
        list_max(counts) / nullif(list_sum(counts), 0) AS top_topic_share,
        entropy(counts) AS topic_entropy
    FROM (
        SELECT snapshot_time, user_key, list(page_views ORDER BY page_views) AS counts
        FROM (
            SELECT visits.snapshot_time, visits.user_key, listed.tier_1, sum(visits.page_views) AS page_views
            FROM visits
            JOIN reference_topics AS listed ON listed.topic_id = visits.topic_id AND lower(listed.is_sensitive) = 'false'
            GROUP BY ALL
        )
        GROUP BY ALL
    )
),
bought AS (
    SELECT
        people.snapshot_time,
        people.user_key,
        count_if(bought.event_time > people.window_start)::DOUBLE AS transactions,
        count_if(bought.event_time > people.snapshot_time - INTERVAL 28 DAY)::DOUBLE AS transactions_28,
        sum((bought.amount * 10000)::HUGEINT) FILTER (bought.event_time > people.window_start)::DOUBLE / 10000
            AS transaction_amount,
        sum((bought.amount * 10000)::HUGEINT) FILTER (bought.event_time > people.snapshot_time - INTERVAL 28 DAY)::DOUBLE / 10000
            AS transaction_amount_28,
        sum((bought.amount * 10000)::HUGEINT) FILTER (bought.event_time > people.window_start)::DOUBLE / 10000
            / nullif(count(bought.amount) FILTER (bought.event_time > people.window_start), 0) AS transaction_mean,
        (count_if(bought.event_time > people.snapshot_time - to_days($window_days::INTEGER) / 2)
            - count_if(bought.event_time <= people.snapshot_time - to_days($window_days::INTEGER) / 2
                AND bought.event_time > people.window_start))::DOUBLE
            / nullif(count_if(bought.event_time > people.window_start), 0) AS transaction_trend,
        (count(DISTINCT bought.kind) FILTER (bought.event_time > people.window_start))::DOUBLE AS transaction_kinds,
        count_if(bought.amount < 0 AND bought.event_time > people.window_start)::DOUBLE AS refunds,
        max(bought.event_time) AS latest_time
    FROM transactions AS bought
    JOIN people ON people.user_key = bought.user_key AND bought.event_time <= people.snapshot_time
    GROUP BY ALL
),
served AS (
    SELECT
        people.snapshot_time,
        people.user_key,
        count_if(served.event_time > people.window_start)::DOUBLE AS service_interactions,
        count_if(served.event_time > people.snapshot_time - INTERVAL 28 DAY)::DOUBLE AS service_interactions_28,
        (count(DISTINCT served.channel) FILTER (served.event_time > people.window_start))::DOUBLE AS service_channels,
        (count(DISTINCT served.topic) FILTER (served.event_time > people.window_start))::DOUBLE AS service_topics,
        count_if(NOT served.is_resolved AND served.event_time > people.window_start)::DOUBLE
            / nullif(count(served.is_resolved) FILTER (served.event_time > people.window_start), 0) AS service_unresolved_share,
        max(served.event_time) AS latest_time
    FROM service_interactions AS served
    JOIN people ON people.user_key = served.user_key AND served.event_time <= people.snapshot_time
    GROUP BY ALL
),
signs_of_life AS (
    SELECT user_key, event_time FROM transactions
    WHERE coalesce(amount, 0) >= 0 AND NOT regexp_matches(coalesce(kind, ''), 'refund|chargeback|cancel|reversal')
    UNION ALL
    SELECT user_key, event_time FROM service_interactions
    WHERE NOT regexp_matches(coalesce(topic, ''), 'cancel|clos|terminat|delet|leav|quit|unsubscri|end of contract|kündig')
),
elsewhere AS (
    SELECT DISTINCT people.snapshot_time, people.user_key
    FROM signs_of_life AS signs
    JOIN people ON people.user_key = signs.user_key
        AND signs.event_time > people.outcome_start AND signs.event_time <= people.outcome_end
    JOIN history ON history.user_key = people.user_key AND history.snapshot_time = people.snapshot_time
        AND signs.event_time > history.last_before_outcome + INTERVAL 14 DAY
),
attributes AS (
    SELECT snapshot_time, user_key, map_from_entries(list({'k': name, 'v': content} ORDER BY name)) AS attributes
    FROM (
        SELECT people.snapshot_time, people.user_key,
            CASE WHEN coarse.own_day IS NULL THEN coarse.name ELSE 'days_since_' || coarse.name END AS name,
            -- A day that is still to come at t0 is not known then.
            CASE WHEN coarse.own_day IS NULL THEN coarse.content
                WHEN coarse.own_day <= date_diff('day', DATE '1970-01-01', people.snapshot_time::DATE)
                THEN greatest(date_diff('day', DATE '1970-01-01', people.snapshot_time::DATE) - coarse.coarse_day, 0)::VARCHAR
            END AS content
        FROM coarse_attributes AS coarse
        JOIN people ON people.user_key = coarse.user_key
            AND (coarse.snapshot_time IS NULL OR coarse.snapshot_time = people.snapshot_time)
    )
    WHERE content IS NOT NULL
    GROUP BY ALL
),
judged AS (
    SELECT
        people.*,
        history.* EXCLUDE (snapshot_time, user_key),
        present.* EXCLUDE (snapshot_time),
        people.outcome_end <= $observed_until::TIMESTAMP AS is_observed,
        history.last_ever > people.snapshot_time - to_days($outcome_days::INTEGER) AS is_active,
        present.outcome_hole_days * 10 >= $outcome_days AS is_uncovered,
        NOT coalesce(history.is_back, FALSE) AND elsewhere.user_key IS NOT NULL AS is_lost
    FROM people
    JOIN present ON present.snapshot_time = people.snapshot_time
    LEFT JOIN history ON history.user_key = people.user_key AND history.snapshot_time = people.snapshot_time
    LEFT JOIN elsewhere ON elsewhere.user_key = people.user_key AND elsewhere.snapshot_time = people.snapshot_time
),
labelled AS (
    SELECT
        *,
        CASE
            WHEN label_source = 'given' AND NOT is_labelled THEN 'no_label'
            WHEN label_source = 'given' AND NOT is_clear THEN 'label_unclear'
            WHEN label_source = 'given' THEN NULL
            WHEN NOT is_active THEN 'already_stopped'
            WHEN NOT is_observed THEN 'outcome_not_observed'
            WHEN is_uncovered THEN 'coverage_hole'
            WHEN is_lost THEN 'tracking_lost'
        END AS reason,
        CASE
            WHEN label_source = 'given' THEN given_churned
            WHEN NOT is_observed THEN NULL
            WHEN is_back THEN FALSE
            WHEN NOT is_uncovered AND NOT is_lost THEN TRUE
        END AS churned
    FROM judged
)
SELECT
    labelled.user_key,
    labelled.snapshot_time,
    labelled.reason IS NULL AS eligible,
    labelled.reason,
    labelled.churned,
    labelled.label_source,
    list_max([activity.latest_time, mix.latest_time, labelled.last_ever, bought.latest_time, served.latest_time,
        attribute_times.latest_time]) AS latest_feature_time,
    labelled.hole_days,
    epoch_us(labelled.snapshot_time - labelled.last_ever) / 86400e6 AS days_since_last,
    epoch_us(labelled.snapshot_time - labelled.first_ever) / 86400e6 AS tenure_days,
    CASE WHEN labelled.has_browsing THEN coalesce(labelled.history_days, 0) END AS history_days,
    CASE
        WHEN labelled.last_ever IS NULL THEN NULL
        WHEN labelled.recent_days = 0 THEN 'dormant'
        WHEN labelled.first_ever > labelled.snapshot_time - INTERVAL 28 DAY THEN 'new'
        WHEN labelled.days_before_that = 0 AND labelled.first_ever <= labelled.snapshot_time - INTERVAL 56 DAY THEN 'returning'
        ELSE 'regular'
    END AS lifecycle,
    CASE WHEN labelled.has_browsing THEN coalesce(activity.active_days, 0) END AS active_days,
    CASE WHEN labelled.has_browsing THEN coalesce(activity.active_days_7, 0) END AS active_days_7,
    CASE WHEN labelled.has_browsing THEN coalesce(activity.active_days_28, 0) END AS active_days_28,
    CASE WHEN labelled.has_browsing THEN coalesce(activity.page_views, 0) END AS page_views,
    CASE WHEN labelled.has_browsing THEN coalesce(activity.page_views_28, 0) END AS page_views_28,
    CASE WHEN labelled.has_browsing THEN coalesce(activity.sessions, 0) END AS sessions,
    CASE WHEN labelled.has_browsing THEN coalesce(activity.sessions_28, 0) END AS sessions_28,
    activity.* EXCLUDE (snapshot_time, user_key, latest_time, active_days, active_days_7, active_days_28, page_views,
        page_views_28, sessions, sessions_28, searches),
    weekdays.weekday_entropy,
    -- Its own usual pause as the measure: ten silent days are long for who comes daily, and nothing for who comes monthly.
    epoch_us(labelled.snapshot_time - labelled.last_ever) / 86400e6 / activity.gap_mean_days AS overdue,
    CASE WHEN labelled.has_browsing THEN coalesce(activity.searches, 0) END AS searches,
    CASE WHEN labelled.has_browsing THEN coalesce(mix.distinct_domains, 0) END AS distinct_domains,
    CASE WHEN labelled.has_browsing THEN coalesce(mix.distinct_topics, 0) END AS distinct_topics,
    mix.* EXCLUDE (snapshot_time, user_key, latest_time, distinct_domains, distinct_topics, finance_domains),
    CASE WHEN labelled.has_browsing THEN coalesce(mix.finance_domains, 0) END AS finance_domains,
    topics.* EXCLUDE (snapshot_time, user_key),
    CASE WHEN labelled.has_transactions THEN coalesce(bought.transactions, 0) END AS transactions,
    CASE WHEN labelled.has_transactions THEN coalesce(bought.transactions_28, 0) END AS transactions_28,
    CASE WHEN labelled.has_transactions THEN coalesce(bought.transaction_amount, 0) END AS transaction_amount,
    CASE WHEN labelled.has_transactions THEN coalesce(bought.transaction_amount_28, 0) END AS transaction_amount_28,
    bought.transaction_mean,
    bought.transaction_trend,
    CASE WHEN labelled.has_transactions THEN coalesce(bought.transaction_kinds, 0) END AS transaction_kinds,
    CASE WHEN labelled.has_transactions THEN coalesce(bought.refunds, 0) END AS refunds,
    epoch_us(labelled.snapshot_time - bought.latest_time) / 86400e6 AS days_since_transaction,
    CASE WHEN labelled.has_service THEN coalesce(served.service_interactions, 0) END AS service_interactions,
    CASE WHEN labelled.has_service THEN coalesce(served.service_interactions_28, 0) END AS service_interactions_28,
    CASE WHEN labelled.has_service THEN coalesce(served.service_channels, 0) END AS service_channels,
    CASE WHEN labelled.has_service THEN coalesce(served.service_topics, 0) END AS service_topics,
    served.service_unresolved_share,
    epoch_us(labelled.snapshot_time - served.latest_time) / 86400e6 AS days_since_service,
    attributes.attributes,
    $as_of::TIMESTAMP AS as_of
FROM labelled
LEFT JOIN activity ON activity.user_key = labelled.user_key AND activity.snapshot_time = labelled.snapshot_time
LEFT JOIN weekdays ON weekdays.user_key = labelled.user_key AND weekdays.snapshot_time = labelled.snapshot_time
LEFT JOIN mix ON mix.user_key = labelled.user_key AND mix.snapshot_time = labelled.snapshot_time
LEFT JOIN topics ON topics.user_key = labelled.user_key AND topics.snapshot_time = labelled.snapshot_time
LEFT JOIN bought ON bought.user_key = labelled.user_key AND bought.snapshot_time = labelled.snapshot_time
LEFT JOIN served ON served.user_key = labelled.user_key AND served.snapshot_time = labelled.snapshot_time
LEFT JOIN attributes ON attributes.user_key = labelled.user_key AND attributes.snapshot_time = labelled.snapshot_time
LEFT JOIN attribute_times ON attribute_times.user_key = labelled.user_key
    AND attribute_times.snapshot_time = labelled.snapshot_time
ORDER BY labelled.user_key, labelled.snapshot_time;
