"""What is personal in a text, a segment and a parameter; and that SQL's guards let none of it pass."""

import base64
import time
from functools import cache
from urllib.parse import quote

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.encodings import decoded, decoded_word, is_random
from browse_assets.analysis.personal_numbers import is_card, is_phone
from browse_assets.analysis.scrubbing import (
    ACCOUNT,
    LONGEST,
    MARKERS,
    personal_kind,
    scrub_address,
    scrub_segment,
    scrub_technical,
    scrub_text,
)
from browse_assets.assets.scrubbing import make_guards
from browse_assets.resources import load_reference
from browse_assets.sql import read_sql


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ann.example@mail.example.com today", "write to {email} today"),
        ("ann+news@example.com", "{email}"),
        ("ann (at) example (dot) com", "{email}"),
        ("ann&#64;example.com", "{email}"),
        ("\uff21\uff2e\uff2e\uff20example.com", "{email}"),
        ("ann%2540example.com", "{email}"),
        ("Mail YW5uQGV4YW1wbGUuY29t now", "Mail {email} now"),
        ("call +49 30 901820 or (212) 555-0123", "call {phone} or {phone}"),
        ("+1 212\u2011555\u20110142", "{phone}"),
        ("06 12 34 56 78", "{phone}"),
        ("98765 43210", "{phone}"),
        ("8 800 555 01 00", "{phone}"),
        ("Call 212 555 0142 2024", "Call {phone}"),
        ("card 4111 1111 1111 1111", "card {card}"),
        ("amex 3782-822463-10005", "amex {card}"),
        ("SSN 078-05-1120", "SSN {ssn}"),
        ("pay to DE89 3704 0044 0532 0130 00 today", "pay to {iban} today"),
        ("at 52.520008, 13.404954", "at {geo}"),
        ("52\u00b031'12\"N", "{geo}"),
        ("from 198.51.100.7", "from {ip}"),
        ("2001:db8:ca:4a::155", "{ip}"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "token {token}"),
        ("bFYRx5lSKs-tYMecPGyy0Q", "{token}"),
        ("3f2504e0-4f89-41d3-9a0c-0305e82c3301", "{id}"),
        ("@ann_smith on X", "{user} on X"),
        ("see https://me:pw@example.com/users/ann?x=1 there", "see https://example.com/users/{user} there"),
        ("www.example.com/u/ann", "www.example.com/u/{user}"),
        ("twitter://user?screen_name=ann", "twitter://{id}"),
        ('"ann example"@example.com', "{email}"),
        ("ann@[192.0.2.44]", "{email}"),
        ("ann&amp;#64;example.com", "{email}"),
        ("ann\\x40example.com", "{email}"),
        ("ann\\u{40}example.com \\ud83d\\ude00", "{email} \U0001f600"),
        ("ann@example.com \\ud83d", "{email} \ufffd"),
        ("tel:+49-30-90182044", "tel:{phone}"),
        ("+49\u200e30\u200e90182044", "{phone}"),
        ("06\u00b712\u00b734\u00b756\u00b778", "{phone}"),
        ("212\t555\t0142", "{phone}"),
        ("4111  1111  1111  1111", "{card}"),
        ("x,4111111111111111", "x,{card}"),
        ("lat=52.520008&lng=13.404954", "lat={geo}"),
        ('{"lat":52.520008,"lng":13.404954}', '{"lat":{geo}}'),
        ("!3d52.520008!4d13.404954", "!3d{geo}"),
        ("52.520008N,13.404954E", "{geo}E"),
        ("AKIAIOSFODNN7EXAMPLE", "{token}"),
        ("xoxb-abcdefghij-klmn", "{token}"),
        ("https:\\\\example.com\\users\\ann", "https://example.com/users/{user}"),
        ("https:\\/\\/example.com\\/users\\/ann", "https://example.com//users//ann"),
        ("//example.com/users/ann", "//example.com/users/{user}"),
    ],
)
def test_personal_data_in_texts(text: str, expected: str) -> None:
    assert scrub_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Top 10 laptops of 2026 under $1,500",
        "News of 2026-06-30 at 10:20",
        "iPhone 17 Pro Max 256GB",
        "1,234,567 views",
        "1 299 000 \u20ac",
        "2010-2015 report",
        "WordPress 6.4.2",
        "Foo 1.0.77.42",
        "Firefox 128.0.1.2 released",
        "6971-7405-7245-2536",
        "ORCID 0000-0002-1825-0097",
        "ISBN 978-3-16-148410-0",
        "w_1200,h_630,c_fill",
        "0x0:1200x630/1200x630",
        "IMG_20240501_123456.jpg",
        "C++ std::vector",
        "@media screen",
        "100%25 cotton",
        "Winning numbers: 4-12-33-45-58",
        "1.4142135",
        "127.0.0.1 refused to connect",
        "Subnet 255.255.255.0",
        "Donaudampfschifffahrtsgesellschaft",
        "JavaScriptCore and WebAssembly",
        "Lottery: 3 12 19 24 33 41",
    ],
)
def test_what_is_not_personal_stays_as_it_is(text: str) -> None:
    assert scrub_text(text) == text


