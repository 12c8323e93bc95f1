"""Functions of a program that call themselves, as functions of C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import Value
from autodiff_cli.compiler.printing import Printer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.compiler.form import Call, Function, Operand, Uncall
    from autodiff_cli.compiler.printing import Names

TYPES = {"float": "double", "int": "long long", "bool": "int", "tape": "long long"}
DEEP = """
/* Whether a call, and `more` inside it, are too many, or too much for the stack. */
static int is_too_deep(struct run *run, long long more)
{
    char here;
    long long used = run->base - &here;
    return run->room < more || (used < 0 ? -used : used) > run->stack;
}
"""


class CalledInC(Printer):
    """Writes functions, and their calls.

    Attributes:
        shared: what all functions are handed first.
        helpers: functions that the text needs before it.
    """

    shared = "struct run *run"
    helpers: dict[str, str]
    declared: dict[str, list[str]]
    known: set[str]

    def declare(self, value: Value) -> str:
        raise NotImplementedError

    def declare_as(self, kind: str, name: str) -> None:
        raise NotImplementedError

    def as_double(self, operand: Operand) -> str:
        raise NotImplementedError

    def push(self, saved: Sequence[Value]) -> None:
        raise NotImplementedError

    def restore(self, saved: Sequence[Value]) -> None:
        raise NotImplementedError

    def count_turn(self) -> None:
        raise NotImplementedError

    # ── definitions ───────────────────────────────────────────────────────────────────

    def functions(self) -> str:
        """The text of the functions that the program calls, and of their ways back."""
        made = self.definitions()
        heads = "".join(f"{head};\n" for head, _ in made)
        return "\n" * bool(made) + heads + "".join(f"\n{head}\n{text}" for head, text in made)

    def definitions(self) -> list[tuple[str, str]]:
        """The head of each of these functions, and the rest of it."""
        made = []
        for function in self.name_callees():
            forward = self.inside(function)
            forward.enter()
            forward.ops(function.body)
            forward.push(function.saved)
            made.append(forward.defined())
            if function.back is not None:
                back = self.inside(function.back, forward.names)
                back.enter_back()
                back.restore(function.saved)
                back.ops(function.back.body)
                made.append(back.defined())
        return made

    def inside(self, function: Function, names: Names | None = None) -> Any:
        inner = super().inside(function, names)
        inner.helpers = self.helpers
        inner.depth = 1
        for param in function.params:
            inner.known.add(inner.names[param])
        return inner

    def defined(self) -> tuple[str, str]:
        """The head of the function that has been written, and the rest of it."""
        function, names = self.function, self.names
        params = [f"{self.type_of(param)}{names[param]}" for param in function.params]
        results = [names.fresh("result") for _ in function.body.yields]
        pointers = [
            f"{self.type_of(yielded)}*{result}"
            for result, yielded in zip(results, function.body.yields, strict=True)
        ]
        given = ", ".join([*filter(None, [self.shared]), *params, *pointers]) or "void"
        for result, yielded in zip(results, function.body.yields, strict=True):
            self.add(f"*{result} = {self.as_typed(yielded, _kind(yielded))};")
        self.leave_function()
        head = f"static int {self.callees[function]}({given})"
        return head, f"{{\n{self.locals()}{self.text()}}}\n"

    def locals(self) -> str:
        """The declarations of variables."""
        return "".join(
            f"    {kind} {', '.join(f'{n} = 0' for n in names[start : start + 8])};\n"
            for kind, names in self.declared.items()
            for start in range(0, len(names), 8)
        )

    def type_of(self, operand: Operand) -> str:
        return f"{TYPES[_kind(operand)]} "

    def as_typed(self, operand: Operand, kind: str) -> str:
        return self.as_double(operand) if kind == "float" else self.text_of(operand)

    def enter(self) -> None:
        """What comes first in a function."""
        self.helpers["is_too_deep"] = DEEP
        self.begin_function(self.function.deepest)
        self.count_turn()

    def enter_back(self) -> None:
        self.begin_function(0)

    def begin_function(self, more: int) -> None:
        self.declared.setdefault("double", []).extend(("*top", "*end"))
        self.declare_as("long long", "turns")
        self.add("top = run->top, end = run->end, turns = run->left;")
        self.add(f"if (is_too_deep(run, {more}))")
        self.add("    return 1;")

    def leave_function(self) -> None:
        """What comes last in a function."""
        self.add("run->top = top;")
        self.add("run->left = turns;")
        self.add("return 0;")
        if any("goto flag;" in line for line, _ in self.lines):
            self.depth = 0
            self.add("flag:")
            self.add("    return 1;")

    # ── calls ─────────────────────────────────────────────────────────────────────────

    def call(self, op: Call) -> None:
        args = [
            self.as_typed(arg, param.type)
            for arg, param in zip(op.args, op.function.params, strict=True)
        ]
        drops = op.function.back is not None and not op.undone
        if drops:
            self.mark_tape()
        self.called_with(op.function, args, op.outs, op.levels)
        if drops:
            self.drop_tape()

    def uncall(self, op: Uncall) -> None:
        back = op.call.function.back
        assert back is not None
        self.called_with(back, [self.as_double(arg) for arg in op.args], op.outs, 0)

    def called_with(
        self, function: Function, args: list[str], outs: Sequence[Value], levels: int
    ) -> None:
        self.declare_as("int", "status")
        given = [*args, *(f"&{self.declare(out)}" for out in outs)]
        self.add("run->top = top, run->left = turns;")
        if levels:
            self.add(f"run->room -= {levels};")
        self.add(f"status = {self.callees[function]}({', '.join(('run', *given))});")
        self.add("if (status)")
        self.add("    return status;")
        if levels:
            self.add(f"run->room += {levels};")
        self.add("top = run->top, end = run->end, turns = run->left;")

    def mark_tape(self) -> None:
        """Remembers how far the tape goes, before a call that has no way back."""
        self.declare_as("long long", "used")
        self.add("used = top - run->tape;")

    def drop_tape(self) -> None:
        self.add("top = run->tape + used;")


def _kind(operand: Operand) -> str:
    return operand.type if isinstance(operand, Value) else type(operand).__name__
