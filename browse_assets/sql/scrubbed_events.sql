-- What: one row per admitted page view, without personal data; sessions and dwell follow in sessions.sql,
--   since they need the person's other events.
-- Columns: event_id, user_key, event_time, source, url, host, domain, title, metadata, search_terms,
--   language, transition, referrer_domain, device, country, given_seconds, given_kind, file_id,
--   removed, load_id, page_id.
-- Worked example: a page view that is no suspect keeps url, title and metadata; a suspect has what
--   scrubbed_suspects.sql made of them.
-- Needs: macros.sql; admitted_events, user_keys (user_id, user_key), hosts (raw_host, host, domain),
--   scrubbed_suspects.
SELECT
    *,
    md5(concat_ws(chr(31), url, coalesce(title, chr(0)), coalesce(search_terms, chr(0)), tags_text(metadata)))::UUID AS page_id
FROM (
    SELECT
        raw.event_id,
        keys.user_key,
        raw.event_time,
        raw.source,
        coalesce(suspect.url, raw.url) AS url,
        page.host,
        page.domain,
        coalesce(suspect.title, raw.title) AS title,
        coalesce(suspect.metadata, raw.metadata) AS metadata,
        suspect.terms AS search_terms,
        CASE WHEN regexp_matches(raw.language, '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$') THEN raw.language END AS language,
        CASE WHEN transition IN ('link', 'typed', 'bookmark', 'search', 'form', 'reload', 'subframe', 'start', 'redirect')
            THEN transition WHEN transition IS NOT NULL THEN 'other' END AS transition,
        before.domain AS referrer_domain,
        CASE
            WHEN device IS NULL THEN NULL
            WHEN regexp_matches(device, '(?i)tablet|ipad') THEN 'tablet'
            WHEN regexp_matches(device, '(?i)mobile|phone|android|ios') THEN 'mobile'
            WHEN regexp_matches(device, '(?i)desktop|laptop|mac|windows|linux|chromeos|\bpc\b') THEN 'desktop'
            WHEN regexp_matches(device, '(?i)\btv\b') THEN 'tv'
            ELSE 'other'
        END AS device,
        CASE WHEN regexp_matches(country, '^[A-Za-z]{2}$') THEN upper(country) END AS country,
        raw.duration_seconds AS given_seconds,
        raw.duration_kind AS given_kind,
        raw.file_id,
        suspect.removed,
        raw.load_id
    FROM admitted_events AS raw
    JOIN user_keys AS keys USING (user_id)
    JOIN hosts AS page USING (raw_host)
    LEFT JOIN hosts AS before ON before.raw_host = url_host(raw.referrer)
    LEFT JOIN scrubbed_suspects AS suspect ON suspect.event_id = raw.event_id
);
