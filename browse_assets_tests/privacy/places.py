"""Where personal values stand: parts of an address, texts, metadata.

What belongs here: the places, which kinds and encodings make sense in each, and how the event around the
value looks. What does not: the values (`values.py`) and their codings (`encodings.py`).
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from browse_assets_tests.privacy import values
from browse_assets_tests.privacy.encodings import (
    BASE64,
    CASE,
    ENTITIES,
    NESTED,
    PERCENT,
    PLAIN,
    TYPOGRAPHIC,
    encode_for_text,
    encode_for_url,
    has_other_case,
    is_typographic,
)
from browse_assets_tests.privacy.labelled_set import Case, Event
from browse_assets_tests.privacy.values import KINDS, Secret

SITES = (
    "www.example.com shop.example.org portal.example.net www.my-bank.example news.example.co.uk forum.example.de "
    "app.example.io accounts.example.fr www.example.com.br travel.example.com.au"
).split()
_SCHEMES = ("https://", "https://", "https://", "http://")
_NUMBERS = ("phone", "card", "iban", "ssn", "ipv4", "ipv6", "geo", "long_number")
_OPAQUE = ("jwt", "token", "uuid", "long_number")
_STRUCTURED = tuple(values.STRUCTURED)
_NOT_USERNAME = tuple(kind for kind in _STRUCTURED if kind != "username")
_IN_URLS = (PLAIN, CASE, *PERCENT, *BASE64, NESTED)
_IN_TEXTS = (PLAIN, CASE, ENTITIES, TYPOGRAPHIC)


def page(rng: random.Random, path: str) -> str:
    return rng.choice(_SCHEMES) + rng.choice(SITES) + path


Build = Callable[[random.Random, Secret, str], tuple[Event, str, tuple[str, ...]]]


@dataclass(frozen=True)
class Place:
    """A place: its kinds and encodings, and what makes an event, its carrier and the words to be kept."""

    name: str
    kinds: tuple[str, ...]
    encodings: tuple[str, ...]
    build: Build

    def takes(self, kind: str, encoding: str) -> bool:
        return kind in self.kinds and encoding in self.encodings and _makes_sense(kind, encoding)

    def case(self, rng: random.Random, kind: str, encoding: str) -> Case:
        secret = _secret(rng, kind, encoding, in_words=self.name in ("title", "description"))
        while self.name == "subdomain" and not re.fullmatch(r"[0-9a-f.\-]{1,50}", secret.written):
            secret = _secret(rng, kind, encoding, in_words=False)  # what a host label can hold
        event, carrier, kept = self.build(rng, secret, encoding)
        return Case(kind, self.name, encoding, event, carrier, secret, kept)


def _makes_sense(kind: str, encoding: str) -> bool:
    if encoding in BASE64:  # what is coded as base64 in addresses: things of people, not what is opaque already
        return kind not in ("jwt", "token", "uuid", "ipv6")
    if encoding == CASE:  # in other case a JWT is none, digits have none
        return kind in ("email", "iban", "token", "uuid", "ipv6", "username", "name", "password")
    if encoding == TYPOGRAPHIC:
        return kind in ("phone", "card", "iban", "ssn")
    if encoding == ENTITIES:
        return kind in ("email", "phone", "name", "iban", "card", "geo", "ipv6")
    return True


def _secret(rng: random.Random, kind: str, encoding: str, *, in_words: bool) -> Secret:
    """A value of that kind which the encoding changes."""
    make = values.geo_in_words if kind == "geo" and in_words and rng.random() < 0.5 else KINDS[kind]
    while True:
        secret = make(rng)
        if encoding == CASE and not has_other_case(secret.written):
            continue
        if encoding == CASE and kind == "token" and not re.fullmatch("[0-9a-f]+", secret.written):
            continue  # only hexadecimal digits mean the same in capitals
        if encoding == TYPOGRAPHIC and not is_typographic(secret.written):
            continue
        return secret


def _coded(rng: random.Random, secret: Secret, encoding: str, *, query: bool) -> str:
    lead = rng.choice(["u/", "users/", "profile/", "@"]) if secret.kind == "username" else ""
    return encode_for_url(rng, secret.written, encoding, query=query, lead=lead)


def _userinfo(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    coded = quote(secret.written, safe="") if encoding == PLAIN else _coded(rng, secret, encoding, query=False)
    user = rng.choice([f"{coded}:hunter2", coded, f"admin:{coded}"])
    url = f"{rng.choice(_SCHEMES)}{user}@{rng.choice(SITES)}{rng.choice(['/', '/files/list', '/start'])}"
    return Event(url), url, ()


def _label(rng: random.Random, secret: Secret, encoding: str) -> str:
    """A host label made of the value, as tenants and devices get one."""
    value = secret.written.upper() if encoding == CASE else secret.written
    if secret.kind == "ipv4":
        return rng.choice(["", "ip-", "host-", "dsl-"]) + value.replace(".", "-")
    if secret.kind == "long_number":
        return rng.choice(["", "cust", "customer-", "u", "tenant-"]) + value
    return value


def _subdomain(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    label = _label(rng, secret, encoding)
    site = rng.choice(["example.com", "example.org", "my-bank.example", "example.co.uk"])
    url = f"https://{label}.{rng.choice(['', '', 'app.'])}{site}{rng.choice(['/', '/start', '/login'])}"
    return Event(url), url, ()


_BEFORE_ID = "orders order account accounts customer customers booking invoice member ticket case patient".split()
_BEFORE_TOKEN = "reset confirm verify activate invite s session share unsubscribe auth".split()
_BEFORE_MAIL = "unsubscribe confirm inbox users contact invite mailto account verify".split()
_BEFORE_USER = "u user users profile".split()
_BEFORE_OTHER = {
    "phone": ("call", "phone", "tel", "sms", "lookup"),
    "card": ("pay", "card", "cards", "payment"),
    "iban": ("transfer", "iban", "accounts", "payee"),
    "ssn": ("ssn", "applicant", "benefits", "tax"),
    "ipv4": ("ip", "whois", "lookup", "host"),
    "ipv6": ("ip", "whois", "lookup", "host"),
    "geo": ("maps", "near", "weather", "place"),
}


def _before(rng: random.Random, kind: str) -> str:
    if kind in ("jwt", "token", "uuid"):
        return rng.choice(_BEFORE_TOKEN)
    if kind == "long_number":
        return rng.choice(_BEFORE_ID)
    if kind in ("email", "email_obfuscated"):
        return rng.choice(_BEFORE_MAIL)
    return rng.choice(_BEFORE_OTHER.get(kind, ("people", "team", "contact")))


def _path_of(rng: random.Random, secret: Secret, encoding: str) -> str:
    if encoding == NESTED:
        lead = rng.choice(["/redirect/", "/out/", "/login/next/", "/share/"])
        return lead + _coded(rng, secret, encoding, query=False)
    coded = _coded(rng, secret, encoding, query=False)
    after = rng.choice(["", "", "/", "/edit", "/settings", "/details/2"])
    if secret.kind == "username":
        lead = rng.choice([*(f"/{word}/" for word in _BEFORE_USER), "/@", "/community/profile/", "/en/u/"])
        return lead + coded + after
    if secret.kind == "geo" and encoding == PLAIN:
        zoom = rng.choice(["", ",15z", ",17z", ",3a,75y,90t"])
        return f"/maps/{rng.choice(['@', '@', ''])}{coded.replace('%20', '')}{zoom}"
    lead = f"/{_before(rng, secret.kind)}/" if rng.random() < 0.7 else rng.choice(["/", "/en/", "/web/v2/"])
    return lead + coded + after


def _path_segment(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    url = page(rng, _path_of(rng, secret, encoding))
    return Event(url), url, ()


def _path_words(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    coded = _coded(rng, secret, encoding, query=False)
    before, joint = _before(rng, secret.kind), rng.choice("-_-")
    after = rng.choice(["", "details", "en", "now"])
    if secret.kind in ("email", "jwt", "token", "uuid", "username") and rng.random() < 0.5:
        joint = rng.choice([",", ":", "="])  # such a value may hold hyphens of its own
    words = joint.join(word for word in (before, coded, after) if word)
    url = page(rng, f"/{rng.choice(['a', 'service', 'my'])}/{words}{rng.choice(['', '', '.html', '/'])}")
    return Event(url), url, ()


def _path_parameter(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    coded = _coded(rng, secret, encoding, query=False)
    name = rng.choice(["jsessionid", "sid", "user", "v", "id", "token"])
    url = page(rng, f"/{rng.choice(['app', 'shop/cart', 'list'])};{name}={coded}{rng.choice(['', '/next', '?page=2'])}")
    return Event(url), url, ()


ALLOWED = "utm_campaign utm_source utm_medium utm_content utm_term page category sort lang q query search tab".split()
OTHER = "email user uid id token session key phone addr account name next ref_id gclid callback state code c".split()


def _in_query(names: list[str]) -> Build:
    def build(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
        parameter = rng.choice(names)
        if encoding == NESTED and names is OTHER:
            parameter = rng.choice(["url", "u", "next", "redirect", "continue", "return_to"])
        pair = f"{parameter}={_coded(rng, secret, encoding, query=True)}"
        pairs = [pair, *rng.sample(["page=2", "lang=en", "utm_medium=cpc", "b=1"], rng.randrange(3))]
        rng.shuffle(pairs)
        url = page(
            rng, f"/{rng.choice(['', 'list', 'shop/shoes', 'landing'])}?{rng.choice(['&', '&', '&amp;']).join(pairs)}"
        )
        return Event(url), url, ()

    return build


def _fragment(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    coded = _coded(rng, secret, encoding, query=True)
    lead = rng.choice(["", "access_token=", "id=", "/users/", "!/inbox/", ":~:text="])
    url = page(rng, f"/{rng.choice(['', 'callback', 'app'])}#{lead}{coded}")
    return Event(url), url, ()


# Around a value in running text; context where people give some.
_SENTENCES = {
    "email": ("{} - Inbox", "Write to {} for help", "Mail: {}", "Welcome back, {}!", "Signed in as {} | Portal"),
    "phone": ("Call {} today", "Tel.: {}", "Support {} | Contact us", "Who called me from {}?", "Reservations: {}"),
    "card": ("Card {} declined", "Pay with {}", "Payment method: {}", "Your card number {} was saved"),
    "iban": ("Transfer to {}", "IBAN: {}", "Payee {} added", "Account {} | Bank"),
    "ssn": ("SSN {}", "Applicant {} - Benefits", "Tax record {} found", "Social security number: {}"),
    "ipv4": ("Your IP address is {}", "IP {} lookup", "Logged in from {}", "Whois {}"),
    "ipv6": ("Your IP address is {}", "IPv6 {} lookup", "Logged in from {}", "Whois {}"),
    "geo": ("Weather at {}", "Map of {}", "Route to {} | Maps", "Location: {}"),
    "jwt": ("Token {}", "Authorization: Bearer {}", "Decode {} online"),
    "token": ("Session {}", "API key {}", "Reset code {}", "Order token {} | Shop"),
    "uuid": ("Request {}", "Session {} expired", "Document {} | Drive"),
    "long_number": ("Order {} | Shop", "Your account {}", "Customer number {}", "Booking {} confirmed"),
    "username": ("@{} on Social", "Profile of @{}", "(@{}) | Photos"),
    "name": ("{} - Profile", "Letter to {} about the contract", "Happy birthday, {}!", "Photos of {} | Album"),
    "email_obfuscated": ("Contact: {}", "Write to {} for help"),
}


def _sentence(rng: random.Random, secret: Secret, encoding: str) -> tuple[str, tuple[str, ...]]:
    template = rng.choice(_SENTENCES[secret.kind])
    kept = tuple(re.findall(r"[A-Za-z]{4,}", template))
    return template.format(encode_for_text(rng, secret.written, encoding)), kept


def _title(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    text, kept = _sentence(rng, secret, encoding)
    return Event(page(rng, "/start"), text), text, kept


def _title_address(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    """Browsers show the address, mostly without its scheme, where a page has no title."""
    path = _path_of(rng, secret, encoding)
    if rng.random() < 0.5:
        path = f"/list?{rng.choice(ALLOWED + OTHER)}={_coded(rng, secret, encoding, query=True)}"
    if secret.kind == "username":
        path = _path_of(rng, secret, encoding)
    title = rng.choice(["", "", "https://"]) + rng.choice(SITES) + path
    return Event(page(rng, "/start"), title), title, ()


_ENGINES = (
    ("https://www.google.com/search?q={}&hl=en", quote_plus),
    ("https://www.google.de/search?client=firefox-b-d&q={}", quote_plus),
    ("https://www.bing.com/search?q={}&form=QBLH", quote_plus),
    ("https://duckduckgo.com/?q={}&ia=web", quote_plus),
    ("https://search.yahoo.com/search?p={}", quote_plus),
    ("https://yandex.ru/search/?text={}", quote),
    ("https://www.ecosia.org/search?q={}", quote),
)


def search_url(rng: random.Random, terms: str) -> str:
    pattern, coding = rng.choice(_ENGINES)
    return pattern.format(coding(terms, safe=""))


def _search_terms(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    template = rng.choice(["{} owner", "who is {}", "{}", "{} complaints", "find {}", "lookup {}"])
    if secret.kind == "username":
        template = "@" + template if template.startswith("{") else template.replace("{}", "@{}")
    terms = template.format(encode_for_text(rng, secret.written, encoding))
    kept = tuple(re.findall(r"[a-z]{4,}", template))
    return Event(search_url(rng, terms)), terms, kept


def _description(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    text, kept = _sentence(rng, secret, encoding)
    tag = rng.choice(["description", "og:title", "og:description", "twitter:description", "keywords", "twitter:title"])
    return Event(page(rng, "/start"), tags=((tag, text), ("og:type", "website"))), text, kept


_ADDRESS_TAGS = ("og:image", "og:url", "twitter:image", "al:web:url", "og:video", "canonical", "og:image:secure_url")


def _tag_path(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    content = "https://" + rng.choice(["cdn.example.net", "img.example.org", "www.example.com"])
    if secret.kind in ("token", "uuid") and encoding == PLAIN:
        content += f"/{rng.choice(['avatar', 'users', 'u', 'profile', 'share'])}/{secret.written}"
    else:
        content += _path_of(rng, secret, encoding)
    return Event(page(rng, "/start"), tags=((rng.choice(_ADDRESS_TAGS), content),)), content, ()


def _tag_query(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    pair = f"{rng.choice(ALLOWED + OTHER)}={_coded(rng, secret, encoding, query=True)}"
    content = (
        f"https://cdn.example.net/{rng.choice(['a.jpg', 'share', ''])}?{pair}{rng.choice(['', '&w=1200', '#top'])}"
    )
    return Event(page(rng, "/start"), tags=((rng.choice(_ADDRESS_TAGS), content),)), content, ()


def _referrer(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    coded = _coded(rng, secret, encoding, query=True)
    path = rng.choice([f"/?{rng.choice(ALLOWED + OTHER)}={coded}", _path_of(rng, secret, encoding), f"/a#{coded}"])
    referrer = page(rng, path)
    return Event(page(rng, "/start"), referrer=referrer), referrer, ()


_PERSONAL_TAGS = (
    "author article:author profile:username profile:first_name profile:last_name fb:admins geo.position ICBM "
    "twitter:creator og:email og:phone_number place:location:latitude dc.creator user:username book:author byl "
    "sailthru.author parsely-author contact:email reply-to og:latitude business:contact_data:phone_number"
).split()


def _personal_tag(rng: random.Random, secret: Secret, encoding: str) -> tuple[Event, str, tuple[str, ...]]:
    fitting = {
        "email": ("author", "og:email", "reply-to", "contact:email", "article:author", "dc.creator"),
        "phone": ("og:phone_number", "business:contact_data:phone_number"),
        "geo": ("geo.position", "ICBM", "place:location:latitude", "og:latitude"),
        "long_number": ("fb:admins", "fb:profile_id"),
        "username": ("profile:username", "twitter:creator", "user:username", "author"),
        "name": tuple(tag for tag in _PERSONAL_TAGS if re.search("auth|creat|first|last|byl", tag)),
    }[secret.kind]
    coded = encode_for_text(rng, secret.written, encoding)
    content = (
        rng.choice([coded, coded, f"https://social.example.com/{quote(coded)}"]) if secret.kind != "geo" else coded
    )
    return Event(page(rng, "/start"), tags=((rng.choice(fitting), content), ("og:type", "article"))), content, ()


_PLACE_TEXT_KINDS = tuple(kind for kind in (*_STRUCTURED, "name", "email_obfuscated") if kind != "password")
PLACES = (
    Place(
        "userinfo",
        ("email", "username", "token", "password", "name", "long_number"),
        (PLAIN, CASE, PERCENT[0]),
        _userinfo,
    ),
    Place("subdomain", ("long_number", "token", "uuid", "ipv4"), (PLAIN, CASE), _subdomain),
    Place("path segment", (*_STRUCTURED, "name", "email_obfuscated"), _IN_URLS, _path_segment),
    Place("path segment with words", (*_NOT_USERNAME, "name"), (PLAIN, CASE, *PERCENT), _path_words),
    Place("path parameter", (*_STRUCTURED, "name"), _IN_URLS[:-1], _path_parameter),
    Place("query of an allowed name", (*_NOT_USERNAME, "name"), _IN_URLS, _in_query(ALLOWED)),
    Place("query of another name", (*_STRUCTURED, "name", "password"), _IN_URLS, _in_query(OTHER)),
    Place("fragment", (*_STRUCTURED, "name", "password"), _IN_URLS, _fragment),
    Place("title", _PLACE_TEXT_KINDS, (*_IN_TEXTS, PERCENT[0]), _title),
    Place("title that is an address", _STRUCTURED, (PLAIN, PERCENT[0], NESTED), _title_address),
    Place("search terms", _PLACE_TEXT_KINDS, (PLAIN, CASE, TYPOGRAPHIC), _search_terms),
    Place("description", _PLACE_TEXT_KINDS, _IN_TEXTS, _description),
    Place("path of a metadata address", _STRUCTURED, _IN_URLS, _tag_path),
    Place("query of a metadata address", (*_STRUCTURED, "name"), _IN_URLS, _tag_query),
    Place("referrer", (*_STRUCTURED, "name"), _IN_URLS, _referrer),
    Place(
        "personal tag",
        ("email", "phone", "geo", "long_number", "username", "name"),
        (PLAIN, CASE, ENTITIES),
        _personal_tag,
    ),
)
