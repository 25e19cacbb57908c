"""CP-SAT over one program, built straight into the protocol buffer."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from solver.answer import Answer, Effort, Stop
from solver.program import Program

if TYPE_CHECKING:
    from ortools.sat.python import cp_model_helper as cmh

Int = NDArray[np.int64]


def cp_model_proto(program: Program, hint: Int | None = None) -> "cmh.CpModelProto":
    """The program as a CpModelProto; `hint` is a point to start from."""
    from ortools.sat.python import cp_model_helper as cmh  # noqa: PLC0415 - half a second, only to solve

    model = cmh.CpModelProto()
    _add_variables(model, program.upper)
    _add_sets(model, program)
    _add_linear(model, program)
    worth = np.flatnonzero(program.value)
    model.objective.vars.extend(worth.tolist())
    model.objective.coeffs.extend((-program.value[worth]).tolist())
    model.objective.scaling_factor = -1.0
    if hint is not None:
        model.solution_hint.vars.extend(range(len(hint)))
        model.solution_hint.values.extend(hint.tolist())
    return model


def _add_variables(model: "cmh.CpModelProto", upper: Int) -> None:
    from ortools.sat.python import cp_model_helper as cmh  # noqa: PLC0415

    for bound, count in zip(*_runs(upper), strict=True):
        variable = cmh.IntegerVariableProto()
        variable.domain.extend([0, int(bound)])
        model.variables.extend([variable] * int(count))


def _runs(array: Int) -> tuple[Int, Int]:
    """Values of the runs of equal numbers, and their lengths."""
    edge = np.flatnonzero(np.diff(array, prepend=array[:1] - 1))
    return array[edge], np.diff(edge, append=len(array))


def _add_sets(model: "cmh.CpModelProto", program: Program) -> None:
    column, edge = program.sets.column.tolist(), program.sets.indptr.tolist()
    add = model.constraints.add
    for row, exactly in enumerate(program.sets.exactly.tolist()):
        constraint = add()
        kind = constraint.exactly_one if exactly else constraint.at_most_one
        kind.literals.extend(column[edge[row] : edge[row + 1]])


def _add_linear(model: "cmh.CpModelProto", program: Program) -> None:
    rows = program.linear
    column, coef, edge = rows.column.tolist(), rows.coef.tolist(), rows.indptr.tolist()
    for row, upper in enumerate(rows.upper.tolist()):
        linear = model.constraints.add().linear
        linear.vars.extend(column[edge[row] : edge[row + 1]])
        linear.coeffs.extend(coef[edge[row] : edge[row + 1]])
        linear.domain.extend([-(2**60), upper])


def parameters(effort: Effort) -> "cmh.SatParameters":
    """One worker with the full linear relaxation: measured, see docs/decisions."""
    from ortools.sat.python import cp_model_helper as cmh  # noqa: PLC0415

    chosen = cmh.SatParameters()
    chosen.num_workers = 1
    chosen.linearization_level = 2
    chosen.random_seed = effort.seed
    chosen.max_deterministic_time = effort.deterministic
    chosen.max_time_in_seconds = effort.wall
    # It would leave the process without a handler: the next Ctrl-C would kill it.
    chosen.catch_sigint_signal = False
    return chosen


def solve_cp_sat(
    program: Program,
    effort: Effort,
    hint: Int | None = None,
) -> Answer:
    """Best point of the program that CP-SAT finds within the effort."""
    from ortools.sat.python import cp_model_helper as cmh  # noqa: PLC0415

    unknown = Answer(None, int(program.value[program.value > 0].sum()))
    if effort.stopped:
        return unknown
    solver = cmh.SolveWrapper()
    solver.set_parameters(parameters(effort))
    with (effort.stop or Stop()).interrupting(solver.stop_search):
        response = solver.solve(cp_model_proto(program, hint))  # type: ignore[no-untyped-call] # stub without types
    status = cmh.CpSolverStatus
    if response.status == status.INFEASIBLE:
        return Answer(None, 0, impossible=True)
    if response.status not in {status.OPTIMAL, status.FEASIBLE}:
        return unknown
    return Answer(np.array(response.solution, np.int64), round(response.best_objective_bound))
