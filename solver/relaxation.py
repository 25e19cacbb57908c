"""The linear relaxation by GLOP or HiGHS, and HiGHS on what it leaves, through MathOpt's protocol buffers."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from solver.answer import Answer, Effort, Stop
from solver.program import Program, feasible

if TYPE_CHECKING:
    from ortools.math_opt import model_parameters_pb2, model_pb2, parameters_pb2, result_pb2

Int = NDArray[np.int64]
Real = NDArray[np.float64]


NODES = 3e8
"""Nodes of HiGHS's tree a unit of deterministic effort, times the square of the columns: the one limit of its search
that is the same on every machine (ERGO-Code/HiGHS issue 3133). A node of 5,000 columns takes about a fifteenth of a
second.
"""
TRIALS = 1
"""Strong branchings of a column until HiGHS trusts what it has seen of it; eight, its own choice, doubled the work."""
BARRIER_COLUMNS = 40_000
"""From here on HiGHS's barrier with crossover takes half the time of GLOP's simplex."""


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """An optimal point of the linear relaxation.

    Attributes
    ----------
    x : float64, shape (variables,)
    reduced : float64, shape (variables,)
        `value - y @ A` for the repaired dual `y`: what one unit of the variable would still add.
    dual : float64, shape (rows,)
        The repaired dual: rows of the sets, then linear rows.
    bound : float
        Worth of the repaired dual: no point of the relaxation, hence none of the program, is worth more.
    """

    x: Real
    reduced: Real
    dual: Real
    bound: float


def math_opt_model(program: Program, *, whole: bool) -> "model_pb2.ModelProto":
    """The program as a ModelProto, every row an inequality or equality; `whole` asks for integers."""
    from ortools.math_opt import model_pb2  # noqa: PLC0415 - only to solve

    indptr, column, coef, lower, upper = rows_of(program)
    n = len(program)
    model = model_pb2.ModelProto()
    model.variables.ids.extend(range(n))
    model.variables.lower_bounds.extend([0.0] * n)
    model.variables.upper_bounds.extend(program.upper.astype(float).tolist())
    model.variables.integers.extend([whole] * n)
    model.objective.maximize = True
    worth = np.flatnonzero(program.value)
    model.objective.linear_coefficients.ids.extend(worth.tolist())
    model.objective.linear_coefficients.values.extend(program.value[worth].astype(float).tolist())
    model.linear_constraints.ids.extend(range(len(upper)))
    model.linear_constraints.lower_bounds.extend(lower.tolist())
    model.linear_constraints.upper_bounds.extend(upper.tolist())
    matrix = model.linear_constraint_matrix
    matrix.row_ids.extend(np.repeat(np.arange(len(upper)), np.diff(indptr)).tolist())
    matrix.column_ids.extend(column.tolist())
    matrix.coefficients.extend(coef.tolist())
    return model


def rows_of(program: Program) -> tuple[Int, NDArray[np.int32], Real, Real, Real]:
    """All rows in compressed form: indptr, column, coefficient, lower and upper side."""
    sets, linear = program.sets, program.linear
    indptr = np.concatenate([sets.indptr, sets.indptr[-1] + linear.indptr[1:]])
    column = np.concatenate([sets.column, linear.column])
    coef = np.concatenate([np.ones(len(sets.column)), linear.coef.astype(float)])
    lower = np.concatenate([np.where(sets.exactly, 1.0, -np.inf), np.full(len(linear.upper), -np.inf)])
    upper = np.concatenate([np.ones(len(sets.exactly)), linear.upper.astype(float)])
    return indptr, column, coef, lower, upper


def solve_relaxation(program: Program, effort: Effort) -> Relaxation | None:
    """The relaxation's optimum with a dual bound that holds whatever its tolerances; None where it did not finish."""
    from ortools.math_opt import parameters_pb2  # noqa: PLC0415

    chosen = parameters_pb2.SolveParametersProto()
    chosen.time_limit.FromMilliseconds(max(1, int(effort.wall * 1000)))
    kind = parameters_pb2.SOLVER_TYPE_GLOP
    if len(program) > BARRIER_COLUMNS:
        kind, chosen.lp_algorithm = parameters_pb2.SOLVER_TYPE_HIGHS, parameters_pb2.LP_ALGORITHM_BARRIER
    found = _run(math_opt_model(program, whole=False), kind, chosen, stop=effort.stop)
    if not found.solutions or not found.solutions[0].HasField("dual_solution"):
        return None
    solution = found.solutions[0]
    x = np.zeros(len(program))
    primal = solution.primal_solution.variable_values
    x[np.array(primal.ids, np.int64)] = np.array(primal.values)
    y = np.zeros(len(program.sets.exactly) + len(program.linear.upper))
    dual = solution.dual_solution.dual_values
    y[np.array(dual.ids, np.int64)] = np.array(dual.values)
    return repaired(program, x, y)


