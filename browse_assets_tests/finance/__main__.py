"""`python -m browse_assets_tests.finance`: the figures of the README's section Finance."""

import os
import tempfile

from browse_assets.resources import open_databases
from browse_assets.settings import load_settings
from browse_assets_tests.finance import measure


def main() -> None:
    """Print precision and recall of the labelled pages by half and product, and of banks by their names."""
    rows = measure.read("labelled_pages.csv")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"BROWSE_DATA_DIR": folder, "BROWSE_SECRET_KEY": "ab" * 32}
        with open_databases(load_settings(), warehouse="write") as con:
            found = measure.judge(con, rows)
    for half in ("dev", "held_out", "both"):
        wanted = [n for n, row in enumerate(rows) if half in (row["half"], "both")]
        for intent in ("shopping", "servicing"):
            measured = measure.scores([rows[n] for n in wanted], dict(enumerate(found[n] for n in wanted)), intent)
            print(f"\n{intent}, {half}\n{measure.table(measured)}")
    for half in ("dev", "held_out"):
        recalls, ordinary = measure.banks_by_name(half)
        shown = ", ".join(f"{source} {recall:.3f}" for source, recall in recalls.items())
        print(f"\nbanks by name alone, {half}: {shown}; ordinary sites flagged {ordinary:.4f}")


if __name__ == "__main__":
    main()
