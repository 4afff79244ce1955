-- What: what each picked person visited in each half of the period, one row per view of the data, person,
--   half and item.
-- Columns: view, user_key, half (1 or 2), item, visits.
-- Views: raw_hosts (hosts as they came in, page views), domains (domain_features, sessions), topics (of
--   those domains, sessions; sensitive ones are in no table of people), released_topics (whether a topic
--   that is released was touched by at least two sessions).
-- Worked example: three page views of www.example.com in the first half, in one session: (raw_hosts, u, 1,
--   www.example.com, 3) and (domains, u, 1, example.com, 1).
-- Needs: picked (user_key); topic_lineage; $split_day (first day of the second half), $as_of.
WITH on_domains AS (
    SELECT user_key, 1 + (day >= $split_day::DATE)::INTEGER AS half, domain, any_value(topic_id) AS topic_id,
        sum(sessions) AS visits
    FROM domain_features SEMI JOIN picked USING (user_key)
    WHERE last_time <= $as_of::TIMESTAMP
    GROUP BY ALL
),
on_hosts AS (
    SELECT events.user_key, 1 + (events.event_time >= $split_day::TIMESTAMP)::INTEGER AS half, raw.raw_host AS item,
        count(*) AS visits
    FROM scrubbed_events AS events
    SEMI JOIN picked USING (user_key)
    JOIN vault.main.raw_events AS raw USING (event_id)
    WHERE events.event_time <= $as_of::TIMESTAMP
    GROUP BY ALL
),
released_topics AS (SELECT DISTINCT item_id FROM released_audiences WHERE dimension = 'topic')
SELECT 'raw_hosts' AS "view", user_key, half, item, visits FROM on_hosts
UNION ALL
SELECT 'domains', user_key, half, domain, visits FROM on_domains
UNION ALL
SELECT 'topics', user_key, half, lineage.item_id, sum(visits)
FROM on_domains JOIN topic_lineage AS lineage ON lineage.topic_id = on_domains.topic_id AND lineage.steps = 0
GROUP BY ALL
UNION ALL
SELECT 'released_topics', user_key, half, lineage.item_id, 1
FROM on_domains JOIN topic_lineage AS lineage USING (topic_id)
SEMI JOIN released_topics ON released_topics.item_id = lineage.item_id
GROUP BY ALL HAVING sum(visits) >= 2
ORDER BY ALL;
