-- What: one row per meta tag of a suspect, in the order of its tags, without those that are personal by name.
-- Columns: event_id, place, name, content, and the content once more in the one of three columns that says by
--   which rules it is judged: address, technical, plain (the others are NULL).
-- Worked example: tags [(author, Ann), (og:url, https://example.com/a)] make the one row
--   (event, 2, og:url, https://example.com/a, address https://example.com/a, NULL, NULL).
-- Needs: macros.sql; suspects.
WITH tags AS (
    SELECT event_id, place, tag.name, tag.content,
        regexp_matches(tag.content, '^\s*[hH][tT][tT][pP][sS]?://\S+\s*$') AS is_address
    FROM (
        SELECT event_id, unnest(metadata) AS tag, generate_subscripts(metadata, 1) AS place
        FROM suspects
        WHERE metadata IS NOT NULL
    )
    WHERE coalesce(NOT is_personal_tag(tag.name), FALSE)
)
SELECT
    event_id,
    place,
    name,
    content,
    CASE WHEN is_address THEN trim(content) END AS address,
    CASE WHEN NOT is_address AND is_technical_tag(name) THEN content END AS technical,
    CASE WHEN NOT is_address AND NOT is_technical_tag(name) THEN content END AS plain
FROM tags;
