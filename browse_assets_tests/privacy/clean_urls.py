"""Addresses without anything personal before their query and fragment, shaped as the web's are.

What belongs here: shapes of addresses. What does not: titles, searches and metadata (`clean_texts.py`).
Numbers in them count things (articles, products, pictures, versions, days), never people.
"""

import random
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote

from browse_assets_tests.privacy.labelled_set import CLEAN, Case, Event
from browse_assets_tests.privacy.values import luhn_digit

PER_SHAPE = 75

WORDS = (
    "best cheap review guide garden kitchen election budget minister storm rescue climate energy price market "
    "housing school teacher football league final transfer coach recipe chicken pasta salad bread summer winter "
    "holiday flight hotel island beach museum history science space rocket planet ocean forest animal health "
    "doctor hospital vaccine study sleep running shoes jacket leather wireless headphones laptop monitor keyboard "
    "camera battery charger electric hybrid engine review update release security windows linux python server "
    "database network cloud mobile tablet game console music album concert film series episode season actor "
    "mortgage credit insurance savings pension loan bank interest rate tax refund invoice startup company office"
).split()
GERMAN = (
    "bundestagswahl verkehrssicherheit krankenversicherungsvergleich donaudampfschifffahrt wohngebaeudeversicherung "
    "kuendigungsfrist rechtsschutzversicherung steuererklaerung lebensmittelunvertraeglichkeit energiewende "
    "geschwindigkeitsbegrenzung fahrgemeinschaft arbeitsunfaehigkeitsbescheinigung haftpflicht gebrauchtwagen "
    "kraftfahrzeugsteuer altersvorsorge immobilienfinanzierung waermepumpe photovoltaikanlage und im der fuer"
).split()
NON_LATIN = (
    "новости россии сегодня погода москва рецепт борща;как выбрать ноутбук;東京 観光 ガイド;天気予報 大阪;"
    "最新 ニュース 経済;中国 经济 新闻;如何 学习 编程;أخبار اليوم العربية;وصفات طبخ سهلة;सरकारी नौकरी परिणाम;"
    "날씨 예보 서울;부동산 뉴스;ειδήσεις σήμερα αθήνα;ข่าววันนี้ ล่าสุด;חדשות היום;"
    "größe überprüfen straße;économie française été"
).split(";")
SITES = (
    "www.bbc.co.uk www.theguardian.com edition.cnn.com www.nytimes.com www.spiegel.de www.lemonde.fr elpais.com "
    "www.amazon.com www.amazon.de www.ebay.com www.etsy.com www.walmart.com www.ikea.com www.zalando.de github.com "
    "stackoverflow.com www.youtube.com en.wikipedia.org de.wikipedia.org medium.com www.booking.com www.imdb.com "
    "docs.python.org news.ycombinator.com www.reddit.com store.steampowered.com apps.apple.com play.google.com "
    "www.tripadvisor.com www.allrecipes.com www.webmd.com www.check24.de www.moneysupermarket.com arxiv.org"
).split()

_LOWER = string.digits + string.ascii_lowercase

Shape = Callable[[random.Random], str]


def words(rng: random.Random, low: int, high: int, pool: list[str] = WORDS) -> list[str]:
    return rng.choices(pool, k=rng.randint(low, high))


def slug(rng: random.Random, low: int = 3, high: int = 9, pool: list[str] = WORDS) -> str:
    return "-".join(words(rng, low, high, pool))


def number(rng: random.Random, low: int, high: int) -> str:
    """A number of `low` to `high` digits."""
    return str(rng.randrange(10 ** (low - 1), 10 ** rng.randint(low, high)))


def _alnum(rng: random.Random, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(rng.choices(alphabet, k=length))


def hexadecimal(rng: random.Random, length: int) -> str:
    return _alnum(rng, length, "0123456789abcdef")


def ean(rng: random.Random, prefix: str = "") -> str:
    """An EAN-13 with its check digit; with 978 an ISBN-13."""
    body = (prefix or rng.choice(["400", "501", "871", "761", "590"])) + _alnum(rng, 9, string.digits)
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(body))
    return body + str(-total % 10)


def product_number(rng: random.Random) -> str:
    """Sixteen digits in fours, as catalogues and ORCID write them, and no card's: the check digit is wrong."""
    body = _alnum(rng, 15, string.digits)
    wrong = str((int(luhn_digit(body)) + rng.randint(1, 9)) % 10)
    digits = body + wrong
    return "-".join(digits[start : start + 4] for start in range(0, 16, 4))


