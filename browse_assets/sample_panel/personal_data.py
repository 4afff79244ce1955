"""Personal data planted in addresses, titles, meta tags and search terms.

Here: invented values from reserved ranges (example.com, 555-01xx, test cards, documentation
networks), and where they are written. Every planting is kept as truth. Not here: any detector.
"""

import base64
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import numpy as np
import pandas as pd

from browse_assets.sample_panel.web_log import add_to_query

PLANTED_SHARE = 0.011  # of page views; about 1 % of rows

_FIRST_NAMES = (
    "Dana", "Maria", "Oliver", "Priya", "Jonas", "Amelie", "Carlos", "Grace", "Tomasz", "Yuki",
    "Fatima", "Liam", "Sofia", "Henrik", "Nadia", "Owen", "Chloe", "Mateo", "Ingrid", "Samuel",
    "Leila", "Bruno", "Hannah", "Victor", "Renee", "Isaac", "Paula", "Derek", "Alina", "Colin",
)  # fmt: skip
_LAST_NAMES = (
    "Whitfield", "Okafor", "Lindqvist", "Ramirez", "Novak", "Delacroix", "Hartmann", "Oyelaran",
    "Castellano", "Brandt", "Fujimoto", "Pemberton", "Sorensen", "Marchetti", "Kowalski",
    "Abernathy", "Vasquez", "Thornton", "Beaumont", "Rasmussen", "Eklund", "Holloway", "Petrov",
    "Santoro", "Caldwell", "Moreau", "Winslow", "Navarro", "Fitzgerald", "Baumann",
)  # fmt: skip
_CARDS = ("4111111111111111", "4242424242424242", "5555555555554444", "378282246310005",
          "6011111111111117", "4012888888881881", "5105105105105100")  # fmt: skip
_IBANS = ("DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606",
          "ES9121000418450200051332", "NL91ABNA0417164300")  # fmt: skip
_SSNS = ("078-05-1120", "219-09-9999", "457-55-5462")  # made public and withdrawn
_JWT_HEAD = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"


@dataclass(frozen=True)
class Planting:
    """One way in which a value of a kind gets into a page view.

    `pattern` holds "{}" where the written value goes: a parameter (url_query), a path, a fragment,
    credentials, a title, the name of a meta tag (metadata), or search terms. With `address` the
    page is replaced: its URL is that address filled with the value, its title is `title`.
    """

    kind: str
    place: str
    encoding: str
    weight: float
    pattern: str
    address: str = ""
    title: str = ""


