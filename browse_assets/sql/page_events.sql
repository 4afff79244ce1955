-- What: one row per event up to $as_of on a page of `pages`.
-- Columns: page_id, user_key, event_time, session_id, domain.
-- Worked example: three visits of one page make three rows with one page_id.
SELECT pages.page_id, events.user_key, events.event_time, events.session_id, events.domain
FROM scrubbed_events AS events
JOIN pages
    ON pages.url = events.url
    AND pages.title IS NOT DISTINCT FROM events.title
    AND pages.search_terms IS NOT DISTINCT FROM events.search_terms
WHERE events.event_time <= $as_of::TIMESTAMP
  AND coalesce(events.transition, 'link') NOT IN ('redirect', 'subframe');
