"""What of a text is personal, and the typed placeholder that stands in its place.

What belongs here: rules over one distinct suspicious text; SQL finds out which texts those are, so that
no rule runs per event (`sql/macros.sql`). What does not: the structure of addresses of pages
(`page_addresses.py`), numbers and their check digits (`personal_numbers.py`).
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import quote

from browse_assets.analysis import personal_numbers as numbers
from browse_assets.analysis.encodings import UNDECODABLE, decoded, decoded_word, is_random
from browse_assets.analysis.hosts import shown_host

PLACEHOLDER = re.compile(r"\{(\w+)\}")

# What the segment before, or the parameter's name, says of a segment.
ACCOUNT = "@"  # the first segment of a site whose addresses begin with an account's name
_USER_MARKERS = frozenset(
    "u user users profile profiles member members people person author authors avatar avatars in".split()
)
_PERSONAL_MARKERS = frozenset(
    (
        "order orders account accounts customer customers client clients invoice invoices ticket tickets booking"
        " bookings reservation patient case cases claim claims policy application applications contract contracts"
        " employee student students contact contacts subscriber subscribers id uid userid user_id"
    ).split()
)
_SECRET_MARKERS = frozenset(
    (
        "reset verify verification confirm confirmation token tokens invite invitation activate activation"
        " unsubscribe session sessions sid key auth oauth magic password recover signature access"
    ).split()
)
MARKERS = _USER_MARKERS | _PERSONAL_MARKERS | _SECRET_MARKERS
_CONTENT_MARKERS = frozenset(
    (
        "item items itm ip dp product products produkt produkte p pd prod sku app apps article articles"
        " articleshow artikel news story stories video videos watch embed shorts reel reels tv film films movie"
        " movies title titles book books isbn question questions q recipe recipes episode episodes show shows"
        " gallery photo photos image images img media asset assets static dist build chunks css js fonts cache"
        " thumb thumbs thumbnail thumbnails resize crop uploads npm gh category categories c cat topic topics tag"
        " tags node listing listings hotel hotels place places property job jobs viewjob deal deals offer offers"
        " track tracks album albums artist artists song release releases download downloads version versions docs"
        " package packages thread threads t viewtopic forum post posts blog archive doi patent patents paper abs"
        " game games event events collection collections commit playlist playlists properties expose details prd pdp"
        " pin ad rezept rezepte recette recettes gameid way directory voitures inserat anzeige s-anzeige"
    ).split()
)
# Words that stand where an account's name may stand, and are none.
_NO_ACCOUNT = frozenset(
    (
        "login logout signin sign_in sign-in signup sign_up register settings me edit new home index search"
        " explore help about privacy terms password profile account orders dashboard notifications messages inbox"
        " watch reel reels stories story video videos groups group pages page events marketplace hashtag tag tags"
        " share sharer intent i p tv web app apps legal jobs download business ads policies gaming live discover"
        " trending following followers status statuses user users list lists topics topic all top latest popular"
        " directory pin today ideas"
    ).split()
)
_CONTENT_ID = re.compile(r"id\d{9,10}|v\d{10}")  # an application's in Apple's store; a picture's version at Cloudinary
_STATIC_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|css|m?js|json|map|woff2?|ttf|mp[34]|m3u8|webm|xml)$", re.IGNORECASE
)
_PERSONAL_ID = re.compile(r"[A-Za-z]{0,4}[\-_]?\d{4,}(?:[\-_]\d+)*")
_SECRET = re.compile(r"(?=.*(?:\d|[a-z][A-Z]))[\w\-.=]{6,}")
_SLUG_WORD = re.compile(r"[^\W\d_]{2,}")
# How much of a text before and after a number is read to tell what it is: the longest slugs have 150 characters.
_CONTEXT = 200
# No title, tag or address is longer: descriptions end at 5,000 characters, browsers cut addresses at 8,000. The guard
# `has_personal_pattern` knows this number.
LONGEST = 10_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_NESTED_LINK = re.compile(r"https?:[/\\]{1,4}.*", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"https?:[/\\]{1,4}[^\s\"'<>/\\][^\s\"'<>]*", re.IGNORECASE)
_BARE_LINK = re.compile(
    r"(?<![\w@./\-])((?:(?<!:)//)?(?:[\w\-]+\.)+[a-z]{2,})(/[^\s\"'<>?#]*)(?:[?#][^\s\"'<>]*)?", re.IGNORECASE
)
_APP_LINK = re.compile(r"(?<![\w])(?!https?:)([a-z][a-z0-9+.\-]{1,30}:/{1,2})(?![/{])[^\s\"'<>{]+", re.IGNORECASE)
_LINK_PARTS = re.compile(r"(https?):[/\\]{1,4}([^/?#\\]*)([^?#]*)", re.IGNORECASE)
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_\-]{6,}(?:\.[A-Za-z0-9_\-]+)*=*")
# A name begins where none of its characters stands before; else each of them would be tried as the first.
_EMAIL = re.compile(
    r"(?:\"[^\"\s@]{1,32}(?: [^\"\s@]{1,32}){0,3}\"|(?<![^\s@<>()\[\]{},;:\"'/\\=&?|])[^\s@<>()\[\]{},;:\"'/\\=&?|]+)"
    r"@(?:(?:[\w\-]+\.)+[^\W\d_][\w\-]*|\[(?:IPv6:)?[0-9a-fA-F:.]{3,45}\])"
)
_SPELLED_EMAIL = re.compile(
    r"(?<![\w.+\-])[\w.+\-]+\s?(?:\(at\)|\[at\]|\{at\}|<at>)\s?[\w\-]+(?:\s?(?:\.|\(dot\)|\[dot\]|\{dot\}|\bdot\b)\s?[\w\-]+)+"
    r"|(?<![\w.+\-])[\w.+\-]+ (?:at|@) (?:[\w\-]+ dot [a-z]{2,}"
    r"|(?:gmail|googlemail|yahoo|hotmail|outlook|live|icloud|aol|gmx|web|proton(?:mail)?|mail)\.\w+)",
    re.IGNORECASE,
)
_HANDLE = re.compile(
    r"(?<![\w@/.}])@(?!(?:media|import|font-face|keyframes|property|override|home)\b)[A-Za-z_][\w.]{2,29}(?![\w@/])"
)
_SECRET_PAIR = re.compile(
    r"\b(session(?:_?id)?|sid|j?sessionid|phpsessid|token|access_token|auth|api_?key|password|passwd|pwd|secret)(=|%3D)[^\s&;/?#]+",
    re.IGNORECASE,
)
# Prefixes that say so: keys of Amazon, GitHub, GitLab, Slack, Google, Stripe and OpenAI.
_ISSUED_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:A[KS]IA[0-9A-Z]{16}|gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abeoprs]-[\w\-]{10,}"
    r"|AIza[\w\-]{30,}|ya29\.[\w\-]{10,}|glpat-[\w\-]{20,}|[prs]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-proj-[\w\-]{16,})"
)
_UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ .\-]?[A-Za-z0-9]{1,4}){3,9}(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<!\d)(?<!\d[.,])\d(?:[ .\-_]?\d){12,18}(?!\d)")
_SSN = re.compile(r"(?<!\d)(?<!\d-)(?!000|9)\d{3}([\- ])(?!00)\d{2}\1(?!0000)\d{4}(?!\d|-\d)")
_PLACE = re.compile(
    r"(-?\d{1,3}\.\d{3,})\s?(?:[NS]?\s?[,;/ _|]|%2C|!4d|[\"',;&]{0,2}\s?[\"']?(?:lng|lon|long|longitude)[\"']?\s?[=:])"
    r"\s?(-?\d{1,3}\.\d{3,})(?!\d|\.\d)"
)
_DEGREES = re.compile(
    r"\d{1,3}(?:\.\d{2,}°|°\s*\d{1,2}['′](?:\s*\d{1,2}(?:\.\d+)?[\"″])?)\s*[NSEWO](?!\w)", re.IGNORECASE
)
_ADDRESS_6 = re.compile(r"(?<![a-z0-9:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![a-z0-9:])", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)")
_PHONE = re.compile(r"(?<![^\W_])(?<![.,#])(?<!\d:)(?:\(?\+)?\(?\d(?:[ ().\-/_]{0,3}\d){6,16}(?!\d|[A-WYZa-wyz]\d)")
_RUN = re.compile(r"\d{9,}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_\-]{7,}={0,2}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")


def scrub_text(text: str) -> str:
    """The text with personal data replaced by placeholders; the very same text when there is none.

    It is judged decoded: percent encoding up to three times, HTML and JavaScript escapes, full-width
    characters, words of Base64 and hexadecimal digits. Links in it lose credentials, query and fragment. What
    stands behind the first LONGEST characters becomes `{undecodable}`.
    """
    if len(text) > LONGEST:
        return scrub_text(text[:LONGEST]) + UNDECODABLE
    linked = _applied(_LINK_RULES, text)  # as it stands, since a link ends at a space that is not encoded
    clear = decoded(linked)
    found = _applied(_TEXT_RULES, clear)
    return linked if found == clear else found


def scrub_technical(text: str) -> str:
    """As `scrub_text`, for meta tags whose numbers and tokens are the site's own: versions, keys, sizes, prices."""
    if len(text) > LONGEST:
        return scrub_technical(text[:LONGEST]) + UNDECODABLE
    clear = decoded(text)
    found = _applied(_TECHNICAL_RULES, clear)
    return text if found == clear else found


