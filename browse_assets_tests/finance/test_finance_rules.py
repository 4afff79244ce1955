"""Which pages the rules call shopping or servicing: cases by hand, and the labelled set with its floors.

Both sets were written by people who did not read the rules. The rules were improved on the errors of all labelled
pages and of the seen half of the fresh ones, never on the unseen
half. `python -m browse_assets_tests.finance` prints the figures of the README.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import duckdb
import pytest

from browse_assets.tables import FINANCE_PRODUCTS
from browse_assets_tests.finance import measure

Open = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

# url, title, what is found
PAGES: list[tuple[str, str, dict[str, str]]] = [
    ("https://www.chase.com/personal/credit-cards", "", {"credit_cards": "shopping"}),
    ("https://www.riverbankhotel.com/rooms", "Rooms - River Bank Hotel, best rates", {}),
    ("https://www.cityfoodbank.org/apply", "Apply for food - City Food Bank", {}),
    ("https://www.redcross.org/blood-bank", "Find a blood bank near you", {}),
    ("https://www.example-shop.com/power-bank", "Best power bank 2026: compare prices", {}),
    ("https://news.example.com/photo", "Storm over the bay, credit to the photographer", {}),
    ("https://www.example.com/loan-words", "Loan words in English", {}),
    ("https://library.example.edu/interlibrary-loan", "Apply for an interlibrary loan", {}),
    ("https://www.bbc.com/sport/football", "Striker on loan to Arsenal", {}),
    ("https://www.rocketmortgage.com/careers", "Mortgage lender jobs: apply now", {}),
    ("https://toys.example.com/piggy-bank", "Piggy bank toys, savings for kids", {}),
    ("https://www.insurancejournal.com/news/2026/01/02/x.htm", "Insurers report losses: car insurance rates up", {}),
    ("https://www.gov.uk/bank-holidays", "UK bank holidays", {}),
    ("https://boardgames.example.com/monopoly", "Monopoly money: mortgage rates in the game", {}),
    ("https://www.airport.example.com/shop", "Tax free shopping", {}),
    ("https://www.cnn.com/2026/03/04/business/mortgage-rates", "Mortgage rates climb again", {}),
    ("https://www.forbes.com/advisor/banking/savings", "Best savings accounts 2026", {"banking": "shopping"}),
    ("https://www.forbes.com/sites/x/2026/03/04/y", "Best savings accounts 2026: banks launch", {}),
    ("https://www.freedomdebtrelief.com/", "Debt relief: personal loans or debt settlement?", {}),
    ("https://www.nolo.com/bankruptcy/payday-loans", "Payday loans in bankruptcy", {}),
    ("https://www.firstnationalbankofnowhere.com/", "", {"banking": "shopping"}),
    ("https://secure.firstnationalbankofnowhere.com/login", "", {"banking": "servicing"}),
    (
        "https://my.somewherecu.org/accounts/summary",
        "Account Summary | Somewhere Credit Union",
        {"banking": "servicing"},
    ),
    ("https://www.nowherefcu.org/loans/auto", "Auto loans", {"auto_loans": "shopping"}),
    ("https://www.sparkasse-nirgendwo.de/girokonto/eroeffnen", "Girokonto eröffnen", {"banking": "shopping"}),
    ("https://www.example.de/kfz", "Kfz-Versicherung Vergleich: günstige Tarife", {"auto_insurance": "shopping"}),
    ("https://www.example.fr/pret", "Simulation prêt immobilier : comparez les taux", {"mortgages": "shopping"}),
    ("https://www.example.es/x", "Comparador de seguros de viaje", {"travel_insurance": "shopping"}),
    ("https://www.forum.example.com/t", "What is a mortgage?", {}),
    ("https://www.nowhere-travel-cover.com/", "Whole-trip travel insurance", {"travel_insurance": "shopping"}),
    ("https://www.printer.example.com/business-cards", "Business cards - premium paper", {}),
    ("https://www.bancodealimentos-nowhere.es/voluntariado", "Hazte voluntario", {}),
    ("https://www.toyotafinancial.com/us/en/apply_for_credit.html", "Apply", {"auto_loans": "shopping"}),
    ("https://www.onemainfinancial.com/apply-for-credit", "Apply", {"personal_loans": "shopping"}),
    ("https://www.allstate.com/accountOverview", "", {"auto_insurance": "servicing"}),
    ("https://www.nowhere.example.com/refinance", "Student loan refinance calculator", {"student_loans": "shopping"}),
    ("https://www.bitcoinira.com/", "Bitcoin IRA: crypto for your retirement account", {"crypto": "shopping"}),
    ("https://www.coinhouse.com/fr/acheter", "Acheter du Bitcoin par virement", {"crypto": "shopping"}),
    ("https://www.taxhelp.example.com/", "Owe the IRS back taxes? Free case review", {}),
    ("https://www.nowherepawcover.ca/quebec", "Coverage for Quebec dogs & cats", {"pet_insurance": "shopping"}),
    ("https://www.nowhere.example.com/t/9", "Nowhere vs. Elsewhere for a dog's policy", {"pet_insurance": "shopping"}),
    ("https://www.nowhere.example.com/quote", "Renters from $5/mo", {"home_insurance": "shopping"}),
    ("https://www.seasidehotel.example.com/pets", "Pet policy: dogs welcome for $15 per night", {}),
    ("https://www.dentist.example.com/", "Family dentist: we accept most insurance plans", {}),
    ("https://www.solar.example.com/quote", "Solar panels for your home: loans available", {}),
    ("https://www.carhire.example.com/", "Car rental: compare prices, collision coverage", {}),
    ("https://www.telecom.example.com/coverage", "5G coverage: check your home, from $25 a month", {}),
    ("https://www.petinsurance-nowhere.com/blog/beaches", "Best beaches for dogs", {}),
]


def test_cases_by_hand(scratch_warehouse: Open) -> None:
    rows = [{"url": url, "title": title} for url, title, _ in PAGES]
    with scratch_warehouse() as con:
        found = measure.judge(con, rows)
    wrong = {rows[n]["url"]: found[n] for n, (_, _, wanted) in enumerate(PAGES) if found[n] != wanted}
    assert wrong == {}


def test_metadata_name_a_product_where_nothing_else_does(scratch_warehouse: Open) -> None:
    page = {"url": "https://www.nowherefcu.org/a/b", "title": "Visa: no annual fee", "description": "", "keywords": ""}
    with scratch_warehouse() as con:
        found = measure.judge(
            con,
            [
                {
                    "url": "https://www.nowherebank.com/x1",
                    "title": "Go",
                    "description": "Compare mortgage rates and apply.",
                },
                {"url": "https://www.nowherebank.com/x1", "title": "Go", "description": "A picture."},
                page,
            ],
        )
    assert found == {0: {"mortgages": "shopping"}, 1: {}, 2: {"credit_cards": "shopping"}}


def judge_and_print(
    name: str, rows: list[dict[str, str]], scratch_warehouse: Open
) -> tuple[dict[str, dict[str, measure.Score]], float]:
    """Scores by intent and product, and the share of pages that are nothing and are flagged."""
    with scratch_warehouse() as con:
        found = measure.judge(con, rows)
    scores = {intent: measure.scores(rows, found, intent) for intent in ("shopping", "servicing")}
    for intent, measured in scores.items():
        print(f"\n{name}, {intent}\n{measure.table(measured)}")
    return scores, measure.flagged_of_nothing(rows, found)


def test_labelled_pages(scratch_warehouse: Open) -> None:
    """The rules were improved on all of these pages: a floor against losing what they know, no estimate."""
    scores, flagged = judge_and_print("labelled", measure.read("labelled_pages.csv"), scratch_warehouse)
    assert set(scores["shopping"]) - {"all"} == set(FINANCE_PRODUCTS)
    low = {name: score for name, score in scores["shopping"].items() if score.precision < 0.95 or score.recall < 0.90}
    assert low == {}
    assert scores["servicing"]["all"].precision >= 0.95
    assert scores["servicing"]["all"].recall >= 0.90
    assert flagged <= 0.01


# Floors a little below what was measured, shopping and servicing: at first sight all fresh pages had 0.89 / 0.54 and
# 0.85 / 0.49, the unseen half now has 0.91 / 0.66 and 0.73 / 0.46, the seen half 1.00 / 0.95 and 0.97 / 0.84.
@pytest.mark.parametrize(
    ("half", "shopping", "servicing", "nothing"),
    [("seen", (0.95, 0.90), (0.92, 0.80), 0.02), ("unseen", (0.88, 0.63), (0.70, 0.43), 0.04)],
)
def test_fresh_pages(
    half: str,
    shopping: tuple[float, float],
    servicing: tuple[float, float],
    nothing: float,
    scratch_warehouse: Open,
) -> None:
    rows = measure.fresh_half(measure.read("fresh_pages.csv"), half)
    scores, flagged = judge_and_print(half, rows, scratch_warehouse)
    assert set(scores["shopping"]) - {"all"} == set(FINANCE_PRODUCTS)
    for intent, floor in (("shopping", shopping), ("servicing", servicing)):
        assert scores[intent]["all"].precision >= floor[0]
        assert scores[intent]["all"].recall >= floor[1]
    assert flagged <= nothing


@pytest.mark.parametrize("half", ["dev", "held_out"])
def test_banks_by_their_names(half: str) -> None:
    """The words of the host name alone."""
    recalls, ordinary = measure.banks_by_host(half, with_lists=False)
    assert recalls["ncua"] >= 0.80
    assert recalls["all"] >= 0.74
    assert ordinary <= 0.01


@pytest.mark.parametrize("half", ["dev", "held_out"])
def test_banks_as_the_product_knows_them(half: str) -> None:
    """By list or by name; what domains.csv lists as banks (name-suggestion-index) is known by that."""
    recalls, ordinary = measure.banks_by_host(half, with_lists=True)
    assert recalls["name-suggestion-index"] >= 0.99
    assert recalls["all"] >= 0.85
    assert ordinary <= 0.01
