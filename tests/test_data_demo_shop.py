"""The demo shop: deterministic, canonical, coherent, and true to the truth it hands out."""

import numpy as np
import pandas as pd
import pytest

from data.demo_catalogue import SEASONS
from data.demo_people import Mailing, People, Process, make_people, purchase_chance
from data.demo_shop import MESSAGE_COST, DemoShop, generate
from data.errors import SettingError
from data.schema import EVENT_KINDS, TABLES, conform

SMALL = {"customers": 200, "products": 60, "months": 6}


@pytest.fixture(scope="module")
def shop() -> DemoShop:
    return generate(customers=1500, products=600, months=9)


def test_the_same_seed_gives_the_same_frames_and_another_seed_does_not() -> None:
    one, again, other = generate(**SMALL), generate(**SMALL), generate(seed=8, **SMALL)
    for name in TABLES:
        pd.testing.assert_frame_equal(one.tables[name], again.tables[name], check_exact=True)
    for name, frame in one.truth.items():
        pd.testing.assert_frame_equal(frame, again.truth[name], check_exact=True)
    assert not one.tables["events"].equals(other.tables["events"])
    assert not one.tables["products"].equals(other.tables["products"])


@pytest.mark.parametrize(
    "size",
    [
        SMALL,
        {"customers": 1, "products": 300, "months": 3},
        {"customers": 1, "products": 1, "months": 1},
        {"customers": 2, "products": 12, "months": 2},
    ],
)
def test_every_size_makes_canonical_tables(size: dict[str, int]) -> None:
    made = generate(**size)
    assert set(made.tables) == set(TABLES)
    for name, frame in made.tables.items():
        pd.testing.assert_frame_equal(conform(name, frame), frame)
    assert len(made.tables["customers"]) == size["customers"]
    assert len(made.tables["products"]) == size["products"]
    assert made.tables["events"]["at"].max() < pd.Timestamp("2026-10-01")


@pytest.mark.parametrize("size", [{"customers": 0}, {"products": 0}, {"products": 1201}, {"months": 0}])
def test_a_size_that_makes_no_shop_is_refused(size: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="at least 1 customer"):
        generate(**size)


def test_tables_refer_to_each_other(shop: DemoShop) -> None:
    tables = shop.tables
    events, orders = tables["events"], tables["orders"]
    customers, products = set(tables["customers"]["customer_id"]), set(tables["products"]["product_id"])
    assert set(events["customer_id"].dropna()) <= customers
    assert set(events["product_id"].dropna()) <= products
    assert set(tables["product_days"]["product_id"]) <= products
    lines = events[events["kind"] == "purchase"]
    assert set(lines["order_id"]) == set(orders["order_id"])
    placed = lines.merge(orders, on=["order_id", "customer_id"], how="left")
    assert placed["at"].eq(placed["placed_at"]).all()
    assert set(orders["status"]) == {"delivered", "shipped", "processing", "cancelled"}
    moving = orders["status"].isin(["delivered", "shipped"])
    assert orders["tracking"].notna().eq(moving).all()
    assert set(events["kind"]) == set(EVENT_KINDS)


def test_products_are_readable_and_spread_over_twelve_categories(shop: DemoShop) -> None:
    products = shop.tables["products"]
    assert set(products["category"]) == set(SEASONS)
    assert len(SEASONS) == 12
    assert products["title"].is_unique
    assert (products["cost"] < products["price"]).all()
    assert products["description"].str.len().between(40, 300).all()
    assert not products["title"].str.contains(r"\d", regex=True).any()


def test_addresses_and_numbers_reach_nobody(shop: DemoShop) -> None:
    customers = shop.tables["customers"]
    assert customers["email"].dropna().str.fullmatch(r"[a-z0-9.]+@example\.(com|org|net)").all()
    assert customers["email"].dropna().is_unique
    assert customers["phone"].dropna().str.startswith("+44 7700 900").all()
    assert customers["consent_email"].mean() == pytest.approx(0.72, abs=0.05)
    assert customers["consent_sms"].mean() == pytest.approx(0.36, abs=0.05)
    assert customers["consent_email"].isna().any()


def test_a_purchase_follows_a_view_of_the_same_visit(shop: DemoShop) -> None:
    events = shop.tables["events"]
    keys = ["session_id", "product_id"]
    seen = events[events["kind"] == "view"].groupby(keys)["at"].min().rename("seen")
    bought = events[events["kind"] == "purchase"].join(seen, on=keys)
    assert bought["seen"].lt(bought["at"]).all()


def test_customers_lapse_and_things_used_together_are_bought_together(shop: DemoShop) -> None:
    events, products = shop.tables["events"], shop.tables["products"]
    lines = events[events["kind"] == "purchase"]
    quiet = (events["at"].max() - lines.groupby("customer_id")["at"].max()).dt.days
    assert (quiet > 120).mean() > 0.15
    assert (quiet < 30).mean() > 0.2
    noun = products.set_index("product_id")["title"].str.split().str[-1]
    owned = lines.assign(noun=lines["product_id"].map(noun))[["customer_id", "noun"]].drop_duplicates()
    buyers = owned.groupby("noun")["customer_id"].agg(set)
    share = len(buyers["Kettle"] & buyers["Pot"]) / len(buyers["Kettle"])
    assert share > 3 * len(buyers["Pot"]) / lines["customer_id"].nunique()


