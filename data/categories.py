"""Categories derived from product titles, for shops whose source has none.

The method is open to a reader's eye: a category is a list of words, an occasion (Christmas, Easter) wins wherever it
stands, else the listed word nearest to the end of the title decides, since an English title names its thing
last ("bead bracelet", "tin lantern"); a motif ("doormat hearts") decides only where nothing else does. Where the
lists leave more than a third of a shop unnamed, the commonest words of what is left become categories of their own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

OTHER = "Miscellaneous"
"""Where a title goes that no list and no common word names; not "Other", a word that ordinary sentences need."""

OCCASIONS: dict[str, str] = {
    "Christmas": (
        "christmas|xmas|santa|advent|bauble|nativity|reindeer|rudolph|snowman|snowmen|snowflake|noel|"
        "mistletoe|holly|stocking filler|christmas tree|noël"
    ),
    "Easter": ("easter|bunny|bunnies|chick|chicks|hen house|egg hunt"),
}

WORDS: dict[str, str] = {
    "Candles": (
        "matches|fragrance|candle|candles|candleholder|candlestick|t-light|t-lights|tealight|tea light|"
        "votive|votives|incense|scented|wax|oil burner|candelabra|candlepot|joss|pillar"
    ),
    "Lighting": (
        "lamp|lamps|lampshade|light|lights|lantern|lanterns|chandelier|bulb|torch|torches|led|"
        "night light|nightlight|tube light|shade"
    ),
    "Bags": (
        "bag|bags|shopper|handbag|handbags|backpack|rucksack|satchel|tote|purse|purses|wallet|wallets|"
        "suitcase|luggage|holdall|washbag|wash bag|travel card|card wallet|lunch bag|charlotte|trolley|"
        "passport cover"
    ),
    "Jewellery": (
        "key fob|hair band|bead|tiaras|necklace|necklaces|necklac|bracelet|bracelets|earring|earrings|"
        "ring|rings|brooch|pendant|bangle|bangles|anklet|jewellery|jewelry|hair clip|hair grip|hairgrip|"
        "hairslide|hair slide|hairband|hair comb|hair tie|hair ties|headband|tiara|beads|choker|diamante|"
        "charm|charms|cufflinks|watch|watches|keyring|key ring|key-ring|key-chains|keychain|phone charm|"
        "hairclip|hairclips|hair clips|slides|lariat|lariats|drop|chain|chains|amethyst|turquoise|murano|"
        "hoop|hoops|jewel|earings"
    ),
    "Kitchen": (
        "kitchen|glass|chalice|oven mitt|fruitbowl|toastrack|squeezer|cooking set|mug|mugs|cup|cups|"
        "saucer|teacup|teapot|tea pot|tea set|tea for one|coffee|plate|plates|bowl|bowls|dish|dishes|jug|"
        "jugs|beaker|beakers|tumbler|tumblers|goblet|wine glass|glasses|flask|cutlery|spoon|spoons|fork|"
        "knife|knives|tray|trays|teatowel|tea towel|tea towels|towel set|cosy|egg cup|apron|aprons|"
        "oven glove|oven gloves|pot holder|cake|cakes|cakestand|cake stand|cake tin|cake tins|cake case|"
        "cake cases|cases|baking|bake|cookie|cookies|biscuit|jelly|jam|jar|jars|recipe|scale|scales|"
        "measuring|pantry|bread|butter|milk|sugar|salt|pepper|salt & pepper|salad|lunch box|lunchbox|"
        "snack|snack box|snack boxes|food cover|food container|container|bottle opener|corkscrew|coaster|"
        "coasters|placemat|placemats|fridge|pan|saucepan|kettle|toaster|colander|whisk|rolling pin|"
        "chopping board|grater|peeler|timer|ramekin|casserole|straws|napkin ring|decanter|cocktail|"
        "bottle|sandwich|dinner|tea|wok|mould|moulds|toast|popcorn holder|popcorn bowl|chopsticks|frying|"
        "thermos|cruet|tureen|platter|teaspoons|sieve|strainer|spatula|cutter|cutters|trivet|crockery"
    ),
    "Garden": (
        "garden|herb marker|twine|feeding station|fly swat|gardening|gardeners|plant|planter|plant pot|"
        "flowerpot|flower pot|flowerpots|watering can|watering|trowel|spade|rake|kneeling|bird feeder|"
        "bird table|birdhouse|bird house|bird bath|birdcage|nesting box|nesting|parasol|windmill|"
        "windmills|trellis|wheelbarrow|seed|seeds|hose|patio|lawn|bbq|barbecue|outdoor|deckchair|"
        "deck chair|hammock|insect|grow your own|grow|gnome|butterfly house|sunjar|wind chime|windchime|"
        "windchimes|planters|parasols"
    ),
    "Stationery": (
        "scissor|scissors|exercise books|note books|tapes|hole punch|badges|notebook|notebooks|note book|"
        "pen|pens|pencil|pencils|pencil case|crayon|crayons|eraser|erasers|rubber|rubbers|ruler|"
        "sharpener|sharpeners|journal|diary|organiser|notepad|memo|memo pad|memo board|memoboard|pad|"
        "stapler|paperweight|paper clip|bookmark|bookmarks|sketchbook|address book|calendar|stamp|stamps|"
        "stamper|stationery|writing|writing set|envelope|envelopes|chalkboard|chalk|chalks|blackboard|"
        "whiteboard|magnet|magnets|filing|file|desk|folder|sticker|stickers|labels|tape|photo album|"
        "album|paper|letters|sketch|postcard|postcards|playing cards|book|scrapbook|letter rack|"
        "highlighter|markers|clipboard|sticky notes"
    ),
    "Gift Wrap": (
        "wrap|wraps|wrapping|gift wrap|giftwrap|gift tape|gift bag|gift bags|gift box|gift boxes|"
        "gift tag|gift tags|gift tins|tag|tags|ribbon|ribbons|bow|bows|tissue paper|greeting card|"
        "greetings card|card|cards|birthday card|tissues gift|giftbox"
    ),
    "Party": (
        "party|balloon|balloons|bunting|garland|garlands|streamer|confetti|napkin|napkins|paper plates|"
        "paper cups|doily|doilies|paper chain|paper chains|cake candles|birthday|candles birthday|"
        "honeycomb|parade|pinata|sparkler|banner|fan|fans|piñata|swizzle|flags|flag|party bags|pom poms|"
        "pompom"
    ),
    "Toys": (
        "helicopter|flying disc|modelling clay|inflatable|creepy crawlies|toy|toys|game|games|puzzle|"
        "puzzles|jigsaw|jigsaws|doll|dolls|dolly|dolly girl|teddy|bear|soldier|soldiers|robot|robots|"
        "skipping rope|skittles|dominoes|domino|ludo|snakes & ladders|snakes and ladders|snakes|yo yo|"
        "yo-yo|yoyo|kite|marbles|spinning top|spinning tops|whistle|harmonica|xylophone|drum|drums|"
        "playhouse|play house|dolls house|rocking horse|bouncy ball|balls|colouring|paint set|tattoos|"
        "magic|finger puppet|puppet|puppets|blocks|train|boat|rocket|space|spaceboy|circus|dinosaur|"
        "dinosaurs|dressing up|tumbling|maze|mazes|glider|gliders|lolly makers|ball|soft toy|hopper|"
        "frisbee|quoits|croquet|poker|darts|bingo|hopscotch|rounders|ping pong|tool set child|kids|"
        "childs|childrens|tricycle|jack in the box|animal|animals|babushka|popgun|bubbles|monkey"
    ),
    "Crafts": (
        "craft|crafts|kit|sewing|knitting|needle|needlework|felt|feltcraft|wool|yarn|embroidery|"
        "cross stitch|button|buttons|fabric|origami|decoupage|patches|pin cushion|pincushion|sewing box|"
        "thread|reel|cotton reel|trimming|beads kit|bobbin|quilting"
    ),
    "Storage": (
        "storage|box|boxes|basket|baskets|drawer|drawers|cabinet|cabinets|crate|crates|rack|racks|shelf|"
        "shelves|tin|tins|trunk|chest|tidy|bin|bins|bucket|hook|hooks|hanger|hangers|peg|pegs|coat rack|"
        "coat hook|key cabinet|key rack|trinket box|trinket|jewellery box|money box|moneybox|money bank|"
        "piggy bank|bank|hamper|canister|cannister|holder|case|pot|pots|shoe tidy|organizer|laundry|"
        "umbrella stand|letter holder|wardrobe|cubes|stand"
    ),
    "Decorations": (
        "photoframe|doorsign|drawerknob|pennant|rosette|flying ducks|cloche|decoration|decorations|"
        "ornament|ornaments|wreath|wreaths|sign|signs|wall art|plaque|door sign|metal sign|picture|"
        "pictures|print|canvas|photo frame|frame|frames|photo|mirror|mirrors|clock|clocks|vase|vases|"
        "figurine|sculpture|statue|hanging|heart|hearts|bird|birds|cherub|angel|angels|feather|feathers|"
        "knob|knobs|door knob|drawer knob|drawer knobs|doorstop|door stop|doorbell|bell|bells|fairy|"
        "fairies|butterfly|butterflies|artificial|artificial flower|flower|flowers|rose|roses|spray|"
        "mobile|star|stars|bottles|globe|wall tidy|finial|wall mirror|letter|letters wood|number tile|"
        "tile|tiles|home sweet home|house number|word|thermometer|barometer|sticker sheet|decal|"
        "weather vane|cake topper|block word|block|cage|shell|owl|tree|owls|door hanger|alphabet|skull|"
        "skulls|chimes|chime|curtain tie|love|toadstool|toadstools|leaf|leaves|mushroom|wire|floral|"
        "rabbit|elephant|duck|hen|cockerel|hedgehog|frog|mouse|cow|horse|cherubs|peace|silhouette|screen|"
        "bird cage|sphere"
    ),
    "Textiles": (
        "cushion|cushions|cushion cover|pillow|throw|blanket|blankets|rug|rugs|mat|doormat|door mat|"
        "curtain|curtains|quilt|bedspread|duvet|tablecloth|table cloth|table runner|runner|oilcloth|"
        "tea cosy|hot water bottle|hottie|hand warmer|handwarmer|hand warmers|hot water bottles|bean bag|"
        "seat pad|chair pad|draught excluder|linen|bedding|sheets|hot-water bottle|warmer|crochet|"
        "picnic blanket|cover|pads|napery|eiderdown|wheatbag|wheat bag|pouffe|flannel"
    ),
    "Furniture": (
        "table|chair|chairs|stool|stools|bench|sofa|bed|bookcase|dresser|cupboard|easel|armchair|ottoman|"
        "footstool|step|side table|chest of drawers|bistro|console|coat stand|ladder|mattress|nightstand"
    ),
    "Bathroom": (
        "bath|bathroom|shower|shower cap|soap|soaps|soap dish|sponge|towel|towels|toilet|loo|loo roll|"
        "toothbrush|cotton wool|bath salts|bubble bath|plasters|plasters in tin|tissue|tissues|bathmat|"
        "toothpaste|washcloth"
    ),
    "Beauty": (
        "lip balm|lip gloss|lipstick|perfume|nail|nails|mascara|moisturiser|hand cream|body lotion|"
        "lotion|make up|makeup|cosmetic|cosmetics|hairbrush|brush|comb|talc|shampoo|cream hand|serum|"
        "sunscreen|massager|emery|manicure|vanity|body wash|eye mask"
    ),
    "Clothing": (
        "scarf|scarves|hat|hats|glove|gloves|sock|socks|t-shirt|tshirt|shirt|shirts|dress|dresses|jacket|"
        "coat|coats|jumper|sweater|hoodie|trousers|jeans|skirt|shorts|umbrella|umbrellas|rain hat|"
        "raincoat|poncho|pashmina|slippers|slipper|tights|belt|tie|pyjamas|sunglasses|cap|leggings|shawl|"
        "cardigan|mittens|beanie|sari|kimono|bib|bibs|vest|boxers|bra|underwear|swimsuit"
    ),
    "Shoes": (
        "shoe|shoes|boot|boots|sneaker|sneakers|trainers|sandal|sandals|flip flops|wellies|loafers|heels|"
        "footwear|insoles"
    ),
    "Electronics": (
        "phone|laptop|tablet|headphones|earbuds|speaker|speakers|camera|charger|cable|usb|radio|battery|"
        "batteries|keyboard|monitor|tv|television|console game|router|smartwatch|calculator|projector|"
        "printer|microphone|adapter|drone|powerbank|hard drive"
    ),
    "Sports": (
        "bicycle|bike|cycling|yoga|fitness|dumbbell|football|tennis|golf|running|hiking|camping|tent|"
        "sleeping bag|swim|swimming|ski|skiing|climbing|fishing|racket|gym|treadmill|surfboard|"
        "skateboard|helmet|sports|kayak|cricket|basketball|badminton"
    ),
    "Books": (
        "novel|paperback|hardback|hardcover|cookbook|guidebook|colouring book|story book|encyclopedia|"
        "atlas|textbook|comic|comics"
    ),
    "Food": (
        "chocolate|chocolates|sweets|candy|lollipop|honey|sauce|pasta|rice|olive oil|spice|spices|cereal|"
        "nuts|crisps|fruit|wine|beer|whisky|gin|marmalade|chutney|coffee beans|tea bags|loose leaf|"
        "vinegar|snacks|fudge|toffee|vegetables|cheese|juice"
    ),
    "Pets": (
        "dog|dogs|cat food|cat bowl|cat bed|pet|pets|puppy|kitten|dog bowl|dog collar|collar|leash|lead|"
        "cat litter|aquarium|hamster|dog bed|litter|pet bed|catnip|kennel|cat"
    ),
    "Tools": (
        "screwdriver|hammer|drill|tape measure|spanner|toolbox|tool box|tool|tools|saw|pliers|wrench|"
        "ladder tool|sandpaper|nuts and bolts"
    ),
}

_MOTIF_WORDS = (
    "heart|hearts|bird|birds|star|stars|flower|flowers|rose|roses|butterfly|butterflies|tree|leaf|leaves|"
    "owl|owls|shell|angel|angels|cherub|cherubs|feather|feathers|fairy|fairies|skull|skulls|love|"
    "toadstool|toadstools|mushroom|wire|floral|rabbit|elephant|duck|hen|cockerel|hedgehog|frog|mouse|cow|"
    "horse|peace|silhouette|hanging|alphabet|word|letter|home sweet home|spray|globe|block|cage|picture|"
    "pictures|print|photo|screen|artificial|dog|dogs|cat|cats|puppy|kitten|chocolate|candy|fruit|"
    "vegetables|cheese|honey|bicycle|football|boot|shoe|shoes|dress|hat|hats|socks|gloves|scarf|spaceboy|"
    "circus|dinosaur|dinosaurs|dolly|dolly girl|space|boat|rocket|train|magic|robot|robots|babushka|"
    "animal|animals|monkey|childs|childrens|kids|soldier|ball|balls|bear|parade|honeycomb|doily|flag|"
    "flags|fan|birthday|party|garden|kitchen|bathroom|bath|pantry|tea|coffee|milk|sugar|jam|cake|cakes|"
    "dinner|cocktail|glass|bottle|bottles|crochet|felt|feltcraft|craft|light|led|shade|drop|bead|beads|"
    "diamante|charm|charms|jewel|amethyst|turquoise|wool|fabric|button|buttons|kit|reel|paper|holder|"
    "stand|pot|pots|case|cases|cover|pad|pads|box|boxes|tin|tins|basket|hook|hanger|container|jar|bucket|"
    "bin|step|bed|table|lead|tie|cap|belt|phone|tool|tools|brush|collar|ring|rings|chain|watch|watering|"
    "seed|seeds|insect|grow|wax|sticker|stamp|letters|book|tape|tissue|linen|sponge|wine|nuts|swim|tv|"
    "travel card|jewellery|bank|charger|space cadet|pet|pets|hiking|camping|running|cycling|climbing|"
    "fishing|golf|tennis|yoga|sports|swimming|skiing|cricket"
)
MOTIFS = frozenset(_MOTIF_WORDS.split("|"))
"""Listed words that are as often a picture on a thing, its material or its container as the thing itself."""

_PLAIN_WORDS = (
    "and|from|the|with|your|our|new|set|pack|pair|piece|pieces|small|medium|large|mini|big|assorted|"
    "design|colour|color|red|blue|green|white|black|pink|yellow|purple|orange|brown|grey|gray|silver|"
    "gold|cream|ivory"
)
_PLAIN = frozenset(_PLAIN_WORDS.split("|"))
_LEAST_NAMED = 2 / 3
_COMMON = 0.02
_MOST_WORD_CATEGORIES = 12
_LEAST_SHARE = 0.002
"""A category with a smaller share of the shop's titles is folded into `OTHER`: most are slips of the method."""


