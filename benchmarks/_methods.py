"""Other ways to the same starts: each prepares what it may keep, and answers (lo, hi) with keys of lane and start."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import portion
from intervaltree import IntervalTree
from numpy.typing import NDArray

from benchmarks._worlds import AFTER, DURATION, STEP, World

LANE = 1 << 32
"""A key is lane * LANE + start, in epoch minutes."""

Answer = Callable[[int, int], Any]


def plain_loop(world: World) -> Answer:
    """Two pointers over sorted lists of Python integers."""
    lanes = [(work.tolist(), busy.tolist()) for work, busy in zip(world.work, world.busy, strict=True)]

    def answer(lo: int, hi: int) -> list[int]:
        found: list[int] = []
        for lane, (work, busy) in enumerate(lanes):
            key, claims, free = lane * LANE, iter(busy), 0
            claim = next(claims, None)
            for opens, closes in work:
                free = max(opens, free)
                while claim is not None and claim[0] < closes:
                    if claim[0] - free >= DURATION + AFTER:
                        first, last = max(free, lo), min(claim[0] - DURATION - AFTER, hi - 1)
                        found += range(key + -(-first // STEP) * STEP, key + last + 1, STEP)
                    free = max(claim[1], free)
                    claim = next(claims, None)
                if closes - free >= DURATION:
                    # Past closing the buffer only has to clear the next claim.
                    last = closes - DURATION if claim is None else min(closes, claim[0] - AFTER) - DURATION
                    found += range(key + -(-max(free, lo) // STEP) * STEP, key + min(last, hi - 1) + 1, STEP)
        return found

    return answer


def raw_numpy(world: World) -> Answer:
    """The sorted intervals themselves as arrays, in one key space of int32: gaps are worked out at every call.

    For claims that lie within working spans and do not overlap; in blocks of lanes that a cache holds.
    """
    lanes = range(len(world.work))
    blocks = [_raw_block(world, lanes[i : i + BLOCK]) for i in range(0, len(lanes), BLOCK)]

    def answer(lo: int, hi: int) -> NDArray[np.int32]:
        parts = [block(lo, hi) for block in blocks]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return answer


def _raw_block(world: World, lanes: range) -> Answer:
    wide, base = _key_space(world)
    work, busy = (
        np.concatenate([side[lane] + (lane * wide - base) for lane in lanes]) for side in (world.work, world.busy)
    )
    opens, closes = (np.ascontiguousarray(work[:, i], np.int32) for i in (0, 1))
    begins, ends = (np.ascontiguousarray(busy[:, i], np.int32) for i in (0, 1))
    of_claims, of_spans = (np.int32(wide) * (column // wide) for column in (begins, opens))

    def answer(lo: int, hi: int) -> NDArray[np.int32]:
        first_claim, end_claim = begins.searchsorted(opens), begins.searchsorted(closes)
        some = first_claim < end_claim
        free, tail = np.empty_like(begins), opens.copy()
        free[1:] = ends[:-1]
        free[first_claim[some]] = opens[some]
        tail[some] = ends[end_claim[some] - 1]
        lo, hi = lo - base, hi - base - 1
        first = np.concatenate([np.maximum(free, of_claims + lo), np.maximum(tail, of_spans + lo)])
        last = np.concatenate([
            np.minimum(begins - (DURATION + AFTER), of_claims + hi), np.minimum(closes - DURATION, of_spans + hi)
        ])  # fmt: skip
        first = -(-first // STEP)
        count = np.maximum(last // STEP - first + 1, 0)
        keys = (first - (count.cumsum() - count)).repeat(count)
        keys += np.arange(len(keys))
        keys *= STEP
        return keys

    return answer


BLOCK = 500
"""Lanes worked on at once."""


def _key_space(world: World) -> tuple[int, int]:
    """Return the minutes that a lane has in the key space, and the epoch minute at which they begin."""
    return (world.days + 4) * 1440, world.start - 1440


def raw_keys(world: World, keys: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return what `raw_numpy` found as common keys."""
    wide, base = _key_space(world)
    lane, minute = np.divmod(keys.astype(np.int64), wide)
    return lane * LANE + minute + base


