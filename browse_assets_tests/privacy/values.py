"""Personal values as people and sites write them: one seeded generator per kind.

What belongs here: the values, with the part of each that must not survive. What does not: where on the
web they stand (`places.py`), how they are coded there (`encodings.py`), how they are found again
(`leaks.py`). Written from the kinds that the README promises to remove and from what the web looks
like, never from the scrubber's rules. Nothing here is anyone's: reserved telephone ranges where a country
has them (Ofcom, Bundesnetzagentur, Arcep, ACMA, 555-01xx) and `phonenumbers`' example numbers elsewhere,
test ranges of cards, documentation addresses (RFC 5737, RFC 3849), example domains (RFC 2606).
"""

import base64
import json
import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
import stdnum.iban
from phonenumbers import PhoneNumberFormat

FIRST_NAMES = (
    "maria john fatima wei anna lukas priya olumide sofia jürgen chloé mateusz ingrid yuki ahmed elena diego siobhan "
    "nikolai aisha giulia thomas beatriz kwame svetlana hans leila pedro camille noah"
).split()
LAST_NAMES = (
    "quillfeather okonkwo haverstock lindqvist marchetti brunnhuber papadakis vandenberg szczepanski ferreira "
    "takahashi rasmussen kowalczyk o'sullivan iyengar delacroix hernández björnsson achterberg wojciechowski "
    "castellanos featherstone abernathy grünwald montgomery rajagopalan nakamura thibodeaux"
).split()
HANDLE_WORDS = "moonpetal gravelking zephyrine coppertail inkwhistle bramblefox nightferry saltmarsh tumblewick".split()
MAIL_DOMAINS = (
    "example.com example.org example.net mail.example.com post.example.org staff.uni.example.net my-company.example "
    "example.co.uk kunden.example.de"
).split()
_ALNUM = string.ascii_letters + string.digits
_BASE64URL = _ALNUM + "-_"


@dataclass(frozen=True)
class Secret:
    """One personal value: how it is written, and the parts of it that must be found nowhere afterwards."""

    kind: str
    written: str
    parts: tuple[str, ...]


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def _fold(name: str) -> str:
    """A name as it stands in addresses: ASCII letters only."""
    for character, plain in {"ü": "ue", "é": "e", "ö": "oe", "á": "a", "'": ""}.items():
        name = name.replace(character, plain)
    return name


def email(rng: random.Random) -> Secret:
    first, last = _fold(rng.choice(FIRST_NAMES)), _fold(rng.choice(LAST_NAMES))
    local = rng.choice(
        [
            f"{first}.{last}",
            f"{first}.{last}",
            f"{first[0]}{last}{rng.randrange(100)}",
            f"{last}_{first}",
            f"{first}-{last}",
            f"{first}{rng.randrange(1950, 2010)}.{last[:4]}",
            f"{first}.{last}+{rng.choice(['news', 'shop', 'spam2024'])}",
        ]
    )
    address = f"{local}@{rng.choice(MAIL_DOMAINS)}"
    return Secret("email", address, (local.split("+")[0],))


def obfuscated_email(rng: random.Random) -> Secret:
    plain = email(rng)
    local, domain = plain.written.split("@")
    at, dot = rng.choice([(" (at) ", " (dot) "), (" [at] ", " [dot] "), (" at ", " dot "), ("(at)", ".")])
    return Secret("email_obfuscated", f"{local}{at}{domain.replace('.', dot)}", plain.parts)


# Country, calling prefix in national form written out, number of free digits at the end.
_RESERVED_PHONES = {
    "US": ("212555010x", "415555011x", "312555012x", "206555013x", "713555014x", "305555015x", "617555016x"),
    "GB": ("0207946xxxx", "01632960xxx", "07700900xxx", "01134960xxx", "01214960xxx", "01614960xxx"),
    "DE": ("03023125xxx", "022147109xx", "04066969xxx", "06990009xxx", "08999998xxx", "017139200xx", "015228817xxx"),
    "FR": ("019900xxxx", "026191xxxx", "035301xxxx", "046571xxxx", "053649xxxx", "063998xxxx"),
    "AU": ("025550xxxx", "037010xxxx", "0491570xxx", "087010xxxx"),
}
_EXAMPLE_COUNTRIES = ("ES", "IT", "NL", "IN", "BR")


def _phone_number(rng: random.Random) -> tuple[str, phonenumbers.PhoneNumber]:
    while True:
        country = rng.choice([*_RESERVED_PHONES, *_EXAMPLE_COUNTRIES])
        if country in _RESERVED_PHONES:
            pattern = rng.choice(_RESERVED_PHONES[country])
        else:
            kind = rng.choice([phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE])
            example = phonenumbers.example_number_for_type(country, kind)
            national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
            pattern = "".join(c for c in national if c.isdigit())[:-2] + "xx"
        number = phonenumbers.parse("".join(rng.choice(string.digits) if c == "x" else c for c in pattern), country)
        if phonenumbers.is_valid_number(number):
            return country, number


