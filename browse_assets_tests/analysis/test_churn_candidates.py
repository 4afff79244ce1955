"""Candidates of churn: any columns, stored and loaded again, MBG/NBD as a classifier, calibration."""

import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis.churn import train_churn
from browse_assets.analysis.churn_calibration import BETA, LOG_ODDS, Calibrated, calibrate, refitted
from browse_assets.analysis.churn_candidates import (
    CANDIDATES,
    LOGISTIC,
    MOST_ROWS,
    MOST_ROWS_PER_TREE,
    REPEAT_VISITS,
    SKOPS_TRUSTED_TYPES,
    STACK,
    churn_probability,
    encode,
    fit_candidate,
    many_valued,
    new_pipeline,
    sized,
)
from browse_assets.analysis.churn_encoding import MOST_COLUMNS, TellingColumns, encoding_steps
from browse_assets.analysis.churn_features import feature_frame
from browse_assets.analysis.churn_repeat import RepeatVisits
from browse_assets.analysis.churn_tuning import DEFAULTS
from browse_assets.analysis.repeat_visits import RepeatModel

PARAMS: dict[str, dict[str, Any]] = {
    **{name: DEFAULTS.get(name, {}) for name in CANDIDATES},
    LOGISTIC: {"C": 0.1, "knots": 4},
    REPEAT_VISITS: {"gap_days": 7, "outcome_days": 30},
    STACK: {
        "weight_logistic_regression": 2,
        "weight_lightgbm": 1,
        "logistic_regression__C": 0.1,
        "logistic_regression__knots": 4,
        "lightgbm__n_estimators": 20,
    },
}
PARAMS["random_forest"] = {**PARAMS["random_forest"], "n_estimators": 10}


