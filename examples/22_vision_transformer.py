"""A vision transformer reads handwritten digits; its blocks are one scan.

You should get: 58,570 parameters, listed or scanned; the same logits from both; and a
test accuracy of about 0.9 after 14 epochs of 1,437 digits, cut into 16 patches of 2x2.
"""

import os

import jax
import jax.numpy as jnp
from flax import nnx

from assay import costs, data, layers, losses, metrics, models, optim, training

epochs = 14
rows = int(os.environ.get("ASSAY_STEPS", 0)) * 64 or None  # the tests take two batches

# The network of Dosovitskiy et al., small: the keywords are its paper's words.
sizes = {"channels": 1, "classes": 10, "size": 8, "patch": 2}
sizes |= {"features": 48, "hidden": 96, "depth": 3, "heads": 4}

# Written out: a list of blocks, each with names of its own.
listed = models.ViT(**sizes, rngs=nnx.Rngs(0))
apply, params, state = models.functional(listed)
print("a block:", *params["blocks"]["0"])

# Scanned: the same names once, the layers along the first axis of every array. The
# compiler sees one block, whatever the depth.
scanned = models.ViT(**sizes, scan=True, rngs=nnx.Rngs(0))
apply_scanned, _, _ = models.functional(scanned)
blocks = [params["blocks"][str(i)] for i in range(sizes["depth"])]
stacked = params | {"blocks": layers.stack_params(blocks)}
print("scanned: q_kernel", stacked["blocks"]["attention"]["q_kernel"].shape)

digits = data.digits()
x, y = (a[:rows] for a in digits.train)  # (1437, 8, 8, 1), (1437,)
x_test, y_test = digits.test

one, _ = apply(params, state, x_test[:4])  # (4, 10)
other, _ = apply_scanned(stacked, state, x_test[:4])
print(f"listed and scanned are {abs(one - other).max():.0e} apart")

fitted = training.fit(
    (apply_scanned, stacked, state),
    losses.softmax_cross_entropy_with_integer_labels,
    optim.adamw(4e-3, weight_decay=0.01, mask=optim.decay_mask),
    (x, y),
    key=jax.random.key(1),
    epochs=epochs,
    batch_size=64,
    on_epoch=lambda epoch, row: print(epoch, round(row["loss"], 4)),
)
logits = training.predict((apply_scanned, fitted.params, state), x_test)  # (360, 10)
accuracy = metrics.accuracy(logits, y_test)
print(f"test accuracy {accuracy:.3f}")

assert costs.parameters(params) == costs.parameters(stacked) == 58_570
assert jnp.allclose(one, other, atol=1e-5)
if rows is None:
    assert accuracy > 0.85
