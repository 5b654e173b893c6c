"""What a run will take: known sizes, a project's plan, and what the plan does not know."""

import ast
import json
import re
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from evaluation.decision.policy import Policy
from incumbent.planning.on_machines import largest, lighter, read_prices
from incumbent.planning.row_lengths import RunSettings
from incumbent.planning.run_cost import (
    Minutes,
    Setup,
    answering_peak,
    run_minutes,
    training_peak,
    trains,
)
from incumbent.planning.run_plan import plan_run, sealed_set_lines
from incumbent.planning.workload import Workload
from incumbent.verbs.plan import count
from project.errors import InputError, pip_install
from project.files import home
from project.libraries import threads
from project.paths import CURATED_DOCUMENTS, CURATED_PREFERENCES, RAW, TOKENS, rows_of
from project.records.data import Document, Row, Split, TokenCount
from project.records.preferences import PreferencePair, RatedAnswer
from project.records.record import write_records
from tests.conftest import ROOT
from tests.incumbent.test_light_core import COMMAND, run, without_extras
from tests.incumbent.tiny_project import printed_by
from training.cost import memory
from training.cost.base_shape import EMBEDDED_SHAPE, SIZES, BaseShape, read_shape
from training.cost.machines import (
    PROCESSORS,
    Computing,
    Speed,
    cores_now,
    gpu_named,
    processor_speed,
)
from training.cost.memory import DEQUANTIZED_SHARE, Peak, StepWork, trained_weights
from training.cost.step_estimate import step_seconds
from training.kept.books import TrainingBook, write_book
from training.precision import Machine, fingerprint

GB = 10**9
LLAMA_2_7B = BaseShape(4096, 32, 11_008, 32_000, 32, 32, 128, tied=False)
A_SPEED = Speed(operation=1e-12, small=1e-12, weight=0.0, unpacking=1e-10, call=1e-4)
SFT = StepWork(
    examples=400, tokens=40_000, scored=4_000, batches=100, longest=256, longest_scored=32
)
WORK = Workload(steps={"sft": SFT}, answering=(), prompt=200, reference=32, sealed=9)


def setup(shape: BaseShape = EMBEDDED_SHAPE, *, memory: int = 24 * GB, **training: Any) -> Setup:
    settings = RunSettings()
    found = Setup(shape, settings, WORK, Computing("bfloat16", memory))
    return found.training_with(**training)


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "billions"),
    [
        (EMBEDDED_SHAPE, 0.1345),
        (LLAMA_2_7B, 6.738),
        (SIZES["0.5B"], 0.494),
        (SIZES["7B"], 7.615),
        (SIZES["8B"], 8.030),
        (SIZES["32B"], 32.76),
        (SIZES["70B"], 70.55),
    ],
)
def test_weights_are_counted_as_the_models_have_them(shape: BaseShape, billions: float) -> None:
    assert shape.weights / 1e9 == pytest.approx(billions, rel=0.001)


def test_a_lora_has_as_many_weights_as_peft_gives_it() -> None:
    assert EMBEDDED_SHAPE.lora(16) == 4_884_480


@pytest.mark.parametrize(
    ("quantization", "gigabytes"), [("nf4", 3.87), ("int8", 7.00), ("none", 13.48)]
)
def test_a_7b_takes_its_weights_as_they_are_quantised(quantization: str, gigabytes: float) -> None:
    one = setup(LLAMA_2_7B, quantization=quantization, dequantize_once=False)
    assert trained_weights(one.step("sft")) / GB == pytest.approx(gigabytes, abs=0.01)


def test_nf4_weights_are_turned_back_once_where_they_take_a_quarter_of_the_memory() -> None:
    assert setup(LLAMA_2_7B, memory=64 * GB).step("sft").dequantized
    assert not setup(LLAMA_2_7B, memory=24 * GB).step("sft").dequantized
    assert not setup(LLAMA_2_7B, memory=64 * GB, dequantize_once=False).step("sft").dequantized


def test_constants_of_others_are_as_they_have_them() -> None:
    training = constants(ROOT / "training" / "model" / "base_model.py")
    assert training["MEMORY_SHARE"] == DEQUANTIZED_SHARE
    steps = ROOT / "training" / "steps"
    assert constants(steps / "packed_trainer.py")["ROWS"] == memory.CHECKED_ROWS
    spec = find_spec("trl")
    assert spec is not None
    assert spec.origin is not None
    trl = Path(spec.origin).parent
    assert constants(trl / "kernels/chunked_logprob.py")["TOKEN_CHUNK_SIZE"] == memory.TILE_TOKENS
    assert constants(trl / "trainer/utils.py")["_CHUNKED_LOGPROB_CHUNK_SIZE"] == memory.TILE_WORDS


