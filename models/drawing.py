"""The states of an appointment drawn from their table: `python -m models.drawing > docs/states.md`."""

from models.states import APPOINTMENT, LIVE, MOVABLE, AppointmentStatus, Party

TITLE = """# The life of an appointment

Drawn from `models/states.py` by `python -m models.drawing > docs/states.md`; a test compares the two.
"""


def drawn() -> str:
    """Return the page: a diagram (Mermaid) and the table of transitions with who may take them (Markdown)."""
    return "\n".join([TITLE, _diagram(), "", _table(), "", _notes(), ""])


def _diagram() -> str:
    ends = [s for s in AppointmentStatus if all(t.source is not s for t in APPOINTMENT)]
    steps = [f"    {t.source or '[*]'} --> {t.target}: {t.command}" for t in APPOINTMENT]
    return "\n".join(["```mermaid", "stateDiagram-v2", *steps, *(f"    {s} --> [*]" for s in ends), "```"])


def _table() -> str:
    head = ["| from | to | command | " + " | ".join(Party) + " |", "|---|---|---|" + "---|" * len(Party)]
    rows = [
        f"| {t.source or ''} | {t.target} | `{t.command}` | "
        + " | ".join("yes" if party in t.parties else "" for party in Party)
        + " |"
        for t in APPOINTMENT
    ]
    return "\n".join([*head, *rows])


def _notes() -> str:
    return "\n".join(
        [
            f"- Lane time is kept while an appointment is {_listed(LIVE)}; every other state gives it back.",
            f"- It may be given another time while it is {_listed(MOVABLE)}.",
            "- A booking begins pending, or its hold becomes so, where the service needs approval or the client has",
            "  failed to come as often as the business's `no_show_threshold`; what staff book themselves needs none.",
            "- Where the business sets `no_show_deposit_cents`, such a booking waits for that deposit instead:",
            "  it is confirmed once somebody says that it was paid, unless the service wants approval, too.",
        ]
    )


def _listed(states: tuple[AppointmentStatus, ...]) -> str:
    return ", ".join(state.value for state in states[:-1]) + f" or {states[-1].value}"


if __name__ == "__main__":
    print(drawn(), end="")  # noqa: T201 - this is what the module is run for
