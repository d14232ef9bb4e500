"""A plan as a bar chart: the predicted time of each algorithm, or why it cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lower.arguments import refuse
from ..plan.candidates import candidates
from ..plan.plan import Plan
from .canvas import FONT, INK, LINE, MUTED, ORANGE, PAPER, axes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plan"]

OTHERS = "#9db7d1"
MAX_REFUSAL = 90
"""Letters of a reason, at most."""


def plan(plan: Plan, *, ax: Axes | None = None) -> Figure:
    """Draw the predicted time of each algorithm of a plan, and why others are refused.

    The chosen algorithm is orange.  The time axis is logarithmic.

    Parameters
    ----------
    plan : Plan
        A plan made by `fastconv.plan_correlate`, `plan_convolve`, `plan_conv1d`, `plan_conv2d` or
        `plan_conv3d`.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure, or that of `ax`.

    Raises
    ------
    TypeError
        `plan` is not such a plan.

    Notes
    -----
    The times are those of ``print(plan)``: predictions for one thread.

    Examples
    --------
    >>> import fastconv as fc
    >>> figure = fc.viz.plan(fc.plan_conv2d((8, 64, 56, 56), "float32", [[[[1.0]]] * 64] * 64))
    """
    if not isinstance(plan, Plan):
        refuse(TypeError, "plan: plan", type(plan).__name__, "a plan of a convolution")
    recipe = plan._recipe
    found = candidates(recipe.problem, recipe.backend_name)
    order = sorted(found, key=lambda c: (c.seconds is None, c.seconds or 0))
    times = [c.seconds * 1e3 for c in order if c.seconds is not None]
    drawn, ax = axes_of(ax, 8.2, 0.34 * len(order) + 1.2)
    low, high = min(times) / 3, max(times) * 3
    ax.set_xscale("log")
    ax.set(xlim=(low, high), ylim=(len(order) - 0.4, -0.6))
    for row, candidate in enumerate(order):
        chosen = candidate.algorithm == plan.algorithm
        if candidate.seconds is None:
            reason = f"refuses: {candidate.refusal}"
            if len(reason) > MAX_REFUSAL:
                reason = f"{reason[: MAX_REFUSAL - 1]}…"
            ax.text(
                low * 1.05,
                row,
                reason,
                va="center",
                fontsize=8,
                color=MUTED,
                style="italic",
                family=FONT,
                bbox={"fc": PAPER, "ec": "none", "pad": 1},
            )
            continue
        milliseconds = candidate.seconds * 1e3
        ax.barh(row, milliseconds - low, left=low, height=0.62, color=ORANGE if chosen else OTHERS)
        text = f" {milliseconds:.3g} ms" + (", chosen" if chosen else "")
        ax.text(milliseconds, row, text, va="center", fontsize=8, color=INK, family=FONT)
    ax.set_yticks(range(len(order)), [c.algorithm for c in order], fontsize=9, family=FONT)
    ax.tick_params(which="both", length=0, labelcolor=INK)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel("milliseconds on one thread, predicted", fontsize=9, color=MUTED, family=FONT)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
    ax.grid(axis="x", color=LINE, linewidth=0.6)
    ax.set_axisbelow(True)
    for name, side in ax.spines.items():
        side.set(visible=name == "left", color=LINE)
    first = repr(plan).splitlines()[0]
    ax.set_title(f"{first}, {plan.backend}", fontsize=10, color=INK, family=FONT, loc="left")
    return drawn