def constants(file: Path) -> dict[str, Any]:
    """A module's assignments of plain values, without importing it."""
    return {
        node.targets[0].id: node.value.value
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }


def test_a_configuration_gives_the_shape(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    config = {
        "hidden_size": 576,
        "num_hidden_layers": 30,
        "intermediate_size": 1536,
        "vocab_size": 49_152,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
    }
    file.write_text(json.dumps(config))
    assert read_shape(file) == EMBEDDED_SHAPE
    file.write_text(json.dumps({"text_config": config}))
    assert read_shape(file) == EMBEDDED_SHAPE
    file.write_text(json.dumps(config | {"vocab_size": None}))
    with pytest.raises(InputError, match=r"config.json: vocab_size: is missing"):
        read_shape(file)
    file.write_text(json.dumps(config | {"num_local_experts": 8}))
    with pytest.raises(InputError, match="mixture of experts"):
        read_shape(file)


# --- memory and minutes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [{"batch_size": 8}, {"r": 64}, {"quantization": "none"}, {"dequantize_once": True}],
    ids=str,
)
def test_more_of_anything_takes_more_memory(more: dict[str, Any]) -> None:
    one = setup(dequantize_once=False)
    assert training_peak(one.training_with(**more)).total > training_peak(one).total


@pytest.mark.parametrize("less", [{"gradient_checkpointing": True}, {"dropout": 0.0}], ids=str)
def test_what_saves_memory_saves_activations_alone(less: dict[str, Any]) -> None:
    before, after = training_peak(setup()), training_peak(setup().training_with(**less))
    assert after.activations < before.activations
    assert after.total < before.total
    same = {"activations": before.activations, "logits": before.logits}
    assert replace(after, **same) == before


def test_the_activations_of_a_layer_by_hand() -> None:
    """In bfloat16 on a processor, of a hidden size of 576 and an intermediate one of 1,536."""
    kept = memory.kept_by_a_layer(EMBEDDED_SHAPE, Computing("bfloat16", GB), r=16, dropout=0.05)
    norms, attention, gates, middles = 8 * 576, 4 * 576 * 2, 3 * 1536 * 2, 7 * 16 * 2
    inputs = (6 * 576 + 1536) * (2 + 2)  # and the masks of their dropouts
    assert kept == norms + attention + gates + middles + inputs


def test_answering_takes_the_weights_as_they_are() -> None:
    assert answering_peak(setup(LLAMA_2_7B)).weights / GB == pytest.approx(13.48, abs=0.01)


def test_a_tenth_of_the_memory_stays_free() -> None:
    peak = Peak(weights=9, adapter=0, activations=0, cache=0, logits=0, process=0)
    assert peak.fits(10)
    assert not peak.fits(9)


def test_twice_the_work_takes_twice_as_long() -> None:
    twice = replace(SFT, examples=800, tokens=80_000, scored=8_000, batches=200)
    assert seconds(setup(), twice) == pytest.approx(2 * seconds(setup()))


@pytest.mark.parametrize("slower", [{"gradient_checkpointing": True}, {"r": 64}], ids=str)
def test_more_to_compute_takes_longer(slower: dict[str, Any]) -> None:
    assert seconds(setup().training_with(**slower)) > seconds(setup())


def test_four_operations_a_weight_and_token_and_six_a_weight_of_the_lora() -> None:
    products = Speed(operation=1.0, small=1.0, weight=0.0, unpacking=0.0, call=0.0)
    one_token = StepWork(examples=10**9, tokens=1, scored=0, batches=1, longest=1, longest_scored=0)
    taken = step_seconds(setup(LLAMA_2_7B, r=8).step("sft"), products, one_token)
    assert taken == pytest.approx(4 * LLAMA_2_7B.linear + 6 * LLAMA_2_7B.lora(8))


def test_half_the_cores_take_twice_as_long() -> None:
    machine = Machine(processor="here", gpu=False, seconds={"float32": 4e-3}, fastest="float32")
    free, busy = (processor_speed(machine, "float32", cores) for cores in (1.0, 0.5))
    assert free and busy
    assert seconds(setup(), speed=busy) == pytest.approx(2 * seconds(setup(), speed=free))
    alone, beside = (run_minutes(setup(), speed) for speed in (free, busy))
    assert alone and beside
    assert beside.total == pytest.approx(2 * alone.total)


