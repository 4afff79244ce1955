"""Personal data that is still in a text: what it looks like, judged without knowing what was removed.

What belongs here: one cheap guard, the exact patterns behind it, and the search for a panel's own ids.
What does not: the rules of the scrubber (`sql/macros.sql`), which this must never share, or a hole in
them would be a hole here; and where the texts come from (`leak_checks.py`).

Precision matters as much as recall, since a finding stops the pipeline: numbers are found only where
their form or their check digits say what they are (Luhn, ISO 13616 mod 97, the numbering plans of
phonenumbers), and an address of four numbers is not found where it reads as a version.
"""

import base64
import binascii
import html
import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_plus

import phonenumbers
from stdnum import iban, luhn

# Query parameters that name a person, a session or a place, and the click ids of advertisers.
_PERSONAL_PARAMETERS = (
    "e-?mail|e_mail|mail|user|user_?name|user_?id|uid|login|account|account_?id|customer_?id|member_?id|name|"
    "first_?name|fname|last_?name|lname|surname|full_?name|phone|phone_?number|tel|mobile|msisdn|"
    "password|passwd|passw|pwd|pass|token|access_token|id_token|refresh_token|auth|authorization|api_?key|"
    "session|session_?id|jsessionid|phpsessid|sid|ssn|dob|birth_?date|birthday|address|street|"
    "lat|lon|lng|latitude|longitude|ip|gclid|fbclid|msclkid|dclid|mc_eid"
)
_GAP = r"(?:[ .\-/+]|%20|%2[bB])"

# One pattern over all of a text, in the syntax that RE2 (DuckDB) and Python share: what it does not
# match is not looked at again. It lets 1 in 800 texts of the scrubbed sample panel through, and costs 0.4 to
# 1.3 microseconds per text, by its length; the exact patterns cost 100 to 300.
GUARD = "|".join(
    (
        r"@[0-9A-Za-z-]|＠|[(\[] ?(?i:at) ?[)\]]|&#|&(?i:commat|nbsp|period|lowbar)|%26(?:%23|[a-z])",
        # Dashes and spaces of typesetters between digits.
        "[0-9][\u00a0\u2007-\u2015\u202f\u2212][0-9]{2}",
        # Letters, digits, @, %, = and ? have no need to be written as %xx.
        r"%3[aA][0-9a-fA-F]{0,4}%3[aA]|[0-9](?:°|%[cC]2%[bB]0)",
        r"%(?:40|25|3[0-9dDfF]|[46][1-9A-Fa-f]|[57][0-9Aa])",
        r"\+[0-9][0-9 ().\-/+]{6}|\+[0-9]{1,3}%20|%2[bB][0-9]",
        rf"\b00[1-9][0-9]{{0,2}}{_GAP}[0-9]",
        rf"[2-9][0-9]{{2}}(?:[)] ?|\)%20|{_GAP})[2-9][0-9]{{2}}{_GAP}[0-9]{{4}}",
        rf"[0-9]{{13}}|[0-9]{{4}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}|[0-9]{{4}}{_GAP}[0-9]{{6}}{_GAP}[0-9]{{4}}",
        r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        rf"[A-Z]{{2}}[0-9]{{2}}{_GAP}?[A-Z0-9]{{4}}{_GAP}?[A-Z0-9]{{4}}|[a-z]{{2}}[0-9]{{2}}[a-z]{{0,4}}[0-9]{{7}}",
        r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        r"(?:[0-9A-Fa-f]{1,4}:){3}|[0-9A-Fa-f]::[0-9A-Fa-f]",
        r"eyJ[0-9A-Za-z_\-]{8}|gh[opsu]_[0-9A-Za-z]{20}|AKIA[0-9A-Z]{12}|sk_live_|xox[abp]-",
        r"[0-9]\.[0-9]{4,}(?:[,;/ ]|%2[cC])",
        r"://[^/?# ]*@|://[^# ]*#",
        rf"(?i:[?&;](?:{_PERSONAL_PARAMETERS})=)",
        # Base64 of plain characters: in each group of four the first stands for less than 32. And hex of them.
        r"(?:[A-Za-f][0-9A-Za-z]{3}){3}[A-Za-f][0-9A-Za-z]{2}|(?:[2-7][0-9A-Fa-f]){10}",
    )
)

