-- What: one row per event up to $as_of and thing that it says about its person.
-- Columns: user_key, item (kind:value), event_time, session_id, domain.
-- Kinds: language (of the page), source_country (given by the source), country_domain (country whose
--   country-code domain it is on; generic ones such as .io, .tv, .co and .me are in no row of countries),
--   device, signal (attribute that the page is a sign of).
-- Pages whose topic may not be stored about a person are no evidence of anything else either.
-- Worked example: a page of babymarkt.de on a phone: language:de, country_domain:DE, device:mobile,
--   signal:parent_of_young_children.
-- Needs: page_topics, audience_pages, page_languages, signal_pages (page_id, attribute), reference_countries.
WITH page_items AS (
    SELECT page_id, 'language:' || language AS item FROM page_languages
    UNION ALL
    SELECT page_id, 'country_domain:' || country
    FROM audience_pages JOIN reference_countries USING (tld)
    WHERE tld <> ''
    UNION ALL
    SELECT page_id, 'signal:' || attribute FROM signal_pages
),
seen AS (
    SELECT user_key, event_time, session_id, domain, page_id, device, country
    FROM scrubbed_events
    WHERE event_time <= $as_of::TIMESTAMP
      AND coalesce(transition, 'link') NOT IN ('redirect', 'subframe')
      AND page_id NOT IN (SELECT page_id FROM page_topics WHERE method = 'withheld')
)
SELECT seen.user_key, page_items.item, seen.event_time, seen.session_id, seen.domain
FROM seen JOIN page_items USING (page_id)
UNION ALL
SELECT user_key, 'device:' || device, event_time, session_id, domain FROM seen WHERE device IS NOT NULL
UNION ALL
SELECT user_key, 'source_country:' || country, event_time, session_id, domain FROM seen WHERE country IS NOT NULL;