def scrub_segment(segment: str, before: str, earlier: str = "") -> str:
    """A path segment with personal data replaced; the very same one when there is none.

    Args:
        segment: as it stands in the address, percent-encoded.
        before: the segment before it; ACCOUNT where the site's addresses begin with an account's name.
        earlier: the segment before that.

    Returns `{undecodable}` for what is no text after three decodings or longer than LONGEST.
    Path parameters (`;jsessionid=`), and a query or fragment that hides in the segment by encoding, are cut.
    """
    clear = decoded(segment) if len(segment) <= LONGEST else UNDECODABLE
    if UNDECODABLE in clear or _CONTROL.search(clear):
        return UNDECODABLE
    context = _context(before.lower(), earlier.lower())
    kept = re.split(r"[?#;]", _NESTED_LINK.sub(_judge_link, clear))[0]
    if "/" in kept:  # encoded in the segment: 0171/1234567 is one number
        kept = _applied_in_context(_SURE_RULES, kept, context)
    pieces = kept.split("/")
    contexts = [context, *(piece.lower() for piece in pieces)]
    found = "/".join(_scrub_piece(piece, marker) for piece, marker in zip(pieces, contexts, strict=False))
    return segment if found == clear else quote(found, safe="/{}@~:,;=()!*'$&+._-")


