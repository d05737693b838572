"""Safe expressions over JSON values: what a flow may compute without being able to do harm.

The grammar is Python's, cut down to a whitelist and compiled once into closures, so nothing is ever handed
to `eval`. Attribute access reads a key of a mapping and nothing else. Every size is capped: source, literals,
depth, integers (64 bit, as JSON writers expect) and results.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_SOURCE_CHARS = 2_000
MAX_NODES = 256
MAX_DEPTH = 24
MAX_LITERAL_CHARS = 1_000
MAX_INT = 2**63 - 1
MAX_TEXT_CHARS = 65_536
MAX_ITEMS = 10_000
MAX_RESULT_WEIGHT = 131_072
MAX_RESULT_DEPTH = 64

Evaluate = Callable[[Mapping[str, Any]], Any]


class ExpressionError(ValueError):
    """The expression is not allowed, or cannot be evaluated over these variables."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; `names` are the variables it reads."""

    source: str
    names: frozenset[str]
    _run: Evaluate = field(repr=False, compare=False)

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The value over `variables` (a variable that is not set reads as None); ExpressionError on failure."""
        try:
            return _bounded(self._run(variables))
        except ExpressionError as error:
            raise ExpressionError(f"{error} in {self.source!r}") from None
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise ExpressionError(f"{error} in {self.source!r}") from error


def compile_expression(source: str) -> Expression:
    """Compile `source`, or raise ExpressionError with what is not allowed in it."""
    text = source.strip()
    if not text:
        raise ExpressionError("the expression is empty")
    if len(text) > MAX_SOURCE_CHARS:
        raise ExpressionError(f"the expression is longer than {MAX_SOURCE_CHARS} characters")
    try:
        tree = ast.parse(text, mode="eval")
        compiler = _Compiler()
        run = compiler.compile(tree.body, 0)
    except ExpressionError as error:
        raise ExpressionError(f"{error} in {text!r}") from None
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise ExpressionError(f"not an expression ({reason}): {text!r}") from error
    return Expression(text, frozenset(compiler.names), run)


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _number(value: Any) -> Any:
    """`value` if it is a number that JSON can carry."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError("the result is not a finite number")
    if isinstance(value, int) and not -MAX_INT <= value <= MAX_INT:
        raise ExpressionError("the result does not fit 64 bits")
    return value


def _bounded(value: Any) -> Any:
    """`value` if its whole tree is small; shared parts count each time, as they do once written as JSON."""
    if not isinstance(value, dict | list | str):
        return value
    weight, stack = 0, [(value, 0)]
    while stack:
        item, depth = stack.pop()
        weight += 1 + (len(item) if isinstance(item, dict | list | str) else 0)
        if weight > MAX_RESULT_WEIGHT or depth > MAX_RESULT_DEPTH:
            raise ExpressionError("the result is too large")
        if isinstance(item, list):
            stack.extend((part, depth + 1) for part in item)
        elif isinstance(item, dict):
            weight += sum(len(key) for key in item)
            stack.extend((part, depth + 1) for part in item.values())
    return value


def _add(left: Any, right: Any) -> Any:
    if _is_number(left) and _is_number(right):
        return _number(left + right)
    both_text = isinstance(left, str) and isinstance(right, str)
    if both_text or (isinstance(left, list) and isinstance(right, list)):
        if len(left) + len(right) > (MAX_TEXT_CHARS if both_text else MAX_ITEMS):
            raise ExpressionError("the result is too large")
        return left + right
    raise ExpressionError(f"cannot add {_kind(left)} and {_kind(right)}")


