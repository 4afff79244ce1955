"""Sites that people of any interest use: search, mail, social, news, tools, shops, video.

Here: hosts with fixed pages, and hosts whose pages take the reader's topic. Not here: topical
sites (`topics.py`, `local_topics.py`) and money (`financial_sites.py`).
"""

from dataclasses import dataclass

LANGUAGES = ("en", "de", "fr", "es")


@dataclass(frozen=True)
class FixedSite:
    """A host with fixed pages; each page is "path | title", most visited first."""

    host: str
    group: str
    languages: str
    pages: tuple[str, ...]


def _site(host: str, group: str, languages: str, *pages: str) -> FixedSite:
    return FixedSite(host, group, languages, pages)


FIXED_SITES: tuple[FixedSite, ...] = (
    _site("mail.google.com", "mail", "en de fr es", "/mail/u/0/#inbox | Inbox - Gmail",
          "/mail/u/0/#inbox/FMfcgzQbfVwKzRtPqLmNxWcDvBhGjTkS | Your receipt - Gmail",
          "/mail/u/0/#search/invoice | Search results - Gmail", "/mail/u/0/#sent | Sent - Gmail"),
    _site("outlook.live.com", "mail", "en de fr es", "/mail/0/ | Mail - Outlook",
          "/mail/0/inbox | Inbox - Outlook", "/calendar/0/view/month | Calendar - Outlook"),
    _site("mail.yahoo.com", "mail", "en", "/d/folders/1 | Inbox | Yahoo Mail",
          "/d/folders/1/messages/41873 | Order update | Yahoo Mail"),
    _site("mail.proton.me", "mail", "en de", "/u/0/inbox | Inbox | Proton Mail"),
    _site("www.gmx.net", "mail", "de", "/ | GMX: E-Mail-Adresse, FreeMail", "/mail/ | GMX Postfach"),
    _site("web.de", "mail", "de", "/ | WEB.DE - E-Mail, Nachrichten", "/email/ | WEB.DE Postfach"),
    _site("www.orange.fr", "mail", "fr", "/portail | Orange : portail", "/messagerie | Mail Orange"),
    _site("www.facebook.com", "social", "en de fr es", "/ | Facebook", "/marketplace/ | Marketplace",
          "/groups/feed/ | Groups | Facebook", "/notifications | Notifications | Facebook",
          "/watch/ | Video | Facebook", "/events/ | Events | Facebook"),
    _site("www.instagram.com", "social", "en de fr es", "/ | Instagram", "/explore/ | Explore",
          "/direct/inbox/ | Inbox - Chats", "/reels/DJx82kLmPq4/ | Reels - Instagram"),
    _site("www.tiktok.com", "social", "en de fr es", "/foryou | TikTok - Make Your Day",
          "/explore | Explore - TikTok", "/following | Following - TikTok"),
    _site("x.com", "social", "en fr es", "/home | Home / X", "/explore/tabs/trending | Explore / X",
          "/notifications | Notifications / X"),
    _site("www.linkedin.com", "social", "en de fr es", "/feed/ | Feed | LinkedIn",
          "/mynetwork/ | My Network | LinkedIn", "/messaging/ | Messaging | LinkedIn"),
    _site("discord.com", "social", "en de", "/channels/@me | Discord | Friends"),
    _site("web.whatsapp.com", "social", "en de fr es", "/ | WhatsApp"),
    _site("bsky.app", "social", "en de", "/ | Bluesky", "/notifications | Notifications - Bluesky"),
    _site("www.threads.com", "social", "en es", "/ | Threads"),
    _site("docs.google.com", "tools", "en de fr es", "/document/u/0/ | Google Docs",
          "/spreadsheets/u/0/ | Google Sheets", "/forms/u/0/ | Google Forms"),
    _site("calendar.google.com", "tools", "en de fr es", "/calendar/u/0/r | Google Calendar",
          "/calendar/u/0/r/week | Google Calendar - Week"),
    _site("drive.google.com", "tools", "en de fr es", "/drive/my-drive | My Drive - Google Drive"),
    _site("www.google.com", "tools", "en de fr es", "/maps | Google Maps",
          "/maps/dir/ | Directions - Google Maps", "/ | Google"),
    _site("chatgpt.com", "tools", "en de fr es", "/ | ChatGPT", "/?model=auto | ChatGPT"),
    _site("claude.ai", "tools", "en", "/new | Claude", "/recents | Claude"),
    _site("app.slack.com", "tools", "en", "/client/T02AB3CD/C04EF5GH | general - Slack"),
    _site("zoom.us", "tools", "en", "/join | Join Meeting - Zoom", "/meeting | My Meetings - Zoom"),
    _site("teams.microsoft.com", "tools", "en de", "/v2/ | Microsoft Teams"),
    _site("www.notion.so", "tools", "en", "/ | Notion", "/my-tasks-5c1d | My tasks"),
    _site("translate.google.com", "tools", "en de fr es", "/?sl=auto&tl=en&op=translate | Google Translate"),
    _site("weather.com", "tools", "en", "/weather/today/l/USNY0996 | Weather Forecast - The Weather Channel",
          "/weather/tenday/l/USNY0996 | 10-Day Weather Forecast"),
    _site("www.wetteronline.de", "tools", "de", "/wetter/berlin | Wetter Berlin - WetterOnline"),
    _site("meteofrance.com", "tools", "fr", "/previsions-meteo-france/paris/75000 | METEO PARIS"),
    _site("www.eltiempo.es", "tools", "es", "/madrid.html | El tiempo en Madrid"),
    _site("www.canva.com", "tools", "en es", "/ | Home - Canva", "/templates/ | Templates - Canva"),
    _site("www.dropbox.com", "tools", "en", "/home | Home - Dropbox"),
    _site("www.usps.com", "tools", "en", "/ | Welcome | USPS",
          "/manage/informed-delivery.htm | Informed Delivery"),
    _site("www.fedex.com", "tools", "en", "/fedextrack/ | FedEx Tracking"),
    _site("www.dhl.de", "tools", "de",
          "/de/privatkunden/pakete-empfangen/verfolgen.html | Sendungsverfolgung"),
)  # fmt: skip

