"""Logs of inspect_ai: real ones, of eight questions in two epochs, and what can be odd in them."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZipFile

import pytest

from evaluation.other_logs import inspect_logs
from evaluation.other_logs.inspect_logs import read_file
from project.errors import InputError, name_missing_extras
from tests.evaluation.other_logs.decide_from import LOGS, decide, refusal, without_logs

CHAMPION, CHALLENGER = LOGS / "champion.eval", LOGS / "challenger.eval"
Log = dict[str, Any]


def log_of(path: Path) -> Log:
    header, samples = read_file(path)
    return header | {"samples": samples}


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Writes the challenger's log as .json, after a change."""

    def write(change: Callable[[Log], object], name: str = "changed.json") -> Path:
        log = log_of(CHALLENGER)
        change(log)
        (tmp_path / name).write_text(json.dumps(log))
        return tmp_path / name

    return write


def compare(challenger: Path, *options: str) -> dict[str, Any]:
    return decide("--from", "inspect", CHAMPION, challenger, "--metric", "includes", *options)


def refused(challenger: Path, *options: str) -> str:
    return refusal("--from", "inspect", CHAMPION, challenger, "--metric", "includes", *options)


# --- the verdict ----------------------------------------------------------------------------------


def test_a_compressed_log_gives_the_verdict_of_its_table(tmp_path: Path) -> None:
    found = compare(CHALLENGER, "--write", str(tmp_path / "table.jsonl"))
    assert without_logs(found) == decide("--scores", tmp_path / "table.jsonl")
    metric = found["metrics"]["includes"]
    assert (metric["n"], metric["clusters"]) == (16, 8)
    assert (metric["champion_mean"], metric["challenger_mean"]) == (9 / 16, 13 / 16)


def test_json_and_eval_hold_the_same(changed: Callable[..., Path]) -> None:
    as_json = changed(lambda log: None)
    assert compare(as_json)["metrics"] == compare(CHALLENGER)["metrics"]


def test_epochs_of_one_sample_are_a_cluster_and_decide_otherwise_than_items(
    changed: Callable[..., Path], tmp_path: Path
) -> None:
    def grade(log: Log) -> None:
        for sample in log["samples"]:
            sample["scores"]["includes"]["value"] = "C" if sample["id"] < 7 else "I"

    table = tmp_path / "table.jsonl"
    clustered = compare(changed(grade), "--write", str(table))["metrics"]["includes"]
    items = [json.loads(line) for line in table.read_text().splitlines()]
    table.write_text("".join(json.dumps(item | {"cluster": None}) + "\n" for item in items))
    alone = decide("--scores", table)["metrics"]["includes"]
    assert (clustered["clusters"], alone["clusters"]) == (8, 16)
    assert clustered["se"] != alone["se"]


def test_a_scorer_with_several_values_has_a_metric_for_each() -> None:
    found = decide("--from", "inspect", CHAMPION, CHALLENGER, "--allow-missing", "0.2")
    assert found["metrics"].keys() == {"includes", "several/len", "several/has_p", "nanny"}


@pytest.mark.parametrize(
    ("value", "score"),
    [("C", 1), ("I", 0), ("P", 0.5), ("N", 0), (True, 1), (0.25, 0.25), ("0.25", 0.25), ("yes", 1)],
)
def test_a_grade_counts_as_inspect_counts_it(
    changed: Callable[..., Path], value: object, score: float
) -> None:
    def grade(log: Log) -> None:
        for sample in log["samples"]:
            sample["scores"]["includes"]["value"] = value

    assert compare(changed(grade))["metrics"]["includes"]["challenger_mean"] == score


# --- what has no score ----------------------------------------------------------------------------


def test_a_sample_that_an_error_stopped_is_no_zero() -> None:
    errors = LOGS / "errors.eval"
    assert "(challenger: 1 stopped by an error)" in refused(errors)
    found = compare(errors, "--allow-missing", "0.1")
    assert found["logs"]["challenger"]["left_out"] == {"stopped by an error": 1}
    assert found["metrics"]["includes"]["n"] == 15


def test_of_a_cancelled_run_the_samples_that_were_not_run_are_told() -> None:
    cancelled = LOGS / "cancelled.eval"
    given = ("--from", "inspect", cancelled, CHALLENGER, "--metric", "includes")
    assert "(champion: 1 stopped by an error, 5 not run)" in refusal(*given)
    found = decide(*given, "--allow-missing", "0.5")["logs"]
    assert (found["items"], found["of"]) == (10, 16)
    assert "champion, capitals: the run ended as 'cancelled', not as 'success'" in found["notes"]


