"""A person's own files come to a verdict, with two commands and no edit but to take less time.

One file does so from end to end. Of the other forms it is shown up to where they differ no more.
"""

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from curation.sources.python_api import read_package
from tests.bank_files import as_csv, write_chats, write_csv, write_pairs
from tests.incumbent.short_suites import shorten_suites, shorten_training
from tests.wheel import Installed, shadow

pytestmark = pytest.mark.usefixtures("warm")

DISTINCT, REPEATS = 160, 500  # questions, and repeats of them

VERDICT = re.compile(r"^own v1: (PROMOTE|HOLD|REJECT)", re.MULTILINE)


def begun(installed: Installed, folder: Path, *options: str | Path) -> str:
    """What init prints, with the project in the folder `own`."""
    made = installed.run(folder, "incumbent", "init", "own", *options, "--yes")
    shorten_suites(folder / "own", 4)
    shorten_training(folder / "own")
    shadow(folder / "own")
    return made


def account(project: Path) -> list[dict[str, str]]:
    """Of the records of the person's own files."""
    with (project / "outputs" / "rows.csv").open(newline="") as lines:
        return [line for line in csv.DictReader(lines) if line["file"] != "rehearsal.jsonl"]


@pytest.mark.slow
def test_a_banks_csv_with_all_its_faults_comes_to_a_verdict(
    warm_installed: Installed, tiny_base: Path, tmp_path: Path
) -> None:
    """With the wheel, in a project whose folders are named like ours."""
    records = write_csv(tmp_path / "bank.csv", DISTINCT, REPEATS)
    said = begun(warm_installed, tmp_path, "--from", "bank.csv", "--base", tiny_base)
    run = warm_installed.run(tmp_path / "own", "incumbent", "run")
    assert VERDICT.search(run), run
    assert "read as windows-1252" in said
    lines = account(tmp_path / "own")
    assert [int(line["line"]) for line in lines] == sorted(int(line["line"]) for line in lines)
    assert len(lines) == records
    assert all(bool(line["part"]) != bool(line["why"]) for line in lines)
    left = Counter(line["why"] for line in lines if line["why"])
    assert left["repeats"] == REPEATS
    assert left["without an answer"] == 3
    assert {"without a prompt", "longer than base.max_length"} < left.keys()
    for why, count in left.items():
        assert f" {count:,} left out: {why}\n" in said


@pytest.mark.slow
def test_a_folder_of_conversations_opens_the_gate(
    warm_installed: Installed, tiny_base: Path, tmp_path: Path
) -> None:
    records = write_chats(tmp_path / "chats", DISTINCT)
    begun(warm_installed, tmp_path, "--from", "chats", "--base", tiny_base)
    run = warm_installed.run(tmp_path / "own", "incumbent", "run", "--until", "gate")
    assert "gate passed" in run
    assert len(account(tmp_path / "own")) == records


@pytest.mark.slow
def test_pairs_alone_are_rows_too_and_are_learnt_from(
    warm_installed: Installed, tiny_base: Path, tmp_path: Path
) -> None:
    records = write_pairs(tmp_path / "pairs.parquet", DISTINCT)
    said = begun(warm_installed, tmp_path, "--from", "pairs.parquet", "--base", tiny_base)
    warm_installed.run(tmp_path / "own", "incumbent", "run", "--until", "train")
    assert "preferences, to learn from behind the rows" in said
    assert len({line["line"] for line in account(tmp_path / "own")}) == records
    recipe = json.loads((tmp_path / "own/outputs/adapter/recipe.json").read_text())
    assert recipe["dpo"]["params"]["epochs"] == 1
    assert "author" not in (tmp_path / "own/datasets/raw/rows.jsonl").read_text()


