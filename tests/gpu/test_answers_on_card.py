"""What a card answers, scores and exports, held against the same on the processor."""

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project.gpu import Card

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

TOKENS = 24


def answering(base: Path, adapter: Path | None, **settings: Any) -> Any:
    from evaluation.evaluation_settings import Decoding
    from evaluation.generation.answering_model import AnsweringModel

    decoding = Decoding(max_new_tokens=TOKENS, batch_size=4, **settings)
    return AnsweringModel(base, adapter, decoding, "float32")


def texts(model: Any) -> dict[str, str]:
    from tests.gpu.on_card import ROWS

    return {answer.item: answer.text for answer in model.answer(ROWS)}


@pytest.fixture
def on_processor(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let what is loaded from now on lie in the machine's memory."""

    def change() -> None:
        from evaluation.generation import answering_model
        from evaluation.preference import reward_model

        for module in (answering_model, reward_model):
            monkeypatch.setattr(module, "card_here", lambda _: None)

    return change


def differing(some: dict[str, str], others: dict[str, str]) -> list[tuple[str, str]]:
    return [(text, others[item]) for item, text in some.items() if text != others[item]]


def test_in_float32_greedy_answers_are_those_of_the_processor(
    card: Card, base: Path, adapter: Path, on_processor: Callable[[], None]
) -> None:
    """Of sixteen one may differ: where two tokens are as likely as each other, the last bit of a
    sum decides.
    """
    from tests.gpu.on_card import ROWS

    model = answering(base, adapter)
    here, known = texts(model), model.reference_logprobs(ROWS)
    assert here != texts(answering(base, None))
    assert model.reader.model.device.type == card.device.partition(":")[0]
    on_processor()
    model = answering(base, adapter)
    assert len(differing(here, texts(model))) <= 1, differing(here, texts(model))
    assert model.reference_logprobs(ROWS) == pytest.approx(known, abs=1e-3)


def test_drawn_answers_come_again(card: Card, base: Path, adapter: Path) -> None:
    model = answering(base, adapter, temperature=1.0)
    assert texts(model) == texts(model) != texts(answering(base, adapter))


def test_scores_are_those_of_the_processor(card: Card) -> None:
    import numpy as np

    from evaluation.metrics.semantic import SemanticSimilarity
    from project.model_pins import ModelChoice, locate
    from tests.gpu.on_card import ROWS

    embedder = locate(ModelChoice(), "embedder")
    here, there = (SemanticSimilarity(embedder) for _ in range(2))
    there.model.to("cpu")
    some = [row.completion_text for row in ROWS]
    assert np.allclose(here.embed(some), there.embed(some), atol=1e-5)


def test_rewards_of_a_classifier_are_those_of_the_processor(
    card: Card, base: Path, tmp_path: Path, on_processor: Callable[[], None]
) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from evaluation.preference.reward_model import Classifier

    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    model.save_pretrained(tmp_path / "judge")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "judge")
    asked, said = ["What is 2 plus 2?"] * 3, ["It is 4.", "No.", "It is four, as ever."]
    with torch.inference_mode():
        here = Classifier(tmp_path / "judge").rewards(asked, said)
        on_processor()
        there = Classifier(tmp_path / "judge").rewards(asked, said)
    torch.testing.assert_close(here, there, atol=1e-3, rtol=1e-3)


def test_a_merged_model_answers_as_its_adapter_does(
    card: Card, base: Path, adapter: Path, tmp_path: Path
) -> None:
    from training.model.lora import merge

    merge(base, adapter, tmp_path / "merged", "float32")
    whole, split = texts(answering(tmp_path / "merged", None)), texts(answering(base, adapter))
    assert len(differing(whole, split)) <= 1, differing(whole, split)


def vllm_python() -> str | None:
    """An interpreter that has vLLM."""
    own = sys.executable if importlib.util.find_spec("vllm") else None
    return os.environ.get("INCUMBENT_VLLM") or own


def test_vllm_answers_as_transformers_does(
    card: Card, base: Path, adapter: Path, tmp_path: Path
) -> None:
    python = vllm_python()
    if python is None:
        pytest.skip("no vLLM is installed: docs/how-to/backends-and-experiments.md says how")
    from tests.gpu.on_card import ROWS
    from tests.serving.vllm.server import VllmServer

    server = VllmServer(Path(python), base, tmp_path / "vllm.log")
    server.command.append("--gpu-memory-utilization=0.4")  # the tests hold some of it themselves
    server.start()
    try:
        found = asyncio.run(asked(server.url, adapter, [row.prompt_text for row in ROWS]))
    finally:
        server.kill()
    here = texts(answering(base, adapter))
    there = dict(zip([row.id for row in ROWS], found, strict=True))
    assert len(differing(here, there)) <= 1, differing(here, there)


async def asked(url: str, adapter: Path, prompts: list[str]) -> list[str]:
    """What vLLM answers, greedily, with the adapter."""
    from evaluation.generation.backends.adapter_servers import VllmReplica
    from evaluation.generation.backends.backend import Endpoint

    replica, said = VllmReplica(url), []
    try:
        await replica.load("tuned", adapter)
        for prompt in prompts:
            turns = [{"role": "user", "content": prompt}]
            body = {"model": "tuned", "messages": turns, "max_tokens": TOKENS, "temperature": 0}
            answer = await replica.answer(Endpoint.CHAT, body)
            said.append(str(answer["choices"][0]["message"]["content"]).strip())
    finally:
        await replica.close()
    return said
