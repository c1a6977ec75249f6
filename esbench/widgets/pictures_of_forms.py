"""The form as PNG: what is chosen, what it comes to, and the picture of it.

What lives here: the stand-in of the form where no script runs.
The guarantee: the same state gives the same bytes on one version of matplotlib.
What it may not know: controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from esbench.widgets.pictures import LINE, SOFT, WIDE, box, canvas, png, write
from esbench.widgets.story import clip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from esbench.widgets.asked import Answered

TOP, FOOT_ROOM = 1.0, 1.35  # inches above and below the picture


def form_png(
    chosen: Sequence[tuple[str, str]],
    finding: str,
    python: str,
    answer: Answered | None,
) -> bytes:
    """Draw a form.

    Args:
        chosen: the controls, by name, with what stands in them.
        finding: the sentence.
        python: the line that gives the rows.
        answer: what is drawn; None as long as there is nothing.
    """
    image = _image(answer)
    tall = 0.0 if image is None else (WIDE - 0.6) * image.shape[0] / image.shape[1]
    with canvas(TOP + tall + FOOT_ROOM, finding, python) as (figure, axes):
        _fields(axes, chosen)
        if image is not None:
            axes.imshow(image, extent=(0.3, WIDE - 0.3, TOP + tall, TOP), zorder=0)
            axes.set_aspect("auto")
            axes.set(xlim=(0, WIDE), ylim=(TOP + tall + FOOT_ROOM, 0))
        return png(figure)


def _image(answer: Answered | None) -> Any:
    if answer is None or not answer.picture:
        return None
    from matplotlib.image import imread

    return imread(BytesIO(answer.picture))


def _fields(axes: Axes, chosen: Sequence[tuple[str, str]]) -> None:
    wide = (WIDE - 0.6) / len(chosen)
    for place, (name, value) in enumerate(chosen):
        x = 0.3 + place * wide
        write(axes, x, 0.22, name, color=SOFT)
        box(axes, x, 0.38, wide - 0.2, 0.4, round_by=0.05, edgecolor=LINE)
        write(axes, x + 0.12, 0.58, clip(value, int(wide * 9)), size=11.5)
