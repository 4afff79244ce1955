"""Titles, searches and metadata without anything personal, shaped as the web's are.

What belongs here: shapes of texts and of tags. What does not: addresses of pages (`clean_urls.py`).
"""

import random
import string
from collections.abc import Callable, Iterator

from browse_assets_tests.privacy.clean_urls import (
    GERMAN,
    NON_LATIN,
    date,
    ean,
    hexadecimal,
    number,
    product_number,
    slug,
    words,
)
from browse_assets_tests.privacy.labelled_set import CLEAN, Case, Event
from browse_assets_tests.privacy.places import search_url

PER_TITLE_SHAPE, PER_TERMS_SHAPE, PER_TAG_SHAPE = 45, 40, 40

Shape = Callable[[random.Random], str]


def _phrase(rng: random.Random, low: int = 2, high: int = 6) -> str:
    return " ".join(words(rng, low, high)).capitalize()


def _thousands(rng: random.Random, separator: str) -> str:
    return f"{rng.randrange(10**6, 10**9):,}".replace(",", separator)


def _version(rng: random.Random) -> str:
    return ".".join(str(rng.randrange(limit)) for limit in (130, 20, 12, 300)[: rng.randint(2, 4)])


_NEWS_SITES = ("BBC News", "The Guardian", "CNN", "Reuters", "DER SPIEGEL", "Le Monde", "EL PAÍS", "AP News")
_NETWORK_WORDS = ("IPv4 vs IPv6", "IPv6 explained", "TCP/IP 101", "802.11ax vs 802.11ac", "SHA-256")
_DEVICES = (
    "Galaxy S24 SM-S921B;iPhone 15 Pro Max 256 GB;Pixel 8a;Nokia 3310;Sony WH-1000XM5;Canon EOS R6 Mark II;"
    "ThinkPad X1 20XW004TUS;RTX 4090;Ryzen 7 5800X3D;DDR5-6000 32GB (2x16GB);Xperia 1 V XQ-DQ54;Moto G84 5G"
).split(";")

TITLES: dict[str, Shape] = {
    "headline": lambda rng: f"{_phrase(rng, 4, 9)} - {rng.choice(_NEWS_SITES)}",
    "price": lambda rng: (
        f"{_phrase(rng)} - {rng.choice(['$', '£', '€'])}{number(rng, 2, 4)}.{rng.randint(10, 99)} | Shop"
    ),
    "thousands": lambda rng: (
        f"{_phrase(rng)} | {_thousands(rng, rng.choice([',', '.', ' ']))} {rng.choice(['views', 'results', 'km'])}"
    ),
    "amount": lambda rng: f"{_phrase(rng, 1, 3)}: EUR {_thousands(rng, '.')},{rng.randint(10, 99)}",
    "year": lambda rng: f"{_phrase(rng)} ({rng.randint(1950, 2025)})",
    "years": lambda rng: (
        f"{_phrase(rng)} {rng.randint(1950, 2012)}{rng.choice(['-', '–', ' - '])}{rng.randint(2013, 2026)}"
    ),
    "score": lambda rng: (
        f"{_phrase(rng, 1, 1)} {rng.randint(0, 130)}-{rng.randint(0, 130)} {_phrase(rng, 1, 1)}: match report"
    ),
    "date": lambda rng: (
        f"{_phrase(rng)}, {rng.choice(['{0}-{1}-{2}', '{2}/{1}/{0}', '{2}.{1}.{0}', '{1}-{2}-{0}']).format(*date(rng))}"
    ),
    "date and time": lambda rng: (
        "{} {}-{}-{} ".format(_phrase(rng, 1, 3), *date(rng))
        + f"{rng.randint(10, 23)}:{rng.randint(10, 59)}:{rng.randint(10, 59)}"
    ),
    "device": lambda rng: f"{rng.choice(_DEVICES)} {_phrase(rng, 1, 3)}",
    "disease": lambda rng: f"COVID-19: {_phrase(rng)} | SARS-CoV-2, H5N1, BA.{rng.randint(1, 5)}.{rng.randint(10, 99)}",
    "network": lambda rng: f"{rng.choice(_NETWORK_WORDS)} - {_phrase(rng)}",
    "version": lambda rng: (
        f"{rng.choice(['Firefox', 'Chrome', 'iOS', 'Python', 'WordPress'])} {_version(rng)} released"
    ),
    "chapter": lambda rng: (
        f"Chapter {rng.randint(1, 9)}.{rng.randint(1, 9)}.{rng.randint(1, 9)}.{rng.randint(1, 9)} {_phrase(rng)}"
    ),
    "ISBN": lambda rng: "{} - ISBN {}-{}-{}-{}-{}".format(_phrase(rng), *_isbn_groups(rng)),
    "product number": lambda rng: f"{_phrase(rng)} Art. {product_number(rng)}",
    "article number": lambda rng: f"{_phrase(rng)} (Model {_letters(rng, 2)}-{number(rng, 3, 5)}-{_letters(rng, 1)})",
    "size": lambda rng: f"{_phrase(rng)} {rng.randint(40, 300)} x {rng.randint(40, 300)} x {rng.randint(2, 90)} cm",
    "non-Latin": lambda rng: rng.choice(NON_LATIN),
    "German": lambda rng: " ".join(word.capitalize() for word in words(rng, 2, 5, GERMAN)),
    "law": lambda rng: f"Regulation (EU) {rng.randint(2010, 2024)}/{number(rng, 3, 4)} - {_phrase(rng)}",
    "ratio": lambda rng: f"{_phrase(rng)}: 24/7, {rng.randint(1, 99)}%, {rng.randint(1, 9)} out of 10",
    "season": lambda rng: f"{_phrase(rng, 1, 3)} S{rng.randint(1, 9):02}E{rng.randint(1, 24):02} 1080p",
    "time range": lambda rng: f"{_phrase(rng)} {rng.randint(6, 11)}:00-{rng.randint(12, 22)}:30, Mon-Fri",
    "at sign": lambda rng: (
        f"{_phrase(rng, 1, 3)} @ {rng.choice(['Wembley Arena', 'Home', 'Midnight', 'Madison Square Garden'])}"
    ),
    "hashtag": lambda rng: f"#{slug(rng, 1, 2).replace('-', '')}{rng.randint(2019, 2026)} {_phrase(rng)}",
    "statistics": lambda rng: (
        f"{_phrase(rng)} {rng.uniform(0, 90):.2f} vs {rng.uniform(0, 90):.2f}, +{rng.uniform(0, 9):.1f} %"
    ),
    "physics": lambda rng: f"Pi 3.14159265, e 2.71828183: {_phrase(rng)}",
    "unread": lambda rng: f"({rng.randint(1, 400)}) {_phrase(rng)} - YouTube",
}

