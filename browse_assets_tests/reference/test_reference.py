"""Tests of the dictionaries in data/reference: their shape, their links and what they match.

Belongs here: anything that can be said of the files themselves. Not here: how assets use them.
Patterns run in DuckDB, since its RE2 is what will run them.
"""

import csv
import datetime
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import tldextract

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "data" / "reference"
PUBLISHED_TOPICS = REPOSITORY.parent / "shared/real/taxonomy/Content_Taxonomy_3.1.tsv"
PUBLISHED_AUDIENCES = REPOSITORY.parent / "shared/real/taxonomy/Audience_Taxonomy_1.1.tsv"
PUBLISHED_AD_PRODUCTS = REPOSITORY.parent / "shared/real/taxonomy/Ad_Product_Taxonomy_2.0.tsv"

COLUMNS = {
    "topics": ["topic_id", "topic", "parent_topic_id", "parent_topic", "tier_1", "is_sensitive", "audience_id"],
    "domains": ["domain", "topic_id", "source"],
    "neutral_domains": ["domain", "kind", "term_parameter", "source"],
    "osm_topics": ["category", "topic_id", "role"],
    "topic_texts": ["topic_id", "host", "title", "description"],
    "account_domains": ["domain"],
    "audience_signals": ["attribute", "kind", "pattern", "weight"],
    "countries": ["country", "tld", "home_share", "languages", "utc_offsets", "online_millions"],
    "language_words": ["language", "word"],
    "url_parameters": ["parameter", "kind"],
    "finance_products": ["finance_product", "name", "iab_ad_product_id"],
    "finance_domains": ["domain", "kind", "default_product"],
    "finance_terms": ["finance_product", "term"],
    "finance_intents": ["intent", "field", "pattern"],
    "finance_site_terms": ["kind", "finance_product", "term"],
    "finance_objects": ["finance_product", "offer", "pattern"],
    "finance_offers": ["offer", "weight", "pattern"],
    "finance_page_signs": ["kind", "pattern"],
    "finance_vetoes": ["veto", "field", "pattern"],
    "finance_sections": ["site", "path_prefix", "kind", "default_product"],
    "finance_host_words": ["word", "place", "meaning", "finance_product"],
    "products": [
        "product_id", "name", "brand", "category", "pattern", "domains", "launch_date",
    ],
    "marketplaces": ["site", "kind", "pattern", "is_resale"],
    "watchlist": ["name", "keywords", "url_patterns", "launch_date", "description"],
}  # fmt: skip
# How many leading columns identify a row.
KEY_WIDTH = {
    "marketplaces": 2,
    "finance_terms": 2,
    "finance_intents": 3,
    "finance_site_terms": 3,
    "finance_objects": 3,
    "finance_offers": 3,
    "finance_page_signs": 2,
    "finance_vetoes": 3,
    "finance_sections": 2,
    "finance_host_words": 2,
    "audience_signals": 3,
    "language_words": 2,
    "topic_texts": 3,
}
FINANCE_PRODUCTS = {
    "personal_loans", "auto_loans", "student_loans", "payday_loans", "mortgages", "credit_cards",
    "banking", "investing", "retirement", "auto_insurance", "home_insurance", "life_insurance",
    "medical_insurance", "pet_insurance", "travel_insurance", "tax", "credit_reporting", "crypto",
}  # fmt: skip
# The published file's Parent column contradicts its own tier columns for these two.
CONTRADICTORY_PARENTS = {"376", "497"}

Row = dict[str, str]


def read(name: str) -> list[Row]:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def published(path: Path, header_lines: int) -> list[list[str]]:
    """Rows of a taxonomy as IAB Tech Lab publishes it, or skip where it is not at hand."""
    if not path.exists():
        pytest.skip("published taxonomy not present")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[header_lines:]


