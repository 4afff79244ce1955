-- What: one row per distinct address that had to be looked at, scrubbed.
-- Columns: address, clean (NULL when it has no host), removed (kinds, one entry per value), counted (the same
--   as a list of {column_name, kind, n}).
-- Worked example: https://me:pw@example.com/users/ann?page=2&gclid=7#top becomes
--   https://example.com/users/{user}?page=2, removed = [user, tracking, fragment, credentials].
-- Needs: macros.sql; suspect_addresses, suspect_segments, judged_segments, suspect_parameters,
--   judged_parameters.
WITH paths AS (
    SELECT
        path,
        has_accounts,
        CASE WHEN bool_or(judged.clean = '{undecodable}') THEN '/{undecodable}'
             ELSE string_agg(coalesce(judged.clean, pieces.segment), '/' ORDER BY place) END AS clean
    FROM suspect_segments AS pieces
    LEFT JOIN judged_segments AS judged
        ON judged.segment = pieces.segment AND judged.before = pieces.before AND judged.earlier = pieces.earlier
    GROUP BY path, has_accounts
),
parameters AS (
    SELECT
        tail,
        term_parameter,
        place,
        parameter,
        CASE WHEN pieces.kind IN ('tracking', 'term') THEN pieces.kind
             WHEN pieces.kind IS NULL THEN 'parameter'
             ELSE judged.kind END AS removed
    FROM suspect_parameters AS pieces
    LEFT JOIN judged_parameters AS judged USING (name, value)
),
tails AS (
    SELECT
        tail,
        term_parameter,
        string_agg(parameter, '&' ORDER BY place) FILTER (removed IS NULL) AS kept,
        list(removed ORDER BY removed) FILTER (removed <> 'term') AS removed  -- terms move to search_terms
    FROM parameters
    GROUP BY tail, term_parameter
),
addresses AS (
    SELECT
        address,
        lower(split_part(address, '://', 1)) || '://' || host || coalesce(paths.clean, suspect.path)
            || coalesce('?' || tails.kept, '') AS clean,
        kinds_replaced(raw_host, host) || kinds_replaced(suspect.path, paths.clean) || coalesce(tails.removed, [])
            || CASE WHEN contains(suspect.tail, '#') AND NOT ends_with(suspect.tail, '#') THEN ['fragment'] ELSE [] END
            || CASE WHEN contains(address, '@') AND contains(url_authority(address), '@') THEN ['credentials'] ELSE [] END AS removed
    FROM suspect_addresses AS suspect
    LEFT JOIN paths ON paths.path = suspect.path AND paths.has_accounts = suspect.has_accounts
    LEFT JOIN tails ON tails.tail = suspect.tail AND tails.term_parameter = suspect.term_parameter
)
SELECT *, counted_kinds('url', removed) AS counted FROM addresses;