@pytest.mark.parametrize("value", [float("nan"), "a long answer", None])
def test_a_value_that_is_no_number_is_no_zero(changed: Callable[..., Path], value: object) -> None:
    def spoil(log: Log) -> None:
        log["samples"][3]["scores"]["includes"]["value"] = value

    assert "(challenger: 1 not scored (includes))" in refused(changed(spoil))


def test_a_scorer_that_gave_nothing_is_no_zero(changed: Callable[..., Path]) -> None:
    assert "1 not scored (includes)" in refused(
        changed(lambda log: log["samples"][3]["scores"].pop("includes"))
    )
    assert "1 not scored" in refused(changed(lambda log: log["samples"][3]["scores"].clear()))


def test_a_sample_that_is_there_twice_or_invalid_is_told(changed: Callable[..., Path]) -> None:
    twice = changed(lambda log: log["samples"].append(log["samples"][0]))
    assert "(challenger: 1 there more than once)" in refused(twice)
    invalid = changed(lambda log: log["samples"][0].update(invalidation={"author": "ann"}))
    assert "(challenger: 1 declared invalid)" in refused(invalid)


def test_a_limit_and_an_answer_that_was_not_given_are_told(changed: Callable[..., Path]) -> None:
    def reach(log: Log) -> None:
        log["samples"][0]["limit"] = {"type": "token", "limit": 10}
        log["samples"][1]["scores"]["includes"]["value"] = "N"

    notes = compare(changed(reach))["logs"]["notes"]
    assert (
        "challenger, capitals: 1 samples reached their token limit and count as they were "
        "scored" in notes
    )
    assert "challenger, capitals: 1 scores are N (no answer), which counts 0" in notes


# --- what does not match --------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["input", "target", "choices"])
def test_another_question_under_the_same_number_is_refused(
    changed: Callable[..., Path], part: str
) -> None:
    other = changed(lambda log: log["samples"][0].update({part: ["another"] * 2}))
    assert f"asked differently: 1 another {part}" in refused(other)


def test_messages_are_the_same_whatever_their_ids(
    changed: Callable[..., Path], tmp_path: Path
) -> None:
    def as_message(log: Log) -> None:
        for i, sample in enumerate(log["samples"]):
            message = {"id": f"{len(log)}{i}", "role": "user", "content": sample["input"]}
            sample["input"] = [message]

    first, second = changed(as_message, "a.json"), changed(as_message, "b.json")
    log = json.loads(second.read_text())
    log["samples"][0]["input"][0]["id"] = "another"
    second.write_text(json.dumps(log))
    assert decide("--from", "inspect", first, second, "--metric", "includes")


def test_another_judge_is_refused(changed: Callable[..., Path]) -> None:
    def judge(model: str) -> Callable[[Log], None]:
        return lambda log: log["eval"]["scorers"][0].update(options={"model": model})

    one, two = changed(judge("judge-a"), "a.json"), changed(judge("judge-b"), "b.json")
    message = refusal("--from", "inspect", one, two, "--metric", "includes")
    assert "capitals: includes was scored in another way on either side" in message
    assert "judge-a" in message
    assert decide("--from", "inspect", one, two, "--metric", "several/len")


def test_a_model_that_grades_itself_is_another_judge_than_the_other(
    changed: Callable[..., Path],
) -> None:
    def graded_by_itself(model: str) -> Callable[[Log], None]:
        def change(log: Log) -> None:
            log["eval"]["model"] = model
            log["eval"]["scorers"][0]["name"] = "model_graded_qa"
            for sample in log["samples"]:
                sample["scores"]["model_graded_qa"] = sample["scores"].pop("includes")

        return change

    one, two = changed(graded_by_itself("m"), "a.json"), changed(graded_by_itself("n"), "b.json")
    message = refusal("--from", "inspect", one, two, "--metric", "model_graded_qa")
    assert "the evaluated model itself, m" in message


def test_fewer_epochs_or_another_version_of_the_task_are_refused(
    changed: Callable[..., Path],
) -> None:
    def once(log: Log) -> None:
        log["eval"]["config"]["epochs"] = 1
        log["samples"] = [sample for sample in log["samples"] if sample["epoch"] == 1]

    assert "(challenger: 8 not in its log)" in refused(changed(once))
    newer = changed(lambda log: log["eval"].update(task_version=2))
    assert "capitals: another version of the task on either side, 0 and 2" in refused(newer)


# --- files ----------------------------------------------------------------------------------------


def test_of_a_folder_the_newest_log_is_taken_and_told(
    changed: Callable[..., Path], tmp_path: Path
) -> None:
    shutil.copy(CHALLENGER, tmp_path / "older.eval")
    changed(lambda log: log["eval"].update(created="2030-01-01T00:00:00+00:00"))
    notes = compare(tmp_path)["logs"]["notes"]
    assert "challenger, capitals: was run 2 times; taken is the newest, changed.json" in notes


