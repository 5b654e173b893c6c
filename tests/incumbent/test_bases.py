"""`search bases` ranks what it can ask, says why it cannot ask the rest, and what each costs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from incumbent.searching.base_candidates import (
    BaseRanking,
    BaseScores,
    Candidate,
    RankedBase,
    TrainingCost,
    ranked,
    read_name,
    refuse_twice,
)
from incumbent.searching.compare_on_dev import DifferenceOnDev, against
from incumbent.verbs.bases import bases, in_width, print_ranking
from project.canonical import digest_folder
from project.errors import InputError
from project.model_pins import BaseChoice
from registry.model_card import of_card
from tests.conftest import ROOT
from tests.hub_server import COMMIT, NAME, Hub, playing
from tests.incumbent.test_light_core import COMMAND
from tests.incumbent.tiny_project import called, lay_out_project, run

GROUPS = [f"g{i // 2}" for i in range(40)]
RNG = np.random.default_rng(0)
GAIN = DifferenceOnDev(diff=0.1, low=0.05, high=0.15)


def asked(score: float, gain: DifferenceOnDev | None = GAIN) -> BaseScores:
    scores = {"rougeL": score, "semantic": 0.5, "bits_per_byte": 2.0}
    differences = dict.fromkeys(scores, gain) if gain else {}
    return BaseScores(
        scores=scores,
        against_first=differences,
        prompt=80.0,
        answer=20.0,
        seconds=0.5,
        money=1.25,
    )


def base(
    name: str, bare: float | None, few_shot: float | None = None, **fields: object
) -> RankedBase:
    made: dict[str, object] = {
        "name": name,
        "model": name,
        "revision": None,
        "license": "apache-2.0",
        "weights": 135_000_000,
        "problem": None if bare is not None else "has no chat template",
        "bare": None if bare is None else asked(bare),
        "few_shot": None if few_shot is None else asked(few_shot),
        "training": TrainingCost(minutes=4.0, peak_bytes=2 * 10**9, fits=True),
    }
    return RankedBase.model_validate(made | fields)


def ranking(*found: RankedBase, first: str = "a") -> BaseRanking:
    return BaseRanking(
        bases=tuple(ranked(found, "rougeL", "more")),
        first=first,
        by="rougeL",
        shots=3,
        items=40,
        clusters=20,
        level=0.9,
        better={"rougeL": "more", "semantic": "more", "bits_per_byte": "less"},
    )


def names(found: list[RankedBase]) -> list[str]:
    return [one.name for one in found]


# --- which bases ----------------------------------------------------------------------------------


def test_a_base_is_named_as_a_folder_a_hub_id_with_its_commit_or_embedded() -> None:
    Path("mine@home").mkdir()
    assert read_name("embedded") == BaseChoice()
    assert read_name("mine@home") == BaseChoice(model="mine@home")
    assert read_name("org/name@abc") == BaseChoice(model="org/name", revision="abc")
    assert read_name("org/name") == BaseChoice(model="org/name")


def test_a_base_that_is_named_twice_is_refused() -> None:
    Path("a").mkdir()
    for names in (["a", "b", "a"], ["a", "./a/"], ["x/y@1", "x/y@1"], ["x/y", "x/y/"]):
        with pytest.raises(InputError, match="is named twice"):
            bases(names, 3, by=None, as_json=False)


def test_two_revisions_of_a_model_are_two_bases_with_names_of_their_own() -> None:
    choices = [read_name(f"org/x@{digit * 40}") for digit in "ab"]
    refuse_twice(choices)
    assert [Candidate(one).name for one in choices] == ["org/x@aaaaaaa", "org/x@bbbbbbb"]


@pytest.mark.parametrize(
    ("head", "named"),
    [
        ("---\nlicense: apache-2.0\n---\n# A model", "apache-2.0"),
        ("---\nlicense: other\nlicense_name: llama3\n---\n", "llama3"),
        ("---\nlicense: [broken\n---\n", None),
        ("---\ntags: [x]\n---\n", None),
        ("# A model\n\n---\nlicense: mit\n---\n", None),
        ("", None),
    ],
)
def test_the_license_is_read_from_the_head_of_a_model_card(head: str, named: str | None) -> None:
    Path("README.md").write_text(head)
    assert of_card(Path("README.md")) == named


# --- their order ----------------------------------------------------------------------------------


def test_the_best_is_first_by_its_better_score_and_what_was_not_asked_is_last() -> None:
    found = [base("a", 0.3, 0.35), base("b", None), base("c", 0.2, 0.5), base("d", 0.3, 0.35)]
    assert names(ranked(found, "rougeL", "more")) == ["c", "a", "d", "b"]
    assert names(ranked(found, "rougeL", "less")) == ["c", "a", "d", "b"]  # 0.2 is the least
    assert names(ranked(found[::-1], "rougeL", "more")) == ["c", "d", "a", "b"]


def test_differences_to_the_first_are_for_the_better_whichever_way_a_metric_goes() -> None:
    first = RNG.uniform(1, 2, size=40)
    found = against(
        {name: first.tolist() for name in ("rougeL", "bits_per_byte", "length")},
        {
            "rougeL": (first + 0.1).tolist(),
            "bits_per_byte": (first - 0.2).tolist(),
            "length": first.tolist(),
        },
        GROUPS,
        {"rougeL": "more", "bits_per_byte": "less", "length": "neither"},
        alpha=0.05,
    )
    assert found.keys() == {"rougeL", "bits_per_byte"}
    assert found["rougeL"].diff == pytest.approx(0.1)
    assert found["bits_per_byte"].diff == pytest.approx(0.2)


# --- what is said of it ---------------------------------------------------------------------------


def test_the_best_is_told_and_that_training_may_change_the_order() -> None:
    said = ranking(base("a", 0.3), base("b", 0.5)).sentences
    assert said[0] == "best by rougeL: b"
    assert "train the best two" in said[-1]


def test_a_base_that_is_not_shown_to_be_better_is_said_to_be_so() -> None:
    unsure = asked(0.5, DifferenceOnDev(diff=0.1, low=-0.1, high=0.3))
    said = ranking(base("a", 0.3), base("b", 0.5).model_copy(update={"bare": unsure})).sentences
    assert "it is not shown to be better than a" in said


def test_a_table_of_bases_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    long = "organisation/a-model-with-a-very-long-name"
    unlucky = base("c", None, training=None, weights=None, license=None)
    found = ranking(base("a", 0.3, 0.35), base(long, 0.2, 0.5), unlucky)
    print_ranking(found)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if "was not asked" not in line) <= 80
    text = "\n".join(lines)
    assert "…ith-a-very-long-name" in text
    assert "…" in text and "apache-2.0" in text and "135M" in text
    assert "c was not asked: has no chat template" in text
    assert BaseRanking.model_validate(json.loads(found.canonical())) == found


def test_no_two_bases_of_a_table_look_alike() -> None:
    runs = [f"/somewhere/far/away/run-{letter}/merged" for letter in "ab"]
    assert [*in_width(runs).values()] == ["run-a/merged", "run-b/merged"]
    deep = [f"/{letter}/and-a-long-name-of-a-run/merged" for letter in "ab"]
    assert [*in_width(deep).values()] == ["1:ame-of-a-run/merged", "2:ame-of-a-run/merged"]
    long = "organisation/a-model-with-a-long-name@1234567"
    assert in_width(["a", long]) == {"a": "a", long: "…-a-long-name@1234567"}


def test_training_that_does_not_fit_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    large = TrainingCost(minutes=90.0, peak_bytes=90 * 10**9, fits=False)
    print_ranking(ranking(base("a", 0.3, training=large)))
    assert "training does not fit here; `incumbent plan` says what would" in capsys.readouterr().out


# --- the whole ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_bases_are_asked_one_after_the_other_and_one_that_cannot_be_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay_out_project()
    shutil.copytree("models/tiny", "models/mute")
    Path("models/mute/chat_template.jinja").unlink()
    Path("models/other-tiny/README.md").write_text("---\nlicense: mit\n---\n")
    before = digest_folder(Path("outputs"))
    found, said = run(
        capsys, "search", "bases", "models/tiny", "models/other-tiny", "models/mute", "models/gone"
    )
    assert "4 bases, bare and few-shot, 20 dev items: about" in said
    by_name = {one["name"]: one for one in found["bases"]}
    assert "has no chat template" in by_name["models/mute"]["problem"]
    assert "it needs a revision" in by_name["models/gone"]["problem"]
    other = by_name["models/other-tiny"]
    assert other["license"] == "mit"
    assert other["weights"] == by_name["models/tiny"]["weights"] > 0
    for asked in ("bare", "few_shot"):
        scores = other[asked]["scores"].keys()
        assert {"rougeL", "semantic", "bits_per_byte"} <= scores == found["better"].keys()
        assert other[asked]["against_first"].keys() == scores
        assert other[asked]["seconds"] > 0
    assert other["few_shot"]["prompt"] > other["bare"]["prompt"]
    assert other["training"]["fits"]
    assert found["first"] == "models/tiny"
    assert by_name["models/tiny"]["bare"]["against_first"] == {}
    assert digest_folder(Path("outputs")) == before
    assert run(capsys, "search", "bases", "models/tiny", "models/other-tiny")[0]["shots"] == 3


@pytest.mark.slow
def test_a_base_that_only_the_hub_has_is_fetched_and_asked(tmp_path: Path) -> None:
    lay_out_project()
    Path("models/other-tiny/README.md").write_text("---\nlicense: mit\n---\n")
    with playing(Hub(Path("models/other-tiny"))) as hub:
        own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(ROOT)}
        offline = {"HF_HUB_OFFLINE", *own}  # of the environment of these tests
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "search", "bases", f"{NAME}@{COMMIT}", "--json"],
            env={name: value for name, value in os.environ.items() if name not in offline} | own,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["bases"]
    assert found["name"] == f"{NAME}@{COMMIT[:7]}"
    assert (found["problem"], found["license"]) == (None, "mit")
    assert found["bare"]["scores"].keys() >= {"rougeL", "bits_per_byte"}


@pytest.mark.slow
def test_where_no_base_can_be_asked_it_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    lay_out_project()
    config = Path("models/other-tiny/config.json")
    config.write_text(config.read_text().replace('"llama"', '"unheard-of"'))
    code, _, said = called(capsys, "search", "bases", "models/other-tiny")
    assert code == 1
    assert "none of these bases could be asked: models/other-tiny: models/other-tiny/config" in said
    assert "unheard-of" in said
