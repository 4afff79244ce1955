"""`make dictionary`: writes the data dictionary of `tables.py` into the README."""

import argparse
from collections.abc import Sequence

from browse_assets.settings import PROJECT_ROOT
from browse_assets.tables import dictionary_markdown

BEGIN, END = "<!-- data dictionary: begin -->", "<!-- data dictionary: end -->"


def main(arguments: Sequence[str] | None = None) -> None:
    """Replace what stands between the two marks."""
    argparse.ArgumentParser(
        prog="make dictionary",
        description="Write the data dictionary (every table and column of browse_assets/tables.py) into README.md "
        "again, between its two marks. Nothing else of the file changes.",
    ).parse_args(arguments)
    readme = PROJECT_ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n{dictionary_markdown()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