TERMS: dict[str, Shape] = {
    "words": lambda rng: " ".join(words(rng, 1, 6)),
    "year": lambda rng: f"{' '.join(words(rng, 1, 3))} {rng.randint(1990, 2026)}",
    "price": lambda rng: f"{' '.join(words(rng, 1, 3))} under {number(rng, 2, 4)} dollars",
    "device": lambda rng: f"{rng.choice(_DEVICES).lower()} {' '.join(words(rng, 1, 2))}",
    "version": lambda rng: f"{rng.choice(['firefox', 'php', 'ubuntu'])} {_version(rng)} download",
    "error": lambda rng: f"error 0x{hexadecimal(rng, 8)} windows {rng.choice(['10', '11'])}",
    "sum": lambda rng: f"{number(rng, 2, 5)} * {number(rng, 2, 4)} / {number(rng, 1, 2)}",
    "conversion": lambda rng: f"{number(rng, 2, 6)} usd to eur",
    "date": lambda rng: "{} {}-{}-{}".format(rng.choice(["moon phase", "events", "weekday of"]), *date(rng)),
    "score": lambda rng: (
        f"{rng.choice(['arsenal', 'bayern', 'boca'])} {rng.randint(0, 5)}-{rng.randint(0, 5)} highlights"
    ),
    "non-Latin": lambda rng: rng.choice(NON_LATIN),
    "C++": lambda rng: (
        f"{rng.choice(['c++', 'c#', 'r&b', 'at&t', 'node.js', '.net 8.0'])} {' '.join(words(rng, 1, 3))}"
    ),
    "ISBN": lambda rng: f"isbn {ean(rng, '978')}",
    "quoted": lambda rng: f'"{" ".join(words(rng, 2, 4))}" site:{rng.choice(["reddit.com", "gov.uk"])}',
    "percent": lambda rng: f"{rng.randint(1, 99)}% of {number(rng, 2, 5)}",
    "years": lambda rng: f"{' '.join(words(rng, 1, 2))} {rng.randint(1939, 1990)}-{rng.randint(1991, 2025)}",
    "disease": lambda rng: f"covid-19 {' '.join(words(rng, 1, 3))}",
    "tyre": lambda rng: f"{rng.randint(155, 285)}/{rng.randint(40, 70)} r{rng.randint(14, 19)} tires",
}


