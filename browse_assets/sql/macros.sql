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

CREATE OR REPLACE TEMP MACRO scrub_url(url, host) AS
    lower(regexp_extract(url, '^[a-zA-Z]+://')) || host || scrub_path(url_path(url));

-- Metadata also holds addresses of pages and pictures: these keep their host and scrubbed path. A host
-- of a metadata address is not looked up (only page hosts are), so long digit runs in it go as in text.
CREATE OR REPLACE TEMP MACRO scrub_value(t) AS
    CASE WHEN t IS NULL THEN NULL
         WHEN regexp_matches(t, '^\s*[hH][tT][tT][pP][sS]?://')
         THEN coalesce(scrub_url(trim(t), scrub_text(url_host(trim(t)))), '{undecodable}')
         WHEN contains(t, '://') THEN scrub_text(regexp_replace(decoded(t), '[?#][^\s]*', '', 'g'))
         ELSE scrub_text(decoded(t))
    END;

CREATE OR REPLACE TEMP MACRO is_personal_tag(name) AS
    regexp_matches(lower(name), '^(article:|book:|og:|dc\.|dcterms\.|sailthru\.|parsely-|twitter:)?(author|creator|byline)|profile:|username|user[_-]?(id|name)|fb:(admins|profile_id)|e-?mail|phone|^geo\.|place:location|latitude|longitude|csrf|token|nonce|session')
    OR NOT regexp_matches(name, '^[A-Za-z0-9:_.\-]{1,64}$')
    OR regexp_matches(name, '[0-9]{5}');

CREATE OR REPLACE TEMP MACRO tag_contents(tags) AS
    array_to_string(list_transform(tags, lambda tag: tag.content), chr(10));

-- Whether any content of a list may need a rule: one match over all of them, since nine lists in ten do not.
CREATE OR REPLACE TEMP MACRO tags_may_be_personal(tags) AS
    regexp_matches(tag_contents(tags), '[?#@;%]|[0-9][0-9 ().\-/]{5,}[0-9]|[0-9a-fA-F]{16}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}|eyJ|[A-Za-z0-9_+=]{24}|[0-9]\.[0-9]|[0-9a-fA-F]:[0-9a-fA-F]*:|(?i:/(u|user|users|profile|profiles|member|members)/)|/~|[A-Z]://|://[^/]*[A-Z0-9]|\s[a-zA-Z]+://|://.*\s');

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
    list_filter([
        {'column_name': 'url', 'kind': 'query', 'n': (regexp_matches(url, '\?[^#]'))::BIGINT},
        {'column_name': 'url', 'kind': 'fragment', 'n': (regexp_matches(url, '#.'))::BIGINT},
        {'column_name': 'url', 'kind': 'credentials', 'n': (contains(url_authority(url), '@'))::BIGINT}],
        lambda part: part.n > 0);

CREATE OR REPLACE TEMP MACRO page_text(path, title, terms) AS
    trim(regexp_replace(lower(concat_ws(' ', path, title, terms)), '[\-_/+.\s]+', ' ', 'g'));

-- Keyed, so that nobody without the key can try whether a person was on a page.
CREATE OR REPLACE TEMP MACRO page_view_id(event_key, user_id, event_time, page_url) AS
    sha256(concat(event_key, chr(31), user_id, chr(31), epoch_us(event_time), chr(31), page_url))[:32]::UUID;

-- Weight of something that old: it halves every 14 days.
CREATE OR REPLACE TEMP MACRO decay(event_time, as_of) AS
    pow(2, -epoch_us(as_of - event_time) / (14 * 86400e6));
