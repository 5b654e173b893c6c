"""Rows answered side by side get the answers that each would get alone, and sooner."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from math import sqrt
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import log_softmax, softmax
from transformers import AutoModelForCausalLM, AutoTokenizer, MistralConfig, MistralForCausalLM

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel, refuse_other_machine
from evaluation.generation.answers import Answer, Respondent, System
from evaluation.generation.batch_reader import Memory, Tokens
from project.errors import IncumbentError, InputError
from project.records.adapters import Precision
from project.records.data import Message, Row
from tests.conftest import NUMERICS

pytestmark = pytest.mark.slow

DECODING = Decoding(max_new_tokens=24, batch_size=4)
QUESTIONS = (
    "Say yes.",
    "Name a colour.",
    "What is 2 plus 2?",
    "Write a story about a fox and a hen who meet in a wood on a cold day in winter.",
    "Who wrote Hamlet?",
    "Say: no.",
    "List three fruits, and for each of them a country in which it is grown.",
    "Is water wet?",
    "Spell cat.",
    "Why is the sky blue in the day, and red when the sun sets?",
    "Name the capital of France.",
    "Translate good morning into French.",
)
ROWS = [Row.of(text, "It is so.", group=text, source="test") for text in QUESTIONS]


def alone(model: AnsweringModel, row: Row) -> list[int]:
    """The tokens that the library's own loop generates for one row."""
    prompt = torch.tensor([model.prompt(row)])
    limit = model.decoding.max_new_tokens
    found = model.reader.model.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
        max_new_tokens=limit, pad_token_id=0,
    )  # fmt: skip
    tokens: list[int] = found[0, prompt.shape[1] :].tolist()
    return tokens


def exact(base: Path, adapter: Path | None) -> AnsweringModel:
    """A model in float32, in which no two tokens are so near that a batch's shape decides."""
    return AnsweringModel(base, adapter, DECODING, "float32")


