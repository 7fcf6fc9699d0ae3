"""`assay bench`: every public function against its reference, by the protocol."""

import argparse
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import bench as protocol
from assay import verify
from assay.cli._verify import rooms_of
from assay.cli._words import cells, dump, one_line
from assay.verify import _function, discover

WIDTHS = (34, 10, 10, 8, 14)
TOLERANCE = 1e-4  # float32 against float32, relative to the largest value


def bench(args: argparse.Namespace) -> int:
    """Print a line a function as it is measured; 1 if any pair disagrees."""
    failed = 0
    for room in rooms_of(args):
        if not args.json:
            head = (f"{room}", "ours µs", "ref. µs", "ratio", "quartiles")
            print(f"\n{cells(head, WIDTHS)}", flush=True)
        for name, row in measured(room, args.rounds):
            failed += isinstance(row, Exception)
            print(_line(room, name, row, args.json), flush=True)
    if not args.json:
        print("\nratio = reference / ours: above 1, ours is faster; * = not compiled")
    return 1 if failed else 0


def _line(room: str, name: str, row: Any, machine: bool) -> str:
    if isinstance(row, protocol.Row):
        if machine:
            return protocol.json_line(row, room=room)
        star = "" if row.how == "compiled" else "*"
        spread = f"{row.low:.3g} - {row.high:.3g}"
        times = f"{row.ours * 1e6:.1f}", f"{row.theirs * 1e6:.1f}{star}"
        return cells((f"  {name}", *times, f"{row.ratio:.3g}", spread), WIDTHS)
    why = one_line(row) if isinstance(row, Exception) else row
    if machine:
        kind = "failed" if isinstance(row, Exception) else "skipped"
        return dump({"room": room, "name": name, kind: why})
    return f"  {name:<33} {why}"[:80]


def measured(room: str, rounds: int) -> Iterator[tuple[str, Any]]:
    """(name, Row), or the disagreement, or the reason why there is none."""
    mirrors = importlib.import_module(f"assay.verify.mirrors.{room}")
    for name, ours in discover(room).items():
        pair = _pair(room, name, ours, getattr(mirrors, name))
        if isinstance(pair, str):
            yield name, pair
            continue
        try:
            yield name, _compare(name, *pair, rounds=rounds)
        except Exception as error:
            yield name, error


def _pair(room: str, name: str, ours: Callable, theirs: Any) -> Any:
    """(ours, theirs, arrays), or why there is nothing to time."""
    if room == "initializers":
        return _initializers(name, ours)
    if room == "optim" and _rated(ours):
        return _optimizers(name)
    if getattr(theirs, "facts", {}).get("property"):
        return "(checked by a property: nothing to race)"
    cases = getattr(theirs, "cases", [])
    if not cases and room == "activations":
        return ours, theirs, [_noise(1024, 256)]
    if not cases:
        return "(its reference states no inputs)"
    inputs = _function.cast(_function.draw(cases[0]), jnp.float32)
    arrays, statics = _function.split(inputs)

    def bound(f: Callable) -> Callable:
        return lambda a: _function.call(f, {**a, **statics})

    return bound(ours), bound(theirs), [arrays]


def _noise(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape), jnp.float32)


def _initializers(name: str, ours: Callable) -> Any:
    """Ours and JAX's on one key."""
    from assay.verify.mirrors import initializers as mirrors

    makers = {"constant": (0.3,), "variance_scaling": (1.0, "fan_in", "normal")}

    def drawing(f: Callable) -> Callable:
        made = f if name in ("zeros", "ones") else f(*makers.get(name, ()))
        return lambda key: made(key, (256, 512), jnp.float32)

    return drawing(ours), drawing(getattr(mirrors.peer, name)), [jax.random.key(0)]


def _rated(f: Callable) -> bool:
    return next(iter(inspect.signature(f).parameters), "") == "learning_rate"


def _optimizers(name: str) -> Any:
    """One update of two leaves by ours and by Optax's of the same name."""
    grads = {"kernel": _noise(256, 512), "bias": _noise(512)}
    try:
        pair = [verify.named_transform(n, 1e-3) for n in (name, f"optax:{name}")]
    except ValueError:
        return "(Optax has none of that name)"

    def stepping(tx: Any) -> Callable:
        return lambda g, state: tx.update(g, state, g)[0]

    ours, theirs = (stepping(tx) for tx in pair)
    states = [tx.init(grads) for tx in pair]
    return (
        lambda g, a, b: ours(g, a),
        lambda g, a, b: theirs(g, b),
        [grads, *states],
    )


def _compare(name: str, ours: Callable, theirs: Callable, arrays: list, *, rounds: int):
    # Optax does not run under strict promotion; neither rule changes our numbers.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        race = {"name": name, "rounds": rounds, "tolerance": TOLERANCE}
        return protocol.compare(ours, theirs, arrays, **race)
