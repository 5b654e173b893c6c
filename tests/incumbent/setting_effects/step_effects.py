"""What the keys of where training starts and of its limits do."""

from pathlib import Path
from typing import Any

from project import paths
from project.canonical import canonical_json, digest_folder
from project.files import home
from project.records.adapters import Adapter
from registry.store import Registry
from tests import places
from tests.conftest import BASE
from tests.incumbent.setting_effects.effect import Effect, ShownBy


def started() -> object:
    """What stage `start` writes where a champion was promoted on other rows than today's."""
    from training import start
    from training.recipe import START_FILE, TrainingStart

    files = Path("made")
    files.mkdir()
    config = {"r": 16, "lora_alpha": 32, "use_rslora": False}
    (files / "adapter_config.json").write_bytes(canonical_json(config))
    (files / "adapter_model.safetensors").write_bytes(b"weights")
    before = places.DATASET.model_copy(update={"rows": "1" * 64})
    adapter = Adapter(files=digest_folder(files), base=BASE, recipe="c" * 64, dataset=before.digest)
    with Registry(home() / "registry", "default", clock=places.ticking()) as registry:
        version = registry.submit(adapter, files, "made", before)
        registry.promote(version.number, "it won", force=True)
    BASE.write(paths.BASE)
    places.DATASET.write(paths.DATASET)
    start.main()
    return TrainingStart.read(START_FILE)


TESTS = "tests/training"
EFFECTS: dict[str, Any] = {
    "training.adapter.start": Effect(("base", "champion"), started),
    "training.sft.replay": ShownBy(
        f"{TESTS}/test_replay.py::test_all_new_rows_are_learnt_with_a_share_of_old_ones"
    ),
    "training.domain.patience": ShownBy(
        f"{TESTS}/test_stopping.py::test_training_ends_after_so_many_measurements_without_a_lower_loss"
    ),
    "training.sft.patience": ShownBy(
        f"{TESTS}/test_stopping.py::test_training_ends_after_so_many_measurements_without_a_lower_loss"
    ),
    "training.distributed.processes": ShownBy(
        f"{TESTS}/test_processes.py::test_a_process_is_started_for_each_gpu_or_as_many_as_said"
    ),
    "training.distributed.sharding": ShownBy(
        f"{TESTS}/test_processes.py::test_accelerate_itself_tells_its_processes_what_we_tell_those_of_torchrun"
    ),
    "training.limits.save_minutes": ShownBy(
        f"{TESTS}/test_checkpoints.py::test_a_checkpoint_is_due_when_the_minutes_have_passed"
    ),
    "training.limits.checkpoints": ShownBy(
        f"{TESTS}/test_checkpoints.py::test_where_no_checkpoint_can_be_written_training_goes_on"
    ),
    "training.limits.minutes": ShownBy(
        f"{TESTS}/test_books.py::test_a_spent_budget_stops_with_a_checkpoint_and_more_of_it_goes_on"
    ),
    "training.limits.price": ShownBy(
        f"{TESTS}/test_books.py::test_what_interrupted_processes_took_is_added_up_at_its_price"
    ),
}
