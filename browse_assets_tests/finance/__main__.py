"""`python -m browse_assets_tests.finance`: the figures of the README's section Finance."""

import os
import tempfile

from browse_assets.resources import open_databases
from browse_assets.settings import load_settings
from browse_assets_tests.finance import measure


def main() -> None:
    """Print precision and recall of the labelled pages by set and product, and of banks by their names."""
    fresh = measure.read("fresh_pages.csv")
    sets = {
        "labelled pages": measure.read("labelled_pages.csv"),
        "fresh pages, seen half": measure.fresh_half(fresh, "seen"),
        "fresh pages, unseen half": measure.fresh_half(fresh, "unseen"),
    }
    for name, rows in sets.items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ |= {"BROWSE_DATA_DIR": folder, "BROWSE_SECRET_KEY": "ab" * 32}
            with open_databases(load_settings(), warehouse="write") as con:
                found = measure.judge(con, rows)
        for intent in ("shopping", "servicing"):
            print(f"\n{name}, {intent}\n{measure.table(measure.scores(rows, found, intent))}")
        print(f"\n{name}: pages that are nothing and are flagged {measure.flagged_of_nothing(rows, found):.4f}")
    for half in ("dev", "held_out"):
        for with_lists in (False, True):
            recalls, ordinary = measure.banks_by_host(half, with_lists=with_lists)
            shown = ", ".join(f"{source} {recall:.3f}" for source, recall in recalls.items())
            print(f"\nbanks, lists {'on' if with_lists else 'off'}, {half}: {shown}; ordinary flagged {ordinary:.4f}")


if __name__ == "__main__":
    main()