def test_a_folder_with_logs_of_several_models_is_refused(
    changed: Callable[..., Path], tmp_path: Path
) -> None:
    shutil.copy(CHALLENGER, tmp_path / "one.eval")
    changed(lambda log: log["eval"].update(model="another"))
    assert "holds logs of 2 systems (another, mockllm/model): name one file" in refused(tmp_path)


def test_a_run_that_was_killed_left_a_log_without_an_end(changed: Callable[..., Path]) -> None:
    def kill(log: Log) -> None:
        del log["status"]
        log["samples"] = log["samples"][:15]

    path = changed(kill)
    assert "(challenger: 1 not run)" in refused(path)
    notes = compare(path, "--allow-missing", "0.1")["logs"]["notes"]
    assert "challenger, capitals: the run ended as 'started', not as 'success'" in notes


def test_a_log_that_is_compressed_as_zips_always_were_is_read(tmp_path: Path) -> None:
    header, samples = read_file(CHALLENGER)
    with ZipFile(tmp_path / "early.eval", "w", ZIP_DEFLATED) as archive:
        for sample in samples:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            archive.writestr(name, json.dumps(sample))
        archive.writestr("_journal/summaries/1.json", "[]")
        archive.writestr("header.json", json.dumps(header))
    assert compare(tmp_path / "early.eval")["metrics"] == compare(CHALLENGER)["metrics"]


def test_without_what_decompresses_it_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(InputError, match=r"\[inspect\]"), name_missing_extras():
        read_file(CHALLENGER)


@pytest.mark.parametrize("cut", [20_000, 39_000])
def test_a_cut_file_is_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / "cut.eval").write_bytes(CHALLENGER.read_bytes()[:cut])
    assert refused(tmp_path / "cut.eval").startswith(f"{tmp_path / 'cut.eval'}: ")


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(CHALLENGER.read_bytes())
    data[10_000:10_040] = bytes(40)
    (tmp_path / "damaged.eval").write_bytes(data)
    assert "is damaged" in refused(tmp_path / "damaged.eval")


@pytest.mark.parametrize("tool", ["inspect", "lm-eval", "promptfoo", "jsonl"])
@pytest.mark.parametrize("run", ["5", "null", '"task"', '["task"]'])
def test_what_only_looks_like_a_log_is_refused(tool: str, run: str, tmp_path: Path) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text(f'{{"eval": {run}}}')
    assert refusal("--from", tool, odd, CHALLENGER).startswith(str(odd))


def zipped(path: Path, method: int, header: str = "{}") -> Path:
    with ZipFile(path, "w", method) as archive:
        archive.writestr("header.json", header)
    return path


@pytest.mark.parametrize("method", [ZIP_BZIP2, ZIP_LZMA])
def test_what_inspect_does_not_compress_with_is_refused(method: int, tmp_path: Path) -> None:
    assert "compressed as inspect never does" in refused(zipped(tmp_path / "odd.eval", method))


def test_an_encrypted_log_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "locked.eval", ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag, in the member's own header and in the archive's list of members
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "is encrypted" in refused(path)


def test_a_small_log_that_inflates_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect_logs, "LARGEST_INFLATED", 1 << 20)
    path = zipped(tmp_path / "bomb.eval", ZIP_DEFLATED, " " * (3 << 20))
    assert "inflates to 3 MiB, and at most 1 MiB are read" in refused(path)


def test_a_member_is_inflated_to_the_size_that_it_claims_at_most(tmp_path: Path) -> None:
    path = zipped(tmp_path / "liar.eval", ZIP_DEFLATED, " " * (3 << 20))
    data = path.read_bytes().replace((3 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    path.write_bytes(data)
    assert "is damaged: Bad CRC" in refused(path)


def test_a_log_of_another_task_is_refused(changed: Callable[..., Path]) -> None:
    other = changed(lambda log: log["eval"].update(task="rivers"))
    assert "the logs are of different tasks: capitals in" in refused(other)


def test_an_empty_log_is_refused(changed: Callable[..., Path]) -> None:
    def empty(log: Log) -> None:
        log["samples"], log["eval"]["dataset"]["sample_ids"] = [], []

    assert "holds no sample" in refused(changed(empty))


@pytest.mark.parametrize(
    "change",
    [
        lambda log: log["samples"][0].pop("id"),
        lambda log: log["samples"][0].update(scores=[1]),
        lambda log: log["eval"].update(scorers="x"),
        lambda log: log.update(samples={"a": 1}),
    ],
)
def test_a_log_of_another_shape_is_refused_without_a_traceback(
    changed: Callable[..., Path], change: Callable[[Log], object]
) -> None:
    assert "is not as inspect writes it" in refused(changed(change))
