"""Macros of sql/macros.sql that stand on functions of DuckDB which Spark lacks, written for Spark.

What belongs here: these alone; the tests compare what they say with what DuckDB says. What does not: macros that can be
translated, which are all others (`translation.py`).
"""

# url_decode fails on what is no UTF-8; Java's puts U+FFFD there, takes + for a space and fails on a lone %.
# Text of a list of structs, which page_id is made of, is quoted where it has one of these signs, or ends in space.
OWN_MACROS = r"""
CREATE MACRO decoded_once(t) AS
    try_url_decode(replace(regexp_replace(t, '%(?![0-9a-fA-F]{2})', '%25', 'g'), '+', '%2B'));
CREATE MACRO replacement_signs(t) AS length(t) - length(replace(t, '\uFFFD', ''));
CREATE MACRO unescaped(t) AS
    CASE WHEN contains(t, '%')
        AND replacement_signs(decoded_once(t)) = regexp_count(t, '%[eE][fF]%[bB][fF]%[bB][dD]') + replacement_signs(t)
    THEN decoded_once(t) ELSE t END;
CREATE MACRO nested_text(t) AS
    CASE WHEN t IS NULL THEN 'NULL'
        WHEN t = '' OR regexp_matches(t, '["''(),:=\[\]{}]|^[\t\n\x0B\f\r ]|[\t\n\x0B\f\r ]$|^(?i)null$')
        THEN '''' || regexp_replace(t, '([''\\])', '\\\1', 'g') || '''' ELSE t END;
CREATE MACRO tags_text(tags) AS
    ('[' || array_to_string(list_transform(tags, lambda tag: CASE WHEN tag IS NULL THEN 'NULL'
        ELSE '{''name'': ' || nested_text(tag.name) || ', ''content'': ' || nested_text(tag.content) || '}'
        END), ', ') || ']');
"""