_MAIL = re.compile(r"[\w.+'-]*\w[+'-]*@((?:[A-Za-z0-9-]+\.)+)([A-Za-z]{2,24})(?![A-Za-z0-9])")
_MAIL_SPELLED = re.compile(r"\w ?[(\[] ?at ?[)\]] ?[\w-]+ ?(?:\.|[(\[] ?dot ?[)\]])", re.IGNORECASE)
# `logo@2x.png` is a picture for sharp screens, `react@latest.js` a package.
_FILE_ENDING = re.compile("png|jpe?g|gif|webp|svg|avif|ico|bmp|css|m?js|json|xml|pdf|mp4|webm|tgz|zip", re.IGNORECASE)

_INTERNATIONAL = re.compile(
    r"(?<![\w+])\+ ?[1-9][0-9 ().\-/]{6,22}[0-9]|(?<![\w.,+-])00[1-9][0-9]{0,2}[ \-/][0-9 ().\-/]{6,20}[0-9]"
)
_NANP = re.compile(
    r"(?<![0-9])(?<![0-9][ .,/-])(?:1[ .-])?\(?[2-9][0-9]{2}(?:\) ?|[ .\-/])[2-9][0-9]{2}[ .\-/][0-9]{4}"
    r"(?![0-9]|[ ./-][0-9])"
)
_CARD = re.compile(
    r"(?<![0-9])(?<![0-9][ .-])[2-6][0-9]{3}"
    r"(?:[0-9]{9,15}|(?:[ -][0-9]{4}){3}(?:[ -][0-9]{1,3})?|[ -][0-9]{6}[ -][0-9]{4,5})(?![0-9]|[.-][0-9])"
)
# Issuer prefixes with their lengths (ISO/IEC 7812); Visa's old 13 digits are left out, as EAN-13 looks the same.
_ISSUER = re.compile(
    r"4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}"
)
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?:[ -]?[0-9A-Za-z]{4}){2,7}(?:[ -]?[0-9A-Za-z]{1,3})?(?![0-9A-Za-z])"
)
_SSN = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][.-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}"
    r"(?![0-9A-Za-z]|[.-][0-9])"
)
_IPV4 = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9]\.)([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9A-Za-z]|\.[0-9])"
)
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]{7,39}(?![0-9A-Za-z:])")
_VERSION_WORDS = re.compile(
    r"\b(?:v|ver|versions?|releases?d?|build|firmware|driver|update|patch|sdk|generator|changelog|upgrade|kernel|"
    r"app|plugin|agent|engine|downloads?|available|stable|beta|chrome|chromium|edge|firefox|safari|opera|windows|ios|android|oid|section|rfc)\b",
    re.IGNORECASE,
)
_ADDRESS_WORDS = re.compile(r"\b(?:ip|ipv4|address|host|client|remote)\b", re.IGNORECASE)
_TOKEN = re.compile(r"eyJ[\w-]{10,}|gh[opsu]_[0-9A-Za-z]{30,}|AKIA[0-9A-Z]{16}|sk_live_\w{10,}|xox[abp]-[\w-]{10,}")
_PLACE = re.compile(r"(?<![\d.])[-+]?(\d{1,2}\.\d{4,})\s?[,;/ ]\s?[-+]?(\d{1,3}\.\d{4,})(?![\d.])")
_DEGREES = re.compile(
    r"\d°\s?\d{1,2}['′]\s?(?:\d{1,2}(?:\.\d+)?[\"″]|'')?\s?[NSEW]\b|\d\.\d{3,}°\s?[NSEW]\b", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"[a-z]://(?!\{)[^/?#\s@]+@", re.IGNORECASE)
_FRAGMENT = re.compile(r"[a-z]://[^\s#]*#[^\s#{]", re.IGNORECASE)
_PARAMETER = re.compile(rf"[?&;](?:{_PERSONAL_PARAMETERS})=(?!\{{)[^&#;\s]", re.IGNORECASE)
_BASE64 = re.compile(r"[0-9A-Za-z+_-]{12,}={0,2}|[0-9A-Za-z]{12,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}){10,}(?![0-9A-Fa-f])")

_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")

# Three times encoded is the most that sites do; base64 within base64 is looked into once.
_DECODINGS = 3
_RUN = re.compile(r"[^\W_]+")


