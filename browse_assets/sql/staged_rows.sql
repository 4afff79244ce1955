-- What: one row per row of the input files (or per neighbours that a reader took together), with the page it is
--   about, the reason against it so far, and the id of the page view that it belongs to.
-- Columns: those of its reader (tables.py: staged_rows), file_order, written_at, position (file_order and
--   the first row_number as one number), other_page (what the page is known by, trimmed or from the metadata,
--   where that is not `url` as it stands), raw_host, event_id (NULL with a reason).
-- Worked example: a row without url and with metadata [{og:url, https://example.com/a}] is about
--   https://example.com/a (other_page), whose host is example.com.
-- Not here: private hosts and rows whose page another row names (both need more than the row itself).
-- To trim every address would cost as much as its host: only those with a space at either end are.
-- Needs: macros.sql; a relation reader_rows, of one file or of several: those of the readers, with file_order and
--   written_at (of the file, UTC); $event_key.
WITH located AS (
    SELECT
        *,
        coalesce(
            CASE WHEN starts_with(url, ' ') OR ends_with(url, ' ') THEN nullif(trim(url), '') ELSE nullif(url, '') END,
            nullif(trim(list_filter(metadata, lambda tag: lower(tag.name) = 'og:url')[1].content), ''),
            nullif(trim(list_filter(metadata, lambda tag: lower(tag.name) = 'canonical')[1].content), ''),
            nullif(trim(list_filter(metadata, lambda tag: lower(tag.name) IN ('twitter:url', 'al:web:url'))[1].content), '')
        ) AS page_url
    FROM reader_rows
),
hosted AS (
    SELECT * REPLACE (nullif(trim(user_id), '') AS user_id), url_host(page_url) AS raw_host FROM located
),
judged AS (
    SELECT * REPLACE (
        CASE
            WHEN reason = 'malformed' THEN 'malformed'
            WHEN user_id IS NULL THEN 'no_user'
            WHEN reason IS NOT NULL THEN reason
            WHEN event_time IS NULL THEN 'no_time'
            WHEN event_time < TIMESTAMP '1990-01-01' OR event_time > written_at THEN 'time_out_of_range'
            WHEN page_url IS NULL THEN 'no_url'
            WHEN raw_host IS NOT NULL THEN NULL
            WHEN regexp_matches(page_url, '^[hH][tT][tT][pP][sS]?:') THEN 'bad_url'
            WHEN regexp_matches(page_url, '^[a-zA-Z][a-zA-Z0-9+.\-]*:') THEN 'not_web'
            ELSE 'bad_url'
        END AS reason)
    FROM hosted
)
SELECT
    * EXCLUDE (page_url),
    file_order * 1000000000000 + row_number AS position,
    CASE WHEN page_url IS DISTINCT FROM url THEN page_url END AS other_page,
    CASE WHEN reason IS NULL THEN page_view_id($event_key, user_id, event_time, page_url) END AS event_id
FROM judged;
