-- What: one row per event of finance_events that shows interest in the product: shopping, not servicing.
-- Columns: user_key, item (financial product), event_time, session_id, domain.
-- A bank's front page is where its customers log in: it shows interest only of people who are not its customers, and
--   finance_events holds it for those alone.
-- Worked example: a comparison of mortgages is a row, the log-in to a bank is none.
-- Needs: finance_events.
SELECT user_key, finance_product AS item, event_time, session_id, domain
FROM finance_events
WHERE intent = 'shopping';
