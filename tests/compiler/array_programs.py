"""Random programs of vectors and matrices, with loops and branches, that mostly stay finite."""

from __future__ import annotations

from random import Random

import numpy as np

Shape = tuple[int, ...]

SHAPES: tuple[Shape, ...] = ((3,), (4,), (3, 4), (4, 3), (3, 3))
INPUTS: dict[str, Shape] = {"a": (), "u": (3,), "v": (4,), "M": (3, 4), "S": (3, 3)}
FUNCTIONS = ("sin", "cos", "tanh", "sigmoid", "softplus", "atan", "abs", "relu", "exp", "sqrt")
PAIRS = ("max", "min", "hypot", "atan2", "logaddexp")
ALONG = ("cumsum", "softmax", "flip", "sort", "cumprod")
TO_NUMBER = ("sum", "mean", "max", "min", "norm", "logsumexp", "std", "prod")


def inputs(seed: int) -> dict[str, object]:
    random = np.random.default_rng(seed)
    return {
        name: random.uniform(-1.5, 1.5, shape) if shape else random.uniform(-1.5, 1.5)
        for name, shape in INPUTS.items()
    }


class Writer:
    """Writes one program; `lines` has it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.lines: list[str] = []
        self.names = dict(INPUTS)
        self.depth = 0
        self.made = 0
        self.in_loop = 0

    def program(self) -> str:
        self.add(f"input {', '.join(INPUTS)}")
        self.add("fn f(p, q) { tanh(p * q) + 0.5 * p }")
        for _ in range(self.random.randint(2, 6)):
            self.statement()
        # Every input counts, whatever else a program does.
        self.add(f"{self.expression((), 2)} + a * sum(u) * sum(v) + sum(M @ v) * sum(S @ u)")
        return "\n".join(self.lines)

    def add(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def block(self, statements: int) -> None:
        self.depth += 1
        kept = dict(self.names)
        for _ in range(statements):
            self.statement()
        self.names = kept
        self.depth -= 1

    def statement(self) -> None:
        kind = self.random.random()
        if self.depth > 2 or kind < 0.5:
            self.assignment()
        elif kind < 0.65:
            self.add(f"if {self.expression((), 1)} < {self.expression((), 1)} {{")
            self.block(self.random.randint(1, 2))
            if self.in_loop and self.random.random() < 0.2:
                self.add(f"    {self.random.choice(('break', 'continue'))}")
            if self.random.random() < 0.6:
                self.add("} else {")
                self.block(self.random.randint(1, 2))
            self.add("}")
        else:
            self.loop()

    def loop(self) -> None:
        name = f"i{self.made}"
        self.made += 1
        kind = self.random.random()
        if kind < 0.3:
            self.add(f"for {name} in {self.name_of((3, 4))} {{")
            self.names[name] = (4,)
        elif kind < 0.8:
            self.add(
                f"for {name} in range({self.random.choice(('3', '1, 3', '3, 0, -1', '0'))}) {{"
            )
            self.names[name] = ()
            self.in_loop += 1
        else:
            self.add(f"{name} = 1.5")
            self.add(f"while {name} > 0.5 {{")
            self.add(f"    {name} = {name} * 0.7")
        self.block(self.random.randint(1, 3))
        self.in_loop -= 0.3 <= kind < 0.8
        self.names.pop(name, None)
        self.add("}")

    def assignment(self) -> None:
        kind = self.random.random()
        shape = self.random.choice((*SHAPES, ()))
        own = [name for name, held in self.names.items() if held == shape and name[0] != "i"]
        if kind < 0.5 and own:
            name = self.random.choice(own)
            sign = self.random.choice(("", "", "+", "-"))
            self.add(f"{name} {sign}= {self.bounded(shape)}")
        elif kind < 0.65 and own and shape:
            key, part = self.key(shape)
            sign = self.random.choice(("", "", "+"))
            self.add(f"{self.random.choice(own)}[{key}] {sign}= {self.bounded(part)}")
        else:
            name = f"t{self.made}"
            self.made += 1
            self.add(f"{name} = {self.bounded(shape)} + 0.0 * a")
            self.names[name] = shape

    def bounded(self, shape: Shape) -> str:
        text = self.expression(shape, 3)
        return f"tanh({text})" if self.random.random() < 0.5 else text

    def key(self, shape: Shape) -> tuple[str, Shape]:
        """Subscripts, and the shape of what they pick."""
        place = str(self.random.randint(-2, 2))
        kind = self.random.random()
        if kind < 0.4:
            return place, shape[1:]
        if kind < 0.6:
            return "1:", (shape[0] - 1, *shape[1:])
        if kind < 0.7:
            return "[0, 2]", (2, *shape[1:])
        if len(shape) == 2:
            return f":, {place}", shape[:1]
        return "::2", ((shape[0] + 1) // 2,)

    def name_of(self, shape: Shape) -> str:
        names = [name for name, held in self.names.items() if held == shape]
        return self.random.choice(names) if names else self.leaf(shape)

    def leaf(self, shape: Shape) -> str:
        if not shape:
            return self.random.choice(("2", "0.5", "a", "-0.25", "u[1]", "M[1, 2]"))
        if shape == (4, 3):
            return "M.T"
        if len(shape) == 2:
            rows = [
                f"[{', '.join(f'{self.random.uniform(-1, 1):.2f}' for _ in range(shape[1]))}]"
                for _ in range(shape[0])
            ]
            return f"([{', '.join(rows)}] + a)"
        return f"(linspace(-1, 1, {shape[0]}) * a)" if self.random.random() < 0.5 else (
            f"reshape(M, [12])[:{shape[0]}]" if shape[0] <= 12 else "u"
        )  # fmt: skip

    def expression(self, shape: Shape, depth: int) -> str:
        if shape and shape not in SHAPES:  # of a part that is set
            return f"({self.leaf(shape)} * {self.expression((), 1)})"
        pick = self.random.random()
        if depth == 0 or pick < 0.15:
            return self.name_of(shape) if self.random.random() < 0.8 else self.leaf(shape)
        if pick < 0.4:
            sign = self.random.choice("++-**/")
            a, b = (
                self.expression(shape, depth - 1),
                self.expression(self.narrower(shape), depth - 1),
            )
            if sign == "/":
                return f"({a} / (1.5 + tanh({b})))"
            return f"({a} {sign} {b})" if self.random.random() < 0.7 else f"({b} {sign} {a})"
        if pick < 0.5:
            name = self.random.choice(FUNCTIONS)
            more = " + 0.23" if name in ("abs", "relu") else ""
            return f"{name}({self.expression(shape, depth - 1)}{more})"
        if pick < 0.56:
            power = self.random.choice(("2", "3", "0.5", "-1"))
            return f"(1.1 + tanh({self.expression(shape, depth - 1)}))^{power}"
        if pick < 0.62:
            a, b = (
                self.expression(shape, depth - 1),
                self.expression(self.narrower(shape), depth - 1),
            )
            return f"{self.random.choice((*PAIRS, 'f'))}({a} + 0.31, {b})"
        if pick < 0.67:
            a, b, c = (self.expression(shape, depth - 1) for _ in range(3))
            return (
                f"where({a} > {b} + 0.17, {c}, {self.expression(self.narrower(shape), depth - 1)})"
            )
        return self.of_other_shapes(shape, depth - 1)

    def narrower(self, shape: Shape) -> Shape:
        """A shape that broadcasts to it."""
        kind = self.random.random()
        return shape if kind < 0.6 else (shape[1:] if kind < 0.85 else ())

    def of_other_shapes(self, shape: Shape, depth: int) -> str:
        random = self.random
        if not shape:
            of = random.choice(SHAPES)
            if random.random() < 0.3:
                return f"dot({self.expression(of[:1], depth)}, {self.expression(of[:1], depth)})"
            if random.random() < 0.2:
                return f"({self.expression(of, depth)})[{', '.join(['-1'] * len(of))}]"
            return f"{random.choice(TO_NUMBER)}({self.expression(of, depth)})"
        if len(shape) == 1:
            (size,) = shape
            kind = random.random()
            matrices = [one for one in SHAPES if len(one) == 2]
            if kind < 0.3:
                m = random.choice([one for one in matrices if one[0] == size])
                return f"({self.expression(m, depth)} @ {self.expression(m[1:], depth)})"
            if kind < 0.6:
                axis = random.randint(0, 1)
                m = random.choice([one for one in matrices if one[1 - axis] == size])
                return f"{random.choice(TO_NUMBER)}({self.expression(m, depth)}, axis={axis})"
            if kind < 0.75 and size > 3:
                one = self.expression((3,), depth)
                return f"concat({one}, [{self.expression((), depth)}])"
            return f"{random.choice(ALONG)}({self.expression(shape, depth)})"
        kind = random.random()
        if kind < 0.3:
            return (
                f"outer({self.expression(shape[:1], depth)}, {self.expression(shape[1:], depth)})"
            )
        if kind < 0.6 and shape[0] == 3:
            return f"({self.expression((3, 3), depth)} @ {self.expression((3, shape[1]), depth)})"
        if kind < 0.8 and (shape[1], shape[0]) in SHAPES:
            return f"({self.expression((shape[1], shape[0]), depth)}).T"
        return f"stack({', '.join(self.expression(shape[1:], depth) for _ in range(shape[0]))})"


def program(seed: int) -> str:
    return Writer(seed).program()
