"""What every name of a program refers to, found before the program runs.

Functions have a scope of their own, blocks do not. A name that no statement of its
scope or of an enclosing one binds is built in, or else an input.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import ProgramError, did_you_mean
from autodiff_cli.language import syntax
from autodiff_cli.language.elsewhere import elsewhere
from autodiff_cli.language.library import expanded
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from autodiff_cli.language.source import Span

AS_STATEMENT = "make the `if` a statement of its own, whose value nothing takes"

ATTRIBUTES = ("T", "shape", "grad")

NO_FUNCTIONS = (
    syntax.Number,
    syntax.String,
    syntax.ArrayLiteral,
    syntax.Unary,
    syntax.Binary,
    syntax.Comparison,
    syntax.Logical,
)
"""Expressions whose value is never a function."""

PYTHON_CONSTANTS = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "there is no value that is none; a number that is not known is `nan`",
}
"""Names that nobody means as an input."""

MODULES = frozenset(("np", "numpy", "math", "torch", "jnp", "jax", "scipy", "F"))
"""What functions are called by in other systems."""

METHODS = {
    "item": "`$` is a number as it is, where it has one element",
    "numpy": "`$` is an array as it is",
    "tolist": "`$` is an array as it is",
    "clone": "a value never changes: write `$`",
    "copy": "a value never changes: write `$`",
    "size": "write `len($)`, or `$.shape`",
    "ndim": "write `len($.shape)`",
    "requires_grad": "every variable can be differentiated by: `--wrt $`",
    "requires_grad_": "every variable can be differentiated by: `--wrt $`",
    "view": "write `reshape($, …)`",
    "pow": "write `$ ^ …`",
    "t": "write `$.T`",
}
"""What other systems write after a point, and what to write here; `$` is what stands before."""

DIFFERENTIATED = {"grad": 1, "jacobian": 1, "hessian": 1, "zero_grad": 0}
"""Built-in functions that take a name to differentiate by, and which argument that is."""


HEAD = 3
"""How many slots of a frame come before its variables: see `interpreter.values.Frame`."""


@record
class Variable:
    """Slot `slot` of the scope that is `depth` functions further out."""

    depth: int
    slot: int


@record
class BuiltIn:
    name: str


class Scope:
    """The variables of a function, or of the program."""

    def __init__(self, function: syntax.Function | None, parent: Scope | None) -> None:
        self.function = function
        self.parent = parent
        self.slots: dict[str, int] = {}
        self.bound_at: dict[str, Span] = {}
        """Where each name is first bound; an undeclared input's is where it is first read."""
        self.targets: dict[str, int] = {}
        """The names that can be differentiated by, each with the slot of its node."""
        self.differentiated: set[str] = set()
        """Those that the program itself differentiates by: their first values are marked."""

    def bind(self, name: str, span: Span) -> None:
        if name not in self.slots:
            self.slots[name] = self.size
            self.bound_at[name] = span

    def make_target(self, name: str) -> None:
        if name not in self.targets:
            self.targets[name] = self.size

    @property
    def chain(self) -> list[Scope]:
        """The scope and those around it, inner ones first."""
        found = [self]
        while found[-1].parent is not None:
            found.append(found[-1].parent)
        return found

    @property
    def size(self) -> int:
        """How many slots a frame has: its head, and one for each variable and node."""
        return HEAD + len(self.slots) + len(self.targets)


@record
class InputName:
    """An input of the program: declared by `input`, or read and never bound."""

    name: str
    declared: bool
    has_default: bool
    span: Span


