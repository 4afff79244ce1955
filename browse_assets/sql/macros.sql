-- Scalar rules that several SELECTs share; run once per connection.
--
-- url_host(url)         host in lower case without credentials and port; NULL when there is none
--                       url_host('https://me:pw@WWW.Example.com:8080/a') = 'www.example.com'
-- scrub_text(t)         text with personal data replaced by typed placeholders
--                       scrub_text('mail ann@example.com') = 'mail {email}'
-- scrub_path(p)         path with personal segments replaced
--                       scrub_path('/u/ann/orders/12345678') = '/u/{user}/orders/{id}'
-- scrub_url(url, host)  scheme, the host given, scrubbed path; credentials, query and fragment are gone
-- placeholder_counts(c, t)  list of {column_name, kind, n}: placeholders in t, which column c holds
-- page_text(path, title, terms)  what dictionaries are matched on: lower case, separators as one space
--
-- The guards come first because they are cheap: one match tells that a text needs none of the rules,
-- which is true of 99 in 100 texts and makes scrubbing four times faster with identical output.

CREATE OR REPLACE TEMP MACRO url_authority(url) AS
    regexp_extract(url, '^[hH][tT][tT][pP][sS]?://([^/?#\\]*)', 1);

CREATE OR REPLACE TEMP MACRO authority_host(authority) AS
    nullif(lower(regexp_replace(
        CASE WHEN contains(authority, '@') THEN regexp_extract(authority, '[^@]*$') ELSE authority END,
        ':[0-9]*$', '')), '');

CREATE OR REPLACE TEMP MACRO url_host(url) AS authority_host(url_authority(url));

-- Value of the first query or fragment parameter of that name; '' when there is none. A pattern made
-- from a column would be compiled anew for each row (60 us).
CREATE OR REPLACE TEMP MACRO parameter_value(url, parameter) AS
    CASE WHEN NOT contains(url, parameter || '=') THEN ''
         WHEN strpos(translate(url, '?#', '&&'), '&' || parameter || '=') = 0 THEN ''
         ELSE split_part(replace(substr(url,
             strpos(translate(url, '?#', '&&'), '&' || parameter || '=') + length(parameter) + 2), '#', '&'), '&', 1)
    END;

CREATE OR REPLACE TEMP MACRO decoded(t) AS
    CASE WHEN t IS NULL OR NOT contains(t, '%') THEN t
         ELSE coalesce(
             try(url_decode(url_decode(url_decode(t)))),
             try(url_decode(url_decode(t))),
             try(url_decode(t)),
             '{undecodable}')
    END;

CREATE OR REPLACE TEMP MACRO has_personal_pattern(t) AS
    regexp_matches(t, '@|%40|[0-9][0-9 ().\-/]{5,}[0-9]|[0-9a-fA-F]{16}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}|eyJ|[A-Za-z0-9_+=]{24}|[0-9]\.[0-9]|[0-9a-fA-F]:[0-9a-fA-F]*:');

CREATE OR REPLACE TEMP MACRO scrub_patterns(t) AS
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        t,
        'eyJ[A-Za-z0-9_\-]{6,}(\.[A-Za-z0-9_\-]+)*', '{token}', 'g'),
        '[A-Za-z0-9._%+\-]+(@|%40)[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+', '{email}', 'g'),
        '[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}', '{id}', 'g'),
        '\b[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?\b', '{iban}', 'g'),
        '\b(4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6[0-9]{3})[ \-]?[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]{4}\b|\b3[47][0-9]{2}[ \-]?[0-9]{6}[ \-]?[0-9]{5}\b', '{card}', 'g'),
        '\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b', '{ssn}', 'g'),
        '\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b|\b([0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}', '{ip}', 'g'),
        '-?\b[0-9]{1,3}\.[0-9]{4,}[,; /]+-?[0-9]{1,3}\.[0-9]{4,}', '{geo}', 'g'),
        '\+[0-9][0-9 ().\-/]{6,}[0-9]|\(?\b[0-9]{3}\)?[ .\-/][0-9]{3}[ .\-][0-9]{4}\b|\b0[0-9]{2,5}[ /\-][0-9][0-9 \-]{4,}[0-9]', '{phone}', 'g'),
        '[0-9]{7,}|[0-9a-fA-F]{16,}|[A-Za-z0-9_+=]{24,}', '{id}', 'g');

CREATE OR REPLACE TEMP MACRO scrub_text(t) AS
    CASE WHEN t IS NULL OR NOT has_personal_pattern(t) THEN t ELSE scrub_patterns(t) END;

