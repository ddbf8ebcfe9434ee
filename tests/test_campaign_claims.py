"""Forbidden claims by market: planted ones are caught with their reason, innocent words are left alone."""

import pytest

from campaign import claims
from data.errors import CampaignError

PLANTED = [
    ("The best kettle in town", "uk eu us cn", "best"),
    ("Our cheapest tray", "uk eu us cn", "cheapest"),
    ("The most elegant vase", "uk eu cn", "the most elegant"),
    ("Softer than any towel, warmer and softer than wool", "uk eu us", "softer than"),
    ("Guaranteed for life", "uk eu us", "guaranteed"),
    ("Free delivery on your order", "uk eu us", "free delivery"),
    ("Hurry, last chance", "uk eu us", "hurry"),
    ("Have a look while it lasts", "uk eu us", "while it lasts"),
    ("An eco-friendly bottle", "uk eu us", "eco-friendly"),
    ("Climate neutral tea", "uk eu us", "climate neutral"),
    ("Heals tired feet", "uk eu us", "heals"),
    ("Award-winning design", "uk eu us", "award-winning"),
    ("Customers love it", "uk eu us", "customers love"),
    ("Made in England", "uk eu us", "made in"),
    ("We tried it ourselves", "uk eu us", "we tried"),
    ("Based on your earlier purchases", "uk eu us", "based on your"),
    ("An approved and certified lamp", "eu", "approved"),
    ("At factory price", "us", "factory price"),
    ("本店最好的茶杯", "cn", "最"),
    ("全国第一的水壶", "cn", "第一"),
    ("国家级品质", "cn", "国家级"),
    ("顶级茶具，免费包邮", "cn", "顶级"),
    ("限时抢购", "cn", "限时"),
    ("特效治疗", "cn", "特效"),
]

INNOCENT = [
    "Best before the end of spring",
    "With best wishes from our team",
    "At best it is a small treat",
    "Feel free to have a look",
    "A sugar-free word, and freedom",
    "Most teapots fit, and most days are good for tea",
    "A cure-all it is not",
    "Leading to the garden",
    "Now at half the fuss, instead of the usual price",
    "We look forward to your visit",
    "Chosen with care for quiet moments",
    "最近上新，欢迎来看看",
    "第一次见面，请多关照",
]


@pytest.mark.parametrize(("text", "where", "said"), PLANTED)
def test_a_planted_claim_is_caught_in_each_market_that_forbids_it(text: str, where: str, said: str) -> None:
    for market in claims.markets():
        found = {claim.said for claim in claims.forbidden(text, [market])}
        assert (said in found) == (market in where.split()), market
    claim = next(claim for claim in claims.forbidden(text) if claim.said == said)
    assert set(claim.laws) == set(where.split())
    assert all(claim.laws.values())
    assert said in str(claim)
    assert claim.reason in str(claim)


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_words_are_left_alone(text: str) -> None:
    assert claims.forbidden(text) == []


def test_an_exception_spares_its_own_words_only() -> None:
    assert [c.said for c in claims.forbidden("Best wishes, and the best price", ["uk"])] == ["best"]


def test_customers_countries_choose_the_markets_and_an_unknown_one_chooses_all() -> None:
    assert claims.of_countries(["United Kingdom", "Germany", "Ireland"]) == ("eu", "uk")
    assert claims.of_countries(["usa"]) == ("us",)
    assert claims.of_countries(["China"]) == ("cn",)
    for unsure in (["United Kingdom", "Singapore"], ["Germany", None], []):
        assert claims.of_countries(unsure) == claims.markets() == ("cn", "eu", "uk", "us")


def test_a_market_without_rules_is_refused_with_those_that_have_some() -> None:
    assert claims.chosen([" UK ", "eu", "uk"]) == ("uk", "eu")
    assert claims.chosen(None) == claims.markets()
    with pytest.raises(CampaignError, match="choose of cn, eu, uk, us"):
        claims.chosen(["mars"])


@pytest.mark.parametrize("market", ["cn", "eu", "uk", "us"])
def test_every_rule_says_why_and_by_which_law(market: str) -> None:
    for rule in claims.rules(market):
        assert len(rule.reason.split()) >= 2
        assert rule.law