def normalised(text: str) -> str:
    return re.sub(r"[-_/+.]+", " ", text.lower())


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for name in ("finance_terms", "finance_intents", "products"):
            connection.execute(
                f"CREATE TABLE {name} AS SELECT * FROM read_csv(?, header => true, all_varchar => true)",
                [str(REFERENCE / f"{name}.csv")],
            )
        yield connection


def matched(duck: duckdb.DuckDBPyConnection, select: str, text: str) -> set[str]:
    return {row[0] for row in duck.execute(select, {"text": text}).fetchall()}


def products_named(duck: duckdb.DuckDBPyConnection, text: str) -> set[str]:
    select = "SELECT finance_product FROM finance_terms WHERE regexp_matches($text, term)"
    return matched(duck, select, normalised(text))


def intents_shown(duck: duckdb.DuckDBPyConnection, text: str, field: str) -> set[str]:
    select = f"SELECT intent FROM finance_intents WHERE field = '{field}' AND regexp_matches($text, pattern)"
    return matched(duck, select, text if field == "host" else normalised(text))


def watched(duck: duckdb.DuckDBPyConnection, text: str) -> set[str]:
    select = "SELECT product_id FROM products WHERE regexp_matches($text, pattern)"
    return matched(duck, select, normalised(text))


# Shape of the files


@pytest.mark.parametrize("name", COLUMNS)
def test_file_is_clean_unique_and_sorted(name: str) -> None:
    content = (REFERENCE / f"{name}.csv").read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    rows = read(name)
    assert rows
    assert list(rows[0]) == COLUMNS[name]
    assert all(None not in row and None not in row.values() for row in rows), "ragged row"
    assert all(value == value.strip() for row in rows for value in row.values())
    keys = [tuple(row.values())[: KEY_WIDTH.get(name, 1)] for row in rows]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys)


def test_readme_describes_every_file_and_column() -> None:
    lines = (REFERENCE / "README.md").read_text(encoding="utf-8").splitlines()
    described = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    own = set(REFERENCE.glob("*.*.csv"))
    assert set(described) == {path.name for path in set(REFERENCE.glob("*.csv")) - own}
    for name, columns in COLUMNS.items():
        assert all(f"`{column}`" in described[f"{name}.csv"] for column in columns), name


# Topics


def test_topic_parents_exist_and_lead_to_tier_1() -> None:
    topics = {row["topic_id"]: row for row in read("topics")}
    for row in topics.values():
        if not row["parent_topic_id"]:
            assert row["parent_topic"] == ""
            assert row["tier_1"] == row["topic"]
            continue
        parent = topics[row["parent_topic_id"]]
        assert row["parent_topic"] == parent["topic"]
        assert row["tier_1"] == parent["tier_1"]
        top, steps = parent, 0
        while top["parent_topic_id"]:
            top, steps = topics[top["parent_topic_id"]], steps + 1
            assert steps < 5, "the taxonomy has four tiers"
        assert top["topic"] == row["tier_1"]


def test_topics_agree_with_the_published_taxonomy() -> None:
    official = {row[0]: row for row in published(PUBLISHED_TOPICS, header_lines=2)}
    ours = {row["topic_id"]: row for row in read("topics")}
    assert set(ours) == set(official)
    for topic_id, row in ours.items():
        assert row["topic"] == official[topic_id][2]
        assert row["tier_1"] == official[topic_id][3]
        if topic_id not in CONTRADICTORY_PARENTS:
            assert row["parent_topic_id"] == official[topic_id][1]


def test_audience_ids_are_published_interests() -> None:
    published_rows = published(PUBLISHED_AUDIENCES, header_lines=1)
    ids = [row[1] for row in published_rows]
    interests = {row[1] for row in published_rows if row[4] == "Interest"}
    ours = [row["audience_id"] for row in read("topics") if row["audience_id"]]
    assert set(ours) <= interests
    assert all(ids.count(audience_id) == 1 for audience_id in ours)


