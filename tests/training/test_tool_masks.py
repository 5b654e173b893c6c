"""Rows with tools as a base reads them, and which of their tokens are learnt."""

from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from trl import DPOTrainer

from project.chat_template import with_template
from project.model_pins import ModelChoice, pin
from project.records.adapters import Contestant
from project.records.data import Message, Row
from project.records.preferences import PreferencePair
from project.tool_rendering import FORM, knows_tools, rendered_chat, shown
from tests.conftest import NUMERICS
from tests.training.test_preference_rows import BARE
from training.rows.preference_rows import TemplateParts, pair_examples
from training.rows.row_tokens import row_tokens, shared_beginning
from training.steps.on_policy import RenderedPrompts, readable_prompts, tokens_of
from training.steps.preference_trainers import as_dataset
from training.training_settings import AdapterParams, LossOn, SftParams

TOOL = {
    "type": "function",
    "function": {
        "name": "get_balance",
        "description": "What is left.",
        "parameters": {"type": "object", "properties": {"account": {"type": "string"}}},
    },
}
# Chat templates of bases as TRL has them, and whether they know tools: the base's own is the first.
TEMPLATES = {
    "SmolLM2": False,
    "llama3": False,
    "gemma3": False,
    "phi3": False,
    "qwen2_5": True,
    "qwen3_training": True,
    "llama3_1": True,
    "lfm2_v2": True,
    "glm4moe_training": True,
    "qwen3_8_training": True,
}


def calling(account: str) -> Message:
    arguments = f'{{"account": "{account}"}}'
    call = {"id": account, "function": {"name": "get_balance", "arguments": arguments}}
    return Message.model_validate({"role": "assistant", "content": "", "tool_calls": [call]})


def said(role: str, content: str, **more: Any) -> Message:
    return Message.model_validate({"role": role, "content": content, **more})


PROMPT = (
    said("system", "Be brief."),
    said("user", "What do I have?"),
    calling("savings"),
    said("tool", '{"balance": 4711}', tool_call_id="savings"),
    said("assistant", "There are 4711 francs.", weight=0),
    said("user", "And the other?"),
)
ROW = Row(
    id="r", group="g", source="s", tools=(TOOL,), prompt=PROMPT, completion=(calling("salary"),)
)
ANSWERS = [place for place, turn in enumerate(PROMPT) if turn.role == "assistant"]


@pytest.fixture(scope="module")
def own(base_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base_model)


@pytest.fixture(params=TEMPLATES, scope="module")
def tokenizer(request: pytest.FixtureRequest, own: Any, base_model: Path) -> Any:
    """The base's tokenizer under each of the templates."""
    text = (base_model / "chat_template.jinja").read_text()
    if request.param != "SmolLM2":
        text = (files("trl") / "chat_templates" / f"{request.param}.jinja").read_text()
    own.chat_template = text
    own.init_kwargs["name"] = request.param
    return own


def learnt(tokenizer: Any, loss_on: LossOn, row: Row = ROW) -> list[bool]:
    return list(row_tokens(row, tokenizer, None, loss_on).learnt)


def ending_with(place: int) -> Row:
    """The row as if it ended with an earlier answer."""
    answer = PROMPT[place].model_copy(update={"weight": None})
    return ROW.model_copy(update={"prompt": PROMPT[:place], "completion": (answer,)})


@pytest.mark.slow
def test_the_tokens_with_loss_are_those_of_the_chosen_answers_and_no_others(tokenizer: Any) -> None:
    ids = row_tokens(ROW, tokenizer).ids
    marked = [place for place in ANSWERS if PROMPT[place].weight != 0]
    wanted: dict[LossOn, list[int]] = {"last": [], "every": ANSWERS, "weighted": marked}
    for loss_on, places in wanted.items():
        # Each is learnt as if the row ended with it; but for a last token that grows together with
        # what follows, or stands at the very end alone, as Phi's end token does.
        mask = [False] * len(ids)
        for one in [ROW, *map(ending_with, places)]:
            alone = row_tokens(one, tokenizer)
            same = shared_beginning(ids, alone.ids)
            assert len(alone) - same <= 1
            mask[:same] = map(max, mask[:same], alone.learnt[:same])
        assert learnt(tokenizer, loss_on) == mask
        text = tokenizer.decode([i for i, own in zip(ids, mask, strict=True) if own])
        assert "salary" in text
        assert ("savings" in text, "There are 4711" in text) == {
            "last": (False, False),
            "every": (True, True),
            "weighted": (True, False),
        }[loss_on]
        assert '"balance"' not in text and "What do I" not in text and "And the" not in text