def _people(rows: int = 240, seed: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.uniform(30, 300, rows)
    frame = pd.DataFrame(
        {
            "history_days": rng.geometric(0.2, rows).astype(float),
            "days_since_last": first * rng.random(rows),
            "tenure_days": first,
            "plan": rng.choice(["a", "b", None], rows),
            "gap": np.where(rng.random(rows) < 0.2, np.nan, rng.exponential(3, rows)),
            "empty": np.nan,
            "same": 1.0,
        }
    )
    odds = frame["days_since_last"] / 60 - frame["history_days"] / 5 - 0.3 + (frame["plan"] == "a")
    return feature_frame(frame, list(frame.columns)), (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.intp)


@cache
def stored(name: str) -> tuple[Any, np.ndarray, bytes]:
    """A pipeline, its calibrated probabilities, and the calibrated candidate as it is stored."""
    import skops.io

    x, y = _people()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline = fit_candidate(name, PARAMS[name], encode(x[:150], y[:150]), seed=1)
        estimator = calibrate(pipeline, x[150:], y[150:])
        return pipeline, churn_probability(estimator, x), skops.io.dumps(estimator)


@pytest.mark.parametrize("name", PARAMS)
def test_each_candidate_is_stored_and_loaded_the_same(name: str) -> None:
    import skops.io

    pipeline, p, content = stored(name)
    loaded = skops.io.loads(content, trusted=list(SKOPS_TRUSTED_TYPES))
    assert churn_probability(loaded, _people()[0]).tolist() == p.tolist()
    assert ((p > 0) & (p < 1)).all()
    assert pipeline.steps[0][0] == "types"


def test_nothing_is_trusted_without_need() -> None:
    """Splines are other classes in each scipy (1.17 with Python 3.11, 1.18 with later ones)."""
    import skops.io

    needed = {found for name in PARAMS for found in skops.io.get_untrusted_types(data=stored(name)[2])}
    assert len(set(SKOPS_TRUSTED_TYPES)) == len(SKOPS_TRUSTED_TYPES)
    assert {name for name in SKOPS_TRUSTED_TYPES if not name.startswith("scipy.")} <= needed


@pytest.mark.parametrize("name", PARAMS)
def test_a_new_row_with_nothing_known_or_new_texts_is_scored(name: str) -> None:
    x, y = _people()
    pipeline = fit_candidate(name, PARAMS[name], encode(x, y), seed=1)
    new = x.head(2).assign(plan=["never seen", None], gap=[1e12, np.nan], history_days=[np.nan, np.nan])
    assert np.isfinite(pipeline.predict_proba(new)).all()


def test_of_many_rows_as_many_as_help_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = _people()
    monkeypatch.setitem(MOST_ROWS, "decision_tree", 100)
    few = fit_candidate("decision_tree", {"max_depth": 1}, encode(x, y), seed=1)
    assert few.named_steps["model"].tree_.n_node_samples[0] == 100
    again = fit_candidate("decision_tree", {"max_depth": 1}, encode(x, y), seed=1)
    assert again.predict_proba(x).tolist() == few.predict_proba(x).tolist()


def test_screen_keeps_what_varies_and_of_many_what_tells_most() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    x = pd.DataFrame(rng.normal(size=(200, 60)), columns=[f"noise_{i}" for i in range(60)])
    x["rising"] = np.exp(3 * y + rng.normal(size=200))
    x["missing_for_leavers"] = np.where(y & (rng.random(200) < 0.7), np.nan, 1.0)
    x["text"] = np.where(rng.random(200) < 0.8, np.where(y, "x", "z"), "other")
    x["id"] = [f"id-{i}" for i in range(200)]
    x["same"], x["empty"] = 1.0, np.nan
    kept = TellingColumns(3).fit(feature_frame(x, list(x.columns)), y).kept_
    assert kept == ["rising", "missing_for_leavers", "text"]
    enough = TellingColumns(100).fit(feature_frame(x, list(x.columns)), y)
    assert len(enough.kept_) == 64
    assert enough.transform(x).columns.tolist() == enough.get_feature_names_out().tolist() == enough.kept_


def test_without_any_column_that_varies_one_is_kept() -> None:
    assert TellingColumns().fit(pd.DataFrame({"a": [1.0, 1.0], "b": [None, None]}), [0, 1]).kept_ == ["a"]


def test_encoded_columns_are_never_too_many() -> None:
    from sklearn.pipeline import Pipeline

    rng = np.random.default_rng(0)
    x = pd.DataFrame({f"t{i}": rng.choice(list("abcdef"), 120) for i in range(50)})
    encoded = Pipeline(encoding_steps()).set_output(transform="pandas").fit_transform(x, np.arange(120) % 2)
    assert encoded.shape == (120, MOST_COLUMNS)
    assert encoded.notna().all().all()


def test_a_number_of_few_values_gets_no_curve() -> None:
    assert many_valued(pd.DataFrame({"flag": np.arange(30) % 2, "amount": np.arange(30.0)})) == ["amount"]


def test_a_curve_finds_what_a_line_cannot() -> None:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"a": rng.normal(size=800), "b": rng.normal(size=800)})
    y = (rng.random(800) < np.where(x["a"].abs() > 1, 0.9, 0.1)).astype(np.intp)
    accuracy = {
        knots: (fit_candidate(LOGISTIC, {"C": 1.0, "knots": knots}, encode(x, y), seed=1).predict(x) == y).mean()
        for knots in (0, 5)
    }
    assert accuracy[5] > 0.85 > accuracy[0] + 0.1


