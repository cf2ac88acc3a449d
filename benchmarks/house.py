"""Counts of the house: how much code there is, and what a reader of the flow must know.

    python benchmarks/house.py [--run]

With `--run`, a copy of the project runs `kedro run`, and the files whose functions it calls are
counted.
"""

import ast
import collections
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import grimp
from kedro.framework.startup import bootstrap_project
from projects import PROJECT, project_copy

PACKAGE = PROJECT / "src/tabular_lstm"
KIND = re.compile(r"\b(TWO_CLASSES|NUMBER|CLASSES)\b|\.kind\s*(==|!=|in)\b")
TOUCHED = """
import sys, threading
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

files = set()


def called(frame, event, argument):
    if frame.f_code.co_name != "<module>" and "tabular_lstm" in frame.f_globals.get("__name__", ""):
        files.add(frame.f_code.co_filename)


bootstrap_project(".")
threading.setprofile(called)
sys.setprofile(called)
with KedroSession.create(".") as session:
    session.run()
sys.setprofile(None)
print("files with a function that a kedro run calls:", len(files))
"""


def statements(code: str) -> int:
    """Count the statements, without docstrings."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.stmt)]
    strings = [
        node
        for node in nodes
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return len(nodes) - len(strings)


def names_of_several_modules(codes: dict[Path, str]) -> list[str]:
    """Name the functions and classes that several modules define; a leading `_` does not count."""
    modules = collections.defaultdict(set)
    for path, code in codes.items():
        for node in ast.parse(code).body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            if node.name != "create_pipeline":
                modules[node.name.strip("_")].add(path)
    return sorted(name for name, paths in modules.items() if len(paths) > 1)


def circle() -> list[str]:
    """Name the modules of a circle of imports, also of imports for types alone."""
    graph = grimp.build_graph("tabular_lstm")
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def most_inputs() -> list[tuple[int, str]]:
    """Give the nodes with the most inputs, and their number."""
    from tabular_lstm.pipeline_registry import register_pipelines  # noqa: PLC0415

    bootstrap_project(PROJECT)
    nodes = {node.name: node for p in register_pipelines().values() for node in p.nodes}
    return sorted(((len(node.inputs), name) for name, node in nodes.items()), reverse=True)[:5]


def main() -> None:
    """Print the counts."""
    codes = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
    asks = [path for path, code in codes.items() if KIND.search(code) and path.stem != "task"]
    shared = names_of_several_modules(codes)
    print("statements:", sum(map(statements, codes.values())))
    print("files:", len(codes), "of", sum(len(c.splitlines()) for c in codes.values()), "lines")
    print("lines of tests:", sum(len(p.read_text().splitlines()) for p in tests()))
    print("files that ask for the kind of task:", len(asks))
    print("functions and classes of one name in several modules:", len(shared), *shared)
    print("circle of imports:", " → ".join(circle()) or "none")
    print("nodes with the most inputs:", *(f"{name} {count}" for count, name in most_inputs()))
    if "--run" in sys.argv:
        with project_copy() as project:
            subprocess.run([sys.executable, "-c", TOUCHED], cwd=project, check=True)


def tests() -> list[Path]:
    """List the test modules."""
    return sorted((PROJECT / "tests").rglob("*.py"))


if __name__ == "__main__":
    main()
