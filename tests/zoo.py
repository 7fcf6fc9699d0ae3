"""Where the networks of the extra `zoo` lie, found without importing them."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def folder_of(package: str) -> Path:
    """The folder of an installed package; skips with the reason without it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"the network is in {package}: python -m pip install 'assay[zoo]'")
    return Path(spec.origin).parent


def example(name: str):
    """An example as a module, its main part not run."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
