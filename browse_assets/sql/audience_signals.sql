-- What: one row per page and attribute that the page is a sign of.
-- Columns: page_id, attribute.
-- Signs add up on a page: what tells by itself weighs 1, what could mean something else 0.5; two kinds of
--   sign (a site and a word, say) make a whole. Sites are domains or hosts, with a path where the site has
--   other pages too; topics count with those below them.
-- Worked example: linkedin.com/jobs/view/1 is a sign of job_seeker, linkedin.com/feed is none.
-- Needs: audience_pages; signal_terms (page_id, label: attribute|weight); reference_audience_signals,
--   reference_domains, topic_lineage.
WITH sites AS (
    SELECT
        attribute,
        weight::DOUBLE AS weight,
        split_part(pattern, '/', 1) AS site,
        substr(pattern, length(split_part(pattern, '/', 1)) + 1) AS path
    FROM reference_audience_signals
    WHERE kind = 'domain'
),
found AS (
    SELECT pages.page_id, sites.attribute, 'domain' AS kind, sites.weight
    FROM audience_pages AS pages JOIN sites ON sites.site = pages.domain
    WHERE starts_with(pages.path, sites.path)
    UNION ALL
    SELECT pages.page_id, sites.attribute, 'domain', sites.weight
    FROM audience_pages AS pages JOIN sites ON sites.site = pages.host
    WHERE starts_with(pages.path, sites.path) AND pages.host <> pages.domain
    UNION ALL
    SELECT page_id, split_part(label, '|', 1), 'term', split_part(label, '|', 2)::DOUBLE FROM signal_terms
    UNION ALL
    SELECT pages.page_id, topics.attribute, 'topic', topics.weight::DOUBLE
    FROM audience_pages AS pages
    JOIN reference_domains AS domains USING (domain)
    JOIN topic_lineage AS lineage ON lineage.topic_id = domains.topic_id
    JOIN reference_audience_signals AS topics ON topics.kind = 'topic' AND topics.pattern = lineage.item_id
)
SELECT page_id, attribute
FROM (SELECT page_id, attribute, kind, max(weight) AS weight FROM found GROUP BY ALL)
GROUP BY page_id, attribute
HAVING sum(weight) >= 1
ORDER BY ALL;
