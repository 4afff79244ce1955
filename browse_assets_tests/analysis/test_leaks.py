"""What is still personal is found, in any spelling; what only looks like it is left alone."""

import base64
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.leaks import GUARD, PanelIds, find_leaks, is_distinctive

MAIL, PHONE, CARD, IBAN = "ann.smith@example.com", "+1 212-555-0142", "4111 1111 1111 1111", "DE89370400440532013000"

PERSONAL: list[tuple[str, str]] = [
    ("email", f"mail {MAIL}"),
    ("email", "o'brien+x@mail.example.co.uk, please"),
    ("email", "ann%40example.com"),
    ("email", "ann%2540example.com"),
    ("email", "ann%252540example.com"),
    ("email", "ann&#64;example.com and ann&commat;example.org"),
    ("email", "ann (at) example.com"),
    ("email", "ann＠example.com"),
    ("email", "%61%6E%6E@example.com"),
    ("email", f"token={base64.b64encode(MAIL.encode()).decode()}"),
    ("email", f"/reset/{base64.urlsafe_b64encode(MAIL.encode()).decode().rstrip('=')}/now"),
    ("email", f"a-{base64.b64encode(MAIL.encode()).decode().rstrip('=')}-b"),
    ("email", base64.b64encode(base64.b64encode(MAIL.encode())).decode()),
    ("email", base64.b64encode(quote(MAIL).encode()).decode()),
    ("email", MAIL.encode().hex()),
    ("email", f"https://example.com/go?next={quote(f'https://a.example.com/?x={MAIL}', safe='')}"),
    ("phone", f"call {PHONE}"),
    ("phone", "+12125550142"),
    ("phone", "+49 (0)30 901820"),
    ("phone", "+49 30 901820"),
    ("phone", "tel:%2B49%2030%20901820"),
    ("phone", "q=call+%2B1+212+555+0142"),
    ("phone", "0049 30 901820"),
    ("phone", "(212) 555-0142"),
    ("phone", "212.555.0142"),
    ("phone", "1-800-555-0199"),
    ("card", CARD),
    ("card", CARD.replace(" ", "")),
    ("card", CARD.replace(" ", "-")),
    ("card", quote(CARD)),
    ("card", "3782 822463 10005"),
    ("card", "/card/5555555555554444/x"),
    ("card", "2223000048400011"),
    ("iban", f"https://example.com/out/{quote(quote('DE89 3704 0044 0532 0130 00').replace('%20', '+'), safe='')}"),
    ("iban", IBAN),
    ("iban", IBAN.lower()),
    ("iban", "pay DE89 3704 0044 0532 0130 00 now"),
    ("iban", "GB29 NWBK 6016 1331 9268 19"),
    ("ssn", "SSN 078-05-1120"),
    ("ssn", "/ssn/078-05-1120/"),
    ("ssn", "/v2/078-05-1120/edit"),
    ("ssn", base64.b64encode(b"078-05-1120").decode()),
    ("ssn", "Tax record 078\u201105\u20111120 found, 078\u221205\u22121120"),
    ("card", "Card 4111&nbsp;1111&nbsp;1111&nbsp;1111, 4111\u00a01111\u00a01111\u00a01111"),
    ("ip", "/a/lookup_2001:db8:41b:cff4:1996:cda7:1a86:44b8_details/"),
    ("email", "ann&period;b&commat;example&period;net"),
    ("email", quote("ann&#46;b&#64;example&#46;net", safe="")),
    ("ip", "login from 203.0.113.154"),
    ("ip", "https://203.0.113.154/admin"),
    ("ip", "IP 10.20.30.40"),
    ("ip", "2001:db8:ca:4a::155"),
    ("ip", "[2001:0db8:0000:0000:0000:ff00:0042:8329]"),
    ("token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0"),
    ("token", "key AKIAIOSFODNN7EXAMPLE"),
    ("place", "52.520056,13.404956"),
    ("place", "at -33.8567844 / 151.2152967"),
    ("place", "52.520056%2C13.404956"),
    ("place", "Map of 39%C2%B059%2716.1%22S%2077%C2%B038%2729.2%22W"),
    ("place", "Weather at 26.3290° S, 100.5325° E"),
    ("ip", "https://example.com/whois/2001%3A0db8%3A7bd5%3A21b9%3Aa27d%3Af68b%3Ada75%3Ab2e1/edit"),
    ("ip", "https://example.com/v2/2001%3Adb8%3Aa877%3Abcf0%3A%3A6852/edit"),
    ("credentials", "https://ann@example.com/a"),
    ("credentials", "https://ann:secret@example.com/"),
    ("fragment", "https://example.com/a#b"),
    ("parameter", "https://example.com/a?page=2&email=x"),
    ("parameter", "https://example.com/a;jsessionid=1A2B"),
    ("parameter", "https://example.com/?Session_ID=1"),
    ("parameter", "https://example.com/?page=2&amp;phone=5"),
    ("parameter", f"https://example.com/?next={quote('https://example.org/?user=ann', safe='')}"),
]