def test_audience_ids_of_topics_known_by_hand() -> None:
    topics = {row["topic_id"]: row["audience_id"] for row in read("topics")}
    given = [audience_id for audience_id in topics.values() if audience_id]
    assert len(set(given)) == len(given) >= 420
    expected = {
        "1": "243",  # Automotive
        "31": "",  # Auto Insurance: no interest of its own
        "216": "371",  # Cooking
        "324": "467",  # Movies, a first tier there
        "338": "481",  # Music: Music and Audio
        "383": "526",  # Law: the news, not the study
        "390": "533",  # Weather
        "410": "538",  # Personal Investing
        "533": "663",  # Soccer
        "653": "719",  # Travel
        "680": "733",  # Video Gaming
        "648": "",  # Factual: where this project keeps general news, and there a kind of television
    }
    assert {topic: topics[topic] for topic in expected} == expected


def test_sensitive_topics() -> None:
    topics = {row["topic"]: row for row in read("topics")}
    assert {row["is_sensitive"] for row in topics.values()} == {"true", "false"}
    for row in topics.values():
        if row["tier_1"] in {
            "Medical Health", "Politics", "Religion & Spirituality", "Sensitive Topics",
        }:  # fmt: skip
            assert row["is_sensitive"] == "true", row["topic"]
    for topic in ("Dating", "Weight Loss", "Bankruptcy", "Personal Debt", "Primary Education"):
        assert topics[topic]["is_sensitive"] == "true", topic
    for topic in ("Soccer", "Credit Cards", "Fitness and Exercise", "College Education", "Music"):
        assert topics[topic]["is_sensitive"] == "false", topic


# Domains

# Topic by domain as read off the sites: the first two lines by hand in the list, the rest name-suggestion-index.
KNOWN_SITES = {
    "amazon.com.au": "473", "asahi.com": "648", "auto.ru": "30", "coursera.org": "148", "hemnet.se": "451",
    "jd.com": "473", "lidl.es": "477", "nhentai.net": "Rm3SiT", "runoob.com": "631", "stanford.edu": "137",
    "1firstbank.com": "392", "aspendental.com": "316", "arthurmurray.com": "203", "att.com.mx": "420",
    "aveve.be": "275", "bambule.cz": "482", "banyantree.com": "668", "bigw.com.au": "473", "blume2000.de": "475",
    "bonus.is": "477", "burgerking.co.uk": "218", "caribbeancinemas.com": "324", "ceskaposta.cz": "57",
    "choptsalad.com": "218", "cinemex.com": "324", "cobasi.com.br": "422", "coppel.com": "473",
    "cincottachemist.com.au": "320", "dehner.de": "275", "dominos.no": "218", "dpd.com": "57",
    "energyaustralia.com.au": "417", "econolodge.com": "668", "europcar.com.au": "41", "ford.ba": "16",
    "guitarcenter.com": "243", "hellweg.de": "280", "iledefrance-mobilites.fr": "669", "indusind.com": "392",
    "kaufland.ro": "477", "koa.com": "677", "lcbo.ca": "211", "legoland.com": "151", "lexus.com.au": "16",
    "licindia.com": "398", "lloyd.com": "552", "lucardi.nl": "565", "maurices.com": "552", "niwater.com": "421",
    "odakyubus.co.jp": "653", "rimi.lv": "477", "roguecu.org": "392", "safelite.com": "34", "scania.com": "3",
    "silmaasema.fi": "294", "sl.se": "669", "sussex.ac.uk": "137", "tempo-team.be": "127", "tustin.k12.ca.us": "149",
    "volkswagen.it": "16", "yellowkorner.com": "201", "zdrofit.pl": "225",
}  # fmt: skip
# Trackers, hosts that many share, towns and the like: no interest of anybody.
NO_INTEREST = (
    "doubleclick.net", "criteo.com", "hotjar.com", "cookielaw.org", "adobedtm.com", "quantserve.com", "facebook.com",
    "instagram.com", "wikipedia.org", "wordpress.com", "bit.ly", "leeds.gov.uk", "bern.ch", "berlin.de", "ca.gov",
    "arendal.kommune.no", "otwock.pl", "getafe.es", "google.com",
)  # fmt: skip


