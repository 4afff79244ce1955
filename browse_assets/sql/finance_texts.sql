-- What: one row per distinct page of loads after $since, with its texts as the patterns read them.
-- Columns: page_id, host, domain, path, path_words, is_front_page, path_text (with the host's name where it is
--   made of words), site_text (without it), title_text, terms_text, about_text, is_article.
-- Worked example: https://creditcards.example.com/compare, title "Best Cards": path_text
--   "creditcards compare", title_text "best cards".
-- Needs: macros.sql.
-- A page's columns are equal in all its events, so its first row stands for it.
WITH firsts AS (
    SELECT min(rowid) AS first_row
    FROM scrubbed_events
    WHERE load_id > $since
    GROUP BY page_id
)
SELECT
    page_id,
    host,
    domain,
    regexp_matches(url_path(url), '(?i)^/?(?:[a-z]{2}(?:[-_][a-z]{2})?/?)?(?:(?:index|home|default|startseite|accueil|inicio|personal|privatkunden|particuliers?|particulares|personas|individuals?)(?:\.[a-z]+)?)?/?$') AS is_front_page,
    lower(url_path(url)) AS path,
    len(string_split(page_text(url_path(url), NULL, NULL), ' ')) AS path_words,
    page_text(concat_ws(' ', CASE WHEN contains(domain, '-') THEN host END, site_text), NULL, NULL) AS path_text,
    page_text(site_text, NULL, NULL) AS site_text,
    page_text(NULL, title, NULL) AS title_text,
    page_text(NULL, NULL, search_terms) AS terms_text,
    page_text(NULL, tag_contents(list_filter(metadata, lambda tag: regexp_matches(
        lower(tag.name), '^(?:og:|twitter:)?(?:description|title|site_name)$|keywords$|^article:(?:section|tag)$'))), NULL) AS about_text,
    coalesce(len(list_filter(metadata, lambda tag:
        lower(tag.name) IN ('article:published_time', 'news_keywords')
        OR (lower(tag.name) = 'og:type' AND lower(tag.content) = 'article'))), 0) > 0 AS is_article
FROM (
    SELECT
        *,
        -- accountOverview are two words.
        concat_ws(' ',
            nullif(left(host, greatest(0, length(host) - length(domain))), 'www.'),
            regexp_replace(unescaped(url_path(url)), '([a-z])([A-Z])', '\1 \2', 'g')) AS site_text
    FROM scrubbed_events
    WHERE rowid IN (SELECT first_row FROM firsts)
)
ORDER BY page_id;