CLEAN = [
    "",
    "{email} - Inbox, call {phone}, card {card}, from {ip} at {geo}",
    "Top 10 laptops of 2026 under $1,500",
    "What is new? a = b, or @ann on X",
    "iPhone 17 Pro Max 256GB + AirPods 4",
    "News of 2026-06-30 at 10:20:30, 2026/06/30, 30.06.2026",
    "article:published_time: 2026-06-30T10:20:30+00:00",
    "og:updated_time: 2026-06-30T10:20:30.123456Z",
    "Years 2019-2024, 2024-2025-2026, 1914-1918 and 1939-1945",
    "1 234 567 people, 99.95 %, 3 + 4 = 7, 1,234,567.89",
    "ISBN 978-3-16-148410-0, ISBN 9783161484100, EAN 4006381333931",
    "C++20 and eyJ explained",
    "ad/fm/13001-101281-17214-49",
    "Top 10 @ home",
    "Prices 1,299.00 2,499.00 3,999.00",
    "og:image: https://cdn.example.com/img/logo@2x.png",
    "og:image: https://cdn.example.com/w_1200,h_630,c_fill/v1719740000/a.jpg",
    "og:image: https://cdn.example.com/crop/1200x630/0,0,1920,1080/a.jpg",
    "og:image: https://cdn.example.com/photo-1719740000123-0a1b2c3d4e5f?w=1080",
    "generator: WordPress 6.5.3",
    "generator: Builder 1.0.77.42",
    "generator: Powered by Slider 106.7.23.44 - responsive",
    "Chrome/120.0.6099.109 and Chrome/120.0.0.0 Safari/537.36",
    "Download version 193.16.8.2",
    "Driver 31.0.15.4601",
    "Python 128.12.8.109 released",
    "It is 25° in the sun, 5' tall, 26.3° C",
    "Years 2019\u20132024, 10\u201320 % off, 1\u00a0299,00 \u20ac, 12\u00a0345\u00a0678",
    "apple-itunes-app: app-id=1234567890",
    "fb:app_id: 966242223397117",
    "Product 0000-0002-1825-0097, 4111 1111 1111 1112, 1234567812345678",
    "Order of 16 digits 4111111111111112",
    "sku 5901234123457, mpn 12345678901234",
    "978-05-1120 is no number of a person; nor are 000-12-3456, 666-12-3456, 123-00-4567, 123-45-6789-1",
    "200-300-4000 kg and 555-123-4567 in films",
    "std::vector and a::b::c, MAC 00:1A:2B:3C:4D:5E",
    "Scores 10:20:30:40, ratio 16:9:4:3",
    "3.1415 and 2.71828, EUR/USD 1.0845, GBP/USD 1.2710",
    "https://example.com/",
    "https://example.com/@{user}/post/{id}",
    "https://example.com/?page=2&utm_source=newsletter&utm_campaign=spring_sale_2026",
    "https://example.com/?email={email}&page=2",
    "https://example.com/2026/06/30/how-to-choose-a-mortgage-in-2026.html",
    "https://example.com/a%20b/%E2%82%AC/x+y",
    "https://{ip}/admin",
    "https://{user}@example.com/",
    "https://medium.com/@{user}",
    "https://www.comparecapital85.com/blog/donaudampfschifffahrtsgesellschaft",
    "https://example.com/watch/dQw4w9WgXcQ/PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf",
    "629454e1ee63b880b794f0c220008155773a11343e325df5c1419a6e991dd91b",
    "react@18.2.0, lodash@4.17.21, vue@latest.js",
    "Straße 12, 10115 Berlin; 75008 Paris",
    "Flight LH 400 on 12-05, gate B42",
]


@pytest.mark.parametrize(("kind", "text"), PERSONAL)
def test_what_is_personal_is_found(kind: str, text: str) -> None:
    assert kind in find_leaks(text)
    assert kind in find_leaks(f"A title: {text} | Example")


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_personal_is_left_alone(text: str) -> None:
    assert find_leaks(text) == frozenset()


def test_all_clean_texts_together_are_clean() -> None:
    """Lines are judged one by one: what stands in one says nothing about the next."""
    assert find_leaks("\n".join(CLEAN)) == frozenset()


