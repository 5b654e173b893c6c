"""A night as a page: the verdict and what to do on top, then what it rests on."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitoring.charts import (
    Days,
    of_signal,
    overall,
    quality_charts,
    steps,
)
from monitoring.drift.reference import Reference
from monitoring.night_text import (
    VERDICTS,
    day_text,
    done,
    duty,
    headline,
    quality_text,
    remarks,
    set_aside_text,
    strongest,
    watched,
    whys,
)
from monitoring.signals.prompt_signals import Topics
from monitoring.signals.signal import Batch, Floats
from monitoring.signals.vocabulary import beginning
from project.files import home, write_bytes
from project.html import render
from project.records.data import counted
from project.records.drift import DriftState, Night
from project.records.record import Record

# --- prompt map -----------------------------------------------------------------------------------

# Prompts as points on a plane, so that a person sees where tonight's lie.

Mask = NDArray[np.bool_]


class PointKind(StrEnum):
    """Whose a prompt is. What comes last is drawn on top."""

    REFERENCE = "reference"
    TONIGHT = "tonight"
    GROWN = "grown"  # tonight's, and of a topic that is new or grew


class MapPoint(Record):
    x: float  # 0 to 1
    y: float
    kind: PointKind
    text: str  # the prompt's beginning; "" where it is not known


class Map(Record):
    points: tuple[MapPoint, ...]

    def count(self, kind: PointKind) -> int:
        return sum(point.kind is kind for point in self.points)

    @classmethod
    def of_night(cls, reference: Reference, batch: Batch, grown: Sequence[int]) -> Self | None:
        """The prompts of a night and of the reference, and grown topics; None: no embeddings."""
        known = next((s for s in reference.signals if isinstance(s, Topics)), None)
        if known is None or batch.vectors is None or not len(batch):
            return None
        there = np.isin(known.labels(batch), grown)
        return cls.of(known.index, batch.vectors, there, batch.prompts)

    @classmethod
    def of(
        cls,
        reference: Floats,
        vectors: Floats,
        grown: Mask,
        texts: Sequence[str] | None,
        *,
        limit: int = 600,
    ) -> Self:
        """Lay out reference [m, d] and tonight's vectors [n, d]; grown and texts [n].

        Each kind has at most a third of the limit's points, evenly chosen, so that what is new
        weighs as much as the rest and spans an axis of its own.
        """
        usual, new = np.flatnonzero(~grown), np.flatnonzero(grown)
        chosen = [evenly(np.arange(len(reference)), limit // 3)]
        chosen += [evenly(rows, limit // 3) for rows in (usual, new)]
        kinds = [kind for kind, rows in zip(PointKind, chosen, strict=True) for _ in rows]
        shown = [beginning(texts[i]) if texts else "" for rows in chosen[1:] for i in rows.tolist()]
        words = [""] * len(chosen[0]) + shown
        places = plane(np.concatenate([reference[chosen[0]], *(vectors[r] for r in chosen[1:])]))
        return cls(
            points=tuple(
                MapPoint(x=round(x, 4), y=round(y, 4), kind=kind, text=text)
                for (x, y), kind, text in zip(places.tolist(), kinds, words, strict=True)
            )
        )


def evenly(rows: NDArray[np.intp], limit: int) -> NDArray[np.intp]:
    """At most so many of the rows, from the first to the last."""
    if len(rows) <= limit:
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).astype(np.intp)]


def plane(vectors: Floats) -> NDArray[np.float64]:
    """The two principal components of vectors [n, d], each from 0 to 1 [n, 2].

    A component's largest loading is positive: of its two signs always the same is taken.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(vectors), 2))
    for axis, component in enumerate(components[:2]):
        along = centred @ component * np.sign(component[np.abs(component).argmax()])
        places[:, axis] = (along - along.min()) / max(np.ptp(along), 1e-12)
    return places


# --- night page -----------------------------------------------------------------------------------

TEMPLATE = Path(__file__).parent / "templates" / "night.html"


def page(night: Night, history: Sequence[Night], places: Map | None) -> str:
    """One self-contained HTML page; history is the nights before it, the oldest first."""
    nights = [*history, night]
    wide, small = Days.around(nights, 840), Days.around(nights, 260)
    return render(
        TEMPLATE,
        night=night,
        nights=nights,
        watched=watched,
        verdicts=VERDICTS,
        headline=headline(night),
        duty=duty(night),
        whys=whys(night),
        done=done,
        counted=counted,
        day_text=day_text,
        states=list(DriftState),
        days=wide,
        overall=overall(nights, wide, 190),
        steps=steps(nights, wide),
        signals=[of_signal(name, nights, small, 90) for name in signals(nights)],
        strongest=strongest(night.readings),
        qualities=quality_charts(nights, 220, 90),
        quality_text=quality_text,
        remarks=remarks(night),
        set_aside_text=set_aside_text,
        places=places,
        kinds=PointKind,
    )


def signals(nights: Sequence[Night]) -> list[str]:
    """Those that were ever read: tonight's strongest first, then as they were listed."""
    tonight = [reading.signal for reading in strongest(nights[-1].readings)]
    others = [reading.signal for night in reversed(nights) for reading in night.readings]
    return list(dict.fromkeys([*tonight, *others]))


def page_path(family: str, day: date) -> Path:
    return home() / "reports" / f"{family}-night-{day}.html"


def map_path(family: str, day: date) -> Path:
    return home() / "monitoring" / "maps" / f"{family}-night-{day}.json"


def keep_map(
    family: str, day: date, reference: Reference, batch: Batch, grown: Sequence[int]
) -> None:
    """Keep the map beside the night's verdict: the page is written when the night is at its end."""
    if drawn_map := Map.of_night(reference, batch, grown):
        drawn_map.write(map_path(family, day))


def write_page(night: Night, before: Sequence[Night]) -> Path:
    """Write the night's page; before are the nights before it, oldest first."""
    day = date.fromisoformat(night.date)
    kept, target = map_path(night.family, day), page_path(night.family, day)
    drawn_map = Map.read(kept) if kept.exists() else None
    write_bytes(target, page(night, before[-90:], drawn_map).encode())
    return target