def test_known_sites_have_their_topic() -> None:
    topics = {row["domain"]: row["topic_id"] for row in read("domains")}
    wrong = {domain: topics.get(domain) for domain, topic in KNOWN_SITES.items() if topics.get(domain) != topic}
    assert wrong == {}


def test_what_is_no_interest_has_no_topic() -> None:
    assert set(NO_INTEREST) & {row["domain"] for row in read("domains")} == set()


def test_trackers_are_neutral_and_what_people_visit_is_none() -> None:
    rows = [row for row in read("neutral_domains") if row["source"] == "third-party-web"]
    assert len(rows) >= 1_000
    assert {row["kind"] for row in rows} == {"tracker_or_cdn"}
    trackers = {row["domain"] for row in rows}
    assert {"adsrvr.org", "criteo.net", "moatads.com", "tiqcdn.com"} <= trackers
    assert trackers & {"bizrate.com", "jquery.com", "reviews.io", "spiceworks.com", "wowcher.co.uk"} == set()


def test_every_neutral_row_has_a_known_source() -> None:
    assert {row["source"] for row in read("neutral_domains")} == {"curated", "third-party-web"}


def test_categories_of_openstreetmap() -> None:
    rows = read("osm_topics")
    topics = {row["topic_id"] for row in read("topics")}
    for row in rows:
        assert row["role"] in {"main", "side", "none", "public"}, row["category"]
        assert (row["topic_id"] in topics) == (row["role"] in {"main", "side"}), row["category"]
        assert (row["topic_id"] == "") == (row["role"] in {"none", "public"}), row["category"]
    topic = {row["category"]: row["topic_id"] for row in rows}
    known = {"brands/amenity/bank": "392", "brands/shop/supermarket": "477", "brands/tourism/hotel": "668"}
    assert {category: topic[category] for category in known} == known


@pytest.mark.parametrize("name", ["domains", "neutral_domains", "finance_domains"])
def test_domains_are_registrable(name: str) -> None:
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
    wrong = [
        row["domain"] for row in read(name) if extract(row["domain"]).top_domain_under_public_suffix != row["domain"]
    ]
    assert wrong == []


def test_domains_have_known_topics() -> None:
    rows = read("domains")
    sources = Counter(row["source"] for row in rows)
    assert len(rows) >= 20_000
    assert set(sources) == {"curated", "name-suggestion-index"}
    assert sources["curated"] >= 7_000
    assert {row["topic_id"] for row in rows} <= {row["topic_id"] for row in read("topics")}


def test_every_tier_1_topic_has_domains() -> None:
    tier_1 = {row["topic_id"]: row["tier_1"] for row in read("topics")}
    counts = Counter(tier_1[row["topic_id"]] for row in read("domains"))
    assert {topic for topic in tier_1.values() if counts[topic] < 5} == set()


def test_domains_of_several_countries() -> None:
    domains = [row["domain"] for row in read("domains")]
    for ending in (".de", ".co.uk", ".fr", ".es", ".it", ".nl", ".pl", ".in", ".com.br", ".jp"):
        assert sum(domain.endswith(ending) for domain in domains) >= 15, ending


def test_neutral_domains_carry_no_topic() -> None:
    rows = read("neutral_domains")
    assert {row["kind"] for row in rows} == {
        "search_engine", "social_network", "webmail", "tracker_or_cdn", "portal", "utility",
    }  # fmt: skip
    assert {row["domain"] for row in rows} & {row["domain"] for row in read("domains")} == set()
    for row in rows:
        assert bool(row["term_parameter"]) == (row["kind"] == "search_engine"), row["domain"]
    parameter = {row["domain"]: row["term_parameter"] for row in rows}
    expected = {"google.de": "q", "yandex.ru": "text", "yahoo.com": "p", "baidu.com": "wd"}
    assert {domain: parameter[domain] for domain in expected} == expected


