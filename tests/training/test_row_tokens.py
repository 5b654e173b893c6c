"""A row's tokens and its loss mask are those that TRL makes of it, whatever the chat template."""

from pathlib import Path
from typing import Any

import pytest

from project.errors import InputError
from project.records.data import Message, Row
from training.rows.row_tokens import document_tokens, row_tokens

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_3 = (
    "{% for m in messages %}{% if loop.first %}<|begin_of_text|>{% endif %}<|start_header_id|>"
    "{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
MISTRAL = (
    "<s>{% set ns = namespace(system='') %}{% for m in messages %}"
    "{% if m.role == 'system' %}{% set ns.system = m.content + '\n\n' %}"
    "{% elif m.role == 'user' %}[INST] {{ ns.system }}{{ m.content }} [/INST]"
    "{% set ns.system = '' %}{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for m in messages %}<start_of_turn>"
    "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are an assistant named Bo."
    f"<|im_end|>\n{{% endif %}}{CHATML}"
)
TEMPLATES = {
    "ChatML": CHATML,
    "Llama 3": LLAMA_3,
    "Mistral": MISTRAL,
    "no system role": NO_SYSTEM,
    "default system prompt": DEFAULT_SYSTEM,
}
SHORT = Row.of("What blocks a card?", "Your app does, at once.", group="g", source="s")
TURNS = SHORT.model_copy(
    update={
        "prompt": (
            *SHORT.prompt,
            Message(role="assistant", content="The app."),
            Message(role="user", content="And abroad?"),
        )
    }
)
SEVERAL_ANSWERS = SHORT.model_copy(
    update={
        "completion": (
            *SHORT.completion,
            Message(role="user", content="Thank you."),
            Message(role="assistant", content="With pleasure."),
        )
    }
)


@pytest.fixture(scope="session")
def tokenizer(word_base: Path) -> Any:
    """Of words, each of which is a token; all that it does not know is one, too."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(word_base)


def under_template(tokenizer: Any, template: str) -> Any:
    tokenizer.chat_template = template
    return tokenizer


def learnt_text(row: Row, tokenizer: Any, system_prompt: str | None = None) -> str:
    tokens = row_tokens(row, tokenizer, system_prompt)
    pairs = zip(tokens.ids, tokens.learnt, strict=True)
    return str(tokenizer.decode([token for token, learnt in pairs if learnt]))


# --- as TRL has it ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def as_trl_has_it(tiny_base: Path) -> Any:
    """What TRL's SFTTrainer makes of rows of prompt and completion, under a chat template."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    args = SFTConfig(output_dir="unused", use_cpu=True, bf16=False, report_to="none")
    model = AutoModelForCausalLM.from_pretrained(tiny_base)

    def prepared(rows: list[Row], template: str, folder: Path) -> Any:
        args.output_dir = str(folder)
        data = [
            {
                "prompt": [message.model_dump() for message in row.prompt],
                "completion": [message.model_dump() for message in row.completion],
            }
            for row in rows
        ]
        tokenizer = under_template(AutoTokenizer.from_pretrained(tiny_base), template)
        trainer = SFTTrainer(
            model=model,
            args=args,
            train_dataset=Dataset.from_list(data),
            processing_class=tokenizer,
        )
        return trainer.train_dataset, tokenizer

    return prepared


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_tokens_and_mask_are_those_of_trl(
    template: str, as_trl_has_it: Any, tmp_path: Path
) -> None:
    rows = [SHORT, TURNS, SEVERAL_ANSWERS]
    dataset, tokenizer = as_trl_has_it(rows, template, tmp_path)
    for row, theirs in zip(rows, dataset, strict=True):
        ours = row_tokens(row, tokenizer)
        assert list(ours.ids) == theirs["input_ids"]
        assert list(ours.labels) == theirs["labels"]


@pytest.mark.slow
def test_lengths_are_those_that_curation_counts(tiny_base: Path) -> None:
    from curation.token_lengths import TokenLengths

    lengths = TokenLengths(tiny_base, "Be short.")
    rows = [SHORT, TURNS, SEVERAL_ANSWERS]
    for row, count in zip(rows, lengths.count(rows), strict=True):
        tokens = row_tokens(row, lengths.tokenizer, "Be short.")
        assert len(tokens) == count.prompt + count.completion
        assert sum(tokens.learnt) == count.completion


@pytest.mark.slow
def test_the_end_token_of_an_answer_is_learnt(tiny_base: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    assert learnt_text(SHORT, tokenizer) == "Your app does, at once.<|im_end|>\n"


@pytest.mark.slow
def test_a_document_is_learnt_from_end_to_end_and_ends(tiny_base: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokens = document_tokens("Cards are blocked in the app.", tokenizer)
    assert all(tokens.learnt)
    assert tokenizer.decode(tokens.ids) == f"Cards are blocked in the app.{tokenizer.eos_token}"


# --- without a model ----------------------------------------------------------------------------


def test_a_prompt_is_read_and_an_answer_with_its_end_is_learnt(tokenizer: Any) -> None:
    template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }} <end> {% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    tokens = row_tokens(SHORT, under_template(tokenizer, template))
    asked = [False] * 7  # user: What blocks a card? <end> assistant:
    assert list(tokens.learnt) == asked + [True] * 6  # Your app does, at once. <end>
    assert tokens.ids[-1] == tokenizer.eos_token_id
    assert tokens.labels[: len(asked)] == (-100,) * len(asked)


def test_a_system_prompt_stands_in_front_of_a_rows_own(tokenizer: Any) -> None:
    row = SHORT.model_copy(
        update={"prompt": (Message(role="system", content="Be kind."), *SHORT.prompt)}
    )
    alone = row_tokens(row, under_template(tokenizer, CHATML))
    under = row_tokens(row, tokenizer, "Be very short.")
    assert len(under) == len(alone) + 3
    assert sum(under.learnt) == sum(alone.learnt)


def test_a_template_that_knows_no_system_prompt_says_so_by_the_row(tokenizer: Any) -> None:
    under_template(tokenizer, NO_SYSTEM)
    with pytest.raises(InputError, match=rf"row {SHORT.id} .*System role not supported"):
        row_tokens(SHORT, tokenizer, "Be short.")


def test_a_template_that_renders_an_answered_prompt_another_way_is_refused(tokenizer: Any) -> None:
    thinking = CHATML.replace("assistant\n{% endif %}", "assistant\n<think> </think> {% endif %}")
    under_template(tokenizer, thinking)
    with pytest.raises(InputError, match=r"another way.*asks with '<think> </think> '.*choose"):
        row_tokens(SHORT, tokenizer)


def test_a_template_without_an_end_token_is_refused(tokenizer: Any) -> None:
    endless = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    under_template(tokenizer, f"{endless}{{% if add_generation_prompt %}}assistant: {{% endif %}}")
    with pytest.raises(InputError, match=r"no end token behind an answer"):
        row_tokens(SHORT, tokenizer)


def test_a_row_that_teaches_nothing_is_refused(tokenizer: Any) -> None:
    silent = (
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }} {% endif %}{% endfor %}"
    )
    under_template(tokenizer, silent)
    with pytest.raises(InputError, match=rf"row {SHORT.id} .*no answer to learn"):
        row_tokens(SHORT, tokenizer)
