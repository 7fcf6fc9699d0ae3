"""What a row of the table of conventions says."""

from typing import Any, NamedTuple

EPS = (1e-8, 1e-5, 1e-2, 1.0)
LIBRARIES = {
    "optax": "Optax",
    "torch": "torch",
    "keras": "Keras",
    "tf1": "TensorFlow 1",
    "paper": "the paper",
}
OPTAX = "github.com/google-deepmind/optax"
TORCH = "github.com/pytorch/pytorch"


class Convention(NamedTuple):
    """One library's reading of one optimizer.

    `ours` and `theirs` are together at the library's own defaults; the checks change
    eps and momentum on both sides.
    """

    optimizer: str  # ours
    library: str
    equation: str  # the direction: the update is −rate times it
    ours: dict[str, Any]  # the arguments of ours that make it theirs, but for the rate
    call: str = ""  # its name there; "" for those whom nobody runs here
    theirs: dict[str, Any] = {}  # and its arguments, but for the rate
    note: str = ""
    thread: str = ""  # where it was discussed
    eps: tuple[str, str] | None = None  # eps' names in ours and theirs; None: has none
    momentum: tuple[str, str] | None = None  # the same for a momentum to be swept
    params: bool = False  # whether the update depends on the parameters
    moves: bool = False  # the update is a difference of two parameters, in ours too
    constant: bool = False  # takes a number for the rate, no schedule
    times: float = 1.0  # a larger rate, where a cap on it is to be seen
    rule: str = ""  # the rule in NumPy where no arguments of ours make it
    low: str = ""  # what the library keeps or computes in low precision, even in x64
    slack: float = 1e-12  # how far that takes it from the rule in float64
    rounding: str = ""  # what takes the library's float32 from the rule
    single: float = 1e-6  # ours in float32 from the rule

    @property
    def ours_call(self) -> str:
        """How ours is called; "" where no arguments make it theirs."""
        return "" if self.rule else _call(self.optimizer, self.ours)

    @property
    def theirs_call(self) -> str:
        """How theirs is called; "" where nobody runs it here."""
        return _call(self.call, self.theirs) if self.call else ""


def _call(name: str, arguments: dict[str, Any]) -> str:
    given = "".join(f", {n}={v!r}" for n, v in arguments.items())
    return f"{name}(rate{given})"


# 1 − 0.999 in float32 has lost ten bits; torch takes it in Python's numbers.
CORRECTED = (
    *("adam", "adamw", "amsgrad", "nadam", "nadamw", "adabelief", "yogi", "adan"),
    *("lamb", "optimistic_adam_v2"),
)


def optax(optimizer: str, equation: str, /, **more: Any) -> Convention:
    """A row of Optax, where the names are ours."""
    rounding = "1−bᵗ in float32" if optimizer in CORRECTED else ""
    more = {"eps": ("eps", "eps"), "ours": {}, "rounding": rounding, **more}
    return Convention(optimizer, "optax", equation, call=optimizer, **more)


def torch(optimizer: str, call: str, equation: str, /, **more: Any) -> Convention:
    """A row of torch."""
    more = {"eps": ("eps", "eps"), "ours": {}, **more}
    return Convention(optimizer, "torch", equation, call=call, **more)


def keras(optimizer: str, call: str, equation: str, /, **more: Any) -> Convention:
    """A row of Keras, whose eps is 1e-7 and called epsilon."""
    ours = {"eps": 1e-7, **more.pop("ours", {})}
    rounding = "1−bᵗ in float32" if optimizer in CORRECTED else ""
    more = {"eps": ("eps", "epsilon"), "rounding": rounding, **more}
    ours = ours if more["eps"] else {n: v for n, v in ours.items() if n != "eps"}
    return Convention(optimizer, "keras", equation, ours, call, **more)


def tf1(optimizer: str, equation: str, /, **more: Any) -> Convention:
    """A row of TensorFlow 1: the rule in NumPy stands for it."""
    return Convention(optimizer, "tf1", equation, **{"eps": ("eps", ""), **more})


def paper(optimizer: str, equation: str, /, **more: Any) -> Convention:
    """A row of the paper: the rule in NumPy stands for it."""
    more = {"eps": ("eps", ""), "ours": {}, **more}
    return Convention(optimizer, "paper", equation, **more)
