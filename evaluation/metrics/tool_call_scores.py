"""Whether an answer calls the tools that the reference calls, with the same arguments."""

from evaluation.metrics.per_item import PerItem, Values
from evaluation.scoring.compared_calls import DueCalls

NO_TOOLS = "without tools"
UNKNOWN_FORM = "the base writes calls in a form that nobody here reads"


class ToolCallScores(PerItem):
    """What an answer's calls of tools are, against the reference's and the row's tools.

    compute -> eight lists of n, each value in [0, 1]. `calls_right` is 1 where the calls are those
    of the reference, in any order, and 0 otherwise; where none is due, 1 for none. Where calls are
    due, `call_names` is the share of them whose tool is called, `call_arguments` the share of
    arguments, of either side, that agree in the call that fits best, and `missed_calls` is 1 where
    nothing is called at all. Where none is due, `needless_calls` is 1 for any. `calls_parsed` is
    the share of the answer's calls that can be read, 1 of none; `calls_valid` that of those which
    fit their tool's JSON schema as well; `unknown_tools` is 1 where a tool is called that the row
    has not. A call that is cut or no JSON is a call without a name. An item without tools says
    nothing.

    Arguments are compared by their schema: 1, 1.0 and, where a number is due, "1" are one; dates
    and times by ISO 8601 where "format" says so; a text of an "enum" whatever its case; keys in any
    order, lists in theirs but with "uniqueItems"; what is left out is its "default". All other
    texts are compared to the letter, blanks aside.

    The yardstick is the AST checker of BFCL. Where it differs: it lists several right values, and
    arguments that may be left out, where we have the reference and defaults; it reads texts without
    case, blanks and ,./-_*^, by which account 12-3 would be 123; to it "1" is no number and 1.0 no
    integer, which to us is a matter of `calls_valid`, where it is one at all.
    """

    more_is_better = ("calls_right", "call_names", "call_arguments", "calls_parsed", "calls_valid")
    less_is_better = ("needless_calls", "missed_calls", "unknown_tools")
    ranges = (
        ("calls_right", 0, 1),
        ("call_names", 0, 1),
        ("call_arguments", 0, 1),
        ("needless_calls", 0, 1),
        ("missed_calls", 0, 1),
        ("calls_parsed", 0, 1),
        ("calls_valid", 0, 1),
        ("unknown_tools", 0, 1),
    )
    description = "Calls of tools per item: names, arguments, validity, needless and missed calls."
    citation = "Patil et al. (2025). The Berkeley Function Calling Leaderboard; its AST checker."
    columns = ("answers", "calls")

    def _compute(self, answers: list[str], calls: list[str]) -> Values:
        due = [DueCalls.of(column) for column in calls]
        silent = {i for i, wanted in enumerate(due) if wanted is None}
        wordy = {i for i, wanted in enumerate(due) if wanted and not wanted.calls}
        unread = {i for i, wanted in enumerate(due) if wanted and not wanted.readable}
        self.flags = {NO_TOOLS: sorted(silent), UNKNOWN_FORM: sorted(unread)}
        but = dict.fromkeys(("call_names", "call_arguments", "missed_calls"), wordy)
        but["needless_calls"] = {*range(len(due))} - wordy
        left_out = {name: silent | but.get(name, set()) for name, *_ in self.ranges}
        self.inapplicable = {name: sorted(places) for name, places in left_out.items()}
        self.unread = {name: sorted(places | unread) for name, places in left_out.items()}
        unusable, pairs = set[str](), zip(due, answers, strict=True)
        scores = [wanted.scores(answer, unusable) if wanted else {} for wanted, answer in pairs]
        return {name: [values.get(name, 1.0) for values in scores] for name in left_out}
