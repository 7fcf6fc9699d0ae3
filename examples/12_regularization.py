"""Eight ways against overfitting, on 150 handwritten digits.

You should get: every network right on nearly all of its 150 training images and wrong
on one test image in ten or so; the penalties with far smaller weights, the shifted images
(augmentation) with the best test accuracy of all.
"""

import os
from functools import partial

import jax
import jax.numpy as jnp

from assay import augment, data, initializers, layers, losses, metrics, optim, training
from assay.activations import relu

epochs = int(os.environ.get("ASSAY_STEPS", 60))
rows, width, classes = 150, 128, 10

digits = data.digits()
x, y = (a[:rows] for a in digits.train)  # (150, 8, 8, 1) in [0, 1], (150,)
x_test, y_test = digits.test


def start(key):
    """Parameters of 64 -> 128 -> 128 -> 10, with batch norm's scale and bias."""
    keys = jax.random.split(key, 3)
    sizes = [(64, width), (width, width), (width, classes)]
    he = initializers.he_normal()
    params = {
        f"dense{i}": {"kernel": he(k, size), "bias": jnp.zeros(size[1])}
        for i, (k, size) in enumerate(zip(keys, sizes, strict=True))
    }
    params["norm"] = {"scale": jnp.ones(width), "bias": jnp.zeros(width)}
    return params


def apply(params, stats, x, *, key=None, train=False, drop=0.0, shift=0, norm=False):
    """images (rows, 8, 8, 1) -> (logits (rows, 10), running statistics)."""
    if train:
        keys = jax.random.split(key, len(x) + 1)
    if train and shift:  # data augmentation: each image elsewhere at each epoch
        x = jax.vmap(lambda image, k: augment.random_shift(image, shift, key=k))(
            x, keys[1:]
        )
    h = relu(layers.dense(layers.flatten(x), **params["dense0"]))  # (rows, 128)
    if norm and train:
        h, stats = layers.batch_norm(h, **params["norm"], stats=stats, momentum=0.9)
    elif norm:
        h = layers.batch_norm_inference(h, **params["norm"], stats=stats)
    h = relu(layers.dense(h, **params["dense1"]))  # (rows, 128)
    if train and drop:
        h = layers.dropout(h, rate=drop, key=keys[0])
    return layers.dense(h, **params["dense2"]), stats  # (rows, 10)


def smoothed(logits, labels):
    """The right class gets 0.91 and each wrong one 0.01."""
    rows = losses.smooth_labels(jnp.eye(classes)[labels], 0.1)
    return losses.softmax_cross_entropy(logits, rows)


# The lecture's penalties: Loss + λ Σ|w| and Loss + λ Σw², without a ½; kernels only.
def l1(params):
    return 3e-4 * losses.l1_penalty(params, matching="kernel")


def l2(params):
    return 1e-3 * losses.l2_penalty(params, matching="kernel")


entropy = losses.softmax_cross_entropy_with_integer_labels
stopper = training.early_stopping(patience=5)
ways = {  # name: (apply, loss, options of fit)
    "nothing": (apply, entropy, {}),
    "L1 penalty": (apply, entropy, {"penalty": l1}),
    "L2 penalty": (apply, entropy, {"penalty": l2}),
    "dropout": (partial(apply, drop=0.5), entropy, {}),
    "early stopping": (apply, entropy, {"early_stopping": stopper}),
    "augmentation": (partial(apply, shift=1), entropy, {}),
    "batch norm": (partial(apply, norm=True), entropy, {}),
    "label smoothing": (apply, smoothed, {}),
}

params = start(jax.random.key(0))
stats = layers.BatchStats(jnp.zeros(width), jnp.ones(width))
result = {}
print("                   epochs   train    test   Σw²   |w| < 0.001")
for name, (way, loss, options) in ways.items():
    options = {"validation": (x_test, y_test)} | options
    fitted = training.fit(
        (way, params, stats),
        loss,
        optim.adam(3e-3),
        (x, y),
        key=jax.random.key(1),
        epochs=epochs,
        progress=False,
        **options,
    )
    model = (way, fitted.params, fitted.state)
    train = metrics.accuracy(training.predict(model, x), y)
    test = metrics.accuracy(training.predict(model, x_test), y_test)
    kernels = [v for k, v in fitted.params.items() if k != "norm"]
    size = losses.l2_penalty(kernels, matching="kernel")
    small = jnp.mean(abs(fitted.params["dense1"]["kernel"]) < 1e-3)
    result[name] = (fitted.epochs, train, test, size, small)
    print(f"{name:16s} {fitted.epochs:7d} {train:8.3f} {test:7.3f}", end=" ")
    print(f"{size:6.0f} {small:9.2f}")

if "ASSAY_STEPS" not in os.environ:
    assert all(train > 0.97 for _, train, *_ in result.values())
    assert all(test > 0.8 for _, _, test, *_ in result.values())
    assert result["L2 penalty"][3] < 0.5 * result["nothing"][3]
    assert result["L1 penalty"][4] > 5 * result["nothing"][4]  # L1 makes real zeros
    assert result["early stopping"][0] < epochs
    assert result["augmentation"][2] == max(r[2] for r in result.values())
