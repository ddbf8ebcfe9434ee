"""The joint plan as an optimisation: at most one option a customer, the most profit, within what all of them share.

A multiple-choice knapsack with several linking constraints (budget, stock, capacity, minimum spend). Small ones are
solved exactly by HiGHS. Large ones by Lagrangian relaxation of the linking constraints (Geoffrion 1974; Fisher 1981):
the dual, smoothed by a soft maximum (Nesterov 2005), gives every constraint a price and the plan an upper bound; at
those prices nearly every customer has one clearly best option, and a linear program over the undecided few makes it
whole. Searches stop on gap or nodes, never on time, so the same problem has the same answer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_matrix, vstack
from threadpoolctl import threadpool_limits

from campaign.choices import (
    SLACK,
    Ad,
    Choice,
    Floats,
    InfeasibleError,
    Ints,
    Limits,
    Options,
    Prices,
    best_rows,
    fits,
    left_by,
    placed,
    rows_of,
)
from campaign.dual import Dual

__all__ = ["Ad", "Choice", "Floats", "InfeasibleError", "Ints", "Limits", "Options", "solve", "worthwhile"]

_GAP, _CORE_GAP = 1e-6, 1e-3
"""Relative gaps at which an exact search of a whole problem, or of the undecided of a large one, stops."""
_NODES = 500
"""Nodes after which a search stops with the best it has."""
_EXACT = 300
"""Options up to which the whole problem is searched exactly."""
_CORE = (400, 20)
"""Options of undecided customers that a linear program settles together: so many, and so many more a binding limit."""


def solve(options: Options, limits: Limits, customers: int) -> Choice:
    """The most profitable choice of at most one option for each of `customers`; `InfeasibleError` when none is."""
    with threadpool_limits(1, "blas"):  # one order of sums; and on short vectors more threads only wait for each other
        return _solved(options, limits, customers)


def _solved(options: Options, limits: Limits, customers: int) -> Choice:
    kept = np.flatnonzero(worthwhile(options, limits))
    few = options.take(kept)
    free = _each_best(few, limits, customers)
    if free is not None:
        return replace(free, option=placed(free.option, kept))
    log = Dual(few, limits)
    vector, bound = log.minimum()
    prices = log.prices(vector)
    ads = tuple(ad.spend(prices.budget) for ad in limits.ads)
    left = replace(limits, budget=limits.budget - sum(s / a.part for s, a in zip(ads, limits.ads, strict=True)), ads=())
    exact = len(few) <= _EXACT
    if exact:
        chosen, proven = _searched(few, left, customers, gap=_GAP)
        bound = bound if limits.ads else min(bound, proven)
    else:
        core = _CORE[0] + _CORE[1] * int(np.count_nonzero(vector > 0))
        chosen = _rounded(few, left, customers, log.reduced(vector), core)
    direct = float(few.profit[chosen[chosen >= 0]].sum())
    value = direct + sum(ad.profit(s) for s, ad in zip(ads, limits.ads, strict=True))
    method = "exact search (HiGHS)" if exact else "Lagrangian relaxation, the undecided by a linear program (HiGHS)"
    return Choice(placed(chosen, kept), ads, value, max(bound, value), prices, method)


def worthwhile(options: Options, limits: Limits) -> NDArray[np.bool_]:
    """Which options can be in a best plan: not those without profit that help no minimum, nor dominated ones.

    An option is dominated by another of the same customer that brings as much, costs no more and uses nothing scarce
    that it does not use itself.
    """
    needed = np.append(limits.minimum > 0, False)[options.purse]
    keep = (options.profit > 0) | needed
    rows = np.flatnonzero(keep)
    few = options.take(rows)
    stock, place = _scarce(few, limits)
    purse = np.where(needed[rows], few.purse, -1)
    dominated = np.zeros(len(rows), bool)
    for shift in range(1, len(rows)):
        first = np.flatnonzero(few.customer[:-shift] == few.customer[shift:])
        if not len(first):
            break
        second = first + shift
        for a, b, wins_ties in ((first, second, True), (second, first, False)):
            better = few.profit[a] > few.profit[b]
            alike = few.profit[a] == few.profit[b]
            cheap = np.where(purse[b] >= 0, few.cost[a] == few.cost[b], few.cost[a] <= few.cost[b])
            equal = alike & (few.cost[a] == few.cost[b]) & (stock[a] == stock[b]) & (few.units[a] == few.units[b])
            equal &= (place[a] == place[b]) & (purse[a] == purse[b])
            lean = (stock[a] < 0) | ((stock[a] == stock[b]) & (few.units[a] <= few.units[b]))
            lean &= (place[a] < 0) | (place[a] == place[b])
            lean &= (purse[b] < 0) | (purse[a] == purse[b])
            dominated[b] |= (better | alike) & cheap & lean & (~equal | wins_ties)
    keep[rows[dominated]] = False
    return keep


def _scarce(options: Options, limits: Limits) -> tuple[Ints, Ints]:
    """Stock and place of each option, −1 where all customers together could not use it up."""
    found = []
    for row, use, limit in (
        (options.stock, options.units, limits.stock),
        (options.place, np.ones(len(options)), limits.capacity),
    ):
        if not len(limit):
            found.append(np.full(len(row), -1))
            continue
        inside = row >= 0
        pair = row[inside] * (int(options.customer.max(initial=0)) + 1) + options.customer[inside]
        each, back = np.unique(pair, return_inverse=True)
        most = np.zeros(len(each))
        np.maximum.at(most, back, use[inside])
        total = np.bincount(each // (int(options.customer.max(initial=0)) + 1), most, len(limit))
        ample = np.append(total <= limit, False)
        found.append(np.where(ample[row], -1, row))
    return found[0], found[1]


def _each_best(options: Options, limits: Limits, customers: int) -> Choice | None:
    """Everyone's best option and the best spends, where all of that fits: then nothing can be better."""
    chosen = best_rows(options, options.profit, customers)
    ads = tuple(ad.spend(0.0) for ad in limits.ads)
    whole = replace(limits, budget=limits.budget - sum(s / a.part for s, a in zip(ads, limits.ads, strict=True)))
    if not fits(options.take(chosen[chosen >= 0]), whole):
        return None
    value = float(options.profit[chosen[chosen >= 0]].sum())
    value += sum(ad.profit(s) for s, ad in zip(ads, limits.ads, strict=True))
    nothing = Prices(0.0, np.zeros(len(limits.stock)), np.zeros(len(limits.capacity)), np.zeros(len(limits.minimum)))
    return Choice(chosen, ads, value, value, nothing, "each customer's best option, since no limit binds")


