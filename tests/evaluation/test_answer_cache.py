"""Answers are made once, in units that rows alone decide, and an interruption changes none."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from evaluation.generation.answers import BATCHES, Answer, Respondent, System, as_shown
from project.files import home
from project.records.data import EvidencePassage, Row
from project.shown_passages import USUAL
from tests.conftest import NUMERICS

SYSTEM = System(base="b" * 64, adapter=None, decoding="d" * 64, numerics=NUMERICS, code="c" * 64)


def rows(size: int) -> list[Row]:
    return [
        Row.of("q" * (i % 7 + 1), f"a{i}", group=str(i), source=f"test {i}") for i in range(size)
    ]


class Echo:
    """Answers with what shares the unit, so that another unit would be seen; the last row first."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[str] = []
        self.fails_at = fails_at

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for row in reversed(rows):
            if len(self.asked) == self.fails_at:
                raise KeyboardInterrupt
            self.asked.append(row.id)
            text = f"{row.prompt_text} with {', '.join(row.id for row in rows)}"
            yield Answer(item=row.id, text=text, tokens=2, prompt_tokens=len(row.prompt_text))

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return [-float(len(row.completion_text)) for row in rows]


def respondent(model: Echo, system: System = SYSTEM, batch_size: int = 2) -> Respondent:
    ticks = count(step=0.5)
    return Respondent(system, batch_size, lambda: model, clock=lambda: next(ticks))


def cache() -> list[Path]:
    return sorted((home() / "answers").rglob("*.jsonl"))


def test_answers_come_in_the_order_of_the_rows_each_with_its_own_reference() -> None:
    asked = rows(20)
    answers = respondent(Echo()).answers(asked, "test")
    assert [answer.item for answer in answers] == [row.id for row in asked]
    assert [answer.reference_logprob for answer in answers] == [-2.0] * 10 + [-3.0] * 10


def test_a_cached_answer_is_never_made_again() -> None:
    first, second = Echo(), Echo()
    made = respondent(first).answers(rows(20), "test")
    assert respondent(second).answers(rows(20), "test") == made
    assert (len(first.asked), second.asked) == (20, [])


def test_no_model_is_loaded_when_all_is_cached() -> None:
    made = respondent(Echo()).answers(rows(5), "test")

    def load() -> Echo:
        raise AssertionError("loaded")

    assert Respondent(SYSTEM, 2, load).answers(rows(5), "test") == made


@pytest.mark.parametrize("fails_at", [0, 3, BATCHES * 2, BATCHES * 2 + 5, 19])
def test_an_interrupted_run_goes_on_where_it_stopped_with_the_same_answers(fails_at: int) -> None:
    asked = rows(20)
    with pytest.raises(KeyboardInterrupt):
        respondent(Echo(fails_at)).answers(asked, "test")
    going_on = Echo()
    resumed = respondent(going_on).answers(asked, "test")
    size = BATCHES * 2
    assert len(going_on.asked) == 20 - fails_at // size * size
    for path in cache():
        path.unlink()
    assert respondent(Echo()).answers(asked, "test") == resumed


def test_the_order_of_the_rows_decides_nothing() -> None:
    asked = rows(20)
    forward = respondent(Echo()).answers(asked, "test")
    files = {path: path.read_bytes() for path in cache()}
    assert respondent(Echo()).answers(asked[::-1], "test") == forward[::-1]
    assert {path: path.read_bytes() for path in cache()} == files


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data.replace(b'"tokens":2', b'"tokens":3'),
        lambda data: data.split(b"\n", 1)[1],
        lambda data: b"\xff" + data,
    ],
    ids=["cut short", "emptied", "changed", "without its digest", "not text"],
)
def test_a_harmed_file_is_made_anew(harm: Callable[[bytes], bytes]) -> None:
    asked = rows(20)
    made = respondent(Echo()).answers(asked, "test")
    harmed = cache()[1]
    harmed.write_bytes(harm(harmed.read_bytes()))
    assert respondent(Echo()).seconds(asked) is None
    again = Echo()
    assert respondent(again).answers(asked, "test") == made
    assert 0 < len(again.asked) < 20


def test_another_system_processor_prompt_or_completion_is_asked_anew() -> None:
    asked = rows(3)
    respondent(Echo()).answers(asked, "test")
    other_end = [row.model_copy(update={"completion": row.prompt}) for row in asked]
    other_start = [row.model_copy(update={"prompt": row.completion}) for row in asked]
    tuned = SYSTEM.model_copy(update={"adapter": "a" * 64})
    elsewhere = NUMERICS.model_copy(update={"processor": "another processor"})
    moved = SYSTEM.model_copy(update={"numerics": elsewhere})
    for system, changed in [
        (SYSTEM, other_end),
        (SYSTEM, other_start),
        (tuned, asked),
        (moved, asked),
    ]:
        model = Echo()
        respondent(model, system).answers(changed, "test")
        assert len(model.asked) == 3


def test_seconds_are_those_of_generation_and_stay_out_of_the_answers() -> None:
    asked = rows(5)
    assert respondent(Echo()).seconds(asked) is None
    made = respondent(Echo()).answers(asked, "test")
    # The clock ticks by half a second when it is read: at the start, after each answer, at the end.
    assert respondent(Echo()).seconds(asked) == 3.0
    assert respondent(Echo()).seconds(rows(6)) is None
    assert set(made[0].model_dump()) <= set(Answer.model_fields)
    assert not any("second" in name for name in Answer.model_fields)


def test_progress_counts_answers_and_tokens_per_second(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)  # bars are for terminals
    respondent(Echo()).answers(rows(8), "the label")
    shown = capsys.readouterr().err
    assert "the label: 100%" in shown
    assert "8/8" in shown
    assert "4 tokens/s" in shown


def test_a_system_with_an_index_says_which_passages_it_was_given() -> None:
    passages = (EvidencePassage(id="p", text="Fees are 5 euros."),)
    plain, given = rows(2)
    given = given.model_copy(update={"evidence": passages})
    indexed = SYSTEM.model_copy(update={"evidence_template": USUAL, "index": "i" * 64})
    answers = respondent(Echo(), indexed).answers([plain, given], "test")
    assert [answer.evidence for answer in answers] == [None, passages]
    assert "[1] Fees are 5 euros." in answers[1].text
    again = respondent(Echo(), indexed).answers([plain, given], "test")
    assert again == answers
    assert as_shown([plain, plain], answers)[1].evidence == passages
    without = SYSTEM.model_copy(update={"evidence_template": USUAL})
    assert respondent(Echo(), without).answers([given], "test")[0].evidence is None
    assert b"index" not in SYSTEM.canonical() and b"evidence" not in SYSTEM.canonical()
