-- What: one row per person and feature of the models of declared attributes, up to $as_of; what is absent is 0.
-- Columns: user_key, feature, value (square roots of shares, 0 to 1).
-- Features: topic:<first-tier topic id>, site:<0 to 127> (domains by hash), hour:<0 to 5> (four hours of the
--   day each, UTC), weekend, device:<mobile or tablet>. Shares are of the person's sessions plus 5, so that
--   few sessions say little. Sites of sensitive topics are in none of them.
-- Worked example: 4 of 20 sessions touch topic 483: topic:483 = sqrt(4 / 25) = 0.4.
-- Needs: reference_domains, reference_topics, topic_lineage.
WITH seen AS (
    SELECT user_key, session_id, event_time, domain, device
    FROM scrubbed_events
    WHERE event_time <= $as_of::TIMESTAMP
      AND coalesce(transition, 'link') NOT IN ('redirect', 'subframe')
),
sensitive AS (
    SELECT domain FROM reference_domains JOIN reference_topics USING (topic_id) WHERE lower(is_sensitive) = 'true'
),
first_tier AS (
    SELECT domains.domain, lineage.item_id
    FROM reference_domains AS domains
    JOIN topic_lineage AS lineage USING (topic_id)
    JOIN reference_topics AS topics ON topics.topic_id = lineage.item_id AND topics.parent_topic_id = ''
    ANTI JOIN sensitive ON sensitive.domain = domains.domain
),
touched AS (
    SELECT user_key, session_id, 'topic:' || item_id AS feature FROM seen JOIN first_tier USING (domain)
    UNION
    SELECT user_key, session_id, 'site:' || (md5_number_lower(domain) % 128)
    FROM seen ANTI JOIN sensitive ON sensitive.domain = seen.domain
    UNION
    SELECT user_key, session_id, 'hour:' || (hour(event_time) // 4) FROM seen
    UNION
    SELECT user_key, session_id, 'weekend' FROM seen WHERE isodow(event_time) >= 6
    UNION
    SELECT user_key, session_id, 'device:' || device FROM seen WHERE device IN ('mobile', 'tablet')
),
exposure AS (
    SELECT user_key, count(DISTINCT session_id) AS sessions FROM seen GROUP BY ALL
)
SELECT touched.user_key, touched.feature, sqrt(count(*) / (any_value(exposure.sessions) + 5)) AS "value"
FROM touched JOIN exposure USING (user_key)
GROUP BY touched.user_key, touched.feature
ORDER BY ALL;
