"""Segments: planted groups are found, small panels are not cut up, and nothing is left to chance."""

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import segments
from browse_assets.analysis.segments import NO_EVIDENCE, Segmentation, segment_people

TOPICS = ["Cars", "Food", "Games", "News", "Sports", "Travel"]
PLANTED = {"Food": 40, "Games": 25, "Travel": 15}


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    """80 people, each with most sessions on the topic of their group; seeded, hence always equal."""
    rng = np.random.default_rng(7)
    rows, keys = [], []
    for topic, people in PLANTED.items():
        alpha = np.where(np.array(TOPICS) == topic, 12.0, 0.6)
        rows.append(rng.dirichlet(alpha, people))
        keys += [f"{topic}-{i:02d}" for i in range(people)]
    return pd.DataFrame(np.vstack(rows), index=pd.Index(keys, name="user_key"), columns=TOPICS)


@pytest.fixture(scope="module")
def found(planted: pd.DataFrame) -> Segmentation:
    return segment_people(planted)


def test_planted_groups_are_found_in_order_of_size(found: Segmentation) -> None:
    assert found.k == 3
    assert found.labels.value_counts().to_dict() == {0: 40, 1: 25, 2: 15}
    assert found.names == {0: "Food", 1: "Games", 2: "Travel"}
    planted_topic = found.labels.index.str.split("-").str[0]
    assert (found.labels.map(found.names) == planted_topic).all()
    assert found.stability > 0.95
    assert max(found.silhouette, key=lambda k: found.silhouette[k]) == 3


def test_the_model_gives_the_same_segments_alone_and_in_a_batch(planted: pd.DataFrame, found: Segmentation) -> None:
    batch = found.model.predict(planted.loc[found.labels.index])
    assert batch.tolist() == found.labels.tolist()
    for i in range(0, 80, 11):
        row = planted.loc[[found.labels.index[i]]]
        assert found.model.predict(row * 3).tolist() == [batch[i]]


def test_order_of_people_and_topics_changes_no_bit(planted: pd.DataFrame, found: Segmentation) -> None:
    again = segment_people(planted.sample(frac=1, random_state=1)[TOPICS[::-1]])
    pd.testing.assert_series_equal(again.labels, found.labels)
    pd.testing.assert_frame_equal(again.coordinates, found.coordinates, check_exact=True)
    assert (again.silhouette, again.stability) == (found.silhouette, found.stability)


def test_one_thread_whatever_the_machine_has(planted: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    # k-means on 4 threads gave 7 different results in 12 runs, in their last bits.
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import threadpool_info, threadpool_limits

    seen: list[int] = []
    hellinger = segments._hellinger

    def watched(known: pd.DataFrame) -> np.ndarray:
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return hellinger(known)

    monkeypatch.setattr(segments, "_hellinger", watched)
    with threadpool_limits(limits=4):
        segment_people(planted, max_segments=2)
    assert seen
    assert set(seen) == {1}


def test_map_is_the_first_two_principal_components(planted: pd.DataFrame, found: Segmentation) -> None:
    points = np.sqrt(planted.loc[found.labels.index].to_numpy())
    variances = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    xy = found.coordinates.to_numpy()
    assert np.cov(xy.T) == pytest.approx(np.diag(variances[:2]), abs=1e-9)
    for axis in xy.T:
        loadings = points.T @ axis
        assert loadings[np.abs(loadings).argmax()] > 0


def test_people_without_evidence_are_in_no_segment(planted: pd.DataFrame) -> None:
    silent = pd.DataFrame({topic: [0.0, np.nan] for topic in TOPICS}, index=["A-none", "Z-none"])
    result = segment_people(pd.concat([planted, silent]))
    assert result.labels[["A-none", "Z-none"]].tolist() == [NO_EVIDENCE] * 2
    assert result.coordinates.loc[["A-none", "Z-none"]].isna().all(axis=None)
    assert result.labels.drop(["A-none", "Z-none"]).value_counts().to_dict() == {
        0: 40,
        1: 25,
        2: 15,
    }


def test_no_segment_is_tiny(planted: pd.DataFrame) -> None:
    outliers = pd.DataFrame(0.0, index=[f"X-{i}" for i in range(3)], columns=TOPICS)
    outliers["Cars"] = 1.0
    result = segment_people(pd.concat([planted, outliers]), min_people=5)
    assert result.k >= 2
    assert result.labels.value_counts().min() >= 5


def test_too_few_people_are_one_segment_with_the_reason(planted: pd.DataFrame) -> None:
    result = segment_people(planted.iloc[::9], min_people=5)
    assert len(result.labels) == 9
    assert (result.k, result.names, result.model) == (1, {0: "all"}, None)
    assert "need at least 10" in result.reason
    assert result.labels.eq(0).all()


def test_everybody_alike_is_one_segment() -> None:
    alike = pd.DataFrame(1 / 3, index=range(30), columns=["a", "b", "c"])
    result = segment_people(alike)
    assert (result.k, result.names) == (1, {0: "all"})
    assert "fewer than 5" in result.reason


@pytest.mark.parametrize("columns", [[], ["a"]])
def test_nobody_and_nothing(columns: list[str]) -> None:
    result = segment_people(pd.DataFrame(columns=columns, dtype=float))
    assert (result.k, result.names, len(result.labels)) == (0, {}, 0)
    assert result.reason == "nobody has any evidence of interest"


def test_one_topic_has_a_flat_map() -> None:
    result = segment_people(pd.DataFrame({"a": np.ones(12)}))
    assert result.coordinates.to_numpy().tolist() == [[0.0, 0.0]] * 12


def test_shapeless_people_are_called_so() -> None:
    rng = np.random.default_rng(3)
    result = segment_people(pd.DataFrame(rng.dirichlet(np.ones(12), 120)))
    assert result.k == 1 or "read with care" in result.reason
    assert result.stability < 0.9


@pytest.mark.parametrize("bad", [-0.1, np.inf])
def test_impossible_shares_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        segment_people(pd.DataFrame({"a": [bad, 1.0]}))


def test_a_doubled_person_is_refused(planted: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="more than one row"):
        segment_people(pd.concat([planted, planted.head(1)]))