_SEARCH = "https://www.google.com/search?q={}&sourceid=chrome&ie=UTF-8"
PLANTINGS: tuple[Planting, ...] = (
    Planting("email", "url_query", "plain", 4, "email={}"),
    Planting("email", "url_query", "percent", 7, "email={}"),
    Planting("email", "url_query", "base64", 3, "u={}"),
    Planting(
        "email",
        "url_path",
        "plain",
        3,
        "{}",
        "https://manage.kmail-lists.com/unsubscribe/{}",
        "Unsubscribe",
    ),
    Planting("email", "url_fragment", "plain", 2, "email={}"),
    Planting(
        "email",
        "title",
        "plain",
        6,
        "Inbox (3) - {} - Gmail",
        "https://mail.google.com/mail/u/0/#inbox",
    ),
    Planting("email", "metadata", "plain", 2, "author"),
    Planting("email", "search", "percent", 2, "{}", _SEARCH, "data breach check - Google Search"),
    Planting("phone", "url_query", "percent", 4, "phone={}"),
    Planting(
        "phone",
        "url_path",
        "plain",
        2,
        "{}",
        "https://www.whitepages.com/phone/{}",
        "Reverse Phone Lookup",
    ),
    Planting(
        "phone",
        "search",
        "percent",
        3,
        "who called me {}",
        _SEARCH,
        "who called me - Google Search",
    ),
    Planting(
        "phone",
        "title",
        "plain",
        2,
        "Missed call from {} - Voice",
        "https://voice.google.com/u/0/calls",
    ),
    Planting("phone", "metadata", "plain", 1, "og:phone_number"),
    Planting("card_number", "url_query", "plain", 2, "card_number={}"),
    Planting("card_number", "url_query", "percent", 1.5, "pan={}"),
    Planting("card_number", "url_fragment", "plain", 0.7, "pay={}"),
    Planting("card_number", "search", "percent", 0.8, "{} declined", _SEARCH, "declined - Google Search"),
    Planting("iban", "url_query", "plain", 2, "iban={}"),
    Planting("iban", "url_query", "base64", 1, "acct={}"),
    Planting("iban", "search", "percent", 1, "iban {}", _SEARCH, "iban - Google Search"),
    Planting("ssn", "url_query", "plain", 1.5, "ssn={}"),
    Planting("ssn", "search", "percent", 0.7, "ssn {}", _SEARCH, "ssn lookup - Google Search"),
    Planting("ip_address", "url_query", "plain", 2, "client_ip={}"),
    Planting(
        "ip_address",
        "url_path",
        "plain",
        1.5,
        "{}",
        "https://whatismyipaddress.com/ip/{}",
        "IP Details",
    ),
    Planting("token", "url_query", "plain", 4, "access_token={}"),
    Planting("token", "url_query", "plain", 2, "sid={}"),
    Planting("token", "url_path", "plain", 2, "reset-password/{}"),
    Planting("token", "url_fragment", "plain", 3, "access_token={}&token_type=bearer"),
    Planting("jwt", "url_query", "plain", 2, "id_token={}"),
    Planting("jwt", "url_fragment", "plain", 1.5, "id_token={}"),
    Planting(
        "user_name",
        "url_path",
        "plain",
        5,
        "{}",
        "https://www.reddit.com/user/{}/",
        "overview - Reddit",
    ),
    Planting("user_name", "url_path", "plain", 3, "u/{}"),
    Planting("user_name", "url_path", "plain", 3, "profile/{}"),
    Planting("user_name", "url_path", "plain", 4, "{}", "https://www.tiktok.com/@{}", "TikTok"),
    Planting("user_name", "url_query", "plain", 2, "username={}"),
    Planting(
        "user_name",
        "title",
        "plain",
        2,
        "(@{}) • Instagram photos",
        "https://www.instagram.com/explore/people/",
    ),
    Planting("user_name", "metadata", "plain", 5, "profile:username"),
    Planting("person_name", "metadata", "plain", 8, "article:author"),
    Planting("person_name", "url_query", "percent", 2, "full_name={}"),
    Planting(
        "person_name",
        "search",
        "percent",
        2,
        "{} address",
        _SEARCH,
        "people search - Google Search",
    ),
    Planting("account_id", "metadata", "plain", 4, "fb:admins"),
    Planting("password", "url_userinfo", "plain", 2, "{}"),
    Planting(
        "coordinates",
        "url_path",
        "plain",
        4,
        "{}",
        "https://www.google.com/maps/@{},15z",
        "Google Maps",
    ),
    Planting("coordinates", "url_query", "plain", 2, "ll={}"),
    Planting("coordinates", "url_query", "percent", 2, "q={}"),
)


def written_form(value: str, encoding: str, place: str) -> str:
    """How a value stands in the file: as it is, percent-encoded, or Base64 of its UTF-8."""
    match encoding:
        case "percent":
            return quote_plus(value) if place == "search" else quote(value, safe="")
        case "base64":
            return quote(base64.b64encode(value.encode()).decode(), safe="")
    return value