@pytest.mark.slow
def test_a_template_that_ignores_tools_is_not_one_that_knows_them(tokenizer: Any) -> None:
    assert knows_tools(tokenizer) == TEMPLATES[tokenizer.init_kwargs["name"]]
    text = rendered_chat(tokenizer, ROW, [*ROW.prompt, *ROW.completion])
    for word in ("get_balance", "What is left.", "savings", "4711", "Be brief.", "salary"):
        assert word in text


@pytest.mark.slow
def test_training_and_answering_read_the_same_prompt(tokenizer: Any) -> None:
    from evaluation.generation.batch_reader import chat_tokens

    turns, tools = shown(tokenizer, ROW.prompt, ROW.tools)
    asked = chat_tokens(tokenizer, turns, tools=tools, add_generation_prompt=True)
    row = row_tokens(ROW, tokenizer)
    first = row.learnt.index(True)
    assert list(row.ids[:first]) == asked[:first] and len(asked) - first in (0, 1)


@pytest.mark.slow
def test_the_recipe_names_the_form_of_tools_where_the_template_knows_none(tiny_base: Path) -> None:
    from training.steps.run_step import StepContext, prepare
    from training.steps.sft_step import sft_step_data

    params = SftParams(batch_size=1, evaluations=0, loss_on="every")
    plain = Row.of("What is left?", "90 francs.", group="g", source="s")
    text = (files("trl") / "chat_templates" / "qwen2_5.jinja").read_text()
    for base, row, form in (
        (tiny_base, ROW, FORM),
        (tiny_base, plain, None),
        (with_template(tiny_base, text), ROW, None),
    ):
        pinned = Contestant(base=pin(ModelChoice(model=str(base)), "base"))
        ground = StepContext(pinned, NUMERICS, AdapterParams(r=2, quantization="none"))
        run = prepare(sft_step_data([row], (), params), ground)
        assert run.recipe.tool_form == form
        assert run.recipe.sft and run.recipe.sft.params.loss_on == "every"
        tokens = row_tokens(row, run.trainer.processing_class, None, "every")
        assert list(run.trainer.train_dataset[0]["labels"]) == list(tokens.labels)


@pytest.mark.slow
def test_prompts_that_are_answered_in_training_are_rendered_as_rows_are(tokenizer: Any) -> None:
    """As TRL's own trainers read them, which know no tools of a row."""
    model: Any = SimpleNamespace(config=SimpleNamespace(get_text_config=SimpleNamespace))
    ((at, prompt),) = readable_prompts([ROW], 8, model, tokenizer, BARE)
    assert at == 0 and prompt["prompt"] == rendered_chat(tokenizer, ROW, PROMPT, answer=True)
    reader = RenderedPrompts()
    reader.processing_class = tokenizer
    turns, tools = shown(tokenizer, PROMPT, ROW.tools)
    more = {"tools": tools} if tools else {}
    wanted = tokenizer.apply_chat_template(turns, add_generation_prompt=True, **more)["input_ids"]
    assert reader._tokenize_prompts([prompt["prompt"]]) == ([wanted], None, {})
    assert prompt["prompt_ids"] == wanted  # which rewards are told, and plans count


@pytest.mark.slow
def test_pairs_are_read_by_trl_as_rows_are(tokenizer: Any) -> None:
    """Each of a pair's answers is the tokens that the same answer of a row is."""
    given = PreferencePair(
        prompt="And the other?",
        chosen=calling("salary").text,
        rejected="Which account?",
        messages=PROMPT,
        tools=ROW.tools,
    )
    examples = pair_examples([given], BARE, TemplateParts.of(tokenizer))
    trainer = SimpleNamespace(_tokenizer=tokenizer)
    config = SimpleNamespace(dataset_num_proc=None, max_length=None, truncation_mode="keep_start")
    prepare: Any = DPOTrainer._prepare_dataset
    (found,) = prepare(trainer, as_dataset(examples), tokenizer, config, "train")
    for name, answer in (
        ("chosen", calling("salary")),
        ("rejected", said("assistant", given.rejected)),
    ):
        ids = found["prompt_ids"] + found[f"{name}_ids"]
        assert [ids] == tokens_of([rendered_chat(tokenizer, ROW, (*PROMPT, answer))], tokenizer)
