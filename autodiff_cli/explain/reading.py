"""Where a value of the program may go on to, read off its syntax tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.language import syntax
from autodiff_cli.language.names import BuiltIn, Variable, assigned_name

if TYPE_CHECKING:
    from autodiff_cli.explain.places import Places
    from autodiff_cli.language.names import Names, Scope

THROUGH = (
    syntax.Argument,
    syntax.ArrayLiteral,
    syntax.Attribute,
    syntax.Binary,
    syntax.Evaluate,
    syntax.If,
    syntax.Index,
    syntax.Unary,
)
"""What a value goes through on its way up the tree."""


class Reading:
    """Which expressions read a variable, which function it holds, and where that is called.

    A variable is a scope and a slot in it.
    """

    def __init__(self, names: Names, places: Places) -> None:
        self._names = names
        self._places = places
        self._readers: dict[tuple[Scope, int], list[syntax.Name]] = {}
        self._functions: dict[tuple[Scope, int], list[syntax.Function]] = {}
        for name, binding in names.bindings.items():
            if isinstance(binding, Variable):
                self._readers.setdefault(self._variable(name, binding), []).append(name)
        for function in names.scopes:
            variable = self._holder(function)
            if variable is not None:
                self._functions.setdefault(variable, []).append(function)

    def onward(self, node: Any) -> list[Any] | None:
        """The expressions that take the value of one; None where they are not known.

        None too where it is the program's.
        """
        for parent, child in self._places.above(node):
            if isinstance(parent, syntax.Call):
                if child is parent.function:
                    return None
                if self._is_primitive(parent):
                    continue
                return self._parameter(parent, child)
            if isinstance(parent, syntax.Assign):
                names = [assigned_name(target).name for target in parent.targets]
                return [use for name in names for use in self._reads(name, parent)]
            if isinstance(parent, syntax.For):
                return self._reads(parent.target.name, parent)
            if isinstance(parent, syntax.InputItem):
                return self._reads(parent.name.name, parent)
            if isinstance(parent, (syntax.Return, syntax.Function)):
                return self._calls(node)
            if isinstance(parent, syntax.Block):
                if child is not parent.statements[-1]:
                    return []
            elif isinstance(parent, (syntax.While, syntax.Assert, syntax.Print)):
                return []
            elif not isinstance(parent, THROUGH):
                return None
        return None

    def _is_primitive(self, call: syntax.Call) -> bool:
        if not isinstance(call.function, syntax.Name):
            return False
        binding = self._names.bindings.get(call.function)
        return isinstance(binding, BuiltIn) and binding.name in TABLE

    def _parameter(self, call: syntax.Call, argument: Any) -> list[Any] | None:
        """The uses of the parameter that an argument of a call becomes."""
        if not isinstance(call.function, syntax.Name):
            return None
        binding = self._names.bindings.get(call.function)
        if not isinstance(binding, Variable):
            return None
        functions = self._functions.get(self._variable(call.function, binding), [])
        position = call.arguments.index(argument)
        if len(functions) != 1 or position >= len(functions[0].parameters):
            return None
        scope = self._names.scopes[functions[0]]
        name = functions[0].parameters[position].name
        return list(self._readers.get((scope, scope.slots[name]), []))

    def _calls(self, node: Any) -> list[Any] | None:
        """The calls of the function that a node stands in."""
        function = self._function(node)
        variable = None if function is None else self._holder(function)
        if variable is None or len(self._functions[variable]) != 1:
            return None
        calls = []
        for name in self._readers.get(variable, []):
            call, _ = next(self._places.above(name))
            if not isinstance(call, syntax.Call) or call.function is not name:
                return None
            calls.append(call)
        return calls

    def _reads(self, name: str, node: Any) -> list[Any]:
        """The uses of a name that is bound where a node stands."""
        scope = self._scope(node)
        return list(self._readers.get((scope, scope.slots[name]), []))

    def _variable(self, name: syntax.Name, binding: Variable) -> tuple[Scope, int]:
        scope = self._scope(name)
        for _ in range(binding.depth):
            assert scope.parent is not None
            scope = scope.parent
        return scope, binding.slot

    def _holder(self, function: Any) -> tuple[Scope, int] | None:
        """The variable that a function is the value of."""
        for parent, _ in self._places.above(function):
            if isinstance(parent, syntax.FunctionDefinition) and function is parent.function:
                name = parent.name.name
            elif isinstance(parent, syntax.Assign) and parent.values == (function,):
                name = assigned_name(parent.targets[0]).name
            else:
                return None
            scope = self._scope(parent)
            return scope, scope.slots[name]
        return None

    def _scope(self, node: Any) -> Scope:
        function = self._function(node)
        return self._names.top if function is None else self._names.scopes[function]

    def _function(self, node: Any) -> Any:
        """The innermost function around a node."""
        for parent, _ in self._places.above(node):
            if isinstance(parent, syntax.Function):
                return parent
        return None
