"""What the demo shop sells: categories, kits of things used together, brands, seasons, and how products are described.

A kit is a group of four nouns in five makes, the cheapest make first. Products of one kit complement each other
(a tent and a kettle), makes are price levels, and a kit marked `(again)` holds things that run out.
"""

from dataclasses import dataclass

_KITS = """
Camping
  cooking a hot meal beside the tent
    Aluminium, Enamel, Hammered, Cast Iron, Titanium
    Camping Kettle 24, Camping Pot 22, Camping Pan 26, Camping Mug 11
  a dry night on the hill
    Basic, Lightweight, Three-Season, Storm-Proof, Expedition
    Two-Person Tent 118, Sleeping Mat 34, Sleeping Bag 72, Groundsheet 19
  finding the way after dark
    Clip-On, Folding, Rechargeable, Waterproof, Brass
    Lantern 21, Head Torch 23, Camping Compass 16, Signal Whistle 6
  long walks in all weathers
    Cotton, Quick-Dry, Fleece, Merino, Alpine
    Hiking Socks 12, Walking Gloves 17, Neck Warmer 13, Beanie 15
  a lazy afternoon at the campsite
    Compact, Canvas, Padded, Ash Wood, Bamboo
    Camping Chair 36, Camping Table 44, Footstool 21, Picnic Stool 18
Kitchen
  baking at the weekend
    Non-Stick, Ceramic, Carbon Steel, Stoneware, Copper
    Cake Tin 15, Loaf Tin 13, Muffin Tray 16, Pie Dish 18
  chopping and preparing
    Everyday, Beech, Acacia, Walnut, Olive Wood
    Chopping Board 22, Salad Bowl 26, Spoon Set 14, Pestle and Mortar 24
  laying a pretty table
    Plain, Striped, Speckled, Hand-Painted, Glazed
    Dinner Plate 12, Pasta Bowl 13, Serving Platter 27, Gravy Boat 17
  keeping leftovers fresh
    Stackable, Glass, Clip-Lid, Steel, Borosilicate
    Food Container 11, Lunch Box 16, Spice Jar 6, Storage Canister 14
  simmering something slow
    Enamel, Stainless, Lidded, Cast Iron, Copper-Base
    Casserole 52, Saucepan 34, Stockpot 46, Frying Pan 38
Tea and Coffee
  the first cup of the morning (again)
    House, Breakfast, Smoky, Mountain, Single-Estate
    Black Tea 7, Green Tea 8, Loose Leaf Blend 9, Tea Gift Tin 15
  a proper brew (again)
    Mild, Medium Roast, Dark Roast, Decaf, Rare Harvest
    Coffee Beans 10, Ground Coffee 9, Espresso Blend 11, Coffee Sampler 18
  pouring tea for friends
    Glass, Stoneware, Bamboo, Porcelain, Cast Iron
    Teapot 29, Infuser Mug 15, Tea Tray 18, Tea Caddy 13
  making coffee by hand
    Compact, Steel, Glass, Walnut, Copper
    Coffee Dripper 19, Coffee Grinder 42, Coffee Press 28, Coffee Scoop 8
  a quiet hour with something sweet (again)
    Oat, Honey, Ginger, Almond, Dark Chocolate
    Shortbread 6, Biscotti 7, Fudge Box 8, Cake Bites 9
Garden
  sowing and potting on
    Plastic, Recycled, Galvanised, Terracotta, Copper
    Plant Pot 12, Seed Tray 9, Window Planter 21, Hanging Planter 18
  digging and weeding
    Starter, Carbon Steel, Ash Handle, Stainless, Forged
    Hand Trowel 13, Hand Fork 13, Garden Spade 34, Weeding Knife 16
  watering and feeding
    Budget, Coiled, Galvanised, Long-Reach, Brass
    Watering Can 19, Garden Hose 33, Plant Mister 9, Sprinkler 17
  growing your own (again)
    Classic, Heritage, Organic, Wildflower, Rare
    Tomato Seeds 3, Salad Seeds 3, Herb Seeds 3, Sunflower Seeds 3
  evenings on the patio
    Solar, Woven, Rattan, Teak, Wrought Iron
    Garden Lantern 22, Patio Chair 64, Side Table 48, Bird Feeder 19
Home Decor
  a cosy sofa
    Cotton, Ribbed, Boucle, Velvet, Wool
    Cushion Cover 14, Throw Blanket 36, Floor Cushion 39, Pouffe 58
  soft light in the evening
    Paper, Ceramic, Rattan, Smoked Glass, Brass
    Table Lamp 42, Pendant Shade 33, Bedside Lamp 36, Wall Light 47
  bringing scent to a room (again)
    Lavender, Cedar, Fig, Sea Salt, Amber
    Scented Candle 15, Reed Diffuser 19, Room Spray 11, Wax Melts 7
  filling an empty wall
    Pine, Black, White, Oak, Gilded
    Picture Frame 14, Wall Mirror 46, Wall Shelf 29, Wall Clock 34
  flowers on the table
    Clear, Fluted, Matt, Terracotta, Hand-Blown
    Bud Vase 11, Tall Vase 24, Flower Bowl 19, Candlestick 16
Bed and Bath
  a good night's sleep
    Polycotton, Brushed Cotton, Percale, Linen, Silk
    Pillowcase 12, Duvet Cover 54, Fitted Sheet 28, Bed Runner 32
  stepping out of the shower
    Quick-Dry, Waffle, Cotton, Bamboo, Turkish
    Bath Towel 17, Hand Towel 9, Bath Robe 48, Bath Mat 19
  warm feet and slow mornings
    Fleece, Knitted, Felt, Sheepskin, Cashmere
    Slippers 24, Bed Socks 11, Hot Water Bottle 18, Eye Mask 13
  tidy bathrooms
    White, Chrome, Bamboo, Slate, Brushed Brass
    Soap Dish 9, Toothbrush Holder 10, Towel Rail 27, Storage Caddy 21
  a long bath (again)
    Unscented, Lavender, Rose, Eucalyptus, Sandalwood
    Bath Salts 9, Bath Oil 14, Bubble Bath 8, Bath Bombs 10
Stationery
  writing things down
    Recycled, Dotted, Lined, Linen-Bound, Leather
    Notebook 9, Daily Planner 16, Travel Journal 14, Sketchbook 13
  letters and cards (again)
    Plain, Floral, Letterpress, Botanical, Gilt-Edged
    Card Set 8, Envelope Set 6, Writing Paper 7, Gift Tags 4
  drawing and lettering
    Student, Fine, Brush, Studio, Brass
    Drawing Pen 6, Pencil Set 12, Pen Case 14, Calligraphy Kit 26
  a tidy desk
    Cardboard, Mesh, Cork, Oak, Marble
    Desk Tray 17, Pen Pot 10, Document Box 15, Desk Mat 22
  painting at the kitchen table
    Beginner, Travel, Botanical, Studio, Artist
    Watercolour Set 21, Paint Brush Set 13, Watercolour Pad 12, Table Easel 29
Toys and Games
  building something tall
    Cardboard, Wooden, Rainbow, Magnetic, Heirloom
    Building Blocks 24, Marble Run 32, Stacking Tower 18, Train Set 42
  rainy afternoons at the table
    Pocket, Family, Travel, Wooden, Collector
    Chess Set 28, Domino Set 14, Draughts Set 19, Playing Cards 6
  bedtime cuddles
    Little, Knitted, Velvet, Corduroy, Giant
    Bear 17, Rabbit 17, Fox 18, Elephant 19
  puzzling it out
    Starter, Woodland, Ocean, City, Midnight
    Jigsaw 14, Brain Teaser 11, Puzzle Box 19, Memory Game 13
  playing outdoors
    Foam, Classic, Striped, Wooden, Competition
    Skittles 23, Ring Toss 19, Kite 21, Croquet Set 46
Pets
  daily walks with the dog
    Nylon, Rope, Reflective, Cotton, Leather
    Dog Lead 14, Dog Collar 12, Dog Harness 26, Treat Pouch 13
  a nap in the sun
    Simple, Plush, Washable, Wicker, Orthopaedic
    Dog Bed 42, Cat Bed 34, Pet Blanket 18, Crate Cushion 27
  mealtimes (again)
    Chicken, Lamb, Salmon, Duck, Venison
    Dog Treats 6, Cat Treats 4, Dog Chews 7, Kibble Bag 19
  keeping paws busy
    Rubber, Rope, Squeaky, Plush, Puzzle
    Dog Toy 9, Chew Ring 7, Fetch Ball 6, Tug Toy 8
  a well-kept cat
    Basic, Sisal, Carpeted, Wall-Mounted, Driftwood
    Scratching Post 36, Cat Tunnel 21, Cat Perch 33, Climbing Tree 68
Fitness
  stretching at home
    Foam, Cork, Textured, Natural Rubber, Jute
    Yoga Mat 32, Yoga Block 11, Foam Roller 19, Massage Ball 8
  getting stronger
    Light, Medium, Heavy, Adjustable, Cast Iron
    Kettlebell 34, Dumbbell Pair 38, Resistance Band 12, Weighted Vest 54
  running before breakfast
    Basic, Reflective, Breathable, Windproof, Merino
    Running Cap 15, Running Belt 17, Running Gloves 14, Arm Warmers 16
  drinking enough
    Plastic, Steel, Insulated, Glass, Copper
    Water Bottle 15, Shaker Cup 9, Protein Flask 19, Bottle Sleeve 8
  a swim at dawn
    Training, Anti-Fog, Quick-Dry, Open-Water, Racing
    Swim Goggles 16, Swim Cap 9, Swim Towel 21, Dry Bag 23
Travel
  a weekend away
    Nylon, Canvas, Waxed Cotton, Wool Felt, Leather
    Weekend Bag 68, Wash Bag 22, Shoe Bag 12, Garment Bag 34
  commuting by train
    Folding, Recycled, Water-Resistant, Roll-Top, Waxed
    Backpack 58, Laptop Sleeve 27, Tote Bag 21, Bottle Sling 16
  sleeping on the plane
    Inflatable, Cotton, Memory Foam, Wool, Silk
    Travel Pillow 21, Travel Blanket 29, Travel Eye Mask 12, Ear Plug Case 8
  keeping papers safe
    Slim, Zipped, Embossed, Waxed, Leather
    Passport Holder 18, Card Holder 16, Luggage Tag 9, Travel Wallet 27
  packing neatly
    Mesh, Ripstop, Compression, Quilted, Linen
    Packing Cube Set 24, Laundry Bag 11, Cable Organiser 15, Jewellery Roll 22
Body Care
  washing hands and face (again)
    Plain, Oatmeal, Lemon, Charcoal, Goat Milk
    Soap Bar 5, Hand Wash 9, Face Cleanser 13, Shampoo Bar 8
  soft skin in winter (again)
    Unscented, Almond, Shea, Rosehip, Argan
    Hand Cream 9, Body Lotion 13, Lip Balm 4, Face Oil 21
  a close shave
    Starter, Beech, Chrome, Walnut, Horn
    Safety Razor 31, Shaving Brush 24, Shaving Bowl 17, Razor Stand 16
  caring for hair
    Pocket, Bamboo, Pear Wood, Boar Bristle, Silk
    Hair Brush 16, Hair Comb 9, Hair Wrap 14, Hair Ties 6
  calming down
    Wheat, Lavender, Jade, Rose Quartz, Weighted
    Neck Wrap 22, Face Roller 18, Eye Pillow 14, Massage Stone 12
"""

