"""Command line of the sample panel's generator."""

import argparse
from datetime import date
from pathlib import Path


def main() -> None:
    """Parse the arguments and write the panel."""
    parser = argparse.ArgumentParser(
        prog="python -m browse_assets.sample_panel",
        description="Write the SYNTHETIC sample panel (`make sample`): inbox, customers, planted truth.",
    )
    parser.add_argument("--people", type=int, default=320, help="number of people (default 320)")
    parser.add_argument("--days", type=int, default=180, help="length in days (default 180)")
    parser.add_argument("--seed", type=int, default=7, help="seed of all randomness (default 7)")
    parser.add_argument("--end", type=date.fromisoformat, default=date(2026, 6, 30), help="last day, inclusive")
    parser.add_argument("--out", type=Path, default=Path("data/sample"), help="folder (default data/sample)")
    arguments = parser.parse_args()
    from browse_assets.sample_panel.truth import write_panel  # takes 3 s

    write_panel(arguments.out, arguments.people, arguments.days, arguments.seed, arguments.end)


if __name__ == "__main__":
    main()
