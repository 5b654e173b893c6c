"""Preference pairs, what is learnt from them, and what is held out to judge the judge."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from evaluation import reward
from evaluation.evaluation_settings import PreferenceParams, RewardParams
from evaluation.preference.preference_pairs import (
    AnswerPair,
    allowed,
    given_preferences,
    pairs_of,
    part,
)
from evaluation.preference.preference_sources import judge_of
from project.canonical import digest_folder
from project.errors import InputError
from project.files import home
from project.model_pins import ModelChoice, locate, pin
from project.paths import BASE, CALIBRATION, NUMERICS, REWARD, rows_of
from project.records.data import Row, Split
from project.records.preferences import Calibration, PreferencePair
from project.records.record import write_records
from project.settings import PARAMS, load
from tests.incumbent.setting_effects.scoring_effects import lay_out_contestants
from tests.judge_server import Asked, Reply, judge_server
from training.precision import measure_machine, numerics


def rows(count: int, per_group: int = 1) -> list[Row]:
    return [
        Row.of(f"q{i}", f"answer {i}" + "!" * i, group=f"g{i // per_group}", source="test")
        for i in range(count)
    ]


def test_no_group_is_on_both_sides() -> None:
    learnt, held_out = part(rows(20, per_group=3), share=0.25)
    assert learnt and held_out
    assert {row.group for row in learnt}.isdisjoint(row.group for row in held_out)


def test_a_few_large_groups_are_parted_too() -> None:
    learnt, held_out = part([rows(5)[i % 5] for i in range(100)], share=0.25)
    assert [len({row.group for row in side}) for side in (learnt, held_out)] == [3, 2]


@pytest.mark.parametrize("count", [0, 2, 3])
def test_too_few_rows_are_refused(count: int) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl: .*too few"):
        part(rows(count), share=0.25)


def pair(prompt: str, chosen: str = "good", rejected: str = "bad") -> PreferencePair:
    return PreferencePair(prompt=prompt, chosen=chosen, rejected=rejected)


def test_the_pairs_of_all_files_are_read_in_their_order(tmp_path: Path) -> None:
    write_records(tmp_path / "b.jsonl", [pair("third")])
    write_records(tmp_path / "a.jsonl", [pair("first"), pair("second")])
    (tmp_path / "README.md").write_text("no pairs")
    assert [found.prompt for found in given_preferences(tmp_path)] == ["first", "second", "third"]
    assert given_preferences(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"prompt": "q", "chosen": "a"}', "rejected: Field required"),
        ('{"prompt": "q", "chosen": "a", "rejected": 1}', "rejected: must be"),
        ('{"prompt": "q", "completion": "a"}', "label: Field required"),
        ('{"prompt": "q", "completion": "", "label": true}', "completion: String should have"),
        ('{"prompt": "q", "completion": "a", "label": "maybe"}', "label: must be"),
        ("{", "not JSON"),
        ("[]", "a row must be a JSON object"),
    ],
)
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "mine.jsonl").write_bytes(pair("fine").canonical() + f"\n{line}\n".encode())
    with pytest.raises(InputError, match=rf"mine\.jsonl:2: {complaint}"):
        given_preferences(tmp_path)


def test_no_pair_asks_what_an_exam_asks_or_teaches_nothing() -> None:
    evaluated = [Row.of("What is  two\nand two?", "four", group="g", source="test")]
    given = [pair("what is TWO and two? "), pair("Another?", "same", "same"), pair("Who?")]
    assert pairs_of(allowed(given, evaluated)) == [given[2]]


def test_no_pair_asks_nearly_what_an_eval_item_asks() -> None:
    asked = "How may somebody renew an expired green passport?"
    evaluated = [Row.of(asked, "ask us", group="g", source="test")]
    given = [pair(f"Please: {asked}"), pair("How may somebody sell a house?")]
    assert allowed(given, evaluated) == [given[1]]


def test_a_starting_point_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^params\.yaml: evaluation\.preference\.reward\.model: "):
        reward.starting_point(RewardParams(model=str(tmp_path)))


def test_the_frozen_cosine_is_another_judge_than_the_head(tmp_path: Path) -> None:
    PARAMS.write_text("{}")
    lay_out_contestants()
    head, same, cosine, others = (
        reward.made_of(kept, rows(count), tmp_path)
        for kept, count in (("reward model", 4), ("reward model", 4), ("frozen cosine", 4), ("", 5))
    )
    assert head == same
    assert len({head, cosine, others}) == 3


def test_a_lora_needs_a_model_of_ones_own() -> None:
    with pytest.raises(ValidationError, match="the embedder stays frozen; name a folder"):
        RewardParams(lora=True)


def set_preference(**preference: Any) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"evaluation": {"preference": preference}}))


def test_ballots_need_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("datasets/ballots/ballots.jsonl")
    path.parent.mkdir(parents=True)
    ballot = {"left": "base", "right": "new", "choice": "right", "at": "2026-01-31T12:00:00Z"}
    cast = [ballot | {"item": f"i{i}", "reviewer": name} for i in range(9) for name in ("a", "b")]
    path.write_text("\n".join(map(json.dumps, cast)))
    set_preference(source="ballots", ballots=str(path))
    reward.main()
    assert [file.name for file in REWARD.iterdir()] == ["source.json"]
    assert Calibration.read(CALIBRATION).accuracy == 1
    assert capsys.readouterr().out == "preference by ballots: 100% of 18 held-out pairs\n"
    judge = judge_of(load(PreferenceParams), REWARD, "base", "new")
    comparisons = [AnswerPair(item=i, prompt="", champion="", challenger="") for i in ("i3", "i99")]
    assert [judgement.win_probability for judgement in judge.prefer(comparisons)] == [1, None]


@pytest.fixture
def project(tiny_base: Path) -> None:
    """Pinned models and rows of which every second one is an eval item."""
    pin(ModelChoice(model=str(tiny_base)), "base").write(BASE)
    pin(ModelChoice(), "embedder").write(BASE.with_name("embedder.json"))
    numerics("float32", measure_machine()).write(NUMERICS)
    made = rows(24)
    write_records(rows_of(Split.TRAIN), made[:16])
    write_records(rows_of(Split.DEV), made[16:20])
    write_records(rows_of(Split.SEALED), made[20:])


@pytest.mark.slow
def test_a_language_model_is_calibrated_on_the_held_out_pairs(project: None) -> None:
    def likes_experts(asked: Asked) -> Reply:
        expected = asked.material["REQUEST"].replace("q", "answer ")
        return Reply(f"VERDICT: {'A' if asked.material['ANSWER A'].startswith(expected) else 'B'}")

    with judge_server(likes_experts) as server:
        set_preference(source="judge", judge={"url": server.url, "model": "m"})
        reward.main()
    found = Calibration.read(CALIBRATION)
    assert (found.source, found.unjudged) == ("LLM judge m", 0)
    assert found.kinds and {"base", "other_row"} <= found.kinds.keys()
    assert found.cosine_accuracy is not None
    assert (found.accuracy, found.first_rate) == (1.0, 0.5)
    assert [file.name for file in REWARD.iterdir()] == ["source.json"]


@pytest.mark.slow
def test_the_reward_model_learns_from_files_too_but_from_no_exam(
    project: None, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [pair("q0"), pair("q17"), pair("q23"), pair("something else")]
    write_records(Path("datasets/preferences/mine.jsonl"), given)
    set_preference()
    reward.main()
    told = capsys.readouterr().out
    assert "pairs of training rows and 1 others; of 4 in datasets/preferences/" in told
    assert "3 left out: an eval item has their prompt" in told
    found = Calibration.read(CALIBRATION)
    assert found.n > 0 and found.cosine_accuracy is not None
    suffixes = {file.suffix for file in REWARD.rglob("*") if file.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt"}
    answered = [file.read_text() for file in (home() / "answers").rglob("*.jsonl")]
    read_too = [text for text in answered if '"reference_logprob":null' not in text]
    assert answered and not read_too  # what the experts wrote was not read


TRAINED = [pair(f"How is item {i}?", f"It is good, item {i}.", f"Bad {i}.") for i in range(16)]
FRESH = [AnswerPair(item="i", prompt="How is it?", champion="Bad.", challenger="It is good.")]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bool], Path]:
    def train(name: str, lora: bool) -> Path:
        # Imported here so that the fast tests do not wait for TRL.
        from evaluation.preference import learnt_reward

        monkeypatch.setattr(learnt_reward, "BATCH_SIZE", 4)

        folder = tmp_path / name
        rate, start = 2e-3 if lora else 5e-4, locate(ModelChoice(), "embedder")
        params = RewardParams(model=str(start), lora=lora, learning_rate=rate, epochs=3)
        learnt_reward.train_reward(TRAINED, start, params, "float32", folder)
        return folder

    return train


@pytest.mark.slow
@pytest.mark.parametrize("lora", [False, True])
def test_a_classifier_of_ones_own_learns_saves_no_pickle_and_repeats(
    trained: Callable[[str, bool], Path], lora: bool
) -> None:
    folder = trained("one", lora)
    judgement, *_ = judge_of(PreferenceParams(), folder, "a", "b").prefer(FRESH)
    assert judgement.win_probability is not None
    assert judgement.win_probability > 0.9
    assert judgement.first is None
    assert {file.suffix for file in folder.iterdir()} <= {".json", ".safetensors", ".txt"}
    assert not list(folder.glob("adapter*"))
    assert digest_folder(trained("two", lora)) == digest_folder(folder)


LONG = " ".join(["well"] * 300)


@pytest.mark.slow
def test_a_pair_that_is_too_long_is_learnt_from_without_the_beginning_of_its_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Imported here so that the fast tests do not wait for TRL.
    from transformers import AutoTokenizer

    from evaluation.preference import learnt_reward
    from evaluation.preference.learnt_reward import token_ids, train_reward

    monkeypatch.setattr(learnt_reward, "BATCH_SIZE", 4)
    monkeypatch.setattr(learnt_reward, "MAX_LENGTH", 20)

    embedder = locate(ModelChoice(), "embedder")
    tokenizer = AutoTokenizer.from_pretrained(embedder, eos_token="[SEP]")
    read = tokenizer.decode(token_ids("one two three four five", "yes", tokenizer, 7))
    assert read == "[CLS] four five [SEP] yes [SEP] [SEP]"
    learnt = [pair.model_copy(update={"prompt": f"{LONG} {pair.prompt}"}) for pair in TRAINED]
    params = RewardParams(learning_rate=5e-4, epochs=3)
    train_reward(learnt, embedder, params, "float32", tmp_path / "model")
    asked = [
        AnswerPair(item=p.prompt, prompt=p.prompt, champion=p.rejected, challenger=p.chosen)
        for p in learnt
    ]
    won = judge_of(PreferenceParams(), tmp_path / "model", "a", "b").prefer(asked)
    assert all((judgement.win_probability or 0) > 0.9 for judgement in won)
