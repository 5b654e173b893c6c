"""What the gate will say of rows as they were just dealt, and what the sealed set does not ask."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from curation.account import OF_TEMPLATE
from curation.curate import Curated
from curation.curation_settings import CurateParams
from curation.kin.text_forms import capitals_tell_names, templates
from incumbent.init.columns_text import some
from project.contacts import Contacts
from project.records.data import Row, Severity, Split, counted
from project.settings import read_settings

CONTRACT = Path("datasets/contracts/sft.yaml")
LOOKED_AT = 500  # rows, by the embedder: it reads a hundred in a second


def gate_lines(
    parts: Mapping[Split, Sequence[Row]], params: CurateParams, ours: Contacts
) -> Iterator[str]:
    """By the critical checks of the contract in the current folder, as stage `gate` asks them; of
    what needs an embedder, on fewer rows.
    """
    # Imported here, for Great Expectations takes seconds, and a sample needs none of it.
    from curation.checks.compared import Compared
    from curation.checks.contract import Contract, check
    from curation.checks.embeddings import embedder_if_packaged
    from curation.checks.suite_prompts import suite_prompts
    from curation.checks.tables import tables_of

    contract = read_settings(Contract, CONTRACT)
    checks = tuple(one for one in contract.checks if one.severity is Severity.CRITICAL)
    compared = Compared(
        ours=ours,
        suites=suite_prompts(),
        task=contract.task,
        aside=params.train_only,
        embed=embedder_if_packaged(),
        embedded_rows=LOOKED_AT,
    )
    tables = tables_of(parts, compared)
    found = check(tables, contract.model_copy(update={"checks": checks}))
    if failed := [one for one in found if not one.passed]:
        yield f"`incumbent run` will stop at {counted(len(failed), 'check')}:"
        yield from (f"  {one.name}: {one.crashed or one.observed}" for one in failed)
        yield f"mend the rows, or see {CONTRACT.parent}/README.md for what may stay"
    else:
        yield f"open: {counted(len(found), 'critical check')} passed"


def unasked(parts: Mapping[Split, Sequence[Row]]) -> Iterator[str]:
    """Values of slices that the sealed set does not ask about."""
    for name in sorted({name for rows in parts.values() for row in rows for name in row.slices}):
        asked = {row.slices.get(name) for row in parts[Split.SEALED]}
        rows = [row for row in parts[Split.TRAIN] if row.slices.get(name) not in asked]
        if missing := sorted({row.slices[name] for row in rows if name in row.slices}):
            yield f"the sealed set asks nothing of {name} {some(missing)}: too few rows"


def template_notes(made: Curated, raw: Sequence[Row]) -> Iterator[str]:
    """How many rows are of templates of which a few are kept."""
    asked = [row.prompt_text for row in raw]
    forms = templates(asked, names=capitals_tell_names(asked))
    gone = [
        f for row, f in zip(raw, forms, strict=True) if made.left_out.get(row.id) == OF_TEMPLATE
    ]
    if gone:
        yield (
            f"{len(gone):,} rows differ from others in figures or names alone, and ask no more "
            f"than these: of {counted(len(set(gone)), 'template')} a few are kept "
            "(curation.curate.max_per_template)"
        )
