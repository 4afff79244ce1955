"""Topics of pages that no list knows: what a page or a host says, and what it is most likely about.

What belongs here: features of pages and hosts, the linear heads over them, pooling, abstaining. What does not:
fitting and measuring the heads (`topic_training`), lists of domains, reading pages.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from browse_assets.analysis.embedding import embed, whole_words

FloatArray = npt.NDArray[np.float64]

# The class of texts that are about nothing: "Home", "404 Not Found", "Log in".
NOTHING = ""
# General news is the only topic of Genres that sites are listed under.
_NAMED_CLASSES = {"Genres": "648"}
# Sensitive topics below a tier that is not: each goes to a class of its own kind, so that a page about debts is
# recognised as sensitive and does not count as an interest in personal finance.
_SENSITIVE_CLASSES = {
    "405": ("405", "65", "393", "394"),
    "188": ("188",),
    "135": ("135", "136", "142", "149", "173", "199", "344", "645"),
    "286": ("219", "224", "228", "230", "231", "233", "234", "235", "236", "237", "238"),
    "453": ("354", "361"),
    "v9i3On": ("MQ2XML",),
}
# What a host says counts half of what it would were it independent of the page's text, which it is not.
HOST_WEIGHT = 0.5
NGRAM_FEATURES = 2**15
WORD_FEATURES = 2**15
_STEM = 5
_LONGEST_WORD = 16
_WORD = re.compile(r"[^\W\d_]{3,}")
_SEPARATOR = re.compile(r"[^a-z]+")
_SITE_NAME = re.compile(r"\s[-–—|·:»]\s[^-–—|·:»]{2,30}$")
_WAYS = frozenset(
    "www home homepage start startseite accueil inicio index page seite welcome menu feed explore notifications "
    "settings profile account search news feed messages more login html php com".split()
)
# Rounded before it is compared, so that a page gets the same answer alone and in a batch.
_DECIMALS = 4


def topic_classes(topics: pd.DataFrame) -> dict[str, str]:
    """The class of each topic: its first tier, and separate ones for what is sensitive below a tier that is not.

    Args:
        topics: topic_id, topic, parent_topic_id, tier_1, is_sensitive as in data/reference/topics.csv.

    Returns:
        The topic id that names the class, by topic id.
    """
    tiers = topics[topics["parent_topic_id"] == ""].set_index("topic")["topic_id"].to_dict() | _NAMED_CLASSES
    sensitive = set(topics.loc[topics["is_sensitive"].str.lower() == "true", "topic_id"])
    moved = {topic: name for name, members in _SENSITIVE_CLASSES.items() for topic in members}
    found = {}
    for topic_id, tier in zip(topics["topic_id"], topics["tier_1"], strict=True):
        is_moved = topic_id in sensitive and tiers[tier] not in sensitive
        found[topic_id] = moved.get(topic_id, "v9i3On") if is_moved else tiers[tier]
    return found


def brand_label(domain: str) -> str:
    """What names a registrable domain, without its suffix: google for google.co.uk."""
    return domain.split(".", 1)[0]


@cache
def _word_costs() -> dict[str, float]:
    costs = {word: math.log(rank + 100) for word, rank in whole_words().items() if len(word) > 1}
    return {word: cost + (3.0 if len(word) == 2 else 0.0) for word, cost in costs.items()}


def segment_words(label: str) -> str:
    """The likeliest words of a label written together: "bankofmelbourne" gives "bank of melbourne".

    Shortest path over words weighted by the logarithm of their rank; what is no word costs more by the letter.
    """
    words: list[str] = []
    for part in _SEPARATOR.split(label.lower()):
        words += _segment_part(part)
    return " ".join(words)


def _segment_part(part: str) -> list[str]:
    costs, n = _word_costs(), len(part)
    best, start = [0.0] + [math.inf] * n, [0] * (n + 1)
    for end in range(1, n + 1):
        for begin in range(max(0, end - _LONGEST_WORD), end):
            cost = best[begin] + costs.get(part[begin:end], 11.0 + 3.0 * (end - begin))
            if cost < best[end]:
                best[end], start[end] = cost, begin
    words = []
    while n:
        words.append(part[start[n] : n])
        n = start[n]
    return words[::-1]


def page_words(text: str, label: str = "") -> str:
    """A page's text as it is embedded: lower case, without the name of its site."""
    lowered = text.lower()
    if label:
        tail = _SITE_NAME.search(lowered)
        if tail and label in tail.group().replace(" ", ""):
            lowered = lowered[: tail.start()]
        lowered = lowered.replace(label, " ")
    return " ".join(lowered.split())


def _words_and_stems(text: str) -> list[str]:
    return [part for word in _WORD.findall(text) for part in {word, word[:_STEM]}]


def _says_something(text: str) -> bool:
    """Whether two words at least are more than a way through a site: "home / x" is not about homes."""
    return sum(word not in _WAYS for word in _WORD.findall(text)) > 1