@pytest.mark.parametrize(
    "piece",
    "1 1-|1- 4111 030/901820 AbC1 a. a@ @ : 12. _ %25 \\u0040 &amp; http://a.b/ YW5uQGV4YW1wbGUuY29t DE89 bcd1".split(),
)
def test_long_texts_neither_stall_nor_vanish(piece: str) -> None:
    long = piece * (100_000 // len(piece))
    started = time.process_time()
    for judged in (scrub_text(long), scrub_technical(long), scrub_segment(long, "x")):
        assert judged.endswith("{undecodable}")
        assert len(judged) < 3 * LONGEST
    assert personal_kind("page", long) == "undecodable"
    assert time.process_time() - started < 5


def test_numbers_of_technical_tags_are_the_sites_own() -> None:
    assert scrub_technical("1.0.77.42") == "1.0.77.42"
    assert scrub_technical("app-id=1234567890") == "app-id=1234567890"
    assert scrub_technical("ann@example.com") == "{email}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ex.com/a%40b.com/c;jsessionid=1/d", "https://ex.com/{email}/c/d"),
        ("https://ex.com/x/ann%2540example.com/", "https://ex.com/x/{email}/"),
        ("https://ex.com/%ff%fe/secret", "https://ex.com/{undecodable}"),
        ("https://ex.com/a%25252540b.com", "https://ex.com/{undecodable}"),
        ("https://ex.com/a%3Femail%3Dann", "https://ex.com/a"),
        ("https://ex.com/a%253Femail%253Dann", "https://ex.com/a"),
        ("https://ex.com/@ann/post", "https://ex.com/@{user}/post"),
        ("https://ex.com/Users/ann", "https://ex.com/Users/{user}"),
        ("https://ex.com/users/123/ann", "https://ex.com/users/{user}/{user}"),
        ("https://ex.com/user/login", "https://ex.com/user/login"),
        ("https://ex.com/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "https://ex.com/{id}"),
        ("https://ex.com/orders/12345678", "https://ex.com/orders/{id}"),
        ("https://ex.com/reset/aB3dE5", "https://ex.com/reset/{token}"),
        ("https://ex.com/benefits-789-62-8494-details", "https://ex.com/benefits-{ssn}-details"),
        ("https://ex.com/phone/0171%2F1234567", "https://ex.com/phone/{phone}"),
        ("https://ex.com/to/https%3A%2F%2Fb.com%2Fusers%2Fann%3Fq%3D1", "https://ex.com/to/https://b.com/users/{user}"),
        ("https://me:pw@ex.com:8080/a?b#c", "https://ex.com/a"),
        ("https://192-0-2-55.ex.com/", "https://{id}.ex.com/"),
        ("HTTPS://ex.com", "https://ex.com"),
    ],
)
def test_personal_data_in_addresses(url: str, expected: str) -> None:
    assert scrub_address(url) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/how-to-choose-a-mortgage-in-2026.html",
        "/news/articles/c4gqp7zn4r2o",
        "/news/some-story-of-today-194512345.html",
        "/2024/05/01/title-1",
        "/track/4cOdK2wGLETKBW3PvgPWqT",
        "/itm/123456789012",
        "/product/music-monitor/8715332782518",
        "/gb/app/notes/id1234567890",
        "/wiki/List_of_sovereign_states_(2024)",
        "/%E6%97%A5%E6%9C%AC",
        "/caf%E9/menu",
        "/media/3f2a9c1b3f2a9c1b3f2a9c1b3f2a9c1b.jpg",
        "/image/upload/w_300,h_300,c_fill/v7535445968/game.jpg",
        "/doi/10.1603/s38171-021-45966-x",
        "/the-women-kristin-hannah/1143445466",
        "/files/trending-products_c8d0d15c-9afc-47e3-9ba2-f7bad0505b9b.png",
        "/releases/1.0.77.42",
        "/pdf/2303.08774v6",
        "/global-stocks-markets-dow-news-03-11-2024-7f6e5d4c",
        "/playlist/37i9dQZF1DXcBWIGoYBM5M",
        "/properties/134567890",
        "/package/@types/node",
    ],
)
def test_clean_paths_stay_as_they_are(path: str) -> None:
    assert scrub_address("https://ex.com" + path) == "https://ex.com" + path


