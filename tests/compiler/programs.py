"""Random programs of loops, branches, calls and small arrays, that mostly stay finite."""

from __future__ import annotations

from random import Random

FUNCTIONS = (
    "sin",
    "cos",
    "tanh",
    "exp",
    "atan",
    "sigmoid",
    "abs",
    "sqrt",
    "log",
    "relu",
    "softplus",
)
PAIRS = ("max", "min", "hypot", "atan2", "logaddexp")


class Writer:
    """Writes one program; `text` has it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.lines: list[str] = []
        self.names = ["x", "y", "w[0]", "w[1]", "w[2]"]
        self.counters: list[str] = []
        self.depth = 0
        self.made = 0
        self.in_loop = 0
        self.in_function = False
        self.functions: dict[str, int] = {}
        self.recursive: set[str] = set()

    def program(self) -> str:
        self.add("input x, y, w")
        for _ in range(self.random.randint(0, 2)):
            self.function(self.random.random() < 0.4)
        if self.random.random() < 0.6:
            self.add("s = 0")
            self.names.append("s")
        for _ in range(self.random.randint(2, 5)):
            self.statement()
        # Every input counts, whatever else a program does.
        last = f"{self.expression(2)} + {self.random.choice(self.names)}"
        self.add(f"{last} + x * y + w[0] * w[1] * w[2] * x")
        return "\n".join(self.lines)

    def add(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def block(self, statements: int) -> None:
        self.depth += 1
        kept = list(self.names)
        for _ in range(statements):
            self.statement()
        self.names = kept
        self.depth -= 1

    def function(self, calls_itself: bool) -> None:
        name = f"f{len(self.functions)}"
        count = self.random.randint(1, 2)
        outer, self.names = self.names, ["p", "q"][:count]
        given = [*self.names, *["n"] * calls_itself]
        self.add(f"fn {name}({', '.join(given)}) {{")
        self.in_function = True
        if calls_itself:
            self.names.append("x")
            self.add(f"    if n < 1 {{ return {self.expression(1)} }}")
        self.block(self.random.randint(0, 2))
        if calls_itself:
            for k in range(self.random.randint(1, 2)):
                args = ", ".join(self.expression(1) for _ in range(count))
                self.add(f"    r{k} = {name}({args}, n - {k + 1})")
                self.names.append(f"r{k}")
        self.block(self.random.randint(0, calls_itself))
        self.add(f"    {self.expression(2)}")
        self.in_function = False
        self.add("}")
        self.names = outer
        self.functions[name] = count
        if calls_itself:
            self.recursive.add(name)

    def statement(self) -> None:
        kind = self.random.random()
        if self.depth > 3 or kind < 0.5:
            self.assignment()
        elif kind < 0.7:
            self.choice()
        elif kind < 0.88:
            self.counted()
        else:
            self.conditional()

    def assignment(self) -> None:
        own = [name for name in self.names if "[" not in name]
        if own and self.random.random() < 0.6:
            name = self.random.choice(own)
            if self.random.random() < 0.4:
                self.add(f"{name} {self.random.choice('+-')}= {self.expression(2)}")
            else:
                self.add(f"{name} = {self.bounded()}")
        elif self.random.random() < 0.15 and not self.in_function:
            self.add(f"w[{self.random.randint(0, 2)}] = {self.bounded()} + 0.0 * x")
        else:
            name = f"t{self.made}"
            self.made += 1
            self.add(f"{name} = {self.bounded()}")
            self.names.append(name)

    def bounded(self) -> str:
        text = self.expression(3)
        return f"tanh({text})" if self.random.random() < 0.3 else text

    def choice(self) -> None:
        self.add(f"if {self.condition()} {{")
        self.block(self.random.randint(1, 2))
        if self.in_loop and self.random.random() < 0.3:
            self.add(f"    {self.random.choice(('break', 'continue'))}")
        elif self.in_function and self.random.random() < 0.3:
            self.add(f"    return {self.expression(1)}")
        if self.random.random() < 0.6:
            self.add("} else {")
            self.block(self.random.randint(1, 2))
        self.add("}")

    def counted(self) -> None:
        name = f"i{self.made}"
        self.made += 1
        bounds = self.random.choice(("3", "5", "1, 4", "4, 0, -2", "12", "0"))
        self.add(f"for {name} in range({bounds}) {{")
        self.names.append(name)
        self.in_loop += 1
        self.block(self.random.randint(1, 3))
        self.in_loop -= 1
        self.names.remove(name)
        self.add("}")

    def conditional(self) -> None:
        name = f"n{self.made}"
        self.made += 1
        self.add(f"{name} = {self.random.choice(('0', '1', '0.5'))}")
        also = f" and {self.condition()}" if self.random.random() < 0.5 else ""
        self.add(f"while {name} < {self.random.randint(2, 6)}{also} {{")
        self.depth += 1
        self.add(f"{name} += 1")
        self.depth -= 1
        self.in_loop += 1
        self.block(self.random.randint(1, 2))
        self.in_loop -= 1
        self.add("}")

    def condition(self) -> str:
        sign = self.random.choice(("<", ">", "<=", ">="))
        text = f"{self.expression(1)} {sign} {self.expression(1)}"
        if self.random.random() < 0.2:
            text += f" {self.random.choice(('and', 'or'))} {self.expression(1)} < 0.7"
        return f"not ({text})" if self.random.random() < 0.1 else text

    def expression(self, depth: int) -> str:
        pick = self.random.random()
        if depth == 0 or pick < 0.2:
            if self.random.random() < 0.25:
                return self.random.choice(("2", "0.5", "3", "1.5", "-0.25", "1"))
            return self.random.choice(self.names)
        if pick < 0.6:
            sign = self.random.choice(("+", "-", "*", "*", "/"))
            return f"({self.expression(depth - 1)} {sign} {self.expression(depth - 1)})"
        if pick < 0.68:
            return f"({self.expression(depth - 1)})^{self.random.choice(('2', '3', '2.0', '0.5'))}"
        if pick < 0.74:
            return f"-{self.expression(depth - 1)}"
        if pick < 0.8:
            name = self.random.choice(PAIRS)
            return f"{name}({self.expression(depth - 1)}, {self.expression(depth - 1)})"
        if pick < 0.86 and self.functions and not self.in_function:
            name, count = self.random.choice(list(self.functions.items()))
            args = ", ".join(self.expression(depth - 1) for _ in range(count))
            depth_of_calls = f", {self.random.randint(0, 5)}" * (name in self.recursive)
            return f"{name}({args}{depth_of_calls})"
        if pick < 0.9:
            a, b = self.expression(depth - 1), self.expression(depth - 1)
            return f"(if {self.condition()} {{ {a} }} else {{ {b} }})"
        return f"{self.random.choice(FUNCTIONS)}({self.expression(depth - 1)})"


def program(seed: int) -> str:
    return Writer(seed).program()
