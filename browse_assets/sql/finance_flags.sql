-- What: one row per person and financial product that the person shopped for or used up to $as_of.
-- Columns: those of finance_flags (tables.py).
-- Worked example: two shopping sessions for mortgages on two days, and weekly log-ins to a bank:
--   (mortgages, shopping 2, servicing 0) and (banking, shopping 0, servicing n, is_customer).
-- Needs: scored (interest.py, over shopping alone), finance_events.
WITH seen AS (
    SELECT
        user_key,
        finance_product,
        count(DISTINCT session_id) FILTER (intent = 'shopping') AS shopping_sessions,
        count(DISTINCT session_id) FILTER (intent = 'servicing') AS servicing_sessions,
        count(DISTINCT event_time::DATE) FILTER (intent = 'shopping') AS active_days,
        count(DISTINCT event_time::DATE) FILTER (intent = 'servicing') AS servicing_days,
        min(event_time) AS first_seen,
        max(event_time) AS last_seen
    FROM finance_events
    GROUP BY ALL
),
on_domains AS (
    SELECT user_key, finance_product, intent, domain, count(DISTINCT session_id) AS sessions
    FROM finance_events
    GROUP BY ALL
),
evidence AS (
    SELECT
        user_key,
        finance_product,
        (list({'domain': domain, 'sessions': sessions} ORDER BY sessions DESC, domain) FILTER (intent = 'shopping'))[:5] AS evidence,
        (list({'domain': domain, 'sessions': sessions} ORDER BY sessions DESC, domain) FILTER (intent = 'servicing'))[:5] AS servicing_evidence
    FROM on_domains
    GROUP BY ALL
)
SELECT
    seen.* EXCLUDE (servicing_days),
    scored.score,
    scored.lift,
    scored.probability,
    coalesce(scored.is_interested, FALSE) AS is_interested,
    seen.servicing_days >= 2 AS is_customer,
    coalesce(evidence.evidence, []) AS evidence,
    coalesce(evidence.servicing_evidence, []) AS servicing_evidence,
    scored.baseline,
    $as_of::TIMESTAMP AS as_of
FROM seen
JOIN evidence USING (user_key, finance_product)
LEFT JOIN scored ON scored.user_key::UUID = seen.user_key AND scored.item = seen.finance_product
ORDER BY ALL;
