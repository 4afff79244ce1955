"""The candidate models of churn: what each is made of, and how any of them is asked for a probability.

Here: pipelines, and the types that a stored one is made of. Not here: types of features (`churn_features`), the
encoding all share (`churn_encoding`), tuning (`churn_tuning`), calibration (`churn_calibration`), which rows are used
for what (`churn`), evaluation, promotion.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis import churn_repeat
from browse_assets.analysis.churn_encoding import TellingColumns, encoding_steps, filled_numbers
from browse_assets.analysis.churn_features import TypedFeatures

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

DUMMY = "dummy"
ONE_RULE = "one_rule"
LOGISTIC = "logistic_regression"
TREE = "decision_tree"
FOREST = "random_forest"
HISTOGRAM = "hist_gradient_boosting"
LIGHTGBM = "lightgbm"
BASELINES = (DUMMY, ONE_RULE)
MODELS = (LOGISTIC, TREE, FOREST, HISTOGRAM, LIGHTGBM)
CANDIDATES = (*BASELINES, *MODELS)
# Not in every training: compared with only where the features hold a history of visits, never promoted.
REPEAT_VISITS = "repeat_visits"
# Only where a weighted mean of models did better in tuning than the best of them (`churn_tuning.blend`).
STACK = "stack"

# A number of fewer different values is taken as it is: a curve through them would be a step for each.
CURVED_VALUES = 10
# Curves are drawn over ranks, so that a few huge values don't stretch them.
RANK_QUANTILES = 100
# More rows change no parameter of these that could be seen, and take as many times longer (and a curve 8 bytes for
# each row, number and knot). Boosting takes all.
MOST_ROWS = {LOGISTIC: 200_000, TREE: 200_000, FOREST: 200_000, STACK: 200_000}
# Of more rows each tree of a forest draws so many, another sample than the others: what tuning sees, so that depth
# and leaves are chosen for trees of this size. With 20,000 the AUC on 100,000 synthetic snapshots fell by .0013.
MOST_ROWS_PER_TREE = 50_000

# What skops must be told to trust to load the calibrated candidates, besides its own defaults.
SKOPS_TRUSTED_TYPES = (
    "browse_assets.analysis.churn_calibration.Calibrated",
    "browse_assets.analysis.churn_candidates.many_valued",
    "browse_assets.analysis.churn_encoding.TellingColumns",
    "browse_assets.analysis.churn_features.TypedFeatures",
    "browse_assets.analysis.churn_repeat.RepeatVisits",
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",  # a spline of scipy 1.17 (Python 3.11) refers to it
    "scipy.interpolate._bsplines.BSpline",
    "scipy.interpolate._bsplines._BSpline",  # to which the former hands over from scipy 1.18 (Python 3.12) on
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)


def new_pipeline(name: str, params: dict[str, Any], *, seed: int, rule_feature: str | None = None) -> Any:
    """An unfitted candidate, from rows of raw features to P(churned).

    Args:
        name: one of CANDIDATES, REPEAT_VISITS or STACK.
        params: as `churn_tuning` chose them.
        seed: of trees and boosting.
        rule_feature: the number that the one rule looks at; without one, the encoded column that tells most.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    steps: list[tuple[str, Any]] = encoding_steps()
    if name == REPEAT_VISITS:
        steps = []
    elif name == ONE_RULE and rule_feature is not None:
        # Not screened: among thousands of columns the rule's own could be left out.
        steps = [("encode", ColumnTransformer([("numbers", filled_numbers(), [rule_feature])]))]
    pipeline = Pipeline([("types", TypedFeatures()), *steps, *model_pipeline(name, params, seed=seed).steps])
    return pipeline.set_output(transform="pandas")


def model_pipeline(name: str, params: dict[str, Any], *, seed: int) -> Any:
    """The unfitted steps of a candidate behind the encoding that all share; the last is `model`."""
    from sklearn.pipeline import Pipeline

    return Pipeline(_model_steps(name, dict(params), seed)).set_output(transform="pandas")


def _model_steps(name: str, params: dict[str, Any], seed: int) -> list[tuple[str, Any]]:
    from lightgbm import LGBMClassifier
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    if name == DUMMY:
        return [("model", DummyClassifier(strategy="prior"))]
    if name == ONE_RULE:
        return [("select", TellingColumns(1)), ("scale", StandardScaler()), ("model", LogisticRegression())]
    if name == LOGISTIC:
        knots = params.pop("knots", 0)
        model = LogisticRegression(**params, max_iter=1_000)
        return [*([("curves", _curves(knots, seed))] if knots else []), ("scale", StandardScaler()), ("model", model)]
    if name == TREE:
        return [("model", DecisionTreeClassifier(**params, random_state=seed))]
    if name == FOREST:
        return [("model", RandomForestClassifier(**params, random_state=seed, n_jobs=1))]
    if name == HISTOGRAM:
        return [("model", HistGradientBoostingClassifier(**params, random_state=seed, early_stopping=False))]
    if name == LIGHTGBM:
        model = LGBMClassifier(
            **params,
            subsample_freq=1,
            random_state=seed,
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
        )
        return [("model", model)]
    if name == REPEAT_VISITS:
        return [("model", churn_repeat.RepeatVisits(**params))]
    if name == STACK:
        return [("model", _weighted_mean(params, seed))]
    raise ValueError(f"there is no candidate {name}")