def plant_personal_data(rng: np.random.Generator, log: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write values into `url` and `title` of `log` (changed in place).

    Returns the truth, one row per planting (view, kind, place, encoding, value, written), and the
    extra meta tags (view, name, content). Errands are left alone: their truth counts page views.
    """
    candidates = np.flatnonzero(log["errand"].to_numpy() < 0)
    count = min(len(candidates), round(PLANTED_SHARE * len(log)))
    chosen = np.sort(rng.choice(candidates, count, replace=False))
    weights = np.array([planting.weight for planting in PLANTINGS])
    kinds = rng.choice(len(PLANTINGS), count, p=weights / weights.sum())
    url, title = log["url"].to_numpy().copy(), log["title"].to_numpy().copy()
    transition = log["transition"].to_numpy().copy()
    person = log["person"].to_numpy()
    planted, tags = [], []
    for view, number in zip(chosen, kinds, strict=True):
        planting = PLANTINGS[int(number)]
        # Mostly one's own data, so that values repeat; a quarter are others'.
        owner = int(person[view]) if rng.random() < 0.75 else 1_000 + int(rng.integers(500))
        value = _value(planting, owner, rng)
        written = written_form(value, planting.encoding, planting.place)
        if planting.place == "metadata":
            tags.append((view, planting.pattern, value))
        else:
            url[view] = _address(str(url[view]), planting, written)
        if planting.place == "title":
            title[view] = planting.pattern.format(value)
        elif planting.title:
            title[view] = planting.title
        if planting.address:
            transition[view] = "generated" if planting.place == "search" else "typed"
        planted.append((view, planting.kind, planting.place, planting.encoding, value, written))
    log["url"], log["title"], log["transition"] = url, title, transition
    truth = pd.DataFrame(planted, columns=["view", "kind", "place", "encoding", "value", "written"])
    return truth, pd.DataFrame(tags, columns=["view", "name", "content"])


def _address(url: str, planting: Planting, written: str) -> str:
    """URL with the written value in its place."""
    if planting.place == "title":
        return planting.address
    if planting.place == "search":
        terms = "+".join(part if part == "{}" else quote_plus(part) for part in planting.pattern.split())
        return planting.address.format(terms.format(written))
    if planting.address:
        return planting.address.format(written)
    text = planting.pattern.format(written)
    origin = "/".join(url.split("/", 3)[:3])
    match planting.place:
        case "url_query":
            return add_to_query(url, text)
        case "url_path":
            return f"{origin}/{text}"
        case "url_fragment":
            return f"{url.partition('#')[0]}#{text}"
    return url.replace("://", f"://{text}@", 1)


def _value(planting: Planting, owner: int, rng: np.random.Generator) -> str:
    """A value of the kind: the owner's own, always the same, or a new one for tokens."""
    first, last = (
        _FIRST_NAMES[owner * 7 % len(_FIRST_NAMES)],
        _LAST_NAMES[owner * 11 // 3 % len(_LAST_NAMES)],
    )
    match planting.kind:
        case "email":
            host = ("example.com", "example.org", "example.net", "mail.example.com")[owner % 4]
            return f"{first}.{last}{owner % 97}@{host}".lower()
        case "phone":
            us = f"{202 + owner % 7 * 101}-555-01{owner % 100:02}"
            if planting.place == "url_path":
                return us
            return (f"+1 {us}", f"({us[:3]}) {us[4:]}", f"+44 20 7946 0{owner % 1000:03}",
                    f"+49 30 23125 {owner % 1000:03}", us)[owner % 5]  # fmt: skip
        case "card_number":
            card = _CARDS[owner % len(_CARDS)]
            return " ".join(card[i : i + 4] for i in range(0, len(card), 4)) if planting.encoding == "percent" else card
        case "iban":
            return _IBANS[owner % len(_IBANS)]
        case "ssn":
            return _SSNS[owner % len(_SSNS)]
        case "ip_address":
            return f"{('203.0.113', '198.51.100', '192.0.2')[owner % 3]}.{1 + owner % 254}"
        case "token":
            return rng.bytes(20).hex()
        case "jwt":
            body = base64.urlsafe_b64encode(f'{{"sub":"{owner}","iat":1767225600}}'.encode()).decode().rstrip("=")
            return f"{_JWT_HEAD}.{body}.{base64.urlsafe_b64encode(rng.bytes(24)).decode()}"
        case "user_name":
            return (
                f"{first}_{last}{owner % 89}",
                f"{last}{first[0]}{owner % 971}",
                f"{first}.{last}",
            )[owner % 3].lower()
        case "person_name":
            return f"{first} {last}"
        case "account_id":
            return str(100_001_000_000_000 + owner * 7_919_113)
        case "password":
            return f"{first.lower()}{owner % 53}:{last.lower()}-{1000 + owner % 9000}"
    latitude, longitude = (
        30 + owner * 37 % 1_700 / 100 + 0.0128,
        -70 - owner * 53 % 5_000 / 100 - 0.006,
    )
    return f"{latitude:.4f},{longitude:.4f}"
