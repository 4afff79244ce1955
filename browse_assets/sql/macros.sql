-- Scalar rules that several SELECTs share; run once per connection.
--
-- url_host(url)         host in lower case without credentials and port; NULL when there is none
--                       url_host('https://me:pw@WWW.Example.com:8080/a') = 'www.example.com'
-- url_path(url)         path as it stands; url_path('https://example.com/a/b?c#d') = '/a/b'
-- url_head(url)         what stands before query and fragment
-- url_tail(url)         query and fragment; url_tail('https://example.com/a?c#d') = '?c#d'
-- has_personal_pattern(t)  whether a text may hold personal data: a guard, true for some that hold none.
--                       What it lets pass needs no rule of analysis/scrubbing.py, which is true of 98 in 100
--                       texts; a property test compares the two.
-- is_personal_tag(n), is_technical_tag(n)  what a meta tag's name says of its content
-- without_own_id(t, id) text without the panel's own id of the person
-- kinds_replaced(raw, clean)  kinds of the values that were replaced; counted_kinds(c, kinds) counts them
-- tags_text(tags)       all of a page's meta tags as one text
-- first_tag(tags, names)  content of the first tag of one of these names; is_product_tag(name): shops alone set it
-- product_stage(path, words, sells)  how far a visit of the page is on the way to buying; words '' for a search
-- page_text(path, title, terms)  what dictionaries are matched on: lower case, separators as one space
-- plain_name(n), declared_columns(attributes), declared(entries, names)  columns of customer tables by name
-- entropy(counts)       of a list of counts, nats; entropy([2.0, 2.0]) = ln(2)

CREATE OR REPLACE TEMP MACRO url_authority(url) AS
    regexp_extract(url, '^[hH][tT][tT][pP][sS]?://([^/?#\\]*)', 1);

CREATE OR REPLACE TEMP MACRO authority_host(authority) AS
    nullif(lower(regexp_replace(
        CASE WHEN contains(authority, '@') THEN regexp_extract(authority, '[^@]*$') ELSE authority END,
        ':[0-9]*$', '')), '');

CREATE OR REPLACE TEMP MACRO url_host(url) AS authority_host(url_authority(url));

-- One percent encoding undone, where it gives text.
CREATE OR REPLACE TEMP MACRO unescaped(t) AS
    CASE WHEN contains(t, '%') THEN coalesce(try(url_decode(t)), t) ELSE t END;

CREATE OR REPLACE TEMP MACRO url_head(url) AS translate(split_part(split_part(url, '?', 1), '#', 1), chr(92), '/');

-- By positions: a regular expression with a group costs six times as much. A backslash is a slash (WHATWG URL).
CREATE OR REPLACE TEMP MACRO url_path(url) AS
    CASE WHEN strpos(substr(url_head(url), 9), '/') = 0 THEN ''
         ELSE substr(url_head(url), strpos(substr(url_head(url), 9), '/') + 8) END;

CREATE OR REPLACE TEMP MACRO url_tail(url) AS substr(url, length(url_head(url)) + 1);

-- Seven digits with the separators of telephone numbers between them; what is encoded; words that are long,
-- or mix letters and digits or cases as drawn ones do; characters that stand for others.
CREATE OR REPLACE TEMP MACRO personal_pattern() AS '[0-9](?:[ \t\r\n().\-/_\x{00A0}\x{00AD}\x{00B7}\x{061C}\x{2007}\x{2009}-\x{200F}\x{2010}-\x{2015}\x{202A}-\x{202F}\x{2060}\x{2066}-\x{2069}\x{2212}\x{FEFF}]{0,3}[0-9]){6}|[A-Za-z0-9+_]{15}|[a-z0-9][A-Z]+[a-z0-9]+[A-Z]|[0-9][A-Za-z]+[0-9]+[A-Za-z]|[A-Za-z][0-9]+[A-Za-z]+[0-9]|@|%[0-9a-fA-F]{2}|\\[ux]|eyJ|xox[abeoprs]-|ya29\.|glpat-|sk-proj-|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|[A-Za-z]{2}[0-9]{2}[ .\-]?[A-Za-z0-9]{4}[ .\-]?[A-Za-z0-9]{4}[ .\-]?[A-Za-z0-9]{3}|[0-9]\.[0-9]{3}|[0-9]\.[0-9]{1,2}\.[0-9]{1,3}\.[0-9]|[0-9]°|:[0-9a-fA-F]{0,4}:|[(\[{<][aA][tT][)\]}>]| [aA][tT] [^ ]+(?: [dD][oO][tT] |\.)|[^\x00-\x7F][0-9]|[0-9][^\x00-\x7F]|[\x{00B2}\x{00B3}\x{00B9}\x{0660}-\x{0669}\x{06F0}-\x{06F9}\x{0966}-\x{096F}\x{2024}\x{2070}-\x{2089}\x{2460}-\x{249B}\x{FE50}-\x{FE6B}\x{FF01}-\x{FF5E}\x{1D400}-\x{1D7FF}]';

