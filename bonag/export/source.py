"""The source of a network as one file of plain PyTorch."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from search_spaces.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import nn

DOCSTRING = '"""A network found by bonag, in {}: ``build()`` makes it, with fresh weights."""'
OURS = ("bonag", "loops", "search_spaces")


def python_source(
    build: Callable[[], nn.Module], metadata: Mapping[str, str], inputs: tuple[torch.Tensor, ...]
) -> bytes:
    """A module with the code of the network's class, ``build()``, and a trial run when it is started as a script.

    build: makes the network: an object of a class of its own, made with literals. Its class is taken with all that it
    needs of its module, and of modules of the same package. inputs: what the network takes; the trial run gives it
    zeros of these shapes. Raises UserError where that cannot be done.
    """
    network = build()
    kind = type(network)
    owner = kind.__module__.split(".")[0]
    space = metadata["space"]
    if owner in ("torch", "__main__") or kind.__qualname__ != kind.__name__:
        raise UserError(
            f"the networks of space '{space}' cannot be exported as python: build makes a {kind.__module__}."
            f"{kind.__qualname__}, it must be of a class of its own at the top of a module; choose state-dict or onnx"
        )
    arguments = [f"        {name}={_literal(value)}," for name, value in _arguments(build, kind, space).items()]
    imports, code = _inline(kind.__module__, kind.__name__)
    standard, others = _sort_imports({*imports, "import torch"})
    count = sum(parameter.numel() for parameter in network.parameters())
    facts = [f"# {name}: {' '.join(value.split())}" for name, value in metadata.items() if name != "weights"]
    geometric = any(line.split()[1].startswith("torch_geometric") for line in imports)
    head = [
        DOCSTRING.format("PyTorch Geometric" if geometric else "plain PyTorch"),
        "",
        *facts,
        f"# parameters: {count}",
        "# Its weights come from `bonag export --format state-dict`, a safetensors file that fits build().",
        *(["# This code is part of bonag, under the Apache License 2.0."] if owner in OURS else []),
        "",
        "from __future__ import annotations",
        "",
        *([*standard, ""] if standard else []),
        *others,
    ]
    made = [
        f"def build() -> {kind.__name__}:",
        '    """The network, with fresh weights."""',
        f"    return {kind.__name__}(",
        *arguments,
        "    )",
    ]
    trial = [
        'if __name__ == "__main__":',
        "    network = build().eval()",
        '    print(f"{sum(parameter.numel() for parameter in network.parameters())} parameters")',
        "    with torch.inference_mode():",
        f"        logits = network({', '.join(map(_zeros, inputs))})",
        '    print(f"logits {tuple(logits.shape)}")',
    ]
    parts = ["\n".join(head), *code, "\n".join(made), "\n".join(trial)]
    return ("\n\n\n".join(parts) + "\n").encode()


def _zeros(like: torch.Tensor) -> str:
    """The code of a tensor of zeros."""
    shape, kind = ", ".join(map(str, like.shape)), "" if like.is_floating_point() else f", dtype={like.dtype}"
    return f"torch.zeros({shape}{kind})"


def _sort_imports(imports: set[str]) -> tuple[list[str], list[str]]:
    """Import statements of the standard library, and all others, plain ones first."""
    ordered = sorted(imports, key=lambda line: (line.startswith("from"), line))
    standard = [line for line in ordered if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    return standard, [line for line in ordered if line not in standard]


def _literal(value: object, indent: str = " " * 8) -> str:
    """The value as code; a sequence of sequences has one item per line."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple) and value and all(isinstance(item, tuple) for item in value):
        if all(isinstance(item, int) for inner in value for item in inner):
            return repr(value)
        lines = [f"{indent}    {_literal(item, indent + '    ')},\n" for item in value]
        return f"(\n{''.join(lines)}{indent})"
    if isinstance(value, tuple | list) and len(value) > 1:
        items = ", ".join(_literal(item) for item in value)
        return f"({items})" if isinstance(value, tuple) else f"[{items}]"
    return repr(value)


