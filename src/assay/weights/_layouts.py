"""How others lay out a kernel, to ours and back: axes are moved, no number changes.

Ours are (inputs, outputs) and (*window, inputs, outputs). What is not here is laid out
alike: torch's embeddings, biases and norms; Keras's and Flax's dense kernels and
convolutions (in groups, too), embeddings and norms. Arrays are NumPy's or JAX's.
"""

from typing import Any

from assay import _check

Kernel = Any  # an array of NumPy or of JAX


def same(array: Kernel) -> Kernel:
    """The array itself: both lay it out alike.

    >>> same(3)
    3
    """
    return array


def kernel_from_torch(weight: Kernel) -> Kernel:
    """`dense_from_torch` or `conv_from_torch`, by the rank.

    >>> import numpy as np
    >>> kernel_from_torch(np.ones((5, 3))).shape
    (3, 5)
    """
    return dense_from_torch(weight) if weight.ndim == 2 else conv_from_torch(weight)


def kernel_to_torch(kernel: Kernel) -> Kernel:
    """`dense_to_torch` or `conv_to_torch`, by the rank.

    >>> import numpy as np
    >>> kernel_to_torch(np.ones((7, 3, 5))).shape
    (5, 3, 7)
    """
    return dense_to_torch(kernel) if kernel.ndim == 2 else conv_to_torch(kernel)


def dense_from_torch(weight: Kernel) -> Kernel:
    """(o, i) -> (i, o).

    >>> import numpy as np
    >>> dense_from_torch(np.ones((5, 3))).shape
    (3, 5)
    """
    _rank("dense_from_torch", weight, (2,), "(outputs, inputs)")
    return weight.T


def dense_to_torch(kernel: Kernel) -> Kernel:
    """(i, o) -> (o, i).

    >>> import numpy as np
    >>> dense_to_torch(np.ones((3, 5))).shape
    (5, 3)
    """
    _rank("dense_to_torch", kernel, (2,), "(inputs, outputs)")
    return kernel.T


def conv_from_torch(weight: Kernel) -> Kernel:
    """(o, i, *window) -> (*window, i, o); of groups and depthwise convolutions too.

    >>> import numpy as np
    >>> conv_from_torch(np.ones((5, 3, 7, 9))).shape
    (7, 9, 3, 5)
    """
    _rank("conv_from_torch", weight, (3, 4, 5), "(outputs, inputs, *window)")
    return weight.transpose(*range(2, weight.ndim), 1, 0)


def conv_to_torch(kernel: Kernel) -> Kernel:
    """(*window, i, o) -> (o, i, *window).

    >>> import numpy as np
    >>> conv_to_torch(np.ones((7, 9, 3, 5))).shape
    (5, 3, 7, 9)
    """
    _rank("conv_to_torch", kernel, (3, 4, 5), "(*window, inputs, outputs)")
    return kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))


