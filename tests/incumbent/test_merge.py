"""`search merge`: adapters merged, scored on dev alone; the best is a version with its parents."""

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from incumbent.searching.merge_parents import Merge, checked, parents_here, write_merges
from project import paths
from project.canonical import digest_folder
from project.model_pins import ModelChoice, pin
from project.near_duplicates import WordPrints
from project.paths import BASE, rows_of
from project.progress import Bar
from project.records.adapters import Adapter, AdapterVersion, ModelPin
from project.records.data import DatasetVersion, Row, Split
from registry.adapter_import.adapter_folder import WEIGHTS
from registry.adapter_import.lora_config import MergeMethod
from registry.lineage import trace
from registry.store import Registry
from review.dossier.make_dossier import make_dossier
from tests.incumbent.tiny_project import called, lay_out_project, run
from training.recipe import LearntRows

pytestmark = pytest.mark.slow
ONE = ("--method", "ties", "--share", "0.5", "--by", "loss")
Edit = Callable[[Path], None]


def trained(name: str, r: int = 2, edit: Edit = lambda folder: None) -> Path:
    """An adapter on the tiny base, which says something, as a step leaves it."""
    import torch  # which takes seconds

    from tests.conftest import NUMERICS
    from training.model.base_model import load_base
    from training.model.lora import add_adapter
    from training.training_settings import AdapterParams

    params = AdapterParams(r=r, quantization="none", target_modules=("q_proj", "v_proj"))
    model = add_adapter(load_base(Path("models/tiny"), params, NUMERICS), params, NUMERICS)
    torch.manual_seed(len(name))
    for key, weight in model.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(weight, std=0.05)
    folder = Path("trained") / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    edit(folder)
    return folder


def updates(folder: Path) -> "np.ndarray[Any, Any]":
    """All of B·A."""
    weights = load_file(folder / WEIGHTS)
    halves = (
        (weights[key.replace("lora_A", "lora_B")], weights[key])
        for key in sorted(weights)
        if "lora_A" in key
    )
    return np.concatenate([(b @ a).ravel() for b, a in halves])


def submitted(folder: Path, **changed: Any) -> AdapterVersion:
    """Registered as one that learnt the project's rows."""
    rows = Row.read_lines(rows_of(Split.TRAIN))
    dataset = DatasetVersion.read(paths.DATASET)
    adapter = Adapter(
        files=digest_folder(folder),
        base=ModelPin.read(BASE),
        recipe="r" * 64,
        dataset=dataset.digest,
    ).model_copy(update=changed)
    records = (dataset, LearntRows.of(rows))
    with Registry.here() as registry:
        prints = WordPrints.of_prompts(rows)
        return registry.submit(adapter, folder, "trained", *records, trained_on=prints)


def seated(folder: Path) -> AdapterVersion:
    version = submitted(folder)
    with Registry.here() as registry:
        registry.promote(version.number, "first", force=True)
    return version


def set_config(**values: Any) -> Edit:
    def edit(folder: Path) -> None:
        file = folder / "adapter_config.json"
        file.write_text(json.dumps(json.loads(file.read_bytes()) | values))

    return edit


def spoil_weights(folder: Path) -> None:
    file = folder / WEIGHTS
    weights = load_file(file)
    next(iter(weights.values()))[0, 0] = np.nan
    save_file(weights, file)


def louder(folder: Path) -> None:
    """Weights that no mixture gains by."""
    file = folder / WEIGHTS
    save_file({k: 40 * v if "lora_B" in k else v for k, v in load_file(file).items()}, file)


def stop(bar: Bar, count: int = 1, note: str | None = None) -> None:
    if bar.report.label == "merges":
        raise KeyboardInterrupt


def drop_v_proj(folder: Path) -> None:
    set_config(target_modules=["q_proj"])(folder)
    file = folder / WEIGHTS
    save_file({k: v for k, v in load_file(file).items() if "v_proj" not in k}, file)


