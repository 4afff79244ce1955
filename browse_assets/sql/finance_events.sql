-- What: one row per event up to $as_of on a page about a financial product, and product.
-- Columns: user_key, finance_product, intent, event_time, session_id, domain.
-- A provider's front page is shopping for its product, but of people who use what they have on that very
--   site it is the way to the log-in: their visits of it are left out.
-- Worked example: 12 visits of mybank.example/ by a person who also logs in there: none of the 12 counts.
-- Needs: page_finance.
WITH touched AS (
    SELECT
        events.user_key,
        pages.finance_product,
        pages.intent,
        pages.is_front_page,
        events.event_time,
        events.session_id,
        events.domain
    FROM scrubbed_events AS events
    JOIN page_finance AS pages USING (page_id)
    WHERE events.event_time <= $as_of::TIMESTAMP
      AND coalesce(events.transition, 'link') NOT IN ('redirect', 'subframe')
),
used AS (SELECT DISTINCT user_key, domain FROM touched WHERE intent = 'servicing')
SELECT touched.* EXCLUDE (is_front_page)
FROM touched
LEFT JOIN used USING (user_key, domain)
WHERE NOT (touched.is_front_page AND touched.intent = 'shopping' AND used.user_key IS NOT NULL);
