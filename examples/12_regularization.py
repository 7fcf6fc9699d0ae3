"""Eight ways to regularize, on 300 digits of which one in five carries a wrong label.

You should get: without any, every wrong label learned by heart and a test accuracy of
0.73; penalties, early stopping and shifted images above 0.8, dropout between. Label
smoothing and batch norm do other things: less certainty, faster training.
"""

import os
from collections import namedtuple

import jax
import jax.numpy as jnp
from jax import lax

from assay import augment, data, initializers, layers, losses, metrics, optim, training
from assay.activations import relu, softmax

epochs = int(os.environ.get("ASSAY_STEPS", 60))
rows, batch, width, classes = 300, 30, 128, 10
strength = {  # of each way where it is used; one at a time
    "l1": 3e-3,  # Loss + λ Σ |w|
    "l2": 1e-2,  # Loss + λ Σ w², as the lecture has it: without a ½
    "dropout": 0.5,  # the chance of a hidden unit to be set to 0
    "early_stopping": 1,  # keep the best epoch's parameters, stop after 5 worse ones
    "augmentation": 1,  # each image shifted elsewhere at each step
    "batch_norm": 1,
    "label_smoothing": 0.3,  # 1 - 0.9 α for the right class, 0.1 α for each other
}
penalties, he = (losses.l1_penalty, losses.l2_penalty), initializers.he_uniform()
# Numbers, so that one program trains them all: row 0 uses nothing, row 1 L1, ...
Way = namedtuple("Way", strength)
ways = Way(*jnp.diag(jnp.array([0.0, *strength.values()]))[:, 1:].T)  # (8,) each

digits = data.digits()  # images (..., 8, 8, 1) in [0, 1], labels (...,)
x, y, x_test, y_test = map(jnp.asarray, (*digits.train, *digits.test))
x, y = x[:rows], y[:rows]
y = y.at[::5].set((y[::5] + 3) % classes)  # every fifth row lies
sizes = {"one": (64, width), "two": (width, width), "three": (width, classes)}
params = {
    name: {"kernel": he(jax.random.key(i), size), "bias": jnp.zeros(size[1])}
    for i, (name, size) in enumerate(sizes.items())
}
start = params, layers.BatchStats(jnp.zeros(width), jnp.ones(width))


def network(params, stats, way, x, key=None):
    """(rows, 8, 8, 1) -> logits (rows, 10), statistics. With a key: as in training."""
    if key is not None:
        moved = jax.vmap(lambda image, k: augment.random_shift(image, 1, key=k))
        x = jnp.where(way.augmentation > 0, moved(x, jax.random.split(key, len(x))), x)
    h = relu(layers.dense(layers.flatten(x), **params["one"]))  # (rows, 128)
    even = layers.batch_norm_inference(h, None, None, stats)
    if key is not None:
        even, stats = layers.batch_norm(h, None, None, stats, momentum=0.9)
        h = layers.dropout(h, rate=way.dropout, key=key)
    h = jnp.where(way.batch_norm > 0, even, h)
    h = relu(layers.dense(h, **params["two"]))  # (rows, 128)
    return layers.dense(h, **params["three"]), stats


def loss(params, stats, way, x, y, key=None):
    logits, stats = network(params, stats, way, x, key)
    labels = losses.smooth_labels(jnp.eye(classes)[y], way.label_smoothing)
    l1, l2 = (f(params, matching="kernel") for f in penalties)
    value = losses.softmax_cross_entropy(logits, labels).mean()
    return value + way.l1 * l1 + way.l2 * l2, stats


def train(way):
    """One way, from the same start: what came out, a number each."""
    tx, watcher = optim.adam(3e-3), training.early_stopping(patience=5)

    def step(carry, batch):
        params, stats, state = carry
        grads, stats = jax.grad(loss, has_aux=True)(params, stats, way, *batch)
        updates, state = tx.update(grads, state, params)
        return (optim.apply_updates(params, updates), stats, state), None

    def epoch(carry, key):
        learner, watch = carry
        order = jax.random.permutation(key, rows).reshape(-1, batch)
        batches = (x[order], y[order], jax.random.split(key, len(order)))
        learner, _ = lax.scan(step, learner, batches)
        val_loss, _ = loss(*learner[:2], way, x_test, y_test)
        new = watcher.update(val_loss, watch, learner[:2])  # a pure init/update pair
        watch = jax.tree.map(lambda a, b: jnp.where(watch.stop, a, b), watch, new)
        return (learner, watch), val_loss

    carry = ((*start, tx.init(start[0])), watcher.init(start))
    keys = jax.random.split(jax.random.key(1), epochs)
    (learner, watch), val_losses = lax.scan(epoch, carry, keys)
    early = way.early_stopping > 0
    kept = jax.tree.map(lambda *a: jnp.where(early, *a), watch.kept, learner[:2])
    logits, _ = network(*kept, way, x_test)
    return {
        "train": metrics.accuracy(network(*kept, way, x)[0], y),  # lies included
        "test": metrics.accuracy(logits, y_test),
        "sure": softmax(logits).max(axis=-1).mean(),  # of its own answers
        "Σw²": losses.l2_penalty(kept[0], matching="kernel"),
        "w≈0": jnp.mean(abs(kept[0]["two"]["kernel"]) < 1e-3),
        "early": val_losses[0],  # the test loss after one epoch
        "epochs": jnp.where(early, watch.seen, epochs),
    }


table, result = jax.jit(jax.vmap(train))(ways), {}  # eight networks side by side
for i, name in enumerate(["nothing", *strength]):
    result[name] = {k: float(v[i]) for k, v in table.items()}
    print(f"{name:15s}", *[f"{k} {v:<6.3g}" for k, v in result[name].items()])

nothing = result["nothing"]
if epochs == 60:
    assert nothing["train"] > 0.99 and nothing["test"] < 0.83
    assert all(result[name]["test"] > nothing["test"] for name in list(strength)[:5])
    assert result["l2"]["Σw²"] < 0.5 * nothing["Σw²"]
    assert result["l1"]["w≈0"] > 0.3 > 10 * nothing["w≈0"]  # L1 makes zeros
    assert result["early_stopping"]["epochs"] < epochs
    assert result["label_smoothing"]["sure"] < nothing["sure"] - 0.1
    assert result["batch_norm"]["early"] < nothing["early"]
