"""The same names, written by someone else: one file a room, evaluated in float64.

A mirror is an import (jax.nn, Optax, scikit-learn, SciPy) or a few lines of NumPy, and
never calls the primitive that it checks. `_given` says which inputs each is tried on.
"""
