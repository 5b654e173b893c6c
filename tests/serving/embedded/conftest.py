"""A tiny base, adapters on it that all answer differently, and a backend that is closed at the end.

What loads torch is imported where it is used, so that the fast tests do not wait for it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evaluation.generation.backends.backend import Body, Endpoint
from serving.serving_settings import ServingParams
from tests.architectures import GATED, save_tiny

if TYPE_CHECKING:
    from serving.embedded.embedded_backend import EmbeddedBackend

ADAPTERS = ("ant-v1-a", "bee-v2-b", "cat-v3-c")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("llama-3", tmp_path_factory.mktemp("embedded") / "base")


@pytest.fixture(scope="session")
def adapters(base: Path) -> dict[str, Path]:
    return {
        name: save_adapter(base, base.parent / name, seed) for seed, name in enumerate(ADAPTERS)
    }


def save_adapter(
    base: Path, folder: Path, seed: int, targets: Sequence[str] = GATED, alpha: int = 8
) -> Path:
    """Weights so large that its greedy answers are its own."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=8, lora_alpha=alpha, target_modules=list(targets), task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    torch.manual_seed(seed)
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    adapted.save_pretrained(folder)
    return folder


Use = Callable[["EmbeddedBackend"], Coroutine[Any, Any, None]]


@pytest.fixture
def with_backend(base: Path) -> Callable[..., None]:
    """Run a coroutine function with a backend in float32."""

    def run(use: Use, base: Path = base, **params: Any) -> None:
        from serving.embedded.embedded_backend import EmbeddedBackend

        backend = EmbeddedBackend(base, "float32", ServingParams(**params))

        async def run_and_close() -> None:
            try:
                await asyncio.wait_for(use(backend), timeout=120)
            finally:
                await backend.close()

        asyncio.run(run_and_close())

    return run


def chat(model: str, question: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}]
    return {"model": model, "messages": messages, "max_tokens": 16, **more}


async def answer(backend: "EmbeddedBackend", body: Body) -> str:
    whole = await backend.answer(Endpoint.CHAT, body)
    text: str = whole["choices"][0]["message"]["content"]
    return text
