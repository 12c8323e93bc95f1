"""What is built in, as data: for `adiff functions`, for the reference, for completion."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff_cli.engine.formulas import partial_formulas
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.interpreter.builtins import INTERNAL, MACHINE_FUNCTIONS, signature
from autodiff_cli.language.library import LIBRARY

if TYPE_CHECKING:
    from autodiff_cli.engine.primitive import Primitive

CALCULUS = "Functions of functions, and derivatives"
WRITTEN = "Densities, written in the language"


@dataclass(frozen=True, slots=True)
class Entry:
    """A built-in function.

    Attributes:
        group: the heading that it stands under.
        derivative: lines that say its derivative; empty where that is for its parts to say.
        domain: where it is finite and differentiable.
        convention: what its derivative is at a kink; empty where it has none.
        special: the points at which tests differentiate it, besides random ones.
        example: an expression that shows it.
    """

    name: str
    group: str
    signature: str
    doc: str
    derivative: tuple[str, ...]
    domain: str
    convention: str
    special: str
    example: str


def entries() -> dict[str, Entry]:
    """Every function that programs call by name, in groups."""
    found = {
        name: Entry(name, CALCULUS, signature(name), each.doc, (), "", "", "", each.example)
        for name, each in MACHINE_FUNCTIONS.items()
    }
    groups: dict[str, list[Primitive]] = {}
    for name, primitive in TABLE.items():
        if name not in INTERNAL:
            groups.setdefault(_group(primitive), []).append(primitive)
    for group, primitives in groups.items():
        for primitive in primitives:
            found[primitive.name] = _entry(primitive, group, primitive.signature)
    for name, each in LIBRARY.items():
        lines = ("by the chain rule, of", *each.text.splitlines())
        found[name] = Entry(
            name, WRITTEN, each.signature, each.doc, lines, each.domain, "", "", each.example
        )
    return found


def operators() -> dict[str, Entry]:
    """Every operator, by its sign and by what the table calls it: `^`, `**` and `pow`."""
    found: dict[str, Entry] = {}
    for name, primitive in TABLE.items():
        if primitive.sign and name in INTERNAL | {"matmul"}:
            first, *others = primitive.operands
            written = f"{first} {primitive.sign} {others[0]}" if others else primitive.title
            if not others:
                written += f" {first}" if primitive.sign.isalpha() else first
            entry = _entry(primitive, "Operators", written)
            found[name] = entry
            found.setdefault(primitive.sign, entry)
    return found | {"**": found["^"]}


def _entry(primitive: Primitive, group: str, signature: str) -> Entry:
    return Entry(
        primitive.name,
        group,
        signature,
        primitive.doc,
        _derivative(primitive),
        "" if primitive.kind == "constant" else primitive.domain,
        primitive.convention,
        _special(primitive),
        primitive.example,
    )


def _group(primitive: Primitive) -> str:
    """The first sentence about the module that a primitive stands in."""
    doc = sys.modules[primitive.array.__module__].__doc__ or ""
    return re.split(r"[.:]\s", doc, maxsplit=1)[0].rstrip(".")


def _special(primitive: Primitive) -> str:
    columns = [
        f"{name} = " + ", ".join(f"{x:g}" for x in special)
        for name, special in zip(primitive.operands, primitive.special, strict=False)
        if special
    ]
    return "; ".join([*columns, "and at 0 and ±1, orders 1 to 4"]) if columns else ""


def _derivative(primitive: Primitive) -> tuple[str, ...]:
    if primitive.kind == "constant":
        return ("none: no gradient flows through it",)
    if primitive.kind == "elementwise":
        formulas = partial_formulas(primitive)
        return tuple(f"∂y/∂{name} = {formula}" for name, formula in formulas.items())
    return (primitive.derivative,)
