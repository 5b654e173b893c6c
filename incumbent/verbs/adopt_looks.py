"""`incumbent adopt-looks`: looks that were taken elsewhere count here from now on."""

from incumbent.output import console
from project.records.data import counted
from registry.alpha_ledger.look_lines import LOOKS
from registry.store import Registry


def adopt(reason: str) -> None:
    with Registry.here() as registry:
        found = registry.looks_elsewhere()
        registry.adopt_looks(found, reason)
    looks = counted(len(found), "look")
    console.print(f"adopted from {LOOKS} and its history in git: {looks}", soft_wrap=True)
