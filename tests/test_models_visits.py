"""Features of a visit: what follows from the columns, robust to the odd value."""

import numpy as np
import pandas as pd

from models.visits import visit_features


def visit(**changed: object) -> pd.DataFrame:
    row: dict[str, object] = {
        "Administrative": 1,
        "Administrative_Duration": 30.0,
        "Informational": 0,
        "Informational_Duration": 0.0,
        "ProductRelated": 4,
        "ProductRelated_Duration": 200.0,
        "BounceRates": 0.01,
        "ExitRates": 0.03,
        "PageValues": 5.0,
        "SpecialDay": 0.0,
        "Month": "June",
        "OperatingSystems": 2,
        "Browser": 2,
        "Region": 1,
        "TrafficType": 3,
        "VisitorType": "New_Visitor",
        "Weekend": False,
    }
    return pd.DataFrame([row | changed])


def test_what_follows_from_the_columns() -> None:
    found = visit_features(visit()).iloc[0]
    assert found["pages"] == 5
    assert found["seconds a page"] == 46
    assert found["seconds a page, ProductRelated"] == 50
    assert found["PageValues in all"] == 25
    assert found["month"] == 6
    assert found["TrafficType"] == "3"


def test_without_page_values_nothing_hints_at_them() -> None:
    found = visit_features(visit().drop(columns="PageValues"))
    assert not any("PageValues" in name for name in found.columns)


def test_odd_values_are_unknown_not_fatal() -> None:
    found = visit_features(visit(Month="Brumaire", PageValues="many", ProductRelated=0, Administrative=0)).iloc[0]
    assert np.isnan(found["month"])
    assert np.isnan(found["PageValues"])
    assert found["seconds a page"] == 230
