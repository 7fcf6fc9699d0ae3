"""Strict flags for every test: no implicit broadcasting, no implicit promotion."""

import functools
import gc
import itertools
import os
from importlib.metadata import version

# Before JAX starts: eight simulated devices for the sharding laws. And no optimizing
# of programs that run once: the suite takes half the time. `scripts/compiled` runs what
# depends on how XLA compiles with the flags that users have.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    " --xla_llvm_disable_expensive_passes=true"
    # The workers fill the cores: one thread compiles a program.
    " --xla_cpu_parallel_codegen_split_count=1"
    # Another jaxlib ends the process at a flag that it does not know.
    + " --xla_cpu_use_fusion_emitters=false"
    * version("jaxlib").startswith("0.10."),
)
os.environ.setdefault("MPLBACKEND", "Agg")

# Which line of Python an operation comes from: pytest's stack is deep, and every
# program pays for all of it.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


# jaxlib 0.10 compiles a small program as fast as a cache gives it back, and takes as
# long to make the context where it is lowered: one for a hundred programs is a fifth of
# the suite's time. Later versions share contexts themselves, and compile slowly.
if version("jaxlib").startswith("0.10."):
    from jax._src.interpreters import mlir

    new_context, calls = mlir.make_ir_context, itertools.count()
    shared = functools.lru_cache(1)(lambda _: new_context())
    mlir.make_ir_context = lambda: shared(next(calls) // 100)
elif not jax.config.jax_compilation_cache_dir:  # the workers' and the next run's
    cache = os.path.join(os.path.dirname(__file__), "..", ".pytest_cache", "xla")
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_addoption(parser):
    """What CI asks of one interpreter only."""
    told = "ask the laws about NumPy arrays in one program, not operation by operation"
    parser.addoption("--compiled-laws", action="store_true", help=told)


def pytest_collection_finish():
    """What is there now stays: tracing makes much garbage, collected more rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(items):
    """What states the last bits that the optimizer gives is left to it."""
    if "optimization_level=0" not in os.environ["XLA_FLAGS"]:
        return
    skip = pytest.mark.skip(reason="its bits are the optimizer's: scripts/compiled")
    for item in items:
        if item.get_closest_marker("optimized"):
            item.add_marker(skip)


@pytest.fixture
def key():
    """One fixed typed key."""
    return jax.random.key(0)


@pytest.fixture
def x64():
    """float64 is float64, in this test alone."""
    with jax.enable_x64(True):
        yield