def date(rng: random.Random) -> tuple[str, str, str]:
    return str(rng.randint(2009, 2025)), f"{rng.randint(1, 12):02}", f"{rng.randint(1, 28):02}"


def _long_slug(rng: random.Random) -> str:
    text = slug(rng, 8, 14)
    return text[:60].rstrip("-")


def _dated_file(rng: random.Random) -> str:
    y, m, d = date(rng)
    return rng.choice(
        [
            f"/downloads/{slug(rng, 1, 3)}-{y}{m}{d}.pdf",
            f"/wp-content/uploads/{y}/{m}/{slug(rng, 1, 3)}_{y}-{m}-{d}.pdf",
            f"/files/report_{d}.{m}.{y}.xlsx",
            f"/media/IMG_{y}{m}{d}_{rng.randint(10, 23)}{rng.randint(10, 59)}{rng.randint(10, 59)}.jpg",
            f"/archive/{y}{m}{d}/index.html",
        ]
    )


def _version(rng: random.Random) -> str:
    major, minor, patch, build = (rng.randrange(limit) for limit in (130, 20, 12, 300))
    return rng.choice(
        [
            f"/releases/tag/v{major}.{minor}.{patch}",
            f"/download/{slug(rng, 1, 2)}-{major}.{minor}.{patch}.tar.gz",
            f"/docs/{major}.{minor}/{slug(rng, 1, 3)}.html",
            f"/firmware/{major}.{minor}.{patch}.{build}/notes",
            f"/en-US/firefox/{major}.0.{patch}.{minor}/releasenotes/",
            f"/pypi/{slug(rng, 1, 1)}/{major}.{minor}.{patch}rc1/",
        ]
    )


def _image_crop(rng: random.Random) -> str:
    w, h = rng.choice([(1200, 630), (640, 360), (1920, 1080), (300, 300)])
    name = f"{slug(rng, 1, 3)}.{rng.choice(['jpg', 'webp', 'png'])}"
    return rng.choice(
        [
            f"/image/upload/w_{w},h_{h},c_fill,g_auto,q_80/v{number(rng, 10, 10)}/{name}",
            f"/0x0:{w}x{h}/{w}x{h}/{name}",
            f"/resize/{w}x{h}/filters:quality(80)/{name}",
            f"/wp-content/uploads/{'/'.join(date(rng)[:2])}/{slug(rng, 1, 3)}-{w}x{h}.jpg",
            f"/crop/0.5xw:1.00xh,0.25xw,0/{name}",
            f"/fit-in/{w}x{h}/smart/{name}",
        ]
    )


def _hashed_asset(rng: random.Random) -> str:
    kind = rng.choice(["js", "css", "jpg", "png", "svg", "woff2"])
    return rng.choice(
        [
            f"/static/{rng.choice(['main', 'app', 'vendor', 'chunk'])}.{hexadecimal(rng, 8)}.{kind}",
            f"/assets/{rng.choice(['index', 'app', 'runtime'])}-{hexadecimal(rng, 32)}.{kind}",
            f"/assets/{rng.choice(['application', 'vendor'])}-{hexadecimal(rng, 64)}.{kind}",
            f"/_next/static/chunks/{number(rng, 2, 4)}-{hexadecimal(rng, 16)}.{kind}",
            f"/media/{hexadecimal(rng, 2)}/{hexadecimal(rng, 40)}.{kind}",
        ]
    )


def _app(rng: random.Random) -> str:
    return rng.choice(
        [
            f"/{rng.choice(['us', 'de', 'gb'])}/app/{slug(rng, 1, 3)}/id{number(rng, 9, 10)}",
            f"/store/apps/details?id=com.{slug(rng, 1, 1)}.{slug(rng, 1, 1)}",
            f"/app/{number(rng, 5, 7)}/{slug(rng, 1, 3).replace('-', '_')}/",
        ]
    )


def _product(rng: random.Random) -> str:
    asin = "B0" + _alnum(rng, 8, string.ascii_uppercase + string.digits)
    return rng.choice(
        [
            f"/{slug(rng, 2, 5)}/dp/{asin}",
            f"/dp/{asin}/ref=sr_1_{rng.randint(1, 20)}",
            f"/itm/{number(rng, 12, 12)}",
            f"/p/{slug(rng, 2, 4)}-{number(rng, 8, 8)}/",
            f"/product/{slug(rng, 2, 4)}/{ean(rng)}",
            f"/isbn/{ean(rng, '978')}",
            f"/listing/{number(rng, 9, 10)}/{slug(rng, 2, 5)}",
            f"/{slug(rng, 1, 3)}-{_alnum(rng, 9, _LOWER)}.html",
            f"/ip/{slug(rng, 2, 4)}/{number(rng, 8, 9)}",
            f"/catalog/{product_number(rng)}/",
            f"/sku/{asin[2:5]}-{number(rng, 4, 6)}-{asin[5:7]}",
        ]
    )