def page_features(texts: Sequence[str]) -> tuple[FloatArray, Any]:
    """One row per text, as `page_words` gives them: its embedding, and its hashed words and their first letters.

    The first five letters stand for the stem in all four languages; the embedding knows little but English.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(analyzer=_words_and_stems, n_features=WORD_FEATURES, alternate_sign=False)
    return embed(texts).astype(np.float64), hashed.transform(texts)


def host_features(domains: Sequence[str]) -> tuple[FloatArray, Any]:
    """One row per registrable domain: embeddings of its words and of its label, and hashed character n-grams."""
    from sklearn.feature_extraction.text import HashingVectorizer

    labels = [brand_label(domain) for domain in domains]
    dense = np.hstack([embed([segment_words(label) for label in labels]), embed(labels)]).astype(np.float64)
    suffixes = [domain.partition(".")[2] for domain in domains]
    ngrams = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), n_features=NGRAM_FEATURES, alternate_sign=False
    ).transform([f"{label} .{suffix}" for label, suffix in zip(labels, suffixes, strict=True)])
    return dense, ngrams


@dataclass(frozen=True)
class Head:
    """A calibrated linear classifier: softmax(features @ weights + bias) with the temperature inside.

    Attributes:
        classes: topic ids in the order of the columns.
        weights: by dense feature and class.
        bias: by class.
        threshold: smallest probability at which it answers; above 1 where it never does.
        log_prior: logarithm of each class's share in what it was fitted on.
        sparse_weights: by hashed n-gram (hosts) or word (texts), and class.
    """

    classes: tuple[str, ...]
    weights: FloatArray
    bias: FloatArray
    threshold: float
    log_prior: FloatArray
    sparse_weights: npt.NDArray[np.float32]

    def log_probabilities(self, dense: FloatArray, sparse: Any) -> FloatArray:
        """Logarithm of the probability by row and class."""
        with threadpool_limits(1):
            scores = dense @ self.weights + self.bias + sparse @ self.sparse_weights
        return log_softmax(scores)


def log_softmax(scores: FloatArray) -> FloatArray:
    """Scores by row and class as logarithms of probabilities."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class TopicModel:
    """Both heads. `page` is for texts; `host` for domains, alone where a page has no text."""

    page: Head
    host: Head

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that the model is, for `numpy.savez`; no object arrays."""
        parts: dict[str, npt.NDArray[Any]] = {}
        for kind, head in (("page", self.page), ("host", self.host)):
            values = {field.name: getattr(head, field.name) for field in fields(head)}
            parts |= {f"{kind}_{name}": np.asarray(value) for name, value in values.items()}
        return parts

    @classmethod
    def from_arrays(cls, parts: Mapping[str, npt.NDArray[Any]]) -> "TopicModel":
        """The model that `arrays` took apart."""
        heads = []
        for kind in ("page", "host"):
            values = {field.name: parts[f"{kind}_{field.name}"] for field in fields(Head)}
            classes = tuple(str(name) for name in values.pop("classes"))
            heads.append(Head(classes=classes, threshold=float(values.pop("threshold")), **values))
        return cls(*heads)

    def label(self, domains: Sequence[str], texts: Sequence[str], uses_host: Sequence[bool]) -> pd.DataFrame:
        """The topic of each page, or none.

        Args:
            domains: registrable domain of each page.
            texts: title, description, keywords and path words as one text; may be empty.
            uses_host: whether the domain is evidence; not for sites of all topics.

        Returns:
            One row per page in order: topic_id (None = unknown), method (page_classifier, host_classifier,
            abstained), probability of the most likely class (0 to 1).
        """
        classes = np.array(self.page.classes, dtype=object)
        by_host = np.asarray(uses_host, dtype=bool)
        host, evidence = self._host_scores(domains)
        words = [page_words(text, brand_label(domain)) for text, domain in zip(texts, domains, strict=True)]
        features, hashed = page_features(words)
        has_text = np.any(features != 0, axis=1) & np.array([_says_something(text) for text in words], dtype=bool)
        page = self.page.log_probabilities(features, hashed)
        pooled = np.exp(log_softmax(np.where(by_host[:, None], page + HOST_WEIGHT * evidence, page)))
        alone = np.where(by_host[:, None], np.exp(host), 0.0)
        probabilities = np.where(has_text[:, None], pooled, alone).round(_DECIMALS)
        best, most = probabilities.argmax(axis=1), probabilities.max(axis=1)
        threshold = np.where(has_text, self.page.threshold, self.host.threshold)
        is_known = (most >= threshold) & (classes[best] != NOTHING)
        method = np.where(has_text, "page_classifier", "host_classifier")
        return pd.DataFrame(
            {
                "topic_id": np.where(is_known, classes[best], None),
                "method": np.where(is_known, method, "abstained"),
                "probability": most,
            }
        )

    def _host_scores(self, domains: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """Log probabilities of the host head in the page head's classes, and what they add to the prior.

        Each distinct domain is judged once. A class that hosts were not fitted on has no evidence for or against.
        """
        distinct, positions = np.unique(np.asarray(domains, dtype=object), return_inverse=True)
        if not len(distinct):
            return np.zeros((0, len(self.page.classes))), np.zeros((0, len(self.page.classes)))
        scores = self.host.log_probabilities(*host_features(list(distinct)))
        alone, evidence = self._aligned(scores, -math.inf), self._aligned(scores - self.host.log_prior, 0.0)
        return alone[positions], evidence[positions]

    def _aligned(self, scores: FloatArray, missing: float) -> FloatArray:
        place = {name: position for position, name in enumerate(self.host.classes)}
        filled = np.hstack([scores, np.full((len(scores), 1), missing)])
        return np.asarray(filled[:, [place.get(name, len(place)) for name in self.page.classes]])