CREATE OR REPLACE TEMP MACRO has_personal_pattern(t) AS
    regexp_matches(t, personal_pattern() || '|=|&[#a-zA-Z]|:[/\\]|[a-zA-Z]\.[a-zA-Z]{2,}/') OR strlen(t) > 10000;

CREATE OR REPLACE TEMP MACRO is_personal_tag(name) AS
    regexp_matches(lower(name), '^(article:|book:|music:|video:|og:|dc\.|dcterms\.|sailthru\.|parsely-|twitter:)?(author|creator|byl)|profile:|username|user[_-]?(id|name)|fb:(admins|profile_id)|e-?mail|(^|[^i])phone|^geo\.|^icbm|place:location|latitude|longitude|street|csrf|token|nonce|session|^al:.*:url$|app:url')
    OR NOT regexp_matches(name, '^[A-Za-z0-9:_.\-]{1,64}$')
    OR regexp_matches(name, '[0-9](?:[._:\-]?[0-9]){4}')
    OR (length(name) >= 12 AND regexp_matches(name, '[0-9]') AND regexp_matches(name, '[a-z0-9][A-Z]+[a-z0-9]+[A-Z]'));

-- Its numbers and tokens are the site's own: versions, application ids, sizes, prices, times.
CREATE OR REPLACE TEMP MACRO is_technical_tag(name) AS
    regexp_matches(lower(name), 'generator|viewport|^twitter:site|([:._-]|page|post|article)id$|upc$|verif|validate|app[_:.-]?(id|store|argument)|itunes-app|play-app|store_id|fb:pages|package|(width|height|size|color|version|build|revision|duration)$|time$|date|updated|published|modified|expires|price|amount|sku|isbn|gtin|ean$|mpn|item_id|msapplication|application-name');

CREATE OR REPLACE TEMP MACRO tag_contents(tags) AS
    array_to_string(list_transform(tags, lambda tag: tag.content), chr(10));

-- As DuckDB writes a list of structs: what page_id is made of.
CREATE OR REPLACE TEMP MACRO tags_text(tags) AS tags::VARCHAR;

-- A panel's own id of a person, which sites may show: it would undo the pseudonym.
CREATE OR REPLACE TEMP MACRO without_own_id(t, own_id) AS
    CASE WHEN t IS NULL OR own_id IS NULL OR NOT contains(lower(t), own_id) THEN t
         ELSE regexp_replace(t, '(?i)' || regexp_escape(own_id), '{user}', 'g')
    END;

CREATE OR REPLACE TEMP MACRO tags_without_own_id(tags, own_id) AS
    CASE WHEN own_id IS NULL OR NOT contains(lower(tag_contents(tags)), own_id) THEN tags
         ELSE list_transform(tags, lambda tag: {'name': tag.name, 'content': without_own_id(tag.content, own_id)})
    END;

CREATE OR REPLACE TEMP MACRO placeholder_count(t, kind) AS
    (length(t) - length(replace(t, '{' || kind || '}', ''))) // (length(kind) + 2);

-- Kinds of the values that were replaced, one entry each.
CREATE OR REPLACE TEMP MACRO kinds_replaced(raw, clean) AS
    CASE WHEN clean IS NULL OR NOT contains(clean, '{') THEN []
         ELSE flatten(list_transform(
             ['email', 'phone', 'card', 'iban', 'ssn', 'ip', 'geo', 'token', 'id', 'user', 'name', 'undecodable'],
             lambda kind: list_resize([]::VARCHAR[], greatest(0, placeholder_count(clean, kind) - placeholder_count(raw, kind)), kind)))
    END;

CREATE OR REPLACE TEMP MACRO counted_kinds(column_name, kinds) AS
    list_transform(list_sort(list_distinct(kinds)), lambda kind: {
        'column_name': column_name, 'kind': kind, 'n': len(list_filter(kinds, lambda other: other = kind))::BIGINT});

CREATE OR REPLACE TEMP MACRO page_text(path, title, terms) AS
    trim(regexp_replace(lower(concat_ws(' ', path, title, terms)), '[\-_/+.\s]+', ' ', 'g'));

-- Keyed, so that nobody without the key can try whether a person was on a page.
CREATE OR REPLACE TEMP MACRO page_view_id(event_key, user_id, event_time, page_url) AS
    left(sha256(concat(event_key, chr(31), user_id, chr(31), epoch_us(event_time), chr(31), page_url)), 32)::UUID;

