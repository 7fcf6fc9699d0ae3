"""What a pickle of torch may ask for, and nothing else: no code of it is run.

Tensors are read as records of where their numbers lie. The names that a pickle may
call build such records and plain containers; a request for any other name is refused
before anything is built from it.
"""

import collections
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

KINDS = {
    **dict(Double="float64", Float="float32", Half="float16", BFloat16="bfloat16"),
    **dict(Long="int64", Int="int32", Short="int16", Char="int8", Byte="uint8"),
    **dict(Bool="bool", ComplexFloat="complex64", ComplexDouble="complex128"),
}
NAMES = {
    *KINDS.values(),
    *("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"),
}
UNTYPED = "untyped"


class Refused(Exception):
    """The pickle asks for what is neither a tensor nor a plain container."""


class Storage(NamedTuple):
    """Numbers beside one another: where they are kept, and of which kind."""

    key: str
    dtype: str  # or UNTYPED: its tensors say
    start: int  # of a view within what is kept, in numbers
    size: int


class Tensor(NamedTuple):
    """A window on a storage."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Unpickler(pickle.Unpickler):
    """Reads containers, numbers, words and records of tensors."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin1")
        # Made anew for each file: a pickle can set attributes of what it is given.
        self.allowed = _allowed()
        self.kinds: dict[str, str] = {}  # of every storage, by its key

    def find_class(self, module: str, name: str, /) -> Any:
        """The stand-in for `module.name`, or a refusal that names it."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise Refused(f"{module}.{name}") from None

    def persistent_load(self, pid: Any, /) -> Storage:
        """("storage", its type, key, device, size[, (view, offset, size)])."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise pickle.UnpicklingError(f"an unknown persistent id {pid!r:.80}")
        _, dtype, key, _, size, *view = pid
        start, size = (view[0][1], view[0][2]) if view and view[0] else (0, size)
        if not isinstance(dtype, str) or not isinstance(key, str):
            raise pickle.UnpicklingError(f"an unknown storage {pid!r:.80}")
        self.kinds[key] = dtype
        return Storage(key, dtype, *_counts((start, size)))


def dtype_of(name: str) -> np.dtype:
    """NumPy's dtype of torch's name; JAX's where NumPy has none."""
    if name == UNTYPED:
        return np.dtype(np.uint8)
    return np.dtype(getattr(jnp, name) if hasattr(jnp, name) else name)


def _allowed() -> dict[tuple[str, str], Any]:
    """Names a pickle may use; dtypes and storages are words, which nothing changes."""
    functions: dict[tuple[str, str], Callable] = {
        ("torch._utils", "_rebuild_tensor"): _tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor_v2,
        ("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
        ("torch._utils", "_rebuild_parameter"): _first,
        ("torch._utils", "_rebuild_parameter_with_state"): _first,
        ("torch._tensor", "_rebuild_from_type_v2"): _plain,
        ("torch", "Size"): _sizes,
        ("torch", "device"): _place,
    }
    # Functions of one's own, so that attributes set on them go with them.
    table: dict[tuple[str, str], Any] = {k: _copied(f) for k, f in functions.items()}
    for kind, dtype in KINDS.items():
        table["torch", f"{kind}Storage"] = dtype
    table |= {("torch", name): name for name in NAMES}
    table["torch", "Tensor"] = table["torch.nn.parameter", "Parameter"] = "tensor"
    table["torch.storage", "UntypedStorage"] = UNTYPED
    table["collections", "OrderedDict"] = collections.OrderedDict
    return table


def _copied(f: Callable) -> Callable:
    return lambda *args: f(*args)


def _counts(numbers: Any) -> tuple[int, ...]:
    """Whole numbers of at least 0, or no tensor: anything else reads foreign memory."""
    numbers = tuple(numbers)
    if not all(type(n) is int and n >= 0 for n in numbers):
        raise pickle.UnpicklingError(
            f"sizes must be whole numbers, not {numbers!r:.80}"
        )
    return numbers


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    """A window that lies within its storage."""
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError(f"a tensor needs a storage, not {storage!r:.80}")
    (offset,), shape, strides = _counts((offset,)), _counts(shape), _counts(strides)
    # The reach of an empty tensor is nothing.
    reach = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and offset + reach > storage.size and storage.dtype != UNTYPED:
        at = f"{offset + reach} numbers of a storage of {storage.size}"
        raise pickle.UnpicklingError(f"a tensor of shape {shape} reaches to {at}")
    return Tensor(storage, storage.dtype, offset, shape, strides)


def _tensor_v2(*args: Any) -> Tensor:
    """storage, offset, shape, strides, requires_grad, hooks[, lazy operations]."""
    if any(args[6:7]):
        lazy = f"a tensor with operations to come, {args[6]!r:.80}"
        raise pickle.UnpicklingError(f"{lazy}: save tensor.resolve_conj()")
    return _tensor(*args[:4])


def _tensor_v3(*args: Any) -> Tensor:
    """As v2, with the dtype before the last: for kinds that no typed storage has."""
    *parts, dtype = args[:7]
    tensor = _tensor_v2(*parts, *args[7:])
    if dtype not in NAMES:
        raise pickle.UnpicklingError(f"an unknown dtype {dtype!r:.80}")
    return tensor._replace(dtype=dtype)


def _first(tensor: Any, *_: Any) -> Any:
    """A parameter is its tensor."""
    return tensor


def _plain(rebuild: Any, kind: Any, args: Any, state: Any) -> Any:
    """A tensor that had attributes, without them."""
    del kind, state
    return rebuild(*args)


def _sizes(sizes: Any = ()) -> tuple:
    return tuple(sizes)


def _place(*place: Any) -> str:
    return ":".join(map(str, place))
