"""The commands of the prompt, by name."""

from __future__ import annotations

import os
import re
import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff_cli.api.transcript import Written, literal
from autodiff_cli.engine.memory import in_words
from autodiff_cli.errors import ProgramError, UsageError, did_you_mean
from autodiff_cli.interpreter.builtins import NAMES
from autodiff_cli.interpreter.values import UserFunction
from autodiff_cli.language import syntax
from autodiff_cli.language.names import walk
from autodiff_cli.language.parser import parse
from autodiff_cli.language.source import Source
from autodiff_cli.repl import shown
from autodiff_cli.repl.entry import HELP
from autodiff_cli.repl.state import LAST
from autodiff_cli.report.endings import BY_ENDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.repl.desk import Desk

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
    run: Callable[[Desk, str], None]


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
        begun = [f"`:{each}`" for each in COMMANDS if each.startswith(name)]
        similar = f"did you mean {' or '.join(begun[:4])}?" if begun else ""
        similar = similar or did_you_mean(f":{name}", [f":{each}" for each in COMMANDS])
        raise UsageError(
            f"there is no command `:{name}`",
            help=f"{similar} `:help` lists them all".strip(),
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


def _derivatives(kind: str) -> Callable[[Desk, str], None]:
    return lambda desk, argument: desk.tools.derivatives(kind, desk.state, argument)


def _tool(name: str) -> Callable[[Desk, str], None]:
    return lambda desk, argument: desk.tools.command(name, desk.state, argument)


def _picture(form: str) -> Callable[[Desk, str], None]:
    endings = [each for each, its in BY_ENDING.items() if its == form]

    def run(desk: Desk, argument: str) -> None:
        path, rest = _file(argument, f":{form} FILE")
        ending = os.path.splitext(path)[1].lower()
        if ending not in ("", *endings):
            raise UsageError(
                f":{form} {path}: got the ending {ending}, want {' or '.join(endings)}",
                help="`:trace -o FILE` writes the other formats, by their endings",
                kind="output",
            )
        desk.tools.command("trace", desk.state, f"{rest} --format {form} -o {shlex.quote(path)}")
        desk.note(f"written to {path}")

    return run


# ── names ─────────────────────────────────────────────────────────────────────────────


def _set(desk: Desk, argument: str) -> None:
    match = SETTING.fullmatch(argument)
    if match is None or not match[2].strip():
        raise UsageError(f"got `{argument}`, want NAME=VALUE", help="as in `:set x=5`")
    name, text = match[1], match[2].strip()
    if text.startswith("@"):
        changed = desk.state.set(name, "", desk.tools.value(name, text))
    else:
        changed = desk.state.set(name, text)
    for each in changed:
        value = desk.state.session[each]
        desk.write(shown.value_shown(each, value, desk.state.digits, desk.form))


def _vars(desk: Desk, argument: str) -> None:
    session = desk.state.session
    names = [name for name in session.names if name != LAST]
    if not names:
        desk.say("there are no names yet: bind one, as in `x = 3`")
        return
    widest = max(map(len, names))
    for name in names:
        text = shown.short(session[name], desk.state.digits)
        room = shown.width() - widest - 3
        desk.write(f"{name:<{widest}}  {text if len(text) <= room else text[: room - 1] + '…'}")


def _functions(desk: Desk, argument: str) -> None:
    desk.tools.functions(argument or None)


def _doc(desk: Desk, argument: str) -> None:
    if argument in COMMANDS and argument not in NAMES:
        _help(desk, argument)
    elif argument in desk.state.session:
        value = desk.state.session[argument]
        if isinstance(value, UserFunction):
            desk.write(f"{argument}({', '.join(value.parameters)}): a function of this session")
        else:
            desk.write(shown.value_shown(argument, value, desk.state.digits, "table"))
            for line in shown.folded(shown.glance(desk.state, argument)):
                desk.write(shown.muted(f"  {line}", desk.color))
    else:
        desk.tools.functions(argument or None)


# ── the session ───────────────────────────────────────────────────────────────────────


def _load(desk: Desk, argument: str) -> None:
    words = _words(argument)
    files = [word for word in words if not SETTING.fullmatch(word)]
    if len(files) != 1:
        raise UsageError(f"got {len(files)} files, want one", help=":load FILE [NAME=VALUE]…")
    given = {}
    for word in words:
        match = SETTING.fullmatch(word)
        if match is not None:
            given[match[1]] = desk.tools.value(match[1], match[2])
    desk.run(desk.tools.program(files[0]), given)


def _save(desk: Desk, argument: str) -> None:
    path, rest = _file(argument, ":save FILE")
    if rest:
        raise UsageError(f"got `{rest}` after the file", help=":save FILE")
    if not desk.state.entries:
        raise UsageError("there is nothing to save yet", help="a session is what has run in it")
    made = desk.state.program()
    settings = desk.state.session.settings
    words = ["adiff", "eval", shlex.quote(os.path.basename(path))]
    if made.is_random:
        words.append(f"--seed {settings.seed}")
    if settings.single:
        words.append("--dtype float32")
    text = f"# {' '.join(words)}\n{_with_inputs(made)}"
    desk.tools.write(path, text if text.endswith("\n") else text + "\n")
    desk.note(f"saved: {' '.join(words)}")


def _with_inputs(made: Written) -> str:
    """The program, with the values that came from outside as defaults of its inputs."""
    text = made.text
    nodes = walk(parse(Source("", text)).body)
    items = [node for node in nodes if isinstance(node, syntax.InputItem)]
    for item in sorted(items, key=lambda item: item.span.start, reverse=True):
        name = item.name.name
        if name in made.inputs:
            value = f"{name} = {literal(made.inputs[name])}"
            text = text[: item.span.start] + value + text[item.span.end :]
    return text


def _undo(desk: Desk, argument: str) -> None:
    before = [entry.text or ", ".join(entry.given) for entry in desk.state.entries]
    desk.state.undo()
    now = len(desk.state.entries)
    text = before[-1] if before and now == len(before) - 1 else "the last command"
    room = shown.width() - 10
    desk.note(f"undone: {textwrap.shorten(text, room, placeholder=' …')}")


def _reset(desk: Desk, argument: str) -> None:
    desk.state.replace([])
    desk.note("the session is empty")


def _time(desk: Desk, argument: str) -> None:
    if argument:
        desk.run(argument)
    desk.say(f"{desk.seconds * 1000:.3g} ms")


def _memory(desk: Desk, argument: str) -> None:
    session = desk.state.session
    session.drop()
    desk.write(f"nodes that names can reach: {session.nodes():,}")
    desk.write(f"their arrays: {in_words(session.bytes())}")
    desk.write(f"statements to undo: {len(desk.state.entries):,}")


# ── how it is shown ───────────────────────────────────────────────────────────────────


def _digits(desk: Desk, argument: str) -> None:
    if argument in ("", "all"):
        desk.state.digits = None
    elif argument.isdecimal() and 1 <= int(argument) <= 17:
        desk.state.digits = int(argument)
    else:
        raise UsageError(f"got `{argument}`, want a number from 1 to 17, or all")


def _format(desk: Desk, argument: str) -> None:
    if argument not in shown.FORMATS:
        raise UsageError(f"got `{argument}`, want one of: {', '.join(shown.FORMATS)}")
    desk.state.form = argument


def _switch(name: str) -> Callable[[Desk, str], None]:
    def run(desk: Desk, argument: str) -> None:
        if argument not in ("on", "off"):
            raise UsageError(f"got `{argument}`, want on or off", help=f":{name} off")
        setattr(desk.state, name, argument == "on")

    return run


def _help(desk: Desk, argument: str) -> None:  # recurses: once, by a name
    name = argument.removeprefix(":")
    if name and name not in COMMANDS:
        _doc(desk, name)
        return
    known = {name: COMMANDS[name]} if name else COMMANDS
    heads = [f":{each} {command.arguments}".rstrip() for each, command in known.items()]
    room = max(map(len, heads)) + 2
    width = shown.width() - 1
    for head, command in zip(heads, known.values(), strict=True):
        if width - room < 30:
            lines = textwrap.wrap(command.doc, width - 4)
            desk.write("\n".join([head, *(f"    {line}" for line in lines)]))
        else:
            lines = textwrap.wrap(command.doc, width - room)
            desk.write(f"{head:<{room}}" + f"\n{' ' * room}".join(lines))
    if not name:
        desk.write(
            "\n".join(shown.folded("Y is a name or an expression, the last result if left out."))
        )


def _quit(desk: Desk, argument: str) -> None:
    raise Quit


def _edit(desk: Desk, argument: str) -> None:
    from autodiff_cli.repl.editor import edit

    edit(desk, argument)


def _keys(desk: Desk, argument: str) -> None:
    if argument not in ("vi", "emacs"):
        raise UsageError(f"got `{argument}`, want vi or emacs")
    desk.state.keys = argument


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
