"""The product's own training of churn on real customers, beside the figures that others published.

What belongs here: the protocol, the bars, the table that is printed. What does not: the data (`data.py`), training
and tuning (`browse_assets/analysis/churn*.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from browse_assets.analysis.churn import SEED, train_churn
from browse_assets.analysis.churn_audit import audit_churn, audit_passed
from browse_assets.analysis.churn_candidates import CANDIDATES
from browse_assets.analysis.churn_promotion import decide
from browse_assets_tests.bench_churn.data import DATA_SETS, Customers, NoDataError

# The protocol of the benchmark in the README of interpret (EBM): three stratified tests of a quarter each.
SPLITS, TEST_SHARE, SPLIT_SEED = 3, 0.25, 1337
SHOWN = ("roc_auc", "f1", "brier", "log_loss", "accuracy")
# What has to be reached by the model that tuning chose, and what is known to be reachable.
BARS: dict[str, dict[str, float]] = {
    "telco": {"roc_auc": 0.853, "f1": 0.637, "brier": 0.134},
    "mlc_churn": {"roc_auc": 0.925},
    "cdnow_sample": {"roc_auc": 0.771},
    "cdnow_master": {"roc_auc": 0.771},
}
LOWER_IS_BETTER = ("brier", "log_loss")
CHOSEN = "chosen by tuning"


@dataclass(frozen=True)
class Trained:
    """What one data set gave.

    Attributes:
        table: mean over the splits, one row per candidate that all splits had, then the one chosen by tuning.
        chosen: by split, the candidate that won in tuning; nothing of the test was seen by then.
        promoted: by split, who became champion, None for nobody.
        seconds: CPU time in all.
    """

    table: pd.DataFrame
    chosen: list[str]
    promoted: list[str | None]
    seconds: float


def run(customers: Customers, *, candidates: Sequence[str] = CANDIDATES, splits: int = SPLITS) -> Trained:
    """Train on each split's three quarters, measure on its quarter; or once on the test that comes with the data."""
    rows = customers.rows
    tests = _tests(customers, splits)
    started = time.process_time()
    tables, chosen, promoted = [], [], []
    for test in tests:
        training = train_churn(
            rows,
            plan=None,
            features=customers.features,
            horizon=customers.horizon,
            test_people=set(rows["user_key"].iloc[list(test)]),
            candidates=candidates,
        )
        chosen.append(str(training.best))
        is_clean = audit_passed(audit_churn(training, rows))
        promoted.append(decide(training, seed=SEED, audit_passed=is_clean).promoted)
        table = training.table.set_index("model")[list(SHOWN)]
        tables.append(pd.concat([table, table.loc[[chosen[-1]]].set_axis([CHOSEN])]))
    every = pd.concat(tables)
    mean = every.groupby(level=0, sort=False).mean()[every.groupby(level=0, sort=False).size() == len(tests)]
    order = [name for name in mean.index if name != CHOSEN]
    return Trained(mean.loc[[*order, CHOSEN]], chosen, promoted, time.process_time() - started)


def _tests(customers: Customers, splits: int) -> list[Sequence[int]]:
    from sklearn.model_selection import StratifiedShuffleSplit

    if customers.test is not None:
        return [customers.test]
    divided = StratifiedShuffleSplit(n_splits=splits, test_size=TEST_SHARE, random_state=SPLIT_SEED)
    return [test for _, test in divided.split(customers.rows, customers.rows["churned"])]


def verdicts(name: str, trained: Trained) -> list[str]:
    """Whether each bar is reached, in words."""
    said = []
    for metric, bar in BARS.get(name, {}).items():
        got = float(trained.table.loc[CHOSEN, metric])
        reached = got <= bar if metric in LOWER_IS_BETTER else got >= bar
        sign = "at most" if metric in LOWER_IS_BETTER else "at least"
        said.append(f"{metric} {got:.4f}, asked for {sign} {bar}: {'reached' if reached else 'NOT reached'}")
    return said


def print_tables(names: Sequence[str]) -> int:
    """Print the tables; exit code 1 when a data set is missing or a bar is not reached."""
    failed = False
    for name in names:
        try:
            customers = DATA_SETS[name]()
        except NoDataError as error:
            print(f"\n{name}: left out. {error}")
            failed = True
            continue
        left = customers.rows["churned"].mean()
        print(f"\n{name}: {len(customers.rows):,} customers, {len(customers.features)} features, {left:.1%} left")
        anew = f"mean of {SPLITS} stratified tests of {TEST_SHARE:.0%}, seed {SPLIT_SEED}"
        print(
            anew if customers.test is None else f"the test that comes with the data: {len(customers.test):,}",
            flush=True,
        )
        trained = run(customers)
        print(trained.table.to_string(float_format="{:.4f}".format))
        print(f"{CHOSEN}: {', '.join(trained.chosen)}")
        print(f"champion: {', '.join(who or 'none' for who in trained.promoted)}; {trained.seconds:.0f} s of CPU")
        said = verdicts(name, trained)
        print("\n".join(said), flush=True)
        failed |= any("NOT" in verdict for verdict in said)
    return int(failed)
