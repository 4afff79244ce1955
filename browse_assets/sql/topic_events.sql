-- What: one row per event up to $as_of on a domain whose topic is known.
-- Columns: user_key, item (IAB Content 3.1 topic id), event_time, session_id, domain.
-- Topics marked sensitive (health, religion, politics, ...) are never stored about a person.
-- Worked example: a page of espn.com in a session touches the topic Sports.
-- Needs: reference_domains, reference_topics.
SELECT events.user_key, topics.topic_id AS item, events.event_time, events.session_id, events.domain
FROM scrubbed_events AS events
JOIN (
    SELECT domains.domain, domains.topic_id
    FROM reference_domains AS domains
    JOIN reference_topics AS topics USING (topic_id)
    WHERE lower(topics.is_sensitive) <> 'true'
) AS topics USING (domain)
WHERE events.event_time <= $as_of::TIMESTAMP
  AND coalesce(events.transition, 'link') NOT IN ('redirect', 'subframe');
