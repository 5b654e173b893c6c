"""A row that the base cannot read whole is left out, refused or cut, as the policy says."""

import subprocess
import sys
from pathlib import Path

import pytest

from curation.curate import refuse_beyond_window
from curation.token_lengths import TokenLengths, fit
from project.errors import InputError
from project.records.data import Message, Row
from tests.conftest import ROOT

SHORT = Row.of("what is it?", "a bond", group="a", source="s")
LONG = Row.of("one two three four five six seven eight", "a bond", group="b", source="s")
LIMIT = 12  # tokens; the template takes two of a prompt, and three more with the answer


@pytest.fixture(scope="module")
def lengths(word_base: Path) -> TokenLengths:
    return TokenLengths(word_base)


def test_prompt_and_answer_are_counted_as_the_base_reads_them(lengths: TokenLengths) -> None:
    (count,) = lengths.count([SHORT])
    assert (count.prompt, count.completion) == (6, 3)  # user: what is it? <end> assistant:


def test_the_tokenizer_that_transformers_would_choose_is_there_without_torch(
    word_base: Path,
) -> None:
    code = f"""
import sys
from pathlib import Path
from curation.token_lengths import TokenLengths
own = TokenLengths(Path({str(word_base)!r})).tokenizer
print("torch" in sys.modules)
from transformers import AutoTokenizer
print(type(AutoTokenizer.from_pretrained({str(word_base)!r})) is type(own))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


def test_what_every_prompt_is_answered_under_counts_too(word_base: Path) -> None:
    (count,) = TokenLengths(word_base, "be kind").count([SHORT])
    assert (count.prompt, count.completion) == (10, 3)  # system: be kind <end>, and the prompt


def test_a_base_whose_template_drops_a_system_prompt_is_told(
    word_base: Path, tmp_path: Path
) -> None:
    for file in word_base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    deaf = "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}"
    (tmp_path / "chat_template.jinja").write_text(deaf)
    assert TokenLengths(tmp_path).count([SHORT])
    with pytest.raises(InputError, match=r"base\.system_prompt: .* leaves a system prompt out"):
        TokenLengths(tmp_path, "be kind")
    refusing = "{{ raise_exception('no system role') }}"
    (tmp_path / "chat_template.jinja").write_text(refusing)
    with pytest.raises(InputError, match="refuses a system prompt: no system role"):
        TokenLengths(tmp_path, "be kind")


def test_a_long_row_is_left_out(lengths: TokenLengths) -> None:
    assert fit([SHORT, LONG], lengths, LIMIT, "drop").left_out == {LONG.id}


def test_with_refuse_all_stay_for_the_gate_to_name(lengths: TokenLengths) -> None:
    fitted = fit([SHORT, LONG], lengths, LIMIT, "refuse")
    assert (fitted.rows, fitted.left_out) == ([SHORT, LONG], frozenset())


def test_a_prompt_is_cut_at_its_end_to_the_last_word_that_fits(lengths: TokenLengths) -> None:
    fitted = fit([SHORT, LONG], lengths, LIMIT, "cut")
    assert fitted.rows[0] == SHORT
    assert fitted.rows[1].prompt_text == "one two three four five six"
    assert fitted.rows[1].completion == LONG.completion
    assert fitted.cut == {LONG.id}


def test_a_conversation_loses_its_first_turns_and_keeps_its_system_prompt(
    lengths: TokenLengths,
) -> None:
    turns = [("system", "be brief"), ("user", "one two three"), ("assistant", "four")]
    prompt = tuple(Message(role=r, content=c) for r, c in [*turns, ("user", "five?")])  # type: ignore[arg-type]
    row = SHORT.model_copy(update={"prompt": prompt})
    (cut,) = fit([row], lengths, 12, "cut").rows
    assert [message.content for message in cut.prompt] == ["be brief", "five?"]


def test_where_the_answer_alone_is_too_long_the_row_is_left_out(lengths: TokenLengths) -> None:
    row = Row.of("what?", "one two three four five six seven eight nine", group="c", source="s")
    assert fit([row], lengths, 8, "cut").left_out == {row.id}


def test_a_base_without_a_chat_template_is_refused(tmp_path: Path, word_base: Path) -> None:
    for file in word_base.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(InputError, match=r"base\.model: has no chat template"):
        TokenLengths(tmp_path)


def test_a_limit_beyond_the_bases_window_is_refused() -> None:
    with pytest.raises(InputError, match=r"params\.yaml: base\.max_length: 2048 tokens .* 1000"):
        refuse_beyond_window(2048, 1000)
    refuse_beyond_window(2048, None)
