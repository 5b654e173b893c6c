"""`incumbent drift check`: anybody's prompts in, a verdict out, and words for what is no input."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from pyarrow.parquet import encryption
from typer.testing import CliRunner, Result

from incumbent.cli import app
from incumbent.verbs.check_drift import read, topic_cells
from project.errors import InputError
from project.records.drift import Topic
from tests.monitoring.test_night import asked

BEFORE, NOW = Path("before.jsonl"), Path("now.jsonl")


class PlainKeys(encryption.KmsClient):
    """Keys as they are: that a column is encrypted is the point, not by what."""

    def wrap_key(self, key: bytes, name: str) -> bytes:
        return base64.b64encode(key)

    def unwrap_key(self, wrapped: bytes, name: str) -> bytes:
        return base64.b64decode(wrapped)


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
        ("{", r"before.jsonl:2: is not JSON"),
        ("[]", r"before.jsonl:2: is no JSON object"),
        ('{"text": "x"}', r"before.jsonl:2: prompt: is not there; name .* there are: text"),
        ('{"prompt": 7}', r"before.jsonl:2: prompt: must be a text or a list of messages"),
        ('{"prompt": [{"content": "a"}]}', r"before.jsonl:2: prompt: must be a text or a list"),
        ('{"prompt": [{"role": "user", "content": 7}]}', r"before.jsonl:2: prompt: must be a text"),
        ('{"prompt": ["a", "b"]}', r"before.jsonl:2: prompt: must be a text or a list"),
        ('{"prompt": []}', r"before.jsonl:2: prompt: must be a text or a list"),
        ('{"prompt": null}', r"before.jsonl:2: prompt: must be a text or a list"),
        (r'{"prompt": "\ud800"}', r"before.jsonl:2: .*a lone surrogate"),
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
    with pytest.raises(InputError, match=r"before.jsonl: is empty"):
        read(BEFORE, "prompt", None)


@pytest.mark.parametrize("lines", ["where is my card\nand my loan\n", "well, where\nis it, then\n"])
def test_lines_of_plain_text_are_no_table_and_how_they_become_one_is_said(lines: str) -> None:
    Path("before.txt").write_text(lines)
    with pytest.raises(InputError, match=r"before.txt:1: prompt: is no column of this text.*jq -R"):
        read(Path("before.txt"), "prompt", None)


@pytest.mark.parametrize(
    ("mend", "problem"),
    [
        (lambda whole: whole[:-40], r"is a broken Parquet file: write or copy it again"),
        (lambda whole: whole[:4] + b"\0" * 200 + whole[204:], r"is a broken Parquet file"),
        (lambda whole: b"PARE" + whole[4:], r"is an encrypted Parquet file: write it without"),
        (lambda _: b"", r"is empty: write or copy it again"),
    ],
    ids=["cut", "garbled", "encrypted", "empty"],
)
def test_a_parquet_file_that_cannot_be_read_says_why_and_what_to_do(
    mend: Callable[[bytes], bytes], problem: str
) -> None:
    path = Path("before.parquet")
    pd.DataFrame({"prompt": [f"question {i}" for i in range(200)]}).to_parquet(path)
    path.write_bytes(mend(path.read_bytes()))
    with pytest.raises(InputError, match=f"before.parquet: {problem}"):
        read(path, "prompt", None)


def test_a_column_that_is_encrypted_is_told_from_a_broken_one() -> None:
    path, keys = (
        Path("before.parquet"),
        encryption.EncryptionConfiguration(
            footer_key="f", column_keys={"c": ["prompt"]}, plaintext_footer=True
        ),
    )
    factory = encryption.CryptoFactory(lambda _: PlainKeys())
    locks = factory.file_encryption_properties(encryption.KmsConnectionConfig(), keys)
    table = pa.table({"prompt": ["a", "b"]})
    with parquet.ParquetWriter(path, table.schema, encryption_properties=locks) as writer:
        writer.write_table(table)
    with pytest.raises(InputError, match=r"before.parquet: is an encrypted Parquet file"):
        read(path, "prompt", None)


def test_a_table_without_rows_names_the_field_that_they_need() -> None:
    Path("before.csv").write_text("prompt,user\n")
    with pytest.raises(InputError, match=r"before.csv: prompt: holds no rows"):
        read(Path("before.csv"), "prompt", None)


def test_what_the_user_asked_last_is_read_of_messages_and_blocks_as_they_are() -> None:
    turns = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    tools = [*turns, {"role": "assistant", "content": None, "tool_calls": []}]
    tools += [{"role": "tool", "content": [{"type": "text", "text": "3"}]}]
    rows = {"q": turns, "user": 1}, {"q": "c"}, {"q": tools, "user": None}, {"q": "d", "user": 1}
    found = read(write(BEFORE, *rows), "q", "user")
    assert found.texts == ["b", "c", "b", "d"]
    assert found.blocks == [1, None, None, 1]


def test_packed_json_lines_csv_and_parquet_are_read() -> None:
    rows = [{"prompt": "one, two", "user": "a"}, {"prompt": "three", "user": "b"}]
    frame = pd.DataFrame(rows)
    frame.to_csv("prompts.csv", index=False)
    frame.to_parquet("prompts.parquet")
    frame.to_json("prompts.jsonl.gz", orient="records", lines=True)
    for name in ("prompts.csv", "prompts.parquet", "prompts.jsonl.gz"):
        found = read(Path(name), "prompt", "user")
        assert (found.texts, found.blocks) == (["one, two", "three"], ["a", "b"])


def test_a_block_field_that_no_row_has_is_an_error_that_names_the_others() -> None:
    write(BEFORE, {"prompt": "a"})
    write(NOW, {"prompt": "b", "usr": 1})
    done = run("--block-field", "user")
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith("now.jsonl: user: no row has it")
    assert "prompt, usr" in str(done.exception)


def test_a_block_field_that_one_file_lacks_is_said() -> None:
    write(BEFORE, {"prompt": "a"})
    write(NOW, {"prompt": "b", "user": 1}, {"prompt": "c"})
    assert "no row of before.jsonl has the field user" in run("--block-field", "user").stdout


def test_a_text_field_that_no_row_has_is_an_error_that_names_the_others() -> None:
    write(BEFORE, {"prompt": "a"})
    write(NOW, {"prompt": "b"})
    done = run("--text-field", "question")
    assert "before.jsonl:1: question: is not there" in str(done.exception)


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
        "notes": [],
    }
    told = "too few to compare: 10 now (at least 50), 10 before (at least 100)"
    assert run().stdout.splitlines() == ["insufficient: 10 prompts against 10, alpha 0.01", told]
    write(NOW, {"prompt": "question", "user": "u"})
    shown = " ".join(run("--block-field", "user").stdout.split())
    assert "insufficient: 1 prompt against 10" in shown
    assert shown.endswith("; rows of one --block-field count once")


def test_what_was_before_of_a_new_topic_is_not_told() -> None:
    old = Topic(name="a", new=False, before=0.1, now=0.2, z=4, exemplars=("x",))
    new = Topic(name="b", new=True, before=0.003, now=0.2, z=4, exemplars=())
    assert topic_cells(old) == ("a", "10.0%", "20.0%", "x")
    assert topic_cells(new) == ("b (new)", "–", "20.0%", "")


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


@pytest.mark.slow
def test_a_system_prompt_longer_than_the_embedder_reads_hides_nothing() -> None:
    random = Random(0)
    rules = "You are the assistant of a bank. Answer in few words, and only what is asked. " * 20
    write(BEFORE, *({"prompt": rules + asked(random, new=False)} for _ in range(300)))
    write(NOW, *({"prompt": rules + asked(random, new=i < 60)} for i in range(150)))
    found = json.loads(run("--json").stdout)
    assert found["verdict"] == "drift"
    assert found["signals"]["novelty"]["verdict"] == "drift"
    assert not any("assistant" in text for text in found["exemplars"])
    assert any("left out: 1,5" in note for note in found["notes"])
