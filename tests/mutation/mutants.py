"""Finds mutants with mutmut's operators, and swaps their code into loaded functions.

A mutant is an edit of a file's text. The edited text is compiled but never executed: functions that
are already loaded get its code, so tables, decorators and models that hold such a function run the
mutant. Code that runs at import has no mutants: code outside functions, and default values.
"""

import ast
import gc
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final, TypeVar

import libcst as cst
from libcst._nodes.internal import CodegenState
from libcst.metadata import MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

HIT: Final = "__mutation_hit__"
"""Name of a built-in; recording code calls it with the file and line of each statement."""

Place = tuple[str, str, int]
"""Where a function is defined: absolute path, qualified name, first line."""

T = TypeVar("T")
Loaded = Mapping[Place, Iterable[FunctionType]]


@dataclass(frozen=True)
class Mutant:
    """One edit inside a function: the file's text from `start` to `end` becomes `text`.

    `line` is the first changed line, `statement` the line on which its statement begins.
    """

    file: str
    function: str
    index: int
    line: int
    statement: int
    start: int
    end: int
    text: str

    @property
    def id(self) -> str:
        """Stable as long as the file's name and the function's text are the same."""
        return f"{self.file}::{self.function}::{self.index}"

    def source(self) -> str:
        """The file's text with the edit."""
        text = Path(self.file).read_text("utf-8")
        return text[: self.start] + self.text + text[self.end :]


class _Visitor(MutationVisitor):  # type: ignore[misc]
    """Mutates decorated functions too; mutmut leaves them out, its trampolines need that."""

    def _skip_node_and_children(self, node: Any) -> bool:
        if isinstance(node, cst.FunctionDef):
            node = node.with_changes(decorators=())
        return bool(super()._skip_node_and_children(node))


def find_mutants(file: str) -> list[Mutant]:
    """All mutants of the functions and methods in a file."""
    source = Path(file).read_text("utf-8")
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    visitor = _Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    spans = wrapper.resolve(WhitespaceInclusivePositionProvider)
    tree = ast.parse(source)
    statements, functions = _statements(tree), dict(_functions(tree.body))
    lines = source.splitlines(keepends=True)
    offsets = [0]
    for text in lines:
        offsets.append(offsets[-1] + len(text))
    counts: Counter[str] = Counter()
    found = []
    for mutation in visitor.mutations:
        function, node = mutation.contained_by_top_level_function, mutation.original_node
        defined = _is_function(function) and positions[function.name].start.line
        statement = statements[positions[node].start.line]
        if not defined or statement == defined:
            continue
        start, end = (
            offsets[at.line - 1] + at.column for at in (spans[node].start, spans[node].end)
        )
        indent = lines[statement - 1][: -len(lines[statement - 1].lstrip())]
        old = _render(wrapper.module, node, indent)
        new = _render(wrapper.module, mutation.mutated_node, indent)
        if old != source[start:end]:
            raise AssertionError(f"{file}:{statement}: rendered differently from the source")
        kept = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
        )
        line = source.count("\n", 0, start + kept) + 1
        name = functions[defined]
        counts[name] += 1
        found.append(Mutant(file, name, counts[name], line, statement, start, end, new))
    return found


def _is_function(node: object) -> bool:
    return isinstance(node, cst.FunctionDef)


def _render(module: Any, node: Any, indent: str) -> str:
    state = CodegenState(module.default_indent, module.default_newline)
    state.increase_indent(indent)
    node._codegen(state)
    return "".join(state.tokens)


def _statements(tree: ast.Module) -> dict[int, int]:
    """For each line, the line on which the innermost statement around it begins."""
    return {
        line: node.lineno
        for node in ast.walk(tree)  # outer nodes first
        if isinstance(node, ast.stmt)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def _functions(body: Iterable[ast.stmt], within: str = "") -> Iterator[tuple[int, str]]:
    """The line of each `def` outside functions, and its qualified name."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, within + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{within}{node.name}.")


def sample(mutants: Iterable[Mutant], size: int | None, seed: int) -> list[Mutant]:
    """`size` mutants (None: all), in an order that depends on their ids and the seed alone."""
    return sorted(mutants, key=lambda one: hashlib.sha256(f"{seed} {one.id}".encode()).digest())[
        :size
    ]


def loaded(kind: type[T]) -> list[T]:
    """All objects of a type in memory."""
    gc.unfreeze()  # tests/conftest.py freezes what it collected; frozen objects are not listed
    found = [one for one in gc.get_objects() if isinstance(one, kind)]
    gc.freeze()
    return found


def loaded_functions() -> Loaded:
    """All functions in memory; a file that is loaded twice has two at the same place."""
    found: dict[Place, list[FunctionType]] = {}
    for one in loaded(FunctionType):
        found.setdefault(_place(one.__code__), []).append(one)
    return found


def compiled(tree: ast.Module | str, file: str) -> dict[Place, CodeType]:
    """The code of all functions in a file's text."""
    todo = [compile(tree, str(Path(file).resolve()), "exec", dont_inherit=True)]
    for code in todo:
        todo.extend(one for one in code.co_consts if isinstance(one, CodeType))
    return {_place(code): code for code in todo}


def _place(code: CodeType) -> Place:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def swap(functions: Loaded, codes: Mapping[Place, CodeType]) -> None:
    """Give the loaded functions this code."""
    for place, code in codes.items():
        for function in functions.get(place, ()):
            cells = function.__code__.co_freevars
            if code.co_freevars == cells:
                function.__code__ = code
            elif not code.co_freevars:  # the edit removed the use of `super()`
                function.__code__ = code.replace(co_freevars=cells)


def recording(file: str) -> dict[Place, CodeType]:
    """The code of a file's functions, with a call of HIT on entry and before each statement."""
    tree = ast.parse(Path(file).read_text("utf-8"))
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.Module | ast.ClassDef):
            continue
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                block[:] = [part for one in block for part in (_hit(file, one), one)]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body.insert(0, _hit(file, node))
    return compiled(tree, file)


def _hit(file: str, statement: ast.stmt) -> ast.stmt:
    call = ast.parse(f"{HIT}(({file!r}, {statement.lineno}))").body[0]
    for node in ast.walk(call):
        ast.copy_location(node, statement)
    return call
