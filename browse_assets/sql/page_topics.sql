-- What: one row per new page: its topic, by which method, how sure.
-- Columns: page_id, domain, topic_id, method, probability, load_id.
-- Where the classifier abstains on a listed site of all topics, or is less than 0.8 sure, the dictionary's topic
--   stands: an ambiguous headline of a paper that everybody reads would be a topic of everybody.
-- A sensitive topic is not stored, unless a setting names the purpose: a page leads to who was on it.
-- Worked example: an article on tennis at a newspaper's site is Sports by 'page_classifier'; its front page is
--   general news by 'dictionary'; a video nobody can name on a social network is 'abstained' with topic NULL.
-- Needs: new_pages; text_topics (domain, uses_host, text, topic_id, method, probability);
--   reference_topics; $with_sensitive.
WITH answers AS (
    SELECT
        pages.page_id,
        pages.domain,
        pages.kind,
        pages.topic_id AS listed_topic_id,
        CASE WHEN pages.topic_id IS NULL OR judged.probability >= 0.8 THEN judged.topic_id END AS judged_topic_id,
        judged.method,
        judged.probability
    FROM new_pages AS pages
    -- Pages that are not judged have no text. A condition on their kind here would make DuckDB compare each page with
    -- each text: 157 CPU s for 326,000 pages, and 0.3 without it.
    LEFT JOIN text_topics AS judged
        ON judged.domain = pages.domain AND judged.text = pages.text AND judged.uses_host = pages.uses_host
),
named AS (
    SELECT
        page_id,
        domain,
        coalesce(judged_topic_id, listed_topic_id) AS topic_id,
        CASE
            WHEN judged_topic_id IS NOT NULL THEN method
            WHEN listed_topic_id IS NOT NULL THEN 'dictionary'
            WHEN kind = 'judged' THEN 'abstained'
            ELSE 'not_judged'
        END AS method,
        CASE WHEN judged_topic_id IS NOT NULL OR listed_topic_id IS NULL THEN probability END AS probability
    FROM answers
),
withheld AS (
    SELECT topic_id AS withheld_id FROM reference_topics WHERE lower(is_sensitive) = 'true' AND NOT $with_sensitive::BOOLEAN
)
SELECT
    page_id,
    domain,
    CASE WHEN withheld_id IS NULL THEN topic_id END AS topic_id,
    CASE WHEN withheld_id IS NULL THEN method ELSE 'withheld' END AS method,
    CASE WHEN withheld_id IS NULL THEN probability END AS probability,
    $load_id::BIGINT AS load_id
FROM named LEFT JOIN withheld ON withheld.withheld_id = named.topic_id
ORDER BY page_id;
