"""What a page calls its product, reduced to brand and model: the words on which several shops agree.

What belongs here: rules over one name and over one text of JSON-LD. What does not: which names are one product
(`products.py`), where names stand on a page (`sql/product_signals.sql`).
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# A word of these behind a model makes it another model.
VARIANTS = frozenset(
    "pro max plus mini ultra lite se air fe xl xs slim oled digital elite premium sport nano neo edge flip fold note"
    " evo ti super duo gen mk mark ii iii iv vi vii viii".split()
)
# Said of a product, and no part of its name; checked in titles of English, German, French and Spanish shops.
_NOISE = frozenset(
    "buy shop online kaufen bestellen acheter comprar price prices preis prix precio review reviews test testbericht"
    " specs specifications deal deals sale new neu nuevo nouveau official offiziell original angebot gunstig bestseller"
    " 5g 4g lte unlocked refurbished renewed".split()
)
_NOISE_PHRASES = re.compile(
    r"\b(?:best seller|top rated|worth it|free shipping|pas cher|en promo|en oferta|im angebot|meilleures ventes"
    r"|los mas vendidos|under [$€£]? ?\d+|(?:set|pack|lot) of \d+|\d+[ -]?(?:pack|pcs|pieces|stuck|er set))\b",
    re.IGNORECASE,
)
_COLOURS = frozenset(
    "black white silver grey gray gold blue red green pink purple yellow orange beige titanium graphite midnight"
    " starlight space cream schwarz weiss silber grau blau rot grun noir blanc argent gris bleu rouge vert negro blanco"
    " plata azul rojo verde natural desert teal ultramarine lavender".split()
)
_SIZE = re.compile(
    r"\b\d+(?:[.,]\d+)? ?(?:gb|tb|go|to|mm|cm|inch|in|zoll|ml|cl|oz|kg|lbs?|l|g|ft|w|wh|mah|pouces|pulgadas)\b"
    r"|\d+(?:[.,]\d+)?(?:\"|″|'')",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{\w+\}")
# What follows is said about the product. `for` and the like are not here: "case for X" is no X.
_TAIL = re.compile(r"\s[|–—·•»]\s|\s[-:]\s|,\s|\s(?:with|mit|avec|con)\s|\s?[|»]\s?", re.IGNORECASE)
_PIECES = re.compile(r"[^\W_]+")
_PLUS = re.compile(r"(?<=[0-9a-z])\+(?=\s|$|[^\w])", re.IGNORECASE)
_ACCESSORY = re.compile(
    r"\b(?:cases?|hullen?|huelle|coque|funda|screen protectors?|schutzfolie|tempered glass|replacement|ersatz\w*"
    r"|compatible|kompatibel|charger for|strap for|straps|armband fur|skin for|cover for)\b"
)
# What a thing is; one other word behind a model is its last part ("V15 Detect").
_GOODS = frozenset(
    "headphones earbuds earphones kopfhorer casque auriculares smartphone phone handy telefono movil laptop notebook"
    " tablet computer pc tv fernseher televisor monitor watch smartwatch uhr montre reloj camera kamera appareil camara"
    " drone drohne console konsole vacuum cleaner staubsauger aspirateur aspiradora robot speaker lautsprecher soundbar"
    " printer drucker keyboard tastatur mouse maus router shoes schuhe chaussures zapatillas sneaker sneakers boots"
    " backpack grill mixer oven bike fahrrad helmet helm stroller kinderwagen game spiel jeu juego bundle set kit"
    " wireless bluetooth noise smart cordless electric gaming".split()
)
_MODEL_WORDS = 6  # of a name; further digits are sizes, years and counts

_GTIN_NAMES = ("gtin", "gtin13", "gtin14", "gtin12", "gtin8", "ean", "upc", "isbn")


@dataclass(frozen=True)
class ProductName:
    """A name reduced to what tells one product from another.

    Attributes:
        key: its words in lower case, without accents, brand first; empty when nothing is left.
        shown: as a person may read it.
        is_specific: whether brand and model say which product it is; else it is the name of a kind of goods.
    """

    key: str
    shown: str
    is_specific: bool

    @property
    def compact(self) -> str:
        """The key without spaces: WH-1000XM7 and WH1000XM7 are one."""
        return self.key.replace(" ", "")


def words_of(text: str) -> list[str]:
    """Words as `sql/product_texts.sql` makes them: lower case, no accents, letters and digits; + at an end is plus."""
    plain = unicodedata.normalize("NFD", _PLUS.sub(" plus", text).lower())
    return _PIECES.findall("".join(c for c in plain if not unicodedata.combining(c)))


def is_accessory(text: str) -> bool:
    """Whether a text (as `words_of` joins it) is about something for a product, such as a case."""
    return _ACCESSORY.search(text) is not None


def reduce_name(text: str, brand: str | None, site: str, known_brands: frozenset[str] = frozenset()) -> ProductName:
    """A page's name of its product, reduced to brand and model.

    Args:
        text: title or name as the page has it: "Sony WH-1000XM7, Black : Amazon.com".
        brand: as the page has it; None when it has none.
        site: first label of the page's registrable domain, "amazon"; its name is cut off.
        known_brands: joined words of brands, looked for at the beginning where the page names none.

    Sizes, colours behind a model, prices, brackets and words of selling go. With a brand (named, or known) all
    behind the model goes too; without one, behind a word of letters and digits. Cut are never words of the model:
    iPhone 16 and iPhone 16 Pro stay two, 128 GB and 256 GB become one.
    """
    part = _own_part(
        re.sub(rf"^{re.escape(site)}(?:\.[a-z.]+)?:\s", "", _BRACKETS.sub(" ", text), flags=re.IGNORECASE), brand, site
    )
    part = _SIZE.sub(" ", _NOISE_PHRASES.sub(" ", part))
    spelled = [(word, words_of(word)) for word in _PLUS.sub(" Plus", part).split()]
    spelled = [(word.strip("\"'*.,;:!?-–"), pieces) for word, pieces in spelled if pieces and not {*pieces} <= _NOISE]
    brand_words = words_of(brand or "")
    all_words = [piece for _, pieces in spelled for piece in pieces]
    if not brand_words:
        brand_words = _leading_brand(all_words, known_brands)
    names_brand = bool(brand_words) and _index_of(brand_words, all_words) is not None
    spelled, has_model = _cut_behind_model(spelled, skip=len(brand_words) if names_brand else 0, bold=bool(brand_words))
    spelled = _without_colours(spelled) if has_model else spelled
    rest = [piece for _, pieces in spelled for piece in pieces]
    if brand_words and rest[: len(brand_words)] != brand_words and (at := _index_of(brand_words, rest)) is not None:
        rest = rest[:at] + rest[at + len(brand_words) :]
    shown = " ".join(word for word, _ in spelled)
    if brand_words and brand and not names_brand and rest:
        shown = f"{brand} {shown}"
    if brand_words and rest and rest[: len(brand_words)] != brand_words:
        rest = brand_words + rest
    # A shop that calls itself the brand of what it sells says nothing; a maker writes its name or a model.
    says_brand = bool(brand_words) and (has_model or (bool(brand) and (brand_words != [site] or names_brand)))
    has_number = any(len(word) >= 5 and _is_mixed(word) for word in rest)
    return ProductName(
        " ".join(rest), shown, (says_brand and len(rest) > len(brand_words)) or (has_number and len(rest) >= 2)
    )


def is_listed_name(key: str, pattern: str) -> bool:
    """Whether a key names the product of a list's pattern: near its beginning, and no variant of it."""
    match = re.search(pattern, key)
    if match is None:
        return False
    after = key[match.end() :].split()[:1]
    return len(key[: match.start()].split()) <= 2 and not (after and (after[0] in VARIANTS or after[0].isdigit()))


