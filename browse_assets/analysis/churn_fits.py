"""All candidates fitted on the same rows, and what other divisions of the rows than that of the training promise.

Here: fits on one encoding, side by side; the ROC AUC of a random split, and of people who are not among those of the
fit. Not here: the training itself (`churn`), which rows are in which part (`churn_division`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_candidates import (
    BASELINES,
    REPEAT_VISITS,
    churn_probability,
    encode,
    fit_candidate,
)
from browse_assets.analysis.churn_division import PEOPLE_FOLDS, LabelledRows, deal
from browse_assets.analysis.churn_tuning import Tuned
from browse_assets.analysis.side_by_side import side_by_side

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
Result = TypeVar("Result")

RANDOM_TEST_SHARE = 0.3
# Of more rows these two, which only show what mixing times and people promises, fit on so many, of people drawn whole.
# The models that are not boosting never see more.
COMPARED_ROWS = 200_000


@dataclass(frozen=True)
class Fits:
    """What all fits of a training have in common."""

    rows: LabelledRows
    tuned: dict[str, Tuned]
    seed: int
    rule_feature: str | None
    workers: int

    def on(self, part: IntArray, names: Sequence[str], then: Callable[[str, Any], Result]) -> dict[str, Result]:
        """Each candidate fitted on these rows, and what is made of it."""
        encoded = encode(self.rows.x.iloc[part], self.rows.y[part])

        def fitted(name: str) -> Result:
            params = self.tuned[name].params
            return then(name, fit_candidate(name, params, encoded, seed=self.seed, rule_feature=self.rule_feature))

        return dict(zip(names, side_by_side(fitted, names, self.workers), strict=True))


def models_of(tuned: dict[str, Tuned]) -> list[str]:
    """Those of the candidates that may become champion."""
    return [name for name in tuned if name not in (*BASELINES, REPEAT_VISITS)]


def random_split_auc_of(fits: Fits, used: IntArray) -> dict[str, float]:
    """By model, ROC AUC on a random part of the rows of a fit on the others."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    rows = fits.rows
    used = of_people(rows, used, round(COMPARED_ROWS / (1 - RANDOM_TEST_SHARE)), fits.seed)
    fit, test = train_test_split(used, test_size=RANDOM_TEST_SHARE, random_state=fits.seed, stratify=rows.y[used])

    def auc(_: str, model: Any) -> float:
        return float(roc_auc_score(rows.y[test], churn_probability(model, rows.x.iloc[test])))

    return fits.on(fit, models_of(fits.tuned), auc)


def person_disjoint_auc_of(fits: Fits, train: IntArray, test: IntArray) -> dict[str, float]:
    """By model, ROC AUC on the test, where each third of its people is told by a fit on training rows of the others."""
    from sklearn.metrics import roc_auc_score

    rows, names = fits.rows, models_of(fits.tuned)
    both = np.concatenate([train, test])
    third = np.empty(len(rows.y), dtype=np.intp)
    third[both] = deal(rows, both, PEOPLE_FOLDS)
    p = {name: np.empty(len(rows.y)) for name in names}
    for k in range(PEOPLE_FOLDS):
        fit = of_people(rows, train[third[train] != k], COMPARED_ROWS, fits.seed)
        held_out = test[third[test] == k]
        if not len(held_out):
            continue
        if len(np.unique(rows.y[fit])) < 2:
            return {}
        held_x = rows.x.iloc[held_out]
        told = fits.on(fit, names, partial(_told, held_x))
        for name in names:
            p[name][held_out] = told[name]
    return {name: float(roc_auc_score(rows.y[test], p[name][test])) for name in names}


def _told(x: pd.DataFrame, _: str, model: Any) -> FloatArray:
    return churn_probability(model, x)


def of_people(rows: LabelledRows, among: IntArray, most: int, seed: int) -> IntArray:
    """Of more than `most` positions about as many, of people drawn whole."""
    if len(among) <= most:
        return among
    person = pd.factorize(rows.user_key.iloc[among])[0]
    return among[np.random.default_rng(seed).random(int(person.max()) + 1)[person] < most / len(among)]
