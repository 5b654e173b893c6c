"""How fast the embedded backend answers: requests and tokens a second by concurrency, the rows of a
batch on one adapter or on three, and how long running answers wait while an adapter is loaded.

    python -m benchmarks.embedded_serving [--base FOLDER] [--tokens 16] [--requests 16]

Without a base it is the embedded one, in float32. Each answer has all its tokens: none ends early.
On a machine that does other work too, processor time with OMP_NUM_THREADS=1 is the steadier clock.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from evaluation.generation.backends.backend import Endpoint
from project.model_pins import embedded_base
from serving.embedded.embedded_backend import EmbeddedBackend
from serving.serving_settings import ServingParams

NAMES = ("champion", "challenger", "previous")
SYSTEM = "You answer in one short sentence. " * 12
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def save_adapter(base: Path, folder: Path, seed: int) -> Path:
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=8, target_modules=LINEAR, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    torch.manual_seed(seed)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.01)
    adapted.save_pretrained(folder)
    return folder


def body(model: str, number: int, tokens: int, system: bool) -> dict[str, Any]:
    said = [{"role": "user", "content": f"What does function number {number} do?"}]
    if system:
        said.insert(0, {"role": "system", "content": SYSTEM})
    return {"model": model, "messages": said, "max_tokens": tokens}


async def measure(
    backend: EmbeddedBackend,
    models: tuple[str, ...],
    concurrency: int,
    args: argparse.Namespace,
    system: bool = False,
) -> None:
    gate, done = asyncio.Semaphore(concurrency), []

    async def ask(number: int) -> None:
        async with gate:
            asked = body(models[number % len(models)], number, args.tokens, system)
            answer = await backend.answer(Endpoint.CHAT, asked)
            done.append(answer["usage"]["completion_tokens"])

    requests = args.requests if concurrency > 1 else max(2, args.requests // 4)
    start, cpu = perf_counter(), process_time()
    await asyncio.gather(*(ask(number) for number in range(requests)))
    seconds, used = perf_counter() - start, process_time() - cpu
    under = ", under a system prompt" if system else ""
    print(
        f"{concurrency:>2} at a time, {len(models)} adapter(s){under}:"
        f" {requests / seconds:6.2f} requests/s, {sum(done) / seconds:6.1f} tokens/s"
        f" ({1000 * used / sum(done):.0f} ms of processor a token)",
        flush=True,
    )


async def stall(backend: EmbeddedBackend, adapter: Path, args: argparse.Namespace) -> None:
    """The longest pause between two tokens of a stream, without and with a load meanwhile."""
    for loads in (False, True):
        pauses, last, loading = [], None, None
        async for _ in backend.stream(Endpoint.CHAT, body("champion", 1, args.tokens, False)):
            if last is not None:
                pauses.append(perf_counter() - last)
            elif loads:
                loading = asyncio.create_task(backend.load("next", adapter))
            last = perf_counter()
        if loading:
            await loading
        when = "while an adapter loads" if loads else "as a rule"
        print(f"longest pause {when}: {max(pauses):.2f} s")


async def run(base: Path, adapters: dict[str, Path], args: argparse.Namespace) -> None:
    params = ServingParams(slots=len(NAMES) + 1, batch_size=16)
    backend = EmbeddedBackend(base, "float32", params)
    backend.thread.model.ends = frozenset()
    try:
        for name, folder in adapters.items():
            await backend.load(name, folder)
        for concurrency in (1, 4, 16):
            await measure(backend, NAMES[:1], concurrency, args)
        await measure(backend, NAMES, 16, args)
        await measure(backend, NAMES[:1], 4, args, system=True)
        await stall(backend, adapters["previous"], args)
    finally:
        await backend.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--requests", type=int, default=16)
    args = parser.parse_args()
    base = args.base or embedded_base()
    with tempfile.TemporaryDirectory() as folder:
        adapters = {
            name: save_adapter(base, Path(folder) / name, seed) for seed, name in enumerate(NAMES)
        }
        asyncio.run(run(base, adapters, args))


if __name__ == "__main__":
    main()