# Finance


def test_finance_products() -> None:
    assert {row["finance_product"] for row in read("finance_products")} == FINANCE_PRODUCTS
    assert {row["finance_product"] for row in read("finance_terms")} == FINANCE_PRODUCTS


def test_ad_product_ids_exist() -> None:
    official = {row[0] for row in published(PUBLISHED_AD_PRODUCTS, header_lines=1) if row}
    ids = {row["iab_ad_product_id"] for row in read("finance_products")} - {""}
    assert ids
    assert ids <= official


def test_finance_domains_have_finance_topics_and_known_defaults() -> None:
    tier_1 = {row["topic_id"]: row["tier_1"] for row in read("topics")}
    topic = {row["domain"]: row["topic_id"] for row in read("domains")}
    rows = read("finance_domains")
    assert len(rows) >= 350
    for row in rows:
        assert row["domain"] not in topic or tier_1[topic[row["domain"]]] == "Personal Finance", row["domain"]
        assert row["default_product"] in FINANCE_PRODUCTS | {""}
        if row["kind"] == "bank":
            assert row["default_product"] == "banking", row["domain"]
        if row["kind"] == "comparison":
            assert row["default_product"] == "", row["domain"]
    assert {row["kind"] for row in rows} == {
        "bank", "card_issuer", "lender", "broker", "insurer", "comparison", "crypto_exchange",
        "tax", "credit_bureau", "student_aid", "payday",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("finance_terms", "term"),
        ("finance_intents", "pattern"),
        ("finance_site_terms", "term"),
        ("finance_objects", "pattern"),
        ("finance_offers", "pattern"),
        ("finance_page_signs", "pattern"),
        ("finance_vetoes", "pattern"),
        ("products", "pattern"),
    ],
)
def test_patterns_are_re2_and_can_match_normalised_text(
    duck: duckdb.DuckDBPyConnection, name: str, column: str
) -> None:
    for row in read(name):
        pattern = row[column]
        assert duck.execute("SELECT regexp_matches('', ?)", [pattern]).fetchone() == (False,)
        assert not re.search(r"(?<!\\)\((?!\?:)", pattern), f"capturing group: {pattern}"
        # RE2's \b knows ASCII only: beside an accented letter it can never match.
        assert not re.search(r"[^\x00-\x7f]\\b|\\b[^\x00-\x7f]", pattern), pattern
        literal = re.sub(r"\\.|\[[^]]*\]", "", pattern)
        assert literal == literal.lower(), f"upper case never matches: {pattern}"
        if row.get("field") != "host":
            assert not re.search(r"\\[.+/]|[/_]", pattern), f"separators are gone: {pattern}"


