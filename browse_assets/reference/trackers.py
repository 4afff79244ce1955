"""Domains that pages load from by themselves: advertising, measurement, tag managers, consent, CDNs.

What belongs here: which rows of third-party-web are such. What does not: getting the package.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from browse_assets.reference.sites import registrable_domains

# What people go to see stays open: `content`, `social`, `video`, `hosting`, `utility` and the like.
_CATEGORIES = {"ad", "analytics", "cdn", "consent-provider", "tag-manager"}
# Listed as trackers for a part of theirs, but people read, shop, ask or work there (reviewed by hand).
_VISITED = frozenset(
    """
    answers.com aol.co.uk aweber.com bizrate.com channeladvisor.com cj.com customer.io easypolls.net ekomi.com ekomi.de
    feefo.com fivetran.com fontawesome.com fonts.com getresponse.com guardian.co.uk heatmap.it ipv6test.net jquery.com
    jsonip.com jwplayer.com lockerdome.com loyaltypoint.pl macromill.com myunidays.com oath.com opinionbar.com
    opinionstage.com plausible.io poll.fm polldaddy.com questionpro.com qzzr.com reevoo.com researchgnow.com
    researchnow.com revolvermaps.com reviews.co.uk reviews.io rewardstyle.com rovicorp.com sas.com sidereel.com
    sodahead.com spiceworks.com statcounter.com surveygizmo.eu tweetmeme.com typography.com unbounce.com
    unidays.world usefathom.com vouchedfor.co.uk websta.me where.com wowcher.co.uk yahoo.net zoover.co.uk zoover.nl
    """.split()
)


def tracker_domains(entities: Iterable[Mapping[str, Any]]) -> list[str]:
    """Registrable domains that are a tracker's or a CDN's as a whole, sorted.

    A host below a domain (`ads.example.com`) does not make the domain a tracker.

    Args:
        entities: `dist/entities-nostats.json` of third-party-web.
    """
    hosts = {
        host.lower().removeprefix("*.").removeprefix("www.")
        for entity in entities
        if entity["category"] in _CATEGORIES
        for host in entity["domains"]
    }
    return registrable_domains(hosts - _VISITED)
