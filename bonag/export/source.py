"""The source of a network as one file of plain PyTorch."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError

if TYPE_CHECKING:
    from torch import nn

DOCSTRING = '"""A network found by bonag, in plain PyTorch: ``build()`` makes it, with fresh weights."""'


def python_source(network: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """A module with the code of the network's class, ``build()``, and a trial run when it is started as a script.

    The class's module is taken whole, after the modules of its own package from which it imports. The network must
    hold its arguments as literals in the dict ``configuration``. Raises UserError where that is not so.
    """
    kind = type(network).__name__
    arguments = [f"        {name}={_literal(value)}," for name, value in _arguments(network, metadata).items()]
    imports, code = _inlined(importlib.import_module(type(network).__module__), set())
    standard, others = _sorted({*imports, "import torch"})
    count = sum(parameter.numel() for parameter in network.parameters())
    side = metadata["image_size"]
    facts = [f"# {name}: {' '.join(value.split())}" for name, value in metadata.items() if name != "weights"]
    head = [
        DOCSTRING,
        "",
        *facts,
        f"# parameters: {count}",
        "# Its weights come from `bonag export --format state-dict`, a safetensors file that fits build().",
        "# This code is part of bonag, under the Apache License 2.0.",
        "",
        "from __future__ import annotations",
        "",
        *([*standard, ""] if standard else []),
        *others,
    ]
    build = [
        f"def build() -> {kind}:",
        '    """The network, with fresh weights."""',
        f"    return {kind}(",
        *arguments,
        "    )",
    ]
    trial = [
        'if __name__ == "__main__":',
        "    network = build().eval()",
        '    print(f"{sum(parameter.numel() for parameter in network.parameters())} parameters")',
        "    with torch.inference_mode():",
        f"        logits = network(torch.zeros(1, 3, {side}, {side}))",
        '    print(f"logits {tuple(logits.shape)}")',
    ]
    parts = ["\n".join(head), *code, "\n".join(build), "\n".join(trial)]
    return ("\n\n\n".join(parts) + "\n").encode()


def _sorted(imports: set[str]) -> tuple[list[str], list[str]]:
    """Import statements of the standard library, and all others, plain ones first."""
    ordered = sorted(imports, key=lambda line: (line.startswith("from"), line))
    standard = [line for line in ordered if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    return standard, [line for line in ordered if line not in standard]


def _literal(value: Any, indent: str = " " * 8) -> str:
    """The value as code; a sequence of sequences has one item per line."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple) and value and all(isinstance(item, tuple) for item in value):
        if all(isinstance(item, int) for inner in value for item in inner):
            return repr(value)
        lines = [f"{indent}    {_literal(item, indent + '    ')},\n" for item in value]
        return f"(\n{''.join(lines)}{indent})"
    if isinstance(value, tuple) and len(value) > 1:
        return f"({', '.join(_literal(item) for item in value)})"
    return repr(value)


def _arguments(network: nn.Module, metadata: Mapping[str, str]) -> dict[str, Any]:
    configuration = getattr(network, "configuration", None)
    try:
        if isinstance(configuration, dict) and ast.literal_eval(repr(configuration)) == configuration:
            return configuration
    except (ValueError, SyntaxError):
        pass
    raise UserError(
        f"the networks of space '{metadata['space']}' cannot be exported as python: they do not hold their arguments "
        "as literals in a dict 'configuration'; choose state-dict or onnx"
    )


def _inlined(module: ModuleType, done: set[str]) -> tuple[set[str], list[str]]:
    """The imports from other packages, and the code of a module after that of the modules it needs of its own."""
    done.add(module.__name__)
    source = inspect.getsource(module)
    lines = source.splitlines()
    imports: set[str] = set()
    code: list[str] = []
    own: list[str] = []
    body = ast.parse(source).body
    for node, previous in zip(body, [None, *body], strict=False):
        if isinstance(node, ast.ImportFrom) and _same_package(node.module, module):
            if any(name.asname for name in node.names):
                raise UserError(f"'{module.__name__}' cannot be exported as python: it renames what it imports")
            if node.module not in done:
                more, inner = _inlined(importlib.import_module(str(node.module)), done)
                imports |= more
                code += inner
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if getattr(node, "module", None) != "__future__":
                imports.add(ast.unparse(node))
        elif previous is not None or ast.get_docstring(ast.parse(source)) is None:
            # comments and empty lines belong to what follows them
            own += lines[(previous.end_lineno or 0) if previous else 0 : node.end_lineno]
    return imports, [*code, "\n".join(own).strip("\n")]


def _same_package(name: str | None, module: ModuleType) -> bool:
    return name is not None and name.split(".")[0] == module.__name__.split(".")[0]
