"""A project's folder with a true story in it, for a browser to look at.

v2 displaced v1 and is champion, and a gateway could not deploy it; v3 won against it and people are
asked to vote on it; v4 is in doubt, and was worse in an experiment; v5 was never decided on, and is
in one. Its texts are those that break pages: long, Chinese, from right to
left, and markup.
"""

from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from benchmarks.busy_registry import FAMILY as LARGE
from benchmarks.busy_registry import fill
from evaluation.decision.policy import Policy
from evaluation.preference.ballots.ballot_files import answer_digest
from evaluation.report.dev_items import DevItem
from evaluation.report.kept_report import kept_report, kept_report_path
from evaluation.report.report_data import ReportData
from monitoring.trigger.labels import write_queue
from project.canonical import canonical_json
from project.files import write_bytes
from project.records.adapters import AdapterVersion, Opponent
from project.records.ballots import VotingPair
from project.records.data import EvidencePassage
from project.records.drift import Action, DriftState, RetrainOutcome, Topic
from project.records.events import VotesAsked
from project.records.record import short
from project.records.scores import Flags
from project.settings import PARAMS
from registry.ballots.sheets import open_sheet
from registry.store import Registry
from review.data_pages.waiting import QUEUE
from review.frame.users_file import add_user
from tests.evaluation.test_decision import BETTER, calibration, general, table
from tests.monitoring.test_labels import asked
from tests.monitoring.test_night_report import NEW, TALLY, night
from tests.places import submit
from tests.review.on_traffic import deploy, end_one, fail_to_deploy, open_one
from tests.review.test_challenger_page import decided, made_with
from tests.review.test_data_pages import FAILING, SYNTHETIC, TRAIN, gate
from tests.review.test_items import item
from tests.review.test_items import keep as keep_items
from tests.review.test_items import row as row_of
from tests.review.test_nights import drifted
from tests.review.test_nights import keep as keep_nights
from tests.voting_sheets import named, vote_for
from training.recipe import row_digest

FAMILY, REGISTRY = "test", Path(".incumbent/registry")
CHAMPION, WINNER, DOUBTED, UNDECIDED = 2, 3, 4, 5
TODAY = date.today()
LAST_NIGHT = TODAY - timedelta(days=1)
PASSWORDS = {"ann": "a password of ann", "bob": "a password of bob"}
MARKUP = "<script>document.title = 'run'</script><img src=x onerror=alert(1)> \"'& </div>{{ 7*7 }}"
LONG = "The card is blocked at once, and a new one comes by post in five days. " * 57  # 4,047 chars
TEXTS = (
    ("how do I block a lost card?", LONG, LONG.replace("five", "six")),
    ("如何挂失银行卡？", "请立即致电客服热线挂失，新卡将在五天内寄出。" * 6, "请前往网点办理。"),
    ("كيف أوقف بطاقة مفقودة؟", "اتصل بنا فورًا وسنوقف البطاقة (24/7). " * 6, "زر أقرب فرع."),
    (f"what is {MARKUP}?", f"It is {MARKUP}", f"No: {MARKUP}"),
    ("an address without a space", "https://bank.example/" + "a" * 300, "I do not know."),
    ("what does a late transfer cost?", "", "It costs 5 euros."),
    (
        "list the fees",
        "- card: 5\n- transfer: 2\n\n    total: 7",
        "| fee | € |\n|---|---|\n|card|5|",
    ),
    ("the same?", "Both say this.", "Both say this."),
    ("emoji 👩‍👩‍👧‍👦 and marks", "👍🏽 ok e\u0301 \u202etxet\u202c", "no 🙁"),
    ("who can see my account?", "You alone.", "You, and whom you allow to."),
    ("can I pay abroad?", "Yes, for 3 % of it [2]. Ask us.", "Yes. It costs 1 % of the sum [1]."),
    ("how long does it take?", "Two days.", "One day, or two."),
)
LONGEST, MARKED_UP, ON_PASSAGES = "i0", "i3", "i10"
PASSAGES = (
    EvidencePassage(id="fees", text="A payment abroad costs 1 % of the sum.", source="fees.md"),
    EvidencePassage(id="odd", text=f"{MARKUP} {LONG}"),
)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """A project in this folder, whose state is in it too."""
    folder.mkdir(parents=True, exist_ok=True)
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.delenv("INCUMBENT_HOME", raising=False)
        yield


def opened(folder: Path, family: str = FAMILY) -> Registry:
    """The registry of a project of this file."""
    return Registry(folder / REGISTRY, family, actor="trainer")


def make_project(folder: Path) -> Path:
    """The story, with names and passwords too, for a server that asks for them."""
    with inside(folder), opened(folder) as registry:
        write_settings("")
        for name, password in PASSWORDS.items():
            add_user(Path("users.yaml"), name, password)
        make_versions(registry, folder / "adapters")
        make_experiments(registry)
        make_nights(registry)
        make_data()
    return folder


def write_settings(review: str) -> None:
    """How people sign in."""
    PARAMS.write_text(f"registry: {{family: {FAMILY}}}\nreview: {{{review}}}\n")


def make_large(folder: Path, versions: int = 1000) -> Path:
    """So many versions, and votes on the newest ones."""
    with inside(folder), opened(folder, LARGE) as registry:
        PARAMS.write_text(f"registry: {{family: {LARGE}}}\n")
        fill(registry, versions, ballots=2000)
    return folder


# --- the parts of the story -----------------------------------------------------------------------


