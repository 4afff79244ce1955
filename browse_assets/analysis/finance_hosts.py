"""What a site's name alone says of finance: that it is a bank, a lender, an insurer ..., which no list need know.

What belongs here: splitting a registrable domain into words and weighing them; pure, once per distinct
domain. What does not: the words (`data/reference/finance_host_words.csv`), what a page of the site is
about (`sql/page_finance.sql`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

# Hints are added up: a word that says it alone weighs as much as two that only hint at it.
STRONG, WEAK, AGAINST = 2, 1, -2
ENOUGH = 2
KINDS = ("bank", "lender", "insurer", "broker", "tax", "crypto_exchange", "credit_bureau")
MEANINGS = (*KINDS, "hint", "against", "trap", "object")
PLACES = ("any", "start", "end", "word", "suffix")


@dataclass(frozen=True)
class HostWord:
    """A word of site names.

    Attributes:
        word: lower case, as it stands in a name.
        place: where it counts: `any`, at the `start` or the `end` of a part between hyphens, as a whole
            such part (`word`), or as the public suffix (`suffix`).
        meaning: a kind of site (`bank`, `lender`, ...) says so alone, two `hint`s together say bank, `against`
            takes a strong word's weight away, a `trap` only covers the letters of a word within it; an
            `object` says nothing of the site, but may name a product together with the page's text.
        product: financial product that the word names; empty where it names none.
    """

    word: str
    place: str
    meaning: str
    product: str = ""


@dataclass(frozen=True)
class FinanceHost:
    """What the name of a financial site says: its kind, its product, the words."""

    kind: str
    product: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class HostWords:
    """The words of `finance_host_words.csv`, ready to be looked up.

    Raises:
        ValueError: a place or a meaning is unknown, or a word stands twice in one place.
    """

    words: Sequence[HostWord]
    by_word: Mapping[str, tuple[HostWord, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found: dict[str, tuple[HostWord, ...]] = {}
        for entry in self.words:
            if entry.place not in PLACES or entry.meaning not in MEANINGS:
                raise ValueError(f"{entry.word}: unknown place or meaning")
            if any(other.place == entry.place for other in found.get(entry.word, ())):
                raise ValueError(f"{entry.word} stands twice")
            found[entry.word] = (*found.get(entry.word, ()), entry)
        object.__setattr__(self, "by_word", found)

    @cached_property
    def longest(self) -> int:
        """Letters of the longest word."""
        return max((len(word) for word in self.by_word), default=0)

    def split(self, label: str) -> list[HostWord]:
        """The known words of one label, so that they cover it best; letters between them are skipped.

        Best is the greatest sum of squared lengths, so that one long word beats two short ones within it
        (`foodbank` beats `bank`); of equals, the one whose first difference is a word, and the longer one.
        """
        return [entry for part in label.split("-") if part for entry in self._split_part(part)]

    def _split_part(self, part: str) -> list[HostWord]:
        # best[i]: (score, words) of part[i:]
        best: list[tuple[int, list[HostWord]]] = [(0, [])] * (len(part) + 1)
        for start in range(len(part) - 1, -1, -1):
            choice = best[start + 1]
            for end in range(start + 1, min(len(part), start + self.longest) + 1):
                for entry in self.by_word.get(part[start:end], ()):
                    if _is_in_place(entry, start, end, len(part)):
                        score = (end - start) ** 2 + best[end][0]
                        if score >= choice[0]:
                            choice = (score, [entry, *best[end][1]])
            best[start] = choice
        return best[0][1]

    def judge(self, domain: str, suffix: str) -> FinanceHost | None:
        """What a registrable domain says, given its public suffix; None where it says nothing of finance.

        Examples: `firstnationalbankofomaha.com` is a bank, `riverbankhotel.com` and `foodbank.org` are not.
        """
        label = domain.removesuffix(f".{suffix}").split(".")[-1]
        found = self.split(label)
        found += [entry for entry in self.by_word.get(suffix, ()) if entry.place == "suffix"]
        strong = [entry for entry in found if entry.meaning in KINDS]
        hints = {entry.word for entry in found if entry.meaning == "hint"}
        against = sum(entry.meaning == "against" for entry in found)
        weight = STRONG * len({entry.word for entry in strong}) + WEAK * len(hints) + AGAINST * against
        if weight < ENOUGH:
            return None
        # The last word is the noun: a mortgage bank is a bank, a bank loan a loan.
        kind = strong[-1].meaning if strong else "bank"
        named = [entry.product for entry in found if entry.product]
        product = named[-1] if named else ""
        if kind == "bank":
            product = "banking"
        return FinanceHost(kind, product, tuple(entry.word for entry in found if entry.meaning != "trap"))


def words_in_hosts(domains: Iterable[tuple[str, str]], words: HostWords) -> pa.Table:
    """One row per (registrable domain, public suffix) whose name has a known word; columns domain, words."""
    found = {
        domain: " ".join(
            entry.word for entry in words.split(domain.removesuffix(f".{suffix}")) if entry.meaning != "trap"
        )
        for domain, suffix in sorted(set(domains))
    }
    named = {domain: text for domain, text in found.items() if text}
    return pa.table({"domain": pa.array(named, pa.string()), "words": pa.array(named.values(), pa.string())})


def describe_finance_hosts(domains: Iterable[tuple[str, str]], words: HostWords) -> pa.Table:
    """One row per (registrable domain, public suffix) whose name alone says that it is financial.

    Returns columns domain, kind (of KINDS), default_product (empty when the name says none)
    and words (the reason).
    """
    rows = [(domain, judged) for domain, suffix in sorted(set(domains)) if (judged := words.judge(domain, suffix))]
    columns = {
        "domain": [domain for domain, _ in rows],
        "kind": [judged.kind for _, judged in rows],
        "default_product": [judged.product for _, judged in rows],
        "words": [" ".join(judged.words) for _, judged in rows],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _is_in_place(entry: HostWord, start: int, end: int, length: int) -> bool:
    match entry.place:
        case "any":
            return True
        case "start":
            return start == 0
        case "end":
            return end == length and start > 0
        case "word":
            return start == 0 and end == length
        case _:
            return False
