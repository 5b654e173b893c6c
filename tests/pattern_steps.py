"""How many ways a backtracking engine goes through a text that a pattern does not match: counted,
not timed. A pattern's automaton is walked once, and each of its states knows in how many ways it
was reached; the engine of `re` tries them all before it gives up.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from re import _constants as ops  # isort: skip
from re import _parser as parser  # isort: skip

OTHERS = "aZ5_ \n\t\0!é٣中א\u00a0’😀"  # of most classes of characters
SHORT, LONG = 25, 100  # times that a word is repeated
LONGEST_WORD = 4
MOST_COPIES = 3  # of what is repeated up to BOUNDED times: more of them change no growth
BOUNDED = 300
ENDS = ("\0", "\n", "!", "a ", "")
CATEGORIES = {
    ops.CATEGORY_DIGIT: re.compile(r"\d"),
    ops.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    ops.CATEGORY_SPACE: re.compile(r"\s"),
    ops.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    ops.CATEGORY_WORD: re.compile(r"\w"),
    ops.CATEGORY_NOT_WORD: re.compile(r"\W"),
}
Takes = Callable[[str], bool]  # whether a set has a character
Guard = Callable[[str, int], bool]  # whether a place in a text is one


@dataclass
class Automaton:
    """States from 0; `takes` are edges over a character, `skips` those over a place."""

    flags: int
    takes: dict[int, tuple[Takes, int]] = field(default_factory=dict)
    skips: dict[int, list[tuple[Guard, int]]] = field(default_factory=dict)
    literals: set[str] = field(default_factory=set)
    groups: dict[int | None, Any] = field(default_factory=dict)
    loops: list[range] = field(default_factory=list)  # of states that may be gone through again
    size: int = 1

    def state(self) -> int:
        self.size += 1
        return self.size - 1

    def skip(self, start: int, end: int, guard: Guard = lambda text, at: True) -> None:
        self.skips.setdefault(start, []).append((guard, end))

    def sequence(self, tree: Any, start: int) -> int:
        for op, value in tree:
            start = self.step(op, value, start)
        return start

    def step(self, op: Any, value: Any, start: int) -> int:
        """Add one operation of a parsed pattern; returns the state behind it."""
        if op in (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN):
            end = self.state()
            self.takes[start] = (self.member(op, value), end)
            return self.behind(end)
        if op is ops.SUBPATTERN:
            self.groups[value[0]] = value[-1]
            return self.sequence(value[-1], start)
        if op is ops.ATOMIC_GROUP:
            return self.sequence(value, start)
        if op is ops.GROUPREF:
            return self.repeat_of(self.groups[value], start)
        if op is ops.BRANCH:
            end = self.state()
            for branch in value[1]:
                first = self.state()
                self.skip(start, first)
                self.skip(self.sequence(branch, first), end)
            return self.behind(end)
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            return self.repeated(*value, start, possessive=op is ops.POSSESSIVE_REPEAT)
        end = self.state()
        self.skip(start, end, self.place(op, value))
        return end

    def repeat_of(self, body: Any, start: int) -> int:
        """A text that came before, for which there is one way: a character of its kind."""
        kinds = Automaton(self.flags)
        kinds.sequence(body, 0)
        end = self.state()
        self.takes[start] = (lambda c: any(takes(c) for takes, _ in kinds.takes.values()), end)
        return self.behind(end)

    def behind(self, end: int) -> int:
        """A state of its own: one that takes a character does nothing else."""
        after = self.state()
        self.skip(end, after)
        return after

    def repeated(self, least: int, most: int, body: Any, start: int, *, possessive: bool) -> int:
        for _ in range(min(least, MOST_COPIES)):
            start = self.sequence(body, start)
        end = self.state()
        leave = self.left_over(body) if possessive else None
        self.skip(start, end, *filter(None, [leave]))
        if most is ops.MAXREPEAT or most > BOUNDED:
            inner = self.state()
            self.skip(start, inner)
            last = self.sequence(body, inner)
            self.loops.append(range(inner, self.size))
            self.skip(last, inner)
            self.skip(last, end, *filter(None, [leave]))
            return self.behind(end)
        for _ in range(min(most - least, MOST_COPIES)):
            inner = self.state()
            self.skip(start, inner)
            start = self.sequence(body, inner)
            self.skip(start, end)
        return self.behind(end)

    def left_over(self, body: Any) -> Guard | None:
        """A possessive repeat of one character ends only where no further one is."""
        if len(body) != 1 or body[0][0] not in (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN):
            return None
        more = self.member(*body[0])
        return lambda text, at: at == len(text) or not more(text[at])

    def member(self, op: Any, value: Any) -> Takes:
        if op is ops.ANY:
            return lambda c: c != "\n" or bool(self.flags & re.DOTALL)
        parts = [(op, value)] if op is not ops.IN else list(value)
        negate = parts[0][0] in (ops.NEGATE, ops.NOT_LITERAL)
        tests = [self.part(*part) for part in parts if part[0] is not ops.NEGATE]
        fold = bool(self.flags & re.IGNORECASE)

        def takes(c: str) -> bool:
            forms = {c, c.lower(), c.upper()} if fold else {c}
            return any(test(form) for test in tests for form in forms) != negate

        return takes

    def part(self, op: Any, value: Any) -> Takes:
        if op is ops.CATEGORY:
            return lambda c: len(c) == 1 and CATEGORIES[value].match(c) is not None
        first, last = value if op is ops.RANGE else (value, value)
        self.literals |= {chr(first), chr(last)}
        return lambda c: len(c) == 1 and first <= ord(c) <= last

    def place(self, op: Any, value: Any) -> Guard:
        """What holds at a place, where that is plain; else it is taken to hold."""
        if op is ops.AT and value in PLACES:
            return PLACES[value]
        if op in (ops.ASSERT, ops.ASSERT_NOT):
            way, body = value
            if len(body) == 1 and body[0][0] in (ops.LITERAL, ops.NOT_LITERAL, ops.IN):
                takes, wanted = self.member(*body[0]), op is ops.ASSERT
                shift = 0 if way == 1 else -1
                return lambda text, at: (
                    (0 <= at + shift < len(text) and takes(text[at + shift])) == wanted
                )
        return lambda text, at: True


def is_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")


PLACES: dict[Any, Guard] = {
    ops.AT_BEGINNING_STRING: lambda text, at: at == 0,
    ops.AT_END_STRING: lambda text, at: at == len(text),
    ops.AT_BOUNDARY: lambda text, at: is_word(text, at - 1) != is_word(text, at),
    ops.AT_NON_BOUNDARY: lambda text, at: is_word(text, at - 1) == is_word(text, at),
}


@dataclass(frozen=True)
class Attacked:
    """A pattern as an automaton, and the texts that are tried on it."""

    pattern: re.Pattern[str]

    @cached_property
    def automaton(self) -> Automaton:
        made = Automaton(self.pattern.flags)
        made.sequence(parser.parse(self.pattern.pattern, self.pattern.flags), 0)
        return made

    @cached_property
    def looping(self) -> list[int]:
        """States in loops that take a character."""
        inside = {state for loop in self.automaton.loops for state in loop}
        return [state for state in self.automaton.takes if state in inside]

    @cached_property
    def alphabet(self) -> list[str]:
        """A character of each class that loops tell from others."""
        made = self.automaton
        known: dict[tuple[bool, ...], str] = {}
        for c in [*OTHERS, *sorted(made.literals)]:
            known.setdefault(tuple(made.takes[state][0](c) for state in self.looping), c)
        return list(known.values())

    def reached(self, start: int, text: str, at: int, on: frozenset[int]) -> Iterator[int]:
        """Each state that takes a character, as often as there are ways to it over places."""
        if start in self.automaton.takes:
            yield start
        for guard, end in self.automaton.skips.get(start, ()):
            if end not in on and guard(text, at):
                yield from self.reached(end, text, at, on | {end})

    def steps(self, text: str) -> int:
        """The ways in which an attempt at the beginning of a text goes on, over all its places."""
        ways, total = Counter({0: 1}), 0
        for at, c in enumerate(text):
            now: Counter[int] = Counter()
            for state, count in ways.items():
                for taking in self.reached(state, text, at, frozenset({state})):
                    takes, end = self.automaton.takes[taking]
                    if takes(c):
                        now[end] += count
            ways, total = now, total + sum(now.values())
            if not ways:
                break
        return total

    def words(self) -> Iterator[tuple[str, str]]:
        """A way into each loop, and what goes around in it or leads to another one."""
        into = self.shortest(0)
        for state in self.looping:
            takes, end = self.automaton.takes[state]
            around = self.shortest(end, LONGEST_WORD)
            if state in into:
                onward = [around[to] for to in self.looping if to in around]
                for c in filter(takes, self.alphabet):
                    yield from ((into[state], c + text) for text in onward)

    def shortest(self, start: int, most: int | None = None) -> dict[int, str]:
        """A shortest text, below `most` characters, to each state that takes a character; places
        are taken to hold.
        """
        found: dict[int, str] = {}
        waiting = deque((state, "") for state in self.free(start))
        while waiting:
            state, text = waiting.popleft()
            if state not in found and (most is None or len(text) < most):
                found[state] = text
                if c := self.one_of(state):
                    ends = self.free(self.automaton.takes[state][1])
                    waiting += [(then, text + c) for then in ends]
        return found

    def one_of(self, state: int) -> str | None:
        takes, _ = self.automaton.takes[state]
        return next(filter(takes, [*OTHERS, *sorted(self.automaton.literals)]), None)

    def free(self, start: int) -> set[int]:
        """States over places alone, wherever they are."""
        seen, waiting = {start}, [start]
        while waiting:
            for _, end in self.automaton.skips.get(waiting.pop(), ()):
                if end not in seen:
                    seen.add(end)
                    waiting.append(end)
        return {state for state in seen if state in self.automaton.takes}

    def super_linear(self, whole: bool) -> tuple[str, str, str] | None:
        """Beginning, word and end of texts on which one attempt fails after more than linear time;
        None where none was found. `whole`: the pattern is asked for whole texts.
        """
        attempt = self.pattern.fullmatch if whole else self.pattern.match
        for before, word in dict.fromkeys(self.words()):
            grown = self.steps(before + word * LONG)
            if grown <= 8 * self.steps(before + word * SHORT):
                continue
            for end in ENDS:
                if attempt(before + word * 3 + end) is None:
                    return before, word, end
        return None
