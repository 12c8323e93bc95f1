"""The commands of the prompt, by name."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff_cli.engine.memory import in_words
from autodiff_cli.errors import ProgramError, UsageError
from autodiff_cli.language.parser import parse
from autodiff_cli.language.source import Source
from autodiff_cli.repl import shown
from autodiff_cli.repl.entry import HELP
from autodiff_cli.repl.state import LAST
from autodiff_cli.runtime.builtins import NAMES
from autodiff_cli.runtime.transcript import literal
from autodiff_cli.runtime.values import UserFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.repl.loop import Loop

NAME = re.compile(r"[^\W\d]\w*")
SETTING = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)(.*)", re.DOTALL)


class Quit(Exception):  # noqa: N818
    """The prompt is to be left."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        arguments: as its help shows them.
        doc: what it does, one line.
        run: does it, with the text after its name.
    """

    arguments: str
    doc: str
    run: Callable[[Loop, str], None]


def meaning(unit: str) -> tuple[str, str]:
    """The command that a text means, with its argument.

    Raises:
        UsageError: there is no such command.
    """
    unit = unit.strip()
    asked = HELP.fullmatch(unit)
    if asked is not None:
        name = asked[1] or asked[2]
        return ("doc", name) if name else ("help", "")
    match = re.match(r":\s*(\w*)\s*(.*)", unit, re.DOTALL)
    assert match is not None
    name, argument = match.groups()
    name = name or "help"
    if name not in COMMANDS:
        (nearest,) = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.0)
        raise UsageError(
            f"there is no command `:{name}`",
            help=f"did you mean `:{nearest}`? `:help` lists them all",
            kind="command",
        )
    return name, argument.strip()


def asked_for(text: str) -> tuple[str, list[str]]:
    """`Y X…` as the expression to differentiate and the names to differentiate by.

    Names are taken from the end as long as what stands before them is no expression.
    """
    output, names = text.strip() or LAST, list[str]()
    while not _is_expression(output):
        match = re.search(r"[\s,]+([^\W\d]\w*)\s*,?$", output)
        if match is None:
            return text, []
        names.insert(0, match[1])
        output = output[: match.start()]
    return output, names


def _is_expression(text: str) -> bool:
    try:
        # In brackets an expression is whole, and two are none.
        parse(Source("", f"({text}\n)"))
    except ProgramError:
        return False
    return True


# ── derivatives, and the graph ────────────────────────────────────────────────────────


def _derivatives(kind: str) -> Callable[[Loop, str], None]:
    return lambda loop, argument: loop.tools.derivatives(kind, loop.state, argument)


def _tool(name: str) -> Callable[[Loop, str], None]:
    return lambda loop, argument: loop.tools.command(name, loop.state, argument)


def _picture(form: str) -> Callable[[Loop, str], None]:
    def run(loop: Loop, argument: str) -> None:
        path, rest = _file(argument, f":{form} FILE")
        loop.tools.command("trace", loop.state, f"{rest} --format {form} -o {shlex.quote(path)}")
        loop.note(f"written to {path}")

    return run


# ── names ─────────────────────────────────────────────────────────────────────────────


def _set(loop: Loop, argument: str) -> None:
    match = SETTING.fullmatch(argument)
    if match is None or not match[2].strip():
        raise UsageError(f"got `{argument}`, want NAME=VALUE", help="as in `:set x=5`")
    name, text = match[1], match[2].strip()
    if text.startswith("@"):
        changed = loop.state.set(name, "", loop.tools.value(name, text))
    else:
        changed = loop.state.set(name, text)
    for each in changed:
        value = loop.state.session[each]
        loop.write(shown.value_shown(each, value, loop.state.digits, loop.form))


def _vars(loop: Loop, argument: str) -> None:
    session = loop.state.session
    names = [name for name in session.names if name != LAST]
    if not names:
        loop.say("there are no names yet: bind one, as in `x = 3`")
        return
    widest = max(map(len, names))
    for name in names:
        text = shown.short(session[name], loop.state.digits)
        room = shown.width() - widest - 3
        loop.write(f"{name:<{widest}}  {text if len(text) <= room else text[: room - 1] + '…'}")


def _functions(loop: Loop, argument: str) -> None:
    loop.tools.functions(argument or None)


def _doc(loop: Loop, argument: str) -> None:
    if argument in COMMANDS and argument not in NAMES:
        _help(loop, argument)
    elif argument in loop.state.session:
        value = loop.state.session[argument]
        if isinstance(value, UserFunction):
            loop.write(f"{argument}({', '.join(value.parameters)}): a function of this session")
        else:
            loop.write(shown.value_shown(argument, value, loop.state.digits, "table"))
            for line in shown.folded(shown.glance(loop.state, argument)):
                loop.write(shown.muted(f"  {line}", loop.color))
    else:
        loop.tools.functions(argument or None)


# ── the session ───────────────────────────────────────────────────────────────────────


def _load(loop: Loop, argument: str) -> None:
    words = _words(argument)
    files = [word for word in words if not SETTING.fullmatch(word)]
    if len(files) != 1:
        raise UsageError(f"got {len(files)} files, want one", help=":load FILE [NAME=VALUE]…")
    given = {}
    for word in words:
        match = SETTING.fullmatch(word)
        if match is not None:
            given[match[1]] = loop.tools.value(match[1], match[2])
    loop.run(loop.tools.program(files[0]), given)


def _save(loop: Loop, argument: str) -> None:
    path, rest = _file(argument, ":save FILE")
    if rest:
        raise UsageError(f"got `{rest}` after the file", help=":save FILE")
    if not loop.state.entries:
        raise UsageError("there is nothing to save yet", help="a session is what has run in it")
    made = loop.state.program()
    settings = loop.state.session.settings
    words = ["adiff", "eval", shlex.quote(os.path.basename(path))]
    if made.is_random:
        words.append(f"--seed {settings.seed}")
    if settings.single:
        words.append("--dtype float32")
    lines = [f"# {' '.join(words)}"]
    for line in made.text.splitlines():
        name = line.removeprefix("input ")
        known = line.startswith("input ") and name in made.inputs
        lines.append(f"{line} = {literal(made.inputs[name])}" if known else line)
    loop.tools.write(path, "".join(f"{line}\n" for line in lines))
    loop.note(f"saved: {' '.join(words)}")


def _undo(loop: Loop, argument: str) -> None:
    before = [entry.text or ", ".join(entry.given) for entry in loop.state.entries]
    loop.state.undo()
    now = len(loop.state.entries)
    text = before[-1] if before and now == len(before) - 1 else "the last command"
    room = shown.width() - 10
    loop.note(f"undone: {textwrap.shorten(text, room, placeholder=' …')}")


def _reset(loop: Loop, argument: str) -> None:
    loop.state.replace([])
    loop.note("the session is empty")


def _time(loop: Loop, argument: str) -> None:
    if argument:
        loop.run(argument)
    loop.say(f"{loop.seconds * 1000:.3g} ms")


def _memory(loop: Loop, argument: str) -> None:
    session = loop.state.session
    session.drop()
    loop.write(f"nodes that names can reach: {session.nodes():,}")
    loop.write(f"their arrays: {in_words(session.bytes())}")
    loop.write(f"statements to undo: {len(loop.state.entries):,}")


# ── how it is shown ───────────────────────────────────────────────────────────────────


def _digits(loop: Loop, argument: str) -> None:
    if argument in ("", "all"):
        loop.state.digits = None
    elif argument.isdecimal() and 1 <= int(argument) <= 17:
        loop.state.digits = int(argument)
    else:
        raise UsageError(f"got `{argument}`, want a number from 1 to 17, or all")


def _format(loop: Loop, argument: str) -> None:
    if argument not in shown.FORMATS:
        raise UsageError(f"got `{argument}`, want one of: {', '.join(shown.FORMATS)}")
    loop.state.form = argument


def _switch(name: str) -> Callable[[Loop, str], None]:
    def run(loop: Loop, argument: str) -> None:
        if argument not in ("on", "off"):
            raise UsageError(f"got `{argument}`, want on or off", help=f":{name} off")
        setattr(loop.state, name, argument == "on")

    return run


def _help(loop: Loop, argument: str) -> None:
    name = argument.removeprefix(":")
    if name and name not in COMMANDS:
        _doc(loop, name)
        return
    known = {name: COMMANDS[name]} if name else COMMANDS
    heads = [f":{each} {command.arguments}".rstrip() for each, command in known.items()]
    room = max(map(len, heads)) + 2
    width = shown.width() - 1
    for head, command in zip(heads, known.values(), strict=True):
        if width - room < 30:
            lines = textwrap.wrap(command.doc, width - 4)
            loop.write("\n".join([head, *(f"    {line}" for line in lines)]))
        else:
            lines = textwrap.wrap(command.doc, width - room)
            loop.write(f"{head:<{room}}" + f"\n{' ' * room}".join(lines))
    if not name:
        loop.write(
            "\n".join(shown.folded("Y is a name or an expression, the last result if left out."))
        )


def _quit(loop: Loop, argument: str) -> None:
    raise Quit


def _edit(loop: Loop, argument: str) -> None:
    from autodiff_cli.repl.editor import edit

    edit(loop, argument)


def _keys(loop: Loop, argument: str) -> None:
    if argument not in ("vi", "emacs"):
        raise UsageError(f"got `{argument}`, want vi or emacs")
    loop.state.keys = argument


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"got `{text}`: {str(error).lower()}") from None


def _file(argument: str, usage: str) -> tuple[str, str]:
    words = _words(argument)
    if not words:
        raise UsageError("got no file", help=usage)
    return os.path.expanduser(words[0]), shlex.join(words[1:])


COMMANDS = {
    "grad": Command("[Y] [X…]", "the gradient of Y, by the names X", _derivatives("gradient")),
    "jacobian": Command("[Y] [X…]", "each element of Y by each of X's", _derivatives("jacobian")),
    "hessian": Command("[Y] [X…]", "the second derivatives of Y", _derivatives("hessian")),
    "trace": Command(
        "[Y] [X…]", "the graph of Y, with --tree, --steps, --format F, -o FILE", _tool("trace")
    ),
    "why": Command("[Y] [X…]", "why a gradient is nan, zero, or this number", _tool("why")),
    "check": Command(
        "[Y] [X…]", "is the gradient right: sweeps, differences and 80 digits", _tool("check")
    ),
    "svg": Command("FILE [Y]", "draw the graph of Y", _picture("svg")),
    "html": Command("FILE [Y]", "a page to step through the graph of Y", _picture("html")),
    "set": Command("NAME=VALUE", "change a value, and run again what depends on it", _set),
    "vars": Command("", "the names that there are", _vars),
    "functions": Command("[NAME]", "what is built in", _functions),
    "doc": Command("NAME", "all about a function; ?NAME and NAME? do the same", _doc),
    "load": Command("FILE [NAME=VALUE]…", "run a program in this session", _load),
    "save": Command("FILE", "write the session as a program that gives the same results", _save),
    "edit": Command("[all]", "edit the last statement, or the whole session, in $EDITOR", _edit),
    "undo": Command("", "take back the last statement, and again the one before", _undo),
    "reset": Command("", "begin anew", _reset),
    "time": Command("[STATEMENT]", "how long a statement takes, or the last one took", _time),
    "memory": Command("", "what the session holds", _memory),
    "digits": Command("N", "significant digits to show, or all", _digits),
    "format": Command("F", f"show results as {', '.join(shown.FORMATS)}", _format),
    "auto": Command("on|off", "show derivatives with every result", _switch("auto")),
    "preview": Command("on|off", "show value and derivatives as you type", _switch("preview")),
    "keys": Command("vi|emacs", "the keys to edit with", _keys),
    "help": Command("[NAME]", "this list, or all about one thing", _help),
    "quit": Command("", "leave; so does Ctrl-D", _quit),
}