def test_of_a_busy_machine_it_is_told_what_a_run_takes_alone() -> None:
    busy = Minutes(steps={"sft": 30.0}, answer=15.0, other=5.0, share=0.2)
    assert busy.beside_others == (
        "other programs keep the cores busy now and leave 20% of them: alone, a run would take "
        "about 10 minutes"
    )
    assert replace(busy, share=0.9).beside_others is None


def test_the_cores_that_are_free_are_no_more_than_compute() -> None:
    assert 0 < cores_now() < 1.2 * threads()


def seconds(of: Setup, work: StepWork = SFT, speed: Speed = A_SPEED) -> float:
    return step_seconds(of.step("sft"), speed, work)


# --- what would fit ------------------------------------------------------------------------------


def test_where_training_does_not_fit_changes_are_told_with_what_they_need() -> None:
    small = setup(LLAMA_2_7B, memory=8 * GB, batch_size=8, quantization="none")
    assert not trains(small)
    found = lighter(small)
    assert [one.change.partition(":")[0] for one in found] == [
        "training.adapter.gradient_checkpointing",
        "training.sft.batch_size",
        "training.adapter.quantization",
        "base.max_length",
        "all of these",
        "evaluation.decoding.batch_size",
    ]
    assert all(one.needs < training_peak(small).total for one in found[:4])
    assert found[4].needs == min(one.needs for one in found[:5])
    assert found[4].fits


def test_where_a_run_fits_nothing_is_to_change() -> None:
    assert lighter(setup()) == []


def test_more_memory_never_trains_a_smaller_base() -> None:
    sizes = [*SIZES, None]
    found = [largest(setup(memory=size * GB), trains) for size in (200, 80, 48, 24, 16, 4, 1)]
    assert found[-1] is None
    ranks = [sizes.index(name) if name else -1 for name in found]
    assert ranks == sorted(ranks, reverse=True)
    assert found[0] == "70B"


def test_a_driver_name_finds_its_gpu() -> None:
    names = {
        "Tesla T4": "T4",
        "NVIDIA A100-SXM4-80GB": "A100-80",
        "NVIDIA GeForce RTX 5090": "RTX-5090",
        "NVIDIA L40S": "L40S",
        "NVIDIA H200": "H200",
        "NVIDIA B200": "B200",
        "AMD Instinct MI300X": "MI300X",
    }
    found = [gpu_named(name) for name in names]
    assert [gpu and gpu.name for gpu in found] == list(names.values())
    assert gpu_named("NVIDIA RTX A4000") is None


# --- a project's plan ----------------------------------------------------------------------------


@pytest.fixture
def machine() -> None:
    """A processor that was measured before, so that no test waits for torch."""
    seconds = {"float32": 4e-3, "bfloat16": 1.3e-3}
    found = Machine(processor="a processor", gpu=False, seconds=seconds, fastest="bfloat16")
    found.write(home() / "machines" / f"{fingerprint()[:16]}.json")


@pytest.fixture
def project(machine: None) -> None:
    """A hundred rows of 60 tokens, all counted."""
    Path("params.yaml").write_text(
        "training: {sft: {batch_size: 2, epochs: 2}}\n"
        "evaluation: {preference: {source: reward, reward: {rows: 20}}, prices: {hour: 6}}\n"
    )
    counts = []
    for part, size in ((Split.TRAIN, 60), (Split.DEV, 15), (Split.SEALED, 25)):
        rows = [row(f"{part} {i}") for i in range(size)]
        counts += [TokenCount(row=one.id, prompt=50, completion=10) for one in rows]
        write_records(rows_of(part), rows)
    write_records(TOKENS, counts)


def row(prompt: str) -> Row:
    return Row.of(prompt, "a short answer", group=prompt, source="s")


def planned(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed_by("plan", "--json", *arguments))
    return found