def _letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_uppercase, k=count))


def _isbn_groups(rng: random.Random) -> tuple[str, ...]:
    code = ean(rng, "978")
    return code[:3], code[3], code[4:8], code[8:12], code[12]


def _iso_time(rng: random.Random) -> str:
    y, m, d = date(rng)
    clock = f"{rng.randint(10, 23)}:{rng.randint(10, 59)}:{rng.randint(10, 59)}"
    return f"{y}-{m}-{d}T{clock}{rng.choice(['Z', '+00:00', '.000Z', '+0200', '-05:00'])}"


def _picture(rng: random.Random) -> str:
    host = rng.choice(["ichef.bbci.co.uk", "cdn.vox-cdn.com", "i.guim.co.uk", "res.cloudinary.com", "s.yimg.com"])
    name = f"{slug(rng, 1, 3)}.jpg"
    (y, m, _), w, h = date(rng), number(rng, 4, 4), number(rng, 4, 4)
    path = rng.choice(
        [
            f"/news/1024/branded_news/{hexadecimal(rng, 4).upper()}/production/_{number(rng, 9, 9)}_{name}",
            f"/thumbor/0x0:{w}x{h}/1200x628/filters:focal({number(rng, 3, 3)}x{number(rng, 3, 3)})/{name}",
            f"/img/media/{hexadecimal(rng, 40)}/0_0_{w}_{h}/master/{w}.jpg",
            f"/image/upload/w_1200,h_630,c_fill/v{number(rng, 10, 10)}/{name}",
            f"/uploads/{y}/{m}/{slug(rng, 1, 3)}-{hexadecimal(rng, 32)}.png",
            f"/images/{hexadecimal(rng, 64)}.webp",
            f"/wp-content/uploads/{y}/{m}/{slug(rng, 1, 3)}-1200x630.jpg",
        ]
    )
    return f"https://{host}{path}"