def _curves(knots: int, seed: int) -> Any:
    """Numbers of many values as cubic splines over their ranks (Eilers and Marx 1996, "Flexible smoothing")."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import QuantileTransformer, SplineTransformer

    curve = Pipeline(
        [
            ("ranks", QuantileTransformer(n_quantiles=RANK_QUANTILES, random_state=seed)),
            ("splines", SplineTransformer(n_knots=knots, degree=3, include_bias=False)),
        ]
    )
    return ColumnTransformer([("curves", curve, many_valued)], remainder="passthrough", verbose_feature_names_out=False)


def many_valued(x: pd.DataFrame) -> list[str]:
    """Names of the columns with more than CURVED_VALUES different values."""
    return [str(name) for name in x.columns if x[name].nunique() > CURVED_VALUES]


def _weighted_mean(params: dict[str, Any], seed: int) -> Any:
    """Mean of the members' probabilities; params: `weight_<member>`, and `<member>__<parameter>` of each."""
    from sklearn.ensemble import VotingClassifier

    weights = {key.removeprefix("weight_"): value for key, value in params.items() if key.startswith("weight_")}
    members = []
    for member in weights:
        own = {key.removeprefix(f"{member}__"): v for key, v in params.items() if key.startswith(f"{member}__")}
        members.append((member, model_pipeline(member, own, seed=seed)))
    return VotingClassifier(members, voting="soft", weights=list(weights.values()))


def sized(name: str, params: dict[str, Any], rows: int) -> dict[str, Any]:
    """The parameters for a fit on so many rows: each tree of a forest draws at most MOST_ROWS_PER_TREE of them.

    As a share, so that a copy can be fitted on fewer rows (`churn_audit`).
    """
    if rows <= MOST_ROWS_PER_TREE or (name != FOREST and f"weight_{FOREST}" not in params):
        return params
    return params | {("" if name == FOREST else f"{FOREST}__") + "max_samples": MOST_ROWS_PER_TREE / rows}


@dataclass(frozen=True)
class EncodedRows:
    """Rows with their encoding, which is the same for all candidates but those of their own columns.

    Attributes:
        raw: typed features.
        y: 1 for churned, else 0.
        steps: of the encoding, fitted on these rows.
        x: the rows encoded.
    """

    raw: pd.DataFrame
    y: IntArray
    steps: list[tuple[str, Any]]
    x: pd.DataFrame


def encode(raw: pd.DataFrame, y: IntArray) -> EncodedRows:
    """The rows, encoded once for all candidates that are fitted on them."""
    from sklearn.pipeline import Pipeline

    encoding = Pipeline([("types", TypedFeatures()), *encoding_steps()]).set_output(transform="pandas")
    x = encoding.fit_transform(raw, y)
    return EncodedRows(raw, y, encoding.steps, x)


def fit_candidate(
    name: str,
    params: dict[str, Any],
    rows: EncodedRows,
    *,
    seed: int,
    rule_feature: str | None = None,
) -> Any:
    """A fitted candidate; of more rows than MOST_ROWS, that many drawn at random."""
    from sklearn.pipeline import Pipeline

    has_own_columns = name == REPEAT_VISITS or (name == ONE_RULE and rule_feature is not None)
    x, y = rows.raw if has_own_columns else rows.x, rows.y
    most = MOST_ROWS.get(name, len(y))
    if len(y) > most:
        drawn = np.sort(np.random.default_rng(seed).choice(len(y), size=most, replace=False))
        x, y = x.iloc[drawn], y[drawn]
    params = sized(name, params, len(y))
    if has_own_columns:
        return new_pipeline(name, params, seed=seed, rule_feature=rule_feature).fit(x, y)
    model = model_pipeline(name, params, seed=seed).fit(x, y)
    return Pipeline([*rows.steps, *model.steps]).set_output(transform="pandas")


def has_histories(features: Collection[str]) -> bool:
    """Whether the features hold what REPEAT_VISITS learns from."""
    return set(churn_repeat.HISTORY) <= set(features)


def fitted_pipeline(estimator: Any) -> Any:
    """The pipeline inside a calibrated candidate."""
    return estimator.pipeline


def churn_probability(estimator: Any, x: pd.DataFrame) -> FloatArray:
    """P(churned) of each row, to 9 decimals.

    Linear algebra gives a row other last bits alone than in a batch; rounding takes them away.
    """
    return np.round(np.asarray(estimator.predict_proba(x), dtype=np.float64)[:, 1], 9)