def _searched(options: Options, limits: Limits, customers: int, *, gap: float) -> tuple[Ints, float]:
    """Row of each customer's option in the best choice (−1: none) by branch and bound, and the bound that it proves."""
    if not len(options):
        if (limits.minimum > 0).any() or limits.budget < 0:
            raise InfeasibleError
        return np.full(customers, -1), 0.0
    matrix, upper = rows_of(options, limits)
    bounded = np.isfinite(upper)
    found = milp(
        -options.profit,
        integrality=np.ones(len(options)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(_one_each(options), -np.inf, 1),
            LinearConstraint(matrix.tocsr()[bounded], -np.inf, upper[bounded]),
        ],
        options={"mip_rel_gap": gap, "node_limit": _NODES},
    )
    if found.x is None:
        raise InfeasibleError
    taken = np.flatnonzero(found.x > 0.5)
    chosen = np.full(customers, -1)
    chosen[options.customer[taken]] = taken
    return chosen, float(-found.mip_dual_bound)


def _rounded(options: Options, limits: Limits, customers: int, reduced: Floats, core: int) -> Ints:
    """A whole plan near the prices: who has one clearly best option gets it, the undecided are settled together.

    A linear program over the undecided leaves at most one divided customer for each limit; these take the largest of
    their parts that still fits, and what is left over goes to whoever gains most by it.
    """
    chosen = best_rows(options, reduced, customers)
    regret = _regret(options, reduced, customers)
    known = np.unique(options.customer)
    order = known[np.argsort(regret[known], kind="stable")]
    size = np.cumsum(np.bincount(options.customer, minlength=customers)[order])
    while True:
        open_to = np.zeros(customers, bool)
        open_to[order[size <= core]] = True
        fixed = np.where(open_to, -1, chosen)
        left = left_by(options.take(fixed[fixed >= 0]), limits)
        rows = np.flatnonzero(open_to[options.customer])
        parts = None if left is None else _divided(options.take(rows), left)
        if left is not None and parts is not None and (left.minimum > 0).any():
            roomy = _divided(options.take(rows), _with_room(options.take(rows), left))
            parts = parts if roomy is None else roomy
        if parts is not None:
            found = _filled(options, limits, fixed, rows[np.argsort(-parts, kind="stable")][: np.count_nonzero(parts)])
            found = _filled(options, limits, found, np.argsort(-reduced, kind="stable"))
            if (left_by(options.take(found[found >= 0]), limits) or limits).minimum.max(initial=0.0) <= SLACK:
                return found
        if core >= len(options):
            return _searched(options, limits, customers, gap=_CORE_GAP)[0]  # also says where there is no plan at all
        core *= 4