@pytest.mark.usefixtures("project")
def test_a_counted_project_assumes_nothing() -> None:
    plan = planned()
    assert (plan["assumed"], plan["missing"]) == ([], [])
    (step,) = plan["steps"].values()
    assert (step["examples"], step["batches"], step["longest"]) == (60, 60, 60)
    assert plan["tokens"]["trained"] == 60 * 60 * 2
    asked = {(one["system"], one["rows"]): one for one in plan["answers"]}
    assert asked["challenger", "sealed"]["answer"] == 10  # as briefly as its rows
    assert asked["champion", "sealed"]["adapter"] is False  # the bare base
    assert asked["bare base", "train"]["count"] == 20
    assert plan["tokens"]["generated"] == pytest.approx(
        sum(one["count"] * one["answer"] for one in plan["answers"]), abs=1
    )


@pytest.mark.usefixtures("project")
def test_parts_add_up_and_money_is_by_the_hour() -> None:
    here = planned()["here"]
    for peak in (here["training"], here["answering"]):
        assert sum(peak.values()) == 2 * peak["total"]
    taken = here["minutes"]
    assert taken["train"] + taken["answer"] + taken["other"] == pytest.approx(taken["total"])
    assert here["money"] == pytest.approx(taken["total"] / 60 * 6)


@pytest.mark.usefixtures("project")
def test_minutes_are_reckoned_by_what_earlier_steps_here_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.cost.machines.cores_now", lambda: 1.0)
    before = planned()["here"]["minutes"]
    book = TrainingBook(step="sft", recipe="a" * 64, seconds=400.0, estimated_seconds=100.0)
    write_book(book.model_copy(update={"finished": True}))
    after = planned()
    for part, times in (("train", 4), ("answer", 4), ("other", 1)):
        assert after["here"]["minutes"][part] == pytest.approx(times * before[part])
    assert after["assumed"] == ["the last steps here took 4.0 times as long as was reckoned"]


@pytest.mark.usefixtures("project")
def test_the_sealed_set_is_spoken_of() -> None:
    said = planned()["sealed"]
    assert said[0].startswith("25 sealed items find +0.02 in rougeL in about 1")
    assert "is assumed" in said[0]
    assert said[-1] == "preference: how far items differ in it is not known before a first run"


def test_of_all_gating_metrics_a_lower_bound_is_told_and_of_a_margin_that_it_never_wins() -> None:
    policy = Policy(gating=("rougeL", "semantic"))
    assert list(sealed_set_lines(0, policy)) == []
    *each, together = sealed_set_lines(500, policy, effect=0.03)
    assert len(each) == 2
    assert together == "all of them win, as a promotion needs, in about 93 % of cases at least"
    strict = Policy(gating=("rougeL",), margins={"rougeL": 0.05})
    (said,) = sealed_set_lines(900, strict)
    assert said == "rougeL: such a gain is within the policy's margin, and never wins"


@pytest.mark.usefixtures("project")
def test_a_faster_gpu_takes_fewer_minutes_and_a_larger_one_trains_larger_bases() -> None:
    gpus = {one["name"]: one for one in planned("--base", "3B")["others"] if one["gpu"]}
    slowest_first = [gpus[name]["minutes"]["train"] for name in ("T4", "L4", "A100-80", "H100")]
    assert slowest_first == sorted(slowest_first, reverse=True)
    sizes = list(SIZES)
    smallest_first = [sizes.index(gpu["largest_trained"]) for gpu in gpus.values()]
    assert smallest_first == sorted(smallest_first)
    for gpu in gpus.values():
        assert sizes.index(gpu["largest_in_all"]) <= sizes.index(gpu["largest_trained"])


@pytest.mark.usefixtures("project")
def test_more_processors_take_fewer_minutes_and_have_a_price() -> None:
    found = {one["name"]: one for one in planned()["others"] if not one["gpu"]}
    assert list(found) == [machine.name for machine in PROCESSORS]
    taken = [one["minutes"]["total"] for one in found.values()]
    assert taken == sorted(taken, reverse=True)
    assert all(one["money"] > 0 for one in found.values())