def _arithmetic(compute: Callable[[Any, Any], Any], sign: str) -> Callable[[Any, Any], Any]:
    def run(left: Any, right: Any) -> Any:
        # Numbers only: `%` formats text and `*` repeats it, and both build arbitrarily large results.
        if not (_is_number(left) and _is_number(right)):
            raise ExpressionError(f"{sign} needs two numbers, not {_kind(left)} and {_kind(right)}")
        return _number(compute(left, right))

    return run


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, dict | list) or (isinstance(container, str) and isinstance(item, str)):
        return item in container
    raise ExpressionError(f"cannot look for {_kind(item)} in {_kind(container)}")


def _round(value: Any, digits: Any = 0) -> Any:
    if not _is_number(value) or type(digits) is not int or not 0 <= digits <= 12:
        raise ExpressionError("round needs a number and from 0 to 12 digits")
    return round(value, digits) if digits else round(value)


def _get(mapping: Any, key: Any, default: Any = None) -> Any:
    """`mapping[key]`, or `default` where the mapping is nothing or lacks the key."""
    if mapping is None:
        return default
    if not isinstance(mapping, dict) or not isinstance(key, str):
        raise ExpressionError("get needs a mapping and a text key")
    return mapping.get(key, default)


def _sized(name: str, compute: Callable[[Any], Any], *kinds: type) -> Callable[..., Any]:
    def run(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise ExpressionError(f"{name} cannot take {_kind(value)}")
        return compute(value)

    return run


def _extreme(name: str, compute: Callable[[Any], Any]) -> Callable[..., Any]:
    def run(*values: Any) -> Any:
        items = values[0] if len(values) == 1 else list(values)
        if not isinstance(items, list):
            raise ExpressionError(f"{name} needs a list or several values")
        return compute(items)

    return run


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "len": _sized("len", len, str, list, dict),
    "abs": _sized("abs", abs, int, float),
    "sum": _sized("sum", lambda items: _number(sum(items)), list),
    "any": _sized("any", any, list),
    "all": _sized("all", all, list),
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "round": _round,
    "get": _get,
}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _add,
    ast.Sub: _arithmetic(operator.sub, "-"),
    ast.Mult: _arithmetic(operator.mul, "*"),
    ast.Div: _arithmetic(operator.truediv, "/"),
    ast.FloorDiv: _arithmetic(operator.floordiv, "//"),
    ast.Mod: _arithmetic(operator.mod, "%"),
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, container: _contains(container, item),
    ast.NotIn: lambda item, container: not _contains(container, item),
}


def _read_key(base: Any, key: str) -> Any:
    if not isinstance(base, dict):
        raise ExpressionError(f"cannot read .{key} of {_kind(base)}")
    if key not in base:
        raise ExpressionError(f"there is no {key!r}")
    return base[key]


def _read_item(base: Any, key: Any) -> Any:
    if isinstance(base, dict) and isinstance(key, str):
        return _read_key(base, key)
    if isinstance(base, list) and type(key) is int:
        if not -len(base) <= key < len(base):
            raise ExpressionError(f"there is no item {key} in a list of {len(base)}")
        return base[key]
    raise ExpressionError(f"cannot read [{_kind(key)}] of {_kind(base)}")