def _context(before: str, earlier: str) -> str:
    """What says most of a segment: the one before it, unless that is a number of an account or says nothing."""
    if earlier in _USER_MARKERS and before.isdigit():
        return earlier  # /users/123/ann
    return earlier if earlier in _CONTENT_MARKERS and before not in MARKERS and before != ACCOUNT else before


def _scrub_piece(piece: str, marker: str) -> str:
    if piece[:1] in ("@", "~") and len(piece) > 1 and marker not in ("package", "packages", "npm"):  # @types/node
        return f"{piece[0]}{{{kind_of(piece[1:]) or 'user'}}}"
    if (marker in _USER_MARKERS or marker == ACCOUNT) and piece and piece.lower() not in _NO_ACCOUNT:
        return "{user}"
    if marker in _SECRET_MARKERS and _SECRET.fullmatch(piece) and not PLACEHOLDER.search(piece):
        return f"{{{kind_of(piece) or 'token'}}}"
    if marker in _PERSONAL_MARKERS and _PERSONAL_ID.fullmatch(piece):
        return f"{{{kind_of(piece) or 'id'}}}"
    if _STATIC_FILE.search(piece):
        return _applied_in_context(_FILE_RULES, piece, marker)
    is_content = marker in _CONTENT_MARKERS or _CONTENT_ID.fullmatch(piece) or _is_number_of(marker, piece)
    return _applied_in_context(_CONTENT_RULES if is_content else _PATH_RULES, piece, marker)


def _is_number_of(slug: str, piece: str) -> bool:
    """Whether a number stands behind the slug of what it numbers: three words or more that name no customer."""
    words = _SLUG_WORD.findall(slug)
    return (
        len(words) >= 3
        and not MARKERS.intersection(words)
        and re.fullmatch(r"[1-9]\d{8,12}(?:\.\w{2,5})?", piece) is not None
    )