CREATE OR REPLACE TEMP MACRO scrub_user_segment(p) AS
    CASE WHEN NOT regexp_matches(p, '(?i)/(u|user|users|profile|profiles|member|members)/|/[@~]')
         THEN p
         ELSE regexp_replace(regexp_replace(p,
             '(?i)/(u|user|users|profile|profiles|member|members)/[^/]+', '/\1/{user}', 'g'),
             '/[@~][^/]+', '/@{user}', 'g')
    END;

CREATE OR REPLACE TEMP MACRO scrub_decoded_path(raw, clear) AS
    CASE WHEN contains(clear, '{undecodable}') THEN '/{undecodable}'
         WHEN NOT has_personal_pattern(clear) AND NOT regexp_matches(clear, '(?i)/(u|user|users|profile|profiles|member|members)/|/[@~]')
         THEN raw
         ELSE replace(scrub_patterns(scrub_user_segment(clear)), ' ', '%20')
    END;

-- Path parameters (`;jsessionid=`) go with their value, and so does a query string or fragment that
-- hides in the path by encoding; the rest is judged decoded, and kept as it stood where nothing
-- personal was found.
CREATE OR REPLACE TEMP MACRO cut_parameters(p) AS regexp_replace(p, '[?#].*$|;[^/]*', '', 'g');

CREATE OR REPLACE TEMP MACRO scrub_path(p) AS
    CASE WHEN NOT contains(p, ';') AND NOT contains(p, '%') THEN scrub_decoded_path(p, p)
         WHEN regexp_matches(decoded(p), '[?#;]')
         THEN scrub_decoded_path(replace(cut_parameters(decoded(p)), ' ', '%20'), cut_parameters(decoded(p)))
         ELSE scrub_decoded_path(p, decoded(p))
    END;

CREATE OR REPLACE TEMP MACRO url_path(url) AS
    regexp_extract(url, '^[a-zA-Z]+://[^/?#\\]*([^?#]*)', 1);

CREATE OR REPLACE TEMP MACRO without_query(url) AS split_part(split_part(url, '?', 1), '#', 1);

-- What a path must hold for any rule to change it: a placeholder's brace, `;`, `%`, or a personal pattern.
CREATE OR REPLACE TEMP MACRO may_need_scrubbing(url) AS
    regexp_matches(url, '[;%{]|/(?:[uU]|[uU][sS][eE][rR]|[pP][rR][oO][fF][iI][lL][eE]|[mM][eE][mM][bB][eE][rR])[sS]?/|/[@~]|@|%40|[0-9][0-9 ().\-/]{5,}[0-9]|[0-9a-fA-F]{16}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}|eyJ|[A-Za-z0-9_+=]{24}|[0-9]\.[0-9]|[0-9a-fA-F]:[0-9a-fA-F]*:');

CREATE OR REPLACE TEMP MACRO scrub_url(url, host) AS
    CASE WHEN (starts_with(url, 'https://' || host || '/') OR starts_with(url, 'http://' || host || '/'))
              AND NOT may_need_scrubbing(without_query(url))
         THEN without_query(url)
         ELSE lower(regexp_extract(url, '^[a-zA-Z]+://')) || host || scrub_path(url_path(url))
    END;

-- Metadata also holds addresses of pages and pictures: these keep their host and scrubbed path. A host
-- of a metadata address is not looked up (only page hosts are), so long digit runs in it go as in text.
CREATE OR REPLACE TEMP MACRO scrub_value(t) AS
    CASE WHEN t IS NULL THEN NULL
         WHEN regexp_matches(t, '^\s*[hH][tT][tT][pP][sS]?://')
         THEN coalesce(scrub_url(trim(t), scrub_text(url_host(trim(t)))), '{undecodable}')
         WHEN contains(t, '://') THEN scrub_text(regexp_replace(decoded(t), '[?#][^\s]*', '', 'g'))
         ELSE scrub_text(decoded(t))
    END;

-- Whether scrub_value would give the value as it is, or an address without its query and fragment; false
-- where that is not sure. DuckDB compiles the patterns inside a lambda anew for every 2,048 rows, so few
-- and small ones belong there: the full rules (a hundred patterns) run on unnested tags.
CREATE OR REPLACE TEMP MACRO is_clean_value(t) AS
    CASE WHEN t IS NULL THEN TRUE
         WHEN contains(t, '://')
         THEN regexp_full_match(t, 'https?://[a-z0-9.\-]+/[^?# ]*(?:[?#].*)?') AND NOT may_need_scrubbing(without_query(t))
         ELSE NOT contains(t, '%') AND NOT contains(t, '{') AND NOT has_personal_pattern(t)
    END;