def phone(rng: random.Random) -> Secret:
    """International (E.164, spaced, dotted, dashed, parenthesised) and national forms of ten countries."""
    country, number = _phone_number(rng)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    spaced = international.replace("-", " ")
    code, _, rest = spaced.partition(" ")
    choices = [
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        international,
        spaced,
        spaced.replace(" ", "."),
        spaced.replace(" ", "-"),
        f"{code} ({rest.split(' ')[0]}) {' '.join(rest.split(' ')[1:])}".rstrip(),
        f"00{code[1:]} {rest}",
    ]
    if sum(separator in national for separator in " -(") and len(national.split()) + national.count("-") > 1:
        bare = national.replace("(", "").replace(")", "").replace("-", " ")
        choices += [national, national, bare, bare.replace(" ", "-"), bare.replace(" ", ".")]
        if country == "DE":
            choices.append(bare.replace(" ", "/", 1))
        if country in ("US", "BR", "AU", "GB"):
            area, _, subscriber = bare.partition(" ")
            choices.append(f"({area}) {subscriber}")
    return Secret("phone", rng.choice(choices), (str(number.national_number),))


# First digits of test numbers, length, and grouping.
_CARDS = (
    ("411111", 16, (4, 4, 4, 4)),
    ("424242", 16, (4, 4, 4, 4)),
    ("401288", 16, (4, 4, 4, 4)),
    ("555555", 16, (4, 4, 4, 4)),
    ("510510", 16, (4, 4, 4, 4)),
    ("222300", 16, (4, 4, 4, 4)),
    ("378282", 15, (4, 6, 5)),
    ("371449", 15, (4, 6, 5)),
    ("601111", 16, (4, 4, 4, 4)),
    ("353011", 16, (4, 4, 4, 4)),
    ("305693", 14, (4, 6, 4)),
    ("385200", 14, (4, 6, 4)),
)


