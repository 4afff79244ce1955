"""Titles and searches with names of people of several cultures, and without any: seeded, with spans.

What belongs here: the texts. What does not: finding the names (`browse_assets.analysis.names`), counting
(`names_measure.py`). The names are common ones put together at random, and stand for nobody.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from browse_assets_tests.privacy.clean_texts import TERMS, TITLES

# Given names; family names.
CULTURES: dict[str, tuple[str, str]] = {
    "English": ("John Emily Oliver Grace Harry Chloe", "Featherstone Abernathy Smith Hargreaves O'Connor Wright"),
    "German": ("Jürgen Anna Lukas Ingrid Matthias Heike", "Brunnhuber Grünwald Schäfer Müller Achterberg Vogt"),
    "French": ("Camille Thibault Chloé Benoît Élodie Luc", "Delacroix Lefèvre Thibodeaux Moreau Girard Petit"),
    "Spanish": ("Diego Lucía José Beatriz Álvaro Carmen", "Hernández Castellanos García Ortega Ibáñez Ruiz"),
    "Polish": ("Mateusz Agnieszka Krzysztof Zofia Piotr Ewa", "Szczepański Kowalczyk Wojciechowski Nowak Zając"),
    "Indian": ("Priya Arjun Ananya Rohan Lakshmi Vikram", "Iyengar Rajagopalan Sharma Patel Banerjee Reddy"),
    "Nigerian": ("Olumide Chiamaka Emeka Ngozi Tunde Adaeze", "Okonkwo Adeyemi Balogun Eze Nwosu Ogunleye"),
    "Arabic": ("Ahmed Fatima Leila Omar Khalid Noor", "Al-Masri Haddad Mansour El-Sayed Nasser Khoury"),
    "Japanese": ("Yuki Haruto Sakura Kenji Aiko Takumi", "Takahashi Nakamura Watanabe Kobayashi Sato Ito"),
    "Chinese": ("Wei Xiuying Jing Haoran Mei Zihan", "Zhang Liu Chen Huang Zhao Ouyang"),
    "Turkish": ("Elif Mehmet Ayşe Emre Zeynep Burak", "Yılmaz Öztürk Demir Kaya Şahin Arslan"),
    "Nordic": ("Björn Astrid Søren Freja Lars Sigrid", "Lindqvist Rasmussen Haugen Bergström Virtanen"),
}

NAMED_TITLES = (
    "{} - Profile | Social",
    "Letter to {} about the contract",
    "Happy birthday, {}!",
    "{} | LinkedIn",
    "Obituary: {} (1931-2024)",
    "Photos of {} and friends - Album",
    "Interview with {}: how we built the garden",
    "Welcome back, {} - My account",
    "Dr. {}, dentist - appointments and reviews",
    "{} and the lost island - book review",
)
NAMED_TERMS = ("{} linkedin", "who is {}", "{} address", "{} obituary", "dr {} dentist reviews", "{} wedding photos")
# Capitals that name no person: places, companies, products, works.
NAMELESS_TITLES = (
    "Weather in {place} tomorrow",
    "Cheap flights to {place} | {company}",
    "{company} shares fall as sales slow",
    "Hotels near {place} Central Station - {company}",
    "{company} vs {other}: which is better?",
    "University of {place} - admissions",
    "Jobs at {company} in {place}",
)
NAMELESS_TERMS = ("weather {place}", "{company} {place} opening hours", "{company} login", "flights {place}")
PLACES = "Berlin Paris Madrid Lagos Mumbai Osaka Toronto Manchester Austin Naples Ankara Cairo Oslo Warsaw".split()
COMPANIES = "Tesla Amazon Siemens Spotify Ikea Nestlé Toyota Samsung Netflix Zalando Shell Boeing Lidl Adobe".split()


@dataclass(frozen=True)
class NamedText:
    """A text with the span of the name in it, None where there is none."""

    text: str
    kind: str
    culture: str
    span: tuple[int, int] | None


def named_texts(seed: int, per_template: int = 4) -> list[NamedText]:
    """Titles and searches with a name of each culture in each template, and as many without."""
    rng = random.Random(seed)
    named = []
    for culture, (given, family) in CULTURES.items():
        for kind, templates in (("title", NAMED_TITLES), ("search", NAMED_TERMS)):
            for template in templates:
                for _ in range(per_template):
                    name = f"{rng.choice(given.split())} {rng.choice(family.split())}"
                    name = name.lower() if kind == "search" else name
                    start = template.index("{}")
                    named.append(NamedText(template.format(name), kind, culture, (start, start + len(name))))
    nameless = [_nameless(rng) for _ in named]
    return [*named, *nameless]


def _nameless(rng: random.Random) -> NamedText:
    kind = rng.choice(["title", "search"])
    shapes: dict[str, Callable[[random.Random], str]] = TITLES if kind == "title" else TERMS
    text = shapes[rng.choice(sorted(shapes))](rng)
    if rng.random() < 0.5:
        template = rng.choice(NAMELESS_TITLES if kind == "title" else NAMELESS_TERMS)
        company, other = rng.sample(COMPANIES, 2)
        text = template.format(place=rng.choice(PLACES), company=company, other=other)
        text = text.lower() if kind == "search" else text
    return NamedText(text, kind, "", None)