# Tag name and content.
TAGS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "generator": lambda rng: (
        "generator",
        rng.choice(
            [
                f"WordPress {_version(rng)}",
                f"Foo {rng.randint(1, 9)}.0.{rng.randint(1, 99)}.{rng.randint(1, 99)}",
                "Hugo 0.121.1",
            ]
        ),
    ),
    "build": lambda rng: (
        "version",
        f"{rng.randint(1, 20)}.{rng.randint(0, 9)}.{rng.randint(0, 99)}.{rng.randint(0, 255)}",
    ),
    "viewport": lambda rng: (
        "viewport",
        f"width=device-width, initial-scale=1{rng.choice(['', '.0', ', maximum-scale=1'])}",
    ),
    "theme-color": lambda rng: (rng.choice(["theme-color", "msapplication-TileColor"]), f"#{hexadecimal(rng, 6)}"),
    "fb:app_id": lambda rng: ("fb:app_id", number(rng, 15, 16)),
    "fb:pages": lambda rng: ("fb:pages", number(rng, 10, 15)),
    "app id": lambda rng: (rng.choice(["al:ios:app_store_id", "twitter:app:id:iphone"]), number(rng, 9, 10)),
    "apple-itunes-app": lambda rng: ("apple-itunes-app", f"app-id={number(rng, 9, 10)}"),
    "android package": lambda rng: ("al:android:package", f"com.{slug(rng, 1, 1)}.{slug(rng, 1, 1)}"),
    "site verification": lambda rng: (
        rng.choice(["google-site-verification", "facebook-domain-verification", "p:domain_verify"]),
        rng.choice(["".join(rng.choices(string.ascii_letters + string.digits + "-_", k=43)), hexadecimal(rng, 32)]),
    ),
    "picture": lambda rng: (rng.choice(["og:image", "twitter:image", "thumbnail"]), _picture(rng)),
    "picture size": lambda rng: (rng.choice(["og:image:width", "og:image:height"]), number(rng, 3, 4)),
    "published": lambda rng: (rng.choice(["article:published_time", "article:modified_time", "date"]), _iso_time(rng)),
    "epoch": lambda rng: ("og:updated_time", str(rng.randrange(1_300_000_000, 1_760_000_000))),
    "price": lambda rng: (
        rng.choice(["product:price:amount", "og:price:amount"]),
        f"{number(rng, 1, 4)}.{rng.randint(10, 99)}",
    ),
    "gtin": lambda rng: (rng.choice(["gtin13", "product:ean", "og:upc"]), ean(rng)),
    "isbn": lambda rng: ("book:isbn", ean(rng, "978")),
    "sku": lambda rng: (
        rng.choice(["sku", "product:retailer_item_id", "mpn"]),
        f"{_letters(rng, 3)}-{number(rng, 4, 8)}-{_letters(rng, 2)}",
    ),
    "product number": lambda rng: ("product:retailer_part_no", product_number(rng)),
    "keywords": lambda rng: (rng.choice(["keywords", "news_keywords"]), ", ".join(words(rng, 4, 12))),
    "keywords with years": lambda rng: (
        "keywords",
        ", ".join([*words(rng, 1, 4), *(str(year) for year in range(2018, 2025))]),
    ),
    "description": lambda rng: (
        rng.choice(["description", "og:description"]),
        f"{_phrase(rng, 8, 20)}. {_phrase(rng, 5, 12)}.",
    ),
    "description with numbers": lambda rng: (
        "description",
        f"{_phrase(rng, 4, 8)}: {_thousands(rng, ',')} results, {rng.randint(10, 99)}% off, "
        f"{rng.randint(2, 9)} for {rng.randint(10, 90)}.99, since {rng.randint(1900, 2020)}.",
    ),
    "title": lambda rng: ("og:title", TITLES[rng.choice(sorted(TITLES))](rng)),
    "copyright": lambda rng: (
        "copyright",
        f"© {rng.randint(1995, 2015)}-{rng.randint(2016, 2025)} Example Media Ltd. All rights reserved.",
    ),
    "site name": lambda rng: (rng.choice(["og:site_name", "application-name"]), rng.choice(_NEWS_SITES)),
    "site handle": lambda rng: ("twitter:site", f"@{slug(rng, 1, 2).replace('-', '')}"),
    "type": lambda rng: (
        rng.choice(["og:type", "twitter:card"]),
        rng.choice(["website", "article", "summary_large_image"]),
    ),
    "locale": lambda rng: ("og:locale", rng.choice(["en_US", "de_DE", "fr_FR", "zh_CN"])),
    "robots": lambda rng: (
        "robots",
        f"index, follow, max-image-preview:large, max-snippet:-1, max-video-preview:{rng.choice([-1, 30])}",
    ),
    "address": lambda rng: (
        rng.choice(["og:url", "canonical"]),
        f"https://www.example.com/{slug(rng, 1, 1)}/{slug(rng)}-{number(rng, 6, 8)}",
    ),
    "section": lambda rng: (rng.choice(["article:section", "article:tag", "category"]), _phrase(rng, 1, 2)),
    "duration": lambda rng: (
        rng.choice(["video:duration", "og:video:duration", "duration"]),
        rng.choice([number(rng, 2, 5), f"PT{rng.randint(1, 59)}M{rng.randint(1, 59)}S"]),
    ),
    "rating": lambda rng: (rng.choice(["rating", "og:rating"]), f"{rng.uniform(1, 5):.1f}"),
    "page id": lambda rng: (
        rng.choice(["article_id", "og:article:id", "parsely-post-id", "pageId"]),
        number(rng, 6, 9),
    ),
    "non-Latin": lambda rng: ("description", f"{rng.choice(NON_LATIN)} {rng.choice(NON_LATIN)}"),
    "charset": lambda rng: ("content-type", rng.choice(["text/html; charset=utf-8", "text/html;charset=ISO-8859-1"])),
}


def clean_titles(rng: random.Random) -> Iterator[Case]:
    """Cases of place `title`."""
    for shape, make in TITLES.items():
        for _ in range(PER_TITLE_SHAPE):
            title = make(rng)
            yield Case(CLEAN, "title", shape, Event("https://www.example.com/start", title), title, kept=(title,))


def clean_terms(rng: random.Random) -> Iterator[Case]:
    """Cases of place `search terms`, on the result pages of known engines."""
    for shape, make in TERMS.items():
        for _ in range(PER_TERMS_SHAPE):
            terms = make(rng)
            yield Case(CLEAN, "search terms", shape, Event(search_url(rng, terms)), terms, kept=(terms,))


def clean_tags(rng: random.Random) -> Iterator[Case]:
    """Cases of place `metadata`: one tag beside a plain one."""
    for shape, make in TAGS.items():
        for _ in range(PER_TAG_SHAPE):
            name, content = make(rng)
            event = Event("https://www.example.com/start", tags=((name, content), ("og:type", "website")))
            yield Case(CLEAN, "metadata", shape, event, content, kept=(name, content))
