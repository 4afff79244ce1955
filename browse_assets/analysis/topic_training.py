"""Fitting the topic classifier on what the project ships, and measuring it on what it did not see.

What belongs here: training rows from the reference lists, the fits, calibration, the choice of thresholds, figures
of quality. What does not: features and answers (`topics`), logging (assets). No page of a panel is ever in it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from browse_assets.analysis.topics import (
    NOTHING,
    FloatArray,
    Head,
    TopicModel,
    brand_label,
    host_features,
    log_softmax,
    page_features,
    page_words,
    topic_classes,
)

BoolArray = npt.NDArray[np.bool_]
TextArray = npt.NDArray[np.object_]

# An answer may be wrong one time in seven, on calibration data that the fit did not see.
WANTED_PRECISION = 0.85
# Fewer answers than this above a threshold say nothing about a precision.
LEAST_ANSWERS = 50
# A class of hosts with fewer has no figure worth the name, and is left to texts.
LEAST_HOSTS = 20
# Texts are few, so that each fold should leave most of them to the fit; hosts are many, and take a second a fit.
CALIBRATION_FOLDS = {"page": 10, "host": 3}
# One group in five is held out for the figures.
HELD_OUT = 5
# The best of what was tried in grouped folds over the training part: shrinkage 0.01 to 0.8, smoothing 0.005 to 0.5,
# weight 0.7 to 25.
SHRINKAGE = {"page": 0.4, "host": 0.3}
SMOOTHING = {"page": 0.02, "host": 0.05}
SPARSE_WEIGHT = {"page": 6.0, "host": 3.0}


@dataclass(frozen=True)
class Examples:
    """Features, classes and groups of the rows that one head is fitted on."""

    dense: FloatArray
    sparse: Any
    classes: TextArray
    groups: TextArray

    def __len__(self) -> int:
        return len(self.classes)

    def rows(self, mask: BoolArray) -> "Examples":
        """The rows where the mask is true."""
        return Examples(self.dense[mask], self.sparse[mask], self.classes[mask], self.groups[mask])


@dataclass(frozen=True)
class HeadQuality:
    """How good one head is on groups that neither fit, calibration nor threshold saw.

    Attributes:
        per_class: topic_id, precision, recall, f1 (of the most likely class, abstaining or not), support, coverage
            (share of the class's rows with an answer), precision_answered (of the answers).
        overall: accuracy, coverage, precision_answered, calibration_error (10 bins), support; accuracy_<baseline> of
            majority, centroid (of embeddings) and bayes (n-grams of hosts, words of texts).
        curve: coverage and precision by threshold.
        truth: class of each held-out row.
        predicted: most likely class of each.
        probability: its probability.
    """

    per_class: pd.DataFrame
    overall: dict[str, float]
    curve: pd.DataFrame
    truth: TextArray
    predicted: TextArray
    probability: FloatArray

    def arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """All of it for `numpy.savez`, each name after the prefix; no object arrays."""
        overall = {"names": np.asarray([*self.overall]), "values": np.asarray([*self.overall.values()])}
        rows = {"truth": self.truth.astype(str), "predicted": self.predicted.astype(str)}
        return {
            **{f"{prefix}per_class_{name}": _plain(values) for name, values in self.per_class.items()},
            **{f"{prefix}overall_{name}": values for name, values in overall.items()},
            **{f"{prefix}curve_{name}": _plain(values) for name, values in self.curve.items()},
            **{f"{prefix}{name}": values for name, values in rows.items()},
            f"{prefix}probability": self.probability,
        }

    @classmethod
    def from_arrays(cls, parts: Mapping[str, npt.NDArray[Any]], prefix: str) -> "HeadQuality":
        """The figures that `arrays` took apart."""
        overall = zip(parts[f"{prefix}overall_names"], parts[f"{prefix}overall_values"], strict=True)
        return cls(
            _frame(parts, f"{prefix}per_class_"),
            {str(name): float(value) for name, value in overall},
            _frame(parts, f"{prefix}curve_"),
            parts[f"{prefix}truth"].astype(object),
            parts[f"{prefix}predicted"].astype(object),
            parts[f"{prefix}probability"],
        )


def _plain(values: "pd.Series[Any]") -> npt.NDArray[Any]:
    column = values.to_numpy()
    return column.astype(str) if column.dtype == object else column


def _frame(parts: Mapping[str, npt.NDArray[Any]], prefix: str) -> pd.DataFrame:
    return pd.DataFrame({name.removeprefix(prefix): parts[name] for name in parts if name.startswith(prefix)})


@dataclass(frozen=True)
class TopicTraining:
    """The model, fitted on everything, and the quality of the same recipe on held-out groups, by head."""

    model: TopicModel
    quality: dict[str, HeadQuality]
    examples: dict[str, int]
    temperature: dict[str, float]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The model as `TopicModel.arrays` has it, and how good it is beside it."""
        parts = self.model.arrays()
        for kind, quality in self.quality.items():
            parts |= quality.arrays(f"{kind}_quality_")
            parts |= {f"{kind}_examples": np.asarray(self.examples[kind])}
            parts |= {f"{kind}_temperature": np.asarray(self.temperature[kind])}
        return parts

    @classmethod
    def from_arrays(cls, parts: Mapping[str, npt.NDArray[Any]]) -> "TopicTraining":
        """The training that `arrays` took apart."""
        kinds = ("page", "host")
        return cls(
            TopicModel.from_arrays(parts),
            {kind: HeadQuality.from_arrays(parts, f"{kind}_quality_") for kind in kinds},
            {kind: int(parts[f"{kind}_examples"]) for kind in kinds},
            {kind: float(parts[f"{kind}_temperature"]) for kind in kinds},
        )


def page_examples(texts: pd.DataFrame, topics: pd.DataFrame) -> Examples:
    """Texts of `topic_texts.csv`, and the names of topics; the group is the site.

    Args:
        texts: topic_id ('' = about nothing), host, title, description.
        topics: as for `topic_classes`.
    """
    classes = topic_classes(topics) | {NOTHING: NOTHING}
    words = [
        page_words(f"{title} {description}")
        for title, description in zip(texts["title"], texts["description"], strict=True)
    ]
    names = topics.assign(words=topics["topic"].map(page_words))
    groups = [*texts["host"], *("topic " + names["topic_id"])]
    return Examples(
        *page_features([*words, *names["words"]]),
        np.array([classes[topic] for topic in [*texts["topic_id"], *names["topic_id"]]], dtype=object),
        np.array(groups, dtype=object),
    )


def host_examples(domains: pd.DataFrame, topics: pd.DataFrame) -> Examples:
    """Listed domains; the group is the brand, so that google.de and google.fr are on one side.

    Args:
        domains: domain, topic_id.
        topics: as for `topic_classes`.
    """
    classes = topic_classes(topics)
    rows = domains.assign(name=domains["topic_id"].map(classes))
    frequent = rows["name"].value_counts()
    rows = rows[rows["name"].isin(frequent.index[frequent >= LEAST_HOSTS])]
    dense, ngrams = host_features(list(rows["domain"]))
    groups = np.array([brand_label(domain) for domain in rows["domain"]], dtype=object)
    return Examples(dense, ngrams, rows["name"].to_numpy(dtype=object), groups)


def group_parts(groups: TextArray, parts: int, salt: str) -> npt.NDArray[np.int64]:
    """A part, 0 to parts - 1, for each row; rows of one group share it. From a hash: the same on every machine."""
    distinct, positions = np.unique(groups, return_inverse=True)
    drawn = [int(hashlib.sha256(f"{salt}\x1f{group}".encode()).hexdigest()[:8], 16) % parts for group in distinct]
    return np.asarray(np.array(drawn, dtype=np.int64)[positions])


def fit_head(examples: Examples, kind: str) -> Head:
    """The uncalibrated head: linear discriminant analysis over embeddings, and naive Bayes over n-grams or words.

    Both have closed forms, so that a fit takes a second and gives the same numbers each time. Shrinkage: Ledoit and
    Wolf's convex form with a fixed weight. Texts have equal priors, as their numbers are the author's choice.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.naive_bayes import MultinomialNB

    names, counts = np.unique(examples.classes, return_counts=True)
    prior = counts / counts.sum() if kind == "host" else np.full(len(names), 1 / len(names))
    with threadpool_limits(1):
        linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE[kind], priors=prior)
        linear.fit(examples.dense, examples.classes)
        weights, bias = linear.coef_.T, linear.intercept_
        bayes = MultinomialNB(alpha=SMOOTHING[kind], fit_prior=False).fit(examples.sparse, examples.classes)
    sparse_weights = SPARSE_WEIGHT[kind] * bayes.feature_log_prob_.T
    # The part that all classes share changes no answer, and would take the digits of single precision.
    sparse_weights = (sparse_weights - sparse_weights.mean(axis=1, keepdims=True)).astype(np.float32)
    return Head(tuple(names), weights, bias, 2.0, np.log(prior), sparse_weights)


def calibrate(head: Head, temperature: float, threshold: float) -> Head:
    """The head with its scores divided by a temperature, and a threshold."""
    return Head(
        head.classes,
        head.weights / temperature,
        head.bias / temperature,
        threshold,
        head.log_prior,
        (head.sparse_weights / temperature).astype(np.float32),
    )


def fit_calibrated(examples: Examples, kind: str) -> tuple[Head, float]:
    """A head fitted on all rows, with temperature and threshold from folds that hold whole groups out.

    Temperature scaling: Guo et al., "On Calibration of Modern Neural Networks" (2017).
    """
    parts = group_parts(examples.groups, CALIBRATION_FOLDS[kind], "calibration")
    head = fit_head(examples, kind)
    place = {name: position for position, name in enumerate(head.classes)}
    scores = np.full((len(examples), len(head.classes)), -1e3)
    for part in range(CALIBRATION_FOLDS[kind]):
        inside = parts == part
        fold = fit_head(examples.rows(~inside), kind)
        rows = examples.rows(inside)
        scores[np.ix_(inside, [place[name] for name in fold.classes])] = fold.log_probabilities(rows.dense, rows.sparse)
    truth = np.array([place[name] for name in examples.classes])
    temperature = _best_temperature(scores, truth)
    probabilities = np.exp(log_softmax(scores / temperature))
    most = probabilities.max(axis=1)
    threshold = choose_threshold(most, probabilities.argmax(axis=1) == truth)
    return calibrate(head, temperature, threshold), temperature


def _best_temperature(scores: FloatArray, truth: npt.NDArray[np.int64]) -> float:
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        log_p = log_softmax(scores / np.exp(logarithm))
        return float(-np.maximum(log_p[np.arange(len(truth)), truth], -20).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 5), method="bounded").x))


def choose_threshold(probability: FloatArray, is_right: BoolArray) -> float:
    """Smallest probability at and above which `WANTED_PRECISION` of the answers are right; 2 where there is none.

    Args:
        probability: of the most likely class, one per row the fit did not see.
        is_right: whether that class is the row's.
    """
    order = np.argsort(-probability, kind="stable")
    answered = np.arange(1, len(order) + 1)
    precision = np.cumsum(is_right[order]) / answered
    enough = np.flatnonzero((precision >= WANTED_PRECISION) & (answered >= LEAST_ANSWERS))
    return float(np.ceil(probability[order][enough[-1]] * 1e4) / 1e4) if len(enough) else 2.0


def train_topics(domains: pd.DataFrame, texts: pd.DataFrame, topics: pd.DataFrame) -> TopicTraining:
    """Fit both heads on the reference lists, and measure the recipe on one group in five.

    Args:
        domains: as for `host_examples`.
        texts: as for `page_examples`.
        topics: as for `topic_classes`.
    """
    examples = {"page": page_examples(texts, topics), "host": host_examples(domains, topics)}
    heads, quality, temperature = {}, {}, {}
    for kind, rows in examples.items():
        is_held_out = group_parts(rows.groups, HELD_OUT, "held out") == 0
        measured, temperature[kind] = fit_calibrated(rows.rows(~is_held_out), kind)
        quality[kind] = measure_head(measured, rows.rows(~is_held_out), rows.rows(is_held_out))
        # The thresholds were chosen without the held-out rows; with them the head is only better.
        heads[kind] = calibrate(fit_head(rows, kind), temperature[kind], measured.threshold)
    sizes = {kind: len(rows) for kind, rows in examples.items()}
    return TopicTraining(TopicModel(heads["page"], heads["host"]), quality, sizes, temperature)


def measure_head(head: Head, seen: Examples, held_out: Examples) -> HeadQuality:
    """Figures of a head on held-out rows, beside those of simple classifiers that saw the same rows."""
    probabilities = np.exp(head.log_probabilities(held_out.dense, held_out.sparse))
    predicted = np.array(head.classes, dtype=object)[probabilities.argmax(axis=1)]
    most, truth = probabilities.max(axis=1), held_out.classes
    is_right, answered = predicted == truth, most >= head.threshold
    overall = {
        "accuracy": float(is_right.mean()),
        "coverage": float(answered.mean()),
        "precision_answered": _share(is_right, answered),
        "calibration_error": _calibration_error(most, is_right),
        "support": float(len(truth)),
        **{f"accuracy_{name}": value for name, value in _baselines(seen, held_out).items()},
    }
    return HeadQuality(_per_class(truth, predicted, answered), overall, _curve(most, is_right), truth, predicted, most)


def _share(hits: BoolArray, among: BoolArray) -> float:
    return float(hits[among].mean()) if among.any() else float("nan")


def _per_class(truth: TextArray, predicted: TextArray, answered: BoolArray) -> pd.DataFrame:
    rows = []
    for name in np.unique(truth):
        is_it, is_called = truth == name, predicted == name
        precision, recall = _share(is_it, is_called), _share(is_called, is_it)
        both = np.nan_to_num(precision) + recall
        rows.append(
            {
                "topic_id": name,
                "precision": precision,
                "recall": recall,
                "f1": 2 * np.nan_to_num(precision) * recall / both if both else 0.0,
                "support": int(is_it.sum()),
                "coverage": _share(answered, is_it),
                "precision_answered": _share(is_it, is_called & answered),
            }
        )
    return pd.DataFrame(rows)


def _curve(probability: FloatArray, is_right: BoolArray) -> pd.DataFrame:
    order = np.argsort(-probability, kind="stable")
    answered = np.arange(1, len(order) + 1)
    frame = pd.DataFrame(
        {
            "threshold": probability[order],
            "coverage": answered / len(order),
            "precision": np.cumsum(is_right[order]) / answered,
        }
    )
    return frame.iloc[:: max(1, len(frame) // 200)].reset_index(drop=True)


def _calibration_error(probability: FloatArray, is_right: BoolArray) -> float:
    """Mean distance of share right and mean probability over ten bins of equal width, weighted by rows."""
    bins = np.minimum((probability * 10).astype(int), 9)
    parts = [bins == place for place in range(10)]
    return float(sum(abs(is_right[p].mean() - probability[p].mean()) * p.mean() for p in parts if p.any()))


def _baselines(seen: Examples, held_out: Examples) -> dict[str, float]:
    """Accuracy of the majority class, the nearest class centroid, and naive Bayes over n-grams or words alone."""
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.neighbors import NearestCentroid

    names, counts = np.unique(seen.classes, return_counts=True)
    found = {"majority": float((held_out.classes == names[counts.argmax()]).mean())}
    with threadpool_limits(1):
        centroid = NearestCentroid().fit(seen.dense, seen.classes)
        found["centroid"] = float((centroid.predict(held_out.dense) == held_out.classes).mean())
        bayes = MultinomialNB(alpha=SMOOTHING["host"]).fit(seen.sparse, seen.classes)
        found["bayes"] = float((bayes.predict(held_out.sparse) == held_out.classes).mean())
    return found
