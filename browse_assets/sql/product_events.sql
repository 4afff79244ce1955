-- What: one row per event up to $as_of on a page that sells or names a product.
-- Columns: user_key, item (product_id), event_time, session_id, domain, page_id, stage.
-- Worked example: three visits of a page that compares two products make six rows.
-- Needs: page_products; $as_of.
SELECT
    events.user_key,
    pages.product_id AS item,
    events.event_time,
    events.session_id,
    events.domain,
    pages.page_id,
    pages.stage
FROM scrubbed_events AS events
JOIN page_products AS pages USING (page_id)
WHERE events.event_time <= $as_of::TIMESTAMP
  AND coalesce(events.transition, 'link') NOT IN ('redirect', 'subframe');
