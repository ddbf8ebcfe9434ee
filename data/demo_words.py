"""Names, places, searches and reviews of the demo shop's customers; all people are invented."""

_FIRST_NAMES = (
    "Ada Alfie Amara Anton Aoife Arlo Bela Ben Carys Chen Clara Dara Dina Edith Elias Emeka Esme Farah Felix "
    "Fiona Freya George Greta Hana Harvey Hugo Ida Imran Iris Ivan Jakob Jana Joan Jonas Kai Karim Kezia Lars "
    "Lena Leo Li Lila Lotte Maeve Malik Marta Mei Milo Mona Nadia Niall Nora Olga Omar Otis Petra Priya Quinn "
    "Rosa Rory Saskia Sami Sofia Stan Tamsin Theo Uma Vera Wei Willa Xiu Yara Yusuf Zara"
)
_LAST_NAMES = (
    "Abbott Adeyemi Ahmed Barlow Becker Bell Brandt Byrne Calder Chen Clarke Cole Daly Dietrich Dunne Ellis Evans "
    "Faber Farrell Fischer Frost Gibbs Grant Hale Hart Hoffmann Hussain Iqbal Jansen Joshi Kaur Keane Keller Lane "
    "Laurent Lin Lowe Marsh Mbeki Moreau Nolan Novak Okafor Otto Park Patel Quigley Rahman Reed Rossi Santos "
    "Schmidt Shaw Singh Stone Tanaka Thorne Udo Vane Vogel Wang Weber West Wren Xu Young Zhou"
)

FIRST_NAMES, LAST_NAMES = tuple(_FIRST_NAMES.split()), tuple(_LAST_NAMES.split())

PLACES: tuple[tuple[str, float, str, tuple[str, ...]], ...] = (
    ("United Kingdom", 0.72, "en", ("London", "Leeds", "Bristol", "Glasgow", "Cardiff", "Norwich", "York", "Exeter")),
    ("Ireland", 0.06, "en", ("Dublin", "Cork", "Galway")),
    ("Germany", 0.08, "de", ("Berlin", "Hamburg", "Leipzig", "Freiburg")),
    ("France", 0.04, "fr", ("Lyon", "Nantes", "Lille")),
    ("Netherlands", 0.03, "nl", ("Utrecht", "Leiden")),
    ("United States", 0.04, "en", ("Portland", "Boston", "Austin")),
    ("Singapore", 0.03, "zh", ("Singapore",)),
)
"""Country, share of customers, usual language, cities."""

CONSENT_SOURCES: tuple[str, ...] = ("checkout", "newsletter form", "account page", "prize draw")

CATEGORY_WORDS: dict[str, tuple[str, str]] = {
    "Camping": ("Campingzubehör", "露营用品"),
    "Kitchen": ("Küchenzubehör", "厨房用品"),
    "Tea and Coffee": ("Tee und Kaffee", "茶和咖啡"),
    "Garden": ("Gartenbedarf", "园艺用品"),
    "Home Decor": ("Wohndeko", "家居装饰"),
    "Bed and Bath": ("Bett und Bad", "床上用品"),
    "Stationery": ("Schreibwaren", "文具"),
    "Toys and Games": ("Spielzeug", "玩具"),
    "Pets": ("Tierbedarf", "宠物用品"),
    "Fitness": ("Fitnesszubehör", "健身用品"),
    "Travel": ("Reisezubehör", "旅行用品"),
    "Body Care": ("Körperpflege", "护肤品"),
}
"""Each category in German and Chinese, as people type it."""


def searches(make: str, noun: str, category: str, purpose: str) -> tuple[str, ...]:
    """What people type when they want this product: the last two in German and in Chinese."""
    thing = noun.lower()
    german, chinese = CATEGORY_WORDS[category]
    return (
        thing,
        f"{make.lower()} {thing}",
        f"{thing} gift",
        f"{category.lower()} {thing}",
        thing.replace("ee", "e", 1) if "ee" in thing else thing[:-1],
        purpose,
        german,
        chinese,
    )


REVIEWS: dict[int, tuple[str, ...]] = {
    5: (
        "Exactly what I hoped for, perfect for {purpose}.",
        "Beautifully made, worth every penny. Lovely {noun}.",
        "Bought as a present ({noun}) and now I want the same for myself.",
        "Arrived quickly, well packed, lovely {noun}.",
        "My second order of {noun} here, still the best.",
        "Wunderbar, der Kauf hat sich gelohnt ({noun}).",
        "质量很好，非常满意。",
    ),
    4: (
        "Good {noun}, a little smaller than I expected.",
        "Does the job well. The colour is darker than in the picture.",
        "Happy with my {noun}, though delivery took a while.",
        "Solid {noun}, nice for {purpose}.",
    ),
    3: (
        "Fine, nothing special for the price.",
        "Average {noun}, does what it says but feels a bit thin.",
        "Not sure yet, it all smells of the packaging.",
    ),
    2: (
        "Signs of wear after a week, I expected better {noun}.",
        "Disappointed, looks cheaper than in the photo.",
        "Delivery was late and the box was torn.",
    ),
    1: (
        "Broke on the first day, I sent everything back.",
        "Wrong size and poor finish. Not for {purpose}.",
        "Would not buy this {noun} again.",
    ),
}
"""Review texts by stars; {noun} and {purpose} are filled in."""