EDITS: dict[str | None, Edit] = {
    None: lambda folder: None,
    "drop_v_proj": drop_v_proj,
    "use_dora": set_config(use_dora=True),
    "spoil_weights": spoil_weights,
}


def test_the_best_merge_is_a_version_with_parents_on_record_that_can_be_decided_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay_out_project(registry__family="sums")
    seated(trained("first"))
    seated(trained("second one"))
    submitted(trained("the third"))
    found, said = run(capsys, "search", "merge", "--challenger", "3", "--by", "loss", "--register")
    assert said.startswith("9 merges of sums v2, sums v1, sums v3: ")
    assert [one["name"] for one in found["parents"]] == ["sums v2", "sums v1", "sums v3"]
    assert (len(found["merges"]), found["tried"], found["items"]) == (9, 9, 20)
    best = found["merges"][found["best"]]
    assert best["score"] == min(one["score"] for one in found["merges"])
    assert found["version"]["number"] == 4

    # The same merges have the same bytes, are not scored again, and are the same version.
    again, _ = run(capsys, "search", "merge", "--challenger", "3", "--by", "loss", "--register")
    assert again == found
    more, _ = run(capsys, "search", "merge", "--challenger", "3", *ONE, "--density", "0.2")
    assert more["tried"] == 10

    with Registry.here() as registry:
        lineage = trace(registry, 4)
        assert re.fullmatch(r"v2 × 0\.\d+ \+ v1 × 0\.\d+ \+ v3 × 0\.\d+", lineage.parent or "")
        assert registry.history(kind="open") == []  # no sealed item was looked at
        prints = registry.trained_on(lineage.version.adapter.files)
        assert prints and set(prints.texts) == set(
            WordPrints.of_prompts(Row.read_lines(rows_of(Split.TRAIN))).texts
        )
        assert "merged from v2" in str(make_dossier(registry, 4, whole=True, notes=None).sections)
    shown = " ".join(called(capsys, "registry", "show", "4")[1].split())  # a terminal breaks lines
    assert re.search(r"origin merged from v2 × .*on which 9 merges were tried", shown)
    card = called(capsys, "registry", "show", "4", "--card")[1]
    assert "merged from v2" in card and "made elsewhere" not in card
    code, _, refusal = called(capsys, "registry", "reproduce", "4")
    assert code == 2 and "was merged, and not trained" in refusal


def test_a_merge_of_equal_adapters_is_that_adapter_and_the_seed_decides_what_dare_drops(
    tmp_path: Path,
) -> None:
    lay_out_project()
    folder = trained("first", edit=lambda folder: set_config(lora_alpha=6)(folder))
    adapter = Adapter(files="f" * 64, base=ModelPin.read(BASE), recipe="r" * 64, dataset="d" * 64)
    parents = [checked(name, adapter, folder, None) for name in ("one", "two", "three")]
    methods = get_args(MergeMethod)
    merges = [
        Merge(method=method, share=0.6, density=kept) for kept in (1.0, 0.5) for method in methods
    ]
    places = [tmp_path / name for name in ("a", "b", "c")]
    for place, seed in zip(places, (0, 0, 1), strict=True):
        place.mkdir()
        write_merges(parents, merges, seed, place)
    update = updates(folder)
    for number, method in enumerate(methods):
        whole, part = str(number), str(number + len(methods))
        equal = updates(places[0] / whole)
        assert equal == pytest.approx(3 * update, rel=1e-3, abs=1e-5), method  # alpha / r is 3
        first, again, reseeded = (digest_folder(place / part) for place in places)
        assert first == again, method
        assert (first == reseeded) == (method != "dare_ties"), method
        if method == "dare_ties":  # drops at random, and is right in the mean
            dropped = updates(places[0] / part)
            assert dropped @ update / (3 * update @ update) == pytest.approx(1, abs=0.1)


