"""Recipes by name: other libraries' defaults, gains, width and depth."""

import math

import jax
import jax.numpy as jnp

from assay import _check
from assay.initializers._protocol import Axes, default_float, fans
from assay.initializers._variance_scaling import variance_scaling
from assay.typing import DType, Initializer, Scalar

LINEAR = (
    "linear",
    *(f"conv{n}d" for n in (1, 2, 3)),
    *(f"conv_transpose{n}d" for n in (1, 2, 3)),
)
GAINS = {
    **dict.fromkeys((*LINEAR, "sigmoid"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """√(1 / E f(z)²) or what is usual before the function of that name, in torch.

    1 for linear, conv1d … conv_transpose3d and sigmoid; 5/3 for tanh; √2 for relu;
    √(2 / (1 + a²)) for leaky_relu of slope a = `param`, 0.01 unless given; 3/4 for
    selu. Squared it is the scale of `variance_scaling`.

    >>> calculate_gain("tanh")
    1.6666666666666667
    >>> scale = calculate_gain("leaky_relu", 0.2) ** 2
    >>> leaky_he = variance_scaling(scale, "fan_in", "normal")

    torch.nn.init.calculate_gain; He et al. 2015, arXiv:1502.01852.

    Float32, CPU: within 0.5 ULP.
    """
    _check.choice("calculate_gain", "nonlinearity", nonlinearity, GAINS)
    if param is None or nonlinearity != "leaky_relu":
        return GAINS[nonlinearity]
    return math.sqrt(2 / (1 + param**2))


def torch_kernel(
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DType | None = None,
) -> Initializer:
    """U(−a, a) with a = 1/√(fan in): the weights of torch.nn.Linear and Conv.

    torch says kaiming_uniform with a = √5. A third of the variance of LeCun's.

    >>> w = torch_kernel()(jax.random.key(0), (4, 3))
    >>> bool((abs(w) <= 0.5).all())
    True

    pytorch/pytorch#57109.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    return variance_scaling(
        1 / 3, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype
    )


def torch_bias(fan_in: int, *, dtype: DType | None = None) -> Initializer:
    """U(−a, a) with a = 1/√(fan in) of the layer's *kernel*; 0 without inputs.

    Of a recurrent layer torch draws weights and biases so, with the hidden size.

    >>> b = torch_bias(4)(jax.random.key(0), (3,))
    >>> bool((abs(b) <= 0.5).all())
    True

    pytorch/pytorch#57109.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    _check.within("torch_bias", "fan_in", fan_in, 0, math.inf)

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = default_float(dtype)
        u = jax.random.uniform(key, shape, dtype, -1, out_sharding=out_sharding)
        return u * jnp.asarray(fan_in**-0.5 if fan_in else 0, dtype)

    return init


def uniform_scaling(scale: float = 1.0, dtype: DType | None = None) -> Initializer:
    """U(−a, a) with a = scale · √(3 / fan in).

    >>> w = uniform_scaling(0.5)(jax.random.key(0), (3, 5))
    >>> bool((abs(w) <= 0.5).all())
    True

    Sussillo and Abbott 2014, arXiv:1412.6558.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    return variance_scaling(scale**2, "fan_in", "uniform", dtype=dtype)


def mup_readout(
    base: int,
    *,
    scale: Scalar = 1.0,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    dtype: DType | None = None,
) -> Initializer:
    """N(0, scale · base / (fan in)²): the last layer, in maximal update form.

    A model tuned at a fan in of `base` keeps its learning rates when it grows; there it
    is `variance_scaling(scale, "fan_in", "normal")`, which all other layers stay at.

    >>> w = mup_readout(64)(jax.random.key(0), (256, 1000))
    >>> round(float(w.std()) * 256)
    8

    Yang et al. 2021, Tensor Programs V, table 3, arXiv:2203.03466.

    Float32, CPU: within 2 ULP of JAX's number.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        fan_in, _ = fans(tuple(shape), in_axis, out_axis, ())
        rest = scale * (base / fan_in if fan_in else 0)
        make = variance_scaling(rest, "fan_in", "normal", in_axis, out_axis)
        return make(key, shape, dtype, out_sharding)

    return init


def depth_scaled(init: Initializer, layers: int) -> Initializer:
    """init / √(2 · layers): for the two projections a layer adds to its residual.

    So the sum over the depth keeps its variance.

    >>> ones = lambda key, shape, dtype: jnp.ones(shape, dtype)
    >>> depth_scaled(ones, 8)(jax.random.key(0), (2,)).tolist()
    [0.25, 0.25]

    Radford et al. 2019, GPT-2; Zhang et al. 2019, arXiv:1901.09321, section 2.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    _check.within("depth_scaled", "layers", layers, 1, math.inf)

    def scaled(key, shape, dtype=None, out_sharding=None):
        where = () if out_sharding is None else (out_sharding,)
        w = init(key, shape, default_float(dtype), *where)
        return w * jnp.asarray((2 * layers) ** -0.5, w.dtype)

    return scaled
