-- What: one row per page and product that its words name, the longest names of a page only.
-- Columns: page_id, name_key (of a name that a shop's page gave), product_id (of a list), method (title, product_list or
--   watch_list), stage, load_id.
-- A name followed by a word of `variant_words`, or by a number, is another model's: "iphone 16" does not stand in
--   "iphone 16 pro". What is about a case for a product is not about it.
-- Worked example: "sony wh 1000xm7 review" with the name "sony wh 1000xm7": title, stage compare.
-- Needs: macros.sql; product_texts, spoken_names (name_key, spoken: at least two words), listed_names (page_id,
--   product_id: pages that a list's pattern matches), listed (product_id, method, spoken, domains),
--   variant_words (word).
WITH words AS (
    SELECT page_id, words, string_split(trim(words), ' ') AS word_list
    FROM product_texts
    WHERE list_has_any(string_split(words, ' '), (SELECT coalesce(list(DISTINCT split_part(spoken, ' ', 1)), []) FROM spoken_names))
),
pairs AS (
    SELECT DISTINCT page_id, words, word_list[position] || ' ' || word_list[position + 1] AS beginning
    FROM (SELECT *, unnest(range(1, len(word_list))) AS position FROM words)
),
beginnings AS (
    SELECT name_key, spoken, split_part(spoken, ' ', 1) || ' ' || split_part(spoken, ' ', 2) AS beginning FROM spoken_names
),
spoken AS (
    SELECT DISTINCT pairs.page_id, beginnings.name_key, beginnings.spoken,
        split_part(split_part(pairs.words, ' ' || beginnings.spoken || ' ', 2), ' ', 1) AS next_word
    FROM pairs
    JOIN beginnings USING (beginning)
    WHERE contains(pairs.words, ' ' || beginnings.spoken || ' ')
),
named AS (
    SELECT page_id, name_key, NULL AS product_id, 'title' AS method, spoken, NULL AS domains
    FROM spoken
    WHERE next_word NOT IN (SELECT word FROM variant_words) AND NOT regexp_full_match(next_word, '[0-9]{1,3}')
    UNION ALL
    SELECT listed_names.page_id, NULL, listed_names.product_id, listed.method, listed.spoken, listed.domains
    FROM listed_names
    JOIN listed USING (product_id)
    JOIN product_texts USING (page_id)
    -- The patterns of the one list tell variants apart themselves; the user's own words do not.
    WHERE listed.method = 'product_list' OR split_part(split_part(words, ' ' || spoken || ' ', 2), ' ', 1)
        NOT IN (SELECT word FROM variant_words)
),
longest AS (
    SELECT named.* FROM named
    WHERE NOT EXISTS (
        SELECT 1 FROM spoken AS longer
        WHERE longer.page_id = named.page_id
          AND length(longer.spoken) > length(named.spoken)
          AND contains(' ' || longer.spoken || ' ', ' ' || named.spoken || ' '))
)
SELECT
    longest.page_id,
    longest.name_key,
    longest.product_id,
    longest.method,
    product_stage(url_path(texts.url), CASE WHEN texts.search_terms IS NOT NULL THEN '' ELSE texts.text END, FALSE) AS stage,
    any_value(texts.load_id) AS load_id
FROM longest
JOIN product_texts AS texts USING (page_id)
WHERE (coalesce(longest.domains, '') = '' OR list_contains(string_split(longest.domains, ';'), texts.domain))
  AND NOT regexp_matches(strip_accents(texts.text), accessory_words())
GROUP BY ALL
ORDER BY ALL;