SEASONS: dict[str, tuple[int, float]] = {
    "Camping": (7, 0.6),
    "Kitchen": (12, 0.2),
    "Tea and Coffee": (12, 0.3),
    "Garden": (5, 0.75),
    "Home Decor": (11, 0.3),
    "Bed and Bath": (1, 0.25),
    "Stationery": (9, 0.35),
    "Toys and Games": (12, 0.7),
    "Pets": (3, 0.05),
    "Fitness": (1, 0.45),
    "Travel": (6, 0.5),
    "Body Care": (12, 0.25),
}
"""Of each category: the month of its peak and how far the yearly wave swings about 1."""

BRANDS: dict[str, tuple[str, str, str]] = {
    "Camping": ("Tarnwick Outfitters", "Cairnlow", "Mossgate"),
    "Kitchen": ("Quillbrook", "Ladle & Larch", "Emberlow"),
    "Tea and Coffee": ("Leafwhistle", "Harrowfen", "Copperquay"),
    "Garden": ("Dunmarrow", "Thornlea & Daughter", "Wrenpatch"),
    "Home Decor": ("Ostrelle", "Candlemoor", "Finch & Furrow"),
    "Bed and Bath": ("Lunethwaite", "Downhollow", "Saltmarrow"),
    "Stationery": ("Inkpetal", "Pebblewrite", "Foldmere"),
    "Toys and Games": ("Tumblewick", "Hobbin & Pip", "Larkabout"),
    "Pets": ("Wagthorpe", "Pawbriar", "Whiskerdale"),
    "Fitness": ("Stridewell Lane", "Kestrelmove", "Bendlow"),
    "Travel": ("Fernway Goods", "Hatchmere", "Satchelby"),
    "Body Care": ("Petalquay", "Birchsudd", "Mellowfen"),
}
"""Invented makers, three a category: everyday, better, finest."""

