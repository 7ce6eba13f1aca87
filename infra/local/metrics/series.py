"""Samples as CloudWatch shows them: one value for each period, and expressions of such values.

Periods begin at multiples of their length (CloudWatch guide, "Periods"). Of CloudWatch's metric
math there is what the stack uses: arithmetic, comparisons, `IF` and `FILL` with a number; anything
else raises `UnsupportedError`.
"""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from infra.local.metrics.samples import Metric, Sample

Value = float | None
"""None where a period has no data."""


class UnsupportedError(Exception):
    """A statistic or an expression that is not known here."""


_STATISTICS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Sum": sum,
}
_OPERATORS: Final[Mapping[type[ast.AST], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


def begin_of(at: float, period_s: int) -> float:
    """When the period began in which this time lies."""
    return at // period_s * period_s


def aggregate(
    samples: Iterable[Sample],
    metric: Metric,
    statistic: str,
    begins: Sequence[float],
    period_s: int,
) -> list[Value]:
    """A metric's value for each of the periods that begin at these times."""
    if statistic not in _STATISTICS:
        raise UnsupportedError(f"the statistic {statistic}")
    found: dict[float, list[float]] = {begin: [] for begin in begins}
    for sample in samples:
        if sample.metric == metric:
            values = found.get(begin_of(sample.at, period_s))
            if values is not None:
                values.append(sample.value)
    return [float(_STATISTICS[statistic](values)) if values else None for values in found.values()]


def compute(expression: str, values: Mapping[str, Value]) -> Value:
    """The value of an expression in one period; None if a value that it needs is missing."""
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError as error:
        raise UnsupportedError(f"the expression {expression}") from error
    return _compute(tree, values)


def _compute(node: ast.AST, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _apply(type(sign), _compute(left, values), _compute(right, values))
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _OPERATORS:
            return _apply(type(sign), _compute(left, values), _compute(right, values))
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Constant(value=number)]):
            value = _compute(filled, values)
            return float(number) if value is None else value  # type: ignore[arg-type] # a number
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            chosen = _compute(condition, values)
            return None if chosen is None else _compute(then if chosen else otherwise, values)
    raise UnsupportedError(f"'{ast.unparse(node)}' in an expression")


def _apply(sign: type[Any], left: Value, right: Value) -> Value:
    if left is None or right is None or (sign is ast.Div and right == 0):
        return None
    return float(_OPERATORS[sign](left, right))
