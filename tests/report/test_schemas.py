"""The published schemas: legal themselves, and what all recorded JSON keeps to."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from autodiff_cli.commands.examples import programs
from autodiff_cli.errors import AdiffError
from autodiff_cli.language.source import Source, Span
from autodiff_cli.report import diagnostics, minimum, result
from autodiff_cli.report.fits import data as fits
from tests.commands.shell import SCHEMAS, adiff, validate
from tests.golden import command_line

if TYPE_CHECKING:
    from pathlib import Path

RESULT = adiff("eval", "-e", "1/x", "x=0", "--json").objects[0]
ERROR = adiff("eval", "-e", "x +", "x=0", "--json").error


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda path: path.name)
def test_schema_is_one(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize("name", programs())
def test_every_example_as_json(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = programs()[name]
    monkeypatch.chdir(program.parent)
    results = adiff("eval", *command_line(program), "--json").objects
    assert results
    for instance in results:
        validate(instance, "result")


def test_names_in_the_schemas_are_those_in_the_code() -> None:
    for name, want in (
        ("result", result.SCHEMA),
        ("error", diagnostics.ERROR_SCHEMA),
        ("fit", fits.SCHEMA),
        ("minimum", minimum.SCHEMA),
    ):
        schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
        assert schema["properties"]["schema"]["const"] == schema["title"] == want


def test_error_without_a_place_and_with_one() -> None:
    source = Source("a.ad", "x + y")
    for error in (
        AdiffError("nothing is known of it"),
        AdiffError("all is", Span(source, 0, 5), label="here", notes=["a note"], help="do this"),
    ):
        validate(json.loads(diagnostics.as_json(error)), "error")


def changed(instance: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    instance = copy.deepcopy(instance)
    if value is None:
        del instance[name]
    else:
        instance[name] = value
    return instance


WRONG = {
    "another schema": ("result", changed(RESULT, "schema", "adiff.result/2")),
    "another status": ("result", changed(RESULT, "status", "fine")),
    "no value": ("result", changed(RESULT, "value", None)),
    "a string for a number": ("result", changed(RESULT, "value", "Infinity")),
    "a string in an array": ("result", changed(RESULT, "value", [1.0, ["NaN"]])),
    "no derivative": ("result", changed(RESULT, "gradient", None)),
    "two derivatives": ("result", changed(RESULT, "jvp", 1.0)),
    "an unknown field": ("result", changed(RESULT, "time", 1.0)),
    "a warning without a kind": (
        "result",
        changed(RESULT, "warnings", [changed(RESULT["warnings"][0], "kind", None)]),
    ),
    "a size below 0": ("result", changed(RESULT, "shape", [-1])),
    "an error without help": ("error", changed(ERROR, "help", None)),
    "an error without a message": ("error", changed(ERROR, "message", "")),
    "a line 0": ("error", changed(ERROR, "line", 0)),
    "a nan of another name": ("map", {"y": "NaN"}),
    "a null within an array": ("map", {"y": [1.0, None]}),
    "an error that is a number": ("map", {"y": None, "error": 1}),
}


@pytest.mark.parametrize("name", WRONG)
def test_schema_refuses(name: str) -> None:
    schema, instance = WRONG[name]
    with pytest.raises(jsonschema_rs.ValidationError):
        validate(instance, schema)