@pytest.fixture(scope="module")
def guards() -> Iterator[Callable[[str, str], bool]]:
    """Whether DuckDB's RE2 finds a pattern in a text."""
    with duckdb.connect() as opened:
        yield lambda text, pattern: opened.execute("SELECT regexp_matches(?, ?)", [text, pattern]).fetchall()[0][0]


def test_the_guard_lets_nothing_personal_through(guards: Callable[[str, str], bool]) -> None:
    assert [text for _, text in PERSONAL if not guards(text, GUARD)] == []
    assert [text for _, text in PERSONAL if not re.search(GUARD, text)] == []


@given(
    words=st.lists(
        st.text("abcXYZ", min_size=1, max_size=12)
        | st.integers(0, 9999).map(str)
        | st.sampled_from(["{email}", "{phone}", "{id}", "{user}"]),
        max_size=8,
    ),
    separator=st.sampled_from([", ", "; ", " | ", ": ", " & "]),
)
def test_words_short_numbers_and_placeholders_are_clean(words: list[str], separator: str) -> None:
    assert not find_leaks(separator.join(words))


ENCODINGS: list[Callable[[str], str]] = [
    lambda value: value,
    lambda value: quote(value, safe=""),
    lambda value: quote(quote(value, safe=""), safe=""),
    lambda value: quote(quote(quote(value, safe=""), safe=""), safe=""),
    lambda value: "".join(f"%{byte:02x}" for byte in value.encode()),
    lambda value: "".join(f"&#{ord(letter)};" for letter in value),
    lambda value: base64.b64encode(value.encode()).decode(),
    lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    lambda value: value.encode().hex(),
]


@given(
    local=st.text("abxyz019._+-", min_size=1, max_size=20).filter(lambda text: text[-1].isalnum()),
    # With fewer than 12 characters in all, a token of base64 could be any word.
    domain=st.text("abxyz019-", min_size=7, max_size=20),
    ending=st.sampled_from([".com", ".org", ".de", ".co.uk"]),
    encode=st.sampled_from(ENCODINGS),
    around=st.sampled_from([("", ""), ("<", ">"), ("mail ", " now"), ("a/", "/b"), ("?x=", "&y=1")]),
)
def test_any_mail_is_found_in_any_encoding(
    local: str, domain: str, ending: str, encode: Callable[[str], str], around: tuple[str, str]
) -> None:
    text = f"{around[0]}{encode(f'{local}@{domain}{ending}')}{around[1]}"
    assert re.search(GUARD, text)
    assert "email" in find_leaks(text)


@given(text=st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    find_leaks(text)


PANELS = {
    "numbered": [f"panelist-{n:07d}" for n in range(2000)],
    "random": [f"usr_{n * 2654435761 % 2**40:010x}" for n in range(200)],
    "uuids": [f"{n * 2654435761 % 2**32:08x}-1234-4abc-8def-0123456789{n:02x}" for n in range(200)],
    "words": [f"{chr(97 + n % 26) * 3}{n:06d}q" for n in range(200)],
    "mails": [f"person{n}@example.com" for n in range(200)],
    "numbers": [f"{n * 2654435761 % 10**10 + 10**10}" for n in range(200)],
}


@pytest.mark.parametrize("panel", PANELS)
def test_an_id_of_the_panel_is_found_as_a_word(panel: str, guards: Callable[[str, str], bool]) -> None:
    ids = PANELS[panel]
    assert all(is_distinctive(user_id) for user_id in ids)
    known = PanelIds(ids)
    assert known.guard is not None
    for user_id in (ids[0], ids[-1], ids[7].upper()):
        text = f"Inbox of {user_id}, https://example.com/{user_id}/settings"
        assert known.are_in(text)
        assert guards(text, known.guard)
        assert not known.are_in(f"x{user_id}x")
    assert not any(known.are_in(text) for text in CLEAN)
    assert known.are_in(f"next=%2Fu%2F{quote(ids[3])}%2F")


def test_a_guard_of_numbered_ids_catches_little_else(guards: Callable[[str, str], bool]) -> None:
    for panel in ("numbered", "random"):
        guard = PanelIds(PANELS[panel]).guard
        assert guard is not None
        assert [text for text in CLEAN if guards(text, guard)] == []


def test_without_ids_there_is_no_guard_and_no_finding() -> None:
    assert PanelIds([]).guard is None
    assert not PanelIds([]).are_in("anything")
    assert PanelIds(["---"]).guard is None


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [("maria", False), ("12345", False), ("user12", False), ("panelist-12", True), ("1234567890", True)],
)
def test_which_ids_can_be_nothing_else(user_id: str, expected: bool) -> None:
    assert is_distinctive(user_id) is expected