def luhn_digit(body: str) -> str:
    """Check digit of ISO/IEC 7812 for the digits before it."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _grouped(text: str, groups: tuple[int, ...], separator: str) -> str:
    pieces, start = [], 0
    for length in groups:
        pieces.append(text[start : start + length])
        start += length
    return separator.join(pieces)


def card(rng: random.Random) -> Secret:
    prefix, length, groups = rng.choice(_CARDS)
    body = prefix + _digits(rng, length - len(prefix) - 1)
    number = body + luhn_digit(body)
    return Secret("card", _grouped(number, groups, rng.choice(["", " ", "-"])), (number,))


_BBANS = {"DE": "n18", "GB": "a4n14", "FR": "n10c11n2", "ES": "n20", "IT": "a1n10c12", "NL": "a4n10", "AT": "n16"}
_BBANS |= {"CH": "n5c12", "PL": "n24", "BE": "n12", "PT": "n21", "SE": "n20", "IE": "a4n14", "DK": "n14", "FI": "n14"}


def iban(rng: random.Random) -> Secret:
    while True:  # national check digits too: one try in a hundred for some countries
        country = rng.choice(list(_BBANS))
        bban, structure = "", _BBANS[country]
        for piece in structure.replace("n", " n").replace("a", " a").replace("c", " c").split():
            alphabet = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits}[piece[0]]
            bban += "".join(rng.choices(alphabet, k=int(piece[1:])))
        number = country + stdnum.iban.calc_check_digits(country + "00" + bban) + bban
        if stdnum.iban.is_valid(number):
            break
    written = number if rng.random() < 0.5 else " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    return Secret("iban", written, (number,))


def ssn(rng: random.Random) -> Secret:
    area = rng.choice([a for a in range(1, 900) if a != 666])
    number = f"{area:03}-{rng.randrange(1, 100):02}-{rng.randrange(1, 10000):04}"
    return Secret("ssn", number, (number,))


def ipv4(rng: random.Random) -> Secret:
    address = f"{rng.choice(['192.0.2', '198.51.100', '203.0.113'])}.{rng.randrange(10, 255)}"
    return Secret("ipv4", address, (address,))


def ipv6(rng: random.Random) -> Secret:
    groups = [f"{rng.randrange(16, 65536):x}" for _ in range(6)]
    written = rng.choice(
        [
            "2001:db8:" + ":".join(groups),
            "2001:db8:" + ":".join(groups[:2]) + "::" + groups[2],
            "2001:db8::" + ":".join(groups[:3]),
            "2001:0db8:" + ":".join(f"{group:0>4}" for group in groups),
        ]
    )
    return Secret("ipv6", written, (written,))


def geo(rng: random.Random) -> Secret:
    """Latitude and longitude in decimal degrees, 4 to 7 decimals (11 m to 1 cm)."""
    places = rng.randrange(4, 8)
    latitude, longitude = f"{rng.uniform(-65, 65):.{places}f}", f"{rng.uniform(-170, 170):.{places}f}"
    written = rng.choice([",", ",", ", "]).join((latitude, longitude))
    return Secret("geo", written, (latitude.lstrip("-"), longitude.lstrip("-")))


def geo_in_words(rng: random.Random) -> Secret:
    """Coordinates as maps and encyclopaedias show them to people."""
    latitude, longitude = rng.uniform(1, 65), rng.uniform(1, 170)
    north, east = rng.choice("NS"), rng.choice("EW")
    if rng.random() < 0.5:
        parts = (f"{latitude:.4f}", f"{longitude:.4f}")
        return Secret("geo", f"{parts[0]}° {north}, {parts[1]}° {east}", parts)
    written = []
    for degrees, side in ((latitude, north), (longitude, east)):
        minutes = degrees % 1 * 60
        written.append(f"{int(degrees)}°{int(minutes):02}'{minutes % 1 * 60:04.1f}\"{side}")
    return Secret("geo", " ".join(written), tuple(written))


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def jwt(rng: random.Random) -> Secret:
    algorithm = rng.choice(["HS256", "RS256", "ES256"])
    header = rng.choice([{"alg": algorithm, "typ": "JWT"}, {"typ": "JWT", "alg": algorithm}, {"alg": algorithm}])
    payload = {
        "sub": _digits(rng, 9),
        "name": rng.choice(LAST_NAMES),
        "iat": rng.randrange(1_600_000_000, 1_700_000_000),
    }
    pieces = [_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload)]
    pieces.append("".join(rng.choices(_BASE64URL, k=43)))
    return Secret("jwt", ".".join(pieces), (pieces[1], pieces[2]))


def token(rng: random.Random) -> Secret:
    """Session ids and keys: 32, 40 or 64 hex digits, or 22 to 43 characters of base64url."""
    if rng.random() < 0.5:
        value = f"{rng.getrandbits(256):064x}"[: rng.choice([32, 32, 40, 40, 64])]
    else:
        while True:  # random tokens this long hold a digit and both cases; what lacks them is no token to anyone
            value = "".join(rng.choices(_BASE64URL if rng.random() < 0.5 else _ALNUM, k=rng.randrange(22, 44)))
            if any(c.isdigit() for c in value) and value.upper() != value != value.lower() and value[0] not in "-_":
                break
    return Secret("token", value, (value,))


def unique_id(rng: random.Random) -> Secret:
    value = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return Secret("uuid", value, (value,))


def long_number(rng: random.Random) -> Secret:
    """A customer, order or account number of 10 to 16 digits."""
    value = str(rng.randrange(1, 10)) + _digits(rng, rng.randrange(9, 16))
    return Secret("long_number", value, (value,))


def username(rng: random.Random) -> Secret:
    word, last = rng.choice(HANDLE_WORDS), _fold(rng.choice(LAST_NAMES))
    value = rng.choice(
        [
            f"{word}{rng.randrange(10, 100)}",
            word,
            f"{word}_{last[:5]}",
            f"{last}.{word}",
            f"{last}-{word}",
            f"x_{word}_x",
        ]
    )
    return Secret("username", value, (value,))


def name(rng: random.Random) -> Secret:
    first, last = rng.choice(FIRST_NAMES).title(), rng.choice(LAST_NAMES).title().replace("'S", "'s")
    return Secret("name", f"{first} {last}", (last,))


def password(rng: random.Random) -> Secret:
    value = rng.choice(HANDLE_WORDS) + _digits(rng, 3) + rng.choice("xyz")
    return Secret("password", value, (value,))


STRUCTURED: dict[str, Callable[[random.Random], Secret]] = {
    "email": email,
    "phone": phone,
    "card": card,
    "iban": iban,
    "ssn": ssn,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "geo": geo,
    "jwt": jwt,
    "token": token,
    "uuid": unique_id,
    "long_number": long_number,
    "username": username,
}
# Measured and reported, without a floor where the place does not go whole: their form alone tells nothing.
UNSTRUCTURED: dict[str, Callable[[random.Random], Secret]] = {
    "name": name,
    "password": password,
    "email_obfuscated": obfuscated_email,
}
KINDS = STRUCTURED | UNSTRUCTURED