@record
class Resolved:
    """The tree of a program, with what its names refer to.

    Attributes:
        scopes: the scope of every function, and of the program under its `Program`.
        nodes: what `walk` finds in the body of each of these, found once.
        bindings: what each `Name` that is read refers to.
        inputs: in the order in which the source first names them.
        results: the names that the last statement gives its value; empty where it has none.
    """

    tree: syntax.Program
    scopes: dict[Any, Scope]
    nodes: dict[Any, list[Any]]
    bindings: dict[syntax.Name, Variable | BuiltIn]
    inputs: dict[str, InputName]
    results: tuple[str, ...]

    @property
    def top(self) -> Scope:
        return self.scopes[self.tree]

    def uses(self, name: str) -> list[syntax.Name]:
        """Every place that reads the top-level variable `name`, in order of the source."""
        slot = self.top.slots[name]
        found = []
        for owner, nodes in self.nodes.items():
            chain = self.scopes[owner].chain
            depth = len(chain) - 1 if chain[-1] is self.top else None
            for node in nodes:
                read = self.bindings.get(node) if isinstance(node, syntax.Name) else None
                if isinstance(read, Variable) and (read.depth, read.slot) == (depth, slot):
                    found.append(node)
        return found


def resolve(
    program: syntax.Program, built_in: Collection[str], session: Scope | None = None
) -> Resolved:
    """Finds what every name refers to.

    Args:
        session: the variables of the statements before, to which this one adds its own; a name
            that none of them binds is then no input.

    Raises:
        ProgramError: a function that is called is unknown, or a statement stands where it
            means nothing (`break` outside a loop).
    """
    top = session or Scope(None, None)
    program = expanded(program, lambda owner: _bound_by(owner, top))
    resolved = Resolved(program, {program: top}, {}, {}, {}, result_names(program))
    owners: list[Any] = [program]
    bound: set[syntax.Name] = set()
    for owner in owners:
        scope, nodes = resolved.scopes[owner], list(walk(owner.body))
        resolved.nodes[owner] = nodes
        parameters = owner.parameters if isinstance(owner, syntax.Function) else ()
        _check_parameters(parameters)
        for name in [*parameters, *bound_in(nodes)]:
            scope.bind(name.name, name.span)
            bound.add(name)
        for node in nodes:
            if isinstance(node, syntax.FunctionDefinition):
                _check_derivative(node)
            elif isinstance(node, syntax.Function):
                resolved.scopes[node] = Scope(node, None if node.closed else scope)
                owners.append(node)
            elif isinstance(node, syntax.InputItem) and owner is program:
                resolved.inputs[node.name.name] = InputName(
                    node.name.name, True, node.default is not None, node.name.span
                )
    for owner, scope in resolved.scopes.items():
        _check_placement(owner.body, scope.function is not None)
        for node in resolved.nodes[owner]:
            if isinstance(node, syntax.Name) and node not in bound:
                resolved.bindings[node] = _lookup(node, scope, resolved, built_in, top is session)
            elif isinstance(node, syntax.Attribute) and node.name not in ATTRIBUTES:
                raise _unknown_attribute(node, built_in)
            elif isinstance(node, syntax.Call):
                _check_called(node, scope, resolved, built_in)
    for owner, scope in resolved.scopes.items():
        _find_targets(resolved, resolved.nodes[owner], scope)
    resolved.inputs = dict(sorted(resolved.inputs.items(), key=lambda item: item[1].span.start))
    return resolved


def _bound_by(owner: syntax.Program | syntax.Function, top: Scope) -> set[str]:
    """The names that a function binds; of a program, those of its session too."""
    names = {name.name for name in bound_in(walk(owner.body))}
    if isinstance(owner, syntax.Function):
        return names | {parameter.name for parameter in owner.parameters}
    return names | set(top.slots)


def result_names(program: syntax.Program) -> tuple[str, ...]:
    """What the last top-level statement calls its value."""
    last = program.body.statements[-1]
    if isinstance(last, syntax.Evaluate):
        return ("result",)
    if isinstance(last, syntax.Assign):
        return tuple(assigned_name(target).name for target in last.targets)
    return ()


def assigned_name(target: syntax.Name | syntax.Index) -> syntax.Name:
    if isinstance(target, syntax.Name):
        return target
    assert isinstance(target.base, syntax.Name)
    return target.base


def children(node: Any) -> list[Any]:
    """The parts of a node, in order of the source; of a function, parameters and body."""
    parts: list[Any] = []
    kind: Any = type(node)
    for name in _fields_of_nodes(kind):
        child = getattr(node, name)
        if type(child) is tuple:
            parts.extend(child)
        elif child is not None:
            parts.append(child)
    return parts


