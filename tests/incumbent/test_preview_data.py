"""What `incumbent data preview` shows of a row: its tokens, what is learnt, where it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from incumbent.verbs.preview_data import shown_tokens
from project.errors import InputError
from tests.architectures import ARCHITECTURES, save_tokenizer
from training.rows.row_tokens import RowTokens

ROWS = (
    {"id": "fees", "prompt": "What does it cost?", "completion": "It is free.\nFor all."},
    {"id": "hours", "prompt": "When?", "completion": "At nine — né."},
)


@pytest.fixture(autouse=True)
def base(tmp_path: Path) -> Path:
    """A base of Qwen's kind as far as its tokenizer; a byte is a token."""
    folder = tmp_path / "base"
    save_tokenizer(ARCHITECTURES["qwen-2"], folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2", "eos_token_id": 1}))
    settings()
    write(ROWS)
    return folder


def settings(**base: Any) -> None:
    Path("params.yaml").write_text(json.dumps({"base": {"model": "base"} | base}))


def write(rows: Any) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def preview(*words: str, file: str = "rows.jsonl") -> str:
    done = CliRunner().invoke(app, ["data", "preview", file, *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_prompt_and_answer_stand_beside_a_margin_that_says_what_is_learnt() -> None:
    lines = preview().replace("·", "").splitlines()
    assert lines == [
        "fees (rows.jsonl:1): 59 tokens, 22 learnt, ends with <|im_end|>",
        "masked │ <|im_start|>user↵",
        "       │ What does it cost?<|im_end|>↵",
        "       │ <|im_start|>assistant↵",
        "learnt │ It is free.↵",
        "       │ For all.<|im_end|>↵",
    ]


def test_a_dot_stands_between_tokens_where_there_are_no_colours() -> None:
    assert "learnt │ I·t· ·i·s· ·f·r·e·e·.·↵" in preview()


def test_no_line_is_wider_than_the_screen() -> None:
    write([{"prompt": "word " * 60, "completion": "long" * 60}])
    assert max(map(len, preview().splitlines()[1:])) <= 80


def test_a_row_is_found_by_its_id_and_several_are_shown_in_their_order() -> None:
    assert preview("--row", "hours").startswith("hours (rows.jsonl:2)")
    assert [line.split()[0] for line in preview("--rows", "5").splitlines() if "(" in line] == [
        "fees",
        "hours",
    ]
    with pytest.raises(InputError, match=r"rows\.jsonl: --row: holds no other"):
        preview("--row", "other")


def test_a_program_gets_ids_and_texts_and_marks_and_they_add_up() -> None:
    (told,) = json.loads(preview("--row", "hours", "--json"))
    assert (told["place"], told["end"]) == ("rows.jsonl:2", "<|im_end|>")
    learnt = [token for token in told["tokens"] if token["learnt"]]
    assert "".join(token["text"] for token in learnt) == "At nine — né.<|im_end|>\n"
    assert sum(len(token["ids"]) for token in told["tokens"]) == told["length"]
    assert sum(len(token["ids"]) for token in learnt) == told["learnt"]
    assert {len(token["ids"]) for token in learnt} == {1, 2, 3}  # é and — are several bytes


def test_each_token_has_a_line_with_its_id() -> None:
    lines = preview("--ids").splitlines()
    assert lines[1].split() == ["at", "id", "token"]
    assert lines[2].split() == ["0", "0", "<|im_start|>"]
    assert lines[-2].split() == ["57", "1", "learnt", "<|im_end|>"]


def test_a_row_that_is_too_long_shows_where() -> None:
    settings(max_length=40)
    assert "─────── base.max_length, 40: stage `curate`" in preview()


@pytest.mark.parametrize(
    ("document", "tokens", "windows"),
    [
        ("The fee is ten.\n", 16, ("The fee ", "is ten.<|im_end|>")),
        ("The fé is a", 13, ("The f\ufffd", "\ufffd is a<|im_end|>")),
    ],
    ids=["between characters", "inside a character"],
)
def test_a_document_is_learnt_from_end_to_end_and_shows_where_its_windows_end(
    document: str, tokens: int, windows: tuple[str, str]
) -> None:
    settings(max_length=8)
    Path("fees.txt").write_text(document)
    head, *shown = preview(file="fees.txt").replace("·", "").splitlines()
    assert head.endswith(f"{tokens} tokens, {tokens} learnt, ends with <|im_end|>")
    cut = "─────── base.max_length, 8: cut here"
    assert shown == [f"learnt │ {windows[0]}", cut, f"learnt │ {windows[1]}"]


def test_the_projects_system_prompt_stands_in_front() -> None:
    settings(system_prompt="Be brief.")
    assert "<|im_start|>system↵\n       │ Be brief.<|im_end|>↵" in preview().replace("·", "")


def test_what_would_steer_a_terminal_is_written_out() -> None:
    write([{"prompt": "a\x1b[31m", "completion": "b\r\u202ec"}])
    said = preview().replace("·", "")
    assert r"a\x1b[31m" in said
    assert r"b\r\u202ec" in said


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"prompt": "a", "completion": " "}], r"rows\.jsonl:1: completion: is empty"),
        ([ROWS[0], {"prompt": "a", "completion": None}], r"rows\.jsonl:2: completion: is empty"),
        ([{"prompt": "a question alone"}], r"rows\.jsonl: no column says that it holds answers"),
    ],
)
def test_a_row_without_an_answer_is_refused_by_its_place(rows: Any, said: str) -> None:
    write(rows)
    with pytest.raises(InputError, match=said):
        preview("--rows", "9")


def test_what_the_template_does_not_take_is_refused_by_its_line(base: Path) -> None:
    template = "{{ raise_exception('no') if messages[0].content == 'When?' }}"
    file = base / "chat_template.jinja"
    file.write_text(template + file.read_text())
    with pytest.raises(InputError, match=r"rows\.jsonl:2: .*does not take it: no"):
        preview("--rows", "9")


def test_an_answer_without_an_end_token_is_told(base: Path) -> None:
    (base / "config.json").write_text(json.dumps({"model_type": "qwen2", "eos_token_id": 9}))
    assert "no end token is learnt: after this the model would go on for ever" in preview()


def test_before_a_run_there_is_nothing_to_show_without_a_file() -> None:
    for option in ("--json", "--document"):
        done = CliRunner().invoke(app, ["data", "preview", option])
        assert isinstance(done.exception, InputError)
        assert "`incumbent run` makes it; or name a FILE" in str(done.exception)


def test_a_token_keeps_the_blank_that_it_would_lose_alone() -> None:
    class Sentencepiece:
        """Joins words by blanks, as such tokenizers do, and drops the first one."""

        def decode(self, ids: list[int], **_: Any) -> str:
            return "".join(f" {'abc'[i]}" for i in ids)[1:]

    found = shown_tokens(RowTokens((0, 1, 2), (False, True, True)), Sentencepiece())
    assert [one.text for one in found] == ["a", " b", " c"]
