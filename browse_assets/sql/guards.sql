-- Which addresses and meta tags stay as they are, for sure; run once per connection, after macros.sql and
-- the macros that assets/scrubbing.py makes from the dictionaries: has_personal_path(path),
-- is_suspect_text(t), and has_clean_form(url): a host in lower case without credentials, port and long numbers, no colon and no
-- fragment, and known parameters with short words or numbers.
--
-- is_clean_address(url)        is_clean_address('https://example.com/shoes?page=2') = true
-- is_clean_tag(name, content)  is_clean_tag('author', 'Ann') = false

-- Whether an address stays as it is, for sure: nothing to look at behind its scheme. A backslash is a slash, which no
-- pattern of paths knows: https://example.com/a\users\ann.
CREATE OR REPLACE TEMP MACRO is_clean_address(url) AS
    has_clean_form(url) AND NOT has_personal_path(url);

-- A look into a short list costs a tenth of the patterns below, and most tags are in it.
CREATE OR REPLACE TEMP MACRO is_usual_name(name) AS name IN (
    'og:title', 'og:type', 'og:description', 'og:image', 'og:url', 'og:site_name', 'og:locale', 'description', 'keywords',
    'twitter:card', 'twitter:title', 'twitter:description', 'twitter:image', 'viewport', 'robots', 'theme-color',
    'generator', 'article:section', 'article:tag', 'article:published_time', 'article:modified_time', 'lang', 'title');

CREATE OR REPLACE TEMP MACRO is_clean_name(name) AS
    length(name) BETWEEN 1 AND 64
    AND NOT regexp_matches(name, '(?i)auth|creat|byl|prof|user|fb:|mail|phone|geo|icbm|place|itude|street|csrf|token|nonce|session|app:url|^al:|[0-9](?:[._:\-]?[0-9]){4}|[^a-z0-9:_.\-]')
    AND (length(name) < 12 OR NOT regexp_matches(name, '[a-z0-9][A-Z]+[a-z0-9]+[A-Z]'));

-- Whether all of a tag stays as it is, for sure.
CREATE OR REPLACE TEMP MACRO is_clean_tag(name, content) AS
    (is_usual_name(name) OR is_clean_name(name))
    AND (content IS NULL
        OR CASE WHEN starts_with(content, 'https://') OR starts_with(content, 'http://')
                THEN is_clean_address(content)
                ELSE NOT is_suspect_text(content) END);
