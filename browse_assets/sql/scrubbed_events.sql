-- What: one row per page view of the vault that is admitted, without personal data; sessions and
--   dwell follow in sessions.sql, since they need the person's other events.
-- Columns: event_id, user_key, event_time, source, url, host, domain, title, metadata, search_terms,
--   language, transition, referrer_domain, device, country, given_seconds, given_kind, file_id,
--   removed, load_id.
-- Worked example: https://me:pw@shop.example.com/u/ann?q=1 becomes https://shop.example.com/u/{user},
--   removed = [query 1, credentials 1, user 1].
-- Needs: macros.sql; admitted_events; user_keys (user_id, user_key), hosts (raw_host, host, domain),
--   search_engines (domain, term_parameter).
WITH named AS (
    SELECT
        raw.*,
        keys.user_key,
        page.host,
        page.domain,
        before.domain AS referrer_domain,
        CASE WHEN raw.search_terms IS NULL AND engine.domain IS NOT NULL
            THEN replace(parameter_value(raw.url, engine.term_parameter), '+', ' ')
        END AS searched,
        -- A panel's ids only: a history file is named by its folder, which may be a word of the language.
        CASE WHEN raw.source IN ('csv', 'jsonl', 'json_array', 'parquet') AND length(raw.user_id) >= 5
            THEN lower(raw.user_id)
        END AS own_id
    FROM admitted_events AS raw
    JOIN user_keys AS keys USING (user_id)
    JOIN hosts AS page USING (raw_host)
    LEFT JOIN hosts AS before ON before.raw_host = url_host(raw.referrer)
    LEFT JOIN search_engines AS engine ON engine.domain = page.domain
),
fresh AS (
    SELECT *, coalesce(search_terms, CASE WHEN searched <> '' THEN nullif(decoded(searched), '') END) AS terms FROM named
),
tags AS (
    SELECT event_id, unnest(metadata) AS tag, generate_subscripts(metadata, 1) AS place
    FROM admitted_events
    WHERE NOT are_clean_tags(metadata)
),
scrubbed_tags AS (
    SELECT
        event_id AS tagged_id,
        list({'name': tag.name, 'content': scrub_value(tag.content)} ORDER BY place)
            FILTER (WHERE NOT is_personal_tag(tag.name)) AS tags
    FROM tags
    GROUP BY event_id
),
scrubbed AS (
    SELECT
        *,
        tagged_id IS NULL
            AND (own_id IS NULL OR NOT coalesce(contains(lower(tag_contents(metadata)), own_id), FALSE)) AS has_clean_tags,
        without_own_id(scrub_url(url, host), own_id) AS clean_url,
        without_own_id(scrub_text(title), own_id) AS clean_title,
        tags_without_own_id(
            CASE WHEN tagged_id IS NULL THEN without_queries(metadata) ELSE coalesce(tags, []) END,
            own_id) AS clean_metadata,
        without_own_id(scrub_text(terms), own_id) AS clean_terms
    FROM fresh
    LEFT JOIN scrubbed_tags ON tagged_id = event_id
)
SELECT
    event_id,
    user_key,
    event_time,
    source,
    clean_url AS url,
    host,
    domain,
    clean_title AS title,
    clean_metadata AS metadata,
    clean_terms AS search_terms,
    CASE WHEN regexp_matches(language, '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$') THEN language END AS language,
    CASE WHEN transition IN ('link', 'typed', 'bookmark', 'search', 'form', 'reload', 'subframe', 'start', 'redirect')
        THEN transition WHEN transition IS NOT NULL THEN 'other' END AS transition,
    referrer_domain,
    CASE
        WHEN device IS NULL THEN NULL
        WHEN regexp_matches(device, '(?i)tablet|ipad') THEN 'tablet'
        WHEN regexp_matches(device, '(?i)mobile|phone|android|ios') THEN 'mobile'
        WHEN regexp_matches(device, '(?i)desktop|laptop|mac|windows|linux|chromeos|\bpc\b') THEN 'desktop'
        WHEN regexp_matches(device, '(?i)\btv\b') THEN 'tv'
        ELSE 'other'
    END AS device,
    CASE WHEN regexp_matches(country, '^[A-Za-z]{2}$') THEN upper(country) END AS country,
    duration_seconds AS given_seconds,
    duration_kind AS given_kind,
    file_id,
    nullif(
        CASE WHEN has_clean_tags AND NOT contains(concat(clean_url, clean_title, clean_terms), '{')
            THEN dropped_parts(url)
            ELSE placeholder_counts('url', clean_url)
                || dropped_parts(url)
                || placeholder_counts('title', clean_title)
                || placeholder_counts('search_terms', clean_terms)
                || placeholder_counts('metadata', tag_contents(clean_metadata))
                || CASE WHEN len(metadata) > len(clean_metadata)
                    THEN [{'column_name': 'metadata', 'kind': 'personal_tag',
                           'n': (len(metadata) - len(clean_metadata))::BIGINT}]
                    ELSE [] END
        END,
        []) AS removed,
    load_id
FROM scrubbed;
