"""A plan for people: its moves in groups, the account term by term, who is left out, the alternatives."""

from collections.abc import Sequence
from dataclasses import dataclass

import typer

from service.cli.output import print_json, print_table, shown
from service.commands.optimisation import Accepted
from service.queries.businesses import Business
from service.queries.optimisation import Alternative, Move, Run


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown: a run, those beside it, what was accepted, and the run that plans the refused moves again."""

    business: Business
    run: Run
    alternatives: Sequence[Alternative]
    accepted: Accepted | None = None
    again: Run | None = None


def numbered(run: Run) -> list[tuple[int, Move]]:
    """Return a plan's moves with their numbers, those that go together side by side."""
    ordered = sorted(run.moves, key=lambda m: (m.component, m.before_starts_at or m.starts_at, m.starts_at, m.id))
    return list(enumerate(ordered, 1))


def show(it: Shown, *, as_json: bool) -> None:
    """Print it as tables, or as one JSON document."""
    if as_json:
        print_json({"run": it.run, "alternatives": it.alternatives, "applied": it.accepted, "replanned": it.again})
        return
    run, zone = it.run, it.business.zone
    if run.status in {"running", "failed"}:
        typer.echo(f"The run is {run.status}. {run.error or f'It is {run.phase} for {run.elapsed:.0f} s.'}")
        return
    _moves(f"Plan for {it.business.name} ({run.kind}, {run.policy})", run, zone)
    _left_out(run)
    _terms(run)
    if len(it.alternatives) > 1:
        _alternatives(it.alternatives)
    proof = "proven best" if run.gap == 0 else f"at most {run.gap or 0:.2%} below the best"
    typer.echo(f"{run.solver_status}: value {run.objective:g}, {proof}, solved in {run.solve_seconds or 0:.2f} s")
    _what_next(it)


def _moves(title: str, run: Run, zone: str) -> None:
    rows = [
        (
            number,
            m.component + 1,
            m.client,
            m.service,
            "waiting" if m.before_starts_at is None else f"{shown(m.before_starts_at, zone)} {m.before_staff}",
            f"{shown(m.starts_at, zone)} {m.staff}",
            m.refusal or (m.reason if m.status == "planned" else m.status),
        )
        for number, m in numbered(run)
    ]
    print_table(title, ["#", "group", "client", "service", "from", "to", "why"], rows)


def _left_out(run: Run) -> None:
    if run.unplaced:
        helps = [" ".join(part for part in (u.relaxation, u.insistence) if part) for u in run.unplaced]
        rows = [(u.client, u.service, u.reason, what) for u, what in zip(run.unplaced, helps, strict=True)]
        print_table("Left out", ["client", "service", "why", "what would help"], rows)


def _terms(run: Run) -> None:
    rows = [
        (t.name.replace("_", " "), t.weight, t.units_before, t.units_after, f"{t.before:,}", f"{t.after:,}")
        for t in run.terms
        if t.units_before or t.units_after
    ]
    before, after = sum(t.before for t in run.terms), sum(t.after for t in run.terms)
    total = ("sum", "", "", "", f"{before:,}", f"{after:,}")
    print_table("Account", ["term", "weight", "units before", "after", "points before", "after"], [*rows, total])


def _alternatives(lines: Sequence[Alternative]) -> None:
    rows = [
        (
            line.policy,
            line.status if line.same_as is None else f"as {_policy(lines, line)}",
            line.placed,
            line.moved,
            line.reseated,
            line.left_out,
            "" if line.gap is None else f"{line.gap:.2%}",
            line.id,
        )
        for line in lines
    ]
    columns = ["policy", "state", "placed", "moved", "re-seated", "left out", "gap", "run"]
    print_table("Alternatives", columns, rows)


def _policy(lines: Sequence[Alternative], line: Alternative) -> str:
    return next((other.policy for other in lines if other.id == line.same_as), "another")


def _what_next(it: Shown) -> None:
    run, address = it.run, f"interlock optimise -b {it.business.slug} --run"
    if it.accepted is not None:
        typer.echo(f"applied {it.accepted.applied}, refused as stale {len(it.accepted.stale)}")
        if it.again is not None:
            _moves("Planned again", it.again, it.business.zone)
            typer.echo(f"accept it with: {address} {it.again.id} --apply")
    elif run.status == "planned" and run.moves:
        typer.echo(f"accept it with: {address} {run.id} --apply (or --accept 1,2, or --discard)")
