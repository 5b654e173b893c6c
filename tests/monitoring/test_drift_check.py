"""`incumbent drift check`: anybody's prompts in, a verdict out, and words for what is no input."""

import json
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner, Result

from incumbent.cli import app
from incumbent.verbs.check_drift import read
from project.errors import InputError
from tests.monitoring.test_night import asked

BEFORE, NOW = Path("before.jsonl"), Path("now.jsonl")


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*more: str) -> Result:
    return CliRunner().invoke(
        app, ["drift", "check", "--reference", str(BEFORE), "--current", str(NOW), *more]
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", r"before.jsonl:2: not JSON"),
        ("[]", r"before.jsonl:2: a row must be a JSON object"),
        ('{"text": "x"}', r"before.jsonl:2: prompt: is not there; name .* there are: text"),
        ('{"prompt": 7}', r"before.jsonl:2: prompt: must be a text or a list of messages"),
        ('{"prompt": [{"role": "user"}]}', r"before.jsonl:2: prompt: must be a text or a list"),
        (r'{"prompt": "\ud800"}', r"before.jsonl:2: not JSON: .*a lone surrogate"),
    ],
)
def test_what_is_no_prompt_is_refused_with_its_place(line: str, problem: str) -> None:
    BEFORE.write_text('{"prompt": "good"}\n' + line + "\n")
    with pytest.raises(InputError, match=problem):
        read(BEFORE, "prompt", None)


def test_a_missing_and_an_empty_file_are_refused() -> None:
    with pytest.raises(InputError, match=r"before.jsonl: No such file"):
        read(BEFORE, "prompt", None)
    BEFORE.write_text("\n")
    with pytest.raises(InputError, match=r"before.jsonl: holds no rows"):
        read(BEFORE, "prompt", None)


def test_messages_and_blocks_are_read() -> None:
    turns = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    found = read(
        write(BEFORE, {"q": turns, "user": 1}, {"q": "c"}, {"q": "d", "user": 1}), "q", "user"
    )
    assert found.texts == ["a\nb", "c", "d"]
    assert found.blocks[0] == found.blocks[2] != found.blocks[1]


def test_ten_rows_are_insufficient() -> None:
    write(BEFORE, *({"prompt": f"question {i}"} for i in range(10)))
    write(NOW, *({"prompt": f"question {i}"} for i in range(10)))
    done = run("--json", "--exit-verdict")
    assert done.exit_code == 10
    assert json.loads(done.stdout) == {
        "verdict": "insufficient",
        "alpha": 0.01,
        "signals": {},
        "topics": [],
        "exemplars": [],
        "new_words": [],
    }
    assert "too few to compare" in run().stdout


@pytest.mark.parametrize("alpha", ["0", "1", "-1", "nan"])
def test_an_alpha_that_is_no_chance_is_refused(alpha: str) -> None:
    write(BEFORE, {"prompt": "a"})
    write(NOW, {"prompt": "b"})
    done = run("--alpha", alpha)
    assert isinstance(done.exception, InputError)
    assert "alpha is a chance between 0 and 1" in str(done.exception)


@pytest.mark.slow
def test_new_questions_are_found_and_named_and_one_noisy_user_is_no_drift() -> None:
    random = Random(0)
    write(BEFORE, *({"prompt": asked(random, new=False)} for _ in range(400)))
    write(NOW, *({"prompt": asked(random, new=i < 60), "user": i} for i in range(200)))
    found = json.loads(run("--json").stdout)
    assert found["verdict"] == "drift"
    assert found["signals"]["novelty"]["verdict"] == "drift"
    assert set(found) >= {"verdict", "alpha", "signals", "topics", "exemplars"}
    assert any(
        word in text.lower() for text in found["exemplars"] for word in ("coin", "token", "nft")
    )
    assert run("--exit-verdict").exit_code == 11

    rows = [{"prompt": asked(random, new=False), "user": i} for i in range(180)]
    write(NOW, *rows, *({"prompt": "which token should I stake", "user": "bot"} for _ in range(20)))
    noisy = ("--exit-verdict", "--block-field", "user")
    assert run(*noisy).exit_code == 0