def _applied_in_context(rules: "_Rules", piece: str, marker: str) -> str:
    """With the word before it, since `isbn/` and `phone/` say what the number after them is."""
    if not re.fullmatch(r"[a-z_\-]{2,20}", marker):
        return _applied(rules, piece)
    return _applied(rules, f"{marker}/{piece}").removeprefix(f"{marker}/")


def scrub_address(address: str) -> str:
    """An http(s) address with scrubbed host and path, without credentials, query and fragment."""
    parts = _LINK_PARTS.match(address)
    host = shown_host(re.sub(r":\d*$", "", parts[2].rpartition("@")[2]).lower()) if parts else None
    if parts is None or host is None:
        return UNDECODABLE
    path = parts[3].replace("\\", "/")  # as browsers read it (WHATWG URL)
    return f"{parts[1].lower()}://{host}{_scrub_path(path)}"


def _scrub_path(path: str) -> str:
    segments = path.split("/")
    clean = [
        scrub_segment(segment, before, earlier)
        for segment, before, earlier in zip(segments, ["", *segments], ["", "", *segments], strict=False)
    ]
    return f"/{UNDECODABLE}" if UNDECODABLE in clean else "/".join(clean)


def personal_kind(name: str, value: str) -> str | None:
    """Kind of the first personal value in a query parameter; None when it may stay.

    Args:
        name: of the parameter, which says what a number is (`page=`, `isbn=`).
        value: as it stands in the address, percent-encoded, `+` for spaces.
    """
    clear = decoded(value.replace("+", " ")) if len(value) <= LONGEST else UNDECODABLE
    if UNDECODABLE in clear or _CONTROL.search(clear):
        return "undecodable"
    if _NESTED_LINK.search(clear) and scrub_address(clear) != clear:
        return kind_of(clear) or "parameter"
    if "/" in clear and (path := _scrub_path(clear)) != clear:
        return _new_kind(path, clear)
    found = _applied((*_PATH_RULES, (_HANDLE, _always("{user}"))), f"{name}={clear}")
    return None if found == f"{name}={clear}" else _new_kind(found, clear)


@lru_cache(maxsize=65536)
def kind_of(text: str) -> str | None:
    """Kind of the first personal value in a text, as its placeholder names it; None when there is none."""
    clear = decoded(text)
    found = _applied(_TEXT_RULES, clear)
    return None if found == clear else _new_kind(found, clear)


def _new_kind(found: str, clear: str) -> str:
    return next((kind for kind in PLACEHOLDER.findall(found) if f"{{{kind}}}" not in clear), "id")


_Rules = Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]


def _applied(rules: _Rules, text: str) -> str:
    for pattern, judge in rules:
        text = pattern.sub(judge, text)
    return text


def _judge_link(match: re.Match[str]) -> str:
    return scrub_address(match[0])


def _judge_bare_link(match: re.Match[str]) -> str:
    return f"{match[1]}{_scrub_path(match[2])}"


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - _CONTEXT) : match.start()]


def _after(match: re.Match[str]) -> str:
    return match.string[match.end() : match.end() + _CONTEXT]


def _always(placeholder: str) -> Callable[[re.Match[str]], str]:
    return lambda _: placeholder


def _judge_iban(match: re.Match[str]) -> str:
    end = numbers.iban_end(match[0])
    if end:
        return "{iban}" + match[0][end:]
    is_named = re.search(r"iban\W*$", _before(match), re.IGNORECASE)
    return "{iban}" if is_named else match[0]


def _judge_card(match: re.Match[str]) -> str:
    return "{card}" if numbers.is_card(match[0]) else match[0]


def _judge_place(match: re.Match[str]) -> str:
    return "{geo}" if numbers.is_place(match[1], match[2]) else match[0]


def _judge_address(match: re.Match[str]) -> str:
    return "{ip}" if numbers.is_address(match[0], _before(match), _after(match)) else match[0]


def _judge_address_6(match: re.Match[str]) -> str:
    return "{ip}" if numbers.is_address_6(match[0]) else match[0]


