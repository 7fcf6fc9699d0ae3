"""Strict flags for every test: no implicit broadcasting, no implicit promotion."""

import os

# Before JAX starts: eight simulated devices for the sharding laws.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ.setdefault("MPLBACKEND", "Agg")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture
def key():
    """One fixed typed key."""
    return jax.random.key(0)
