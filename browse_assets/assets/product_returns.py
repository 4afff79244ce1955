"""The asset product_backtest: how well it can be told who returns to a product.

What belongs here: reading pairs, running the back-test, logging it. What does not: methods and metrics
(`analysis/product_backtest.py`), what MLflow is told (`training.py`).
"""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from browse_assets.assets.products import load_product_events, products
from browse_assets.assets.reporting import drawn, table_result
from browse_assets.assets.state import State, fingerprint, read_as_of, read_state, require_state, write_state
from browse_assets.assets.training import log_product_return, run_link
from browse_assets.resources import WRITER_POOL, Databases, ExperimentTracker, replace_table, transaction
from browse_assets.sql import read_sql
from browse_assets.tables import PRODUCT_BACKTEST, PRODUCT_STAGES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dg.asset(pool=WRITER_POOL, group_name="products", deps=[products])
def product_backtest(
    context: dg.AssetExecutionContext, databases: Databases, tracker: ExperimentTracker
) -> dg.MaterializeResult:
    """One row per method of telling who returns to a product within 14 days.

    At up to four cut-offs of the past each method ranks the (person, product) pairs seen before, fitted and calibrated
    on earlier cut-offs alone. Caveat: which product a page is about is judged with today's names; a young panel gives
    no figure, and says so; on the synthetic sample 723 of 15,251 pairs return, so intervals are 0.1 wide.
    """
    with databases.open(warehouse="write") as con:
        source, stored = require_state(con, "products"), read_state(con, "product_backtest")
        as_of = read_as_of(con, databases.settings)
        target = State(source.load_id, fingerprint("product_backtest", source.fingerprint, as_of))
        extra: dict[str, Any] = {}
        if stored == target:
            context.log.info("Nothing new: the back-test stands as it is.")
            extra |= run_link(stored.mlflow_run)
        else:
            import pandas as pd

            from browse_assets.analysis.product_backtest import HORIZON_DAYS, cutoffs_of, run_backtest

            # Without any event there is no end: a day that nothing comes before.
            end = as_of or datetime.min
            start = con.execute("SELECT min(event_time) FROM scrubbed_events").fetchone()
            cutoffs = cutoffs_of(pd.Timestamp(start[0]), pd.Timestamp(end)) if start and as_of else []
            con.execute("CREATE TEMP TABLE cutoffs (cutoff TIMESTAMP)")
            for cutoff in cutoffs:
                con.execute("INSERT INTO cutoffs VALUES (?)", [cutoff.to_pydatetime()])
            con.execute(read_sql("macros"))
            load_product_events(con, end)
            pairs = con.execute(
                read_sql("product_pairs"), {"stages": list(PRODUCT_STAGES), "horizon": HORIZON_DAYS}
            ).df()
            found = run_backtest(pairs)
            logged = log_product_return(context, tracker, found, as_of)
            table = (
                found.table.assign(mlflow_run_id=[logged.candidate_runs[m] for m in found.table["method"]])
                if len(found.table)
                else None
            )
            with transaction(con):
                if table is None:
                    con.execute("DELETE FROM product_backtest")
                else:
                    con.register("tested", table)
                    replace_table(
                        con,
                        PRODUCT_BACKTEST,
                        "SELECT *, $pairs AS pairs, $returns AS returns, $cutoffs AS cutoffs, "
                        "$as_of::TIMESTAMP AS as_of "
                        "FROM tested ORDER BY average_precision DESC, method",
                        {
                            "pairs": found.params["test_pairs"],
                            "returns": found.params["test_returns"],
                            "cutoffs": found.params["test_cutoffs"],
                            "as_of": as_of,
                        },
                    )
                write_state(con, "product_backtest", replace(target, mlflow_run=logged.run))
            extra |= run_link(logged.run) | {"status": found.status, "reason": found.reason}
        rows = con.execute(
            "SELECT method, precision_at_k FROM product_backtest ORDER BY precision_at_k DESC, method"
        ).fetchall()
        if rows:
            extra |= drawn("precision at k", rows, lambda: _precision_figure(rows))
        return table_result(
            con,
            PRODUCT_BACKTEST,
            preview_select="SELECT method, precision_at_k, average_precision, log_loss, calibration_error, "
            "is_above_popularity FROM product_backtest ORDER BY average_precision DESC",
            preview_rows=10,
            extra=extra,
        )


def _precision_figure(rows: list[tuple[str, float]]) -> "Figure":
    from browse_assets.analysis.figures import bar_figure

    names, values = [method for method, _ in rows], [100 * value for _, value in rows]
    return bar_figure(names, values, title="precision at k, %")
