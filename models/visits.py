"""What a shop visit in the form of the Online Shoppers data says about buying, beyond its columns.

Form: Sakar et al. 2019 (UCI data set 468): pages and seconds by kind of page, Google Analytics' bounce and exit rates
and page values averaged over the pages seen, month, visitor, and codes of system, browser, region and source.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.propensity import Propensity

KINDS = ("Administrative", "Informational", "ProductRelated")
AMOUNTS = (
    *KINDS,
    *(f"{kind}_Duration" for kind in KINDS),
    "BounceRates",
    "ExitRates",
    "PageValues",
    "SpecialDay",
)
CODES = ("Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend")

_MONTHS = {month: number for number, month in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}


def visit_features(visits: pd.DataFrame) -> pd.DataFrame:
    """One row a visit, same index: amounts as float64, codes as text, the month's place in the year, seconds a page,
    shares, and sums over pages.

    `visits` may lack PageValues, Google's value of the pages seen, which counts purchases made on them.
    """
    amounts = [name for name in AMOUNTS if name in visits.columns]
    found = visits[amounts].apply(pd.to_numeric, errors="coerce").astype("float64")
    pages = found[list(KINDS)].sum(axis=1)
    seconds = found[[f"{kind}_Duration" for kind in KINDS]].sum(axis=1)
    found["pages"], found["seconds"] = pages, seconds
    found["seconds a page"] = seconds / np.maximum(pages, 1)
    for kind in ("Administrative", "ProductRelated"):
        found[f"seconds a page, {kind}"] = found[f"{kind}_Duration"] / np.maximum(found[kind], 1)
    found["share of product pages"] = found["ProductRelated"] / np.maximum(pages, 1)
    found["exits without bounces"] = found["ExitRates"] - found["BounceRates"]
    # Rates and values are means over the pages seen, so that times pages they are sums.
    for name in ("ExitRates", "BounceRates", "PageValues"):
        if name in amounts:
            found[f"{name} in all"] = found[name] * pages
    for code in CODES:
        found[code] = visits[code].astype(str)
    found["month"] = visits["Month"].astype(str).str[:3].str.lower().map(_MONTHS).astype("float64")
    return found


def visit_model() -> Propensity:
    """The model of `visit_features`; more value seen never lowers the chance."""
    rising = {"PageValues": 1, "PageValues in all": 1}
    return Propensity(members=("trees", "network"), monotone=rising, leaves=15, folds=6)
