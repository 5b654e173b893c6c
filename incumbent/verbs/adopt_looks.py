"""`registry adopt-looks`: looks that were taken elsewhere count here from now on."""

from incumbent.options import Reason
from incumbent.output import console
from project.records.data import counted
from registry.alpha_ledger.look_lines import LOOKS
from registry.store import Registry


def adopt(reason: Reason) -> None:
    """Count looks at this project's sealed items that another registry took, or a lost state."""
    with Registry.here() as registry:
        found = registry.looks_elsewhere()
        registry.adopt_looks(found, reason)
    looks = counted(len(found), "look")
    console.print(f"adopted from {LOOKS} and its history in git: {looks}", soft_wrap=True)
