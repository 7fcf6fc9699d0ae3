"""The plan of the house, as tests: who imports whom, how long things are, what is said.

When one of these is in the way, the design asks for a better place, not an exception.
"""

import ast
import importlib
import inspect
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from assay.verify import discover, mirrored_rooms

HOUSE = Path(importlib.import_module("assay").__file__).parent
ROOT = HOUSE.parent.parent
FILES = sorted(HOUSE.rglob("*.py"))

FLOORS = [
    {"typing", "_check", "__version__"},
    {"_numerics", "_geometry", "autodiff"},
    {
        *("activations", "initializers", "losses", "metrics", "layers", "optim"),
        *("augment", "images", "costs", "sampling"),
    },
    {"models", "data", "training", "weights", "plots"},
    {"verify", "bench"},
    {"cli"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
DOORS = {
    ("layers", "activations"),
    ("losses", "activations"),
    ("augment", "images"),
    ("sampling", "activations"),
}

# A foreign package may be imported only in these rooms; the others may go anywhere.
GUESTS = {
    "jax.nn": {"verify"},
    "jax.scipy.special": {"verify"},
    "jax.example_libraries": {"verify"},
    "flax": {"models", "verify"},
    "optax": {"verify"},
    "chex": {"verify"},
    "torch": {"verify"},
    "keras": {"verify"},
    "scipy": {"verify"},
    "rich": {"cli", "training", "bench", "verify"},
    "sklearn": {"data", "verify"},
    "matplotlib": {"plots"},
    "safetensors": {"weights"},
    "h5py": {"weights"},
}


def room_of(path: Path) -> str:
    """`layers` for layers/_dense.py, `cli` for __main__.py, "" for the front door."""
    name = path.relative_to(HOUSE).parts[0].removesuffix(".py")
    return {"__init__": "", "__main__": "cli"}.get(name, name)


def imports_of(path: Path) -> list[str]:
    """Every dotted name that the file imports, wherever in the file."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def attributes_of(path: Path) -> list[str]:
    """Dotted chains such as jax.nn.relu, which need no import of their own."""
    tree = ast.parse(path.read_text())
    return [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)]


def functions_of(path: Path) -> list[ast.FunctionDef]:
    """Every function of the file, nested ones too."""
    tree = ast.parse(path.read_text())
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]


def code_lines(node: ast.FunctionDef, text: list[str]) -> int:
    """Lines of code without signature continuation, docstring, comments and blanks."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body:
        return 0
    lines = text[body[0].lineno - 1 : node.end_lineno]
    return sum(1 for s in lines if s.strip() and not s.strip().startswith("#"))


def names(path: Path) -> str:
    """Test ids that read like paths."""
    return str(path.relative_to(HOUSE))


@pytest.mark.parametrize("path", FILES, ids=names)
def test_imports_point_downstairs(path):
    """A room imports only rooms on lower floors, and the two doors."""
    room = room_of(path)
    for name in imports_of(path):
        top, _, rest = name.partition(".")
        if top != "assay" or room == "":
            continue
        target = rest.split(".")[0]
        down = FLOOR[target] < FLOOR[room]
        assert down or target == room or (room, target) in DOORS, f"{room} -> {target}"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_guests_stay_in_their_rooms(path):
    """jax.nn, Flax, Optax and the others are imported only where they may be."""
    room = room_of(path)
    for name in imports_of(path) + attributes_of(path):
        for guest, rooms in GUESTS.items():
            if name == guest or name.startswith(guest + "."):
                assert room in rooms, f"{room} may not use {guest}"


# A call that XLA is told not to inline is where its fusion stops.
APART = {"_numerics/_unfused.py", "optim/_grouped.py"}


@pytest.mark.parametrize("path", FILES, ids=names)
def test_no_hidden_jit(path):
    """The caller compiles; training, verify and bench do because it is their job."""
    if room_of(path) in {"training", "verify", "bench", "cli"} or names(path) in APART:
        return
    assert "jax.jit" not in imports_of(path), "say jax.jit, so that it is found"
    assert unlined(ast.parse(path.read_text())) == []


def unlined(tree):
    """The lines that name `jax.jit` without `inline=True`, however they call it."""
    inlined = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if keywords.get("inline") == "True":
                inlined |= {id(n) for n in (node.func, *node.args)}
    named = (n for n in ast.walk(tree) if isinstance(n, ast.Attribute))
    return [
        n.lineno for n in named if ast.unparse(n) == "jax.jit" and id(n) not in inlined
    ]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("jax.jit(f)", [1]),
        ("@jax.jit\ndef f(): 0", [1]),
        ("@partial(jax.jit, inline=False)\ndef f(): 0", [1]),
        ("@partial(jax.jit, inline=True)\ndef f(): 0", []),
        ("jax.jit(f, inline=True)", []),
    ],
)
def test_a_jit_is_found_however_it_is_called(code, found):
    """As a call, a decorator, or a part of one."""
    assert unlined(ast.parse(code)) == found


