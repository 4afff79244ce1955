-- What: one row per distinct page of $known_load's successors that page_topics does not hold, and what is known of it.
-- Columns: page_id, domain, kind, topic_id, uses_host, text.
--   kind: 'listed' (the dictionary's topic is the page's), 'judged' (the classifier reads the page; topic_id is the
--   dictionary's, for sites of all topics that are listed), 'not_judged' (no page about anything).
--   uses_host: whether the domain is evidence: not where the site is of all topics.
--   text: title, description, keywords, words of subdomain and path; NULL unless judged.
-- A site of all topics is general news (648), a general shop (473), a social network, a portal or Wikipedia.
-- A page of search results is about what was searched for, and about nothing else. Pages to log in, to pay or to read
--   mail are not judged.
-- Worked example: espn.com is 'listed'; a video's page on youtube.com is 'judged' without its host;
--   google.com/search?q=cats is 'judged' by "cats" alone; mail.google.com is 'not_judged'.
-- Needs: macros.sql; reference_domains, reference_neutral_domains.
WITH fresh AS (
    SELECT page_id, any_value(url) AS url, any_value(host) AS host, any_value(domain) AS domain,
        any_value(title) AS title, any_value(metadata) AS metadata, any_value(search_terms) AS search_terms
    FROM scrubbed_events
    WHERE load_id > $known_load
    GROUP BY page_id
),
sites AS (
    SELECT fresh.*, listed.topic_id,
        coalesce(neutral.kind IN ('social_network', 'portal'), FALSE) OR coalesce(listed.topic_id IN ('648', '473'), FALSE)
            OR fresh.domain = 'wikipedia.org' AS is_general,
        neutral.kind IN ('search_engine', 'webmail', 'tracker_or_cdn', 'utility') AS is_tool
    FROM fresh
    ANTI JOIN page_topics USING (page_id)
    LEFT JOIN reference_domains AS listed ON listed.domain = fresh.domain
    LEFT JOIN reference_neutral_domains AS neutral ON neutral.domain = fresh.domain
),
-- Kept, as the kind would be worked out again for each column that asks for it.
kinds AS MATERIALIZED (
    SELECT *,
        replace(host, domain, '') || ' '
            || regexp_replace(url_path(url), '(?i)\.(html?|php|aspx?|jsp)$|\{[a-z]+\}|index|amp', ' ', 'g') AS address,
        CASE
            WHEN topic_id IS NOT NULL AND NOT is_general THEN 'listed'
            WHEN search_terms IS NOT NULL THEN 'judged'
            WHEN (coalesce(is_tool, FALSE) AND NOT coalesce(is_general, FALSE))
                OR regexp_matches(url_path(url), '(?i)(^|[/._-])(log-?in|log-?out|sign-?(in|up|out|on)|auth|oauth2?|sso|password|checkout|cart|inbox|compose|search|suche|recherche|buscar)([/._-]|$)')
                OR regexp_matches(host, '^(login|signin|auth|accounts?|sso|mail|webmail|search)\.')
                THEN 'not_judged'
            ELSE 'judged'
        END AS kind
    FROM sites
)
SELECT page_id, domain, kind, CASE WHEN search_terms IS NULL OR kind = 'listed' THEN topic_id END AS topic_id,
    search_terms IS NULL AND NOT coalesce(is_general, FALSE) AS uses_host,
    CASE
        WHEN kind = 'judged' AND search_terms IS NOT NULL THEN search_terms
        WHEN kind = 'judged' THEN trim(concat_ws(' ', left(title, 200),
        left(list_filter(metadata, lambda tag: lower(tag.name) IN ('description', 'og:description', 'twitter:description'))[1].content, 300),
        left(list_filter(metadata, lambda tag: lower(tag.name) IN ('keywords', 'news_keywords', 'article:section'))[1].content, 150),
        -- Words of at least three letters; a path's numbers and codes say nothing. The second pattern would do for all,
        -- and takes 17 times as long.
        array_to_string(CASE WHEN strlen(address) = length(address) THEN regexp_extract_all(address, '[A-Za-z]{3,20}')
            ELSE regexp_extract_all(address, '\pL{3,20}') END[:20], ' ')))
    END AS text
FROM kinds
ORDER BY page_id;
