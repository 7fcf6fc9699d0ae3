"""The losses of the lectures: what each does with one wild error, and with certainty.

You should get: one error of 100 among ten makes the MSE 1000 and the MAE 10; the log
loss of 0.61683123 with label 1 is 0.48315982 (the lecture prints 0.494).
"""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp

from assay import losses, plots

picture = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "losses.png"

# Regression. One number per example comes back; you reduce it: mean, sum, weights.
targets = jnp.zeros(10)
predictions = targets.at[0].set(100.0)  # one outlier, an error of 100
mse = losses.squared_error(predictions, targets).mean()  # 100² / 10
mae = losses.absolute_error(predictions, targets).mean()  # 100 / 10
huber = losses.huber_loss(predictions, targets, delta=1.0).mean()  # (100 - ½) / 10
print(f"an outlier of 100: MSE {mse:.0f}, MAE {mae:.0f}, Huber {huber:.2f}")
# ERRATUM: the lecture prints MSE's formula a second time above the pros "more robust to
# outliers, each error contributes equally". Those belong to MAE, Σ|y - y_hat| / N.

# Huber: ½e² while |e| <= delta, then a straight line. So its slope never exceeds delta.
e = jnp.linspace(-4, 4, 401)  # (401,)
slopes = jax.vmap(jax.grad(losses.huber_loss))(e, jnp.zeros_like(e))
print(f"Huber's slope stays within {slopes.min():.1f} and {slopes.max():.1f}")

# MSLE looks at ratios: 10 for 20 costs about what 1000 for 2000 costs.
small = losses.squared_log_error(jnp.array(10.0), jnp.array(20.0))
large = losses.squared_log_error(jnp.array(1000.0), jnp.array(2000.0))
print(f"MSLE of 10 for 20: {small:.4f}; of 1000 for 2000: {large:.4f}")

# The cost function ½ Σ (y_hat - y)² sums over the outputs of one example.
cost = losses.half_sum_of_squares(
    jnp.array([0.75136507, 0.77292847]), jnp.array([0.01, 0.99])
)
print(f"half sum of squares {cost:.8f}   the lecture: 0.298371109")

# Binary classification. ERRATUM: the lecture's log loss lacks its minus sign, and the
# value it prints, 0.494, is not that of its own y_hat: -log(0.61683123) = 0.48315982.
y_hat, logit = jnp.array(0.61683123), jnp.array(0.47611993)
label = jnp.array(1.0)
log_loss = losses.binary_cross_entropy(y_hat, label)
print(f"log loss {log_loss:.8f}   the lecture: 0.494")
# From the logit it is the same number, and it stays finite where a probability
# has rounded to 0 already.
sure_and_wrong = losses.sigmoid_binary_cross_entropy(jnp.array(-200.0), label)
print(
    f"from the logit: {losses.sigmoid_binary_cross_entropy(logit, label):.8f}", end="; "
)
print(f"sure and wrong, logit -200: {sure_and_wrong:.0f}")

# Several classes: cat, dog, horse. One-hot rows and integer labels say the same.
animals = jnp.array([0, 1, 2, 0, 2, 1])  # (6,)
one_hot = jnp.eye(3)[animals]  # (6, 3)
logits = jax.random.normal(jax.random.key(0), (6, 3))
by_rows = losses.softmax_cross_entropy(logits, one_hot)  # (6,)
by_labels = losses.softmax_cross_entropy_with_integer_labels(logits, animals)  # (6,)
smooth = losses.smooth_labels(one_hot, 0.1)
print("categorical", by_rows.round(3), " smoothed row", smooth[0])

# Silence would be wrong: (6,) against (6, 1) would broadcast to (6, 6). It is refused.
try:
    losses.squared_error(jnp.ones(6), jnp.ones((6, 1)))
    refused = ""
except ValueError as error:
    refused = str(error)
print("refused:", refused)

zero = jnp.zeros_like(e)
drawn = {
    "squared": losses.squared_error(e, zero),
    "absolute": losses.absolute_error(e, zero),
    "huber": losses.huber_loss(e, zero),
    "log loss of logit e, label 1": losses.sigmoid_binary_cross_entropy(e, zero + 1),
    "hinge of e, label 1": losses.hinge_loss(e, zero + 1),
}
try:
    print("picture:", plots.line(picture, drawn, x=e, labels=("error", "loss")))
except ModuleNotFoundError as missing:
    print(missing)

assert abs(mse - 1000) < 1e-3 and abs(mae - 10) < 1e-5 and abs(huber - 9.95) < 1e-5
assert abs(slopes.max() - 1) < 1e-6 and abs(slopes.min() + 1) < 1e-6
assert abs(small - 0.4182) < 1e-3 and abs(large - 0.4798) < 1e-3
assert abs(cost - 0.29837111) < 1e-7 and abs(log_loss - 0.48315982) < 1e-7
assert sure_and_wrong == 200
assert jnp.allclose(by_rows, by_labels, rtol=1e-6)
assert jnp.allclose(smooth[0], jnp.array([1 - 0.1 * 2 / 3, 0.1 / 3, 0.1 / 3]))
assert "same shape" in refused
