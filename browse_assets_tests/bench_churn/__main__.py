"""`make bench-churn`: the command. What does not belong here: what it does (`benchmark.py`)."""

import argparse
from collections.abc import Sequence

from browse_assets.command_line import leave, run_command

# Those of `data.DATA_SETS`, which takes a second to import.
NAMES = ("telco", "mlc_churn", "mlc_churn_split_anew", "ravenstack", "cdnow_sample", "cdnow_master")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; exit code 1 when a data set is missing or a bar is not reached."""
    parser = argparse.ArgumentParser(
        prog="make bench-churn",
        description="Trains churn on real customers, as make run does, beside the figures that others published. The "
        "customers are other people's files: BROWSE_CHURN_DATA names their folder (see README).",
    )
    parser.add_argument("data_sets", nargs="*", metavar="data_set", help=f"of {', '.join(NAMES)} (default: all)")
    names = parser.parse_args(arguments).data_sets or list(NAMES)
    for name in set(names) - set(NAMES):
        parser.error(f"there is no data set {name}")
    from browse_assets_tests.bench_churn.benchmark import print_tables

    return run_command(lambda _: print_tables(names))


if __name__ == "__main__":
    leave(main())
