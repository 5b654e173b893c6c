"""Stage `train`: the adapter of the last step is the challenger."""

import shutil

from project.canonical import digest_folder
from project.errors import InputError
from project.files import staged_folder, write_bytes
from project.paths import ADAPTER, ADAPTER_FILES, DATASET
from project.records.adapters import Adapter
from project.records.data import DatasetVersion
from project.settings import PARAMS
from project.shown_passages import INDEX_NAME, index_shown
from training.steps.earlier import newest_before


def main() -> None:
    last = newest_before(None)
    if last.folder is None or last.recipe is None:
        raise InputError(
            "every step is left out: set epochs of one of domain, sft, distill, dpo, kto and grpo",
            file=PARAMS,
            field="training",
        )
    last.refuse_damaged(last.folder)
    recipe = last.recipe
    index = index_shown(recipe.evidence_template)
    with staged_folder(ADAPTER_FILES) as draft:
        shutil.copytree(last.folder, draft, dirs_exist_ok=True)
        if index is not None:  # the same weights on other passages are another version
            write_bytes(draft / INDEX_NAME, index.encode())
    card = Adapter(
        files=digest_folder(ADAPTER_FILES),
        base=recipe.base,
        recipe=recipe.digest,
        dataset=DatasetVersion.read(DATASET).digest,
        parent=recipe.start,
        numerics=recipe.numerics,
        rewarded=tuple(recipe.grpo.params.rewards) if recipe.grpo else None,
        system_prompt=recipe.system_prompt,
        evidence_template=recipe.evidence_template,
        tool_form=recipe.tool_form,
        index=index,
    )
    card.write(ADAPTER)
    began = ["the champion's adapter"] if recipe.start else []
    print(f"trained {card}: {', '.join([*began, *recipe.taken])}")