-- Evidence as a person reads it: '12 sessions on 5 days: nerdwallet.com 7, bankrate.com 5'.
CREATE OR REPLACE TEMP MACRO evidence_text(sessions, days, evidence) AS
    sessions || CASE WHEN sessions = 1 THEN ' session on ' ELSE ' sessions on ' END
    || days || CASE WHEN days = 1 THEN ' day: ' ELSE ' days: ' END
    || array_to_string(list_transform(
        evidence::STRUCT(domain VARCHAR, sessions BIGINT)[], lambda one: one.domain || ' ' || one.sessions), ', ');

-- Weight of something that old: it halves every 14 days.
CREATE OR REPLACE TEMP MACRO decay(event_time, as_of) AS
    pow(2, -epoch_us(as_of - event_time) / (14 * 86400e6));

CREATE OR REPLACE TEMP MACRO first_tag(tags, names) AS
    nullif(trim(list_filter(tags, lambda tag: list_contains(names, lower(tag.name)))[1].content), '');

CREATE OR REPLACE TEMP MACRO is_product_tag(name) AS
    regexp_full_match(lower(name), '(?:og:)?product:(?:price|brand|retailer|availability|condition|sku|gtin|ean|upc|isbn|mpn|mfr|manufacturer|category|sale_price|original_price).*|og:price:.*|(?:books?|og):isbn|isbn|gtin(?:8|12|13|14)?|mpn|asin');

CREATE OR REPLACE TEMP MACRO accessory_words() AS
    '\b(?:cases?|hullen?|huelle|coque|funda|screen protectors?|schutzfolie|tempered glass|replacement|ersatz[a-z]*|compatible|kompatibel|charger for|strap for|skin for|cover for)\b';

-- A page that sells a product is a comparison by its path alone: shops call what they sell best, new and tested.
CREATE OR REPLACE TEMP MACRO product_stage(path, words, sells) AS
    CASE
        WHEN words = '' THEN 'search'
        WHEN regexp_matches(lower(path), '/(?:checkouts?|kasse|caisse|order-?(?:confirmation|complete)|bestellbestaetigung|thank-?you|purchase-complete|payment|finalizar-compra)(?:[/.]|$)') THEN 'checkout'
        WHEN regexp_matches(lower(path), '/(?:(?:shopping-?)?(?:cart|basket|bag)|add-to-cart|warenkorb|einkaufswagen|panier|carrito|cesta|wishlist|merkzettel)(?:[/.]|$)') THEN 'cart'
        WHEN regexp_matches(lower(path), '(?:^|[^a-z])(?:vs|versus|compare|comparison|reviews?|testberichte?|vergleich|comparatif|comparativa|bewertungen|avis|opiniones)(?:$|[^a-z])') THEN 'compare'
        WHEN NOT sells AND regexp_matches(words, '\b(?:vs|versus|compared?|comparison|reviews?|reviewed|best(?: [0-9]+)?|test(?:ed|bericht)?|worth it|hands on|vergleich|comparatif|comparativa|mejores|meilleurs?|beste[nrs]?|prueba|analisis)\b')
            AND NOT regexp_matches(words, '\bbest (?:buy|price|deal)') THEN 'compare'
        WHEN NOT sells AND regexp_matches(lower(path), '/(?:category|categories|collections?|browse|kategorien?|categorie|categoria|catalog|katalog|c|s)(?:/|$)') THEN 'category'
        ELSE 'product'
    END;

-- A column's name without case and marks: plain_name('As of') = 'asof'.
CREATE OR REPLACE TEMP MACRO plain_name(name) AS regexp_replace(lower(name), '[^a-z0-9]', '', 'g');

-- Columns of a customer table's row, each parsed once: to look them up by name one at a time is quadratic.
CREATE OR REPLACE TEMP MACRO declared_columns(attributes) AS
    map_entries(from_json(attributes, '"MAP(VARCHAR, VARCHAR)"'));

-- The first column of these plain names with anything in it; NULL for none.
CREATE OR REPLACE TEMP MACRO declared(entries, names) AS
    list_filter(list_transform(names, lambda wanted: nullif(trim(list_filter(
        entries, lambda entry: plain_name(entry.key) = wanted)[1].value), '')), lambda found: found IS NOT NULL)[1];

-- Entropy of counts, nats; 0 for a single one, NULL where nothing is counted.
CREATE OR REPLACE TEMP MACRO entropy(counts) AS
    CASE WHEN list_sum(counts) > 0 THEN list_sum(list_transform(counts,
        lambda n: CASE WHEN n > 0 THEN -(n / list_sum(counts)) * ln(n / list_sum(counts)) ELSE 0 END)) END;