def _news(rng: random.Random) -> str:
    y, m, d = date(rng)
    return rng.choice(
        [
            f"/{y}/{m}/{d}/{slug(rng)}/index.html",
            f"/news/{slug(rng, 1, 2)}-{number(rng, 8, 8)}",
            f"/{slug(rng, 1, 1)}/{y}/{rng.choice(['jan', 'feb', 'mar', 'oct'])}/{d}/{slug(rng)}",
            f"/news/articles/c{_alnum(rng, 11, _LOWER)}",
            f"/{slug(rng, 1, 1)}/article/{y}/{m}/{d}/{slug(rng)}_{number(rng, 7, 7)}_{number(rng, 4, 4)}.html",
            f"/{slug(rng)}-{number(rng, 6, 8)}.html",
            f"/{slug(rng)}/a-{number(rng, 8, 8)}",
            f"/story/{slug(rng)}/{number(rng, 5, 8)}/",
            f"/{y}-{m}-{d}/{slug(rng)}",
        ]
    )


def _map(rng: random.Random) -> str:
    return rng.choice(
        [
            f"/maps/place/{'+'.join(word.title() for word in words(rng, 1, 3))}/",
            f"/maps/dir/{rng.choice(['Berlin', 'Paris', 'Lyon'])}/{rng.choice(['Hamburg', 'Madrid', 'Roma'])}/",
            f"/map/{rng.randint(1, 18)}/{number(rng, 3, 5)}/{number(rng, 3, 5)}.png",
            f"/weather/{rng.choice(['london', 'new-york', 'san-jose'])}/{number(rng, 5, 7)}",
        ]
    )


