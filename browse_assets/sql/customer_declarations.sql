-- What: one row per row of customers/customers and column that is filled in: what may be kept is not judged yet.
-- Columns: user_key, event_time, row_number, name (letters, digits and _), content, is_personal (looks like personal
--   data), is_private_name (only yes, no and small numbers may be kept under such a name).
-- Not here: columns that are personal by name whatever they hold, columns of what is never modelled ($never_modelled),
--   and those that tell the outcome (churn, cancellation, exit).
-- Worked example: 'Monthly Charges' = 70.35 becomes ('Monthly_Charges', '70.35'); 'PhoneService' = Yes is kept with
--   is_private_name; 'home address' is not here.
-- Needs: macros.sql; admitted_customers, user_keys (user_id, user_key); $never_modelled (regular expression).
WITH filled AS (
    SELECT keys.user_key, raw.event_time, raw.row_number, unnest(declared_columns(raw.attributes)) AS entry
    FROM admitted_customers AS raw
    JOIN user_keys AS keys USING (user_id)
    WHERE raw.source_table = 'customers'
),
named AS (
    SELECT
        user_key, event_time, row_number,
        trim(regexp_replace(entry.key, '[^A-Za-z0-9]+', '_', 'g'), '_') AS name,
        lower(regexp_replace(entry.key, '([a-z])([A-Z])', '\1_\2', 'g')) AS spelled,
        trim(entry.value) AS content
    FROM filled
    WHERE trim(entry.value) <> '' AND length(entry.key) <= 40
)
SELECT
    user_key, event_time, row_number, name,
    max(content) AS content,
    bool_or(has_personal_pattern(content)) AS is_personal,
    bool_or(regexp_matches(spelled, 'name|mail|phone|mobile|text|account|card')) AS is_private_name
FROM named
WHERE name <> ''
  AND NOT regexp_matches(spelled, 'birth|dob|zip|post|address|street|ssn|iban|note|comment|remark|city|employer')
  AND NOT regexp_matches(spelled, '(^|[^a-z])(id|ids|uuid|guid|key|token|hash|no|nr)$')
  AND NOT regexp_matches(spelled, 'churn|attrit|cancel|terminat|exit')
  AND NOT regexp_matches(spelled, $never_modelled)
GROUP BY ALL
ORDER BY ALL;
