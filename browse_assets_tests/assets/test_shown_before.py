"""A page shows a picture again only where it was made from equal data by equal code."""

from typing import Any

import dagster as dg
import pytest

from browse_assets.assets import shown_before
from browse_assets.assets.shown_before import shown_again


class Shown:
    """An asset that shows one picture of `data`, made by `code`, and how often each was made."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.data: Any = [("a", 1.0)]
        self.instance = dg.DagsterInstance.ephemeral()

    def materialize(self, name: str = "one") -> dict[str, Any]:
        """What the asset of that name shows now."""

        @dg.asset(name=name)
        def shown() -> dg.MaterializeResult:
            return dg.MaterializeResult(metadata=shown_again(("picture", "count"), self.data, self._make))

        result = dg.materialize([shown], instance=self.instance)
        metadata = result.asset_materializations_for_node(name)[0].metadata
        return {key: metadata[key].value for key in ("picture", "count")}

    def _make(self) -> dict[str, Any]:
        self.made.append(self.data)
        return {"picture": dg.MetadataValue.md(f"![p]({len(self.made)})"), "count": len(self.made)}


@pytest.fixture
def page() -> Shown:
    return Shown()


def test_equal_data_are_shown_again_and_others_are_not(page: Shown) -> None:
    first = page.materialize()
    assert page.materialize() == first
    assert page.made == [[("a", 1.0)]]
    page.data = [("a", 2.0)]
    second = page.materialize()
    assert (first["count"], second["count"]) == (1, 2)
    assert second["picture"].startswith("![p](2)\n\n[made-from]: #")
    page.data = [("a", 1.0)]
    assert page.materialize()["count"] == 3  # only the last one counts, as it is what the page shows


def test_another_asset_and_other_code_show_their_own(page: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    page.materialize()
    assert page.materialize("two")["count"] == 2
    monkeypatch.setattr(shown_before, "fingerprint", lambda *_: "0" * 16)
    assert page.materialize()["count"] == 3


def test_what_an_erasure_took_away_is_made_anew(page: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    page.materialize()
    removed = {"picture": dg.MetadataValue.md("(removed)"), "count": dg.MetadataValue.int(1)}
    monkeypatch.setattr(shown_before, "_last_metadata", lambda: removed)
    assert page.materialize()["count"] == 2


def test_outside_of_a_run_it_is_made() -> None:
    made = shown_again(("picture",), 1, lambda: {"picture": dg.MetadataValue.md("![p](1)")})
    assert made["picture"].value.startswith("![p](1)")
