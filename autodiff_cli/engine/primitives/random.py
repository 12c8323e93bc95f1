"""Random numbers: constants of the run, drawn from its generator, which `--seed` starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.primitive import REQUIRED, Primitive
from autodiff_cli.engine.primitives.arguments import shape_argument, whole
from autodiff_cli.engine.surroundings import CURRENT
from autodiff_cli.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable


def _draw(method: str, *args: Any) -> Any:
    return CURRENT.get().randomness.draw(method, *args)


def _random(
    name: str, doc: str, array: Callable[..., Any], example: str, **options: Any
) -> Primitive:
    return Primitive(
        name=name,
        kind="constant",
        operands=(),
        options={**options, "shape": None},
        array=array,
        draws=True,
        doc=doc,
        example=example,
    )


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    return () if shape is None else shape_argument(name, shape)


def _randint(low: Any, high: Any, shape: Any) -> Any:
    low, high = whole(low, "`randint`"), whole(high, "`randint`")
    if low >= high:
        raise DomainError(f"`randint` got the range {low} to {high}, want one that is not empty")
    return _draw("integers", low, high, _shape("randint", shape))


rand = _random(
    "rand",
    "uniform on [0, 1), of a shape",
    lambda shape: _draw("random", _shape("rand", shape)),
    "rand(3)",
)
randn = _random(
    "randn",
    "normal with mean 0 and variance 1, of a shape",
    lambda shape: _draw("standard_normal", _shape("randn", shape)),
    "randn([2, 2])",
)
randint = _random(
    "randint",
    "integers from low up to, not including, high, of a shape",
    _randint,
    "randint(0, 10, 5)",
    low=REQUIRED,
    high=REQUIRED,
)
