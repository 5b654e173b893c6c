"""A version goes to the Hub as one commit, by real requests to a server that plays it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from incumbent.verbs.export import upload_version
from project import libraries
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import DatasetVersion
from project.records.evidence import Decision, Verdict
from registry.store import Registry
from serving.exporting.hub_repository import HubRepository
from tests.conftest import BASE, decision_on, evidence_of, keep_decision
from tests.incumbent.tiny_project import called
from tests.upload_hub import READER, TOKEN, UploadHub, playing

Make = Callable[[str], tuple[Adapter, Path]]
DATASET = DatasetVersion(rows="1" * 64, splits={}, sources=("s",), contract="2" * 64)
NAME = "bank/summaries"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadHub]:
    """The Hub that HF_ENDPOINT names; the library has read its settings, so they are put there."""
    from huggingface_hub import constants
    from huggingface_hub.hf_api import api

    with playing(UploadHub()) as hub:
        monkeypatch.setattr(api, "endpoint", hub.url)  # whom PEFT asks
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture(autouse=True)
def version(make_adapter: Make) -> AdapterVersion:
    Path("params.yaml").write_text("registry: {family: test}\n")
    return submitted(make_adapter, "a")


def submitted(make: Make, name: str) -> AdapterVersion:
    adapter, folder = make(name)
    adapter = adapter.model_copy(update={"dataset": DATASET.digest})
    with Registry.here() as registry:
        version = registry.submit(adapter, folder, "made", DATASET)
        evidence = evidence_of(adapter.files, None)
        keep_decision(registry, version.number, decision_on(evidence, Verdict.PROMOTE), evidence)
    return version


def upload(
    to: str = f"hf://{NAME}", number: int = 1, *, public: bool = False, force: bool = False
) -> None:
    upload_version(number, HubRepository.parse(to), public=public, force=force)


def files_at(hub: UploadHub, branch: str = "main") -> dict[str, bytes]:
    return hub.repositories[NAME].branches[branch][-1].files


def test_a_version_is_one_commit_that_names_it_with_its_card_and_its_decision(
    hub: UploadHub, version: AdapterVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    upload()
    repository = hub.repositories[NAME]
    assert repository.private
    assert len(repository.branches["main"]) == 2  # the Hub's own first one, and ours
    digest = version.adapter.files
    assert repository.branches["main"][-1].message == f"test v1 as an adapter, {digest[:12]}"
    files = files_at(hub)
    assert json.loads(files["incumbent.json"])["adapter"] == digest
    Path("decision.json").write_bytes(files["decision.json"])
    pins = Decision.read(Path("decision.json")).pins
    assert pins and pins.challenger == digest
    assert f"is in {hub.url}/{NAME}" in capsys.readouterr().out
    upload()
    assert len(repository.branches["main"]) == 2
    printed = capsys.readouterr()
    assert "was there already, and nothing changed" in printed.out
    assert "empty commit" not in printed.err  # the library's own words for it


def test_adapter_and_card_come_back_from_the_hub_as_people_load_them(
    hub: UploadHub, version: AdapterVersion
) -> None:
    from huggingface_hub import snapshot_download

    upload()
    fetched = Path(snapshot_download(NAME, allow_patterns=["adapter_*"], endpoint=hub.url))
    shutil.copytree(fetched, "back")  # for the cache's are links
    assert digest_folder(Path("back")) == version.adapter.files
    card = files_at(hub)["README.md"].decode()
    assert f'PeftModel.from_pretrained(model, "{NAME}")' in card
    assert "path/to/this/folder" not in card
    front = yaml.safe_load(card.split("---")[1])
    assert (front["library_name"], front["pipeline_tag"]) == ("peft", "text-generation")
    assert "lora" in front["tags"]


def test_the_next_version_takes_away_what_it_does_not_have_and_nothing_else(
    hub: UploadHub, make_adapter: Make
) -> None:
    upload()
    head = hub.repositories[NAME].branches["main"][-1]
    head.files["logo.png"] = b"somebody's own"
    (make_adapter("b")[1] / "more.json").write_text("{}")
    adapter, folder = make_adapter("b")
    with Registry.here() as registry:
        registry.submit(
            adapter.model_copy(update={"dataset": DATASET.digest}), folder, "made", DATASET
        )
    upload(number=2)  # nobody has decided on it: there is no decision.json
    files = files_at(hub)
    assert "decision.json" not in files and "logo.png" in files
    assert files["adapter_model.safetensors"] == b"b"


def test_a_branch_is_made_and_the_main_one_stays(hub: UploadHub) -> None:
    upload(f"hf://{NAME}@release/2026")
    branches = hub.repositories[NAME].branches
    assert [commit.message for commit in branches["main"]] == ["initial commit"]
    assert "adapter_config.json" in files_at(hub, "release/2026")


def test_public_is_said_and_not_guessed(hub: UploadHub) -> None:
    upload(public=True)
    assert not hub.repositories[NAME].private
    with pytest.raises(InputError, match=r"there already, and public.*--public says"):
        upload()


def test_another_familys_repository_is_not_written_over_unasked(hub: UploadHub) -> None:
    published = {"family": "cards", "number": 7, "adapter": "a" * 64, "files": []}
    hub.lay(NAME, **{"incumbent.json": json.dumps(published).encode()})
    with pytest.raises(InputError, match=r"holds cards v7, of another family: .*--force"):
        upload()
    upload(force=True)
    assert json.loads(files_at(hub)["incumbent.json"])["family"] == "test"


def test_somebodys_model_is_not_written_over_but_a_repository_just_made_is(hub: UploadHub) -> None:
    for mine in ({"README.md": b"# mine", "model.safetensors": b"mine"}, {"incumbent.json": b"[]"}):
        hub.lay(NAME, **mine)
        with pytest.raises(InputError, match="holds files that Incumbent did not put there"):
            upload()
    upload(force=True)
    assert json.loads(files_at(hub)["incumbent.json"])["family"] == "test"
    hub.lay(NAME, **{"README.md": b"# empty", "LICENSE": b"mine"})
    upload()
    assert files_at(hub)["LICENSE"] == b"mine"


def test_nothing_is_asked_of_the_hub_for_a_version_whose_bytes_are_damaged(hub: UploadHub) -> None:
    with Registry.here() as registry:
        blob = registry.artifacts.manifest(registry.version(1).adapter.files)[
            "adapter_model.safetensors"
        ]
        Path(registry.artifacts.blobs.location, blob[:2], blob).write_bytes(b"b")
    with pytest.raises(IncumbentError, match="damaged"):
        upload()
    assert hub.asked == []


def test_who_may_not_write_is_told_before_the_work_where_that_can_be_known(
    hub: UploadHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_unknown")
    with pytest.raises(InputError, match=f"{hub.url} does not know this token: put one that may"):
        upload()
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(InputError, match="this token may only read"):
        upload()
    assert not [asked for asked in hub.asked if asked.startswith(("POST", "PUT"))]
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.locked.add("bank")
    with pytest.raises(InputError, match=f"may not write to {NAME} at {hub.url}: ask its owner"):
        upload()
    assert hub.repositories == {}


def test_without_a_token_it_says_how_to_sign_in(
    hub: UploadHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(InputError, match="asks who you are: `hf auth login`, or put a token"):
        upload()


def test_offline_it_says_what_to_unset(hub: UploadHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(libraries, "CHOSEN_BY_USER", {"HF_HUB_OFFLINE"})
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="start it with HF_HUB_OFFLINE=0"):
        upload()


def test_a_hub_that_is_not_there_is_one_line(
    hub: UploadHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(IncumbentError, match=f"{NAME} at http://127.0.0.1:9 was not reached") as e:
        upload()
    assert e.value.exit_code == 1 and "\n" not in str(e.value)


@pytest.mark.parametrize(
    "text", ["hf://bank", "hf:/bank/x", "hf://datasets/bank/x", "https://hf.co/bank/x"]
)
def test_what_is_no_repository_is_told_how_one_is_written(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, complaint = called(capsys, "registry", "export", "1", "--to", text)
    assert code == 2
    assert f"--to: {text!r} is no repository: write hf://ORG/NAME" in complaint


@pytest.mark.slow
def test_peft_loads_a_version_by_its_name_on_the_hub(hub: UploadHub, tiny_base: Path) -> None:
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    config = LoraConfig(task_type="CAUSAL_LM", r=2, init_lora_weights=False)
    made = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_base), config)
    folder = Path("made")
    made.save_pretrained(folder)
    (folder / "README.md").unlink()
    adapter = Adapter(files=digest_folder(folder), base=BASE, recipe="c" * 64, dataset="d" * 64)
    with Registry.here() as registry:
        registry.submit(
            adapter.model_copy(update={"dataset": DATASET.digest}), folder, "made", DATASET
        )
    upload(number=2)
    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_base), NAME)
    there, here = map(get_peft_model_state_dict, (loaded, made))
    assert there.keys() == here.keys()
    assert all(torch.equal(there[name], here[name]) for name in here)
