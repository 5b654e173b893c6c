"""Who draws the answers that step grpo learns from: the embedded engine, or a vLLM of its own."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from evaluation.evaluation_settings import GenerationParams
from evaluation.generation.backends.backend import BackendError, Endpoint
from project.errors import IncumbentError
from project.model_pins import pinned_folder
from project.records.adapters import Engine
from project.settings import load, setting_error

if TYPE_CHECKING:
    from evaluation.generation.backends.adapter_servers import VllmReplica
    from evaluation.generation.batch_reader import BatchReader
    from training.steps.grpo_step import Draw, Drawing, Drawn
    from training.steps.run_step import StepContext


def draws_by_settings(ground: "StepContext") -> "Draw":
    """By the vLLM that evaluation.generation starts, else by the embedded engine."""
    params = load(GenerationParams)
    return VllmDraws(params, ground) if params.vllm_python else AnswerDraws()


class AnswerDraws:
    """Draws the answers that are rewarded, by the embedded engine: a prompt is read once for all
    answers to it, and an answer that has ended is soon read no more.
    """

    engine: Engine | None = None

    def __init__(self) -> None:
        self.reader: BatchReader | None = None

    def __call__(self, model: Any, prompts: Sequence[list[int]], drawing: "Drawing") -> "Drawn":
        # Imported here because a step that is left out need not wait for torch.
        from evaluation.generation.batch_reader import BatchReader
        from training.steps.grpo_step import Drawn

        if self.reader is None or self.reader.model is not model:
            self.reader = BatchReader(model)
        return Drawn(drawn_answers(self.reader, prompts, drawing))


def drawn_answers(
    reader: "BatchReader", prompts: Sequence[list[int]], drawing: "Drawing"
) -> list[list[int]]:
    """The tokens of an answer to each prompt."""
    import torch

    if reader.can_regroup:
        distinct = list(map(list, dict.fromkeys(map(tuple, prompts))))
        rows = [distinct.index(list(prompt)) for prompt in prompts]
        memory, logits = reader.read_after(reader.unread(1), distinct)
        memory, logits = memory.rows(rows), logits[rows]
    else:
        memory, logits = reader.read_after(reader.unread(1), prompts)
    answers: list[list[int]] = [[] for _ in prompts]
    growing = list(range(len(prompts)))  # the answer of each row
    while True:
        shares = (logits[:, -1].double().cpu() / drawing.temperature).softmax(-1)
        drawn = torch.multinomial(shares, 1)[:, 0].tolist()
        for place, token in zip(growing, drawn, strict=True):
            if not ended(answers[place], drawing):
                answers[place].append(token)
        alive = [i for i, place in enumerate(growing) if not ended(answers[place], drawing)]
        if not alive:
            return answers
        # To copy the memory costs some steps, so a quarter has to have ended.
        if reader.can_regroup and 4 * len(alive) <= 3 * len(growing):
            memory, growing = memory.rows(alive), [growing[i] for i in alive]
        logits = reader.read(memory, [answers[place][-1:] for place in growing])


def ended(answer: Sequence[int], drawing: "Drawing") -> bool:
    return len(answer) >= drawing.most or (bool(answer) and answer[-1] in drawing.ends)


DRAWING_SECONDS = 1800.0  # of all answers to a prompt: vLLM is slow on a processor


class VllmDraws:
    """Draws them by a vLLM of this process. For each draw the adapter is written to a folder, and
    loaded under a name that was never used: vLLM keeps what it has read under a name.

    Each prompt's answers have a seed that torch draws. The same seed need not give the same answers
    again: what vLLM rounds hangs on what it computes at the same time.
    """

    def __init__(self, params: GenerationParams, ground: "StepContext") -> None:
        """With vLLM started. Raises IncumbentError where that is not possible, and InputError where
        it would answer by another base than is trained on.
        """
        from evaluation.generation.backends.own_vllm import own_engine, own_replica  # as above

        if ground.adapter.quantization != "none":
            problem = (
                "vLLM, by which evaluation.generation has step grpo draw its answers, serves the "
                "base as it is: choose none, or evaluation.generation.backend: embedded"
            )
            raise setting_error(problem, "training", "adapter", "quantization")
        assert params.vllm_python is not None
        base = pinned_folder(ground.base.base, "base")
        vllm = (params.vllm_python, params.vllm_options)
        self.engine: Engine | None = own_engine(*vllm)
        self.server = partial(own_replica, *vllm, base, ground.numerics.precision, DRAWING_SECONDS)
        self.draws = 0
        asyncio.run(self.started())

    async def started(self) -> None:
        await (await self.server()).close()

    def __call__(self, model: Any, prompts: Sequence[list[int]], drawing: "Drawing") -> "Drawn":
        self.draws += 1
        try:
            with TemporaryDirectory(prefix="drawing-") as folder:
                model.save_pretrained(folder, selected_adapters=["default"])
                return asyncio.run(self.drawn(Path(folder), prompts, drawing))
        except BackendError as error:
            raise IncumbentError(
                f"vLLM gives step grpo no answers: {error}; run it again when that is mended: it "
                "goes on from its checkpoint"
            ) from None

    async def drawn(
        self, adapter: Path, prompts: Sequence[list[int]], drawing: "Drawing"
    ) -> "Drawn":
        from training.steps.grpo_step import Drawn  # as above

        name = f"draw-{self.draws}"
        replica = await self.server()
        try:
            await replica.load(name, adapter)
            each = Counter(map(tuple, prompts))
            answers = await asyncio.gather(
                *(
                    vllm_answers(replica, name, list(prompt), n, drawing)
                    for prompt, n in each.items()
                )
            )
            await replica.unload(name)
        finally:
            await replica.close()
        left = dict(zip(each, map(iter, answers), strict=True))
        drawn = [next(left[tuple(prompt)]) for prompt in prompts]
        return Drawn([tokens for tokens, _ in drawn], [logprobs for _, logprobs in drawn])


async def vllm_answers(
    replica: "VllmReplica", model: str, prompt: list[int], number: int, drawing: "Drawing"
) -> list[tuple[list[int], list[float]]]:
    """Tokens and their log-probabilities of so many answers to a prompt."""
    import torch

    body = {
        "model": model,
        "prompt": prompt,
        "n": number,
        "max_tokens": drawing.most,
        "temperature": drawing.temperature,
        "seed": int(torch.randint(2**31, ()).item()),
        "stop_token_ids": sorted(drawing.ends),
        "ignore_eos": True,  # the ends are those above
        "logprobs": 0,  # beside the drawn token, no other
        "return_token_ids": True,
    }
    answer = await replica.answer(Endpoint.COMPLETIONS, body)
    try:
        answers = [
            (
                list(map(int, choice["token_ids"])),
                list(map(float, choice["logprobs"]["token_logprobs"])),
            )
            for choice in answer["choices"]
        ]
    except (LookupError, TypeError, ValueError):
        answers = []
    if len(answers) != number or any(len(tokens) != len(logprobs) for tokens, logprobs in answers):
        raise replica.bad("sends no tokens with their log-probabilities")
    return answers