def test_a_merge_that_is_no_better_than_its_parents_says_so_and_is_not_registered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The pipeline's own challenger takes part, though it was not submitted."""
    lay_out_project(registry__family="sums")
    champion = seated(trained("first"))
    folder = trained("noise", edit=louder)
    paths.ADAPTER_FILES.parent.mkdir(exist_ok=True)
    folder.rename(paths.ADAPTER_FILES)
    files = {"files": digest_folder(paths.ADAPTER_FILES)}
    champion.adapter.model_copy(update=files).write(paths.ADAPTER)
    code, printed, _ = called(capsys, "search", "merge", *ONE)
    assert code == 0
    assert "no merge is better than sums v1 on dev" in printed
    assert "nothing is registered; --register does it all the same" in printed
    with Registry.here() as registry:
        assert [one.number for one in registry.versions()] == [1]


def test_an_interrupted_search_goes_on_and_leaves_nothing_half_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lay_out_project(registry__family="sums")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seated(trained("first"))
    submitted(trained("second one"))
    asked = ("search", "merge", "--challenger", "2", "--method", "dare_ties", "--by", "loss")
    with monkeypatch.context() as patch:
        patch.setattr(Bar, "advance", stop)
        assert called(capsys, *asked)[0] == 130
    (kept,) = Path("home/merges").glob("*.txt")
    first = kept.read_text()
    assert len(first.splitlines()) == 1
    assert list(tmp_path.glob("incumbent-merges-*")) == []
    found, _ = run(capsys, *asked)
    assert set(first.split()) < set(kept.read_text().split())
    kept.unlink()
    assert run(capsys, *asked)[0] == found


@pytest.mark.parametrize(
    ("r", "edit", "changed", "said"),
    [
        (4, None, {}, "cannot be merged with sums v1: sums v2 has 4, sums v1 2 as its rank"),
        (2, "drop_v_proj", {}, "sums v2 has q_proj, sums v1 q_proj v_proj as its target modules"),
        (2, "use_dora", {}, "sums v2/adapter_config.json: use_dora: True is DoRA"),
        (2, "spoil_weights", {}, "sums v2/adapter_model.safetensors: .* not finite"),
        (2, None, {"system_prompt": "Be brief."}, "sums v2 has Be brief., sums v1 none as its sy"),
        (2, None, {"base": "other"}, "sums v2 has [0-9a-f…]+, sums v1 .* as its base's weights"),
        (2, None, {"bare": True}, "sums v2 cannot be merged: it has no adapter"),
    ],
)
def test_what_cannot_be_merged_is_refused_by_its_version_and_what_differs(
    r: int, edit: str | None, changed: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out_project(registry__family="sums")
    seated(trained("first"))
    if "base" in changed:
        changed = {"base": pin(ModelChoice(model="models/other-tiny"), "base")}
    submitted(trained("another", r, EDITS[edit]), **changed)
    code, _, error = called(capsys, "search", "merge", "--challenger", "2", *ONE)
    assert (code, bool(re.search(said, error))) == (2, True), error
    assert not list(Path("home/merges").glob("*.txt"))


def test_a_champion_that_was_rolled_back_is_not_merged() -> None:
    lay_out_project(registry__family="sums")
    for name in ("first", "second one"):
        seated(trained(name))
    submitted(trained("the third"))
    with Registry.here() as registry:
        both = [parent.version for parent in parents_here(registry, 2, 3)]
        registry.rollback("worse")
        left = [parent.version for parent in parents_here(registry, 2, 3)]
    assert (both, left) == ([2, 1, 3], [1, 3])


def test_a_project_without_a_champion_or_with_another_adapter_file_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay_out_project(registry__family="sums")
    version = submitted(trained("first"))
    code, _, said = called(capsys, "search", "merge", "--challenger", "1")
    assert code == 2 and "there is no champion beside sums v1" in said
    trained("edited by hand").rename(paths.ADAPTER_FILES)
    version.adapter.write(paths.ADAPTER)
    code, _, said = called(capsys, "search", "merge")
    assert code == 2 and "outputs/adapter: is not what stage `train` wrote" in said