@pytest.mark.slow
def test_init_says_that_answers_have_nothing_to_do_with_their_questions(word_base: Path) -> None:
    """By the embedder and the task, as the gate: not after minutes."""
    rows = list(islice(read_package("numpy"), 700))
    told = [row.completion_text for row in [*rows[350:], *rows[:350]]]
    pairs = [(row.prompt_text, answer, "a") for row, answer in zip(rows, told, strict=True)]
    Path("api.csv").write_text(as_csv(pairs))
    done = init("own", "--from", "api.csv", "--base", str(word_base), "--yes")
    assert done.returncode == 0, done.stderr
    gate = done.stdout.partition("\ngate ")[2]
    assert "`incumbent run` will stop at 1 check" in gate
    assert "answers have to do with their questions: answer_fit is 0." in gate


GOOD = as_csv([(f"{n}?", f"It is {n}.", "a") for n in ("one", "two", "three")])


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (GOOD.replace("two?", '"two?').encode(), r"bank\.csv:3: .*quote is not closed"),
        (GOOD.replace("two.,a", "two.,a,c").encode(), r"bank\.csv:3: .*has 4 fields.*header has 3"),
        (GOOD.replace(",It is two.,a", "").encode(), r"bank\.csv:3: .*has 1 f.*--skip-unreadable"),
        (GOOD.encode("utf-16-le"), r"bank\.csv.*UTF-16-LE without a byte-order mark.*UTF-8"),
        (
            GOOD.encode() + "vier?,für,c\n".encode("latin-1") + "fünf?,5,c\n".encode(),
            r"bank\.csv:5",
        ),
        (b'{"question": "one?", "answer": "1"}\n{"question": "two?"', r"bank\.csv:2: "),
        (b"", r"bank\.csv.*empty"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_nothing_is_made(
    data: bytes, complaint: str
) -> None:
    Path("bank.csv").write_bytes(data)
    done = init("own", "--from", "bank.csv", "--yes")
    assert done.returncode == 2
    assert re.search(complaint, done.stderr, re.DOTALL), done.stderr
    assert not Path("own").exists()


def init(*options: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("incumbent"), "init", *options]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_without_a_terminal_somebody_has_to_say_yes() -> None:
    Path("faq.csv").write_text(GOOD)
    done = init("own", "--from", "faq.csv")
    assert done.returncode == 2
    assert "say --yes if these columns are right" in done.stderr
    assert "as in --prompt Question --completion Answer" in done.stderr
    assert "Question" in done.stdout  # and what they are taken for
    assert not Path("own").exists()


def test_a_base_that_cannot_be_is_told_before_anything_is_read() -> None:
    Path("faq.csv").write_text(GOOD)
    done = init("own", "--from", "faq.csv", "--base", "nowhere", "--yes")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --base: 'nowhere' is no folder here")
    assert not done.stdout


def test_a_folder_that_holds_something_is_not_touched() -> None:
    Path("faq.csv").write_text(GOOD)
    Path("own").mkdir()
    Path("own/notes.txt").write_text("mine")
    done = init("own", "--from", "faq.csv", "--yes")
    assert done.returncode == 2
    assert "own: is there already" in done.stderr
    assert [path.name for path in Path("own").iterdir()] == ["notes.txt"]


def test_without_files_it_says_what_to_name() -> None:
    done = init("own")
    assert done.returncode == 2
    assert "--from FILE" in done.stderr and "--sample" in done.stderr


def test_a_file_that_is_not_there_is_named() -> None:
    done = init("own", "--from", "nothing.csv", "--yes")
    assert done.returncode == 2
    assert "nothing.csv" in done.stderr


@pytest.mark.slow
def test_rows_of_what_was_not_chosen_never_reach_the_project(
    word_base: Path, tmp_path: Path
) -> None:
    lines = [
        {"question": f"what is the {i}th thing?", "answer": f"it is thing {i}", "secret": "s3cret"}
        for i in range(60)
    ]
    Path("faq.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = init("own", "--from", "faq.jsonl", "--base", str(word_base), "--yes")
    assert done.returncode == 0, done.stderr
    assert "secret" in done.stdout  # it says that it is not read
