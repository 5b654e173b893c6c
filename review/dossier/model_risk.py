"""Part 1: the headings of SR 11-7, the supervisory guidance on model risk management.

Board of Governors of the Federal Reserve System, SR Letter 11-7 (2011), sections III to VI.
"""

from collections.abc import Iterator

from review.dossier.data_blocks import (
    VersionRecords,
    data_blocks,
    pin_block,
    provenance_block,
    recipe_blocks,
    vendor_blocks,
)
from review.dossier.document import Block, Part, Section
from review.dossier.evidence_blocks import (
    calibration_block,
    metrics_text,
    outcome_blocks,
    score_blocks,
)
from review.dossier.experiment_blocks import deployment_blocks, experiment_blocks, traffic_text
from review.dossier.governance_blocks import (
    approval_text,
    check_block,
    control_block,
    digest_block,
    inventory_block,
    monitoring_blocks,
    policy_block,
    role_block,
    sign_off_block,
)

ABOUT = (
    "The headings follow SR 11-7: model development, implementation and use; validation by "
    "conceptual soundness, ongoing monitoring and outcomes analysis; governance."
)


def model_risk(records: VersionRecords) -> Part:
    sections = (*development(records), *validation(records), *governance(records))
    return Part(title="Part 1: Model risk management (SR 11-7)", about=ABOUT, sections=sections)


def development(records: VersionRecords) -> Iterator[Section]:
    """III. Model development, implementation, and use."""
    version, name = records.lineage.version, "Development, implementation and use"
    yield Section(
        number="1.1",
        title=f"{name}: purpose",
        blocks=(
            Block(
                facts=(
                    ("model", version.label),
                    ("kind", "a language model that answers prompts: a base with an adapter"),
                    ("system prompt", version.adapter.system_prompt or "none"),
                )
            ),
        ),
        to_write=(
            "The business purpose, the decisions that it influences, and who relies on it.",
            "Uses that are not allowed, and the model's risk tier.",
        ),
    )
    yield Section(
        number="1.2",
        title=f"{name}: data",
        blocks=tuple(data_blocks(records)),
        to_write=(
            "Why these data represent the people and products that the model is used for.",
            "Rights to the data, and the legal basis where they hold personal data.",
        ),
    )
    yield Section(
        number="1.3",
        title=f"{name}: method and recipe",
        blocks=tuple(recipe_blocks(records)),
        to_write=("Why this method was chosen, and which alternatives were considered.",),
    )
    yield Section(
        number="1.4",
        title=f"{name}: tests during development",
        blocks=tuple(score_blocks(records, dev=True)) or (UNTESTED,),
    )
    yield Section(
        number="1.5",
        title=f"{name}: implementation",
        blocks=(pin_block(records), provenance_block(records)),
        to_write=("The systems that it is built into, and how changes to these are controlled.",),
    )
    yield Section(
        number="1.6",
        title=f"{name}: use",
        blocks=(Block(text=(approval_text(records), traffic_text(records))),),
        see=("2.2", "2.3"),
        to_write=("What users are told of it, and how they report doubts about an answer.",),
    )


UNTESTED = Block(text=("No scores on the dev eval set are stored.",))


def validation(records: VersionRecords) -> Iterator[Section]:
    """IV. Model validation."""
    calibration = calibration_block(records)
    yield Section(
        number="2.1",
        title="Validation: evaluation of conceptual soundness",
        blocks=(
            Block(
                text=(
                    "The unit is one eval item, answered by both sides under the same decoding. "
                    "Intervals are robust to clusters of like items. The decision is a pure "
                    "function of evidence, policy and look, and can be made again from them.",
                    f"Metrics that decide: {metrics_text(records)}.",
                )
            ),
            *((calibration,) if calibration else ()),
        ),
        see=("1.3",),
        to_write=("An independent reviewer's judgement of the design and of its assumptions.",),
    )
    yield Section(
        number="2.2",
        title="Validation: ongoing monitoring",
        blocks=(*monitoring_blocks(records), *deployment_blocks(records)),
        to_write=("Who answers for the monitoring, and to whom a finding is escalated.",),
    )
    yield Section(
        number="2.3",
        title="Validation: outcomes analysis",
        blocks=(*outcome_blocks(records), *experiment_blocks(records)),
        to_write=("Results in the business, compared with what the evaluation let expect.",),
    )
    yield Section(
        number="2.4",
        title="Validation: vendor and other third-party products",
        blocks=tuple(vendor_blocks(records)),
        to_write=("What the vendors' own documents say, and how that was checked.",),
    )


def governance(records: VersionRecords) -> Iterator[Section]:
    """VI. Governance, policies, and controls."""
    yield Section(
        number="3.1",
        title="Governance: board of directors and senior management",
        to_write=("The framework that they approved, and when this model was reported to them.",),
    )
    yield Section(
        number="3.2",
        title="Governance: policies and procedures",
        blocks=(policy_block(records), control_block(records)),
        to_write=("The bank's own policies that apply, by name and date.",),
    )
    yield Section(
        number="3.3",
        title="Governance: roles and responsibilities",
        blocks=(role_block(records), sign_off_block(records)),
        to_write=("The model's owner, its developers and its validators, by name.",),
    )
    yield Section(
        number="3.4",
        title="Governance: internal audit",
        blocks=(check_block(records),),
        to_write=("What internal audit has looked at, and what it found.",),
    )
    yield Section(
        number="3.5",
        title="Governance: external resources",
        see=("2.4",),
        to_write=("Work that was given to others, and who checked it.",),
    )
    yield Section(
        number="3.6", title="Governance: model inventory", blocks=(inventory_block(records),)
    )
    yield Section(
        number="3.7",
        title="Governance: documentation",
        blocks=(digest_block(records),),
        to_write=("Where the other documents about this model are kept.",),
    )
