"""Two files of one's own, an item a line, and what is said of two logs that do not match."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import weigh
from evaluation.other_logs.pair_logs import pair_logs
from evaluation.other_logs.system_log import Sample, SystemLog
from tests.evaluation.other_logs.decide_from import decide, refusal, without_logs, write_lines

Row = dict[str, Any]


def rows(n: int = 40, gain: float = 0.0, **about: Any) -> list[Row]:
    return [
        {"item": f"q{i}", "cluster": f"d{i // 2}", "acc": 0.4 + gain + 0.02 * (-1) ** i, **about}
        for i in range(n)
    ]


@pytest.fixture
def champion(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "champion.jsonl", rows())


def challenger(champion: Path, made: list[Row]) -> Path:
    return write_lines(champion.with_name("challenger.jsonl"), made)


# --- the verdict ----------------------------------------------------------------------------------


def test_the_verdict_is_that_on_the_same_scores_as_a_table(champion: Path) -> None:
    better = [row | {"acc": row["acc"] + 0.1 + 0.01 * (i % 3)} for i, row in enumerate(rows())]
    table = champion.with_name("table.jsonl")
    found = decide("--from", "jsonl", champion, challenger(champion, better), "--write", table)
    assert found["verdict"] == "PROMOTE"
    assert found["metrics"]["acc"]["clusters"] == 20
    assert without_logs(found) == decide("--scores", table)


def test_look_and_policy_are_those_of_every_table(champion: Path) -> None:
    slight = [row | {"acc": row["acc"] + 0.02 + 0.06 * (i % 3 - 1)} for i, row in enumerate(rows())]
    other = challenger(champion, slight)
    policy = champion.with_name("policy.yaml")
    policy.write_text("gating: [acc]\nalpha: 0.2\n")
    given = ("--from", "jsonl", champion, other, "--policy", policy, "--look")
    assert [decide(*given, look)["verdict"] for look in ("1", "40")] == ["PROMOTE", "HOLD"]


def test_scores_may_lie_under_a_key_and_slices_in_an_object(tmp_path: Path) -> None:
    def side(gain: float) -> list[Row]:
        return [
            {"item": i, "slices": {"topic": i % 2}, "scores": {"acc": 0.1 * (i % 3) + gain * i}}
            for i in range(9)
        ]

    files = [write_lines(tmp_path / f"{gain}.jsonl", side(gain)) for gain in (0.0, 0.1)]
    assert decide("--from", "jsonl", *files)["slices"].keys() == {"topic=0", "topic=1"}


def test_files_of_windows_and_texts_with_line_separators_are_read_as_they_are(
    champion: Path,
) -> None:
    lines = [json.dumps(row | {"answer": "a\u2028b\u0085"}, ensure_ascii=False) for row in rows()]
    other = champion.with_name("windows.jsonl")
    other.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    found = decide("--from", "jsonl", champion, other)["logs"]
    assert found["items"] == 40
    assert found["notes"] == ["challenger, items: fields that are no numbers: answer"]


def test_an_array_over_many_lines_is_read_too(champion: Path) -> None:
    other = champion.with_name("array.json")
    other.write_text(json.dumps(rows(gain=0.1), indent=2))
    assert decide("--from", "jsonl", champion, other)["logs"]["items"] == 40


# --- what has no score ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ({"error": "timeout", "acc": 0.0}, "stopped by an error"),
        ({"acc": float("nan")}, "not scored (acc)"),
        ({"acc": float("inf")}, "not scored (acc)"),
        ({"acc": None}, "not scored (acc)"),
    ],
)
def test_an_item_without_a_score_is_missing_and_counted_and_no_zero(
    champion: Path, loss: Row, kind: str
) -> None:
    made = rows()
    made[7] |= loss
    given = ("--from", "jsonl", champion, challenger(champion, made))
    assert f"1 of 40 items cannot be compared, such as q7 (challenger: 1 {kind})" in refusal(*given)
    found = decide(*given, "--allow-missing", "0.03")
    assert (found["logs"]["items"], found["logs"]["of"]) == (39, 40)
    assert found["logs"]["challenger"]["left_out"] == {kind: 1}
    assert found["metrics"]["acc"]["diff"] == 0


def test_few_items_without_a_score_do_not_stop_it_and_are_told(champion: Path) -> None:
    made = rows(100)
    made[7]["acc"] = None
    write_lines(champion, rows(100))
    found = decide("--from", "jsonl", champion, challenger(champion, made))["logs"]
    assert (found["items"], found["of"]) == (99, 100)


def test_the_share_that_may_be_missing_is_a_limit(champion: Path) -> None:
    made = [row | {"acc": None} for row in rows()[:9]] + rows()[9:]
    given = ("--from", "jsonl", champion, challenger(champion, made), "--allow-missing", "0.2")
    assert refusal(*given).endswith("that is 22.5%, and 20.0% may be missing")


@pytest.fixture
def ranged(tmp_path: Path) -> tuple[str | Path, ...]:
    policy = tmp_path / "ranged.yaml"
    policy.write_text("gating: [acc]\nranges: {acc: [0, 1]}\n")
    return ("--policy", policy)


def lose(row: Row, way: str) -> list[Row]:
    """A row that says nothing of what was lost."""
    return {"error": [row | {"error": "boom"}], "null": [row | {"acc": None}], "absent": []}[way]


@pytest.mark.attack
@pytest.mark.parametrize("way", ["error", "null", "absent"])
def test_who_leaves_out_what_was_lost_is_not_promoted(
    champion: Path, ranged: tuple[str | Path, ...], way: str
) -> None:
    """Better by 0.1 on 90 items, and worse by 0.4 on the ten that its log says nothing of."""
    better = [row | {"acc": row["acc"] + 0.1 + 0.01 * (i % 3)} for i, row in enumerate(rows(100))]
    made = [one for i, row in enumerate(better) for one in ([row] if i < 90 else lose(row, way))]
    write_lines(champion, rows(100))
    given = ("--from", "jsonl", champion, challenger(champion, made), "--allow-missing", "0.1")
    found = decide(*given, *ranged)
    assert found["verdict"] == "HOLD"
    assert "10 of 100 items have no score of acc, and the policy allows 2%" in found["reasons"]
    assert found["metrics"]["acc"]["lower"] < 0.1 * 0.9 - 0.1 * 0.6
    unranged = decide(*given)
    assert unranged["verdict"] == "HOLD"


def test_items_that_ran_in_neither_log_are_missing_too(tmp_path: Path) -> None:
    """The others are weighed as they stand; a table that is written has them all."""
    acc = {"items": {"acc": "mean"}}
    logs = [
        SystemLog(
            path=tmp_path / f"{gain}",
            system=f"{gain}",
            samples=tuple(
                Sample(item=f"q{i}", task="items", asked={}, metrics={"acc": gain + 0.01 * (i % 5)})
                for i in range(50)
            ),
            scorers=acc,
            absent=3,
        )
        for gain in (0.4, 0.5)
    ]
    pairing = pair_logs(logs[0], logs[1], allowed=0.1)
    found = weigh(pairing.table, Policy(gating=("acc",), ranges={"acc": (0, 1)})).sealed["acc"]
    assert (found.n, found.missing, pairing.total) == (50, 3, 53)


def test_of_an_item_that_lacks_one_metric_the_others_count(
    champion: Path, ranged: tuple[str | Path, ...]
) -> None:
    made = rows(100, f1=0.5)
    made[7]["f1"] = None
    write_lines(champion, rows(100, f1=0.5))
    table = champion.with_name("table.jsonl")
    given = ("--from", "jsonl", champion, challenger(champion, made), *ranged)
    found = decide(*given, "--write", table)
    assert [found["metrics"][name]["n"] for name in ("acc", "f1")] == [100, 99]
    assert without_logs(found) == decide("--scores", table, *ranged)


# --- what does not match --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (rows(100)[:99], "challenger: 1 not in its log"),
        ([*rows(99), rows(100)[98]], "challenger: 1 there more than once, 1 not in its log"),
        ([*rows(99), rows(100)[99] | {"cluster": "x"}], "asked differently: 1 another cluster"),
        (
            [*rows(99), rows(100)[99] | {"target": "y", "acc": float("nan")}],
            "challenger: 1 not scored (acc); asked differently: 1 another target",
        ),
    ],
)
def test_one_item_that_does_not_match_is_refused_however_many_do(
    champion: Path, made: list[Row], problem: str
) -> None:
    write_lines(champion, [*rows(99), rows(100)[99] | {"target": "x"}])
    message = refusal("--from", "jsonl", champion, challenger(champion, made))
    assert problem in message
    assert "--allow-missing 0.0" in message


def test_what_does_not_match_can_be_weighed_as_missing_by_an_option(champion: Path) -> None:
    other = challenger(champion, rows(41)[1:])
    found = decide("--from", "jsonl", champion, other, "--allow-missing", "0.1")["logs"]
    assert (found["items"], found["of"]) == (39, 41)
    assert [found[side]["left_out"] for side in ("champion", "challenger")] == [
        {"not in its log": 1},
        {"not in its log": 1},
    ]


def test_logs_without_a_common_item_or_score_cannot_be_compared(champion: Path) -> None:
    other = challenger(champion, [row | {"item": f"x{row['item']}"} for row in rows()])
    given = ("--from", "jsonl", champion, other, "--allow-missing", "1")
    assert refusal(*given).startswith("no item can be compared (champion: 40 not in its log; ")
    write_lines(other, [row | {"error": "boom"} for row in rows()])
    assert "no sample of it has a score: 40 stopped by an error" in refusal(*given)


# --- metrics --------------------------------------------------------------------------------------


def test_metrics_are_chosen_by_name_and_what_is_left_is_told(champion: Path) -> None:
    made = rows(f1=0.5)
    for i, row in enumerate(made):
        row["extra"] = i
    write_lines(champion, rows(f1=0.5))
    other = challenger(champion, made)
    every = decide("--from", "jsonl", champion, other)
    assert every["metrics"].keys() == {"acc", "f1"}
    assert every["logs"]["notes"] == ["not compared: extra; choose by --metric"]
    one = decide("--from", "jsonl", champion, other, "--metric", "f1")
    assert one["metrics"].keys() == {"f1"}
    message = refusal("--from", "jsonl", champion, other, "--metric", "bleu")
    assert message == "both logs must have the metric 'bleu' (items: acc, f1)"


def test_a_metric_of_some_items_is_compared_on_them_when_it_is_named(champion: Path) -> None:
    def some(gain: float) -> list[Row]:
        return [row | ({"f1": gain} if i < 10 else {}) for i, row in enumerate(rows())]

    write_lines(champion, some(0.1))
    other = challenger(champion, some(0.2))
    assert decide("--from", "jsonl", champion, other)["metrics"].keys() == {"acc"}
    found = decide("--from", "jsonl", champion, other, "--metric", "f1")
    assert found["metrics"]["f1"]["n"] == 10
    assert found["logs"]["notes"] == ["30 further items have none of the metrics on either side"]


# --- files that are something else ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no sample"),
        ("\n\n", "holds no sample"),
        (
            '{"item": "a", "champion": {"acc": 1}, "challenger": {"acc": 1}}\n',
            ":1: has scores of both sides: give it alone, by --scores",
        ),
        ('{"acc": 1}\n', ':1: item: lacks "item"'),
        ('{"item": "a", "scores": {"acc": "0.7"}}\n', ":1: scores.acc: '0.7' is no number"),
        ('{"item": "a", "slices": "x", "acc": 1}\n', ":1: slices: 'x' is neither"),
        ('{"item": "a", "acc": 1}\n{"item": "b", "ac', ":2: the file ends inside of a line"),
        (
            '{"item": "a", "acc": 1}\n{"item": }\n',
            ":2: is not JSON: Expecting value at character 10",
        ),
        (
            '{"item": "a", "acc": 1}\n{"item": "b", "ac\n{"item": "c", "acc": 1}\n',
            ":2: is not JSON: Invalid control character at character 18",
        ),
        (
            '{"item": "a", "acc": 1}\n{"item": "b", "acc": 0}\n{"item": "c", "acc": "x"}\n',
            ":3: acc: 'x' is no number: a missing score is null",
        ),
        ('{"item": "a", "acc": 1}\n[1]\n', ":2: [1] is no JSON object"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(champion: Path, text: str, problem: str) -> None:
    other = champion.with_name("bad.jsonl")
    other.write_text(text)
    message = refusal("--from", "jsonl", champion, other)
    assert message.startswith(str(other))
    assert problem in message


def test_one_file_twice_or_its_copy_is_one_system(champion: Path) -> None:
    copy = champion.with_name("champion") / champion.name
    copy.parent.mkdir()
    copy.write_bytes(champion.read_bytes())
    for other in (champion, copy):
        assert "champion and challenger are one log" in refusal("--from", "jsonl", champion, other)


def test_a_folder_or_a_missing_file_is_refused(champion: Path) -> None:
    folder = refusal("--from", "jsonl", champion, champion.parent / "folder")
    assert folder.endswith("folder: No such file or directory")
    (champion.parent / "folder").mkdir()
    assert "is a folder" in refusal("--from", "jsonl", champion, champion.parent / "folder")


def test_the_command_says_what_it_takes(champion: Path) -> None:
    assert refusal().startswith("name a score table by --scores, or two logs by --from")
    assert refusal(champion, champion).endswith("champion.jsonl: --from jsonl")
    assert "--from lm-eval | inspect | promptfoo | " in refusal("nowhere", "nowhere")
    assert "two logs" in refusal("--from", "jsonl", champion)
    assert "and not 3" in refusal("--from", "jsonl", champion, champion, champion)
    assert "not both" in refusal("--scores", champion, "--from", "jsonl", champion, champion)
    assert "--systems" in refusal("--from", "jsonl", champion, champion, "--systems", "a", "b")


@pytest.mark.attack
def test_a_question_five_times_under_other_ids_is_one_item(tmp_path: Path) -> None:
    def side(gain: float) -> Path:
        made = [
            {"item": f"q{i}.{copy}", "cluster": f"d{i}.{copy}"}
            | {"prompt": f"Question {i}?{' ' * copy}", "acc": 0.4 + gain * (1 + i % 3)}
            for i in range(20)
            for copy in range(5)
        ]
        return write_lines(tmp_path / f"{gain}.jsonl", made)

    found = decide("--from", "jsonl", side(0.0), side(0.1))["metrics"]["acc"]
    assert (found["n"], found["clusters"]) == (100, 20)