NAMED = [
    ("compare credit cards 0 apr", "credit_cards"), ("/credit-cards/compare", "credit_cards"),
    ("Kreditkarte beantragen", "credit_cards"), ("mejor tarjeta de crédito", "credit_cards"),
    ("karta kredytowa ranking", "credit_cards"), ("cartão de crédito melhor", "credit_cards"),
    ("creditcard aanvragen", "credit_cards"), ("carta di credito confronto", "credit_cards"),
    ("Best Personal Loans of November", "personal_loans"),
    ("Ratenkredit Vergleich", "personal_loans"), ("Simulation crédit conso", "personal_loans"),
    ("prestito personale preventivo", "personal_loans"),
    ("kredyt gotówkowy kalkulator", "personal_loans"),
    ("/auto-loans/rates", "auto_loans"), ("Autokredit Rechner", "auto_loans"),
    ("crédit auto taux", "auto_loans"), ("kredyt samochodowy ranking", "auto_loans"),
    ("refinance student loans rates", "student_loans"),
    ("prêt étudiant comparatif", "student_loans"),
    ("payday loans apply", "payday_loans"), ("chwilówki ranking", "payday_loans"),
    ("minicréditos solicitar", "payday_loans"),
    ("/mortgage-rates", "mortgages"), ("Baufinanzierung Zinsen", "mortgages"),
    ("comparateur prêt immobilier", "mortgages"), ("hipoteca fija mejor", "mortgages"),
    ("calcolo rata mutuo", "mortgages"), ("hypotheek berekenen", "mortgages"),
    ("kredyt hipoteczny porównanie", "mortgages"), ("crédito habitação simulador", "mortgages"),
    ("how to open a savings account eligibility", "banking"), ("girokonto vergleich", "banking"),
    ("taux compte épargne", "banking"), ("conto corrente confronto", "banking"),
    ("spaarrekening vergelijken", "banking"), ("konto osobiste ranking", "banking"),
    ("best etf broker", "investing"), ("etf sparplan vergleich", "investing"),
    ("meilleure assurance vie", "investing"), ("beleggen vergelijken", "investing"),
    ("401(k) calculator", "retirement"), ("Altersvorsorge Rechner", "retirement"),
    ("plan de pensiones comparar", "retirement"),
    ("cheap car insurance quotes", "auto_insurance"),
    ("kfz-versicherung vergleich", "auto_insurance"), ("devis assurance auto", "auto_insurance"),
    ("seguro de coche barato", "auto_insurance"), ("seguro auto cotação", "auto_insurance"),
    ("ubezpieczenie OC kalkulator", "auto_insurance"),
    ("compare homeowners' insurance", "home_insurance"),
    ("hausratversicherung vergleich", "home_insurance"),
    ("seguro de hogar comparador", "home_insurance"),
    ("term life insurance quotes compare", "life_insurance"),
    ("Risikolebensversicherung Vergleich", "life_insurance"),
    ("zorgverzekering vergelijken", "medical_insurance"),
    ("mutuelle santé comparatif", "medical_insurance"),
    ("private krankenversicherung vergleich", "medical_insurance"),
    ("pet insurance comparison", "pet_insurance"),
    ("Hundekrankenversicherung Vergleich", "pet_insurance"),
    ("travel insurance: get a quote", "travel_insurance"),
    ("Reiserücktrittsversicherung Vergleich", "travel_insurance"),
    ("best tax software", "tax"), ("simulation impôt", "tax"),
    ("compare credit reports", "credit_reporting"), ("best credit score apps", "credit_reporting"),
    ("buy bitcoin", "crypto"), ("kryptowährung kaufen", "crypto"),
]  # fmt: skip

NOT_FINANCE = [
    "loan of striker to arsenal", "Arsenal confirm short-term loan for striker",
    "mortgage-backed securities", "get a mortgage-backed bond", "early may bank holiday",
    "card game rules", "interest rates held by the ECB", "Fed interest rate decision",
    "students' union", "student union bar", "apple pie recipe", "node crypto createHash",
    "cryptography course", "chicken stock recipe", "buy stock photos", "out of stock",
    "current account deficit widens", "eine schwere Hypothek für den Verein",
    "Pension zur Post: Zimmer", "how to cook pea soup", "IRA ceasefire 1994",
    "sovereign credit rating cut", "green card lottery", "library card", "memory card 64gb",
    "hypotheekrenteaftrek debat", "die Elster im Garten", "self-assessment quiz",
    "società di mutuo soccorso", "end credits of a film", "bank of england", "river bank",
    "investment bank layoffs", "discover it now", "health tips", "auto show", "home assistant",
]  # fmt: skip


@pytest.mark.parametrize(("text", "product"), NAMED)
def test_product_is_named_and_shopped_for(duck: duckdb.DuckDBPyConnection, text: str, product: str) -> None:
    assert products_named(duck, text) == {product}
    for field in ("path", "title", "search_terms"):
        assert intents_shown(duck, text, field) == {"shopping"}


@pytest.mark.parametrize("text", NOT_FINANCE)
def test_no_product_is_named(duck: duckdb.DuckDBPyConnection, text: str) -> None:
    assert products_named(duck, text) == set()