DETAILS: tuple[str, ...] = (
    "Made in small batches and checked by hand.",
    "Sturdy, simple and easy to look after.",
    "A little lighter than it looks.",
    "Designed to be used every day and to age well.",
    "Comes in a plain cardboard box, ready to give.",
    "Tested by our own team for a whole season.",
    "Spare parts are available for years to come.",
    "The finish varies slightly from piece to piece.",
)

ENDINGS: tuple[str, ...] = (
    "Wipe clean with a damp cloth.",
    "Packed without plastic.",
    "Goes well with the rest of the range.",
    "A favourite for birthdays.",
    "Store in a dry place.",
    "Returns are free within thirty days.",
)


@dataclass(frozen=True)
class Kit:
    """Things used together: four nouns with a base price each, in five makes from cheap to fine."""

    category: str
    purpose: str
    makes: tuple[str, ...]
    nouns: tuple[tuple[str, float], ...]
    again: bool


def kits() -> list[Kit]:
    """All kits, five a category, in the order of the text above."""
    found: list[Kit] = []
    category = ""
    lines = [line for line in _KITS.splitlines() if line.strip()]
    while lines:
        line = lines.pop(0)
        if not line.startswith(" "):
            category = line
            continue
        purpose, again = line.strip().removesuffix(" (again)"), line.endswith("(again)")
        makes = tuple(make.strip() for make in lines.pop(0).split(","))
        things = [thing.strip().rsplit(" ", 1) for thing in lines.pop(0).split(",")]
        found.append(Kit(category, purpose, makes, tuple((noun, float(price)) for noun, price in things), again))
    return found