@pytest.fixture(scope="module")
def with_two_ends(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base model, but a full stop ends an answer too: so answers are of many lengths."""
    folder = tmp_path_factory.mktemp("models") / "two-ends"
    folder.mkdir()
    for path in base_model.iterdir():
        (folder / path.name).symlink_to(path.resolve())
    stop = AutoTokenizer.from_pretrained(base_model).convert_tokens_to_ids(".")
    config = json.loads((base_model / "generation_config.json").read_bytes())
    (folder / "generation_config.json").unlink()
    config["eos_token_id"] = [config["eos_token_id"], stop]
    (folder / "generation_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def adapter(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter that disturbs every layer a little."""
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(base_model, dtype=torch.float32)
    config = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=4, lora_alpha=1)
    model = get_peft_model(base, config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    folder = tmp_path_factory.mktemp("adapters")
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(with_two_ends: Path, adapter: Path) -> AnsweringModel:
    return exact(with_two_ends, adapter)


def by_item(answers: Iterator[Answer]) -> dict[str, Answer]:
    return {answer.item: answer for answer in answers}


class Answered(NamedTuple):
    """All rows' answers, made once, and how many rows each step of the model computed for them."""

    answers: dict[str, Answer]
    steps: list[int]


@pytest.fixture(scope="module")
def answered(model: AnsweringModel) -> Answered:
    steps = []

    def note(_: torch.nn.Module, __: tuple[object, ...], given: dict[str, torch.Tensor]) -> None:
        rows, width = given["input_ids"].shape
        steps.append(rows if width == 1 else 0)

    hook = model.reader.model.register_forward_pre_hook(note, with_kwargs=True)
    answers = by_item(model.answer(ROWS))
    hook.remove()
    return Answered(answers, steps)


def test_every_answer_is_what_the_row_would_get_alone(
    model: AnsweringModel, answered: Answered
) -> None:
    found = answered.answers
    for row in ROWS[::2]:  # of each batch some; to answer one alone is slow
        tokens = alone(model, row)
        text = model.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        prompt = model.prompt(row)
        assert found[row.id] == Answer(
            item=row.id,
            text=text,
            tokens=len(tokens),
            prompt_tokens=len(prompt),
            reference_tokens=len(model.completion(row, prompt)),
        )


def drawing(model: AnsweringModel, **settings: float) -> AnsweringModel:
    """The same model at a temperature."""
    drawn = copy(model)
    drawn.decoding = Decoding.model_validate({"max_new_tokens": 6, "batch_size": 4} | settings)
    return drawn


def test_drawn_answers_are_the_same_whatever_shares_their_batch(model: AnsweringModel) -> None:
    drawn = drawing(model, temperature=0.8)
    together = {(a.item, a.sample): a.text for a in drawn.answer(ROWS[:4], 3)}
    for row in ROWS[1:3]:
        alone = {(a.item, a.sample): a.text for a in drawn.answer([row], 2)}
        assert alone.items() <= together.items()
    assert len(set(together.values())) > 8


def test_tokens_are_drawn_as_often_as_they_are_likely(model: AnsweringModel) -> None:
    drawn = drawing(model, temperature=1.5, max_new_tokens=1, batch_size=100)
    prompt = torch.tensor([model.prompt(ROWS[1])])
    likely = softmax(model.reader.model(prompt).logits[0, -1] / 1.5, -1)
    said = Counter(answer.text for answer in drawn.answer(ROWS[1:2], 400))
    for token in likely.topk(3).indices.tolist():
        text, share = model.tokenizer.decode([token]).strip(), float(likely[token])
        error = sqrt(share * (1 - share) / 400)
        assert abs(said[text] / 400 - share) < 4 * error + 0.01  # other tokens may read alike


def test_next_to_no_temperature_is_greedy(model: AnsweringModel) -> None:
    cold, greedy = (drawing(model, temperature=t).answer(ROWS[:4]) for t in (1e-6, 0))
    assert by_item(cold) == by_item(greedy)


def test_an_answer_ends_at_any_end_token_or_at_the_limit(answered: Answered) -> None:
    answers = answered.answers.values()
    assert {answer.text.count(".") for answer in answers} == {0, 1}
    for answer in answers:
        assert answer.text.endswith(".") or "." not in answer.text
    assert max(answer.tokens for answer in answers) == DECODING.max_new_tokens
    assert len({answer.tokens for answer in answers}) > 4


def test_little_is_computed_for_rows_that_have_ended(answered: Answered) -> None:
    lengths = [answer.tokens for answer in answered.answers.values()]
    assert sum(answered.steps) < 1.2 * (sum(lengths) - len(lengths))  # the first cost no step


def test_a_prompt_that_others_begin_with_too_is_read_once(model: AnsweringModel) -> None:
    shared = model.reader.shared([model.prompt(row) for row in ROWS])
    text = model.tokenizer.decode(model.prompt(ROWS[0])[: shared.width])
    assert text.endswith("<|im_start|>user\n")


def test_references_are_scored_as_one_by_one(model: AnsweringModel) -> None:
    found = model.reference_logprobs(ROWS)
    for row, mean in zip(ROWS, found, strict=True):
        prompt, completion = model.prompt(row), model.completion(row, model.prompt(row))
        assert model.tokenizer.decode(completion) == "It is so.<|im_end|>"
        with torch.inference_mode():
            logits = model.reader.model(input_ids=torch.tensor([prompt + completion])).logits[0]
        each = log_softmax(logits[len(prompt) - 1 : -1], dim=-1)
        expected = sum(each[i, token].item() for i, token in enumerate(completion))
        assert mean == pytest.approx(expected / len(completion), abs=1e-4)


def test_a_prompt_too_long_for_the_context_is_refused_by_name(model: AnsweringModel) -> None:
    long = Row.of("word " * 9000, "yes", group="long", source="test")
    with pytest.raises(InputError, match=rf"prompt: row {long.id} .* 9\d\d\d tokens.*\(8192\)"):
        next(model.answer([*ROWS, long]))


def test_a_reference_too_long_for_the_context_is_not_scored(model: AnsweringModel) -> None:
    long = ROWS[0].model_copy(
        update={"completion": (Message(role="assistant", content="word " * 9000),)}
    )
    assert model.reference_logprobs([long]) == [None]


def test_a_model_with_a_sliding_window_answers_as_its_rows_would_alone(
    base_model: Path, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base_model)
    config = MistralConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, sliding_window=16, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    MistralForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    sliding = exact(tmp_path, None)
    assert not sliding.reader.can_regroup
    found = by_item(sliding.answer(ROWS))
    for row in ROWS:
        tokens = alone(sliding, row)
        assert found[row.id].text == sliding.tokenizer.decode(tokens).strip()


@pytest.mark.parametrize("saved", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_adapter_of_any_precision_computes_as_its_base_does(
    saved: torch.dtype, precision: Precision, tiny_base: Path, tmp_path: Path
) -> None:
    config = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=4)
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_base), config)
    tuned.to(saved).save_pretrained(tmp_path / "adapter")
    bare = AnsweringModel(tiny_base, None, DECODING, precision).reader.model
    model = AnsweringModel(tiny_base, tmp_path / "adapter", DECODING, precision)
    assert {p.dtype for p in model.reader.model.parameters()} == {getattr(torch, precision)}
    buffers = [[b.dtype for b in m.buffers()] for m in (bare, model.reader.model)]
    assert buffers[0] == buffers[1] != []
    assert len(list(model.answer(ROWS[:2]))) == 2


