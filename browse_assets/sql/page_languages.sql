-- What: one row per page whose language can be told.
-- Columns: page_id, language (ISO 639-1), method (declared, address, script, words or country_domain).
-- The first of these that says something: what the page declares; its address (de.wikipedia.org, /fr-fr/); its
--   script; its words, a word or letter that n languages share counting 1/n, where the best language has two
--   of them (Grand Prix is no French), at least 1 in all and a quarter more than the next; the language of its
--   country-code domain, where the country has one. Names of sites (Amazon.com) are no words.
-- Worked example: "Wetter in Berlin heute" on example.com: wetter and heute are German, in is shared: de, words.
-- Needs: audience_pages, reference_language_words (language, word), reference_countries.
WITH tokens AS (
    SELECT DISTINCT page_id, unnest(list_concat(
        regexp_extract_all(words, '[\p{L}]+'), regexp_extract_all(words, '[ß-ɏ¿¡]'))) AS word
    FROM (SELECT page_id, regexp_replace(words, '\S+\.\S+', ' ', 'g') AS words FROM audience_pages)
),
weights AS (
    SELECT language, word, 1.0 / count(*) OVER (PARTITION BY word) AS weight FROM reference_language_words
),
ranked AS (
    SELECT
        page_id,
        language,
        sum(weight) AS score,
        count(*) AS words,
        lead(sum(weight), 1, 0.0) OVER by_score AS next_score,
        row_number() OVER by_score AS place
    FROM tokens JOIN weights USING (word)
    GROUP BY page_id, language
    WINDOW by_score AS (PARTITION BY page_id ORDER BY sum(weight) DESC, language)
),
by_words AS (
    SELECT page_id, language FROM ranked WHERE place = 1 AND words >= 2 AND score >= 1 - 1e-9 AND score >= 1.25 * next_score
),
by_domain AS (
    SELECT tld, any_value(split_part(languages, ':', 1)) AS language
    FROM reference_countries
    WHERE tld <> '' AND NOT contains(languages, ';')
    GROUP BY tld
),
told AS (
    SELECT
        pages.page_id,
        pages.declared_language,
        coalesce(
            nullif(regexp_extract(pages.host, '^(cs|de|en|es|fi|fr|hu|it|ja|ko|nl|no|pl|pt|ro|ru|sv|tr|uk|zh)\.(?:m\.)?wik', 1), ''),
            nullif(regexp_extract(pages.path, '^/(cs|de|en|es|fi|fr|hu|it|ja|ko|nl|pl|pt|ro|ru|sv|tr|zh)(?:[-_][a-z]{2})?(?:/|$)', 1), '')
        ) AS address_language,
        CASE
            WHEN regexp_matches(pages.words, '\p{Hiragana}|\p{Katakana}') THEN 'ja'
            WHEN regexp_matches(pages.words, '\p{Hangul}') THEN 'ko'
            WHEN regexp_matches(pages.words, '\p{Han}') THEN 'zh'
            WHEN regexp_matches(pages.words, '[іїєґ]') THEN 'uk'
            WHEN regexp_matches(pages.words, '\p{Cyrillic}{2}') THEN 'ru'
            WHEN regexp_matches(pages.words, '\p{Arabic}{2}') THEN 'ar'
            WHEN regexp_matches(pages.words, '\p{Hebrew}{2}') THEN 'he'
            WHEN regexp_matches(pages.words, '\p{Greek}{2}') THEN 'el'
            WHEN regexp_matches(pages.words, '\p{Devanagari}{2}') THEN 'hi'
        END AS script_language,
        by_words.language AS word_language,
        by_domain.language AS domain_language
    FROM audience_pages AS pages
    LEFT JOIN by_words USING (page_id)
    LEFT JOIN by_domain USING (tld)
)
SELECT
    page_id,
    CASE
        WHEN method = 'declared' AND declared_language IN ('nb', 'nn') THEN 'no'
        WHEN method = 'declared' THEN declared_language
        WHEN method = 'address' THEN address_language
        WHEN method = 'script' THEN script_language
        WHEN method = 'words' THEN word_language
        ELSE domain_language
    END AS language,
    method
FROM (
    SELECT
        *,
        CASE
            WHEN declared_language IS NOT NULL THEN 'declared'
            WHEN address_language IS NOT NULL THEN 'address'
            WHEN script_language IS NOT NULL THEN 'script'
            WHEN word_language IS NOT NULL THEN 'words'
            WHEN domain_language IS NOT NULL THEN 'country_domain'
        END AS method
    FROM told
)
WHERE method IS NOT NULL
ORDER BY page_id;
