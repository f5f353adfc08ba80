"""The imports between the modules of a package, and those that violate the order of its layers."""

import ast
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def modules(root: Path, package: str) -> dict[str, Path]:
    """Return every module of the package below ``root`` by its dotted name."""
    found = {}
    for path in (root / package).rglob('*.py'):
        parts = path.relative_to(root).with_suffix('').parts
        found['.'.join(parts[:-1] if parts[-1] == '__init__' else parts)] = path
    return found


def imports(known: dict[str, Path], module: str) -> Iterator[tuple[str, int]]:
    """Yield what a module imports from its package, with the line.

    Imports in functions and for type checkers are included.
    """
    package = module.split('.')[0]
    for node in ast.walk(ast.parse(known[module].read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{module}:{node.lineno}: use an absolute import'
            if node.module and node.module.split('.')[0] == package:
                for alias in node.names:
                    inner = f'{node.module}.{alias.name}'
                    yield (inner if inner in known else node.module), node.lineno
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.split('.')[0] == package)


def upward(root: Path, package: str, layers: Sequence[str]) -> list[str]:
    """Return the imports that do not point downwards, each as a line of text with its position.

    Args:
        root: the folder that contains the package.
        package: the name of the package.
        layers: the modules and packages directly in the package, from the bottom up.
    """
    known = modules(root, package)
    rank = {f'{package}.{name}': place for place, name in enumerate(layers)}

    def layer(module: str) -> str:
        return '.'.join(module.split('.')[:2])

    return [
        f'{known[module].relative_to(root)}:{line} imports {imported}, which is not in a layer below {layer(module)}'
        for module in sorted(known)
        if module != package
        for imported, line in imports(known, module)
        if layer(imported) != layer(module) and rank[layer(module)] <= rank.get(layer(imported), len(rank))
    ]


def circle(root: Path, package: str) -> list[str]:
    """Return the modules of one import cycle, in order; an empty list if there is none."""
    known = modules(root, package)
    graph = {module: {each for each, _ in imports(known, module)} - {module} for module in known}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
