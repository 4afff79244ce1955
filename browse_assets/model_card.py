"""`make model-card`: the model card of the newest training on the sample panel, into docs/.

What belongs here: finding that card and writing the file. What does not: what the card says
(`analysis/churn_card.py`), training (`make run`).
"""

import argparse
import sys
from collections.abc import Sequence

from browse_assets.command_line import leave, run_command
from browse_assets.settings import PROJECT_ROOT, load_settings
from browse_assets.stopping import StopRequests

TARGET = PROJECT_ROOT / "docs" / "churn_model_card.md"
INTRODUCTION = """\
<!-- Written by `make model-card` from the newest training on the bundled sample panel (`model_card.md` of its MLflow
run). The people are synthetic. The card of your own panel is in MLflow, at the run named `churn`. -->
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the card; 1 where there is no training, or it is not of the sample panel."""
    argparse.ArgumentParser(
        prog="make model-card",
        description="Write docs/churn_model_card.md again, from the newest training on the bundled sample panel. The "
        "card of a training on own files is in MLflow, at the run named churn, and never goes into docs/.",
    ).parse_args(arguments)
    return run_command(_work)


def _work(_: StopRequests) -> int:
    from browse_assets.assets.state import read_state
    from browse_assets.resources import ExperimentTracker, open_databases

    settings = load_settings()
    if not settings.warehouse_path.exists():
        print("There is no training yet: make run.", file=sys.stderr)
        return 1
    with open_databases(settings, warehouse="read") as con:
        run = read_state(con, "churn_model").mlflow_run
    if run is None:
        print("There is no training yet: make run.", file=sys.stderr)
        return 1
    mlflow = ExperimentTracker().client()
    run_id = run.rpartition("/")[2]
    if mlflow.MlflowClient().get_run(run_id).data.tags.get("origin") != "sample":
        print("The newest training is of own files: a card in docs/ would tell of real people.", file=sys.stderr)
        return 1
    card = mlflow.artifacts.load_text(f"runs:/{run_id}/model_card.md")
    TARGET.write_text(f"{INTRODUCTION}\n{card.rstrip()}\n", encoding="utf-8")
    print(f"Written: {TARGET.relative_to(PROJECT_ROOT)}")
    return 0


if __name__ == "__main__":
    leave(main())
