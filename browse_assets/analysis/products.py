"""Which names and codes are one product.

What belongs here: codes and their check digits, merging, ids. What does not: reducing a name (`product_names.py`),
reading pages (`sql/product_signals.sql`), who is interested (`interest.py`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from stdnum import ean, isbn

# A code on more names than this is a shop's placeholder, not a product's.
MOST_NAMES_PER_CODE = 12

_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"


def product_code(kind: str, text: str, brand: str | None, site: str) -> str | None:
    """A code as `kind:value`, comparable between shops where the code is; None when it is not valid.

    Args:
        kind: gtin, ean, upc, isbn and the like (GS1 General Specifications: one number of 14 digits), mpn (the
            maker's: with the brand), asin (one space for all of Amazon), anything else is the site's own.
        text: as the page has it.
        brand: for mpn.
        site: first label of the page's domain.
    """
    value = "".join(c for c in text if c.isalnum())
    if not value or len(value) > 40:
        return None
    if kind.startswith("gtin") or kind in ("ean", "upc", "isbn"):
        if isbn.is_valid(value):
            value = isbn.to_isbn13(value)
        digits = value.zfill(13)
        is_valid = value.isdigit() and len(value) >= 8 and ean.is_valid(digits[-13:]) and len(set(value)) > 2
        return f"gtin:{digits[-13:]}" if is_valid else None
    if kind == "mpn":
        return f"mpn:{brand.lower()}:{value.lower()}" if brand and len(value) >= 4 else None
    if kind == "asin":
        return f"asin:{value.upper()}"
    return f"{site}:{value.lower()}"


def product_id_of(key: str) -> str:
    """A name for what may have none: 64 bits of SHA-256 in words that can be said (proquints, arXiv:0901.4016)."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    words = []
    for shift in (48, 32, 16, 0):
        part = number >> shift & 0xFFFF
        words.append(
            _CONSONANTS[part >> 12]
            + _VOWELS[part >> 10 & 3]
            + _CONSONANTS[part >> 6 & 15]
            + _VOWELS[part >> 4 & 3]
            + _CONSONANTS[part & 15]
        )
    return "-".join(words)


def merge_products(sightings: Iterable[tuple[str, ...]], listed: Mapping[str, str]) -> dict[str, str]:
    """Product id of every key.

    Args:
        sightings: the keys that one page gives its product (its name's, its codes), the name first.
        listed: id of a list's product by key; two products of lists are never merged.

    Keys of one page are one product, and so are pages that share a key (disjoint sets, in the order of the keys,
    so that the order of pages does not matter). A code with more than MOST_NAMES_PER_CODE names joins nothing.
    The id is the list's, else `product_id_of` the smallest key.
    """
    names_of: defaultdict[str, set[str]] = defaultdict(set)
    pages = sorted({keys for keys in sightings if keys} | {(key,) for key in listed})
    for first, *codes in pages:
        for code in codes:
            names_of[code].add(first)
    parent: dict[str, str] = {}
    ids = dict(listed)

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for keys in pages:
        for key in keys:
            parent.setdefault(key, key)
        for code in keys[1:]:
            if len(names_of[code]) > MOST_NAMES_PER_CODE:
                continue
            a, b = sorted((root(keys[0]), root(code)))
            if a == b or (a in ids and b in ids and ids[a] != ids[b]):
                continue
            parent[b] = a
            if b in ids:
                ids[a] = ids[b]
    return {key: ids.get(root(key)) or product_id_of(root(key)) for key in parent}
