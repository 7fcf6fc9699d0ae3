"""LeNet-5 in pure functions, with the lecture's shapes, reading handwritten digits.

You should get: the lecture's table of shapes, 44,426 parameters, and a test accuracy
above 0.96 after five epochs on 1,437 digits enlarged to 28x28.
"""

import os
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp

from assay import (
    costs,
    data,
    initializers,
    layers,
    losses,
    metrics,
    optim,
    plots,
    training,
)
from assay.activations import relu

picture = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "lenet.png"
epochs = 5
rows = int(os.environ.get("ASSAY_STEPS", 0)) * 64 or None  # the tests take two batches


def start(key):
    """He's initialization, because every hidden layer is followed by a ReLU."""
    shapes = {
        "conv1": (5, 5, 1, 6),
        "conv2": (5, 5, 6, 16),
        "dense1": (256, 120),
        "dense2": (120, 84),
        "dense3": (84, 10),
    }
    keys = jax.random.split(key, len(shapes))
    he = initializers.he_uniform()
    return {
        name: {"kernel": he(k, shape), "bias": jnp.zeros(shape[-1])}
        for k, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def lenet(params, x):
    """images (..., 28, 28, 1) -> [every stage's output, the logits (..., 10) last]."""
    stages = [layers.conv(x, **params["conv1"])]  # (..., 24, 24, 6)
    stages += [layers.max_pool(relu(stages[-1]), (2, 2))]  # (..., 12, 12, 6)
    stages += [layers.conv(stages[-1], **params["conv2"])]  # (..., 8, 8, 16)
    stages += [layers.max_pool(relu(stages[-1]), (2, 2))]  # (..., 4, 4, 16)
    stages += [layers.flatten(stages[-1])]  # (..., 256)
    stages += [relu(layers.dense(stages[-1], **params["dense1"]))]  # (..., 120)
    stages += [relu(layers.dense(stages[-1], **params["dense2"]))]  # (..., 84)
    return stages + [layers.dense(stages[-1], **params["dense3"])]  # (..., 10)


def apply(params, state, x, *, key=None, train=False):
    """The form that `fit` takes; LeNet-5 has no state and draws nothing."""
    return lenet(params, x)[-1], state


params = start(jax.random.key(0))
shapes = [s.shape for s in jax.eval_shape(lenet, params, jnp.zeros((28, 28, 1)))]
print("(28, 28, 1)", *shapes, sep=" -> ")
print(f"{costs.parameters(params):,} parameters")

digits = data.digits()
x, y = (a[:rows] for a in digits.train)  # (1437, 8, 8, 1), (1437,)
x, x_test = data.enlarge(x, 28), data.enlarge(digits.test[0], 28)  # (..., 28, 28, 1)
y_test = digits.test[1]

fitted = training.fit(
    (apply, params, {}),
    losses.softmax_cross_entropy_with_integer_labels,
    optim.adam(2e-3),
    (x, y),
    key=jax.random.key(1),
    epochs=epochs,
    batch_size=64,
    validation=(x_test, y_test),
    metrics={"accuracy": metrics.accuracy},
    on_epoch=lambda epoch, row: print(epoch, {k: round(v, 4) for k, v in row.items()}),
)
logits = training.predict((apply, fitted.params, {}), x_test)  # (360, 10)
accuracy = metrics.accuracy(logits, y_test)
print(f"test accuracy {accuracy:.3f}; confusion matrix (rows: the label)")
print(metrics.confusion_matrix(logits.argmax(-1), y_test, classes=10))

try:
    print("picture:", plots.curves(fitted.history, picture))
except ModuleNotFoundError as missing:
    print(missing)

table = [(24, 24, 6), (12, 12, 6), (8, 8, 16), (4, 4, 16), (256,), (120,), (84,), (10,)]
assert shapes == table
assert costs.parameters(params) == 44_426
if rows is None:
    assert accuracy > 0.96