def test_a_full_gpu_reads_fewer_prompts_at_once_and_the_answers_stay(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, few = exact(tiny_base, None), ROWS[:6]
    expected, known = by_item(model.answer(few)), model.reference_logprobs(few)
    read, room = model.reader.read, 150  # columns of keys and values

    def with_little_memory(memory: Memory, texts: list[Tokens], keep: int = 1) -> torch.Tensor:
        if len(texts) * (memory.width + max(map(len, texts))) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return read(memory, texts, keep)

    monkeypatch.setattr(model.reader, "read", with_little_memory)
    assert by_item(model.answer(few)) == expected
    assert "prompts side by side from now on" in capsys.readouterr().err
    assert model.reference_logprobs(few) == pytest.approx(known, abs=1e-4)
    room = 1
    with pytest.raises(IncumbentError, match="no memory for one prompt and its answer"):
        list(model.answer(few))


def test_answers_under_another_machines_name_are_refused() -> None:
    with pytest.raises(IncumbentError, match=r"another kind of machine, a processor, .*dvc repro"):
        refuse_other_machine(NUMERICS)


class Interrupted:
    """A real model that is stopped after so many answers."""

    def __init__(self, model: AnsweringModel, after: int) -> None:
        self.model = model
        self.left = after

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for answer in self.model.answer(rows, samples):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield answer

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return self.model.reference_logprobs(rows)


def test_an_interrupted_run_gives_the_bytes_of_one_that_was_not(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = System(base="b", adapter="a", decoding="d", numerics=NUMERICS, code="c")
    decoding = Decoding(max_new_tokens=8, batch_size=2)

    once = AnsweringModel(tiny_base, None, decoding, "float32")
    with pytest.raises(KeyboardInterrupt):
        Respondent(system, 2, lambda: Interrupted(once, after=10)).answers(ROWS, "interrupted")
    resumed = Respondent(system, 2, lambda: Interrupted(once, after=4)).answers(ROWS, "resumed")
    monkeypatch.setenv("INCUMBENT_HOME", str(tmp_path / "another"))
    whole = Respondent(system, 2, lambda: once).answers(ROWS[::-1], "whole")
    assert [answer.canonical() for answer in whole[::-1]] == [a.canonical() for a in resumed]
