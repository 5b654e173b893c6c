"""All steps of an upgrade, in their order."""

from incumbent.upgrading import (
    changed_values,
    edited_stages,
    ignored_files,
    new_files,
    training_sections,
    unedited_stages,
    wanted_sections,
    written_version,
)
from incumbent.upgrading.step import Step
from project.project_version import VERSION

TRAINING = Step(
    to=2,
    title="training in sections",
    reason="Training has steps, each a stage: each key of `training` goes to its own.",
    change=training_sections.move,
)
FAULTY = Step(
    to=2,
    title="curation.curate.faulty: keep",
    reason="Faulty rows that stay are told by the gate and not refused, so the value is `keep`.",
    change=changed_values.keep_faulty_rows,
)
LORA = Step(
    to=2,
    title="no LoRA on the embedder",
    reason="The reward model is a small head now and the embedder stays frozen: `lora` is refused.",
    change=changed_values.drop_lora_of_embedder,
)
FILES = Step(
    to=2,
    title="files that stages read",
    reason="Today's stages read folders and lists that the project does not have; none is changed.",
    change=new_files.add,
)
IGNORED = Step(
    to=2,
    title="what git leaves out",
    reason="What users wrote waits in datasets/queue/, and a secret may lie in deploy/.",
    change=ignored_files.add,
)
# For every version: they compare the project with what a new one is made of.
SECTIONS = Step(
    to=VERSION,
    title="sections that stages read",
    reason="DVC runs no stage whose section params.yaml lacks; each gets a key with its default.",
    change=wanted_sections.add,
    needs=(TRAINING,),
)
STAGES = Step(
    to=VERSION,
    title="stages that you have not edited",
    reason="They become today's; stages of your own and those that you edited stay.",
    change=unedited_stages.replace,
    needs=(TRAINING, FILES, SECTIONS),
)
EDITED = Step(
    to=VERSION,
    title="stages that you have edited",
    reason="Incumbent's stage has changed too; yours stays, and what it needs now is yours to add.",
    change=edited_stages.tell,
    needs=(STAGES,),
)
BEFORE = (TRAINING, FAULTY, LORA, FILES, IGNORED, SECTIONS, STAGES, EDITED)
WRITTEN = Step(
    to=VERSION,
    title=f"version {VERSION}",
    reason="All is as this Incumbent makes it, and the project says so.",
    change=written_version.write,
    needs=BEFORE,
)
STEPS = (*BEFORE, WRITTEN)


def steps_from(version: int) -> list[Step]:
    """The steps that lead on from a version."""
    return [step for step in STEPS if step.to > version]
