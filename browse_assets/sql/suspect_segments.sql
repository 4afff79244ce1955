-- What: one row per segment of each distinct path of an address that has to be looked at.
-- Columns: path, has_accounts, place, segment, before (the segment before it, in lower case; '@' where a
--   site's addresses begin with an account's name), earlier (the one before that), is_suspect (whether it
--   has to be judged).
-- Worked example: /users/ann/edit has ('users', before ''), ('ann', before 'users', suspect), ('edit', before 'ann').
-- Needs: macros.sql, guards.sql, may_hold_id; suspect_addresses, markers.
WITH paths AS (
    SELECT DISTINCT path, has_accounts FROM suspect_addresses WHERE has_accounts OR has_personal_path(path) OR may_hold_id(path)
),
pieces AS (
    SELECT path, has_accounts, unnest(segments) AS segment, generate_subscripts(segments, 1) AS place, segments
    FROM (SELECT *, string_split(path, '/') AS segments FROM paths)
),
placed AS (
    SELECT
        path,
        has_accounts,
        place,
        segment,
        CASE WHEN place = 2 AND has_accounts THEN '@' ELSE lower(coalesce(segments[place - 1], '')) END AS before,
        lower(coalesce(segments[place - 2], '')) AS earlier
    FROM pieces
)
SELECT
    *,
    segment <> '' AND (
        before = '@' OR before IN (SELECT marker FROM markers) OR earlier IN (SELECT marker FROM markers)
        OR has_personal_pattern(segment) OR may_hold_id(segment) OR regexp_matches(segment, '^~|[;?#]')) AS is_suspect
FROM placed;