SHAPES: dict[str, Shape] = {
    "news": _news,
    "dated file": _dated_file,
    "product": _product,
    "app": _app,
    "image crop": _image_crop,
    "hashed asset": _hashed_asset,
    "version": _version,
    "map without coordinates": _map,
    "slug": lambda rng: f"/{slug(rng, 1, 1)}/{slug(rng)}",
    "slug of 60 characters": lambda rng: f"/blog/{_long_slug(rng)}",
    "German slug": lambda rng: f"/ratgeber/{slug(rng, 2, 6, GERMAN)}.html",
    "German word": lambda rng: f"/{rng.choice(GERMAN)}{rng.choice(GERMAN)}/{rng.choice(GERMAN)}",
    "non-Latin slug": lambda rng: (
        "/" + quote(rng.choice(NON_LATIN).replace(" ", rng.choice(["-", "_"]))) + rng.choice(["", "/"])
    ),
    "wiki": lambda rng: (
        f"/wiki/{'_'.join(words(rng, 1, 3)).capitalize()}_({rng.choice(['film', '2019_film', 'disambiguation'])})"
    ),
    "wiki, coded": lambda rng: (
        f"/wiki/{quote(rng.choice(['Zürich', 'Café_de_Paris', 'AC/DC', 'C++', 'Schrödinger']), safe='')}"
    ),
    "question": lambda rng: f"/questions/{number(rng, 5, 8)}/{slug(rng)}",
    "forum thread": lambda rng: rng.choice(
        [
            f"/threads/{slug(rng)}.{number(rng, 5, 7)}/page-{rng.randint(2, 90)}",
            f"/viewtopic.php?f=12&t={number(rng, 5, 7)}",
            f"/t/{slug(rng)}/{number(rng, 4, 6)}/{rng.randint(1, 60)}",
            f"/r/{slug(rng, 1, 1)}/comments/{_alnum(rng, 7, _LOWER)}/{slug(rng).replace('-', '_')}/",
        ]
    ),
    "video": lambda rng: rng.choice(
        [
            f"/watch?v={_alnum(rng, 11)}",
            f"/embed/{_alnum(rng, 11)}",
            f"/shorts/{_alnum(rng, 10)}_",
            f"/video/{slug(rng, 3, 6)}-{number(rng, 7, 8)}",
            f"/title/tt{number(rng, 7, 8)}/",
        ]
    ),
    "pagination": lambda rng: f"/{slug(rng, 1, 2)}/page/{rng.randint(2, 400)}?sort=price&page={rng.randint(2, 90)}",
    "campaign": lambda rng: (
        f"/{slug(rng, 1, 3)}?utm_source=newsletter&utm_campaign={slug(rng, 1, 3)}_{rng.randint(2019, 2025)}"
    ),
    "locale": lambda rng: f"/{rng.choice(['en-us', 'de-de', 'zh-hans', 'pt-br', 'en_GB', 'fr-CA'])}/{slug(rng, 1, 2)}/",
    "price": lambda rng: f"/{slug(rng, 1, 2)}/under-{rng.randint(10, 900)}-dollars/{rng.randint(1, 99)}.99",
    "paper": lambda rng: rng.choice(
        [
            f"/abs/{rng.randint(10, 25)}{rng.randint(10, 12)}.{number(rng, 5, 5)}v{rng.randint(1, 4)}",
            f"/doi/10.{number(rng, 4, 4)}/s{number(rng, 5, 5)}-0{rng.randint(15, 24)}-{number(rng, 5, 5)}-x",
            f"/rfc/rfc{number(rng, 4, 4)}.html",
            f"/pubmed/{number(rng, 8, 8)}/",
        ]
    ),
    "code": lambda rng: rng.choice(
        [
            f"/{slug(rng, 1, 1)}/{slug(rng, 1, 2)}/commit/{hexadecimal(rng, 7)}",
            f"/{slug(rng, 1, 1)}/{slug(rng, 1, 2)}/issues/{number(rng, 2, 5)}",
            f"/{slug(rng, 1, 1)}/{slug(rng, 1, 2)}/blob/main/src/{slug(rng, 1, 2).replace('-', '_')}.py",
            f"/package/{slug(rng, 1, 2)}/v/{rng.randint(0, 9)}.{rng.randint(0, 30)}.0",
            f"/en-us/windows/security/kb{number(rng, 7, 7)}",
        ]
    ),
    "section": lambda rng: rng.choice(
        ["/", "/about", "/login", "/cart", "/search", "/help/faq.html", "/index.php", "/feed.xml"]
    ),
    "ratio or range": lambda rng: rng.choice(
        [
            f"/{slug(rng, 1, 2)}/{rng.randint(1990, 2015)}-{rng.randint(2016, 2025)}/",
            f"/fixtures/{slug(rng, 1, 1)}-{rng.randint(0, 5)}-{rng.randint(0, 5)}-{slug(rng, 1, 1)}",
            f"/tires/{rng.randint(155, 285)}-{rng.randint(40, 70)}-r{rng.randint(14, 19)}/",
            f"/homes/{rng.randint(2, 5)}-bed/{number(rng, 5, 5)}/{number(rng, 3, 3)}000-{rng.randint(901, 999)}000/",
        ]
    ),
    "campaign path": lambda rng: f"/{slug(rng, 1, 3)}/ref={slug(rng, 1, 2).replace('-', '_')}_{rng.randint(1, 9)}",
    "single-page app": lambda rng: f"/app/#/{slug(rng, 1, 1)}/{slug(rng, 1, 2)}",
    "camel case": lambda rng: (
        "/" + "".join(word.title() for word in words(rng, 3, 6)) + rng.choice(["", ".aspx", ".do"])
    ),
    "underscored": lambda rng: "/" + "_".join(words(rng, 3, 8)) + rng.choice([".html", ".htm", "/"]),
    "plus in path": lambda rng: "/tag/" + "+".join(words(rng, 2, 4)),
    "percent in path": lambda rng: "/s/" + "%20".join(words(rng, 2, 4)) + f"%20{rng.randint(2, 500)}",
    "nested clean": lambda rng: f"/web/{''.join(date(rng))}/{slug(rng, 1, 2)}",
    "seasons": lambda rng: f"/{slug(rng, 1, 3)}/season-{rng.randint(1, 12)}/episode-{rng.randint(1, 24)}",
    "account page": lambda rng: (
        rng.choice(["/user/login", "/users/sign_in", "/users/sign_up", "/profile/edit"]) + rng.choice(["", "/"])
    ),
}


def clean_urls(rng: random.Random) -> Iterator[Case]:
    """Cases of place `url`: judged on what stands before query and fragment."""
    for shape, path in SHAPES.items():
        for _ in range(PER_SHAPE):
            url = f"https://{rng.choice(SITES)}{path(rng)}"
            yield Case(CLEAN, "url", shape, Event(url), url, kept=(url,))
