"""Texts of like meaning lie near each other, and a text's place does not depend on the others."""

import numpy as np

from browse_assets.analysis.embedding import DIMENSIONS, embed


def test_like_texts_are_near() -> None:
    football, soccer, mortgage = embed(["football match tonight", "soccer game this evening", "compare mortgage rates"])
    assert football @ soccer > football @ mortgage + 0.2


def test_a_text_is_the_same_alone_and_in_a_batch() -> None:
    texts = ["a", "a very much longer text about gardens and their plants " * 20, "", "12", "привет"]
    together = embed(texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(embed([text])[0], vector, atol=1e-6)
    lengths = np.linalg.norm(together, axis=1)
    assert set(np.round(lengths, 5)) <= {0.0, 1.0}


def test_no_texts_are_no_rows() -> None:
    assert embed([]).shape == (0, DIMENSIONS)
