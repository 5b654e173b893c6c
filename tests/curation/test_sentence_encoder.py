"""The embedder that is read without sentence-transformers says what that library says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from curation.checks.embeddings import look
from curation.checks.sentence_encoder import SentenceEncoder, can_encode
from project.model_pins import ModelChoice, locate
from project.records.data import Row

TEXTS = (
    "How do I reset my PIN?",
    "",
    " \n\t ",
    "word " * 400,  # more than are read
    "ÀÉ naïve Straße, Ωμέγα, हिन्दी पाठ, 日本語",
    "😀 \u200b [SEP] ##ing @user http://a.b/c?d=e",
)


@pytest.fixture(scope="module")
def embedder() -> Path:
    return locate(ModelChoice(), "embedder")


@pytest.mark.slow
def test_vectors_are_those_of_sentence_transformers(embedder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(embedder), device="cpu").encode(list(TEXTS))
    np.testing.assert_allclose(SentenceEncoder(embedder)(TEXTS), expected, atol=1e-6)


def test_a_vector_does_not_depend_on_the_texts_beside_it(embedder: Path) -> None:
    encode = SentenceEncoder(embedder)
    alone = np.concatenate([encode([text]) for text in TEXTS])
    np.testing.assert_allclose(encode(TEXTS), alone, atol=1e-6)
    assert encode([]).shape == (0, alone.shape[1])


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"model_type": "mpnet"}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}),
        ("config_sentence_transformers.json", {"similarity_fn_name": "dot"}),
        ("modules.json", [{"type": "sentence_transformers.models.Transformer", "path": ""}]),
        ("tokenizer.json", None),
    ],
)
def test_another_kind_of_model_is_left_to_the_library(
    file: str, change: Any, embedder: Path, tmp_path: Path
) -> None:
    assert can_encode(embedder)
    for path in embedder.rglob("*"):
        if path.is_file():
            link = tmp_path / path.relative_to(embedder)
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(path)
    assert can_encode(tmp_path)
    text = (tmp_path / file).read_bytes()
    (tmp_path / file).unlink()
    if change is not None:
        changed = {**json.loads(text), **change} if isinstance(change, dict) else change
        (tmp_path / file).write_text(json.dumps(changed))
    assert not can_encode(tmp_path)


def test_a_question_is_read_to_its_end_and_an_answer_is_told_by_its_beginning() -> None:
    asked, told = "Be brief. " * 200 + "What is a PIN?", "A secret number. " * 100
    read: list[str] = []

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        read.extend(texts)
        return np.zeros((len(texts), 2), dtype=np.float32)

    look([Row.of(asked, told, group="a", source="t")], ["train"], embed, most=10, seed=0)
    assert read[0] == asked
    assert told.startswith(read[1]) and 500 < len(read[1]) < len(told)
