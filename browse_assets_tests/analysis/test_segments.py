"""Segments: planted groups are found, small panels are not cut up, and nothing is left to chance."""

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import segments
from browse_assets.analysis.segment_scaling import ScaledShares
from browse_assets.analysis.segments import NO_SEGMENT, Segmentation, language_agreement, segment_people

TOPICS = ["Cars", "Food", "Games", "News", "Sports", "Travel"]
PLANTED = {"Food": 40, "Games": 25, "Travel": 15}


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    """80 people of 60 sessions, most on the topic of their group; seeded, hence always equal."""
    rng = np.random.default_rng(7)
    rows, keys = [], []
    for topic, people in PLANTED.items():
        alpha = np.where(np.array(TOPICS) == topic, 12.0, 0.6)
        rows.append(60 * rng.dirichlet(alpha, people))
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
        assert found.model.predict(row).tolist() == [batch[i]]


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
    scaled = segments._scaled

    def watched(known: pd.DataFrame) -> np.ndarray:
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return scaled(known)

    monkeypatch.setattr(segments, "_scaled", watched)
    with threadpool_limits(limits=4):
        segment_people(planted, max_segments=2)
    assert seen
    assert set(seen) == {1}


def test_map_is_the_first_two_principal_components(planted: pd.DataFrame, found: Segmentation) -> None:
    points = ScaledShares(5.0).fit_transform(planted.loc[found.labels.index])
    variances = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    xy = found.coordinates.to_numpy()
    assert np.cov(xy.T) == pytest.approx(np.diag(variances[:2]), abs=1e-9)
    for axis in xy.T:
        loadings = points.T @ axis
        assert loadings[np.abs(loadings).argmax()] > 0


def test_people_without_evidence_are_in_no_segment(planted: pd.DataFrame) -> None:
    silent = pd.DataFrame({topic: [0.0, np.nan] for topic in TOPICS}, index=["A-none", "Z-none"])
    result = segment_people(pd.concat([planted, silent]))
    assert result.labels[["A-none", "Z-none"]].tolist() == [NO_SEGMENT] * 2
    assert result.coordinates.loc[["A-none", "Z-none"]].isna().all(axis=None)
    assert result.labels.drop(["A-none", "Z-none"]).value_counts().to_dict() == {
        0: 40,
        1: 25,
        2: 15,
    }


def test_who_would_be_a_tiny_segment_goes_to_the_nearest_one(planted: pd.DataFrame) -> None:
    outliers = pd.DataFrame(0.0, index=[f"X-{i}" for i in range(10)], columns=TOPICS)
    outliers["Cars"], outliers["Food"] = 40.0, 20.0
    result = segment_people(pd.concat([planted, outliers]), min_people=11)
    assert result.labels.value_counts().min() >= 11
    assert (result.labels >= 0).all()
    assert result.model.predict(outliers).tolist() == result.labels[outliers.index].tolist()
    # Eleven of them are a segment.
    eleventh = outliers.tail(1).rename(index={"X-9": "X-10"})
    again = segment_people(pd.concat([planted, outliers, eleventh]), min_people=11)
    assert "Cars" in again.names.values() or "Cars, Food" in again.names.values()


def test_few_people_are_one_segment_and_fewer_than_k_none(planted: pd.DataFrame) -> None:
    few = segment_people(planted.iloc[::7], min_people=11)
    assert (len(few.labels), few.k, few.names, few.model) == (12, 1, {0: "all"}, None)
    assert "need at least 22" in few.reason
    assert few.labels.eq(0).all()
    fewer = segment_people(planted.iloc[::9], min_people=11)
    assert (len(fewer.labels), fewer.k, fewer.names) == (9, 0, {})
    assert fewer.labels.eq(NO_SEGMENT).all()
    assert "no segment may have fewer than 11" in fewer.reason


def test_few_sessions_make_no_profile() -> None:
    """Two sessions move a person little from the panel's mean, two hundred all the way."""
    scale = ScaledShares(prior_sessions=5.0).fit([[5.0, 5.0]])
    two, many = scale.transform([[2.0, 0.0], [200.0, 0.0]]) * np.sqrt(np.sqrt(scale.mean_))
    assert two**2 == pytest.approx([4.5 / 7, 2.5 / 7])
    assert many**2 == pytest.approx([202.5 / 205, 2.5 / 205])


def test_everybody_alike_is_one_segment() -> None:
    alike = pd.DataFrame(3.0, index=range(30), columns=["a", "b", "c"])
    result = segment_people(alike)
    assert (result.k, result.names) == (1, {0: "all"})
    assert "fewer than 11" in result.reason


def test_agreement_with_languages() -> None:
    labels = pd.Series([0, 0, 1, 1, -1], index=list("abcde"))
    same = pd.Series({"a": "en", "b": "en", "c": "de", "d": "de", "e": "fr"})
    assert language_agreement(labels, same) == pytest.approx(1.0)
    assert np.isnan(language_agreement(labels, same.iloc[:2]))
    crossed = pd.Series({"a": "en", "b": "de", "c": "en", "d": "de"})
    assert language_agreement(labels, crossed) < 0.1


@pytest.mark.parametrize("columns", [[], ["a"]])
def test_nobody_and_nothing(columns: list[str]) -> None:
    result = segment_people(pd.DataFrame(columns=columns, dtype=float))
    assert (result.k, result.names, len(result.labels)) == (0, {}, 0)
    assert result.reason == "nobody has any evidence of interest"


def test_one_topic_has_a_flat_map() -> None:
    result = segment_people(pd.DataFrame({"a": np.ones(12)}))
    assert result.coordinates.to_numpy().tolist() == [[0.0, 0.0]] * 12


def test_people_without_structure_are_one_segment() -> None:
    """Topics that know nothing of each other: no division beats its own permuted copies."""
    rng = np.random.default_rng(3)
    result = segment_people(pd.DataFrame(rng.gamma(0.4, 10, (150, 12))))
    assert (result.k, result.names) == (1, {0: "all"})
    assert "no division beats chance" in result.reason
    assert max(result.silhouette.values()) <= max(result.chance)


@pytest.mark.parametrize("bad", [-0.1, np.inf])
def test_impossible_shares_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        segment_people(pd.DataFrame({"a": [bad, 1.0]}))


def test_a_doubled_person_is_refused(planted: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="more than one row"):
        segment_people(pd.concat([planted, planted.head(1)]))