def derive_categories(titles: Sequence[str]) -> pd.Series:
    """A category for each of `titles` (string Series of the same length); `OTHER` where nothing names it."""
    found = [_listed(title) for title in titles]
    if titles and sum(name is not None for name in found) < _LEAST_NAMED * len(titles):
        found = _by_common_words(titles, found)
    counts = Counter(found)
    kept = {name for name, count in counts.items() if count >= _LEAST_SHARE * len(titles)}
    return pd.Series([name if name and name in kept else OTHER for name in found], dtype="string")


def _listed(title: str) -> str | None:
    """The category that the word lists give `title`, or None."""
    text = title.lower()
    occasion = _OCCASION.search(text)
    if occasion:
        return _NAME_OF[occasion.group(1)]
    # the lookahead yields the longest phrase at each place, so "lunch bag" is seen before "bag"
    found = [
        (match.group(1) not in MOTIFS, match.end(1), -match.start(1), match.group(1))
        for match in _LISTED.finditer(_head(text))
    ]
    return _NAME_OF[max(found)[-1]] if found else None


def _head(text: str) -> str:
    """`text` without what only qualifies the thing: "mug with heart" is a mug, "scarf in box" a scarf."""
    head = re.split(r" (?:with|in|for|w/) ?", text, maxsplit=1)[0]
    return head if _LISTED.search(head) else text


def _by_common_words(titles: Sequence[str], found: list[str | None]) -> list[str | None]:
    """Names the titles without category by their commonest word, where that word is common enough."""
    left = [set(_words(title)) if name is None else set() for title, name in zip(titles, found, strict=True)]
    counts = Counter(word for words in left for word in words)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    common = [word for word in ranked if counts[word] >= max(2, _COMMON * len(titles))][:_MOST_WORD_CATEGORIES]
    return [
        name or next((word.capitalize() for word in common if word in words), None)
        for name, words in zip(found, left, strict=True)
    ]


def _words(title: str) -> Iterable[str]:
    return (word for word in re.findall(r"[^\W\d_]{3,}", title.lower()) if word not in _PLAIN)


def _pattern(lists: dict[str, str]) -> re.Pattern[str]:
    phrases = sorted({phrase for words in lists.values() for phrase in words.split("|")}, key=lambda p: (-len(p), p))
    return re.compile(rf"(?<![\w-])(?=({'|'.join(map(re.escape, phrases))})(?![\w-]))")


_NAME_OF = {phrase: name for name, words in (WORDS | OCCASIONS).items() for phrase in words.split("|")}
_OCCASION = _pattern(OCCASIONS)
_LISTED = _pattern(WORDS)
