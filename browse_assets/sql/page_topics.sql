-- What: one row per new page: its topic, by which method, how sure.
-- Columns: page_id, domain, topic_id, method, probability, load_id.
-- Where the classifier abstains on a listed site of all topics, the dictionary's topic stands.
-- Worked example: an article on tennis at a newspaper's site is Sports by 'page_classifier'; its front page is
--   general news by 'dictionary'; a video nobody can name on a social network is 'abstained' with topic NULL.
-- Needs: new_pages; text_topics (domain, uses_host, text, topic_id, method, probability).
SELECT
    pages.page_id,
    pages.domain,
    coalesce(judged.topic_id, pages.topic_id) AS topic_id,
    CASE
        WHEN judged.topic_id IS NOT NULL THEN judged.method
        WHEN pages.topic_id IS NOT NULL THEN 'dictionary'
        WHEN pages.kind = 'judged' THEN 'abstained'
        ELSE 'not_judged'
    END AS method,
    CASE WHEN judged.topic_id IS NOT NULL OR pages.topic_id IS NULL THEN judged.probability END AS probability,
    $load_id::BIGINT AS load_id
FROM new_pages AS pages
LEFT JOIN text_topics AS judged
    ON pages.kind = 'judged' AND judged.domain = pages.domain AND judged.text = pages.text
    AND judged.uses_host = pages.uses_host
ORDER BY pages.page_id;
