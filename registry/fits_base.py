"""Whether a version's adapter still loads: on its own base, which may not be the project's."""

import json

from project.errors import IncumbentError, InputError
from project.files import home
from project.model_pins import absent, folder_here
from project.records.adapters import AdapterVersion
from registry.adapter_import.adapter_folder import CONFIG, WEIGHTS
from registry.adapter_import.lora_config import LoraSettings
from registry.adapter_import.lora_weights import linear_modules, read_pairs
from registry.adapter_import.safetensors_header import read_header
from registry.storage.artifact_store import Artifacts


def refuse_misfit(version: AdapterVersion, artifacts: Artifacts) -> str | None:
    """Raise IncumbentError unless each weight of a version fits its module of the base.

    Of a base that is not on this machine nothing can be said, and it may serve elsewhere: then
    that is returned, in words.
    """
    if problem := absent(version.adapter.base):
        return f"whether {version.label} still loads was not checked: {problem}"
    files, base = version.adapter.files, folder_here(version.adapter.base)
    assert base is not None, "it is not absent"
    folder = artifacts.check_out(files, home() / "adapters" / files)
    try:
        rank = json.loads((folder / CONFIG).read_bytes())["r"]
        settings = LoraSettings(
            peft_type="LORA", task_type="CAUSAL_LM", r=rank, lora_alpha=1.0, target_modules=None
        )
        header = read_header(folder / WEIGHTS, folder / WEIGHTS)
        read_pairs(header, settings, linear_modules(base), folder / WEIGHTS)
    except (InputError, ValueError, KeyError, OSError) as error:
        raise IncumbentError(
            f"{version.label} does not fit its base, {version.adapter.base}: {error}"
        ) from None
    return None