def make_versions(registry: Registry, folder: Path) -> None:
    folder.mkdir()
    for name, rows, rate in (("first", 100, 1e-4), ("second", 120, 2e-4)):
        version = made_with(registry, folder, name, rows, rate, ("a" * 16, "b" * 16))
        decided(registry, version)
        registry.promote(version.number, f"{name} in all that we measure")
        make_deployment(registry, version)
    learnt = ("b" * 16, "c" * 16, *map(row_digest, TRAIN))
    winner = made_with(registry, folder, "third", 140, 2e-4, learnt)
    measure(registry, winner)
    ask_people(registry, winner)
    doubted = made_with(registry, folder, "fourth", 150, 3e-4, ("d" * 16,))
    decided(registry, doubted, BETTER | {"semantic": 0.0, "rougeL": -0.005})
    keep_items(doubted.number, list(dev_items())[2:], CHAMPION)
    submit(registry, "fifth", folder)


def make_deployment(registry: Registry, version: AdapterVersion) -> None:
    """A gateway deploys the first champion, and not the second."""
    if version.number == CHAMPION:
        fail_to_deploy(registry, CHAMPION, f"it answers {MARKUP}; see `incumbent project doctor`")
        fail_to_deploy(registry, CHAMPION, "no room: 3 of 3 adapter slots are taken", step="load")
    else:
        deploy(registry, version.number)


def make_experiments(registry: Registry) -> None:
    worse = f"v{DOUBTED} is worse: the users' rating is 60.0%, the champion's 80.0%"
    end_one(registry, open_one(registry, DOUBTED), "harm", worse)
    open_one(registry, UNDECIDED, mode="ab", share="0.5")


def measure(registry: Registry, version: AdapterVersion) -> None:
    """A decision on all that can be measured, and what is kept beside its report."""
    evidence, decision = decided(
        registry, version, general=general(0.05), calibration=calibration()
    )
    items = table(BETTER).items
    material = ReportData(
        opponent=Opponent(version=CHAMPION), dev=items, flags=Flags(), examples=()
    )
    sealed, seconds = (items, Flags(items={"truncated": ("i1",)})), {"challenger": 0.25}
    kept = kept_report(evidence, decision, Policy(), material, sealed, seconds)
    kept.write(kept_report_path(FAMILY, version.number))
    keep_items(version.number, list(dev_items()), CHAMPION)


def dev_items() -> Iterator[DevItem]:
    """The texts as dev items, some of them better and some worse."""
    for number, (prompt, left, right) in enumerate(TEXTS):
        made = item(f"i{number}", 0.5, 0.5 + 0.04 * (number % 5 - 2), assertions=number % 2)
        row = row_of(f"i{number}", prompt, topic=MARKUP if number % 4 == 3 else "cards")
        row = row.model_copy(update={"evidence": evidence_of(number)})
        yield made.model_copy(update={"row": row, "challenger": left, "champion": right})


def ask_people(registry: Registry, version: AdapterVersion) -> None:
    """A sheet of the texts, on four of which somebody voted already."""
    pairs = voting_pairs(version, registry.version(CHAMPION))
    number = version.number
    event = open_sheet(registry, number, pairs, part="dev", votes=2, reason="for discussion")
    for pair in pairs[-4:]:
        eve = named(registry, "eve")
        vote_for(eve, number, event.told(VotesAsked).sheet, pair.item, pair.left)


def voting_pairs(version: AdapterVersion, champion: AdapterVersion) -> Sequence[VotingPair]:
    return [
        VotingPair(
            item=f"i{number}",
            prompt=prompt,
            left=short(version.adapter.files),
            right=short(champion.adapter.files),
            left_text=left,
            right_text=right,
            left_answer=answer_digest(left),
            right_answer=answer_digest(right),
            evidence=evidence_of(number),
        )
        for number, (prompt, left, right) in enumerate(TEXTS)
    ]


def evidence_of(number: int) -> tuple[EvidencePassage, ...] | None:
    return PASSAGES if f"i{number}" == ON_PASSAGES else None


def make_nights(registry: Registry) -> None:
    """Forty quiet nights, and then drift that led to v3."""
    hostile = Topic(name=MARKUP, new=False, before=0.1, now=0.2, z=7, exemplars=(MARKUP,))
    for back in range(40, 1, -1):
        day = LAST_NIGHT - timedelta(days=back - 1)
        keep_nights(registry, night(date=str(day), champion=CHAMPION, family=FAMILY))
    last = drifted(
        date=str(LAST_NIGHT),
        champion=CHAMPION,
        family=FAMILY,
        topics=(NEW, hostile),
        exemplars=(TEXTS[1][0], TEXTS[2][0], MARKUP),
        new_words=("tensor", MARKUP),
        tally=TALLY,
        state=DriftState.ACT,
        action=Action.RETRAIN,
        outcome=RetrainOutcome.REVIEW,
        challenger=WINNER,
        reasons=("users ask of tensors",),
    )
    keep_nights(registry, last)


def make_data() -> None:
    """A gate that is shut, and each kind of task that waits for a person."""
    gate(*FAILING)
    tensors = asked("t").model_copy(update={"prompt": "what is a torch tensor"})
    hostile = asked("h").model_copy(update={"prompt": MARKUP})
    write_queue([tensors, hostile, asked("b", "a b", "jane")], QUEUE / "labels.json")
    write_bytes(QUEUE / "synthetic.json", canonical_json([SYNTHETIC]))