@pytest.mark.parametrize("path", FILES, ids=names)
def test_files_and_functions_are_short(path):
    """No file over 400 lines, no function over 60 lines of code."""
    text = path.read_text().splitlines()
    assert len(text) <= 400
    long = {f.name: code_lines(f, text) for f in functions_of(path)}
    assert {n: c for n, c in long.items() if c > 60} == {}


def test_the_median_function_has_at_most_eight_lines():
    """Most functions are read at a glance."""
    counts = [
        code_lines(f, p.read_text().splitlines())
        for p in FILES
        if "mirrors" not in p.parts
        for f in functions_of(p)
    ]
    assert statistics.median(counts) <= 8


@pytest.mark.parametrize("room", mirrored_rooms())
def test_mirrors_are_complete(room):
    """Every public function has an independent reference of the same name."""
    mirror = importlib.import_module(f"assay.verify.mirrors.{room}")
    missing = set(discover(room)) - set(vars(mirror))
    assert missing == set()


OTHERS = ("models", "training", "data", "weights", "plots")
PUBLIC = [
    (room, name)
    for room in [*mirrored_rooms(), "autodiff", *OTHERS]
    for name in discover(room)
]


@pytest.mark.parametrize(("room", "name"), PUBLIC)
def test_public_functions_are_documented(room, name):
    """A docstring, and in the pure rooms an example that the doctests run."""
    doc = inspect.getdoc(discover(room)[name]) or ""
    assert doc.splitlines()[:1] not in ([], [""])
    if FLOOR[room] < FLOOR["models"]:
        assert ">>>" in doc, f"{room}.{name} has no example"


@pytest.mark.parametrize(("room", "name"), PUBLIC)
def test_signatures_are_small_and_annotated(room, name):
    """At most four positional parameters, six in all; a peer's signature is kept."""
    from tests.test_signatures import peer_of

    function = discover(room)[name]
    parameters = list(inspect.signature(function).parameters.values())
    bare = [p.name for p in parameters if p.annotation is p.empty]
    assert bare == []
    if peer_of(room, name) is None:
        assert len(parameters) <= 6
        assert sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) <= 5


def test_importing_the_house_is_light():
    """`import assay` loads neither Flax, Optax nor JAX; `assay.cli` no JAX either."""
    code = (
        "import assay, assay.cli, sys;"
        "print(sorted({'jax', 'flax', 'optax'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "[]", out.stderr


def test_what_the_suite_leaves_out_is_run_as_users_compile():
    """A file with a test that is skipped for its bits is one of `scripts/compiled`."""
    command = [ROOT / "scripts" / "compiled", "--list"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    listed = {line.split("::")[0] for line in run.stdout.split()}
    marked = {
        f"tests/{path.name}"
        for path in Path(__file__).parent.glob("test_*.py")
        if "@pytest.mark." + "optimized" in path.read_text()
    }
    assert marked and marked <= listed
    assert all((ROOT / name).exists() for name in listed)


def test_changelog_knows_the_version():
    """The CHANGELOG has an entry for this version, or an Unreleased section."""
    version = importlib.import_module("assay").__version__
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## (Unreleased|\[?{re.escape(version)})", text, re.M)


def test_nothing_names_a_machine():
    """No file of the project carries a path of somebody's machine."""
    places = ["src", "tests", "examples", "benchmarks", "scripts"]
    for path in [p for d in places for p in (ROOT / d).rglob("*.py")]:
        if path != Path(__file__):
            assert not re.search(r"/work/|/tmp/v/|\.\./shared", path.read_text()), path
