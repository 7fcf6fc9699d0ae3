"""Pictures of what was learned (extra `plots`): written whole, on no display.

Figures are made without pyplot: no window, no global state, any thread.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check


def _figure(columns: int = 1, rows: int = 1) -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        _check.extra("plots", "matplotlib", "plots")
    figure = Figure(figsize=(5.6 * columns, 4.0 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _write(figure: Any, path: str | os.PathLike) -> Path:
    """A reader sees the old picture or the new one, never half of one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=path.suffix or ".png")
    try:
        with os.fdopen(handle, "wb") as file:
            kind = path.suffix.lstrip(".") or "png"
            figure.savefig(file, format=kind, dpi=110)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _draw(
    axes: Any, series: Mapping[str, Any], x: Any = None, marker: str = ""
) -> None:
    for name, values in series.items():
        values = np.asarray(values, np.float64)
        at = np.arange(1, len(values) + 1) if x is None else np.asarray(x)
        dashed = "--" if name.startswith("val_") else "-"
        axes.plot(at, values, dashed, label=name, marker=marker, markersize=3)
    axes.grid(alpha=0.3)
    if series:
        axes.legend(frameon=False)


def curves(history: Mapping[str, Sequence[float]], path: str | os.PathLike) -> Path:
    """Loss on the left, the metrics on the right, one point an epoch.

    `history` is what `training.fit` returns; validation curves are dashed.

    >>> folder = tempfile.mkdtemp()
    >>> history = {"loss": [2.0, 1.0], "val_loss": [2.1, 1.2], "accuracy": [0.3, 0.7]}
    >>> curves(history, Path(folder, "curves.png")).name
    'curves.png'
    """
    loss = {k: v for k, v in history.items() if k in ("loss", "val_loss")}
    metrics = {
        k: v
        for k, v in history.items()
        if k not in loss and len(np.shape(v)) == 1 and len(v) == len(history["loss"])
    }
    figure, axes = _figure(columns=2 if metrics else 1)
    for panel, series in zip(axes[0], (loss, metrics), strict=False):
        _draw(panel, series, marker="o")
        panel.set_xlabel("epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_title("loss")
    if metrics:
        shown = [name for name in metrics if not name.startswith("val_")]
        axes[0, 1].set_title(", ".join(shown or metrics))
    return _write(figure, path)


def line(
    path: str | os.PathLike,
    series: Mapping[str, Any],
    *,
    x: Any = None,
    labels: tuple[str, str] = ("", ""),
    log: bool = False,
) -> Path:
    """One line for each named series over `x` (default 1, 2, 3, ...).

    >>> folder = tempfile.mkdtemp()
    >>> line(Path(folder, "l.png"), {"x²": [1, 4, 9]}, labels=("x", "y")).suffix
    '.png'
    """
    figure, axes = _figure()
    _draw(axes[0, 0], series, x=x)
    axes[0, 0].set_xlabel(labels[0])
    axes[0, 0].set_ylabel(labels[1])
    if log:
        axes[0, 0].set_yscale("log")
    return _write(figure, path)


def surface_paths(
    path: str | os.PathLike,
    f: Any,
    paths: Mapping[str, Any],
    *,
    bounds: tuple[float, float, float, float] = (-2.0, 2.0, -2.0, 2.0),
) -> Path:
    """The contours of f, a function of one point (2,), and the ways walked on it.

    `paths` maps a name to the points (steps, 2); `bounds` is (x0, x1, y0, y1).

    >>> folder = tempfile.mkdtemp()
    >>> ways = {"down": jnp.array([[1.0, 1.0], [0.5, 0.5], [0.0, 0.0]])}
    >>> surface_paths(Path(folder, "s.png"), lambda p: (p**2).sum(), ways).exists()
    True
    """
    x0, x1, y0, y1 = bounds
    xs, ys = jnp.linspace(x0, x1, 121), jnp.linspace(y0, y1, 121)
    heights = jax.vmap(jax.vmap(f))(jnp.stack(jnp.meshgrid(xs, ys), -1))
    figure, axes = _figure()
    _surface(axes[0, 0], Surface(heights, bounds, paths))
    return _write(figure, path)


class Surface(NamedTuple):
    """A surface over two parameters, and the ways walked on it."""

    heights: Any  # (rows, columns), over y and x
    bounds: tuple[float, float, float, float]  # x0, x1, y0, y1
    paths: Mapping[str, Any]  # name: the points (steps, 2)


def optimizer_paths(path: str | os.PathLike, surfaces: Mapping[str, Surface]) -> Path:
    """One panel for each named surface, with the ways that optimizers took on it.

    >>> folder = tempfile.mkdtemp()
    >>> ways = {"down": np.array([[1.0, 1.0], [0.5, 0.5], [0.0, 0.0]])}
    >>> bowl = Surface(np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2),
    ...                (-2.0, 2.0, -2.0, 2.0), ways)
    >>> optimizer_paths(Path(folder, "p.png"), {"bowl": bowl}).exists()
    True
    """
    figure, axes = _figure(columns=max(len(surfaces), 1))
    for panel, (name, surface) in zip(axes[0], surfaces.items(), strict=False):
        _surface(panel, surface)
        panel.set_title(name)
    return _write(figure, path)


def _surface(axes: Any, surface: Surface) -> None:
    heights, (x0, x1, y0, y1) = np.asarray(surface.heights, float), surface.bounds
    rows, columns = heights.shape
    xs, ys = np.linspace(x0, x1, columns), np.linspace(y0, y1, rows)
    # Spaced by rank: equal heights would leave the valley without a contour.
    levels = np.unique(np.quantile(heights, np.linspace(0, 1, 24)))
    axes.contour(xs, ys, heights, levels=levels, cmap="Greys", linewidths=0.7)
    for name, way in surface.paths.items():
        axes.plot(*np.asarray(way).T, ".-", label=name, markersize=3, linewidth=1)
    axes.set(xlim=(x0, x1), ylim=(y0, y1), xlabel="x", ylabel="y")
    if surface.paths:
        axes.legend(frameon=False)


class Errors(NamedTuple):
    """Curves of errors in ULP over a domain, and the bound that is stated."""

    series: Mapping[str, tuple[Any, Any]]  # name: (x, ULP)
    bound: float | None = None


def errors(path: str | os.PathLike, panels: Mapping[str, Errors]) -> Path:
    """A panel for each title, three in a row: errors in ULP over the domain.

    Both axes are logarithmic, that of x on either side of 0; what is more than 10⁸ ULP
    off, or no number, stands at the top.

    >>> folder = tempfile.mkdtemp()
    >>> off = {"mine": ([-1.0, 1.0], [0.5, 2.0])}
    >>> errors(Path(folder, "e.png"), {"exp": Errors(off, 4.0)}).exists()
    True
    """
    columns = min(len(panels), 3)
    figure, axes = _figure(columns=columns, rows=-(-len(panels) // columns))
    for panel in axes.flat[len(panels) :]:
        panel.set_axis_off()
    for panel, (title, found) in zip(axes.flat, panels.items(), strict=False):
        _errors(panel, found)
        panel.set_title(title)
    return _write(figure, path)


def _errors(axes: Any, found: Errors) -> None:
    low, high = 0.05, 1e8
    for number, (name, (x, ulp)) in enumerate(found.series.items()):
        size = np.clip(np.nan_to_num(np.asarray(ulp, float), nan=high), low, high)
        width = 1.4 if number == 0 else 0.8  # the first is whom the picture is about
        axes.step(x, size, where="mid", label=name, linewidth=width, zorder=9 - number)
    if found.bound is not None:
        axes.axhline(max(found.bound, low), color="black", linestyle=":", linewidth=1)
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_xticks([-100, -1, -0.01, 0.01, 1, 100])
    axes.set_yscale("log")
    axes.set(ylim=(low, 2 * high), xlabel="x", ylabel="ULP")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="small")