def conv_transpose_from_torch(weight: Kernel, *, groups: int = 1) -> Kernel:
    """(groups·i, o / groups, *window) -> (*window, i, o).

    >>> import numpy as np
    >>> conv_transpose_from_torch(np.ones((6, 5, 7)), groups=2).shape
    (7, 3, 10)
    """
    who = "conv_transpose_from_torch"
    _rank(who, weight, (3, 4, 5), "(inputs, outputs, *window)")
    inputs, outputs, *window = weight.shape
    _divides(who, groups, inputs, "inputs")
    split = weight.reshape(groups, inputs // groups, outputs, *window)
    split = split.transpose(*range(3, split.ndim), 1, 0, 2)
    return split.reshape(*window, inputs // groups, groups * outputs)


def conv_transpose_to_torch(kernel: Kernel, *, groups: int = 1) -> Kernel:
    """(*window, i, o) -> (groups·i, o / groups, *window).

    >>> import numpy as np
    >>> conv_transpose_to_torch(np.ones((7, 3, 10)), groups=2).shape
    (6, 5, 7)
    """
    who = "conv_transpose_to_torch"
    _rank(who, kernel, (3, 4, 5), "(*window, inputs, outputs)")
    *window, inputs, outputs = kernel.shape
    _divides(who, groups, outputs, "outputs")
    split = kernel.reshape(*window, inputs, groups, outputs // groups)
    n = len(window)
    split = split.transpose(n + 1, n, n + 2, *range(n))
    return split.reshape(groups * inputs, outputs // groups, *window)


def depthwise_conv_from_keras(kernel: Kernel) -> Kernel:
    """(*window, c, m) -> (*window, 1, c·m).

    >>> import numpy as np
    >>> depthwise_conv_from_keras(np.ones((7, 9, 3, 2))).shape
    (7, 9, 1, 6)
    """
    layout = "(*window, channels, filters a channel)"
    _rank("depthwise_conv_from_keras", kernel, (3, 4, 5), layout)
    return kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1])


def depthwise_conv_to_keras(kernel: Kernel, *, filters: int = 1) -> Kernel:
    """(*window, 1, c·m) -> (*window, c, m), m = `filters` a channel.

    >>> import numpy as np
    >>> depthwise_conv_to_keras(np.ones((7, 9, 1, 6)), filters=2).shape
    (7, 9, 3, 2)
    """
    who = "depthwise_conv_to_keras"
    _rank(who, kernel, (3, 4, 5), "(*window, 1, outputs)")
    _divides(who, filters, kernel.shape[-1], "outputs")
    return kernel.reshape(*kernel.shape[:-2], kernel.shape[-1] // filters, filters)


def conv_transpose_from_keras(kernel: Kernel) -> Kernel:
    """(*window, o, i) -> (*window, i, o); Flax's with transpose_kernel=True as well.

    >>> import numpy as np
    >>> conv_transpose_from_keras(np.ones((7, 9, 5, 3))).shape
    (7, 9, 3, 5)
    """
    layout = "(*window, outputs, inputs)"
    _rank("conv_transpose_from_keras", kernel, (3, 4, 5), layout)
    return kernel.swapaxes(-1, -2)


def conv_transpose_to_keras(kernel: Kernel) -> Kernel:
    """(*window, i, o) -> (*window, o, i).

    >>> import numpy as np
    >>> conv_transpose_to_keras(np.ones((7, 9, 3, 5))).shape
    (7, 9, 5, 3)
    """
    _rank("conv_transpose_to_keras", kernel, (3, 4, 5), "(*window, inputs, outputs)")
    return kernel.swapaxes(-1, -2)


def conv_transpose_from_flax(kernel: Kernel) -> Kernel:
    """(*window, i, o) with the window flipped, as Flax holds it by default.

    >>> import numpy as np
    >>> conv_transpose_from_flax(np.arange(3.0).reshape(3, 1, 1)).ravel().tolist()
    [2.0, 1.0, 0.0]
    """
    layout = "(*window, inputs, outputs)"
    _rank("conv_transpose_from_flax", kernel, (3, 4, 5), layout)
    return kernel[(slice(None, None, -1),) * (kernel.ndim - 2)]


def conv_transpose_to_flax(kernel: Kernel) -> Kernel:
    """(*window, i, o) with the window flipped: its own inverse.

    >>> import numpy as np
    >>> conv_transpose_to_flax(np.arange(3.0).reshape(3, 1, 1)).ravel().tolist()
    [2.0, 1.0, 0.0]
    """
    layout = "(*window, inputs, outputs)"
    _rank("conv_transpose_to_flax", kernel, (3, 4, 5), layout)
    return kernel[(slice(None, None, -1),) * (kernel.ndim - 2)]


def _rank(who: str, array: Kernel, ranks: tuple[int, ...], layout: str) -> None:
    if array.ndim not in ranks:
        which = " or ".join(map(str, ranks))
        _check.fail(who, f"it must have {which} axes, {layout}", tuple(array.shape))


def _divides(who: str, n: int, size: int, name: str) -> None:
    if n < 1 or size % n:
        _check.fail(who, f"{n} must divide the {name}", size)
