"""Models of attributes that some people declare, for those who did not, where they are good enough.

Here: which people train, the pipeline, its evaluation on held-out people, and the decision to publish or
to abstain. Not here: features (SQL), which attributes may be modelled (`settings`), logging (assets).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.evaluation import interval

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

# Below, an interval over held-out people cannot exclude 'no gain' for any effect worth having.
MIN_PEOPLE = 60
FOLDS = 5
STRENGTHS = (0.003, 0.03, 0.3)  # inverse regularisation: strong, people are few
RESAMPLES = 1_000
SMALLEST_PROBABILITY = 1e-6
# What skops must be told to trust to load the model, besides its own defaults.
SKOPS_TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._TemperatureScaling",
)


@dataclass(frozen=True)
class AttributeModel:
    """One attribute: how well it can be told from browsing, and the model if it may be used.

    Attributes:
        people: people who declared a value that at least k share.
        values: those values, sorted.
        log_loss: mean over held-out people, nats; `prior_log_loss` that of the values' shares among the
            people that the fold trained on.
        gain, gain_low, gain_high: prior_log_loss - log_loss with its 95 % interval (bootstrap over
            people); above 0 = the model knows more than the shares.
        accuracy, accuracy_low, accuracy_high: share of held-out people whose likeliest value is right.
        majority_accuracy: that of always saying the fold's commonest value.
        is_published: gain_low > 0 and accuracy > majority_accuracy.
        reason: why, or why not, in words.
        held_out: declared value, and probability of each value, by user_key.
        model: fitted on all who declared, None when not published.
    Numbers are NaN where there were too few people to train.
    """

    people: int
    values: tuple[str, ...]
    is_published: bool
    reason: str
    log_loss: float = float("nan")
    prior_log_loss: float = float("nan")
    gain: float = float("nan")
    gain_low: float = float("nan")
    gain_high: float = float("nan")
    accuracy: float = float("nan")
    accuracy_low: float = float("nan")
    accuracy_high: float = float("nan")
    majority_accuracy: float = float("nan")
    held_out: pd.DataFrame | None = None
    model: Any = None


def train_attribute(
    features: pd.DataFrame, declared: pd.Series, *, min_group: int = 11, seed: int = 20261122
) -> AttributeModel:
    """Multinomial logistic regression on people who declared, judged on people it did not see.

    Each of five folds is predicted by a model of the other four, whose strength of regularisation is
    chosen and whose probabilities are calibrated (temperature scaling, Guo et al. 2017) inside those four.

    Args:
        features: one row per person, indexed by user_key, no missing values.
        declared: value by user_key; people without features are left out, and so are values that fewer
            than `min_group` people declare.
        min_group: k.
        seed: of folds and bootstrap.
    """
    y = declared[declared.index.isin(features.index)].dropna().astype(str).sort_index()
    sizes = y.value_counts()
    values = tuple(sorted(str(value) for value in sizes[sizes >= min_group].index))
    y = y[y.isin(values)]
    if len(values) < 2 or len(y) < MIN_PEOPLE:
        reason = (
            f"{len(y)} people declared one of {len(values)} values that {min_group} or more share: a model needs "
            f"{MIN_PEOPLE} people and two values"
        )
        return AttributeModel(people=len(y), values=values, is_published=False, reason=reason)

    import sklearn.linear_model  # noqa: F401  (loaded before its threads are limited)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        x = features.loc[y.index]
        truth = pd.Categorical(y, categories=values).codes.astype(np.intp)
        p, prior = _held_out(x, truth, len(values), seed)
        row = np.arange(len(y))
        loss = -np.log(np.clip(p[row, truth], SMALLEST_PROBABILITY, 1))
        prior_loss = -np.log(prior[row, truth])
        right = (p.argmax(axis=1) == truth).astype(np.float64)
        majority = float((prior.argmax(axis=1) == truth).mean())
        draws = np.random.default_rng(seed).integers(0, len(y), (RESAMPLES, len(y)))
        gain_low, gain_high = interval((prior_loss - loss)[draws].mean(axis=1))
        accuracy_low, accuracy_high = interval(right[draws].mean(axis=1))
        gain, accuracy = float((prior_loss - loss).mean()), float(right.mean())
        is_published = gain_low > 0 and accuracy > majority
        return AttributeModel(
            people=len(y),
            values=values,
            is_published=is_published,
            reason=_why(is_published, gain, gain_low, gain_high, accuracy, majority),
            log_loss=float(loss.mean()),
            prior_log_loss=float(prior_loss.mean()),
            gain=gain,
            gain_low=gain_low,
            gain_high=gain_high,
            accuracy=accuracy,
            accuracy_low=accuracy_low,
            accuracy_high=accuracy_high,
            majority_accuracy=majority,
            held_out=pd.DataFrame(p, index=y.index, columns=list(values)).assign(declared=y),
            model=_fit(x, truth) if is_published else None,
        )


def predict_attribute(model: Any, values: Sequence[str], features: pd.DataFrame) -> pd.DataFrame:
    """Likeliest value and its probability (to 9 decimals) by user_key; columns value, probability."""
    p = np.round(np.asarray(model.predict_proba(features), dtype=np.float64), 9)
    likeliest = np.asarray(values, dtype=object)[p.argmax(axis=1)]
    return pd.DataFrame({"value": likeliest, "probability": p.max(axis=1)}, index=features.index)


def _held_out(x: pd.DataFrame, y: IntArray, values: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Probabilities of model and prior for each person, both from the folds that the person is not in."""
    from sklearn.model_selection import StratifiedKFold

    p, prior = np.empty((len(y), values)), np.empty((len(y), values))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y):
        model = _fit(x.iloc[train], y[train])
        p[test] = model.predict_proba(x.iloc[test])
        prior[test] = np.bincount(y[train], minlength=values) / len(train)
    return p, prior


def _fit(x: pd.DataFrame, y: IntArray) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    folds = 3  # stratified, by order of key: pseudonyms are in no order
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=300))])
    search = GridSearchCV(pipeline, {"model__C": list(STRENGTHS)}, scoring="neg_log_loss", cv=folds).fit(x, y)
    pipeline.set_params(**search.best_params_)
    return CalibratedClassifierCV(pipeline, method="temperature", cv=folds, ensemble=False).fit(x, y)


def _why(is_published: bool, gain: float, low: float, high: float, accuracy: float, majority: float) -> str:
    numbers = (
        f"on held-out people a gain of {gain:.3f} nats over the prior ({low:.3f} to {high:.3f}), accuracy "
        f"{accuracy:.2f} against {majority:.2f} of the commonest value"
    )
    if is_published:
        return f"published: {numbers}"
    return f"abstains: {numbers}; it must surely beat both"
