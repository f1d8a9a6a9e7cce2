"""The shape of the code, measured: rings, function lengths, file lengths, the floors of the house."""

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator, Set
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "aligntax").rglob("*.py"))
MOST_LINES = 400
MEDIAN_FUNCTION = 12
LONG_FUNCTION = 50


def _functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_long() -> None:
    """No file of the house has over 400 lines."""
    long = {p.name: n for p in SOURCES if (n := len(p.read_text("utf-8").splitlines())) > MOST_LINES}
    assert not long


def test_functions_are_short() -> None:
    """The median function has at most 12 lines, nine in ten have at most 50."""
    lengths = sorted(length for _, _, length in _functions())
    assert statistics.median(lengths) <= MEDIAN_FUNCTION
    assert lengths[int(len(lengths) * 0.9)] <= LONG_FUNCTION


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, names: Set[str]) -> set[str]:
    """Modules a file takes something from, inside functions too: a late import is a dependency too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("aligntax"):
            taken = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= taken if taken <= names else taken | {node.module}
    return found & names


def test_no_ring_of_imports() -> None:
    """No module imports itself by way of others."""
    names = {_module(path): path for path in SOURCES}
    graph = {name: _imports(path, names.keys()) - {name} for name, path in names.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        # a package's __init__ gathers its modules, so a module importing its own package would be a ring
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_public_names_are_listed_and_there() -> None:
    """Every name in an __all__ can be imported, and the list is sorted."""
    for path in SOURCES:
        module = _module(path)
        listed = getattr(__import__(module, fromlist=["__all__"]), "__all__", [])
        for name in listed:
            assert hasattr(__import__(module, fromlist=[name]), name), f"{module}.{name}"


def test_help_imports_nothing_heavy() -> None:
    """`aligntax --help` answers without importing numpy, pyarrow, DuckDB, scipy, rich or jinja2."""
    code = (
        "import sys; from aligntax.cli.app import app; "
        "heavy = {'numpy', 'pyarrow', 'duckdb', 'scipy', 'hyperscan', 'jinja2', 'rich'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_of_this_workplace() -> None:
    """No absolute path of a machine stands in the sources."""
    for path in SOURCES:
        assert "/home/" not in path.read_text("utf-8")
