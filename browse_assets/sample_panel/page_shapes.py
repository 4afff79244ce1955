"""What pages look like in the sample panel: addresses, headlines and meta tags by kind of site.

Here: the shapes of single pages. Not here: which pages there are (`pages.py`).
"""

import random
import re
import unicodedata
from datetime import date
from functools import lru_cache
from urllib.parse import quote, quote_plus

from browse_assets.sample_panel.topics import Topic

Tag = tuple[str, str]  # name and content of a meta tag
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Dice:
    """Random choices and codes for text; cheaper one by one than numpy's."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def draw(self) -> float:
        """A number from 0 up to 1."""
        return self._random.random()

    def pick(self, count: int) -> int:
        """A whole number from 0 up to `count`, which is left out."""
        return int(self.draw() * count)

    def code(self, length: int, alphabet: str = ALPHABET) -> str:
        """Letters and digits."""
        return "".join(alphabet[self.pick(len(alphabet))] for _ in range(length))

    def number(self, digits: int) -> str:
        """Decimal digits, the first not 0."""
        return str(1 + self.pick(9)) + self.code(digits - 1, "0123456789")


@lru_cache(maxsize=20_000)
def slug(text: str) -> str:
    """Lower-case ASCII words joined by "-"."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", "-", plain.decode().lower().replace("'", "")).strip("-")


def site_name(host: str) -> str:
    """What a site calls itself in titles, guessed from its host."""
    labels = host.split(".")
    label = labels[-3] if labels[-2] in {"co", "com"} and len(labels) > 2 else labels[-2]
    return label.upper() if len(label) <= 4 else label.replace("-", " ").capitalize()


def host_of(site: str) -> tuple[str, str]:
    """Host and shape of address of an entry such as "kbb.com/w" or "-github.com/w"."""
    name, _, shape = site.partition("/")
    if name.startswith("-"):
        return name[1:], shape or "s"
    return (name if name.startswith("www.") else "www." + name), shape or "s"


def headlines_of(subjects: str, shapes: str) -> list[tuple[str, str]]:
    """Every (headline, subject), ordered so that neighbours differ in both."""
    names, forms = subjects.split(";"), shapes.split(";")
    pairs = []
    for i in range(len(names) * len(forms)):
        subject, shape = names[i % len(names)], forms[(i + i // len(names)) % len(forms)]
        text = shape.format(subject)
        pairs.append((text[0].upper() + text[1:], subject))
    return pairs


def address_of(dice: Dice, shape: str, variant: int, words: str, subject: str, topic: Topic, day: date) -> str:
    """Address of a page in the manner of its site (see `Topic` for the shapes)."""
    title_slug, subject_slug = slug(words), slug(subject)
    section = slug(topic.keywords.split(",")[0])
    match shape:
        case "a":
            dated = f"{day.year}/{day.month:02}/{day.day:02}"
            return (f"/{dated}/{title_slug}/", f"/{section}/{dated}/{title_slug}",
                    f"/news/{title_slug}-{day:%Y%m%d}")[variant]  # fmt: skip
        case "p":
            return (f"/p/{title_slug}/{dice.number(6)}", f"/products/{subject_slug}",
                    f"/{section}/{subject_slug}.html?sku={dice.number(5)}")[variant]  # fmt: skip
        case "f":
            return (f"/threads/{title_slug}.{dice.number(6)}/", f"/t/{title_slug}/{dice.number(5)}",
                    f"/questions/{dice.number(7)}/{title_slug}")[variant]  # fmt: skip
        case "w":
            return (f"/wiki/{quote(subject.replace(' ', '_'))}", f"/{section}/{subject_slug}",
                    f"/{subject_slug}/{dice.number(4)}")[variant]  # fmt: skip
        case "l":
            return (f"/{section}/{subject_slug}-{dice.number(7)}", f"/listing/{dice.number(8)}/",
                    f"/search?q={quote_plus(subject)}&page={1 + dice.pick(4)}")[variant]  # fmt: skip
        case "v":
            return (f"/watch/{dice.number(8)}", f"/title/{dice.number(8)}",
                    f"/series/{subject_slug}")[variant]  # fmt: skip
        case "y":
            return f"/watch?v={dice.code(11)}"
        case "r":
            name = title_slug.replace("-", "_")
            return f"/r/{topic.community}/comments/1{dice.code(6, '0123456789abcdefghijklmnop')}/{name}/"
        case "n":
            return f"/pin/{dice.number(18)}/"
        case "m":
            return f"/{slug(topic.name)}/{title_slug}-{dice.code(12, '0123456789abcdef')}"
        case "q":
            return f"/{quote(words.replace(' ', '-').replace(':', ''))}"
        case "d":
            return f"/{slug(subject).title()}/dp/B0{dice.code(8, 'ABCDEFGHJKLMNPQRSTVWXYZ0123456789')}"
        case "i":
            return f"/itm/{dice.number(12)}"
    return (
        f"/{section}/{title_slug}",
        f"/{title_slug}/",
        f"/articles/{title_slug}-{dice.number(5)}",
    )[variant]


def meta_tags_of(dice: Dice, shape: str, headline: str, subject: str, topic: Topic, canonical: str) -> list[Tag]:
    """Meta tags of a page: mostly one or two, in the manner of its kind of site."""
    kind = {"p": "product", "d": "product", "i": "product", "v": "video.other", "y": "video.other",
            "a": "article", "s": "article", "m": "article"}.get(shape, "website")  # fmt: skip
    choices: list[Tag] = [
        ("og:title", headline),
        ("og:type", kind),
        ("description", f"{headline}. {topic.keywords.capitalize()}."),
        ("keywords", f"{subject.lower()}, {topic.keywords}"),
        ("og:url", canonical),
    ]
    if kind == "product":
        choices += [("product:brand", site_name(canonical.split("/")[2])),
                    ("product:price:amount", f"{dice.number(2)}.99")]  # fmt: skip
    elif kind == "article":
        choices += [("article:section", topic.keywords.split(",")[0].capitalize()),
                    ("og:description", f"{headline}: {topic.keywords}")]  # fmt: skip
    draw = dice.draw()
    count = 0 if draw < 0.05 else 1 if draw < 0.50 else 2 if draw < 0.90 else 3
    first = dice.pick(len(choices))
    # Steps of 2 and wrap-around: different tags, no sorting, one draw.
    return [choices[(first + 2 * i) % len(choices)] for i in range(min(count, len(choices) // 2))]
