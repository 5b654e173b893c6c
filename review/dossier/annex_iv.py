"""Part 2: the points of the technical documentation that Annex IV of the EU AI Act lists.

Regulation (EU) 2024/1689, Annex IV, referred to in Article 11(1). The titles are shortened.
"""

from importlib.metadata import PackageNotFoundError, version

from review.dossier.data_blocks import VersionRecords
from review.dossier.document import Block, Part, Section, listed
from review.dossier.experiment_blocks import engines
from review.dossier.governance_blocks import change_blocks

ABOUT = (
    "The points follow Annex IV. Most of what the records know stands in part 1, and each point "
    "names where."
)


def annex_iv(records: VersionRecords) -> Part:
    return Part(
        title="Part 2: Technical documentation (EU AI Act, Annex IV)",
        about=ABOUT,
        sections=(*general(records), *elements(), *control(records)),
    )


def general(records: VersionRecords) -> tuple[Section, ...]:
    """Point 1: a general description of the system."""
    return (
        point(
            "1(a)", "Intended purpose, provider, version", ("1.1", "IV.6"), "The provider's name."
        ),
        point(
            "1(b)",
            "Interaction with other hardware and software",
            (),
            "What it is connected with, other AI systems among it.",
        ),
        point(
            "1(c)",
            "Versions of software, and requirements on updates",
            (),
            "The versions that run in production.",
            software(records),
        ),
        point("1(d)", "Forms in which it is placed on the market", (), "Package, API, or other."),
        point("1(e)", "Hardware that it is intended to run on", (), "What production runs on."),
        point("1(f)", "Pictures, where it is part of a product", (), "Photographs, or that none."),
        point("1(g)", "User interface of the deployer", (), "A description of it."),
        point("1(h)", "Instructions for use", (), "The instructions, or where they are."),
    )


def software(records: VersionRecords) -> Block:
    """What the adapter was trained in, what answered users with it, what made this dossier."""
    numerics = records.lineage.version.adapter.numerics
    facts = [
        ("trained in", str(numerics or "not recorded")),
        ("answered users on", listed(engines(records), "no engine that a gateway told of")),
    ]
    try:
        facts.append(("dossier made by", f"Incumbent {version('incumbent')}"))
    except PackageNotFoundError:  # run from its source, and not installed
        facts.append(("dossier made by", "Incumbent, from its source"))
    return Block(facts=tuple(facts))


def elements() -> tuple[Section, ...]:
    """Point 2: the elements of the system, and how it was developed."""
    return (
        point(
            "2(a)", "Methods and steps of development, and what third parties made", ("1.3", "2.4")
        ),
        point(
            "2(b)",
            "Design: general logic, key choices and their rationale",
            ("1.3", "2.1"),
            "The rationale, the persons it is meant for, and the trade-offs made.",
        ),
        point(
            "2(c)",
            "Architecture and computational resources",
            ("1.5",),
            "How its parts fit together, and the resources that were used.",
        ),
        point(
            "2(d)",
            "Data: provenance, selection, labelling, cleaning",
            ("1.2",),
            "How the data were obtained, selected and labelled before they came here.",
        ),
        point(
            "2(e)",
            "Human oversight (Article 14)",
            ("1.6", "3.3"),
            "The measures by which people oversee its answers.",
        ),
        point(
            "2(f)",
            "Changes that were determined in advance",
            ("2.2", "3.2"),
            "Which of the retrains that monitoring starts are such changes.",
        ),
        point(
            "2(g)",
            "Validation and testing: data, metrics, reports, who signed",
            ("1.4", "2.3", "3.3"),
            "Potentially discriminatory impacts, and signatures by hand where they are asked for.",
        ),
        point(
            "2(h)",
            "Cybersecurity",
            ("3.2",),
            "Protection of the servers, the network and the accounts.",
        ),
    )


def control(records: VersionRecords) -> tuple[Section, ...]:
    """Points 3 to 9."""
    return (
        point(
            "3",
            "Monitoring, functioning and control",
            ("2.2", "2.3"),
            "Foreseeable unintended outcomes, and risks to health, safety and fundamental rights.",
        ),
        point(
            "4",
            "Appropriateness of the performance metrics",
            ("2.1",),
            "Why these metrics fit this purpose.",
        ),
        point("5", "Risk management system (Article 9)", (), "The system, and the risks it found."),
        Section(
            number="IV.6",
            title="Changes through the lifecycle",
            blocks=tuple(change_blocks(records)),
            see=("2.2", "2.3", "3.6"),
        ),
        point("7", "Harmonised standards", (), "Standards applied, or what was done instead."),
        point("8", "EU declaration of conformity (Article 47)", (), "A copy of it."),
        point(
            "9",
            "Post-market monitoring, and its plan (Article 72)",
            ("2.2", "2.3"),
            "The plan, as far as it goes beyond the nightly check; how incidents are reported.",
        ),
    )


def point(
    number: str, title: str, see: tuple[str, ...], to_write: str = "", *blocks: Block
) -> Section:
    return Section(
        number=f"IV.{number}",
        title=title,
        blocks=blocks,
        see=see,
        to_write=(to_write,) if to_write else (),
    )