def repaired(program: Program, x: Real, y: Real) -> Relaxation:
    """A dual made feasible: multipliers of inequalities clipped at zero, bounds take up the rest.

    For any such y, `value @ x` over the rows and `0 <= x <= upper` is at most
    `y @ rhs + max(0, reduced) @ upper`.
    """
    indptr, column, coef, lower, upper = rows_of(program)
    y = np.where(np.isinf(lower), np.maximum(y, 0.0), y)
    spread = np.repeat(y, np.diff(indptr)) * coef
    reduced = program.value.astype(float) - np.bincount(column, spread, len(program))
    bound = float(y @ upper + np.maximum(reduced, 0.0) @ program.upper)
    return Relaxation(x, np.asarray(reduced, np.float64), y, bound)


def whole_bound(bound: float) -> int:
    """The integer below a bound on an integral objective, rounding errors on the safe side."""
    return math.floor(bound + 1e-6 + 1e-10 * abs(bound))


def solve_highs(program: Program, effort: Effort, hint: Int | None = None, *, gap: float = 0.0) -> Answer:
    """Best point of the program that HiGHS finds within the effort, counted in nodes, and its bound.

    A program of whole numbers needs no gap below one point; a larger relative `gap` ends the search earlier. With a
    hint, HiGHS spends its time on the proof.
    """
    from ortools.math_opt import model_parameters_pb2, parameters_pb2, result_pb2  # noqa: PLC0415

    chosen = parameters_pb2.SolveParametersProto(
        random_seed=effort.seed, relative_gap_tolerance=gap, absolute_gap_tolerance=0.99
    )
    chosen.node_limit = max(1, round(effort.deterministic * NODES / len(program) ** 2))
    chosen.time_limit.FromMilliseconds(max(1, int(effort.wall * 1000)))
    # Columns were dropped before; to begin anew with some more gone costs more than it saves.
    chosen.highs.bool_options["mip_allow_restart"] = False
    chosen.highs.int_options["mip_pscost_minreliable"] = TRIALS
    if hint is not None:
        chosen.highs.double_options["mip_heuristic_effort"] = 0.0
    start = model_parameters_pb2.ModelSolveParametersProto()
    if hint is not None:
        values = start.solution_hints.add().variable_values
        values.ids.extend(range(len(hint)))
        values.values.extend(hint.astype(float).tolist())
    found = _run(math_opt_model(program, whole=True), parameters_pb2.SOLVER_TYPE_HIGHS, chosen, start, effort.stop)
    if found.termination.reason == result_pb2.TERMINATION_REASON_INFEASIBLE:
        return Answer(None, 0, impossible=True)
    limit = int(np.maximum(program.value, 0) @ program.upper)
    bound = found.termination.objective_bounds.dual_bound
    bound = whole_bound(bound) if np.isfinite(bound) else limit
    x = np.zeros(len(program), np.int64)
    if not found.solutions:
        return Answer(None, min(bound, limit))
    primal = found.solutions[0].primal_solution.variable_values
    x[np.array(primal.ids, np.int64)] = np.round(np.array(primal.values)).astype(np.int64)
    return Answer(x if feasible(program, x) else None, min(bound, limit))


def _run(
    model: "model_pb2.ModelProto",
    kind: "parameters_pb2.SolverTypeProto.ValueType",
    chosen: "parameters_pb2.SolveParametersProto",
    start: "model_parameters_pb2.ModelSolveParametersProto | None" = None,
    stop: Stop | None = None,
) -> "result_pb2.SolveResultProto":
    from ortools.math_opt import callback_pb2, model_parameters_pb2, parameters_pb2  # noqa: PLC0415
    from ortools.math_opt.core.python import solver  # noqa: PLC0415
    from ortools.util.python.solve_interrupter import SolveInterrupter  # noqa: PLC0415

    interrupter = SolveInterrupter()
    with (stop or Stop()).interrupting(interrupter.interrupt):
        return solver.solve(
            model,
            kind,
            parameters_pb2.SolverInitializerProto(),
            chosen,
            start or model_parameters_pb2.ModelSolveParametersProto(),
            None,
            callback_pb2.CallbackRegistrationProto(),
            None,
            interrupter.pybind_interrupter,
        )