@cache
def _fields_of_nodes(kind: Any) -> tuple[str, ...]:
    """The fields of a kind of node that hold nodes, in order of the source."""
    return tuple(name for name, type in kind.__annotations__.items() if type not in syntax.PLAIN)


def walk(node: Any) -> Iterator[Any]:
    """`node` and all below it in order of the source, not entering the bodies of functions."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, syntax.Function):
            pending.extend(reversed(children(node)))


def bound_in(nodes: Iterable[Any]) -> list[syntax.Name]:
    """The names that statements bind, of all that `walk` finds in them."""
    bound: list[syntax.Name] = []
    for node in nodes:
        if isinstance(node, syntax.Assign):
            bound.extend(target for target in node.targets if isinstance(target, syntax.Name))
            bound.extend(assigned_name(t) for t in node.targets if isinstance(t, syntax.Index))
        elif isinstance(node, syntax.For):
            bound.append(node.target)
        elif isinstance(node, (syntax.FunctionDefinition, syntax.InputItem)):
            bound.append(node.name)
    return bound


def _lookup(
    node: syntax.Name, scope: Scope, resolved: Resolved, built_in: Collection[str], in_session: bool
) -> Variable | BuiltIn:
    for depth, out in enumerate(scope.chain):
        if node.name in out.slots:
            return Variable(depth, out.slots[node.name])
    if node.name in built_in:
        return BuiltIn(node.name)
    if node.name in PYTHON_CONSTANTS:
        raise ProgramError(
            f"unknown name `{node.name}`", node.span, help=PYTHON_CONSTANTS[node.name], kind="name"
        )
    if in_session:
        raise ProgramError(
            f"unknown name `{node.name}`",
            node.span,
            help=elsewhere(node.name)
            or did_you_mean(node.name, [*out.slots, *built_in])
            or f"give it a value first: `{node.name} = …`",
            kind="name",
        )
    out.bind(node.name, node.span)
    resolved.inputs[node.name] = InputName(node.name, False, False, node.span)
    return Variable(depth, out.slots[node.name])


def _unknown_attribute(node: syntax.Attribute, built_in: Collection[str]) -> ProgramError:
    remedy = (
        did_you_mean(node.name, ATTRIBUTES)
        or elsewhere(node.name)
        or "there are .T, .shape and .grad"
    )
    base = node.base
    if node.name in ("zero_", "zero_grad"):
        of = base.base if isinstance(base, syntax.Attribute) and base.name == "grad" else base
        remedy = f"write `zero_grad({of.span.words})`"
    elif node.name in METHODS:
        remedy = METHODS[node.name].replace("$", base.span.words)
    elif node.name in built_in:
        root = base
        while isinstance(root, syntax.Attribute):
            root = root.base
        is_module = isinstance(root, syntax.Name) and root.name in MODULES
        argument = "…" if is_module else base.span.words
        remedy = f"`{node.name}` is a function: write `{node.name}({argument})`"
    return ProgramError(f"unknown attribute `.{node.name}`", node.span, help=remedy, kind="name")


def _check_called(
    call: syntax.Call, scope: Scope, resolved: Resolved, built_in: Collection[str]
) -> None:
    function = call.function
    if isinstance(function, NO_FUNCTIONS):
        factors = [function.span.text, call.span.source.text[function.span.end : call.span.end]]
        left, right = ("…" if "\n" in factor else factor.strip() for factor in factors)
        raise ProgramError(
            f"got `{right}` after `{left}`, want an operator",
            call.span,
            label="a call of what is no function",
            help=f"to multiply, write `{left}*{right}`",
        )
    if not isinstance(function, syntax.Name):
        return
    name = function.name
    visible = scope.chain
    read_only = name in resolved.inputs and not resolved.inputs[name].declared
    if name in built_in or (not read_only and any(name in one.slots for one in visible)):
        return
    known = set(built_in).union(*(one.slots for one in visible))
    known -= {one.name for one in resolved.inputs.values() if not one.declared}
    raise ProgramError(
        f"unknown function `{name}`",
        function.span,
        help=elsewhere(name)
        or did_you_mean(name, sorted(known))
        or f"define it with `fn {name}(…) {{ … }}`; to multiply, write `*`",
        kind="name",
    )


def _find_targets(resolved: Resolved, nodes: Iterable[Any], scope: Scope) -> None:
    """Marks the names that `grad(y, x)`, `x.grad` and their like differentiate by."""
    for node in nodes:
        target: Any = None
        if isinstance(node, syntax.Attribute) and node.name == "grad":
            target = node.base
        elif isinstance(node, syntax.Call) and isinstance(node.function, syntax.Name):
            function = resolved.bindings[node.function]
            place = DIFFERENTIATED.get(node.function.name)
            if isinstance(function, BuiltIn) and place is not None and place < len(node.arguments):
                target = node.arguments[place].value
        else:
            continue
        binding = resolved.bindings.get(target) if isinstance(target, syntax.Name) else None
        if isinstance(binding, Variable):
            out = scope.chain[binding.depth]
            out.make_target(target.name)
            out.differentiated.add(target.name)


def _check_parameters(parameters: Iterable[syntax.Name]) -> None:
    seen: set[str] = set()
    for parameter in parameters:
        if parameter.name in seen:
            raise ProgramError(
                f"two parameters are called `{parameter.name}`",
                parameter.span,
                help="give each a name of its own",
            )
        seen.add(parameter.name)


def _check_derivative(node: syntax.FunctionDefinition) -> None:
    if node.derivative is None:
        return
    want, got = len(node.function.parameters) + 2, len(node.derivative.parameters)
    if got != want:
        own = ", ".join(parameter.name for parameter in node.function.parameters)
        raise ProgramError(
            f"the derivative of `{node.name.name}` has {got} parameters, want {want}",
            node.derivative.span,
            help=f"write `derivative ({own}, y, g) {{ … }}`: the function's own parameters, "
            "its value, and the cotangent of that",
            kind="arguments",
        )


def _check_placement(body: syntax.Block, in_function: bool) -> None:
    """Refuses `break`, `return` and the like where they mean nothing."""
    pending: list[tuple[Any, bool, bool]] = [(body, False, True)]
    while pending:
        node, in_loop, as_statement = pending.pop()
        if isinstance(node, (syntax.Break, syntax.Continue)):
            word = "break" if isinstance(node, syntax.Break) else "continue"
            if not in_loop:
                raise ProgramError(
                    f"`{word}` outside a loop",
                    node.span,
                    help=f"`{word}` stands inside the braces of a `while` or a `for`",
                )
            if not as_statement:
                raise ProgramError(f"`{word}` inside an expression", node.span, help=AS_STATEMENT)
        elif isinstance(node, syntax.Return):
            if not in_function:
                raise ProgramError(
                    "`return` outside a function",
                    node.span,
                    help="the value of a program is that of its last statement",
                )
            if not as_statement:
                raise ProgramError("`return` inside an expression", node.span, help=AS_STATEMENT)
        elif isinstance(node, syntax.Input) and (in_function or in_loop):
            raise ProgramError(
                "`input` inside a function or a loop",
                node.span,
                help="declare inputs at the top of the program",
            )
        pending.extend(_placed(node, in_loop, as_statement))


def _placed(node: Any, in_loop: bool, as_statement: bool) -> Iterator[tuple[Any, bool, bool]]:
    """The parts of a node that may hold statements, each with what is known of its place."""
    if isinstance(node, syntax.Function):
        return
    if isinstance(node, syntax.Block):
        for statement in node.statements:
            yield statement, in_loop, as_statement
    elif isinstance(node, (syntax.While, syntax.For)):
        yield node.body, True, as_statement
        yield node.condition if isinstance(node, syntax.While) else node.iterable, in_loop, False
    elif isinstance(node, syntax.Evaluate):
        yield node.value, in_loop, as_statement
    elif isinstance(node, syntax.If):
        yield node.condition, in_loop, False
        yield node.then, in_loop, as_statement
        if node.otherwise is not None:
            yield node.otherwise, in_loop, as_statement
    else:
        for part in children(node):
            yield part, in_loop, False