@pytest.mark.usefixtures("project")
def test_each_step_that_is_taken_is_counted_and_says_how_long_it_takes() -> None:
    Path("params.yaml").write_text(
        "base: {max_length: 64}\n"
        "training: {domain: {epochs: 1}, sft: {epochs: 1},"
        " distill: {epochs: 1, licence: MIT}, dpo: {epochs: 2, batch_size: 1},"
        " kto: {epochs: 1, batch_size: 2}, grpo: {epochs: 1, rewards: {answered: 1}}}\n"
    )
    write_records(CURATED_DOCUMENTS, [Document.of("x" * 448, source=str(i)) for i in range(10)])
    pair = PreferencePair(prompt="why?", chosen="because it is so", rejected="no")
    rated = RatedAnswer(prompt="when?", completion="never", label=False)
    CURATED_PREFERENCES.write_bytes(pair.canonical() + b"\n" + rated.canonical() + b"\n")
    plan = planned()
    steps = plan["steps"]
    assert list(steps) == ["domain", "sft", "distill", "dpo", "kto", "grpo"]
    # 448 bytes are 128 tokens and what is around them; nine of ten texts are learnt.
    assert (steps["domain"]["examples"], steps["domain"]["longest"]) == (19, 64)
    prompts = steps["distill"]["tokens"] - 48 * steps["distill"]["examples"]
    assert 0 < prompts < steps["sft"]["tokens"]  # each is answered at most at that length
    assert steps["distill"]["read"] == 2 * steps["distill"]["tokens"]  # drawn, and by the teacher
    assert steps["grpo"]["examples"] == 8 * steps["distill"]["examples"]  # a group to each prompt
    assert (steps["dpo"]["examples"], steps["dpo"]["batches"]) == (1, 2)
    assert steps["dpo"]["read"] == steps["dpo"]["tokens"] / 2  # once, of two epochs
    assert steps["kto"]["examples"] == 4  # two answers, a bad one, and a row as a good one
    assert plan["here"]["minutes"]["train"] == pytest.approx(sum(plan["here"]["steps"].values()))
    assert plan["missing"] == []


@pytest.mark.usefixtures("project")
def test_the_peak_is_of_the_step_that_takes_most() -> None:
    peaks = []
    for epochs in (0, 1):
        steps = f"training: {{domain: {{epochs: {epochs}}}}}\n"
        Path("params.yaml").write_text("base: {max_length: 2048}\n" + steps)
        peaks.append(planned()["here"]["training"]["activations"])
    assert peaks[1] > peaks[0]


@pytest.mark.usefixtures("project")
def test_a_price_of_your_own_is_taken_and_none_is_invented() -> None:
    gpus = {one["name"]: one for one in planned("--price", "l4=3", "--price", "H100=9")["others"]}
    l4, h100, t4, other = (gpus[name] for name in ("L4", "H100", "T4", "RTX-4090"))
    assert l4["money"] == pytest.approx(l4["minutes"]["total"] / 60 * 3)
    assert (l4["listed"], h100["listed"], t4["listed"]) == (False, False, True)
    assert (other["price"], other["money"]) == (None, None)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("arguments", [(), ("--base", "70B")], ids=str)
def test_it_prints(arguments: tuple[str, ...]) -> None:
    printed = printed_by("plan", *arguments)
    assert "7,200 tokens trained in step sft: 60 rows in 60 batches, the longest of 60" in printed
    assert re.search(r"about [\d,]+(\.\d)? minutes: ", printed)
    assert "A100-80, 80 GB" in printed
    if arguments:
        assert "does not fit" in printed


@pytest.mark.parametrize(
    ("weights", "told"),
    [(230_000, "0.2 million"), (135_000_000, "135 million"), (7_000_000_000, "7.0 billion")],
)
def test_weights_are_told_in_words(weights: int, told: str) -> None:
    assert count(weights) == told


@pytest.mark.usefixtures("project")
def test_a_recipe_without_quantization_is_told_in_words() -> None:
    Path("params.yaml").write_text("training: {adapter: {quantization: none}}\n")
    assert "; not quantized, LoRA of rank" in printed_by("plan").replace("\n", " ")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("training", "where", "told"),
    [
        (
            "{domain: {epochs: 1}}",
            "missing",
            f"how much step domain learns: there is nothing for it in {CURATED_DOCUMENTS}",
        ),
        (
            "{distributed: {processes: 2}}",
            "assumed",
            "one process trains: with these settings it is 2 processes",
        ),
    ],
    ids=["a step without data", "several processes"],
)
def test_what_a_plan_leaves_out_is_said(training: str, where: str, told: str) -> None:
    Path("params.yaml").write_text(f"training: {training}\n")
    (sentence,) = planned()[where]
    assert sentence.startswith(told)


@pytest.mark.usefixtures("project")
def test_rows_without_counts_are_estimated_and_said_to_be() -> None:
    TOKENS.unlink()
    (said,) = planned()["assumed"]
    assert "3.5 bytes a token of the text in datasets/curated" in said