CREATE OR REPLACE TEMP MACRO is_personal_tag(name) AS
    regexp_matches(lower(name), '^(article:|book:|og:|dc\.|dcterms\.|sailthru\.|parsely-|twitter:)?(author|creator|byline)|profile:|username|user[_-]?(id|name)|fb:(admins|profile_id)|e-?mail|phone|^geo\.|place:location|latitude|longitude|csrf|token|nonce|session')
    OR NOT regexp_matches(name, '^[A-Za-z0-9:_.\-]{1,64}$')
    OR regexp_matches(name, '[0-9]{5}');

-- Whether is_personal_tag is false for sure, by one pattern.
CREATE OR REPLACE TEMP MACRO is_clean_name(name) AS
    length(name) BETWEEN 1 AND 64 AND NOT regexp_matches(name,
        '(?i)auth|creat|byl|prof|user|fb:|mail|phone|geo|place|itude|csrf|token|nonce|session|[0-9]{5}|[^a-z0-9:_.\-]');

CREATE OR REPLACE TEMP MACRO are_clean_tags(tags) AS
    len(list_filter(tags, lambda tag: NOT coalesce(is_clean_name(tag.name) AND is_clean_value(tag.content), FALSE))) = 0;

CREATE OR REPLACE TEMP MACRO without_queries(tags) AS
    list_transform(tags, lambda tag: {
        'name': tag.name,
        'content': CASE WHEN contains(tag.content, '://') THEN without_query(tag.content) ELSE tag.content END});

CREATE OR REPLACE TEMP MACRO tag_contents(tags) AS
    array_to_string(list_transform(tags, lambda tag: tag.content), chr(10));

-- A panel's own id of a person, which sites may show: it would undo the pseudonym.
CREATE OR REPLACE TEMP MACRO without_own_id(t, own_id) AS
    CASE WHEN t IS NULL OR own_id IS NULL OR NOT contains(lower(t), own_id) THEN t
         ELSE regexp_replace(t, '(?i)' || regexp_escape(own_id), '{user}', 'g')
    END;

CREATE OR REPLACE TEMP MACRO tags_without_own_id(tags, own_id) AS
    CASE WHEN tags IS NULL OR own_id IS NULL OR NOT contains(lower(tag_contents(tags)), own_id) THEN tags
         ELSE list_transform(tags, lambda tag: {'name': tag.name, 'content': without_own_id(tag.content, own_id)})
    END;

CREATE OR REPLACE TEMP MACRO placeholder_counts(column_name, t) AS
    CASE WHEN t IS NULL OR NOT contains(t, '{') THEN []
         ELSE list_filter(list_transform(
             ['email', 'phone', 'card', 'iban', 'ssn', 'ip', 'geo', 'token', 'id', 'user', 'undecodable'],
             lambda kind: {'column_name': column_name, 'kind': kind,
                           'n': ((length(t) - length(replace(t, '{' || kind || '}', ''))) // (length(kind) + 2))::BIGINT}),
             lambda counted: counted.n > 0)
    END;

-- Parts of a URL that go whole, one value each.
CREATE OR REPLACE TEMP MACRO dropped_parts(url) AS
    CASE WHEN NOT regexp_matches(url, '[?#@]') THEN []
         ELSE list_filter([
        {'column_name': 'url', 'kind': 'query', 'n': (regexp_matches(url, '\?[^#]'))::BIGINT},
        {'column_name': 'url', 'kind': 'fragment', 'n': (regexp_matches(url, '#.'))::BIGINT},
        {'column_name': 'url', 'kind': 'credentials', 'n': (contains(url_authority(url), '@'))::BIGINT}],
        lambda part: part.n > 0)
    END;

CREATE OR REPLACE TEMP MACRO page_text(path, title, terms) AS
    trim(regexp_replace(lower(concat_ws(' ', path, title, terms)), '[\-_/+.\s]+', ' ', 'g'));

-- Keyed, so that nobody without the key can try whether a person was on a page.
CREATE OR REPLACE TEMP MACRO page_view_id(event_key, user_id, event_time, page_url) AS
    left(sha256(concat(event_key, chr(31), user_id, chr(31), epoch_us(event_time), chr(31), page_url)), 32)::UUID;

-- Weight of something that old: it halves every 14 days.
CREATE OR REPLACE TEMP MACRO decay(event_time, as_of) AS
    pow(2, -epoch_us(as_of - event_time) / (14 * 86400e6));
