"""A judge is one model with one question: another one is another judge, and it is asked twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluation import score
from evaluation.evaluation_settings import JudgeParams, PreferenceParams
from evaluation.preference import judging_model
from evaluation.preference.judge_calibration import calibrate
from evaluation.preference.llm_judge import LlmJudge, judge_lines, verdict_alone
from evaluation.preference.preference_pairs import AnswerPair, Judgement
from project import paths
from project.errors import IncumbentError
from project.records.adapters import Contestant, Opponent
from project.records.preferences import Calibration, JudgePin, PreferencePair
from tests.conftest import BASE
from tests.incumbent.setting_effects.scoring_effects import lay_out_contestants
from tests.judge_server import Asked, Behaviour, Reply, judge_server

PAIRS = [PreferencePair(prompt="?", chosen=f"good! {i}", rejected=f"bad {i}") for i in range(10)]
ONE = [AnswerPair(item="i", prompt="?", champion="a", challenger="b!")]


def fair(asked: Asked) -> str:
    return f"VERDICT: {'A' if '!' in asked.material['ANSWER A'] else 'B'}"


def served_as(*names: str) -> Behaviour:
    """A fair judge that calls itself by these names in turn, and by the last one from then on."""
    left = list(names)
    return lambda asked: Reply(
        fair(asked), fields={"model": left.pop(0) if len(left) > 1 else left[0]}
    )


def judge(url: str, held_to: JudgePin | None = None, **params: Any) -> LlmJudge:
    given: dict[str, Any] = {"url": url, "model": "m", "concurrency": 1} | params
    return LlmJudge(JudgeParams(**given), lambda seconds: None, held_to)


def calibrated(behaviour: Behaviour, **params: Any) -> Calibration:
    with judge_server(behaviour) as server:
        return calibrate(judge(server.url, **params), PAIRS)


def pin_of(calibration: Calibration) -> JudgePin:
    assert calibration.judge is not None
    return calibration.judge


def test_a_calibration_says_who_judged_and_how_it_was_served() -> None:
    fields = {"model": "m-2026-08", "system_fingerprint": "fp_1"}
    found = calibrated(lambda asked: Reply(fair(asked), fields=fields))
    assert (pin_of(found).model, pin_of(found).served) == ("m", "m-2026-08")
    assert found.fingerprints == ("fp_1",)
    assert next(iter(judge_lines(found))).startswith("judged by m, served as m-2026-08, question ")


@pytest.mark.parametrize(
    "change", [{"model": "n"}, {"temperature": 1}, {"max_tokens": 9}, {"reasons": False}]
)
def test_what_decides_an_answer_makes_another_judge(change: dict[str, Any]) -> None:
    one, other = calibrated(served_as("m")), calibrated(served_as("m"), **change)
    assert pin_of(one).digest != pin_of(other).digest


def test_how_it_is_asked_is_the_same_judge() -> None:
    patient = calibrated(served_as("m"), timeout_s=9)
    assert pin_of(patient) == pin_of(calibrated(served_as("m")))
    where = [
        PreferenceParams(source="judge", judge=JudgeParams(url=f"http://{host}/v1", model="m"))
        for host in ("here", "there")
    ]
    assert where[0].identity == where[1].identity


def test_a_server_that_changes_its_model_midway_is_refused() -> None:
    with judge_server(served_as("m-1", "m-2")) as server:
        said = r"m was served as 'm-1' and as 'm-2': these are two judges.*judge\.model"
        with pytest.raises(IncumbentError, match=said):
            judge(server.url).prefer(ONE)


def test_a_model_that_is_not_the_calibrated_one_is_refused() -> None:
    calibration = calibrated(served_as("m-1"))
    with (
        judge_server(served_as("m-2")) as server,
        pytest.raises(IncumbentError, match="served as 'm-1' and as 'm-2'"),
    ):
        judge(server.url, pin_of(calibration)).prefer(ONE)


def test_a_server_that_says_nothing_of_its_model_is_believed() -> None:
    found = calibrated(lambda asked: Reply(fair(asked)))
    assert pin_of(found).served is None
    assert str(pin_of(found)).startswith("m, question ")


def test_a_share_of_the_questions_is_really_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for share, asked_in_all in ((0.0, 20), (0.25, 25)):
        monkeypatch.setattr(judging_model, "REPEAT_SHARE", share)
        with judge_server(served_as("m")) as server:
            found = calibrate(judge(server.url, temperature=share), PAIRS)
        assert len(server.asked) == asked_in_all
        assert found.wobble_n == (asked_in_all - 20 or None)
        assert found.wobble == (0 if share else None)


def changes_its_word() -> Behaviour:
    seen: set[str] = set()

    def reply(asked: Asked) -> Reply:
        again = asked.question in seen
        seen.add(asked.question)
        return Reply("VERDICT: TIE" if again else fair(asked))

    return reply


def test_a_judge_that_changes_its_word_is_called_unsteady(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging_model, "REPEAT_SHARE", 0.2)
    found = calibrated(changes_its_word())
    assert (found.wobble, found.wobble_n, found.accuracy) == (1.0, 4, 1.0)
    assert found.unsteady is not None
    assert "changed its verdict on 100% of 4 questions" in found.unsteady
    assert found.unsteady in list(judge_lines(found))


def test_a_second_run_asks_nothing_again_and_finds_the_same_wobble() -> None:
    with judge_server(changes_its_word()) as server:
        first = calibrate(judge(server.url), PAIRS)
        asked = len(server.asked)
        assert calibrate(judge(server.url), PAIRS) == first
    assert len(server.asked) == asked


def test_an_old_calibration_keeps_its_bytes() -> None:
    found = calibrated(served_as("m")).model_dump(exclude_none=False)
    new = {"judge", "wobble", "wobble_n"}
    old = Calibration.model_validate({k: v for k, v in found.items() if k not in new})
    assert not {"judge", "wobble", "wobble_n", "fingerprints", "rubrics"} & set(old.model_dump())


def test_a_judge_may_be_asked_for_no_reasons() -> None:
    with judge_server(lambda asked: Reply("B")) as server:
        assert judge(server.url, reasons=False).prefer(ONE) == [
            Judgement(win_probability=0.5, first=0)
        ]
    assert "give no reasons" in server.asked[0].question


@pytest.mark.parametrize(
    ("text", "worth"),
    [("A", 1.0), (" VERDICT: TIE\n", 0.5), ("**B**.", 0.0), ("A: it is\nB", None), ("a", None)],
)
def test_where_no_reasons_are_asked_for_the_whole_answer_is_the_verdict(
    text: str, worth: float | None
) -> None:
    assert verdict_alone(text) == worth


def refuses_once(complaint: str) -> Callable[[Asked], Reply]:
    def reply(asked: Asked) -> Reply:
        if "max_tokens" in asked.body:
            return Reply(status=400, raw=complaint.encode())
        return Reply("VERDICT: B")

    return reply


def test_the_newer_name_of_max_tokens_is_used_where_the_older_one_is_refused() -> None:
    complaint = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    with judge_server(refuses_once(complaint)) as server:
        judge(server.url, max_tokens=7).prefer(ONE)
    limits = [(a.body.get("max_tokens"), a.body.get("max_completion_tokens")) for a in server.asked]
    assert limits == [(7, None), (None, 7), (None, 7)]


def test_a_question_that_is_too_long_for_the_model_is_unjudged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging_model, "UNPARSED_CAP", 1)
    too_long = b"This model's maximum context length is 512 tokens."
    with judge_server(lambda asked: Reply(status=400, raw=too_long)) as server:
        assert judge(server.url).prefer(ONE) == [Judgement(win_probability=None)]
        monkeypatch.undo()
        with pytest.raises(IncumbentError, match="2 questions are longer than the model reads"):
            judge(server.url).prefer(ONE)


def test_answers_that_were_cut_off_are_told() -> None:
    cut = Reply("I think that", finish_reason="length")
    with (
        judge_server(lambda asked: cut) as server,
        pytest.raises(IncumbentError, match=r"\(2 were cut off at max_tokens\)"),
    ):
        judge(server.url).prefer(ONE)


def test_a_model_that_is_not_there_is_told_with_those_that_are() -> None:
    with (
        judge_server(lambda asked: Reply(status=404, raw=b"no such model")) as server,
        pytest.raises(IncumbentError, match=r"no such model; .*; it serves 'm', 'n'"),
    ):
        judge(server.url, model="x").prefer(ONE)


def scorers_digest(embedder: Path, calibration: Calibration, **preference: Any) -> str:
    """What stage `score` pins its scores by, after this calibration."""
    section = {"judge": {"url": "http://127.0.0.1:1/v1", "model": "m"}, **preference}
    params = {"embedder": {"model": str(embedder)}, "evaluation": {"preference": section}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    lay_out_contestants()
    Opponent(contestant=Contestant(base=BASE)).write(paths.CHAMPION)
    calibration.write(paths.CALIBRATION)
    return score.pins(score.eval_set_of([])).scorers


def test_scores_of_another_judge_are_other_scores(word_base: Path) -> None:
    one = calibrated(served_as("m-1"))
    elsewhere = pin_of(one).model_copy(update={"served": "m-2"})
    other = one.model_copy(update={"judge": elsewhere})
    steady = one.model_copy(update={"wobble": 0.5})
    asked = {"source": "judge"}
    first = scorers_digest(word_base, one, **asked)
    assert first == scorers_digest(word_base, steady, **asked)
    assert first != scorers_digest(word_base, other, **asked)
    assert scorers_digest(word_base, one) == scorers_digest(word_base, other)


def test_scores_of_another_judge_of_a_rubric_are_other_scores(word_base: Path) -> None:
    digests = set()
    for name in ("m-1", "m-2"):
        found = calibrated(lambda asked: Reply(fair(asked)))
        rubric = calibrated(served_as(name), model=name)
        both = found.model_copy(update={"rubrics": {"polite": rubric}})
        digests.add(scorers_digest(word_base, both, rubrics=["polite"]))
    assert len(digests) == 2
