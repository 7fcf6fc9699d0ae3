"""Convolution by hand, by FFT, in separable pieces, and what each of them costs.

You should get: [[-6, 12, 12], [-6, 8, 8], [-6, 2, 12]] for the lecture's 5x5 image, -25
for its RGB corner, and 1,769,472 multiplications where it prints 56,623,104.
"""

import jax
import jax.numpy as jnp
import numpy as np

from assay import activations, costs, layers

# 1. One image, one kernel. Channels stand last: (height, width, channels).
rows = [
    [1, 2, 3, 0, 1],
    [4, 5, 6, 1, 2],
    [7, 8, 9, 2, 3],
    [1, 2, 3, 4, 5],
    [6, 7, 8, 9, 0],
]
image = jnp.array(rows, jnp.float32)[..., None]  # (5, 5, 1)
edge = jnp.array([[1, 0, -1]] * 3, jnp.float32)[..., None, None]  # (3, 3, in 1, out 1)


def by_hand(image, kernel):
    """Slide, multiply, add: what a convolution layer does, in four loops."""
    image, kernel = np.asarray(image), np.asarray(kernel)
    n, m = image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1
    out = np.zeros((n, m), np.float32)
    for i in range(n):
        for j in range(m):
            for a in range(kernel.shape[0]):
                for b in range(kernel.shape[1]):
                    out[i, j] += image[i + a, j + b] * kernel[a, b]
    return out


features = layers.conv(image, edge)[..., 0]  # (3, 3)
print(features)
# ERRATUM: the lecture prints -6 in all nine cells. Only the first column is -6.

# 2. Three colours, three kernels, one sum, one bias: 308 - 498 + 164 + 1.
corner = jnp.array(
    [  # what the zero-padded corner of the photograph looks like, a colour a row
        [[0, 0, 0], [0, 156, 155], [0, 153, 154]],
        [[0, 0, 0], [0, 167, 166], [0, 164, 165]],
        [[0, 0, 0], [0, 163, 162], [0, 160, 161]],
    ],
    jnp.float32,
).transpose(1, 2, 0)  # (3, 3, rgb)
kernels = jnp.array(
    [
        [[-1, -1, 1], [0, 1, -1], [0, 1, 1]],
        [[1, 0, 0], [1, -1, -1], [1, 0, -1]],
        [[0, 1, 1], [0, 1, 0], [1, -1, 1]],
    ],
    jnp.float32,
).transpose(1, 2, 0)  # (3, 3, rgb)
colours = layers.depthwise_conv(corner, kernels[:, :, None]).ravel()  # (3,)
cell = layers.conv(corner, kernels[..., None], jnp.ones(1)).ravel()  # (1,)
print(f"{colours} + 1 -> {cell}")

# 3. ReLU, then the largest of each 3x3 window.
relu = activations.relu(jnp.array([[-2.0, 3, -1], [5, -6, 2], [-3, 4, -7]]))
rows = [
    [3, 3, 2, 1, 0],
    [0, 0, 1, 3, 1],
    [3, 1, 2, 2, 3],
    [2, 0, 0, 2, 2],
    [2, 0, 0, 0, 1],
]
pooled = layers.max_pool(jnp.array(rows, jnp.float32)[..., None], (3, 3), strides=1)
print(relu, pooled[..., 0], sep="\n")

# 4. By FFT: multiply frequencies. What networks call convolution does not turn the
# kernel around, as mathematics does; a product of spectra does. So it is flipped first.
photo = jax.random.normal(jax.random.key(0), (64, 64, 3))
kernel = jax.random.normal(jax.random.key(1), (9, 9, 3, 8))
direct, by_fft = layers.conv(photo, kernel), layers.fft_conv(photo, kernel)
print(
    f"FFT against direct: {abs(direct - by_fft).max():.1e} of {abs(direct).max():.0f}"
)

# 5. In pieces. A rank-one 3x3 kernel is a column times a row: 6 multiplications for 9.
column, row = jnp.array([1.0, 2.0, 1.0]), jnp.array([1.0, 0.0, -1.0])  # Sobel's
pieces = layers.spatially_separable_conv(image, column, row)
whole = layers.conv(image, jnp.outer(column, row)[..., None, None])
nine = costs.conv_multiplications((1, 1), (3, 3), 1, 1)
six = costs.spatially_separable_multiplications((1, 1), (3, 3), padding="SAME")
print(f"separable: {six} multiplications for {nine}, if the kernel has rank one")

# 6. 32x32x3 into 64 filters of 3x3, same padding.
size, window = (32, 32), (3, 3)
table = {
    "standard": costs.conv_multiplications(size, window, 3, 64, padding="SAME"),
    "depthwise": costs.depthwise_multiplications(size, window, 3, padding="SAME"),
    "pointwise": costs.pointwise_multiplications(size, 3, 64),
    "separable": costs.separable_multiplications(size, window, 3, 64, padding="SAME"),
}
for name, count in table.items():
    print(f"{name:10s} {count:10,d} multiplications, {count // 1024:5,d} a pixel")
# ERRATUM: the lecture prints 56,623,104 for the standard one, 32 times too many: its
# own 1,728 an output pixel, times 32 · 32 pixels, is 1,769,472.

assert features.tolist() == [[-6, 12, 12], [-6, 8, 8], [-6, 2, 12]]
assert (by_hand(image[..., 0], edge[..., 0, 0]) == features).all()
assert colours.tolist() == [308, -498, 164] and cell.tolist() == [-25]
assert relu.tolist() == [[0, 3, 0], [5, 0, 2], [0, 4, 0]]
assert pooled[..., 0].tolist() == [[3, 3, 3], [3, 3, 3], [3, 2, 3]]
assert abs(direct - by_fft).max() < 1e-4
assert jnp.allclose(pieces, whole, atol=1e-4) and (nine, six) == (9, 6)
assert list(table.values()) == [1_769_472, 27_648, 196_608, 224_256]
assert 32 * table["standard"] == 56_623_104
