"""Question 7: what else a browser extension could collect, what each signal would add, and what it costs in privacy.

What belongs here: a judgement, and the facts about Chrome's manifest that it rests on. What does not: anything measured
but how much of a column the panel has already.
"""

from dataclasses import dataclass

from browse_assets.analysis.churn_report import percent
from browse_assets.notebook.answer import Answer
from browse_assets.notebook.installation import Installation

# Chrome's reference "Permissions" (developer.chrome.com/docs/extensions/reference/permissions-list, read 2026-11-23):
# which permission shows which warning at installation. Host access is no permission of that list; its warning is quoted
# from "Permission warning guidelines" of the same documentation.
WARNINGS: dict[str, str] = {
    "history": "Read and change your browsing history on all signed-in devices",
    "tabs": "Read your browsing history",
    "webNavigation": "Read your browsing history",
    "topSites": "Read a list of your most frequently visited websites",
    "bookmarks": "Read and change your bookmarks",
    "downloads": "Manage your downloads",
    "geolocation": "Detect your physical location",
    "management": "Manage your apps, extensions, and themes",
    "identity.email": "Know your email address",
    "clipboardRead": "Read data you copy and paste",
    "idle": "",
    "scripting": "",
    "storage": "",
    "host access": "Read and change all your data on all websites",
}


@dataclass(frozen=True)
class Signal:
    """One thing that an extension could send.

    Attributes:
        name: what it is.
        permissions: what the manifest asks for, names of WARNINGS.
        adds: to which table, and what.
        privacy: what it costs.
        verdict: collect, ask separately, or leave.
        column: `table.column` that holds it already where a source gives it; its share is measured. Empty for none.
    """

    name: str
    permissions: tuple[str, ...]
    adds: str
    privacy: str
    verdict: str
    column: str = ""


SIGNALS: tuple[Signal, ...] = (
    Signal(
        "address, title and time of each page view",
        ("webNavigation", "tabs"),
        "everything here rests on it",
        "high: addresses and titles hold personal values; scrubbed before anything else",
        "collect",
        "scrubbed_events.title",
    ),
    Signal(
        "time in the foreground, input or idle",
        ("tabs", "idle"),
        "scrubbed_events.dwell_seconds measured instead of guessed from the next page; interests weighed by attention",
        "low: numbers, no content; a rhythm of life shows all the same",
        "collect",
        "scrubbed_events.dwell_seconds",
    ),
    Signal(
        "how a page was reached (typed, link, form, reload)",
        ("webNavigation",),
        "scrubbed_events.transition: intent apart from chance, redirects and subframes told apart",
        "low",
        "collect",
        "scrubbed_events.transition",
    ),
    Signal(
        "the page's own description, keywords and product tags",
        ("scripting", "host access"),
        "page_topics and page_products: pages of unlisted sites get a topic, products a brand and a code",
        "high: the same access reads mail and bank pages; read tags in the page by a fixed list, send nothing else",
        "collect, on an allow-list of sites",
        "scrubbed_events.metadata",
    ),
    Signal(
        "prices, cart and order confirmation (structured data)",
        ("scripting", "host access"),
        "product_interest.stage up to a purchase, which no table has; truth for product_backtest",
        "high: what somebody bought and paid; coarse amounts, never order numbers or addresses",
        "ask separately",
        "",
    ),
    Signal(
        "search terms",
        ("webNavigation",),
        "interests and financial shopping at their first sign",
        "very high: people type names, illnesses and numbers; already in addresses of results, so scrub, or keep the "
        "topic alone",
        "collect the topic, not the words",
        "scrubbed_events.search_terms",
    ),
    Signal(
        "clicks on results and ads, scroll depth",
        ("scripting", "host access"),
        "interest apart from mere exposure; position and advertiser",
        "medium: needs access to all pages for a number",
        "ask separately",
        "",
    ),
    Signal(
        "history from before the installation",
        ("history",),
        "months of churn snapshots and of newness at once, without waiting",
        "very high: times before consent, other devices of the account, other people at the same one",
        "ask separately, once, with a date to begin at",
        "",
    ),
    Signal(
        "heartbeat: extension alive, version, switched off",
        ("storage",),
        "churn_snapshots: lost tracking apart from people who left, which no browsing can tell",
        "low: no content",
        "collect first of all",
        "",
    ),
    Signal(
        "device kind, browser, language, time zone",
        (),
        "audience_attributes without guessing; people with several devices",
        "low if coarse; together with fonts and screen it would be a fingerprint",
        "collect coarse values",
        "scrubbed_events.device",
    ),
    Signal(
        "a question to the person (are you looking for ...?)",
        ("storage",),
        "truth to measure interests, segments and financial flags against: nothing else here has it",
        "low: said knowingly; never about health, religion, politics or debt",
        "collect, seldom",
        "",
    ),
    Signal(
        "bookmarks, most visited sites",
        ("bookmarks", "topSites"),
        "interest_profile: what lasts, as a prior for people with few sessions",
        "high for little: names of folders are personal, and visits say most of it",
        "leave",
        "",
    ),
    Signal(
        "downloads",
        ("downloads",),
        "software and media in product_interest",
        "high: names of files name people and employers",
        "leave",
        "",
    ),
    Signal(
        "installed extensions",
        ("management",),
        "audience_attributes: interest in technology, rivals in the panel",
        "high: nearly unique to a person, and none of a panel's business",
        "leave",
        "",
    ),
    Signal(
        "place",
        ("geolocation",),
        "audience_attributes.country and below",
        "very high: home and work; the country follows from language and hours",
        "leave",
        "",
    ),
    Signal(
        "mail address, typed text, clipboard, screenshots",
        ("identity.email", "clipboardRead", "host access"),
        "nothing that a table here needs",
        "extreme: passwords, messages, other people's data",
        "never",
        "",
    ),
)


