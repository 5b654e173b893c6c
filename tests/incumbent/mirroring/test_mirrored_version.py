"""What a tracker is told of a version: figures, settings and digests, and no word of any row."""

from collections.abc import Callable
from pathlib import Path

import pytest

from incumbent.mirroring.mirrored_version import CurvePoint, mirrored
from project import paths
from project.errors import InputError
from project.files import write_bytes
from project.records.adapters import Adapter
from project.records.evidence import Bound, Verdict
from registry.store import Registry
from tests.registry.test_model_card import DATASET, EVIL, decided, submitted

Make = Callable[[str], tuple[Adapter, Path]]
LOSS = paths.step_of("sft") / "plots" / "metrics" / "loss.tsv"


def test_scores_of_both_sides_and_the_bounds_of_the_look_are_told(
    registry: Registry, make_adapter: Make
) -> None:
    bounds = {"rougeL": Bound(lower=0.15, upper=0.21, won=True)}
    decided(registry, make_adapter, bounds=bounds)
    scores = mirrored(registry, 1).scores
    assert scores["dev/rougeL"] == pytest.approx(0.32)
    assert scores["dev/rougeL.champion"] == 0.2
    assert scores["sealed/rougeL.difference"] == 0.18
    assert scores["sealed/rougeL.lower_bound"] == 0.15
    assert scores["sealed/preference"] == pytest.approx(0.81)  # a mean win probability
    assert "sealed/preference.champion" not in scores
    assert "dev/rougeL.lower_bound" not in scores


def test_the_sealed_eval_set_is_not_told_where_nobody_looked(
    registry: Registry, make_adapter: Make
) -> None:
    bounds = {"rougeL": Bound(lower=0.15, upper=0.21, won=True)}
    nothing = {"opening": None, "alpha": None, "verdict": Verdict.HOLD, "bounds": bounds}
    decided(registry, make_adapter, **nothing)
    told = mirrored(registry, 1)
    assert not [name for name in told.scores if name.startswith("sealed")]
    assert "look" not in told.tags and "on dev" in told.summary


def test_settings_verdict_and_digests_are_told(registry: Registry, make_adapter: Make) -> None:
    version = decided(registry, make_adapter)
    told = mirrored(registry, 1)
    assert (told.label, told.settings["r"], told.settings["base"]) == ("test v1", "16.0", "a-base")
    assert told.tags["adapter"] == version.adapter.files
    assert (told.tags["verdict"], told.tags["look"], told.tags["alpha"]) == ("PROMOTE", "1", "0.03")
    assert told.summary == (
        "**PROMOTE** against the bare base, look 1 at the sealed eval set:\n\n- because"
    )


def test_what_people_wrote_and_who_they_are_is_not_told(
    registry: Registry, make_adapter: Make
) -> None:
    submitted(registry, make_adapter, reason=EVIL)
    told = mirrored(registry, 1).canonical().decode()
    assert "evil" not in told.lower() and "tester" not in told


def test_a_version_without_a_decision_has_no_scores_and_says_so(
    registry: Registry, make_adapter: Make
) -> None:
    submitted(registry, make_adapter)
    told = mirrored(registry, 1)
    assert (told.scores, told.summary) == ({}, "nobody has decided on it")
    assert told.tags["stage"] == "challenger"


def test_its_stage_is_what_it_is_to_its_family_now(registry: Registry, make_adapter: Make) -> None:
    decided(registry, make_adapter)
    adapter, folder = make_adapter("b")
    adapter = adapter.model_copy(update={"dataset": DATASET.digest})
    registry.submit(adapter, folder, "made", DATASET)
    stages = []

    def look() -> None:
        stages.append(tuple(mirrored(registry, number).tags["stage"] for number in (1, 2)))

    look()
    registry.promote(1, "won")
    look()
    registry.promote(2, "by hand", force=True)
    look()
    registry.rollback("it was worse")
    look()
    registry.reject(2, "no")
    look()
    assert stages == [
        ("challenger", "challenger"),
        ("champion", "challenger"),
        ("former champion", "champion"),
        ("champion", "rolled back"),
        ("champion", "rejected"),
    ]


def test_the_same_version_has_the_same_key_and_another_registrys_has_another(
    registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    submitted(registry, make_adapter)
    before = mirrored(registry, 1).key
    registry.reject(1, "no")
    assert mirrored(registry, 1).key == before
    with Registry(tmp_path / "another", "test") as another:
        submitted(another, make_adapter)
        assert mirrored(another, 1).key != before


# --- learning curves ------------------------------------------------------------------------------


def test_curves_of_the_last_training_go_with_the_version_that_it_made(
    registry: Registry, make_adapter: Make
) -> None:
    version = submitted(registry, make_adapter)
    write_bytes(LOSS, b"step\tloss\n1\t2.5\n2\tnan\n3\t1.5\n")
    write_bytes(LOSS.with_name("eval_loss.tsv"), b"step\teval_loss\n")  # nothing was measured
    assert mirrored(registry, 1).curves == {}  # nobody says what they are of
    version.adapter.write(paths.ADAPTER)
    points = (CurvePoint(step=1, value=2.5), CurvePoint(step=3, value=1.5))
    assert mirrored(registry, 1).curves == {"sft/loss": points}
    version.adapter.model_copy(update={"files": "e" * 64}).write(paths.ADAPTER)
    assert mirrored(registry, 1).curves == {}


def test_a_file_that_is_no_curve_is_named_with_its_line(
    registry: Registry, make_adapter: Make
) -> None:
    submitted(registry, make_adapter).adapter.write(paths.ADAPTER)
    write_bytes(LOSS, b"step\tloss\n1\t2.5\n2\tmuch\n")
    with pytest.raises(InputError, match=r"loss.tsv:3: is no learning curve"):
        mirrored(registry, 1)
