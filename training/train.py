"""Stage `train`: the adapter of the last step is the challenger."""

import shutil

from project.canonical import digest_folder
from project.errors import InputError
from project.files import staged_folder
from project.paths import ADAPTER, ADAPTER_FILES, DATASET
from project.records.adapters import Adapter
from project.records.data import DatasetVersion
from project.settings import PARAMS
from training.recipe import Recipe
from training.steps.earlier import newest_before


def main() -> None:
    last = newest_before(None)
    if last.folder is None or last.recipe is None:
        raise InputError(
            "every step is left out: set epochs of one of domain, sft, dpo and kto",
            file=PARAMS,
            field="training",
        )
    last.refuse_damaged(last.folder)
    with staged_folder(ADAPTER_FILES) as draft:
        shutil.copytree(last.folder, draft, dirs_exist_ok=True)
    recipe = last.recipe
    card = Adapter(
        files=digest_folder(ADAPTER_FILES),
        base=recipe.base,
        recipe=recipe.digest,
        dataset=DatasetVersion.read(DATASET).digest,
        parent=recipe.start,
        numerics=recipe.numerics,
        system_prompt=recipe.system_prompt,
        evidence_template=recipe.evidence_template,
    )
    card.write(ADAPTER)
    print(f"trained {card}: {steps_of(recipe)}")


def steps_of(recipe: Recipe) -> str:
    """The steps that were taken, in their order."""
    from_champion = ["the champion's adapter"] if recipe.start else []
    return ", ".join([*from_champion, *recipe.taken])
