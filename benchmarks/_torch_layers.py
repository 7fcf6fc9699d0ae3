"""The same layers in torch, channels_last, in a process of its own.

Beside XLA in one process torch's threads run several times slower, so it gets one of
its own, which works while ours waits: `Torch` is the handle, `python -m
benchmarks._torch_layers` what it talks to, one JSON line a question.
"""

import json
import subprocess
import sys
import time
from typing import Any


class Torch:
    """A torch that times one case and direction a round; None where there is none."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks._torch_layers"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.version = self.ask({})["version"]

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Its answer; raises EOFError where the process has ended."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise EOFError("torch has stopped")
        return json.loads(line)

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()  # closes both pipes and waits


def start() -> Torch | None:
    """The process, or None where torch is not installed."""
    from importlib.util import find_spec

    return Torch() if find_spec("torch") else None


def _made(torch: Any, form: str, shapes: list, options: list) -> Any:
    """(f, its tensors): f() is the value, with gradients where tensors want them."""
    generator = torch.Generator().manual_seed(0)

    def drawn(shape: list[int]) -> Any:
        return torch.randn(shape, generator=generator)

    if form in RECURRENT:
        layer = getattr(torch.nn, form)(shapes[0][-1], *options, batch_first=True)
        layer.requires_grad_(False)  # as tensors have it that are drawn
        x = drawn(shapes[0])
        return lambda: layer(x)[0], [x, *layer.parameters()]
    # The channels are last in torch as well, and heads are cut as they come.
    rows = form in ("layer_norm", "dropout", "attention")
    x = drawn(shapes[0] if rows else _first(shapes[0]))
    last = x.ndim == 4 and not rows
    x = x.to(memory_format=torch.channels_last) if last else x
    order = {"conv_transpose": _turned, "attention": list}.get(form, _kernel)
    tensors = [x, *(drawn(order(s)) for s in shapes[1:])]
    f = FORMS[form](torch.nn.functional, tensors, options)
    return lambda: f(*tensors), tensors


def _conv(F: Any, tensors: list, options: list) -> Any:
    """SAME, which torch pads by hand where the window is even."""
    (stride,), kernel = options, tensors[1]
    conv = (F.conv1d, F.conv2d, F.conv3d)[kernel.ndim - 3]
    groups = tensors[0].shape[1] // kernel.shape[1]
    reach = [k - 1 for k in kernel.shape[2:]]
    if stride == 1 and any(r % 2 for r in reach):
        pads = [p for r in reversed(reach) for p in (r // 2, r - r // 2)]
        return lambda x, kernel: conv(F.pad(x, pads), kernel, groups=groups)
    how = {"stride": stride, "padding": [r // 2 for r in reach], "groups": groups}
    return lambda x, kernel: conv(x, kernel, **how)


def _conv_transpose(F: Any, tensors: list, options: list) -> Any:
    return lambda x, kernel: F.conv_transpose2d(x, kernel, stride=2, padding=1)


def _batch_norm(F: Any, tensors: list, options: list) -> Any:
    start = tensors[0].new_zeros(tensors[0].shape[1])
    running = start, start + 1
    return lambda x, *affine: F.batch_norm(x, *running, *affine, training=True)


def _layer_norm(F: Any, tensors: list, options: list) -> Any:
    return lambda x, *affine: F.layer_norm(x, x.shape[-1:], *affine)


def _dropout(F: Any, tensors: list, options: list) -> Any:
    return lambda x: F.dropout(x, 0.1)


def _attention(F: Any, tensors: list, options: list) -> Any:
    return lambda *qkv: F.scaled_dot_product_attention(*qkv, is_causal=options[0])


def _pool(name: str) -> Any:
    return lambda F, tensors, options: lambda x: getattr(F, name)(x, *options)


FORMS = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "dropout": _dropout,
    "attention": _attention,
    "max_pool": _pool("max_pool2d"),
    "avg_pool": _pool("avg_pool2d"),
}


RECURRENT = "LSTM", "GRU", "RNN"  # with weights of their own


def _first(shape: list[int]) -> list[int]:
    return [shape[0], shape[-1], *shape[1:-1]]


def _kernel(shape: list[int]) -> list[int]:
    return shape if len(shape) == 1 else [shape[-1], shape[-2], *shape[:-2]]


def _turned(shape: list[int]) -> list[int]:
    return [shape[-2], shape[-1], *shape[:-2]]


def _serve() -> None:
    import torch

    current: tuple[Any, Any] = (None, None)
    for line in sys.stdin:
        q = json.loads(line)
        if not q:
            answer: dict[str, Any] = {"version": torch.__version__}
        elif "form" in q:
            value, tensors = _made(torch, q["form"], q["shapes"], q["options"])
            current = _both(torch, value, tensors) if q["both"] else value, tensors
            current[0]()
            answer = {"seconds": _seconds(current[0], 1)}
        else:
            answer = {"seconds": _seconds(current[0], q["calls"])}
        print(json.dumps(answer), flush=True)


def _both(torch: Any, value: Any, tensors: list) -> Any:
    """The value and the gradient of every tensor, for uneven cotangents."""
    for t in tensors:
        t.requires_grad_()
    with torch.no_grad():
        y = value()
    g = torch.cos(torch.arange(y.numel(), dtype=torch.float32)).reshape(y.shape)
    g = g.to(memory_format=torch.channels_last) if g.ndim == 4 else g
    return lambda: torch.autograd.grad(value(), tensors, g)


def _seconds(f: Any, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        f()
    return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    _serve()