def with_portion(world: World) -> Answer:
    """Sets of intervals of `portion`, one a lane: the difference, then its pieces."""
    work = [portion.Interval(*(portion.closedopen(*span) for span in spans.tolist())) for spans in world.work]
    # The buffer after the visit keeps its end ten minutes before the next claim.
    busy = [portion.Interval(*(portion.closedopen(s - AFTER, e) for s, e in spans.tolist())) for spans in world.busy]

    def answer(lo: int, hi: int) -> list[int]:
        found: list[int] = []
        for lane, (open_, claimed) in enumerate(zip(work, busy, strict=True)):
            for free in open_ - claimed:
                first, last = max(free.lower, lo), min(free.upper - DURATION, hi - 1)
                found += range(lane * LANE + -(-first // STEP) * STEP, lane * LANE + last + 1, STEP)
        return found

    return answer


def with_intervaltree(world: World) -> Answer:
    """An `IntervalTree` of claims a lane, asked about each start on the grid."""
    work = [spans.tolist() for spans in world.work]
    trees = [IntervalTree.from_tuples((s - AFTER, e) for s, e in spans.tolist()) for spans in world.busy]

    def answer(lo: int, hi: int) -> list[int]:
        found: list[int] = []
        for lane, (spans, tree) in enumerate(zip(work, trees, strict=True)):
            for opens, closes in spans:
                first, last = max(opens, lo), min(closes - DURATION, hi - 1)
                starts = range(-(-first // STEP) * STEP, last + 1, STEP)
                found += [lane * LANE + start for start in starts if not tree.overlaps(start, start + DURATION)]
        return found

    return answer


def with_pandas(world: World) -> Answer:
    """Two DataFrames of intervals: joined, shifted, exploded."""
    tables = []
    for side, (begin, end) in ((world.work, ("opens", "closes")), (world.busy, ("begins", "ends"))):
        lane = np.repeat(np.arange(len(side)), [len(spans) for spans in side])
        spans = np.concatenate(side) if side else np.empty((0, 2))
        tables.append(pd.DataFrame({"lane": lane, begin: spans[:, 0], end: spans[:, 1]}))
    work, busy = tables
    by_time = busy.sort_values("begins"), work.sort_values("opens")

    def answer(lo: int, hi: int) -> NDArray[np.int64]:
        inside = pd.merge_asof(*by_time, left_on="begins", right_on="opens", by="lane").sort_values(["lane", "begins"])
        free = inside.groupby(["lane", "opens"])["ends"].shift().fillna(inside["opens"])
        before = pd.DataFrame({"lane": inside["lane"], "first": free, "last": inside["begins"] - DURATION - AFTER})
        tail = work.merge(inside.groupby(["lane", "opens"])["ends"].max().reset_index(), how="left")
        after = pd.DataFrame(
            {"lane": tail["lane"], "first": tail["ends"].fillna(tail["opens"]), "last": tail["closes"] - DURATION}
        )
        gaps = pd.concat([before, after], ignore_index=True)
        first = np.ceil(gaps["first"].clip(lower=lo) / STEP).astype(np.int64) * STEP
        count = ((gaps["last"].clip(upper=hi - 1) - first) // STEP + 1).clip(lower=0)
        starts = first.repeat(count)
        starts += starts.groupby(level=0).cumcount() * STEP
        return (gaps["lane"].loc[starts.index] * LANE + starts).to_numpy(np.int64)

    return answer


LIBRARIES = {"portion": with_portion, "intervaltree": with_intervaltree, "pandas": with_pandas}


def common_keys(found: Any) -> NDArray[np.int64]:  # noqa: ANN401 - whatever a method answers with
    """Return an answer's keys, sorted."""
    if isinstance(found, np.ndarray):
        return np.sort(found.astype(np.int64))
    pairs = isinstance(found, list) and found and isinstance(found[0], tuple)
    keys = [operator.index(lane) * LANE + start for lane, start in found] if pairs else found
    return np.sort(np.array(keys, np.int64))