def test_every_product_has_a_case() -> None:
    assert {product for _, product in NAMED} == FINANCE_PRODUCTS


@pytest.mark.parametrize(
    ("text", "field", "intent"),
    [
        ("/login", "path", "servicing"), ("/account/statements", "path", "servicing"),
        ("/transfers/new", "path", "servicing"), ("/online-banking/sign-in", "path", "servicing"),
        ("/balance-transfers", "path", "shopping"), ("/quote", "path", "shopping"),
        ("Log in to your account", "title", "servicing"), ("Pay my bill", "title", "servicing"),
        ("Online-Banking", "title", "servicing"), ("Kontoauszüge", "title", "servicing"),
        ("Überweisung", "title", "servicing"), ("Mon espace client", "title", "servicing"),
        ("Iniciar sesión", "title", "servicing"), ("Área de clientes", "title", "servicing"),
        ("Inloggen Mijn ING", "title", "servicing"), ("Zaloguj", "title", "servicing"),
        ("Area clienti", "title", "servicing"), ("Minha conta", "title", "servicing"),
        ("chase login", "search_terms", "servicing"), ("compare rates", "title", "shopping"),
        ("get pre-approved", "title", "shopping"), ("check your eligibility", "title", "shopping"),
        ("secure.example.com", "host", "servicing"), ("secure07a.example.com", "host", "servicing"),
        ("onlinebanking.example.com", "host", "servicing"),
        ("mijn.example.nl", "host", "servicing"), ("login.example.com", "host", "servicing"),
        ("apply.example.com", "host", "shopping"), ("vergleich.example.de", "host", "shopping"),
        ("www.example.com", "host", None), ("www.", "host", None),
        ("www.secureworks.com", "host", None), ("insurance.example.com", "host", None),
        ("Annual report", "title", None), ("football transfer window", "title", None),
        ("statement of intent", "title", None), ("best buy", "search_terms", None),
        ("/about-us", "path", None), ("weather tomorrow", "search_terms", None),
    ],
)  # fmt: skip
def test_intents(duck: duckdb.DuckDBPyConnection, text: str, field: str, intent: str | None) -> None:
    assert intents_shown(duck, text, field) == ({intent} if intent else set())


def test_intents_are_complete() -> None:
    rows = read("finance_intents")
    assert {(row["intent"], row["field"]) for row in rows} == {
        (intent, field) for intent in ("shopping", "servicing") for field in ("path", "host", "title", "search_terms")
    }


# Watched products


def test_products_are_well_formed() -> None:
    rows = read("products")
    assert len(rows) >= 150
    known = {row["domain"] for name in ("domains", "neutral_domains") for row in read(name)}
    for row in rows:
        assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", row["product_id"])
        assert all(row[column] for column in ("name", "brand", "category", "pattern"))
        assert set(filter(None, row["domains"].split(";"))) <= known, row["product_id"]
        if row["launch_date"]:
            launched = datetime.date.fromisoformat(row["launch_date"])
            assert datetime.date(2015, 1, 1) < launched < datetime.date(2027, 1, 1)
    assert sum(row["launch_date"] >= "2025" for row in rows) >= 30


def test_a_products_own_name_means_no_other_product(duck: duckdb.DuckDBPyConnection) -> None:
    rows = read("products")
    names = {row["product_id"]: normalised(f"{row['brand']} {row['name']}") for row in rows}
    duck.execute(
        "CREATE TEMP TABLE names AS SELECT unnest($ids) AS id, unnest($texts) AS text",
        {"ids": list(names), "texts": list(names.values())},
    )
    # Subscriptions and a few common words need a word more than the name ("netflix price").
    unnamed = set()
    for row in rows:
        # One constant pattern over all names: DuckDB compiles a pattern from a column for every row.
        select = "SELECT id FROM names WHERE regexp_matches(text, $text)"
        found = matched(duck, select, row["pattern"])
        assert found <= {row["product_id"]}, row["product_id"]
        if not found:
            unnamed.add(row["category"])
    assert unnamed <= {"software", "streaming", "ai_assistant", "shoe", "appliance"}