def test_only_consenting_customers_are_mailed_and_arms_follow_their_propensity(shop: DemoShop) -> None:
    customers = shop.tables["customers"].set_index("customer_id")
    exposures = shop.tables["exposures"]
    events = shop.tables["events"]
    mailed = set(exposures["customer_id"]) | set(events.loc[events["kind"] == "email_sent", "customer_id"])
    assert customers.loc[sorted(mailed), "consent_email"].all()
    even = exposures[exposures["policy"] == "even"]
    assert even["propensity"].eq(1 / 3).all()
    assert even["action"].value_counts(normalize=True).between(0.27, 0.40).all()
    assert (1 / exposures["propensity"]).sum() == pytest.approx(3 * len(exposures), rel=0.06)


def test_rewards_are_the_profit_of_the_fortnight(shop: DemoShop) -> None:
    events, exposures = shop.tables["events"], shop.tables["exposures"]
    cost = shop.tables["products"].set_index("product_id")["cost"]
    lines = events[events["kind"] == "purchase"]
    profit = (lines["unit_price"] - lines["product_id"].map(cost)) * lines["quantity"]
    lines = lines.assign(profit=profit.astype(float))[["customer_id", "at", "profit"]]
    pairs = exposures.merge(lines, on="customer_id", suffixes=("", "_bought"))
    age = pairs["at_bought"] - pairs["at"]
    # the fourteenth day ends at midnight, the message left at six
    inside = pairs[(age > pd.Timedelta(0)) & (pairs["at_bought"].dt.normalize() - pairs["at"] < pd.Timedelta(days=13))]
    expected = inside.groupby("decision_id")["profit"].sum().reindex(exposures["decision_id"], fill_value=0.0)
    expected -= np.where(exposures["action"] == "none", 0.0, MESSAGE_COST)
    assert np.allclose(expected, exposures["reward"], atol=0.02)


def test_the_true_chances_are_those_of_the_process() -> None:
    rng = np.random.default_rng(3)
    people = make_people(rng, np.full(8, -100), np.repeat(np.arange(12), 5))
    moods, since = np.array([0, 0, 0, 1, 1, 2, 2, 2]), np.array([3, 30, 90, 0, 20, 60, 200, 10])
    seasons = np.linspace(0.8, 1.3, 14)
    for action in (0, 1, 2):
        exact = purchase_chance(people, moods, since, seasons, action)
        drawn = _simulated_chance(people, moods, since, seasons, action, runs=6000)
        assert np.abs(exact - drawn).max() < 0.025


def _simulated_chance(
    people: People, moods: np.ndarray, since: np.ndarray, seasons: np.ndarray, action: int, *, runs: int
) -> np.ndarray:
    rows = np.tile(np.arange(len(people)), runs)
    process = Process(np.random.default_rng(5), people.take(rows), moods[rows], since[rows])
    mailing = Mailing(np.full(len(rows), action), np.zeros(len(rows), np.int64))
    bought = np.zeros(len(rows), bool)
    for day, season in enumerate(seasons):
        bought |= process.step(day, float(season), mailing)
    return np.asarray(bought.reshape(runs, -1).mean(axis=0))


def test_the_truth_fits_what_happened(shop: DemoShop) -> None:
    events, truth = shop.tables["events"], shop.truth
    lines = events[events["kind"] == "purchase"]
    recent = lines[lines["at"] >= pd.Timestamp("2026-09-01")]
    chance = truth["purchase"].set_index("customer_id")["probability"]
    assert chance.between(0, 1).all()
    assert chance[chance.index.isin(recent["customer_id"])].mean() > 1.6 * chance.mean()
    assert chance.mean() == pytest.approx(recent["customer_id"].nunique() / len(chance), rel=0.3)
    weekly = truth["demand"].groupby("week_start")["units"].sum()
    assert len(weekly) == 12
    sold = lines[lines["at"] >= pd.Timestamp("2026-09-03")]["quantity"].sum() / 4
    assert weekly.iloc[:4].mean() == pytest.approx(sold, rel=0.35)
    by_product = lines.groupby("product_id")["quantity"].sum()
    expected = truth["demand"].groupby("product_id")["units"].sum()
    assert expected.corr(by_product.reindex(expected.index).fillna(0)) > 0.5


def test_messages_differ_in_what_they_do_to_whom(shop: DemoShop) -> None:
    uplift = shop.truth["uplift"].pivot(index="customer_id", columns="action", values=["probability", "profit"])
    assert (uplift["probability"]["email"] < 0).mean() == pytest.approx(0.09, abs=0.05)
    assert uplift["probability"]["email_discount"].mean() > uplift["probability"]["email"].mean() > 0.01
    assert 0.2 < (uplift["profit"]["email_discount"] < 0).mean() < 0.8


def test_advertising_saturates_as_the_truth_says(shop: DemoShop) -> None:
    spend = shop.tables["ad_spend"]
    assert set(spend["channel"]) == {"google", "facebook", "instagram", "tiktok", "email", "sms"}
    for _, curve in shop.truth["response"].iterrows():
        days = spend[spend["channel"] == curve["channel"]]
        expected = curve["ceiling"] * (1 - np.exp(-days["spend"] / curve["scale"]))
        assert days["conversions"].sum() == pytest.approx(expected.sum(), rel=0.25)


def test_promotions_move_sales(shop: DemoShop) -> None:
    days, events = shop.tables["product_days"], shop.tables["events"]
    lines = events[events["kind"] == "purchase"].assign(
        day=lambda frame: frame["at"].dt.normalize().astype("datetime64[us]")
    )
    joined = lines.merge(days, on=["day", "product_id"])
    assert len(joined) == len(lines)
    assert joined["promoted"].mean() > 1.2 * days["promoted"].mean()
    assert (joined["unit_price"] <= joined["price"] + 0.005).all()
