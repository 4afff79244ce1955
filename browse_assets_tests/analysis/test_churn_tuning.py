"""Tuning of churn: folds encoded by their own rows, a gain that counts, the same again, quiet."""

import warnings

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import churn_tuning
from browse_assets.analysis.churn_candidates import CANDIDATES, LIGHTGBM, LOGISTIC, TREE, new_pipeline
from browse_assets.analysis.churn_tuning import DEFAULTS, SPACES, TRIALS, Tuned, blend, surely_less, tune, tuning_folds


def _rows(n: int = 600, curved: bool = True, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "c": rng.choice(["u", "v"], n)})
    odds = 2 * (x["a"] ** 2 - 1) if curved else x["a"] * 0
    return x, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.intp)


def _thirds(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    third = np.arange(n) % 3
    return [(np.flatnonzero(third != k), np.flatnonzero(third == k)) for k in range(3)]


def test_what_is_better_for_sure_is_taken_and_twice_the_same(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRIALS, LOGISTIC, 6)
    x, y = _rows()
    folds = tuning_folds(x, y, np.arange(len(y)), _thirds(len(y)), seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, again = tune(LOGISTIC, folds, seed=1), tune(LOGISTIC, folds, seed=1)
    assert first.params["knots"] > 0
    assert first.log_loss < first.default_log_loss - 0.05
    assert (first.params, first.log_loss) == (again.params, again.log_loss)
    assert first.held_out.tolist() == again.held_out.tolist()
    assert first.trials == 6
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""


def test_noise_leaves_the_simple_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRIALS, TREE, 5)
    x, y = _rows(curved=False)
    folds = tuning_folds(x, y, np.arange(len(y)), _thirds(len(y)), seed=1)
    assert tune(TREE, folds, seed=1).params["max_depth"] <= DEFAULTS[TREE]["max_depth"]
    assert tune("dummy", folds, seed=1).params == {}
    assert tune(TREE, [], seed=1).params == DEFAULTS[TREE]


@pytest.mark.parametrize("name", SPACES)
def test_defaults_and_everything_proposed_can_be_fitted(name: str) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    x, y = _rows(90)
    for rows in (20, 400):
        proposed = SPACES[name](study.ask(), rows)
        assert set(proposed) <= set(DEFAULTS[name])
        small = {key: 5 for key in ("n_estimators", "max_iter") if key in DEFAULTS[name]}
        knots = {"knots": 0} if name == LOGISTIC else {}
        pipeline = new_pipeline(name, DEFAULTS[name] | proposed | small | knots, seed=1).fit(x, y)
        assert np.isfinite(pipeline.predict_proba(x)).all()


def test_held_out_rows_shape_nothing_of_their_folds() -> None:
    x, y = _rows(60)
    changed = x.copy()
    changed.loc[_thirds(60)[0][1], "a"] = 1e6
    before = tuning_folds(x, y, np.arange(60), _thirds(60), seed=1)[0]
    after = tuning_folds(changed, y, np.arange(60), _thirds(60), seed=1)[0]
    pd.testing.assert_frame_equal(before.x, after.x)


def test_of_very_many_rows_people_are_drawn_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(churn_tuning, "MOST_TUNING_ROWS", 200)
    x, y = _rows(900)
    person = np.arange(900) // 3
    folds = tuning_folds(x, y, person, _thirds(900), seed=1)
    used = sum(len(fold.held_y) for fold in folds)
    assert 150 < used < 250
    kept = set(np.concatenate([fold.held_person for fold in folds]))
    assert used == 3 * len(kept)


def test_a_fold_with_one_outcome_is_left_out() -> None:
    x, y = _rows(60)
    y = np.where(np.arange(60) % 3 == 0, y, 0)
    assert len(tuning_folds(x, y, np.arange(60), _thirds(60), seed=1)) == 2


def test_a_gain_counts_beyond_its_error_over_people() -> None:
    rng = np.random.default_rng(0)
    losses, person = rng.random(400), np.arange(400) // 4
    assert surely_less(losses - 0.01, losses, person)
    assert not surely_less(losses, losses, person)
    assert not surely_less(losses + 0.01, losses, person)
    few = np.zeros(400)
    few[:4], few[4:8] = 0.01, -0.001  # one person of a hundred gains, one loses
    assert not surely_less(losses - few, losses, person)


def test_a_stack_has_to_earn_its_place() -> None:
    x, y = _rows(300)
    folds = tuning_folds(x, y, np.arange(300), _thirds(300), seed=1)
    held = np.concatenate([fold.held_y for fold in folds])
    rng = np.random.default_rng(0)
    left, right = (1 / (1 + np.exp(-((held - 0.5) * 3 + rng.normal(size=300) * 1.5))) for _ in range(2))
    tuned = {
        LOGISTIC: Tuned({"C": 1.0, "knots": 0}, held_out=left),
        LIGHTGBM: Tuned({"n_estimators": 5}, held_out=right),
    }
    stack = blend(tuned, folds)
    assert stack is not None
    assert set(stack.params) == {
        "weight_logistic_regression",
        "weight_lightgbm",
        "logistic_regression__C",
        "logistic_regression__knots",
        "lightgbm__n_estimators",
    }
    assert stack.log_loss < stack.default_log_loss
    new_pipeline("stack", stack.params, seed=1).fit(x, y)
    same = {name: Tuned(found.params, held_out=left) for name, found in tuned.items()}
    assert blend(same, folds) is None
    assert blend({LOGISTIC: tuned[LOGISTIC]}, folds) is None


def test_every_model_has_a_space_trials_and_a_default_within() -> None:
    assert set(SPACES) == set(DEFAULTS) == set(TRIALS) == set(CANDIDATES) - {"dummy", "one_rule"}