@pytest.mark.parametrize(
    ("text", "product_ids"),
    [
        ("Apple iPhone 16 Pro Max 256GB", {"iphone-16-pro"}), ("/iphone-16/buy", {"iphone-16"}),
        ("iPhone 16e vs iPhone 16", {"iphone-16", "iphone-16e"}),
        ("RTX-5070-Ti in stock", {"rtx-5070-ti"}), ("rtx 5070 12gb", {"rtx-5070"}),
        ("PS5 console", {"playstation-5"}), ("PS5 Pro", {"playstation-5-pro"}),
        ("PS5 games on sale", set()), ("nintendo switch 2 preorder", {"nintendo-switch-2"}),
        ("nintendo switch lite", set()), ("Model Y | Tesla", {"tesla-model-y"}),
        ("tesla stock price", set()), ("golf course", set()), ("VW Golf", {"vw-golf"}),
        ("netflix top 10", set()), ("netflix price", {"netflix"}), ("/photoshop-tutorial", set()),
        ("Instant Pot recipes", set()), ("instant-pot-duo", {"instant-pot"}),
        ("titanic film", set()), ("lego-titanic-10294", {"lego-titanic-10294"}),
        ("claude debussy", set()), ("nasa iss expedition 33", set()),
        ("WH-1000XM6", {"sony-wh-1000xm6"}), ("Baldur's Gate 3", {"baldurs-gate-3"}),
    ],
)  # fmt: skip
def test_watched_products(duck: duckdb.DuckDBPyConnection, text: str, product_ids: set[str]) -> None:
    assert watched(duck, text) == product_ids


def test_parameters_have_a_known_kind_and_are_plain_lower_case() -> None:
    for row in read("url_parameters"):
        assert row["kind"] in {"campaign", "page", "tracking"}
        assert re.fullmatch(r"[a-z0-9_]+", row["parameter"]), row


def test_no_parameter_that_names_a_person_is_kept() -> None:
    kept = {row["parameter"] for row in read("url_parameters") if row["kind"] != "tracking"}
    personal = "email user uid userid name phone session sid token key password address lat lon q query"
    assert not kept & set(personal.split())


def test_known_trackers_are_tracking_parameters() -> None:
    tracking = {row["parameter"] for row in read("url_parameters") if row["kind"] == "tracking"}
    assert {"gclid", "fbclid", "msclkid", "mc_eid", "igshid", "_ga"} <= tracking


def test_signs_of_an_audience_are_reviewed_and_name_nothing_sensitive(duck: duckdb.DuckDBPyConnection) -> None:
    topics = {row["topic_id"]: row for row in read("topics")}
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
    for row in read("audience_signals"):
        assert row["kind"] in {"domain", "term", "topic"}
        assert row["weight"] in {"0.5", "1"}
        assert not re.search("health|pregnan|relig|ethnic|debt|gay|church", row["attribute"] + row["pattern"]), row
        if row["kind"] == "topic":
            assert topics[row["pattern"]]["is_sensitive"] == "false"
        elif row["kind"] == "term":
            assert not re.search(r"\((?!\?:)", row["pattern"]), "capturing group"
            duck.execute("SELECT regexp_matches('', $pattern)", {"pattern": row["pattern"]})
        else:
            site = row["pattern"].split("/")[0]
            assert extract(site).top_domain_under_public_suffix, row


def test_countries_add_up() -> None:
    generic = {"io", "tv", "co", "me", "ai", "fm", "to", "cc", "ws", "gg", "so", "ly", "com", "org", "net"}
    for row in read("countries"):
        assert row["tld"] not in generic
        for column in ("languages", "utc_offsets"):
            shares = [float(part.split(":")[1]) for part in row[column].split(";")]
            assert sum(shares) == 100, row
        assert 0 <= float(row["home_share"]) < 1
