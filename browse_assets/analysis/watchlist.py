"""The user's own list of products to watch: what its rows mean.

What belongs here: patterns and texts of a row of `data/reference/watchlist.csv`. What does not: reading the file and
finding pages (`assets/product_pages.py`), likeness to a person (`product_likeness.py`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from browse_assets.analysis.product_names import is_listed_name, words_of


def watch_id(name: str) -> str:
    """Product id of a watched product that no other list knows: "Rabbit R2" is watch-rabbit-r2."""
    return "watch-" + "-".join(words_of(name))


@dataclass(frozen=True)
class WatchedProduct:
    """One row of the watch list: `pattern` is matched on a page's text, `url_pattern` (may be empty) on addresses."""

    product_id: str
    name: str
    pattern: str
    url_pattern: str
    launch_date: str
    description: str


def watched_products(rows: Iterable[Mapping[str, str]], listed: Iterable[Mapping[str, str]]) -> list[WatchedProduct]:
    """The rows that have a name, in their order.

    Keywords and address patterns are separated by semicolons. Keywords are found as whole words in any case, taken
    literally; the name is one of them. A product that `listed` (rows of products.csv) names too keeps its id.

    Raises:
        ValueError: an address pattern is no regular expression; the message names the product.
    """
    products = sorted((row["product_id"], row["pattern"]) for row in listed)
    found = []
    for row in rows:
        name = row["name"].strip()
        if not name:
            continue
        spoken = [_as_text(part) for part in (name, *row["keywords"].split(";"))]
        pattern = "|".join(re.escape(words).replace("\\ ", " ") for words in spoken if words)
        urls = [part.strip() for part in row["url_patterns"].split(";") if part.strip()]
        try:
            re.compile("|".join(urls))
        except re.error:
            raise ValueError(f"watchlist.csv: url_patterns of {name} are no regular expression") from None
        known = next((key for key, named in products if is_listed_name(_as_text(name), named)), None)
        found.append(
            WatchedProduct(
                product_id=known or watch_id(name),
                name=name,
                pattern=rf"(?:^| )(?:{pattern})(?: |$)",
                url_pattern="|".join(f"(?:{url})" for url in urls),
                launch_date=row["launch_date"].strip(),
                description=row["description"].strip(),
            )
        )
    return found


def _as_text(part: str) -> str:
    """As the macro page_text has it."""
    return re.sub(r"[\-_/+.\s]+", " ", part.lower()).strip()
