"""The programs of the benchmark of loops, each written for adiff and for its peers.

A program is written once as adiff reads it, once as a step of Python for the peers that trace
one, and once as an adjoint by hand, in C for `cc -O3` and in Python for Numba.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A program of one loop.

    Attributes:
        text: as adiff reads it, with TURNS for how often it goes round.
        turns: how often it does, for what takes a microsecond an operation and for what takes
            a nanosecond.
        c: the body of `void f(const double *in, double *out)`: the value, then the gradient.
        by_hand: `by_hand(n, tape, *inputs)`, the same for Numba; None where there is none.
        step: `step(m, i, carried, inputs)`, a turn in the functions of `m`.
        start: what the loop carries at first, of the inputs; its first is the result.
        faster: how many times the interpreter Python source has to be.
        is_traceable: no turn depends on its data as only a running program can.
    """

    text: str
    inputs: dict[str, float]
    turns: tuple[int, int]
    c: str
    by_hand: Any
    step: Any
    start: Any
    faster: float
    is_traceable: bool = True

    def program(self, turns: int) -> str:
        return self.text.replace("TURNS", str(turns))


def _where(m: Any, condition: Any, a: Any, b: Any) -> Any:
    return (m.if_else if hasattr(m, "if_else") else m.where)(condition, a, b)


def _logistic(m: Any, i: Any, carried: Any, inputs: Any) -> Any:
    (x,), (_, r, d) = carried, inputs
    y = r * x * (1 - x)
    return (_where(m, x < 0.5, y, y - d * (x - 0.5)),)


def _orbit(m: Any, i: Any, carried: Any, inputs: Any) -> Any:
    h, x, y, u, v = 0.01, *carried

    def motion(x: Any, y: Any, u: Any, v: Any) -> Any:
        q = x * x + y * y
        c = q * m.sqrt(q)
        return u, v, -x / c, -y / c

    a = motion(x, y, u, v)
    b = motion(*(s + h / 2 * k for s, k in zip((x, y, u, v), a, strict=True)))
    c = motion(*(s + h / 2 * k for s, k in zip((x, y, u, v), b, strict=True)))
    d = motion(*(s + h * k for s, k in zip((x, y, u, v), c, strict=True)))
    return tuple(
        s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        for s, k1, k2, k3, k4 in zip((x, y, u, v), a, b, c, d, strict=True)
    )


def _mixture(m: Any, i: Any, carried: Any, inputs: Any) -> Any:
    (s,), (p, a, b) = carried, inputs
    t = 0.001 * i - 10
    one = p * m.exp(-(t - a) * (t - a) / 2)
    return (s + m.log(one + (1 - p) * m.exp(-(t - b) * (t - b) / 2)),)


def _newton(m: Any, i: Any, carried: Any, inputs: Any) -> Any:
    (s,), (a, b) = carried, inputs
    c = a + 0.001 * i * b
    x, step = c, c * 0 + 1
    while abs(step) > 1e-12:
        step = (x * x - c) / (2 * x)
        x = x - step
    return (s + x,)


# ── adjoints by hand, for Numba ───────────────────────────────────────────────────────


def _loop_by_hand(n: int, tape: Any, x: float, a: float, b: float) -> Any:
    for i in range(n):
        tape[i] = x
        x = x + 0.001 * (math.sin(x) * a - x * x * b)
    dx, da, db = 1.0, 0.0, 0.0
    for i in range(n - 1, -1, -1):
        y, g = tape[i], dx * 0.001
        da += g * math.sin(y)
        db -= g * y * y
        dx += g * (math.cos(y) * a - 2 * y * b)
    return x, dx, da, db


def _logistic_by_hand(n: int, tape: Any, x: float, r: float, d: float) -> Any:
    for i in range(n):
        tape[i] = x
        y = r * x * (1 - x)
        x = y if x < 0.5 else y - d * (x - 0.5)
    dx, dr, dd = 1.0, 0.0, 0.0
    for i in range(n - 1, -1, -1):
        y, g = tape[i], dx
        dr += g * y * (1 - y)
        dx = g * r * (1 - 2 * y)
        if not y < 0.5:
            dd -= g * (y - 0.5)
            dx -= g * d
    return x, dx, dr, dd


def _newton_by_hand(n: int, tape: Any, a: float, b: float) -> Any:
    s, top = 0.0, 0
    for i in range(n):
        c = a + 0.001 * i * b
        x, step, first = c, 1.0, top + 1
        while abs(step) > 1e-12:
            top += 1
            tape[top] = x
            step = (x * x - c) / (2 * x)
            x = x - step
        top += 1
        tape[top] = top - first
        s += x
    da, db = 0.0, 0.0
    for i in range(n - 1, -1, -1):
        c = a + 0.001 * i * b
        count = int(tape[top])
        top -= 1
        dx, dc = 1.0, 0.0
        for _ in range(count):
            x = tape[top]
            top -= 1
            dc += dx / (2 * x)
            dx *= 0.5 - c / (2 * x * x)
        dc += dx
        da += dc
        db += 0.001 * i * dc
    return s, da, db