def find_leaks(text: str) -> frozenset[str]:
    """Kinds of personal data that a text still holds, read plainly, decoded and unpacked.

    Read as it stands, with HTML entities and up to three layers of percent-encoding undone, and with
    what base64 and hexadecimal tokens hold. Typed placeholders such as {email} are nothing.

    Returns:
        Some of email, phone, card, iban, ssn, ip, token, place, credentials, fragment, parameter.
    """
    return frozenset(kind for line in text.splitlines() for kind in _kinds_of(line))


def _kinds_of(line: str) -> Iterator[str]:
    plain = list(_readings(line))
    for reading in plain:
        yield from _structured(reading)
        yield from _in_addresses(reading)
    for hidden in _unpacked(plain):
        inside = list(_readings(hidden))
        for reading in [*inside, *_unpacked(inside)]:
            yield from _structured(reading)


def _readings(text: str) -> Iterator[str]:
    """The text, and what it becomes when it is decoded up to three times; each once."""
    seen = {text}
    yield text
    current = text
    for _ in range(_DECODINGS):
        current = unicodedata.normalize("NFKC", html.unescape(unquote(current, errors="replace"))).translate(_DASHES)
        if current in seen:
            break
        seen.add(current)
        yield current
    for spaced in {reading.replace("+", " ") for reading in seen} | {unquote_plus(text, errors="replace")}:
        if spaced not in seen:
            yield spaced


def _unpacked(readings: Iterable[str]) -> set[str]:
    """Printable texts inside base64 and hexadecimal tokens."""
    found: set[bytes] = set()
    for reading in readings:
        for token in _BASE64.findall(reading):
            for part in {token, *re.split("[^0-9A-Za-z]", token)}:
                if len(part) >= 12:
                    found.add(_from_base64(part))
        for token in _HEX.findall(reading):
            found.add(bytes.fromhex(token))
    return {packed.decode("ascii") for packed in found if packed and all(32 <= byte < 127 for byte in packed)}


def _from_base64(token: str) -> bytes:
    bare = token.rstrip("=").replace("-", "+").replace("_", "/")
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return b""


def _structured(text: str) -> Iterator[str]:
    """Kinds that are recognised by their own form, wherever they stand."""
    if any(_is_mail(match) for match in _MAIL.finditer(text)) or _MAIL_SPELLED.search(text):
        yield "email"
    if any(_is_phone(found, None) for found in _INTERNATIONAL.findall(text)) or any(
        _is_phone(found, "US") for found in _NANP.findall(text)
    ):
        yield "phone"
    if any(_is_card(found) for found in _CARD.findall(text)):
        yield "card"
    if any(_is_iban(found) for found in _IBAN.findall(text)):
        yield "iban"
    if _SSN.search(text):
        yield "ssn"
    if any(_is_address(match) for match in _IPV4.finditer(text)) or any(map(_is_ipv6, _IPV6.findall(text))):
        yield "ip"
    if _TOKEN.search(text):
        yield "token"
    if _DEGREES.search(text) or any(
        float(latitude) <= 90 and float(longitude) <= 180 for latitude, longitude in _PLACE.findall(text)
    ):
        yield "place"


def _in_addresses(text: str) -> Iterator[str]:
    """Kinds that are recognised by their place in a URL."""
    if _CREDENTIALS.search(text):
        yield "credentials"
    if _FRAGMENT.search(text):
        yield "fragment"
    if _PARAMETER.search(text):
        yield "parameter"


def _is_mail(match: re.Match[str]) -> bool:
    return _FILE_ENDING.fullmatch(match[2]) is None


def _is_phone(text: str, country: str | None) -> bool:
    dialled = "+" + text[2:] if text.startswith("00") else text
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(dialled, country))
    except phonenumbers.NumberParseException:
        return False


def _is_card(text: str) -> bool:
    digits = re.sub("[ -]", "", text)
    return _ISSUER.fullmatch(digits) is not None and luhn.is_valid(digits)


def _is_iban(text: str) -> bool:
    """Whether the text is an account number, or begins with one that a word follows after a space."""
    parts = re.split("[ -]", text)
    return any(iban.is_valid("".join(parts[:count])) for count in range(1, len(parts) + 1))