# General news: dated articles on no topic of anybody's interest.
NEWS_SITES = {
    "en": "www.cnn.com www.nytimes.com www.bbc.com apnews.com www.theguardian.com www.foxnews.com "
    "www.washingtonpost.com www.reuters.com www.npr.org www.usatoday.com www.nbcnews.com "
    "news.yahoo.com www.huffpost.com www.latimes.com nypost.com www.cbsnews.com",
    "de": "www.spiegel.de www.tagesschau.de www.zeit.de www.bild.de www.n-tv.de www.faz.net "
    "www.welt.de www.sueddeutsche.de www.t-online.de www.stern.de",
    "fr": "www.lemonde.fr www.lefigaro.fr www.francetvinfo.fr www.ouest-france.fr www.bfmtv.com "
    "www.20minutes.fr www.leparisien.fr",
    "es": "elpais.com www.elmundo.es www.20minutos.es www.abc.es www.eldiario.es www.lavanguardia.com "
    "www.eluniversal.com.mx",
}
NEWS_SUBJECTS = {
    "en": "storm damage;city council budget;heat wave;teacher strike;train delays;wildfire smoke;"
    "housing costs;airport security;flu season;power outage;highway bridge;grocery prices;"
    "missing hiker;school board;lottery winner;border crossing;court hearing;flood warning",
    "de": "Bahnstreik;Haushalt;Hitzewelle;Tarifstreit;Hochwasser;Mieten;Rente;Unwetter;Landtag;Strompreise",
    "fr": "grève SNCF;budget;canicule;retraites;orages;prix de l'énergie;élections;rentrée",
    "es": "ola de calor;presupuestos;huelga;vivienda;sequía;elecciones;apagón;tormentas",
}
NEWS_SHAPES = {
    "en": "{}: what we know;Live updates: {};{} in pictures;Why the {} matters;{} latest",
    "de": "{}: Was wir wissen;{} im Liveticker;Kommentar: {};{}: die Lage am Morgen",
    "fr": "{} : ce que l'on sait;{} : le direct;{} en images",
    "es": "{}: lo que se sabe;{}: última hora;{} en imágenes",
}

# Hosts whose pages take a topic: (host, languages, shape of address).
TOPICAL_EVERYDAY: tuple[tuple[str, str, str], ...] = (
    ("www.youtube.com", "en de fr es", "v"),
    ("www.reddit.com", "en", "r"),
    ("en.wikipedia.org", "en", "w"),
    ("de.wikipedia.org", "de", "w"),
    ("fr.wikipedia.org", "fr", "w"),
    ("es.wikipedia.org", "es", "w"),
    ("www.pinterest.com", "en es fr", "n"),
    ("medium.com", "en", "m"),
    ("www.quora.com", "en", "q"),
)
SHOPS: tuple[tuple[str, str, str], ...] = (
    ("www.amazon.com", "en", "d"),
    ("www.ebay.com", "en", "i"),
    ("www.walmart.com", "en", "p"),
    ("www.target.com", "en", "p"),
    ("www.etsy.com", "en", "i"),
    ("www.costco.com", "en", "p"),
    ("www.temu.com", "en es", "p"),
    ("www.amazon.de", "de", "d"),
    ("www.otto.de", "de", "p"),
    ("www.ebay.de", "de", "i"),
    ("www.kaufland.de", "de", "p"),
    ("www.amazon.fr", "fr", "d"),
    ("www.fnac.com", "fr", "p"),
    ("www.cdiscount.com", "fr", "p"),
    ("www.amazon.es", "es", "d"),
    ("www.elcorteingles.es", "es", "p"),
    ("www.mercadolibre.com.mx", "es", "p"),
)

# (name, share of people, address up to the term, what follows it, end of the title).
SEARCH_ENGINES: tuple[tuple[str, float, str, str, str], ...] = (
    ("google", 0.84, "https://www.google.com/search?q=", "&sourceid=chrome&ie=UTF-8", " - Google Search"),
    ("bing", 0.07, "https://www.bing.com/search?q=", "&form=QBLH", " - Search"),
    ("duckduckgo", 0.05, "https://duckduckgo.com/?q=", "&t=h_&ia=web", " at DuckDuckGo"),
    ("yahoo", 0.02, "https://search.yahoo.com/search?p=", "&fr=yfp-t", " - Yahoo Search Results"),
    ("ecosia", 0.02, "https://www.ecosia.org/search?q=", "&method=index", " - Ecosia - Web"),
)  # fmt: skip

MOBILE_HOSTS = {
    "www.facebook.com": "m.facebook.com",
    "www.youtube.com": "m.youtube.com",
    "en.wikipedia.org": "en.m.wikipedia.org",
    "de.wikipedia.org": "de.m.wikipedia.org",
    "fr.wikipedia.org": "fr.m.wikipedia.org",
    "es.wikipedia.org": "es.m.wikipedia.org",
    "www.imdb.com": "m.imdb.com",
    "www.ebay.com": "m.ebay.com",
    "www.yelp.com": "m.yelp.com",
}
