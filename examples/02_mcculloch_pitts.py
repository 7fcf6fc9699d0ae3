"""The McCulloch-Pitts neuron (1943): count the excited inputs, fire at a threshold.

You should get: the truth table of AND twice, theta = 2 from the lecture's rule, and a
football fan who watches 7 of 16 games, and none while he is not at home.
"""

import jax.numpy as jnp

from assay import data, layers

bits = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (4, 2)
w = jnp.ones(2)  # (2,) every excitatory input counts alike

# 1. The lecture's example: theta = 1.5 makes AND.
y = layers.mcculloch_pitts(bits, w, 1.5)  # (4,)
print("x1 x2  sum  y")
for row, total, fired in zip(bits, bits @ w, y, strict=True):
    print(f"{row[0]:2.0f} {row[1]:2.0f}  {total:3.0f}  {fired:.0f}")

# 2. The theta rule: n inputs of weight w, p inhibitory: theta >= n·w - p.
# ERRATUM: the lecture also writes theta > n·w - p. Its own example, theta = 2 with the
# neuron firing at sum >= theta, needs >=: with theta > 2 the neuron would never fire.
theta = layers.mcculloch_pitts_theta(2, 1, 0)
y_rule = layers.mcculloch_pitts(bits, w, theta)
y_strict = layers.mcculloch_pitts(bits, w, theta + 0.5)
print(f"theta >= {theta}: {y_rule}   theta > {theta}: {y_strict}")

# 3. Will I watch the game on television? Four questions, 16 possible answers.
questions = data.football().names
answers, watched = data.football().train  # (16, 4), (16,)
print("questions:", ", ".join(questions))
# "not home" inhibits: that one input silences the neuron, whatever the others say.
# Inhibitory inputs have no weight; they are an argument of their own.
inhibitory = answers[:, 2:3]  # (16, 1)
excitatory = answers[:, [0, 1, 3]]  # (16, 3) may fire it, by themselves or together
fires = layers.mcculloch_pitts(
    excitatory, jnp.ones(3), theta=1, inhibitory=inhibitory
)  # (16,)
print("answers that make him watch:", *answers[fires == 1].astype(int).tolist())
# ERRATUM: the lecture labels the output {0: "will watch it", 1: "won't watch it"} and
# then says of x3 that "my output will always be 0, the neuron will never fire" to mean
# that he cannot watch. Both cannot be: here, as the rest of the lecture has it, 1 means
# "will watch" and the silent neuron, 0, means "will not".

assert y.tolist() == [0, 0, 0, 1]
assert theta == 2
assert y_rule.tolist() == [0, 0, 0, 1] and y_strict.tolist() == [0, 0, 0, 0]
assert fires.tolist() == watched.tolist() and fires.sum() == 7
assert (fires[answers[:, 2] == 1] == 0).all()  # not home: never