def _with_room(options: Options, limits: Limits) -> Limits:
    """`limits` whose minimum spends are met with room, so that they still are when divided customers are made whole."""
    dearest = np.zeros(len(limits.minimum) + 1)
    np.maximum.at(dearest, options.purse, options.cost)
    return replace(limits, minimum=np.where(limits.minimum > 0, limits.minimum + 2 * dearest[:-1], 0.0))


def _divided(options: Options, limits: Limits) -> Floats | None:
    """The best choice when a customer may be divided among options: the part of each; None where there is none."""
    if not len(options):
        return np.zeros(0) if limits.minimum.max(initial=0.0) <= SLACK else None
    matrix, upper = rows_of(options, limits)
    bounded = np.isfinite(upper)
    shares = vstack([_one_each(options), matrix.tocsr()[bounded]]).tocsr()
    most = np.concatenate([np.ones(shares.shape[0] - int(bounded.sum())), upper[bounded]])
    found = linprog(-options.profit, A_ub=shares, b_ub=most, bounds=(0, None), method="highs-ds")
    return None if found.x is None else np.where(found.x > SLACK, found.x, 0.0)


def _one_each(options: Options) -> csr_matrix:
    """Rows that say that a customer gets one option at most."""
    known, back = np.unique(options.customer, return_inverse=True)
    return csr_matrix((np.ones(len(options)), (back, np.arange(len(options)))), (len(known), len(options)))


def _filled(options: Options, limits: Limits, chosen: Ints, rows: Ints) -> Ints:
    """`chosen` with the options of `rows`, in their order, wherever one fits and brings its customer more."""
    found, left = chosen.copy(), left_by(options.take(chosen[chosen >= 0]), limits)
    if left is None:
        return found
    budget, stock, place = left.budget, left.stock.copy(), left.capacity.copy()
    gains = options.profit[rows] > np.where(found >= 0, options.profit[found], 0.0)[options.customer[rows]]
    needy = np.append(left.minimum > SLACK, False)[options.purse[rows]]
    for row in rows[gains | needy]:
        customer, old = options.customer[row], int(found[options.customer[row]])
        if options.profit[row] <= (options.profit[old] if old >= 0 else 0.0) and not (old < 0 and needy.any()):
            continue
        if old >= 0 and options.purse[old] >= 0 and limits.minimum[options.purse[old]] > 0:
            continue  # what a minimum spend counts on stays
        paid, units = (options.cost[old], options.units[old]) if old >= 0 else (0.0, 0.0)
        same_stock = old >= 0 and options.stock[old] == options.stock[row]
        same_place = old >= 0 and options.place[old] == options.place[row]
        more = options.units[row] - (units if same_stock else 0.0)
        if options.cost[row] - paid > budget:
            continue
        if 0 <= options.stock[row] < len(stock) and more > stock[options.stock[row]]:
            continue
        if 0 <= options.place[row] < len(place) and not same_place and place[options.place[row]] < 1:
            continue
        budget -= options.cost[row] - paid
        for taken, sign in ((row, -1.0), (old, 1.0)):
            if taken >= 0 and 0 <= options.stock[taken] < len(stock):
                stock[options.stock[taken]] += sign * options.units[taken]
            if taken >= 0 and 0 <= options.place[taken] < len(place):
                place[options.place[taken]] += sign
        found[customer] = row
    return found


def _regret(options: Options, reduced: Floats, customers: int) -> Floats:
    """How much worse each customer's second-best option (or none) is than the best, at the prices."""
    best, second = np.zeros(customers), np.zeros(customers)
    np.maximum.at(best, options.customer, reduced)
    top = best_rows(options, reduced, customers)
    others = np.ones(len(options), bool)
    others[top[top >= 0]] = False
    np.maximum.at(second, options.customer[others], reduced[others])
    none = top < 0  # their best is nothing: how far from worth it the best option is
    nearest = np.full(customers, -np.inf)
    np.maximum.at(nearest, options.customer, reduced)
    return np.where(none, -nearest, best - second)
