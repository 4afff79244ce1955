"""Tuning of churn's candidates: which parameters each is given, by log loss on folds, and whether a blend is worth it.

Here: what is tuned between which limits, the search, when a gain counts, the weights of the stack. Not here: what a
candidate is made of (`churn_candidates`), who is in which fold (`churn`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_candidates import (
    FOREST,
    HISTOGRAM,
    LIGHTGBM,
    LOGISTIC,
    MODELS,
    STACK,
    TREE,
    model_pipeline,
    sized,
)
from browse_assets.analysis.churn_encoding import encoding_steps
from browse_assets.analysis.churn_features import TypedFeatures
from browse_assets.analysis.side_by_side import side_by_side

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
Fold = tuple[IntArray, IntArray]

# What a candidate is without tuning, simple on purpose: a trial that is no better for sure leaves it so.
DEFAULTS: dict[str, dict[str, Any]] = {
    LOGISTIC: {"C": 0.1, "knots": 0},
    TREE: {"max_depth": 3, "min_samples_leaf": 20},
    FOREST: {"n_estimators": 100, "max_depth": 8, "min_samples_leaf": 10, "max_features": 0.3},
    HISTOGRAM: {
        "max_iter": 100,
        "learning_rate": 0.05,
        "max_leaf_nodes": 4,
        "min_samples_leaf": 20,
        "l2_regularization": 1.0,
        "max_features": 1.0,
    },
    LIGHTGBM: {
        "n_estimators": 100,
        "learning_rate": 0.05,
        "num_leaves": 4,
        "min_child_samples": 20,
        "colsample_bytree": 0.8,
        "subsample": 0.8,
        "reg_lambda": 1.0,
    },
}
# Trials of each, the default the first of them. Those that cost most are tried least.
TRIALS = {LOGISTIC: 14, TREE: 14, FOREST: 6, HISTOGRAM: 12, LIGHTGBM: 20}
# Of more rows than this, tuning sees that many: differences between parameters are larger than their noise by then.
MOST_TUNING_ROWS = 50_000
# From so many rows on, half the trials: each costs as much as all of a small panel.
MANY_ROWS = 20_000
# Curves have seven parameters for each number: fewer rows fit noise with them.
CURVE_ROWS = 300
# Members of the stack are added one at a time, again and again: weights come in steps of an eighth or more.
BLEND_STEPS = 8


@dataclass(frozen=True)
class Tuned:
    """A candidate's chosen parameters.

    Attributes:
        params: of the candidate, as `new_pipeline` takes them.
        log_loss: mean over the folds' held-out rows, NaN where there was nothing to choose.
        default_log_loss: the same with the parameters that were the default.
        trials: how many sets of parameters were tried, those given up early included.
        held_out: P(churned) of the folds' held-out rows, in their order.
    """

    params: dict[str, Any]
    log_loss: float = float("nan")
    default_log_loss: float = float("nan")
    trials: int = 0
    held_out: FloatArray = field(default_factory=lambda: np.empty(0), repr=False)


@dataclass(frozen=True)
class TuningFold:
    """One fold, encoded once for all candidates and trials, by what its own rows to learn from say.

    Attributes:
        x: encoded rows to learn from.
        y: their outcomes.
        held_x: encoded rows held out.
        held_y: their outcomes.
        held_person: a number for the person of each row held out.
    """

    x: pd.DataFrame
    y: IntArray
    held_x: pd.DataFrame
    held_y: IntArray
    held_person: IntArray


def tuning_folds(
    x: pd.DataFrame, y: IntArray, person: IntArray, folds: Sequence[Fold], *, seed: int
) -> list[TuningFold]:
    """The folds' rows, encoded; of more than MOST_TUNING_ROWS rows the people drawn whole, by chance.

    Args:
        x: typed features of all rows.
        y: 1 for churned, else 0.
        person: a number for the person of each row.
        folds: positions to learn from and to hold out.
        seed: of the draw.
    """
    from sklearn.pipeline import Pipeline

    used = np.unique(np.concatenate([np.concatenate(fold) for fold in folds])) if folds else np.empty(0, np.intp)
    drawn = np.ones(len(y), dtype=bool)
    if len(used) > MOST_TUNING_ROWS:
        chance = np.random.default_rng(seed).random(int(person.max()) + 1)
        drawn = chance[person] < MOST_TUNING_ROWS / len(used)
    encoded = []
    for learned, held_out in folds:
        learned, held_out = learned[drawn[learned]], held_out[drawn[held_out]]
        if len(np.unique(y[learned])) < 2 or not len(held_out):
            continue
        encoding = Pipeline([("types", TypedFeatures()), *encoding_steps()]).set_output(transform="pandas")
        encoded.append(
            TuningFold(
                x=encoding.fit_transform(x.iloc[learned], y[learned]),
                y=y[learned],
                held_x=encoding.transform(x.iloc[held_out]),
                held_y=y[held_out],
                held_person=person[held_out],
            )
        )
    return encoded


def tune_all(names: Sequence[str], folds: Sequence[TuningFold], *, seed: int, workers: int = 1) -> dict[str, Tuned]:
    """Each candidate as `tune` tunes it, so many at a time."""
    # Here too: what one thread found, and sets again, another would hear.
    with _quiet_optuna():
        found = side_by_side(lambda name: tune(name, folds, seed=seed), names, workers)
    return dict(zip(names, found, strict=True))


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def tune(name: str, folds: Sequence[TuningFold], *, seed: int) -> Tuned:
    """The parameters of the lowest log loss over the folds; the defaults where these do not lose for sure.

    A tree-structured Parzen estimator proposes (Bergstra and others 2011), successive halving gives up after a fold
    what is not in the better half by then (Li and others 2020, "A system for massively parallel hyperparameter
    tuning"). The best must beat the defaults by more than the standard error of their difference over people.

    Args:
        name: one of CANDIDATES; those without an entry in DEFAULTS have nothing to tune.
        folds: of `tuning_folds`.
        seed: of the search and of the models.
    """
    if name not in DEFAULTS or not folds:
        return Tuned(params=dict(DEFAULTS.get(name, {})))
    import optuna

    rows = max(len(fold.y) for fold in folds)
    asked = TRIALS[name] if rows < MANY_ROWS else TRIALS[name] // 2
    held_out: dict[int, FloatArray] = {}
    params: dict[int, dict[str, Any]] = {}

    def objective(trial: Any) -> float:
        if trial.number:
            params[trial.number] = DEFAULTS[name] | SPACES[name](trial, rows)
        else:
            params[0] = dict(DEFAULTS[name])
        parts: list[FloatArray] = []
        for step, fold in enumerate(folds):
            parts.append(_held_out(name, params[trial.number], fold, seed))
            so_far = np.concatenate(parts)
            loss = float(_surprise(so_far, _outcomes(folds[: step + 1])).mean())
            trial.report(loss, step + 1)
            if trial.number and step + 1 < len(folds) and trial.should_prune():
                raise optuna.TrialPruned
        held_out[trial.number] = np.concatenate(parts)
        return round(loss, 9)

    with _quiet_optuna():
        study = optuna.create_study(
            direction="minimize",
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(4, asked // 3)),
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
        )
        study.optimize(objective, n_trials=asked)
    losses = {number: _surprise(p, _outcomes(folds)) for number, p in held_out.items()}
    best = min(losses, key=lambda number: (round(float(losses[number].mean()), 9), number))
    if not surely_less(losses[best], losses[0], _people(folds)):
        best = 0
    return Tuned(
        params=params[best],
        log_loss=float(losses[best].mean()),
        default_log_loss=float(losses[0].mean()),
        trials=asked,
        held_out=held_out[best],
    )


def blend(tuned: dict[str, Tuned], folds: Sequence[TuningFold]) -> Tuned | None:
    """The stack: a weighted mean of the models' probabilities; None where it does not earn its place.

    Members are added greedily, with replacement, from the best single one on (Caruana and others 2004, "Ensemble
    selection from libraries of models"), by their log loss on the rows that tuning held out. It earns its place where
    that beats the best single model's by more than the standard error of the difference over people.
    """
    members = {name: tuned[name].held_out for name in MODELS if name in tuned and len(tuned[name].held_out)}
    if len(members) < 2:
        return None
    y = _outcomes(folds)

    def loss(p: FloatArray) -> float:
        return round(float(_surprise(p, y).mean()), 9)

    single = min(members, key=lambda name: loss(members[name]))
    chosen, total = [single], members[single].copy()
    while len(chosen) < BLEND_STEPS:
        following = min(members, key=lambda name: loss((total + members[name]) / (len(chosen) + 1)))
        if loss((total + members[following]) / (len(chosen) + 1)) >= loss(total / len(chosen)):
            break
        chosen.append(following)
        total += members[following]
    mean = total / len(chosen)
    if not surely_less(_surprise(mean, y), _surprise(members[single], y), _people(folds)):
        return None
    names = [name for name in MODELS if name in chosen]
    params: dict[str, Any] = {f"weight_{name}": chosen.count(name) for name in names}
    for name in names:
        params |= {f"{name}__{key}": value for key, value in tuned[name].params.items()}
    return Tuned(params, loss(mean), loss(members[single]), trials=len(chosen), held_out=mean)


def winner(tuned: dict[str, Tuned], folds: Sequence[TuningFold]) -> str:
    """The simplest model that the best does not beat for sure: the one-standard-error rule (Breiman and others 1984).

    Best: of the lowest log loss on the rows that tuning held out. Simpler: earlier in MODELS, the stack last. Which
    of two within noise has the lower loss is chance, and a plain model is easier to read and faster to serve.
    """
    models = [name for name in (*MODELS, STACK) if name in tuned]
    losses = {name: _surprise(tuned[name].held_out, _outcomes(folds)) for name in models if len(tuned[name].held_out)}
    if not losses:
        return models[0]
    best = min(losses, key=lambda name: round(float(losses[name].mean()), 9))
    return next(name for name in losses if not surely_less(losses[best], losses[name], _people(folds)))


def surely_less(losses: FloatArray, others: FloatArray, person: IntArray) -> bool:
    """Whether the mean of losses is lower by more than the standard error of the difference over people."""
    difference = np.bincount(person, weights=others - losses)
    difference = difference[np.bincount(person) > 0]
    gain = float(difference.mean())
    return gain > 1e-9 and gain > float(difference.std()) / np.sqrt(len(difference))


def _held_out(name: str, params: dict[str, Any], fold: TuningFold, seed: int) -> FloatArray:
    model = model_pipeline(name, sized(name, params, len(fold.y)), seed=seed).fit(fold.x, fold.y)
    return np.round(np.asarray(model.predict_proba(fold.held_x), dtype=np.float64)[:, 1], 9)


def _surprise(p: FloatArray, y: IntArray) -> FloatArray:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return -np.where(y == 1, np.log(p), np.log1p(-p))


def _outcomes(folds: Sequence[TuningFold]) -> IntArray:
    return np.concatenate([fold.held_y for fold in folds])


def _people(folds: Sequence[TuningFold]) -> IntArray:
    return np.concatenate([fold.held_person for fold in folds])


def _logistic(trial: Any, rows: int) -> dict[str, Any]:
    knots = trial.suggest_categorical("knots", [0, 4, 5, 7]) if rows >= CURVE_ROWS else 0
    return {"C": trial.suggest_float("C", 1e-4, 10.0, log=True), "knots": knots}


def _tree(trial: Any, rows: int) -> dict[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 1, 10),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, _most_per_leaf(rows), log=True),
    }


def _forest(trial: Any, rows: int) -> dict[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 3, 16),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 3, _most_per_leaf(rows), log=True),
        "max_features": trial.suggest_float("max_features", 0.05, 0.8, log=True),
    }


def _histogram(trial: Any, rows: int) -> dict[str, Any]:
    return {
        "max_iter": trial.suggest_int("max_iter", 30, 400, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 2, 16, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, _most_per_leaf(rows), log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-2, 100.0, log=True),
        "max_features": trial.suggest_float("max_features", 0.2, 1.0),
    }


def _lightgbm(trial: Any, rows: int) -> dict[str, Any]:
    return {
        "n_estimators": trial.suggest_int("n_estimators", 40, 800, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 2, 24, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, _most_per_leaf(rows), log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 100.0, log=True),
    }


def _most_per_leaf(rows: int) -> int:
    return max(10, min(200, rows // 10))


SPACES: dict[str, Callable[[Any, int], dict[str, Any]]] = {
    LOGISTIC: _logistic,
    TREE: _tree,
    FOREST: _forest,
    HISTOGRAM: _histogram,
    LIGHTGBM: _lightgbm,
}