def spellings_of(key: str) -> list[str]:
    """How people write a key: as it is, with a short word and a number as one ("wh1000xm7"), and without the brand
    where the rest holds a number of six characters or more. Each has at least two words."""
    forms = {key, re.sub(r"\b([a-z]{1,3}) (?=\w*\d)", r"\1", key)}
    rest = key.partition(" ")[2]
    if any(len(word) >= 6 and _is_mixed(word) for word in rest.split()):
        forms.add(rest)
    return sorted(form for form in forms if " " in form)


def is_brand_and_model(key: str, known_brands: frozenset[str]) -> bool:
    """Whether a key is a brand of a list and a model with a number, so that a person's name has no room in it."""
    words = key.split()
    lead = _leading_brand(words, known_brands)
    model = words[len(lead) :]
    plain = [word for word in model if word.isalpha() and word not in VARIANTS]
    return bool(lead) and len(plain) <= 2 and any(not word.isalpha() and not _is_year(word) for word in model)


def _own_part(text: str, brand: str | None, site: str) -> str:
    """The first part between separators that is neither the shop nor the brand alone."""
    ignored = {site, "".join(words_of(brand or "")), ""}
    for part in _TAIL.split(text):
        joined = "".join(words_of(part))
        if joined not in ignored and re.sub(r"(?:com|de|fr|es|couk|www)$", "", joined) not in ignored:
            return part
    return ""