def _is_address(match: re.Match[str]) -> bool:
    """Whether four numbers are an internet address rather than a version.

    Without a word that says so, small numbers in front (1.0.77.42, 31.12.9.200) are a version: 2 in 100
    public addresses begin like that.
    """
    a, b, c, d = (int(part) for part in match.groups())
    if max(a, b, c, d) > 255 or a == 0 or (c, d) == (0, 0) or any(len(p) > 1 and p[0] == "0" for p in match.groups()):
        return False
    before = match.string[max(0, match.start() - 48) : match.start()]
    if _ADDRESS_WORDS.search(before[-24:]):
        return True
    around = before + "|" + match.string[match.end() : match.end() + 24]
    return not (a <= 40 and b <= 30) and not _VERSION_WORDS.search(around)


def _is_ipv6(text: str) -> bool:
    if len([group for group in text.split(":") if group]) < (3 if "::" in text else 8):
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


class PanelIds:
    """A panel's own ids of people, to be found in texts as whole words, in any case and encoding.

    Only ids that can be nothing else are looked for in everybody's texts: with letters and digits and at
    least 8 characters, of at least 10 digits, or an address. An id such as `maria` or `12345` is a word or
    a number of the language: it tells something only in its owner's own texts (`is_distinctive`).
    """

    # One pattern of more beginnings than this would slow the guard down.
    MOST_BEGINNINGS = 64

    def __init__(self, ids: Iterable[str]) -> None:
        wanted = sorted({user_id.lower() for user_id in ids if _RUN.search(user_id)})
        self._by_run: dict[str, list[tuple[int, str]]] = {}
        for user_id in wanted:
            first = next(_RUN.finditer(user_id))
            self._by_run.setdefault(first[0], []).append((first.start(), user_id))
        self._guards = self._guards_of(wanted)

    def _guards_of(self, ids: list[str]) -> set[str]:
        """The fewest and longest beginnings that the ids share, or else the shape of their longest runs."""
        for beginning in (r"[^0-9]{4,}[0-9]", r"[^0-9]{4,}", r"[a-z]{2,}[^0-9a-z]"):
            found = {match[0] if (match := re.match(beginning, user_id)) else "" for user_id in ids}
            if len(found) <= self.MOST_BEGINNINGS and "" not in found:
                return {_escaped(text) for text in found}
        return {_shape_of([max(_RUN.findall(user_id), key=len) for user_id in ids])}

    @property
    def guard(self) -> str | None:
        """Pattern that matches every text with one of the ids, and few others; None without ids."""
        return f"(?i:{'|'.join(sorted(self._guards))})" if self._guards else None

    def are_in(self, text: str) -> bool:
        """Whether one of the ids stands in the text, as a word of its own."""
        return any(self._are_in(reading.lower()) for reading in _readings(text))

    def _are_in(self, text: str) -> bool:
        for run in _RUN.finditer(text):
            for offset, user_id in self._by_run.get(run[0], ()):
                start = run.start() - offset
                if start >= 0 and text.startswith(user_id, start) and not text[start + len(user_id) :][:1].isalnum():
                    return True
        return False


def is_distinctive(user_id: str) -> bool:
    """Whether an id can hardly be anything else; see `PanelIds`."""
    has_digit, has_letter = bool(re.search("[0-9]", user_id)), bool(re.search(r"[^\W\d_]", user_id))
    if "@" in user_id:
        return len(user_id) >= 5
    return has_digit and len(user_id) >= (8 if has_letter else 10)


def _shape_of(runs: list[str]) -> str:
    """Pattern of what the longest runs of letters and digits have in common: their alphabet and length."""
    least = min(len(run) for run in runs)
    for alphabet in ("0-9", "0-9a-f"):
        if all(re.fullmatch(f"[{alphabet}]+", run) for run in runs):
            return f"[{alphabet}]{{{least}}}"
    if least >= 8 and all(re.fullmatch("[0-9a-z]+", run) and re.search("[a-z]", run) for run in runs):
        # Somewhere a letter meets a digit, with three more characters on one side.
        return "(?:[a-z][0-9]|[0-9][a-z])[0-9a-z]{3}|[0-9a-z]{3}(?:[a-z][0-9]|[0-9][a-z])"
    return "[0-9]"


def _escaped(literal: str) -> str:
    """For RE2, which knows no escape of letters; letters beyond ASCII stand for themselves."""
    return re.sub(r"([^\w@ ])", r"\\\1", literal)