def warnings_of(permissions: tuple[str, ...]) -> str:
    """What Chrome tells the person at installation, in the wording of its reference."""
    shown = list(dict.fromkeys(WARNINGS[name] for name in permissions if WARNINGS[name]))
    # Where all sites may be read, the weaker warning about the history is not shown (Chrome's guidelines).
    if WARNINGS["host access"] in shown:
        shown = [text for text in shown if text != WARNINGS["tabs"]]
    return "; ".join(shown) or "none"


def signals(installation: Installation) -> Answer:
    """What an extension could collect: what it adds, what it costs, and how much of it these data have."""
    import pandas as pd

    from browse_assets.analysis.figures import bar_figure

    found = {signal.name: _known(installation, signal.column) for signal in SIGNALS if signal.column}
    known = {name: value for name, value in found.items() if value is not None}
    table = pd.DataFrame(
        {
            "signal": [signal.name for signal in SIGNALS],
            "known here": [percent(known[signal.name]) if signal.name in known else "" for signal in SIGNALS],
            "would add": [signal.adds for signal in SIGNALS],
            "privacy": [signal.privacy for signal in SIGNALS],
            "Chrome permission": [", ".join(signal.permissions) or "none" for signal in SIGNALS],
            "what Chrome warns of": [warnings_of(signal.permissions) for signal in SIGNALS],
            "judgement": [signal.verdict for signal in SIGNALS],
        }
    )
    left = sum(signal.verdict in ("leave", "never") for signal in SIGNALS)
    words = (
        f"{len(SIGNALS)} signals, of which {left} should be left alone. The cheapest for privacy would add "
        "most: a heartbeat "
        "that tells a silent extension from a person who left, measured attention, and now and then a question, "
        "without "
        "which nothing here can be checked against the truth. Consent is needed for each purpose before "
        "anything is sent; "
        "what asks for more access than the extension's stated purpose needs is against the Chrome Web Store's "
        "policies on "
        "permissions and limited use, whatever the consent. Permissions and warnings are Chrome's own wording; "
        "the rest is "
        "a judgement, not a measurement."
    )
    figure = None
    if known:
        names = [name.split(" (")[0] for name in known]
        figure = bar_figure(
            names, [100 * value for value in known.values()], title="Known of page views here", value_label="percent"
        )
    return Answer(words, table, figure, "What an extension could collect")


def _known(installation: Installation, column: str) -> float | None:
    """Share of page views in which a column is known; None without page views."""
    table, name = column.split(".")
    known = f"len({name}) > 0" if name == "metadata" else f"{name} IS NOT NULL"
    found = installation.value(f"SELECT avg(({known})::INT) FROM {table}")
    return None if found is None else float(found)