def test_the_first_segment_of_a_social_site_is_an_account() -> None:
    assert scrub_segment("ann.smith", ACCOUNT) == "{user}"
    assert scrub_segment("login", ACCOUNT) == "login"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("page", "2", None),
        ("v", "dQw4w9WgXcQ", None),
        ("utm_campaign", "20240501_newsletter", None),
        ("utm_campaign", "ann%40example.com", "email"),
        ("category", "YW5uQGV4YW1wbGUuY29t", "email"),
        ("sort", "https%3A%2F%2Fb.com%2Fusers%2Fann", "user"),
        ("sort", "https%3A%2F%2Fb.com%2Fa%3Fid%3D4475549", "id"),
        ("page", "%25252525", "undecodable"),
        ("page", "%2Fusers%2Fann%2Fedit", "user"),
        ("page", "@ann_smith", "user"),
    ],
)
def test_parameters(name: str, value: str, kind: str | None) -> None:
    assert personal_kind(name, value) == kind


def test_cards_need_issuer_length_groups_and_check_digit() -> None:
    assert is_card("4111 1111 1111 1111")
    assert is_card("378282246310005")
    assert not is_card("4111 1111 1111 1112")
    assert not is_card("9111 1111 1111 1119")
    assert not is_card("41 11111111111111")


def test_words_around_a_number_tell_a_telephone() -> None:
    assert is_phone("555-0142", "call ")
    assert not is_phone("555-0142", "size ")
    assert not is_phone("45794842", "the hotel-")
    assert not is_phone("612 345 678", "", " views")


def test_encodings_are_undone_up_to_three_times() -> None:
    coded = "ann@example.com"
    for _ in range(3):
        coded = quote(coded, safe="")
        assert decoded(coded) == "ann@example.com"
    assert decoded(quote(coded, safe="")) == "{undecodable}"
    assert decoded_word(base64.urlsafe_b64encode(b"ann@example.com").decode().rstrip("=")) == "ann@example.com"
    assert decoded_word(b"ann@example.com".hex()) == "ann@example.com"
    assert decoded_word("international") is None


def test_drawn_words_are_told_from_written_ones() -> None:
    assert is_random("4cOdK2wGLETKBW3PvgPWqT")
    assert is_random("k3j9x8s2q1w4z7v5")
    assert not is_random("iphone-15-pro-max-256gb-natural-titanium")
    assert not is_random("Donaudampfschifffahrtsgesellschaft")


PIECES = (
    "0 1 12 1234 a f bc - . : / ( ) + @ ~ % %40 %2540 eyJ xyz _ = , ; DE89 4111 378 078-05-1120 3f2504e0 -4f89- 41d3 "
    "52.520008 2001:db8: 192.0.2.1 +49 030 users user u orders reset http:// www.a.com/ &#64; \\u0040 YW5u QGV4YW1w "
    "\uff20 \uff11 \u0661 (at) dot com at N S \u00b0 ' iban tel bFYRx5lSKs tYMec 9a0c session= \u2011"
).split()
TEXTS = st.lists(st.sampled_from([*PIECES, " ", "\u00a0"]), max_size=14).map("".join) | st.text(max_size=30)


@cache
def with_guards() -> duckdb.DuckDBPyConnection:
    """One connection that knows the guards."""
    con = duckdb.connect()
    con.execute(read_sql("macros"))
    load_reference(con, ["url_parameters"])
    make_guards(con)
    return con


@given(TEXTS)
def test_the_guard_lets_through_whatever_a_rule_would_change(text: str) -> None:
    (is_guarded,) = with_guards().execute("SELECT has_personal_pattern($t)", {"t": text}).fetchone() or (None,)
    assert is_guarded or (scrub_text(text) == text and scrub_technical(text) == text)


@given(TEXTS.filter(lambda text: not set(text) & set("?#\x00")))
def test_clean_addresses_need_no_rule(text: str) -> None:
    url = f"https://www.example.com/{text}"
    (is_clean,) = with_guards().execute("SELECT is_clean_address($t)", {"t": url}).fetchone() or (None,)
    assert not is_clean or scrub_address(url) == url


@pytest.mark.parametrize("marker", sorted(MARKERS))
def test_each_marker_is_in_the_guard(marker: str) -> None:
    for written in (marker, marker.upper()):
        (is_clean,) = with_guards().execute(
            "SELECT is_clean_address($t)", {"t": f"https://ex.com/{written}/ann"}
        ).fetchone() or (None,)
        assert is_clean is False


@pytest.mark.parametrize(
    ("url", "is_clean"),
    [
        ("https://ex.com/shoes?page=2&utm_source=mail", True),
        ("https://ex.com/shoes?page=2&sid=7", False),
        ("https://ex.com/shoes?gclid=abc", False),
        ("https://ex.com/shoes?category=YUBiLmNv", False),
        ("https://ex.com/shoes?page=123456", False),
        ("https://ex.com/shoes#top", False),
        ("https://me@ex.com/shoes", False),
        ("https://ex.com:8080/shoes", False),
        ("https://ex.com/shoes\\users\\ann", False),
    ],
)
def test_queries_stay_only_where_they_are_known_and_short(url: str, is_clean: bool) -> None:
    assert with_guards().execute("SELECT is_clean_address($t)", {"t": url}).fetchone() == (is_clean,)


@given(TEXTS)
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    once = scrub_text(text)
    assert scrub_text(once) == once