def _arguments(build: Callable[[], nn.Module], kind: type[nn.Module], space: str) -> dict[str, object]:
    """What ``build`` calls the class with, by name."""
    original = kind.__init__
    calls: list[tuple[nn.Module, inspect.BoundArguments]] = []

    def recording(network: nn.Module, *values: object, **named: object) -> None:
        calls.append((network, inspect.signature(original).bind(network, *values, **named)))
        original(network, *values, **named)

    kind.__init__ = recording  # type: ignore[assignment]
    try:
        network = build()
    finally:
        kind.__init__ = original  # type: ignore[method-assign]
    bound = next(found for one, found in calls if one is network)
    bound.arguments.pop(next(iter(bound.arguments)))
    for name, value in bound.arguments.items():
        try:
            sure = not bound.signature.parameters[name].kind.name.startswith("VAR")
            sure = sure and bool(ast.literal_eval(repr(value)) == value)
        except (ValueError, SyntaxError):
            sure = False
        if not sure:
            raise UserError(
                f"the networks of space '{space}' cannot be exported as python: '{name}' of {kind.__name__} is no "
                "literal that has a name; choose state-dict or onnx"
            )
    return bound.arguments


def _inline(module: str, name: str) -> tuple[set[str], list[str]]:
    """The imports from other packages, and the code that the name needs, that of each module after what it needs."""
    wanted: dict[str, set[str]] = {}
    order: list[str] = []
    _collect(module, {name}, wanted, order)
    imports: set[str] = set()
    code: list[str] = []
    for one in order:
        lines, body = _read(one)
        own: list[str] = []
        for node, previous in zip(body, [None, *body], strict=False):
            if not _find_definitions(node) & wanted[one]:
                continue
            if not isinstance(node, ast.Import | ast.ImportFrom):
                # comments and empty lines belong to what follows them
                own += lines[(previous.end_lineno or 0) if previous else 0 : node.end_lineno]
            elif _origin(node, one) is None:
                node.names = [alias for alias in node.names if _bound(alias) in wanted[one]]
                imports.add(ast.unparse(node))
        code.append("\n".join(own).strip("\n"))
    return imports, code


def _collect(module: str, names: set[str], wanted: dict[str, set[str]], order: list[str]) -> None:
    """Add what the names need to what is wanted of each module; order: the modules, each after those that it needs."""
    known = wanted.setdefault(module, set())
    known |= names
    _, body = _read(module)
    grown = -1
    while grown < len(known):
        grown = len(known)
        for node in body:
            if _find_definitions(node) & known:
                known |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    for node in body:
        origin = _origin(node, module)
        if origin is not None and isinstance(node, ast.ImportFrom):
            taken = [alias for alias in node.names if _bound(alias) in known]
            if any(alias.asname for alias in taken):
                raise UserError(f"'{module}' cannot be exported as python: it renames what it imports")
            if {alias.name for alias in taken} - wanted.get(origin, set()):
                _collect(origin, {alias.name for alias in taken}, wanted, order)
    if module not in order:
        order.append(module)


def _read(module: str) -> tuple[list[str], list[ast.stmt]]:
    """The lines of a module and its statements."""
    try:
        source = inspect.getsource(importlib.import_module(module))
    except (OSError, TypeError) as error:
        raise UserError(f"'{module}' cannot be exported as python: its source is not here") from error
    return source.splitlines(), ast.parse(source).body


def _find_definitions(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {_bound(alias) for alias in node.names} - {"annotations"}
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}


def _bound(alias: ast.alias) -> str:
    """The name that an import makes known."""
    return alias.asname or alias.name.split(".")[0]


def _origin(node: ast.stmt, module: str) -> str | None:
    """The module of the same package, or of bonag, from which names are imported; None for any other."""
    if not isinstance(node, ast.ImportFrom):
        return None
    package = sys.modules[module].__package__
    name = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    return name if name.split(".")[0] in (module.split(".")[0], *OURS) else None