def _judge_phone(match: re.Match[str]) -> str:
    """The longest run of its groups that is a telephone number: other numbers may stand beside it, but what a dash
    or a dot joins is one number."""
    text, before, after = match[0], _before(match), _after(match)
    if re.search(r"\d[\-._]$", before):
        return text
    groups = [(group.start(), group.end()) for group in re.finditer(r"(?:\(?\+)?\(?\d+\)?", text)]
    for first in range(len(groups)):
        for last in range(len(groups), first, -1):
            start, end = groups[first][0], groups[last - 1][1]
            if end - start < 7:  # digits of the shortest number
                break
            if text[start - 1 : start] in ("-", ".", "_") or text[end : end + 1] in ("-", ".", "_"):
                continue
            if numbers.is_phone(text[start:end], before + text[:start], text[end:] + after):
                return text[:start] + "{phone}" + text[end:]
    return text


def _judge_run(match: re.Match[str]) -> str:
    before = _before(match)
    is_fraction = before.endswith(".") and before[-2:-1].isdigit()
    if is_fraction or numbers.is_date(match[0]) or numbers.is_product_number(match[0], before):
        return match[0]
    return "{id}"


def _judge_slug_run(match: re.Match[str]) -> str:
    """Articles carry their number, of up to 13 digits, at one end of three words or more that name no customer."""
    before, after = _before(match).rpartition("/")[2], _after(match)
    words = _SLUG_WORD.findall(before.lower()) or _SLUG_WORD.findall(after.partition(".")[0].lower())
    is_at_an_end = not before or re.fullmatch(r"(?:\.\w{2,5})?", after) is not None
    is_number = len(match[0]) <= 13 and not match[0].startswith("0")
    is_article = len(words) >= 3 and is_at_an_end and is_number and not MARKERS.intersection(words)
    return match[0] if is_article else _judge_run(match)


def _judge_word(match: re.Match[str]) -> str:
    word = _judge_encoded_word(match)
    if word == match[0] and is_random(word):
        return "{id}" if _HEXADECIMAL.fullmatch(word) else "{token}"
    return word


def _judge_encoded_word(match: re.Match[str]) -> str:
    inner = decoded_word(match[0])
    kind = None if inner is None else kind_of(inner)
    return match[0] if kind is None else f"{{{kind}}}"


# In this order: what is longer and surer goes first, so that its parts are not taken for something else.
_SURE_RULES: _Rules = (
    (_TOKEN, _always("{token}")),
    (_ISSUED_TOKEN, _always("{token}")),
    (_EMAIL, _always("{email}")),
    (_SPELLED_EMAIL, _always("{email}")),
    (_SECRET_PAIR, lambda match: f"{match[1]}{match[2]}{{token}}"),
    (_UUID, _always("{id}")),
    (_IBAN, _judge_iban),
    (_CARD, _judge_card),
    (_SSN, _always("{ssn}")),
    (_DEGREES, _always("{geo}")),
    (_PLACE, _judge_place),
    (_ADDRESS_6, _judge_address_6),
    (_ADDRESS, _judge_address),
    (_PHONE, _judge_phone),
)
_LINK_RULES: _Rules = (
    (_LINK, _judge_link),
    (_BARE_LINK, _judge_bare_link),
    (_APP_LINK, lambda match: match[1] + "{id}"),
)
_TEXT_RULES: _Rules = (
    *_LINK_RULES,
    *_SURE_RULES[:5],
    (_HANDLE, _always("{user}")),
    *_SURE_RULES[5:],
    (_WORD, _judge_word),
    (_RUN, _judge_run),
)
# Tags that name versions, applications and sizes.
_TECHNICAL_RULES: _Rules = (
    *(rule for rule in _SURE_RULES if rule[0] not in (_UUID, _PLACE, _ADDRESS_6, _ADDRESS, _PHONE)),
    (_WORD, _judge_encoded_word),
)
_PATH_RULES: _Rules = (*_SURE_RULES, (_WORD, _judge_word), (_RUN, _judge_slug_run))
# What is for sale or to be read: its numbers and hashes are not a person's; nor are those of files.
_CONTENT_RULES: _Rules = (*_SURE_RULES, (_WORD, _judge_encoded_word))
_FILE_RULES: _Rules = tuple(rule for rule in _CONTENT_RULES if rule[0] is not _UUID)
