"""A teacher's answers to training prompts: asked within limits, shown to people, on record."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import pytest
import yaml

from curation.curation_settings import CollectParams
from curation.data_sources import described
from curation.proposals import answered
from evaluation.preference.preference_pairs import AnswerPair, Judgement
from examples.recorded_project import lay_out
from incumbent.submission import everything_learnt
from incumbent.verbs.data_rows import accept_labels
from incumbent.verbs.distill_rows import drafts_of
from monitoring.trigger.labels import LABELLED
from project import paths
from project.canonical import digest_folder, digest_json
from project.near_duplicates import WordPrints
from project.records.adapters import SHEET, Adapter, ContestantSheet, HostedModel, ModelPin
from project.records.data import Row, Split, TaughtBy
from project.records.record import write_records
from registry.store import Registry
from tests.evaluation.engine_server import Asked, EngineServer, Reply, engine_server
from tests.incumbent.tiny_project import exit_code
from tests.training.kept_steps import recipe_of
from training.training_settings import DistillParams

REVIEW, ROWS = Path("datasets/queue/distilled.json"), Path("datasets/queue/distilled.jsonl")
ANSWER = 20  # tokens


def rows(part: Split, count: int) -> tuple[Row, ...]:
    """Rows of words that no other row has."""
    texts = (" ".join(wrap(digest_json([part, n]), 8)) for n in range(count))
    return tuple(
        Row.of(f"What of {text}?", f"It is {text}.", group=text, source="s") for text in texts
    )


PARTS = {Split.TRAIN: rows(Split.TRAIN, 12), Split.DEV: (), Split.SEALED: rows(Split.SEALED, 1)}
COPYING = PARTS[Split.TRAIN][0]  # the teacher answers it in a sealed item's words
ASKED = ("--licence", "Apache-2.0")
# Units of four rows: each is asked by itself where there is a limit.
SETTINGS = {"decoding": {"max_new_tokens": ANSWER + 1, "batch_size": 1}}


def answers(asked: Asked) -> Reply | None:
    if not asked.path.endswith("chat/completions"):
        return None
    question = asked.body["messages"][-1]["content"]
    copied = PARTS[Split.SEALED][0].completion_text
    text = copied if question == COPYING.prompt_text else f"So {question[::-1]}."
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 10, "completion_tokens": ANSWER}
    return Reply.of({"choices": [{"message": message}], "usage": usage})


@pytest.fixture
def engine() -> Iterator[EngineServer]:
    """A project whose champion answers behind HTTP."""
    with engine_server(answers) as served:
        generation = {"backend": "vllm", "url": served.url, "adapters": str(Path.cwd())}
        settings = {
            "registry": {"family": "bank"},
            "evaluation": {**SETTINGS, "generation": generation, "prices": {"answer": 1000}},
        }
        lay_out(yaml.safe_dump(settings), PARTS)
        with Registry.here() as registry:
            registry.submit(Adapter.read(paths.ADAPTER), paths.ADAPTER_FILES, "first")
            registry.promote(1, "the first", force=True)
        yield served


def run(*arguments: str) -> int:
    return exit_code("data", "distill", "--teacher", "champion", *arguments)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(*ASKED, *arguments, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def questions(engine: EngineServer) -> set[str]:
    return {body["messages"][-1]["content"] for body in engine.bodies("/v1/chat/completions")}


def test_the_teacher_is_asked_training_prompts_alone_and_its_answers_wait_for_a_person(
    engine: EngineServer, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys)
    train = {row.prompt_text for row in PARTS[Split.TRAIN]}
    assert questions(engine) == train
    assert (found["teacher"], found["version"], found["stopped"]) == ("bank v1", 1, False)
    assert found["tokens"] == {"prompt": 10 * len(train), "answer": ANSWER * len(train)}
    assert found["cost"] == pytest.approx(1000 * ANSWER * len(train) / 1e6)
    rows = [json.loads(line) for line in ROWS.read_text().splitlines()]
    assert (
        len(rows) == found["rows"] == len(train) - found["dropped"]["near-duplicates of eval items"]
    )
    assert {row["synthetic"] for row in rows} == {"bank v1"}
    assert len(json.loads(REVIEW.read_bytes())) == len(rows)


def test_a_hosted_teacher_is_asked_where_it_is(
    engine: EngineServer, capsys: pytest.CaptureFixture[str]
) -> None:
    hosted = HostedModel(url=engine.url, model="m").pin
    sheet = ContestantSheet(base=hosted, system_prompt="Be brief.", evidence_template=None)
    sheet.write(Path("sheet") / SHEET)
    with Registry.here() as registry:
        made = sheet.adapter(digest_folder(Path("sheet")))
        registry.submit(made, Path("sheet"), "added", sheet)
    found = said(capsys, "--teacher", "2", "--rows", "3")
    assert (found["teacher"], found["answered"]) == ("bank v2", 3)
    asked = engine.bodies("/v1/chat/completions")
    assert {(body["model"], body["messages"][0]["content"]) for body in asked} == {
        ("m", "Be brief.")
    }


def test_a_limit_stops_before_it_is_passed_and_what_is_kept_costs_nothing_again(
    engine: EngineServer, capsys: pytest.CaptureFixture[str]
) -> None:
    most = said(capsys, "--dry-run", "--rows", "8")
    assert (most["new"], questions(engine)) == (8, set())
    limit = most["cost"] / 2
    first = said(capsys, "--rows", "8", "--max-cost", str(limit))
    assert first["stopped"] and 0 < first["answered"] < 8
    assert 0 < first["cost"] <= limit
    for file in (REVIEW, ROWS):
        file.unlink()
    second = said(capsys, "--rows", "8", "--max-cost", str(limit))
    assert second["answered"] > first["answered"]
    assert len(engine.bodies("/v1/chat/completions")) == second["answered"]


def test_accepted_rows_keep_who_wrote_them_and_under_which_terms(
    engine: EngineServer, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "--rows", "4")
    accept_labels(ROWS)
    sources = {"sources": [{"kind": "file", "path": str(LABELLED)}]}
    (source,) = described(CollectParams.model_validate(sources)).collected_from
    adapter = Adapter.read(paths.ADAPTER)
    assert source.taught == (
        TaughtBy(
            name="bank v1",
            adapter=adapter.files,
            base=adapter.base.name,
            licence="Apache-2.0",
        ),
    )
    write_records(LABELLED, [Row.of("Who?", "A person.", group="g", source="s")])
    (source,) = described(CollectParams.model_validate(sources)).collected_from
    assert source.taught is None


def test_a_judge_marks_each_answer_and_what_it_prefers_comes_first() -> None:
    class Longer:
        """A judge that prefers the longer answer."""

        source = "the longer"

        def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
            longer = [len(one.challenger) > len(one.champion) for one in comparisons]
            return [Judgement(win_probability=float(one)) for one in longer]

    rows = PARTS[Split.TRAIN][:2]
    proposed = [answered(rows[0], "No.", "bank v1", "s"), answered(rows[1], "So " * 99, "v1", "s")]
    drafts = drafts_of([one for one in proposed if one], Longer())
    assert [draft.about["judge"] for draft in drafts] == ["1.00", "0.00"]
    assert drafts[0].made_of.endswith("the judge prefers the teacher's answer: 1.00")


def test_what_the_teacher_learnt_counts_as_shown_to_whom_it_distilled(
    engine: EngineServer,
) -> None:
    step = DistillParams(epochs=1, licence="MIT")
    adapter = Adapter(
        files=digest_folder(Path("models")),
        base=ModelPin.read(paths.BASE),
        recipe="c" * 64,
        dataset="d" * 64,
    )
    with Registry.here() as registry:
        registry.submit(adapter, Path("models"), "a teacher", trained_on=WordPrints.of(["Why?"]))
        recipe = recipe_of(distill=step)
        taught = recipe.distill.model_copy(update={"teacher": adapter.contestant})
        recipe.model_copy(update={"distill": taught}).write(paths.ADAPTER_FILES / "recipe.json")
        learnt = everything_learnt(registry)
    shown = [row.prompt_text for row in PARTS[Split.TRAIN]]
    assert learnt == WordPrints.of([*shown, "Why?"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "--licence: say under which licence or terms"),
        (("--licence", "my own"), "--licence: 'my own' is no licence that SPDX knows"),
        ((*ASKED, "--teacher", "7"), "bank has no version 7"),
        ((*ASKED, "--teacher", "mine"), "--teacher: 'mine' is no version"),
        ((*ASKED, "--judge"), "--judge: needs a judge that is calibrated"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    engine: EngineServer,
    arguments: tuple[str, ...],
    problem: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*arguments) == 2
    assert problem in " ".join(capsys.readouterr().err.split())
    assert questions(engine) == set()
