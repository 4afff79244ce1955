"""Which runs of digits and letters are personal: telephone, card, bank account, address, place.

What belongs here: rules over one candidate and the words before it, with the libraries that know check
digits and numbering plans. What does not: finding texts and decoding them (`scrubbing.py`).
"""

import ipaddress
import re
from functools import lru_cache

import phonenumbers
from stdnum import iban, isbn, luhn

# Numbering plans that national forms are tried against, in the order of their people on the web; one
# takes 0.1 ms. Other countries' numbers are found in their international form, or by the word before.
PHONE_REGIONS = (
    "US",
    "GB",
    "DE",
    "FR",
    "IN",
    "BR",
    "ES",
    "IT",
    "NL",
    "AU",
    "PL",
    "PT",
    "AT",
    "CH",
    "BE",
    "SE",
    "DK",
    "IE",
    "RU",
    "JP",
)

_PHONE_WORD = re.compile(
    r"(?<![a-z])(?:call(?: us| me)?|phone|tele?fon[eo]?|tel|t[ée]l(?:[ée]phone)?|mobile?|m[óo]vil|cell(?:ulare)?|handy"
    r"|fax|whats ?app|sms|dial|hotline|contact|rufnummer|n[úu]mero)(?: number| no| nr)?[\s.:#=_\-]*$",
    re.IGNORECASE,
)
_IP_WORD = re.compile(
    r"(?:\bips?|address(?:es)?|adresse|host|server|whois|ping|dns|router|gateway|proxy|traceroute|login|from|at|of|to"
    r"|visitor|client|remote|https?://|@)[\s:=/#(\[]*(?:is )?$",
    re.IGNORECASE,
)
_VERSION_WORD = re.compile(
    r"(?:\bv|\bver|version|release|build|rev|revision|firmware|driver|update|patch|upgrade|generator|chapter|section"
    r"|kapitel|abschnitt|§|chrome|firefox|safari|opera|edge|edition|windows|ios|android|macos|linux|kernel|java|jdk"
    r"|sdk|office|api|plugin|changelog|python|ubuntu|debian|fedora|node|php|mysql|postgres(?:ql)?|docker|wordpress)[\s./:_(\-]*$",
    re.IGNORECASE,
)
_VERSION_AFTER = re.compile(
    r"^\W{1,2}(?:released?|download|beta|alpha|rc|update|changelog|build|patch)\b", re.IGNORECASE
)
_A_WORD = re.compile(r"[^\W\d_]{2,}[ /_\-]$")
_UNITS_AFTER = re.compile(
    r"^\s*(?:[€$£¥%]|eur|usd|gbp|dollars?|euros?|views|likes|people|followers|results|items|km|kg|mb|gb|pixels?|px)\b",
    re.IGNORECASE,
)
_MONEY_BEFORE = re.compile(r"(?:[€$£¥]|usd|eur|gbp)\s*$", re.IGNORECASE)
_PRODUCT_WORD = re.compile(
    r"(?:isbn|issn|ean|gtin|upc|asin|sku|mpn|oclc|doi|patent|item|article|artikel|art|produkt|product|model|part|app"
    r"|bestell|orcid|catalog)[\s\-_]*(?:-?1[03]|id|no|nr|number|nummer|code)?[\s.:#=_/\-]*$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:19|20)\d\d[ .\-/](?:0?[1-9]|1[0-2])[ .\-/](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[ .\-/](?:0?[1-9]|[12]\d|3[01])[ .\-/](?:19|20)\d\d"
    r"|(?:19|20)\d\d\s?[\-/]\s?(?:19|20)\d\d"
)
_STAMP = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[ T_\-]?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?"
)
_FRACTION = re.compile(r"(?:0|[1-9]\d{0,2})\.\d{4,}")
_NORTH_AMERICAN = re.compile(r"(?:1[ .\-/])?\(?[2-9]\d\d\)?[ .\-/]{0,2}\d{3}[ .\-/]\d{4}")
_AREA_CODE = re.compile(r"(?:\d{1,3} )?\((?!(?:19|20)\d\d\))\d{1,5}\)[ .\-/]?\d{2,5}(?:[ .\-/]?\d{2,5}){0,3}")

# ISO/IEC 7812: prefixes and lengths of Visa, Mastercard, American Express, Discover, Diners Club, JCB,
# UnionPay and Maestro.
_ISSUER = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}|(?:30[0-5]|36\d|3[89]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
    r"|(?:50|5[6-9]|6[0378])\d{14,17}"
)
_CARD_GROUPS = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 1), (4, 4, 4, 4, 3), (8, 11)}


def is_card(candidate: str) -> bool:
    """Whether it is a payment card number: issuer prefix and length (ISO/IEC 7812), Luhn, usual groups."""
    groups = tuple(len(group) for group in re.split(r"\D", candidate))
    digits = re.sub(r"\D", "", candidate)
    return (
        (len(groups) == 1 or groups in _CARD_GROUPS)
        and _ISSUER.fullmatch(digits) is not None
        and bool(luhn.is_valid(digits))
        and len(set(digits)) > 1
    )


