"""Names of banks, lenders and insurers: words found in them, look-alikes, and what is said of each."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.finance_hosts import FinanceHost, HostWord, HostWords, describe_finance_hosts
from browse_assets.assets.finance import host_words

WORDS = host_words()


@pytest.mark.parametrize(
    ("domain", "kind", "product"),
    [
        ("firstnationalbankofomaha.com", "bank", "banking"),
        ("sandhillsfcu.org", "bank", "banking"),
        ("somewhere.bank", "bank", "banking"),
        ("stadtsparkasse-nirgendwo.de", "bank", "banking"),
        ("caissedepargne-nullepart.fr", "bank", "banking"),
        ("bancodeningunlugar.es", "bank", "banking"),
        ("nowheremortgage.com", "lender", "mortgages"),
        ("nowherepaydayloans.com", "lender", "payday_loans"),
        ("nirgendwo-versicherungen.de", "insurer", ""),
        ("nowherepetinsurance.com", "insurer", "pet_insurance"),
        ("citizensfinancial.com", "bank", "banking"),
    ],
)
def test_names_that_say_it(domain: str, kind: str, product: str) -> None:
    found = WORDS.judge(domain, domain.partition(".")[2])
    assert found is not None
    assert (found.kind, found.product) == (kind, product)


@pytest.mark.parametrize(
    "domain",
    [
        "riverbankhotel.com", "foodbank.org", "blood-bank.org", "burbank.gov", "powerbanks.com", "fairbanksmuseum.org",
        "blender.org", "splendid.com", "calendar.com", "sparknotes.com", "haircut.com", "first.com", "unitedstates.com",
        "bankjobs.com", "piggybank-toys.com", "creditcardigan.co.uk", "southbank.org", "nationaltrust.org",
    ],
)  # fmt: skip
def test_look_alikes(domain: str) -> None:
    assert WORDS.judge(domain, domain.partition(".")[2]) is None


def test_the_longest_cover_wins_and_hints_count_together() -> None:
    words = HostWords(
        [
            HostWord("bank", "any", "bank"),
            HostWord("foodbank", "any", "trap"),
            HostWord("first", "any", "hint"),
            HostWord("trust", "any", "hint"),
            HostWord("jobs", "any", "against"),
        ]
    )
    assert [entry.word for entry in words.split("firstfoodbank-bank")] == ["first", "foodbank", "bank"]
    assert words.judge("first.com", "com") is None
    assert words.judge("firsttrust.com", "com") == FinanceHost("bank", "banking", ("first", "trust"))
    assert words.judge("bankjobs.com", "com") is None
    assert words.judge("foodbank.com", "com") is None


@pytest.mark.parametrize(
    "words",
    [[HostWord("a", "middle", "bank")], [HostWord("a", "any", "bar")], [HostWord("a", "any", "hint")] * 2],
)
def test_malformed_words_are_refused(words: list[HostWord]) -> None:
    with pytest.raises(ValueError, match="a"):
        HostWords(words)


@given(st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=40))
def test_words_stand_in_the_name_in_their_order(label: str) -> None:
    found = "".join(entry.word for entry in WORDS.split(label))
    rest = iter(label)
    assert all(letter in rest for letter in found)


def test_one_row_per_site_that_says_so() -> None:
    table = describe_finance_hosts([("b.bank", "bank"), ("a.com", "com"), ("b.bank", "bank")], WORDS)
    assert table.to_pylist() == [{"domain": "b.bank", "kind": "bank", "default_product": "banking", "words": "bank"}]