def test_ten_thousand_columns_for_few_people_are_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here 1,000 columns and one model; the time for all stands in the README."""
    rng = np.random.default_rng(2)
    x = pd.DataFrame(rng.normal(size=(150, 1_000)), columns=[f"f{i}" for i in range(1_000)])
    churned = rng.random(150) < 1 / (1 + np.exp(-3 * x["f7"]))
    more = pd.DataFrame({"user_key": [f"{i:03d}" for i in range(150)], "snapshot_time": pd.Timestamp("2026-01-01")})
    rows = pd.concat([x, more.assign(eligible=True, churned=churned)], axis=1)
    monkeypatch.setattr("browse_assets.analysis.churn_tuning.TRIALS", dict.fromkeys(CANDIDATES, 1))
    training = train_churn(
        rows, plan=None, features=list(x.columns), candidates=["dummy", "one_rule", LOGISTIC], rule_feature="f999"
    )
    assert training.status == "trained"
    assert MOST_COLUMNS <= len(training.features) <= MOST_COLUMNS + 1
    assert {"f7", "f999"} <= set(training.features)
    assert training.test.columns.tolist() == list(training.features)


def test_mbg_nbd_says_the_chance_of_no_visit_in_the_outcome() -> None:
    x, y = _people(400)
    model = RepeatVisits(gap_days=0, outcome_days=30).fit(x, y)
    fitted = RepeatModel(*model.parameters_)
    one = pd.DataFrame({"history_days": [5.0], "days_since_last": [10.0], "tenure_days": [100.0]})
    expected = 1 - fitted.returning(4, 90, 100, 30)
    assert model.predict_proba(one)[0, 1] == pytest.approx(float(expected))
    unknown = model.predict_proba(one.assign(history_days=np.nan))
    assert unknown[0, 1] == pytest.approx(y.mean())
    nobody_twice = RepeatVisits().fit(x.assign(history_days=1.0), y)
    assert nobody_twice.predict_proba(one)[0, 1] == pytest.approx(y.mean())


def test_returning_after_a_gap_agrees_with_simulated_people() -> None:
    """Rates and ends of 200,000 interests drawn from the posterior of one history, then played."""
    model, rng = RepeatModel(r=0.8, alpha=10.0, a=0.9, b=2.0), np.random.default_rng(1)
    x, t_x, age, gap, horizon, n = 3, 40.0, 50.0, 20.0, 30.0, 200_000
    alive = rng.random(n) < model.alive(x, t_x, age)
    rate = rng.gamma(model.r + x, 1 / (model.alpha + age), n)
    end = rng.beta(model.a, model.b + x + 1, n)
    alive &= rng.exponential(1, n) > rate * end * gap
    back = alive & (rng.exponential(1, n) < rate * horizon)
    assert float(model.returning(x, t_x, age, horizon, after=gap)) == pytest.approx(back.mean(), abs=0.004)
    assert float(model.returning(x, t_x, age, horizon)) > back.mean()


class _Says:
    """A pipeline that says what its only column says."""

    def predict_proba(self, x: pd.DataFrame) -> np.ndarray:
        p = x["p"].to_numpy()
        return np.column_stack([1 - p, p])


def _drawn(rows: int, bend: float) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.98, rows)
    true = 1 / (1 + np.exp(-bend * np.log(p / (1 - p))))
    return pd.DataFrame({"p": p}), (rng.random(rows) < true).astype(np.intp)


def test_calibration_makes_the_overconfident_modest_and_keeps_the_order() -> None:
    x, y = _drawn(1_500, bend=0.5)
    calibrated = Calibrated(_Says()).fit(x, y)
    p = churn_probability(calibrated, x)
    assert (np.diff(p[np.argsort(x["p"])]) >= 0).all()
    assert p[x["p"].argmax()] == pytest.approx(0.87, abs=0.04)
    assert calibrated.predict(x).tolist() == (p > 0.5).astype(int).tolist()


def test_few_rows_choose_no_map_and_a_lopsided_bend_asks_for_beta() -> None:
    x, y = _drawn(150, bend=1.0)
    assert Calibrated(_Says()).fit(x, y).method_ == LOG_ODDS
    rng = np.random.default_rng(5)
    x = pd.DataFrame({"p": rng.uniform(0.001, 0.999, 20_000)})
    y = (rng.random(20_000) < x["p"] ** 4).astype(np.intp)
    assert Calibrated(_Says()).fit(x, y).method_ == BETA


def test_a_refit_keeps_the_calibration() -> None:
    x, y = _drawn(300, bend=0.5)
    calibrated = calibrate(_Says(), x, y)
    before = churn_probability(calibrated, x)
    again = refitted(calibrated, _Says())
    assert churn_probability(again, x).tolist() == before.tolist()


def test_trees_of_a_forest_draw_what_tuning_sees_where_there_are_more_rows() -> None:
    few, many = MOST_ROWS_PER_TREE, 4 * MOST_ROWS_PER_TREE
    stack = {"weight_random_forest": 1, "weight_lightgbm": 2}
    assert sized("random_forest", {"max_depth": 3}, few) == {"max_depth": 3}
    assert sized("random_forest", {"max_depth": 3}, many) == {"max_depth": 3, "max_samples": 0.25}
    assert sized("stack", stack, many) == stack | {"random_forest__max_samples": 0.25}
    assert sized("stack", {"weight_lightgbm": 1}, many) == {"weight_lightgbm": 1}
    assert sized("lightgbm", {}, many) == {}
    new_pipeline("stack", sized("stack", stack, many), seed=1)


def test_a_shared_encoding_gives_what_each_candidate_encodes_for_itself() -> None:
    x, y = _people(120)
    rows = encode(x, y)
    for name in ("one_rule", "decision_tree", "hist_gradient_boosting"):
        alone = new_pipeline(name, PARAMS[name], seed=1).fit(x, y)
        assert (fit_candidate(name, PARAMS[name], rows, seed=1).predict_proba(x) == alone.predict_proba(x)).all()
