-- What: one row per parameter of each distinct tail (query and fragment) of an address to be looked at.
-- Columns: tail, term_parameter ('' but for search engines), place, parameter (as it stands), name (lower case), value, kind (of url_parameters.csv; `term`
--   for what was searched for, NULL for parameters that nothing names).
-- Worked example: ?page=2&sid=7#top has (page=2, kind page) and (sid=7, kind NULL).
-- Needs: macros.sql; suspect_addresses, reference_url_parameters.
WITH tails AS (
    SELECT DISTINCT tail, term_parameter, CASE WHEN starts_with(tail, '?') THEN substr(split_part(tail, '#', 1), 2) ELSE '' END AS query FROM suspect_addresses WHERE tail <> ''
),
pieces AS (
    SELECT tail, term_parameter, unnest(parameters) AS parameter, generate_subscripts(parameters, 1) AS place
    FROM (SELECT tail, term_parameter, string_split(translate(query, ';', '&'), '&') AS parameters FROM tails WHERE query <> '')
),
named AS (
    SELECT *, lower(split_part(parameter, '=', 1)) AS name, substr(parameter, length(split_part(parameter, '=', 1)) + 2) AS value
    FROM pieces
    WHERE parameter <> ''
)
SELECT named.*, CASE WHEN name = term_parameter THEN 'term' ELSE known.kind END AS kind
FROM named
LEFT JOIN reference_url_parameters AS known ON known.parameter = named.name;
