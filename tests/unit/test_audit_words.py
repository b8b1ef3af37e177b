"""Every act that any part of the program puts on record has a group and words."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tracker.domain.audit_acts import FAILURES, GROUP_OF, GROUPS
from tracker.domain.requests import RequestState
from tracker.web import audit_words as words

ROOT = Path(__file__).resolve().parents[2] / "tracker"
# Names that are put together: the part that varies, where it can't be read off the calls.
SPELT = {
    "request.{act}": [state.value for state in RequestState if state is not RequestState.OPEN] + ["asked"],
    "evidence.{verdict}": ["accepted", "returned", "rejected"],
    "custody.{kind}": ["changed", "missing"],
    "custody.{resolution}": ["healed", "renewed", "returned"],
    "{kind}.failed": ["backup", "drill"],
    "{kind}.made": ["backup", "drill"],
}


def strings(node: ast.AST) -> Iterator[str]:
    """Constant strings that an expression can be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)


def pattern(node: ast.JoinedStr) -> str:
    return "".join(
        part.value if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"  # type: ignore[misc, attr-defined]
        for part in node.values
    )


@dataclass(frozen=True)
class Made:
    """One call: in which file, and what names stood for where it was made."""

    path: Path
    call: ast.Call
    local: dict[str, ast.expr]


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def functions(path: Path) -> list[ast.FunctionDef]:
    return [one for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(one, ast.FunctionDef)]


def calls(path: Path, own: list[ast.FunctionDef]) -> Iterator[Made]:
    for function in own:
        nodes = list(ast.walk(function))
        local = {
            target.id: node.value
            for node in nodes if isinstance(node, ast.Assign)
            for target in node.targets if isinstance(target, ast.Name)
        }  # fmt: skip
        yield from (Made(path, node, local) for node in nodes if isinstance(node, ast.Call))


def given(function: ast.FunctionDef, name: str, path: Path, made: dict[str, list[Made]]) -> set[str]:
    """The strings that callers pass as this parameter; a name is looked up among the caller's assignments."""
    names = [one.arg for one in function.args.args]
    found: set[str] = set()
    for one in made.get(function.name, []):
        if one.path != path and function.name.startswith("_"):
            continue
        value = next((word.value for word in one.call.keywords if word.arg == name), None)
        if value is None and name in names and names.index(name) < len(one.call.args):
            value = one.call.args[names.index(name)]
        if isinstance(value, ast.Name):
            value = one.local.get(value.id)
        found |= set(strings(value)) if value is not None else set()
    return found


@cache
def recorded() -> dict[str, set[str]]:
    """Module → names of the acts that it records."""
    modules = {path: functions(path) for path in sorted(ROOT.rglob("*.py"))}
    made: dict[str, list[Made]] = {}
    for path, own in modules.items():
        for one in calls(path, own):
            made.setdefault(called(one.call), []).append(one)
    found: dict[str, set[str]] = {}
    for path, own in modules.items():
        for function in own:
            for call in (one for one in ast.walk(function) if isinstance(one, ast.Call)):
                if called(call) not in {"record", "note_export"} or ast.unparse(call.func) == "record":
                    continue
                value = next((one.value for one in call.keywords if one.arg == "action"), None)
                value = value or (call.args[1] if len(call.args) > 1 else None)
                assert value is not None, (path, call.lineno)
                acts = found.setdefault(f"{path.name}:{call.lineno}", set())
                if isinstance(value, ast.JoinedStr):
                    shape = pattern(value)
                    [hole] = [part.value for part in value.values if isinstance(part, ast.FormattedValue)]
                    parts = SPELT.get(shape) or given(function, ast.unparse(hole), path, made)
                    acts |= {shape.replace("{" + ast.unparse(hole) + "}", part) for part in parts}
                elif isinstance(value, ast.Name):
                    acts |= given(function, value.id, path, made)
                    assigned = [
                        node.value for node in ast.walk(function)
                        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == value.id
                    ]  # fmt: skip
                    for expression in assigned:
                        acts |= set(strings(expression))
                else:
                    acts |= set(strings(value))
    return found


def test_every_act_that_is_recorded_has_a_group_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    found = recorded()
    assert [where for where, acts in found.items() if not acts and not where.startswith("noting.py")] == []
    acts = set().union(*found.values())
    assert len(acts) > 100
    assert acts - GROUP_OF.keys() == set()
    monkeypatch.setattr(words, "_", lambda message, **_values: message)
    assert GROUP_OF.keys() == words.verbs().keys()
    assert GROUPS.keys() == words.groups().keys()
    assert set(FAILURES) <= GROUP_OF.keys()
    assert sum(map(len, GROUPS.values())) == len(GROUP_OF)  # each in one group


def test_no_words_are_kept_for_acts_that_nobody_does() -> None:
    assert GROUP_OF.keys() - set().union(*recorded().values()) == set()