def _leading_brand(words: list[str], known_brands: frozenset[str]) -> list[str]:
    return next((words[:n] for n in (3, 2, 1) if len(words) > n and "".join(words[:n]) in known_brands), [])


def _index_of(part: list[str], words: list[str]) -> int | None:
    starts = range(len(words) - len(part) + 1)
    return next((start for start in starts if words[start : start + len(part)] == part), None)


def _is_mixed(word: str) -> bool:
    return any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


_Spelled = list[tuple[str, list[str]]]


def _cut_behind_model(spelled: _Spelled, skip: int, bold: bool) -> tuple[_Spelled, bool]:
    """Cut behind the last word with a digit among the first; `bold` takes plain numbers for models too."""
    last = -1
    for position, (_, pieces) in enumerate(spelled[: _MODEL_WORDS + skip]):
        joined = "".join(pieces)
        is_model = _is_mixed(joined) or (joined.isdigit() and bold and not _is_year(joined))
        if is_model and position > 0:
            last = position
    if last < 0:
        return spelled, False
    while last + 1 < len(spelled) and {*spelled[last + 1][1]} <= VARIANTS:
        last += 1
    behind = spelled[last + 1 :]
    if len(behind) == 1 and len(behind[0][1]) == 1 and not {*behind[0][1]} & (_GOODS | _COLOURS):
        last += 1
    return spelled[: last + 1], True


def _is_year(word: str) -> bool:
    return len(word) == 4 and word[:2] in ("19", "20")


def _without_colours(spelled: _Spelled) -> _Spelled:
    while len(spelled) > 1 and {*spelled[-1][1]} <= _COLOURS:
        spelled = spelled[:-1]
    return spelled


def read_json_ld(text: str) -> dict[str, Any] | None:
    """Name, brand, codes and category of the first schema.org Product in a text of JSON-LD; None without one.

    `codes` maps gtin (and its lengths), isbn, mpn and sku to text. A text that is no JSON is no product: tags are
    cut and scrubbed on their way, and half an object says nothing. To the scrubbing `@type` is somebody's handle, so
    it arrives as `{user}`; numbers of nine digits and more arrive as `{id}`, and are no codes.
    """
    try:
        data = json.loads(text, object_pairs_hook=_as_object)
    except (ValueError, RecursionError):
        return None
    for item in _objects(data):
        if {"Product", "ProductGroup", "IndividualProduct", "ProductModel", "Book"} & set(item[_KEYWORDS]):
            brand = item.get("brand")
            brand = brand.get("name") if isinstance(brand, dict) else brand
            return {
                "name": _text_of(item.get("name")),
                "brand": _text_of(brand),
                "category": _text_of(item.get("category")),
                "codes": {
                    key.lower(): found
                    for key in (*_GTIN_NAMES, "mpn", "sku", "productID")
                    if (found := _text_of(item.get(key))) and "{" not in found
                },
            }
    return None


_KEYWORDS = "@"


def _as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with what its keywords (`@type`, ...) say under one key, as a list of words."""
    said = [value for key, value in pairs if key.startswith("@") or key == "{user}"]
    words = [word for value in said for word in (value if isinstance(value, list) else [value])]
    return {**dict(pairs), _KEYWORDS: [word.rpartition("/")[2] for word in words if isinstance(word, str)]}


def _text_of(value: Any) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int) and not isinstance(value, bool) else None


def _objects(data: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Objects of a document, outer ones first; not deeper than schema.org's graphs go."""
    if depth > 6:
        return
    if isinstance(data, dict):
        yield data
        for value in data.values():
            yield from _objects(value, depth + 1)
    elif isinstance(data, list):
        for value in data:
            yield from _objects(value, depth + 1)
