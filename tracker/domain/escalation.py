"""Who stands at a step of the escalation path: chosen among people as plain values (organisation.yaml)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

LEADING = frozenset({"director", "secretary"})


class Holder(Protocol):
    """Somebody with an account: only active people of the office are to be given."""

    @property
    def id(self) -> int: ...
    @property
    def role(self) -> str: ...
    @property
    def department_id(self) -> int | None: ...


H = TypeVar("H", bound=Holder)


def holders(people: Iterable[H], department_id: int, roles: Sequence[str], contact_id: int | None = None) -> list[H]:
    """People at steps of the path (contact, dept_head, legal, deputy, first), each once, ordered by id.

    contact, dept_head: of the department; a named contact stands for all of them, and the legal office's clerks
    are its reviewers. legal: the head of the legal office. deputy: 分管领导. first: director and secretary. A step
    that nobody holds is taken by the next one up that somebody holds.
    """
    everybody = list(people)
    own = [person for person in everybody if person.department_id == department_id]
    named = [person for person in own if person.id == contact_id]
    steps = {
        "contact": named or [person for person in own if person.role in {"contact", "reviewer"}],
        "dept_head": [person for person in own if person.role in {"dept_head", "legal_head"}],
        "legal": [person for person in everybody if person.role == "legal_head"],
        "deputy": [person for person in everybody if person.role == "deputy"],
        "first": [person for person in everybody if person.role in LEADING],
    }
    order = list(steps)
    chosen: dict[int, H] = {}
    for role in roles:
        found = next((steps[step] for step in order[order.index(role) :] if steps[step]), [])
        chosen |= {person.id: person for person in found}
    return sorted(chosen.values(), key=lambda person: person.id)


def heading(department_id: int | None, parents: Mapping[int, int | None], headed: Collection[int]) -> int | None:
    """The department whose head speaks for this one: its own head, else its parent's, and so on up; None: nobody's.

    `headed`: the departments that have a head of their own.
    """
    seen: set[int] = set()
    while department_id is not None and department_id not in headed:
        if department_id in seen:  # a circle has no top
            return None
        seen.add(department_id)
        department_id = parents.get(department_id)
    return department_id


def legal_departments(people: Iterable[Holder]) -> set[int]:
    """The departments that are the legal office: those that its head belongs to."""
    return {person.department_id for person in people if person.role == "legal_head" and person.department_id}
