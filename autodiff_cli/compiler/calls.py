"""Calls of the program's functions: each is inlined, but for those that call themselves.

Such a one becomes a function of the form. What it reads of the variables around it are parameters
of it, and what its results are is found by lowering it until that comes to the same: first as if
a call of itself never came back, then with what the last time has found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.arrays import ArrayForm
from autodiff_cli.compiler.counting import Count, total
from autodiff_cli.compiler.form import Call, Function, NotCompiled, Region, Value
from autodiff_cli.compiler.lowering import Endless, same
from autodiff_cli.compiler.variables import (
    Closure,
    Frame,
    Guarded,
    Parts,
    Same,
    Several,
    Sometimes,
    Unknown,
    described,
    equal,
    instance,
    is_number,
    joined,
    numbers,
)
from autodiff_cli.interpreter.values import NOTHING, UNSET
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.compiler.variables import Description
    from autodiff_cli.language import syntax
    from autodiff_cli.language.source import Span

ATTEMPT = 40
"""Operations that cost as much as what is around the body of a function that is lowered."""
MOST_AT_ONCE = 70
"""Functions that may be lowered inside each other: one for each length of a small array."""


class _CallsItself(Exception):  # noqa: N818
    """A function is called while it is being inlined."""

    def __init__(self, function: syntax.Function) -> None:
        self.function = function


@record
class Captured:
    """A variable around a function: what it may hold, and as what parameters it is handed over."""

    description: Description
    held: Any
    made: list[Value]


class Instance:
    """A function that calls itself, for arguments of certain kinds.

    Attributes:
        around: in whose lowering it is lowered.
        kinds: what its arguments may be.
        result: what it may give; None while that is not known.
        captured: the variables around it that it reads, by frame and slot.
        is_asked: it has been called while it was being lowered.
        has_grown: what it takes or gives has become more since then.
        is_done: it has been lowered.
    """

    def __init__(self, closure: Closure, kinds: list[Description], around: Any) -> None:
        self.closure = closure
        self.kinds = kinds
        self.around = around
        self.result: Description | None = None
        self.captured: dict[tuple[Frame, int], Captured] = {}
        self.is_asked = False
        self.has_grown = False
        self.is_done = False
        self.form = Function([], Region(), name=closure.function.name or "function")

    def takes(self, kinds: list[Description]) -> None:
        """Has it take arguments of more kinds."""
        found = [joined(a, b) for a, b in zip(self.kinds, kinds, strict=True)]
        if not all(map(equal, found, self.kinds)):
            self.kinds, self.has_grown = found, True

    def gives(self, kind: Description) -> None:
        """Has it give results of more kinds."""
        found = kind if self.result is None else joined(self.result, kind)
        if self.result is None or not equal(found, self.result):
            self.result, self.has_grown = found, True


class CallForm(ArrayForm):
    """Makes operations of calls.

    Attributes:
        home: the function that is being lowered.
        deepest: the most calls that were inlined in each other in it.
    """

    def __init__(self, facts: Any, frame: Frame) -> None:
        super().__init__(facts, frame)
        self.home: Instance | None = None
        self.deepest = 0
        self._calling_themselves: set[syntax.Function] = set()
        self._instances: dict[Any, list[Instance]] = {}
        self._at_once = 0

    def user_call(  # recurses: the program's blocks
        self, closure: Closure, args: list[Any], span: Span
    ) -> Any:
        function = closure.function
        if closure.own_rule:
            raise NotCompiled(f"`{function.name}` has a derivative rule of its own", span)
        if self.resolved.scopes[function].differentiated:
            raise NotCompiled("it differentiates by a parameter", span)
        if len(args) != len(function.parameters):
            raise NotCompiled("a call with too few or too many arguments", span)
        if function in self._calling_themselves:
            return self._called(closure, args, span)
        if function in self.calling:
            raise _CallsItself(function)
        before = self.state()
        try:
            return self._inlined(closure, args)
        except _CallsItself as found:
            if found.function is not function:
                raise
            self.restore(before)
            self._calling_themselves.add(function)
            return self._called(closure, args, span)

    def _inlined(  # recurses: the program's blocks
        self, closure: Closure, args: list[Any]
    ) -> Any:
        function = closure.function
        scope = self.resolved.scopes[function]
        self.tick()
        outer, self.frame = self.frame, Frame(scope, closure.frame, self.home)
        self.calling.append(function)
        self.levels += 1
        self.deepest = max(self.deepest, self.levels)
        for parameter, arg in zip(function.parameters, args, strict=True):
            self.frame.variables[scope.slots[parameter.name]] = arg
        self.statements(function.body.statements, tail=True)
        held = self.frame.variables["result"]
        self.levels -= 1
        self.calling.pop()
        self.frame = outer
        return held

    # ── functions that call themselves ────────────────────────────────────────────────

    def _called(  # recurses: the program's blocks
        self, closure: Closure, args: list[Any], span: Span
    ) -> Any:
        try:
            found = self._instance(closure, [described(arg) for arg in args], span)
        except Endless:
            if self.home is not None:
                raise
            raise NotCompiled(f"`{closure.function.name}` never comes back", span) from None
        operands: list[Any] = []
        for arg, kind in zip(args, found.kinds, strict=True):
            operands += numbers(arg, kind, self.emit)
        for (frame, slot), captured in list(found.captured.items()):
            operands += numbers(self.seen(frame, slot), captured.description, self.emit)
        if found.result is None:
            raise Endless
        outs: list[Value] = []
        held = instance(found.result, "", outs)
        counted = {name: Value("int", name) for name in self.counts}
        outs += counted.values()
        self.emit(Call(outs, found.form, operands, self.levels + 1, span=span))
        for name, count in counted.items():
            self.counts[name] = self.counts[name].plus_times(1, count)
        return NOTHING if held is UNSET else held

    def _instance(  # recurses: the program's blocks
        self, closure: Closure, kinds: list[Description], span: Span
    ) -> Instance:
        """The function for a call: one that is being lowered, or was, or is now."""
        key = (closure.function, closure.frame, *map(_shape, kinds))
        for known in self._instances.get(key, []):
            if not known.is_done:
                known.is_asked = True
                known.takes(kinds)
                return known
            if self._fits(known, kinds):
                return known
        made = Instance(closure, kinds, self.home)
        if self._at_once == MOST_AT_ONCE:
            raise NotCompiled("a call of what is not known beforehand", span)
        before, outer = self.state(), (self.home, self.deepest)
        calling = list(self.calling)
        self._at_once += 1
        known_before = {key: list(known) for key, known in self._instances.items()}
        try:
            while True:
                self.spend(ATTEMPT)
                # What was lowered for an earlier attempt rests on what it has found.
                self._instances = {key: list(known) for key, known in known_before.items()}
                self._instances.setdefault(key, []).append(made)
                self._lower(made, calling)
                if not (made.is_asked and made.has_grown):
                    break
            made.is_done = True
        finally:
            self._at_once -= 1
            self.home, self.deepest = outer
            self.restore(before)
            if not made.is_done:
                self._instances = known_before
        return made

    def _fits(self, known: Instance, kinds: list[Description]) -> bool:
        """Whether what was lowered before takes arguments of these kinds, where it is called."""
        if not all(equal(joined(a, b), a) for a, b in zip(known.kinds, kinds, strict=True)):
            return False
        return all(
            equal(joined(captured.description, kind), captured.description)
            for (frame, slot), captured in known.captured.items()
            for kind in (_captured(self.seen(frame, slot), captured.description),)
        )

    def _lower(  # recurses: the program's blocks
        self, made: Instance, calling: Sequence[syntax.Function]
    ) -> None:
        """Lowers a function, for what is known of its arguments and results by now."""
        function = made.closure.function
        scope = self.resolved.scopes[function]
        made.has_grown = made.is_asked = False
        self.home, self.levels, self.deepest = made, 0, 0
        self.region = Region()
        self.frame = Frame(scope, made.closure.frame, made)
        self.calling = [*calling, function]
        self.counts = {name: Count() for name in self.counts}
        params: list[Value] = []
        for parameter, kind in zip(function.parameters, made.kinds, strict=True):
            held = instance(kind, parameter.name, params)
            self.frame.variables[scope.slots[parameter.name]] = held
        for captured in made.captured.values():
            names = [value.name for value in captured.made]
            captured.made = []
            captured.held = instance(captured.description, names[0] if names else "", captured.made)
        self.tick()
        try:
            self.statements(function.body.statements, tail=True)
        except Endless:
            if not made.has_grown:
                raise
            return
        held = self.frame.variables["result"]
        if _made_in(held, made):
            raise NotCompiled("it gives a function back that was made in it")
        made.gives(described(held))
        assert made.result is not None
        self.region.yields = numbers(held, made.result, self.emit)
        self.region.yields += [total(count, self.region) for count in self.counts.values()]
        for captured in made.captured.values():
            params += captured.made
        made.form.params, made.form.body = params, self.region
        made.form.deepest = self.deepest

    # ── variables around a function ───────────────────────────────────────────────────

    def seen(self, frame: Frame, slot: int) -> Any:
        return self._seen_from(self.home, frame, slot)

    def _seen_from(  # recurses: functions in functions
        self, home: Instance | None, frame: Frame, slot: int
    ) -> Any:
        """What a variable of a frame holds, as a function sees it that may be further in."""
        if frame.home is home:
            return frame.variables.get(slot, UNSET)
        if home is None:
            raise NotCompiled("a function that outlives the call that has made it")
        captured = home.captured.get((frame, slot))
        if captured is None:
            outer = self._seen_from(home.around, frame, slot)
            made: list[Value] = []
            kind = _captured(outer, None)
            name = next((n for n, at in frame.scope.slots.items() if at == slot), "")
            captured = Captured(kind, instance(kind, name, made), made)
            home.captured[frame, slot] = captured
            home.has_grown = True
        return captured.held


def _captured(held: Any, before: Description | None) -> Description:
    """What a variable around a function may hold: a number that is known is the same for all."""
    if not is_number(held) or isinstance(held, Value):
        return described(held)
    if isinstance(before, Same) and same(before.thing, held):
        return before
    return Same(held)


def _shape(kind: Description) -> Any:  # recurses: values in values
    """What calls must have in common to be of one function: the functions that it is handed."""
    if isinstance(kind, Same):
        return "unknown" if isinstance(kind.thing, Unknown) else kind.thing
    if isinstance(kind, Parts):
        return tuple(map(_shape, kind.parts))
    if isinstance(kind, Sometimes):
        return _shape(kind.what)
    return getattr(kind, "shape", None)


def _made_in(held: Any, made: Instance) -> bool:  # recurses: values in values
    if isinstance(held, Several):
        return any(_made_in(part, made) for part in held.parts)
    if isinstance(held, Guarded):
        return _made_in(held.value, made)
    return isinstance(held, Closure) and held.frame.home is made
