"""Made-up hosts, words and addresses for the benchmark's events: 50,000 names that look like real ones.

What belongs here: pools of text, always the same. What does not: who visits what, and when (`events.py`).
"""

from dataclasses import dataclass

import numpy as np

HOSTS = 50_000
SLUGS = 20_000

# The first ranks are real: a search engine's page carries its search terms.
_TOP_HOSTS = (
    "www.google.com",
    "www.youtube.com",
    "www.facebook.com",
    "www.bing.com",
    "en.wikipedia.org",
    "duckduckgo.com",
    "www.reddit.com",
    "mail.google.com",
    "www.amazon.co.uk",
    "www.google.co.uk",
)
SEARCH_ENGINES = ("www.google.com", "www.bing.com", "duckduckgo.com", "www.google.co.uk")

# Suffix -> weight, all in the Public Suffix List; the last four are private ones (a site per label).
_SUFFIXES = {
    "com": 46,
    "org": 8,
    "net": 7,
    "de": 6,
    "co.uk": 6,
    "fr": 3,
    "io": 3,
    "nl": 2,
    "it": 2,
    "es": 2,
    "com.au": 2,
    "co.jp": 2,
    "com.br": 2,
    "ca": 2,
    "info": 1,
    "eu": 1,
    "edu": 1,
    "gov.uk": 1,
    "github.io": 1,
    "blogspot.com": 1,
    "wordpress.com": 1,
    "myshopify.com": 1,
}
_SUBDOMAINS = {"www.": 60, "": 20, "m.": 6, "blog.": 5, "shop.": 4, "news.": 3, "support.": 2}

_WORDS = """
    able account active address advice agency album alpine analysis animal annual apple archive article artist
    atlas autumn award baby bakery balance bank basic battery beach beauty bedroom best bicycle birth blue board book
    border bread bridge bright budget builder business button cabin camera camp capital career carpet castle center
    chair change channel charge chart cheap chicken child choice church cinema city classic clean clear climate clock
    cloud coast coffee college color comfort common compact company compare complete computer concert cookie copper
    corner cotton country course cover craft credit cruise culture daily dance data deal decor degree delivery design
    desk detail diet digital dinner direct discount doctor dream dress drive early earth easy editor electric energy
    engine english evening event exact expert fabric family farm fashion fast festival field film final finder fish
    fitness flight floor flower focus folder food forest forum free fresh friend frozen fruit future gallery game
    garage garden general gentle gift glass global gold golden good grand green group guide guitar hair hand happy
    harbor health heart heat herb hidden holiday home honest horse hotel house icon idea image index indoor insider
    island jacket journal journey juice junior kitchen label lake lamp land language large laser latest laundry lawn
    leader learn leather lemon lesson letter level library light limited linen list little local lodge logic lovely
    lucky lunar lunch luxury magazine maker manual maple market master match meadow media member memory menu metal
    method mobile model modern money monitor morning motor mountain movie museum music native natural nature network
    news night noble north notebook nurse ocean office online open orange orchard order organic outdoor oven owner
    package paint palace panel paper parent park party pasta path pattern pearl people perfect pet phone photo piano
    picture pilot pixel planet plant plastic player pocket point policy pool popular portal pottery premium price
    print private product profile project public puzzle quality quick quiet radio rain rapid recipe record red region
    rental repair report rescue resort result review ribbon rice river road robot rocket room rose royal safe salad
    sample sand scene school science screen season secret secure select senior service shade sheet shelf shine shoe
    shop short signal silver simple singer sister skill sky sleep small smart smooth snow social soft solar solid
    sound south space special speed spring square stable star start station steel stone store story street strong
    studio style sugar summer sunny supply surf sweet swim switch table talent target taste teacher team tech tennis
    theory ticket tiger timber time today tool topic total tour tower town track trade trail training travel tree
    trend truck trust update urban useful valley value vegan velvet video view village vintage vision visit voice
    volume walk wall water wave weather wedding week west wheel white wild window winter wisdom wonder wood wool
    world yard yellow yoga young zero zone
"""
WORDS = tuple(_WORDS.split())
_SECTIONS = """
    articles blog blog/archive business catalog/product category community/threads culture docs docs/guide events
    finance forum/topic guides health help/article how-to lifestyle local magazine news news/world opinion p
    products recipes reviews science shop/item sports stories support tech topics travel video watch wiki
"""
SECTIONS = tuple(_SECTIONS.split())
# At most 80 characters: a URL stays within 200.
QUERIES = (
    *("?page=2", "?page=3", "?ref=home", "?sort=price", "?lang=en", "?view=full", "?tab=reviews#comments"),
    *("?color=blue&size=m", "?v=2&amp=1", "#section-4", "?q=best+price", "?from=related"),
    "?utm_source=newsletter&utm_medium=email&utm_campaign=spring&utm_content=button",
    "?utm_source=feed&utm_campaign=spring",
    "?gclid=Cj0KCQiA1pyCBhCtARIsAHaY_5dKx9wzB7mQ2vTq0r8uLs3nYfE6",
    "?fbclid=IwAR2xk9Qv7bLm4NcT0yWz8Ds5HjUe1Ra3Gf6Po-KqVtXi",
)
# Documentation ranges (RFC 5737).
ADDRESSES = tuple(f"{net}.{last}" for net in ("192.0.2", "198.51.100", "203.0.113") for last in range(1, 255))


@dataclass(frozen=True)
class Sites:
    """The pools, by rank or place.

    Attributes:
        hosts, names: 50,000 host names, most visited first, and what their pages call the site.
        slugs: last segments of paths, 25 to 80 characters of words and hyphens.
        phrases: the same words as titles begin with them; one in six holds a comma.
    """

    hosts: tuple[str, ...]
    names: tuple[str, ...]
    slugs: tuple[str, ...]
    phrases: tuple[str, ...]


def make_sites(seed: int) -> Sites:
    """The pools of a seed."""
    rng = np.random.default_rng([seed, 1])
    names = {host: host.split(".")[-2 if host.endswith(".com") else 1].capitalize() for host in _TOP_HOSTS}
    suffixes, subdomains = _drawn(rng, _SUFFIXES, 2 * HOSTS), _drawn(rng, _SUBDOMAINS, 2 * HOSTS)
    drawn = rng.integers(0, (len(WORDS), len(WORDS), 10), (2 * HOSTS, 3)).tolist()
    for suffix, subdomain, (first, second, shape) in zip(suffixes, subdomains, drawn, strict=True):
        joined = "-" if shape == 0 else ""
        number = str(first % 90 + 10) if shape == 1 else ""
        host = f"{subdomain}{WORDS[first]}{joined}{WORDS[second]}{number}.{suffix}"
        names[host] = f"{WORDS[first]} {WORDS[second]}".capitalize()
        if len(names) == HOSTS:
            break
    slugs, phrases = [], []
    for words in rng.integers(0, len(WORDS), (SLUGS, 8)).tolist():
        chosen = [WORDS[word] for word in words[: 4 + words[0] % 5]]
        slug = "-".join(chosen)
        slugs.append(slug if len(slug) >= 25 else f"{slug}-{WORDS[words[7]]}-everything")
        phrase = " ".join(chosen).capitalize()
        phrases.append(phrase.replace(" ", ", ", 1) if words[1] % 6 == 0 else phrase)
    return Sites(tuple(names), tuple(names.values()), tuple(slugs), tuple(phrases))


def _drawn(rng: np.random.Generator, weights: dict[str, int], count: int) -> list[str]:
    shares = np.array(list(weights.values())) / sum(weights.values())
    return [str(name) for name in rng.choice(list(weights), count, p=shares)]