def iban_end(candidate: str) -> int:
    """How many characters of the candidate are a bank account (ISO 13616); 0 when none are.

    A candidate may take up the words after it, so its end is tried at each character from the last.
    """
    for end in range(len(candidate), 14, -1):
        if candidate[end - 1].isalnum() and (end == len(candidate) or not candidate[end].isalnum()):
            compact = re.sub(r"[ .\-]", "", candidate[:end])
            if len(compact) <= 34 and iban.is_valid(compact):
                return end
    return 0


def is_phone(candidate: str, before: str, after: str = "") -> bool:
    """Whether it is a telephone number, by its form and the words around it.

    Args:
        candidate: digits with the separators of telephone numbers.
        before: the text that stands before it.
        after: the text that stands after it.
    """
    digits = re.sub(r"\D", "", candidate)
    if not 7 <= len(digits) <= 17 or is_date(candidate):
        return False
    if candidate.startswith(("+", "(+")):
        return len(digits) >= 8
    if _PHONE_WORD.search(before[-24:]):
        return True
    if _PRODUCT_WORD.search(before[-24:]) or _MONEY_BEFORE.search(before[-8:]) or _UNITS_AFTER.search(after[:16]):
        return False
    if candidate.startswith("00") and candidate[2] in "123456789":
        return len(digits) >= 10 and _is_valid(f"+{digits[2:]}", None)
    if _NORTH_AMERICAN.fullmatch(candidate) or _AREA_CODE.fullmatch(candidate):
        return True
    groups = re.findall(r"\d+", candidate)
    if _FRACTION.fullmatch(candidate):
        return False
    # No plan groups a national number in more than five without its trunk prefix.
    if len(groups) == 1 or (len(groups) > 5 and not candidate.lstrip("(").startswith("0")):
        return False
    return len(digits) <= 13 and any(
        _is_national(candidate, tuple(map(len, groups)), region) for region in PHONE_REGIONS
    )


def _is_national(candidate: str, groups: tuple[int, ...], region: str) -> bool:
    """Valid in the region's plan; without the trunk prefix 0 it must be grouped as people group it there, and
    not by twos, as lottery numbers are."""
    if not _is_valid(candidate, region):
        return False
    has_trunk_prefix = candidate.lstrip("(").startswith("0")
    return has_trunk_prefix or (max(groups) > 2 and groups in _usual_groups(candidate, region))


@lru_cache(maxsize=65536)
def _is_valid(candidate: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(candidate, region))
    except phonenumbers.NumberParseException:
        return False


def _usual_groups(candidate: str, region: str) -> set[tuple[int, ...]]:
    number = phonenumbers.parse(candidate, region)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    usual = tuple(len(group) for group in re.findall(r"\d+", written))
    groups = {usual}
    # Of a lone digit before others, as in drawn numbers of a lottery, nobody would say that a 0 is missing.
    if written.lstrip("(").startswith("0") and usual[0] > 2:
        groups.add((usual[0] - 1, *usual[1:]))
    if region in ("ES", "PT", "PL") and len(re.sub(r"\D", "", candidate)) == 9:
        groups |= {(3, 3, 3), (3, 2, 2, 2)}
    return groups


def is_date(candidate: str) -> bool:
    """Whether it is a date, a range of years, or a date and time without separators."""
    return _DATE.fullmatch(candidate) is not None or _STAMP.fullmatch(candidate) is not None


def is_product_number(digits: str, before: str) -> bool:
    """Whether the word before says so, or it is an ISBN with a valid check digit."""
    return _PRODUCT_WORD.search(before[-24:]) is not None or (
        digits.startswith(("978", "979")) and bool(isbn.is_valid(digits))
    )


def is_address(candidate: str, before: str, after: str = "") -> bool:
    """Whether four numbers with dots are an IPv4 address and not a version, by the words around them."""
    try:
        address = ipaddress.IPv4Address(candidate)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified or address.packed[0] == 255:  # every machine's, and masks
        return False
    if _VERSION_WORD.search(before[-16:]) or _VERSION_AFTER.search(after[:16]):
        return False
    if _IP_WORD.search(before[-16:]) or not _A_WORD.search(before[-24:]):
        return True
    return address.packed[0] >= 10


def is_address_6(candidate: str) -> bool:
    """Whether it is an IPv6 address of at least three groups."""
    try:
        ipaddress.IPv6Address(candidate)
    except ValueError:
        return False
    return len([group for group in candidate.split(":") if group]) >= 3


def is_place(latitude: str, longitude: str) -> bool:
    """Whether two decimal numbers can be degrees of latitude and longitude."""
    return abs(float(latitude)) <= 90 and abs(float(longitude)) <= 180
