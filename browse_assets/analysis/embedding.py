"""Texts as points of a space in which texts of like meaning lie near each other.

What belongs here: loading the static word embeddings and using them. What does not: what is made of the points
(`topics`, `products`).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
DIMENSIONS = 256


@cache
def _model() -> Any:
    # 0.6 s to import; the weights (16 MB) lie inside the wheel.
    from pathlib import Path

    import wordllama

    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load("l2_supercat", dim=DIMENSIONS, cache_dir=folder, disable_download=True)


def embed(texts: Sequence[str]) -> FloatArray:
    """One row per text: a vector of length 1; of zeros where the text has no token.

    The mean of the tokens' vectors (WordLlama l2_supercat, 256 dimensions, MIT), so order does not matter.
    A text gives the same vector alone and in a batch.
    """
    if not texts:
        return np.zeros((0, DIMENSIONS), dtype=np.float32)
    vectors = np.asarray(_model().embed(list(texts), norm=False), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


@cache
def whole_words() -> dict[str, int]:
    """Words that are one token, and their place in the vocabulary: the smaller, the more frequent.

    About 13,000, English most of them: the vocabulary was learnt from text of the web.
    """
    ranks: dict[str, int] = {}
    for token, rank in _model().tokenizer.get_vocab().items():
        word = token.removeprefix("▁").lower()
        if token.startswith("▁") and word.isalpha() and word.isascii():
            ranks[word] = min(rank, ranks.get(word, rank))
    return ranks