class _Compiler:
    """Turns a syntax tree into closures, refusing every node that is not listed here."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._count = 0

    def compile(self, node: ast.expr, depth: int) -> Evaluate:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            raise ExpressionError("the expression is nested too deeply or has too many parts")
        build = getattr(self, f"_{type(node).__name__.lower()}", None)
        if build is None:
            raise ExpressionError(f"{type(node).__name__} is not allowed")
        compiled: Evaluate = build(node, depth + 1)
        return compiled

    def _all(self, nodes: list[ast.expr], depth: int) -> list[Evaluate]:
        return [self.compile(node, depth) for node in nodes]

    def _constant(self, node: ast.Constant, _depth: int) -> Evaluate:
        value = node.value
        if isinstance(value, str) and len(value) > MAX_LITERAL_CHARS:
            raise ExpressionError(f"a text literal is longer than {MAX_LITERAL_CHARS} characters")
        if value is not None and not isinstance(value, str | bool | int | float):
            raise ExpressionError(f"a {type(value).__name__} literal is not allowed")
        value = _number(value)
        return lambda _variables: value

    def _name(self, node: ast.Name, _depth: int) -> Evaluate:
        name = node.id
        if name.startswith("__"):
            raise ExpressionError(f"the name {name} is not allowed")
        self.names.add(name)
        return lambda variables: variables.get(name)

    def _attribute(self, node: ast.Attribute, depth: int) -> Evaluate:
        base, key = self.compile(node.value, depth), node.attr
        if key.startswith("__"):
            raise ExpressionError(f"the name {key} is not allowed")
        return lambda variables: _read_key(base(variables), key)

    def _subscript(self, node: ast.Subscript, depth: int) -> Evaluate:
        base, key = self.compile(node.value, depth), self.compile(node.slice, depth)
        return lambda variables: _read_item(base(variables), key(variables))

    def _list(self, node: ast.List, depth: int) -> Evaluate:
        parts = self._all(node.elts, depth)
        return lambda variables: [part(variables) for part in parts]

    def _dict(self, node: ast.Dict, depth: int) -> Evaluate:
        keys: list[str] = []
        for key in node.keys:
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                raise ExpressionError("a key of a mapping must be a text literal")
            keys.append(key.value)
        values = self._all(node.values, depth)
        return lambda variables: {key: value(variables) for key, value in zip(keys, values, strict=True)}

    def _boolop(self, node: ast.BoolOp, depth: int) -> Evaluate:
        parts, stop_at = self._all(node.values, depth), isinstance(node.op, ast.Or)

        def run(variables: Mapping[str, Any]) -> Any:
            value: Any = None
            for part in parts:
                value = part(variables)
                if bool(value) is stop_at:
                    break
            return value

        return run

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Evaluate:
        operand = self.compile(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return lambda variables: not operand(variables)
        if isinstance(node.op, ast.USub):
            minus = _BINARY[ast.Sub]
            return lambda variables: minus(0, operand(variables))
        raise ExpressionError(f"{type(node.op).__name__} is not allowed")

    def _binop(self, node: ast.BinOp, depth: int) -> Evaluate:
        compute = _BINARY.get(type(node.op))
        if compute is None:
            raise ExpressionError(f"{type(node.op).__name__} is not allowed")
        left, right = self.compile(node.left, depth), self.compile(node.right, depth)
        return lambda variables: compute(left(variables), right(variables))

    def _compare(self, node: ast.Compare, depth: int) -> Evaluate:
        first, rest = self.compile(node.left, depth), self._all(node.comparators, depth)
        tests: list[tuple[Callable[[Any, Any], bool], Evaluate]] = []
        for sign, side, run in zip(node.ops, node.comparators, rest, strict=True):
            if isinstance(sign, ast.Is | ast.IsNot):
                if not (isinstance(side, ast.Constant) and side.value is None):
                    raise ExpressionError("`is` is for None alone; use ==")
                tests.append((operator.is_ if isinstance(sign, ast.Is) else operator.is_not, run))
            else:
                tests.append((_COMPARE[type(sign)], run))

        def compare(variables: Mapping[str, Any]) -> bool:
            left = first(variables)
            for test, side in tests:
                right = side(variables)
                if not test(left, right):
                    return False
                left = right
            return True

        return compare

    def _ifexp(self, node: ast.IfExp, depth: int) -> Evaluate:
        test, then, other = self._all([node.test, node.body, node.orelse], depth)
        return lambda variables: then(variables) if test(variables) else other(variables)

    def _call(self, node: ast.Call, depth: int) -> Evaluate:
        function = FUNCTIONS.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if function is None or node.keywords:
            raise ExpressionError(f"only {', '.join(FUNCTIONS)} may be called, without keywords")
        arguments = self._all(node.args, depth)
        return lambda variables: function(*(argument(variables) for argument in arguments))