@pytest.mark.usefixtures("machine")
def test_rows_that_are_not_split_are_dealt_by_the_shares() -> None:
    Path("params.yaml").write_text("curation: {curate: {dev_share: 0.1, sealed_share: 0.2}}\n")
    write_records(RAW, [row(f"question {i}") for i in range(100)])
    plan = planned()
    assert plan["steps"]["sft"]["examples"] == 70
    assert "not yet split" in plan["assumed"][0]
    printed = printed_by("plan")
    assert re.search(r"about [\d,]+ tokens trained in step sft: 70 rows", printed)
    assert "about 20 of challenger to sealed" in printed


@pytest.mark.usefixtures("machine")
def test_before_a_first_run_the_sources_are_read_and_what_is_rehearsed_goes_to_training() -> None:
    """So that `plan` says what `init` said, right after it."""
    Path("params.yaml").write_text(
        "curation:\n"
        "  curate: {dev_share: 0.1, sealed_share: 0.2, train_only: [general.jsonl]}\n"
        "  collect:\n"
        "    sources:\n"
        "    - {kind: file, path: datasets/sources/own.jsonl}\n"
        "    - {kind: file, path: datasets/sources/general.jsonl}\n"
    )
    folder = Path("datasets/sources")
    folder.mkdir(parents=True)
    for name, size in (("own", 100), ("general", 40)):
        rows = [{"prompt": f"{name} {i}", "completion": "yes"} for i in range(size)]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    plan = planned()
    assert plan["steps"]["sft"]["examples"] == 70 + 40
    assert {one["count"] for one in plan["answers"] if one["rows"] == "sealed"} == {20}
    assert plan["here"]["minutes"]["total"] > 0


@pytest.mark.usefixtures("machine")
def test_before_any_row_the_limits_of_the_settings_count() -> None:
    Path("params.yaml").write_text(
        "training: {sft: {rows: 500}}\ncuration: {curate: {dev: 50, sealed: 100}}\n"
    )
    plan = planned()
    assert plan["tokens"]["trained"] == 500 * 80
    assert "80 tokens a row" in plan["assumed"][0]


@pytest.mark.usefixtures("machine")
def test_outside_a_project_it_says_what_it_can_and_what_is_missing() -> None:
    plan = planned()
    assert plan["tokens"] is None
    assert plan["here"]["training"]["total"] > plan["here"]["training"]["weights"] > 0
    assert plan["here"]["minutes"] is None
    assert "params.yaml" in plan["missing"][0] and "how many rows" in plan["missing"][1]
    assert plan["assumed"] == ["rows of base.max_length, 512 tokens"]


@pytest.mark.usefixtures("machine")
def test_a_base_that_is_not_here_is_missing_and_a_named_one_is_an_error() -> None:
    Path("params.yaml").write_text("base: {model: somebody/something}\n")
    plan = planned()
    assert plan["base"] == {"model": "somebody/something", "weights": None}
    assert any(one.startswith("the base: ") for one in plan["missing"])
    with pytest.raises(InputError, match=r"--base: 'somebody/else' is neither a folder here nor a"):
        plan_run("somebody/else")
    assert plan_run("7b").base == "7B"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("L4=free", "'L4=free' names no price"),
        ("L4", "'L4' names no price"),
        ("L4=-1", "names no price"),
        ("L4=inf", "names no price"),
        ("H2O=3", "'H2O' is no machine that is known here; there are T4, L4"),
    ],
)
def test_a_wrong_price_is_refused(given: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"--price: .*{problem}"):
        read_prices([given])


# --- without torch -------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_on_a_measured_machine_torch_is_not_imported() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from incumbent.cli import app;"
        "done = CliRunner().invoke(app, ['plan']);"
        "heavy = {'torch', 'transformers', 'pandas', 'datasets'} & sys.modules.keys();"
        "print(done.exit_code, sorted(heavy))"
    )
    done = run(sys.executable, "-c", code)
    assert (done.stdout, done.stderr) == ("0 []\n", "")


@pytest.mark.usefixtures("project")
def test_the_core_alone_plans_for_gpus_and_says_what_is_missing() -> None:
    done = without_extras(COMMAND, "plan", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    plan = json.loads(done.stdout)
    assert plan["here"] is None
    assert plan["others"][-1]["minutes"]["total"] > 0
    assert plan["missing"] == [f"how fast this machine is: {pip_install('train')} first"]
