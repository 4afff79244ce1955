"""Wares whose interest is planted: some launched within the panel's last 60 days, some old.

Launches and model numbers are invented; the brands are real.
"""

from dataclasses import dataclass

# Wares: "name | brand | topic of those who want it | brand's host | price | launch: days before the
# panel's end (empty: long before the panel)".
WARES = """
Sony WH-1000XM7|Sony|Consumer Electronics|electronics.sony.com|449|52
DJI Mini 6 Pro|DJI|Travel|www.dji.com|899|47
GoPro Hero 15|GoPro|Cycling|gopro.com|429|38
Garmin Forerunner 980|Garmin|Fitness and Exercise|www.garmin.com|649|33
Meta Quest 5|Meta|PC Games|www.meta.com|599|27
Nintendo Switch 2 Lite|Nintendo|Console Games|www.nintendo.com|329|22
Dyson V20 Detect|Dyson|Home Improvement|www.dyson.com|799|43
Dreame X70 Ultra|Dreame|Parenting|www.dreametech.com|1299|30
Glossier Cloud Serum|Glossier|Beauty|www.glossier.com|42|24
Ninja Woodfire Pro 2|Ninja|Cooking|www.ninjakitchen.com|399|35
Apple AirPods Pro 3|Apple|Music|www.apple.com|249|
Kindle Paperwhite|Amazon|Books and Literature|www.amazon.com|159|
Instant Pot Duo Plus|Instant Pot|Cooking|instantpot.com|129|
Steam Deck OLED|Valve|PC Games|www.steamdeck.com|549|
LG C5 OLED|LG|Movies|www.lg.com|1399|
Peloton Bike+|Peloton|Fitness and Exercise|www.onepeloton.com|2495|
UPPAbaby Vista V2|UPPAbaby|Parenting|uppababy.com|999|
Weber Genesis|Weber|Gardening|www.weber.com|1099|
"""


@dataclass(frozen=True)
class Ware:
    """One product; `launched_days_before_end` is None for one that was there before the panel."""

    name: str
    brand: str
    topic: str
    host: str
    price: int
    launched_days_before_end: int | None


def read_wares() -> tuple[Ware, ...]:
    """The planted wares, new ones first."""
    wares = []
    for line in WARES.split("\n")[1:-1]:
        name, brand, topic, host, price, launched = line.split("|")
        wares.append(Ware(name, brand, topic, host, int(price), int(launched) if launched else None))
    return tuple(wares)
