"""A score table of anybody's: what is refused, and what `incumbent decide` makes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from evaluation import decide, read_score_table
from evaluation.decision.policy import Policy
from incumbent.cli import app
from project.errors import InputError

Line = dict[str, Any]


def line(item: str, gain: float = 0.1, **about: Any) -> Line:
    return {
        "item": item,
        "champion": {"rougeL": 0.4, "semantic": 0.5},
        "challenger": {"rougeL": 0.4 + gain, "semantic": 0.5 + gain},
        "preference": 0.5 + gain,
        **about,
    }


def lines(n: int = 60, gain: float = 0.1) -> list[Line]:
    return [line(f"i{i}", gain + 0.05 * (-1) ** i, slices=[f"topic={i % 3}"]) for i in range(n)]


def write(path: Path, table: list[Line]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in table))
    return path


def run(path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["decide", "--scores", str(path), *options])


SOUND = line("b")


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("{", r"scores\.jsonl:2: Invalid JSON"),
        (json.dumps(line("a")), r"scores\.jsonl:2: item: 'a' is on line 1 already"),
        (json.dumps(SOUND | {"preference": 1.2}), r"scores\.jsonl:2: preference: .*less than"),
        (json.dumps(SOUND)[:-1] + ', "x": 1}', r"scores\.jsonl:2: x: Extra inputs"),
        (
            '{"item": "b", "champion": {"rougeL": NaN}, "challenger": {"rougeL": 0.1}}',
            r"scores\.jsonl:2: champion\.rougeL: .*finite",
        ),
        (
            json.dumps({key: value for key, value in SOUND.items() if key != "challenger"}),
            r"scores\.jsonl:2: challenger: Field required",
        ),
        (
            json.dumps(SOUND | {"challenger": {"rougeL": 0.1}}),
            r"scores\.jsonl:2: .*'semantic' is on one side only",
        ),
        (json.dumps(SOUND | {"sample": -1}), r"scores\.jsonl:2: sample: .*greater than or equal"),
        (
            json.dumps(line("a", sample=1, cluster="x")),
            r"scores\.jsonl:2: cluster: the samples of 'a' are in different clusters or slices",
        ),
        (
            json.dumps(line("a", sample=1, slices=["topic=1"])),
            r"scores\.jsonl:2: slices: the samples of 'a' are in different clusters or slices",
        ),
        (
            json.dumps(SOUND | {"unread": ["polite"]}),
            r"scores\.jsonl:2: .*'polite' is unread, and has no score in its place",
        ),
        (
            json.dumps(SOUND | {"champion": {"rougeL": 0.1}, "challenger": {"rougeL": 0.1}}),
            r"scores\.jsonl:2: semantic: this item lacks it",
        ),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, bad: str, complaint: str) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text(json.dumps(line("a")) + "\n" + bad + "\n")
    with pytest.raises(InputError, match=complaint):
        read_score_table(path)


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty"):
        read_score_table(write(tmp_path / "scores.jsonl", []))


def test_the_command_and_the_function_say_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.jsonl", lines())
    printed = json.loads(run(path, "--json").stdout)
    decision = decide(read_score_table(path), Policy())
    assert printed["verdict"] == decision.verdict == "PROMOTE"
    assert printed["alpha"] == decision.alpha
    assert printed["reasons"] == list(decision.reasons)
    found = printed["metrics"]["rougeL"]
    keys = "n clusters champion_mean challenger_mean diff se df lower upper p"
    assert set(keys.split()) <= found.keys()
    assert (found["n"], found["clusters"], found["df"]) == (60, 60, 59)
    assert found["lower"] == decision.bounds["rougeL"].lower
    assert printed["slices"].keys() == {"topic=0", "topic=1", "topic=2"}


def test_the_table_shows_verdict_reasons_and_policy(tmp_path: Path) -> None:
    shown = run(write(tmp_path / "scores.jsonl", lines())).stdout
    assert "policy strict on rougeL, semantic, preference" in shown
    assert "PROMOTE (look 1, alpha 0.0304)" in shown


def test_a_later_look_and_a_policy_file_count(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.jsonl", lines(gain=0.016))
    policy = tmp_path / "policy.yaml"
    policy.write_text("gating: [rougeL]\n")
    options = ("--json", "--policy", str(policy), "--look")
    verdicts = [json.loads(run(path, *options, k).stdout)["verdict"] for k in ("1", "9")]
    assert verdicts == ["PROMOTE", "HOLD"]


def test_without_a_preference_all_metrics_must_win(tmp_path: Path) -> None:
    table = [item | {"preference": None} for item in lines()]
    shown = run(write(tmp_path / "scores.jsonl", table)).stdout
    assert "policy strict on rougeL, semantic\n" in shown


def test_a_table_with_nothing_to_win_in_is_refused(tmp_path: Path) -> None:
    sides = {"champion": {"perplexity": 9.0}, "challenger": {"perplexity": 8.0}}
    failed = run(write(tmp_path / "scores.jsonl", [{"item": "a"} | sides]))
    assert isinstance(failed.exception, InputError)
    assert "no metric of it is one in which more is better" in str(failed.exception)


def test_metrics_are_chosen_by_name(tmp_path: Path) -> None:
    table = [
        item | {side: item[side] | {"f1": f1 + item[side]["rougeL"] / 10}}
        for item in lines()
        for side, f1 in (("champion", 0.6), ("challenger", 0.1))
    ]
    pairs = zip(table[::2], table[1::2], strict=True)
    path = write(
        tmp_path / "scores.jsonl",
        [first | {"challenger": second["challenger"]} for first, second in pairs],
    )
    printed = [
        json.loads(run(path, "--json", *options).stdout)
        for options in (
            ("--metric", "f1"),
            ("--metric", "semantic", "--metric", "preference"),
        )
    ]
    assert [found["verdict"] for found in printed] == ["REJECT", "PROMOTE"]
    assert [sorted(found["metrics"]) for found in printed] == [["f1"], ["preference", "semantic"]]
    failed = run(path, "--metric", "acc").exception
    assert str(failed) == (f"{path}: has no metric 'acc', but rougeL, semantic, f1, preference")


@pytest.mark.parametrize(
    "options",
    [
        ("--task", "x"),
        ("--column", "item=x"),
        ("--systems", "x", "y"),
        ("--allow-missing", "0"),
        ("--write", "x"),
        ("--from", "jsonl"),
    ],
)
def test_options_of_two_logs_are_refused_beside_a_table(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    failed = run(write(tmp_path / "scores.jsonl", lines()), *options).exception
    assert isinstance(failed, InputError)
    assert str(failed).startswith(f"{options[0]} is of two logs")


def test_a_table_of_labels_alone_is_compared_by_macro_f1(tmp_path: Path) -> None:
    def labelled(i: int) -> Line:
        right, wrong = ("spam", "ham") if i % 2 else ("ham", "spam")
        sides = {"champion": wrong if i % 3 else right, "challenger": right}
        about = {"labels": {"macro_f1": {"reference": right} | sides}}
        return {"item": str(i), "champion": {}, "challenger": {}} | about

    path = write(tmp_path / "scores.jsonl", [labelled(i) for i in range(60)])
    printed = json.loads(run(path, "--json").stdout)
    assert (printed["verdict"], list(printed["metrics"])) == ("PROMOTE", ["macro_f1"])


@pytest.mark.parametrize(
    ("gain", "verdict", "code"), [(0.1, "PROMOTE", 0), (0.0, "HOLD", 10), (-0.1, "REJECT", 11)]
)
def test_the_exit_code_is_the_verdict_only_when_asked(
    tmp_path: Path, gain: float, verdict: str, code: int
) -> None:
    path = write(tmp_path / "scores.jsonl", lines(gain=gain))
    assert verdict in run(path).stdout
    assert (run(path).exit_code, run(path, "--exit-verdict").exit_code) == (0, code)


def test_general_ability_and_the_reference_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.jsonl", lines())
    suite = [
        {"item": f"g{i}", "champion": {"acc": 1.0}, "challenger": {"acc": float(i > 30)}}
        for i in range(100)
    ]
    general = write(tmp_path / "general.jsonl", suite)
    earlier = [
        item | {"champion": {m: v + 0.2 - 0.01 * (i % 2) for m, v in item["challenger"].items()}}
        for i, item in enumerate(lines())
    ]
    reference = write(tmp_path / "reference.jsonl", earlier)
    found = json.loads(
        run(path, "--json", "--general", str(general), "--reference", str(reference)).stdout
    )
    assert found["verdict"] == "REJECT"
    assert [reason.partition(" is ")[0] for reason in found["reasons"][:2]] == [
        "general ability",
        "quality since the regression baseline",
    ]


def test_a_reference_of_another_challenger_names_file_item_and_metric(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.jsonl", lines())
    reference = write(tmp_path / "reference.jsonl", lines(gain=0.3))
    failed = run(path, "--reference", str(reference))
    assert isinstance(failed.exception, InputError)
    assert str(failed.exception).startswith(
        f"{path}: the challenger has rougeL 0.55 on item 'i0', "
    )


def test_a_missing_gating_metric_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.jsonl", lines())
    policy = tmp_path / "policy.yaml"
    policy.write_text("gating: [bleu]\n")
    failed = run(path, "--policy", str(policy))
    assert isinstance(failed.exception, InputError)
    assert str(failed.exception).startswith(f"{path}: item 'i0' lacks the gating metric 'bleu'")


def test_a_metric_of_which_less_is_better_is_marked(tmp_path: Path) -> None:
    sides = {"champion": {"toxicity": 0.4}, "challenger": {"toxicity": 0.3}}
    path = write(tmp_path / "scores.jsonl", [{"item": f"i{i}"} | sides for i in range(9)])
    policy = tmp_path / "policy.yaml"
    policy.write_text("gating: [toxicity]\nbetter: {toxicity: less}\n")
    printed = run(path, "--policy", str(policy)).stdout
    assert "toxicity ↓" in printed
    assert "+0.100" in printed
    assert printed.count("less is better") == 1


@pytest.mark.attack
@pytest.mark.parametrize(
    ("side", "metric", "score"),
    [("challenger", "rougeL", 1e99), ("champion", "semantic", -1.1), ("challenger", "rougeL", 42)],
)
def test_a_score_that_its_metric_cannot_have_is_refused(
    side: str, metric: str, score: float, tmp_path: Path
) -> None:
    table = lines()
    table[3][side][metric] = score
    refused = run(write(tmp_path / "scores.jsonl", table)).exception
    assert isinstance(refused, InputError)
    assert f"scores.jsonl:4: {side}.{metric}: {score:g} is outside of" in str(refused)


def test_a_metric_of_another_program_may_have_any_range(tmp_path: Path) -> None:
    table = [
        {"item": f"i{i}", "champion": {"points": 40 + i % 7}, "challenger": {"points": 90 + i % 5}}
        for i in range(60)
    ]
    assert "PROMOTE" in run(write(tmp_path / "scores.jsonl", table)).output


@pytest.mark.attack
def test_a_table_with_each_item_five_times_under_other_ids_is_refused(tmp_path: Path) -> None:
    table = [line(f"i{i}", 0.001 * (i - 15)) for i in range(40)]
    copies = [item | {"item": f"{item['item']} {k}"} for item in table for k in range(5)]
    refused = run(write(tmp_path / "scores.jsonl", copies)).exception
    assert isinstance(refused, InputError)
    assert "each item is there 5 times under other ids" in str(refused)
    together = [item | {"cluster": item["item"].split()[0]} for item in copies]
    assert run(write(tmp_path / "scores.jsonl", together)).exit_code == 0