def _mixture_by_hand(n: int, tape: Any, p: float, a: float, b: float) -> Any:
    s, dp, da, db = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        t = 0.001 * i - 10
        e = math.exp(-(t - a) * (t - a) / 2)
        f = math.exp(-(t - b) * (t - b) / 2)
        q = p * e + (1 - p) * f
        s += math.log(q)
        dp += (e - f) / q
        da += p * e * (t - a) / q
        db += (1 - p) * f * (t - b) / q
    return s, dp, da, db


CASES = {
    "loop": Case(
        "input x, a, b; for i in range(TURNS) { x = x + 0.001*(sin(x)*a - x*x*b) }; x",
        {"x": 0.5, "a": 1.5, "b": 0.7},
        (20_000, 20_000),
        """
        double x = in[0], a = in[1], b = in[2], dx = 1, da = 0, db = 0;
        for (int i = 0; i < n; i++) { tape[i] = x; x = x + 0.001*(sin(x)*a - x*x*b); }
        out[0] = x;
        for (int i = n; i-- > 0;) {
            double y = tape[i], g = dx * 0.001;
            da += g * sin(y); db -= g * y * y; dx += g * (cos(y) * a - 2 * y * b);
        }
        out[1] = dx; out[2] = da; out[3] = db;""",
        _loop_by_hand,
        lambda m, i, carried, inputs: (
            carried[0]
            + 0.001 * (m.sin(carried[0]) * inputs[1] - carried[0] * carried[0] * inputs[2]),
        ),
        lambda x, a, b: (x,),
        12,
    ),
    "logistic": Case(
        "input x, r, d; for i in range(TURNS) { y = r*x*(1 - x); "
        "if x < 0.5 { x = y } else { x = y - d*(x - 0.5) } }; x",
        {"x": 0.3, "r": 3.2, "d": 0.1},
        (20_000, 200_000),
        """
        double x = in[0], r = in[1], d = in[2], dx = 1, dr = 0, dd = 0;
        for (int i = 0; i < n; i++) {
            double y = r*x*(1 - x);
            tape[i] = x;
            x = x < 0.5 ? y : y - d*(x - 0.5);
        }
        out[0] = x;
        for (int i = n; i-- > 0;) {
            double y = tape[i], g = dx;
            dr += g * y * (1 - y); dx = g * r * (1 - 2 * y);
            if (!(y < 0.5)) { dd -= g * (y - 0.5); dx -= g * d; }
        }
        out[1] = dx; out[2] = dr; out[3] = dd;""",
        _logistic_by_hand,
        _logistic,
        lambda x, r, d: (x,),
        12,
    ),
    "orbit": Case(
        "input x, y, u, v\nh = 0.01\nfn g(x, y) { q = x*x + y*y; q*sqrt(q) }\n"
        "for i in range(TURNS) {\n"
        "c = g(x, y); a1 = -x/c; b1 = -y/c\n"
        "x2 = x + h/2*u; y2 = y + h/2*v; u2 = u + h/2*a1; v2 = v + h/2*b1\n"
        "c = g(x2, y2); a2 = -x2/c; b2 = -y2/c\n"
        "x3 = x + h/2*u2; y3 = y + h/2*v2; u3 = u + h/2*a2; v3 = v + h/2*b2\n"
        "c = g(x3, y3); a3 = -x3/c; b3 = -y3/c\n"
        "x4 = x + h*u3; y4 = y + h*v3; u4 = u + h*a3; v4 = v + h*b3\n"
        "c = g(x4, y4); a4 = -x4/c; b4 = -y4/c\n"
        "x += h/6*(u + 2*u2 + 2*u3 + u4); y += h/6*(v + 2*v2 + 2*v3 + v4)\n"
        "u += h/6*(a1 + 2*a2 + 2*a3 + a4); v += h/6*(b1 + 2*b2 + 2*b3 + b4)\n}\nx",
        {"x": 1.0, "y": 0.0, "u": 0.0, "v": 1.1},
        (2_000, 10_000),
        """
        const double h = 0.01, w[4] = {0, h/2, h/2, h}, e[4] = {h/6, h/3, h/3, h/6};
        double s[4], d[4] = {1, 0, 0, 0};
        for (int k = 0; k < 4; k++) s[k] = in[k];
        for (int i = 0; i < n; i++) {
            double slope[4] = {0, 0, 0, 0}, sum[4] = {0, 0, 0, 0};
            for (int k = 0; k < 4; k++) tape[4*i + k] = s[k];
            for (int j = 0; j < 4; j++) {
                double z[4];
                for (int k = 0; k < 4; k++) z[k] = s[k] + w[j]*slope[k];
                double q = z[0]*z[0] + z[1]*z[1], c = q*sqrt(q);
                slope[0] = z[2]; slope[1] = z[3]; slope[2] = -z[0]/c; slope[3] = -z[1]/c;
                for (int k = 0; k < 4; k++) sum[k] += e[j]*slope[k];
            }
            for (int k = 0; k < 4; k++) s[k] += sum[k];
        }
        out[0] = s[0];
        for (int i = n; i-- > 0;) {
            double z[4][4], slope[4] = {0, 0, 0, 0}, ds[4], dz[4] = {0, 0, 0, 0};
            for (int j = 0; j < 4; j++) {
                for (int k = 0; k < 4; k++) z[j][k] = tape[4*i + k] + w[j]*slope[k];
                double q = z[j][0]*z[j][0] + z[j][1]*z[j][1], c = q*sqrt(q);
                slope[0] = z[j][2]; slope[1] = z[j][3];
                slope[2] = -z[j][0]/c; slope[3] = -z[j][1]/c;
            }
            for (int k = 0; k < 4; k++) ds[k] = d[k];
            for (int j = 3; j >= 0; j--) {
                double g[4], q = z[j][0]*z[j][0] + z[j][1]*z[j][1], c = q*sqrt(q);
                for (int k = 0; k < 4; k++) g[k] = e[j]*d[k] + (j < 3 ? w[j+1]*dz[k] : 0);
                double along = 3*(g[2]*z[j][0] + g[3]*z[j][1])/(c*q);
                dz[0] = -g[2]/c + along*z[j][0]; dz[1] = -g[3]/c + along*z[j][1];
                dz[2] = g[0]; dz[3] = g[1];
                for (int k = 0; k < 4; k++) ds[k] += dz[k];
            }
            for (int k = 0; k < 4; k++) d[k] = ds[k];
        }
        for (int k = 0; k < 4; k++) out[1 + k] = d[k];""",
        None,
        _orbit,
        lambda x, y, u, v: (x, y, u, v),
        50,
    ),
    "Newton": Case(
        "input a, b; s = 0.0; for i in range(TURNS) { c = a + 0.001*i*b; x = c; step = 1.0; "
        "while abs(step) > 1e-12 { step = (x*x - c)/(2*x); x = x - step }; s = s + x }; s",
        {"a": 2.0, "b": 1.0},
        (1_000, 20_000),
        """
        double a = in[0], b = in[1], s = 0, da = 0, db = 0;
        int *count = (int *)(tape + 16*n), top = 0;
        for (int i = 0; i < n; i++) {
            double c = a + 0.001*i*b, x = c, step = 1;
            int m = 0;
            while (fabs(step) > 1e-12) {
                tape[top++] = x; step = (x*x - c)/(2*x); x = x - step; m++;
            }
            count[i] = m; s += x;
        }
        out[0] = s;
        for (int i = n; i-- > 0;) {
            double c = a + 0.001*i*b, dx = 1, dc = 0;
            for (int m = count[i]; m > 0; m--) {
                double x = tape[--top];
                dc += dx/(2*x); dx *= 0.5 - c/(2*x*x);
            }
            dc += dx; da += dc; db += 0.001*i*dc;
        }
        out[1] = da; out[2] = db;""",
        _newton_by_hand,
        _newton,
        lambda a, b: (0.0 * a,),
        50,
        False,
    ),
    "mixture": Case(
        "input p, a, b; s = 0.0; for i in range(TURNS) { t = 0.001*i - 10; "
        "s = s + log(p*exp(-(t - a)*(t - a)/2) + (1 - p)*exp(-(t - b)*(t - b)/2)) }; s",
        {"p": 0.3, "a": -1.0, "b": 2.0},
        (20_000, 30_000),
        """
        double p = in[0], a = in[1], b = in[2], s = 0, dp = 0, da = 0, db = 0;
        for (int i = 0; i < n; i++) {
            double t = 0.001*i - 10, e = exp(-(t - a)*(t - a)/2), f = exp(-(t - b)*(t - b)/2);
            double q = p*e + (1 - p)*f;
            s += log(q); dp += (e - f)/q; da += p*e*(t - a)/q; db += (1 - p)*f*(t - b)/q;
        }
        out[0] = s; out[1] = dp; out[2] = da; out[3] = db; (void)tape;""",
        _mixture_by_hand,
        _mixture,
        lambda p, a, b: (0.0 * p,),
        50,
    ),
}
