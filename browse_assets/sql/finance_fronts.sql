-- What: one row per page that is no search, with the texts that things and offers are looked for in.
-- Columns: page_id, front_text (words of the site's name, path and title), about_text.
-- Worked example: maplepawcover.ca/quebec, "Coverage for dogs": front_text "paw cover quebec coverage for dogs".
-- Needs: pages (finance_texts.sql), words_of_names (domain, words).
SELECT page_id, concat_ws(' ', words_of_names.words, site_text, title_text) AS front_text, about_text
FROM pages
LEFT JOIN words_of_names USING (domain)
WHERE terms_text = ''
