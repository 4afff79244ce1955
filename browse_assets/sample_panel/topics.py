"""Topics people are interested in: real sites, and words for titles, in English.

Here: names of IAB Content Taxonomy 3.1 with sites and vocabulary, written from general knowledge.
Not here: other languages (`local_topics.py`), sites that everybody uses (`everyday_sites.py`),
financial products (`financial_sites.py`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One topic in one language.

    `sites` are hosts, most visited first; "www." is put before a bare domain unless it starts
    with "-", and a suffix "/a" (dated articles), "/p" (shop), "/f" (forum), "/w" (reference),
    "/l" (listings) or "/v" (video) gives the shape of its addresses (default: plain slugs).
    `subjects`, `shapes`, `queries` are separated by ";": a title is a shape filled with a subject.
    """

    name: str
    parent: str
    community: str
    sites: str
    subjects: str
    shapes: str
    queries: str
    keywords: str
    language: str = "en"


TOPICS: tuple[Topic, ...] = (
    Topic(
        "Soccer", "Sports", "soccer",
        "goal.com/a fourfourtwo.com premierleague.com uefa.com fifa.com transfermarkt.com/w "
        "onefootball.com 90min.com mlssoccer.com/a -theathletic.com fotmob.com skysports.com/a",
        "Arsenal;Liverpool;Real Madrid;Barcelona;Manchester City;Inter Miami;Bayern;Chelsea;"
        "Tottenham;World Cup squad;Champions League draw;Napoli;USMNT;Aston Villa",
        "{} transfer news;{} fixtures and results;{} player ratings;{} injury update;"
        "Five things we learned from {};{} lineup: how they could play",
        "{} score;{} fixtures;{} transfer rumours", "soccer, football, goals"),
    Topic(
        "American Football", "Sports", "nfl",
        "nfl.com pro-football-reference.com/w -profootballtalk.nbcsports.com/a pff.com "
        "thephinsider.com/a bleacherreport.com si.com/a footballguys.com 247sports.com",
        "Chiefs;Cowboys;Eagles;49ers;Packers;Bills;Lions;Ravens;Dolphins;mock draft;"
        "free agency;quarterback rankings;training camp",
        "{} depth chart;{} draft picks graded;{} roster moves;{} schedule;What {} need in 2026;"
        "{} power rankings",
        "{} news;{} draft 2026;{} schedule", "nfl, football, touchdown"),
    Topic(
        "Basketball", "Sports", "nba",
        "nba.com basketball-reference.com/w hoopshype.com/a realgm.com wnba.com slamonline.com/a "
        "hoopsrumors.com/a clutchpoints.com",
        "Celtics;Lakers;Knicks;Thunder;Warriors;Spurs;Nuggets;Fever;playoffs;draft lottery;"
        "trade deadline;MVP race",
        "{} box score;{} trade rumors;{} highlights;{} standings;{} film study;Inside the {} season",
        "{} score tonight;{} playoffs;{} trade", "nba, basketball, playoffs"),
    Topic(
        "Auto Racing", "Sports", "formula1",
        "formula1.com the-race.com/a autosport.com/a motorsport.com/a racefans.net/a nascar.com "
        "planetf1.com/a indycar.com",
        "Verstappen;Ferrari;McLaren;Hamilton;Monaco Grand Prix;Le Mans;Daytona 500;Mercedes;"
        "Miami Grand Prix;qualifying;tyre strategy;2026 regulations",
        "{} race report;{} qualifying result;{} technical analysis;{} team radio;{} driver ratings",
        "{} results;{} start time;{} standings", "racing, f1, grand prix"),
    Topic(
        "PC Games", "Video Gaming", "pcgaming",
        "-store.steampowered.com/p pcgamer.com rockpapershotgun.com/a gog.com/p nexusmods.com/w "
        "-steamcommunity.com/f epicgames.com/p pcgamesn.com/a isthereanydeal.com",
        "Baldur's Gate 3;Elden Ring;Cyberpunk 2077;Hades II;Factorio;Stardew Valley;Path of Exile 2;"
        "Civilization VII;Helldivers 2;Satisfactory;Monster Hunter Wilds",
        "{} review;{} best mods;{} system requirements;{} patch notes;{} beginner's guide;{} build",
        "{} build;{} system requirements;{} mods", "pc games, steam, mods"),
    Topic(
        "Console Games", "Video Gaming", "NintendoSwitch",
        "ign.com nintendolife.com/a playstation.com/p xbox.com/p gamespot.com/a eurogamer.net/a "
        "pushsquare.com/a -gamefaqs.gamespot.com/w gamesradar.com kotaku.com/a",
        "Zelda;Mario Kart World;God of War;Spider-Man 2;Halo;Metroid Prime 4;Final Fantasy VII;"
        "Pokemon Legends;Gran Turismo 7;Animal Crossing;Ghost of Yotei",
        "{} walkthrough;{} review;{} tips and tricks;{} all collectibles;{} release date;{} trailer",
        "{} walkthrough;{} review;{} release date", "ps5, switch, xbox"),
    Topic(
        "Animation & Anime", "Genres", "anime",
        "crunchyroll.com/v myanimelist.net/w animenewsnetwork.com/a anilist.co/w cbr.com "
        "-anidb.net/w animeuknews.net/a viz.com/p",
        "One Piece;Frieren;Demon Slayer;Jujutsu Kaisen;Spy x Family;Dandadan;Chainsaw Man;"
        "My Hero Academia;Studio Ghibli;Attack on Titan;Solo Leveling",
        "{} episode review;{} season 2 release;{} characters;{} manga ending explained;{} watch order",
        "{} watch order;{} next episode;{} season release", "anime, manga, episodes"),
    Topic(
        "Cooking", "Food & Drink", "Cooking",
        "allrecipes.com foodnetwork.com seriouseats.com -cooking.nytimes.com bonappetit.com "
        "simplyrecipes.com -smittenkitchen.com/a budgetbytes.com tasteofhome.com delish.com "
        "epicurious.com kingarthurbaking.com bbcgoodfood.com thekitchn.com food52.com/p",
        "lentil soup;chicken thighs;sourdough bread;banana bread;pad thai;beef stew;mushroom risotto;"
        "sheet pan salmon;pizza dough;pulled pork;apple crumble;chickpea curry;lasagna;ramen broth",
        "Easy {} recipe;Best {};{} in 30 minutes;How to make {};Slow cooker {};{}: tips from a chef",
        "{} recipe;easy {};how to make {}", "recipe, dinner, ingredients"),
    Topic(
        "Dining Out", "Food & Drink", "food",
        "yelp.com opentable.com eater.com/a tripadvisor.com resy.com doordash.com ubereats.com "
        "theinfatuation.com grubhub.com",
        "brunch spots;sushi bar;taqueria;steakhouse;rooftop bar;pizzeria;ramen house;tapas bar;"
        "vegan cafe;oyster bar;dim sum",
        "Best {} near you;{} menu and reservations;Where to find a great {};{} reviews",
        "{} near me;best {} open now;{} menu", "restaurant, menu, reservation"),
    Topic(
        "Gardening", "Home & Garden", "gardening",
        "gardeningknowhow.com thespruce.com almanac.com -extension.umn.edu burpee.com/p rhs.org.uk "
        "gardenersworld.com davesgarden.com/f finegardening.com provenwinners.com/p",
        "tomatoes;hydrangeas;raised beds;compost;lavender;roses;garlic;houseplants;native wildflowers;"
        "peppers;fruit trees;basil",
        "How to grow {};When to plant {};{} care guide;Pests on {} and what to do;Pruning {}",
        "when to plant {};{} yellow leaves;how to grow {}", "garden, plants, soil"),
    Topic(
        "Dogs", "Pets", "dogs",
        "akc.org chewy.com/p rover.com thesprucepets.com whole-dog-journal.com/a petmd.com "
        "-dogtime.com petfinder.com/l barkbox.com/p",
        "puppy crate training;golden retriever;border collie;senior dog;dog allergies;leash pulling;"
        "french bulldog;separation anxiety;raw feeding;dachshund;labradoodle",
        "{}: a complete guide;{} tips from trainers;{} breed facts;What vets say about {}",
        "{} tips;{} help;best food {}", "dog, puppy, training"),
    Topic(
        "Travel", "Travel", "travel",
        "lonelyplanet.com booking.com/l airbnb.com/l expedia.com/l kayak.com/l -skyscanner.net/l "
        "cntraveler.com/a thepointsguy.com/a ricksteves.com hotels.com/l nomadicmatt.com "
        "atlasobscura.com/w travelandleisure.com delta.com united.com",
        "Lisbon;Kyoto;Iceland;Costa Rica;Amalfi Coast;Paris;Mexico City;Bali;Banff;New Orleans;"
        "Morocco;Greek islands;Patagonia;Edinburgh",
        "{} itinerary: 5 days;Hotels in {};Best time to visit {};Cheap flights to {};"
        "{} on a budget;What to eat in {}",
        "flights to {};hotels in {};{} itinerary", "travel, hotels, flights"),
    Topic(
        "Language Learning", "Education", "languagelearning",
        "duolingo.com babbel.com wordreference.com/w -forvo.com/w italki.com busuu.com memrise.com "
        "spanishdict.com/w fluentu.com -context.reverso.net/w",
        "Spanish verbs;French pronunciation;Japanese kanji;German cases;Italian phrases;"
        "Korean alphabet;Portuguese basics;irregular verbs;subjunctive;vocabulary drills",
        "Learn {};{} explained;{} practice;{} for beginners;{} quiz",
        "{} practice;learn {} free;{} exercises", "language, grammar, lesson"),
    Topic(
        "Computing", "Technology & Computing", "programming",
        "-stackoverflow.com/f -github.com/w -news.ycombinator.com/f -arstechnica.com/a -dev.to "
        "-docs.python.org/w -developer.mozilla.org/w -realpython.com/a digitalocean.com phoronix.com/a "
        "-serverfault.com/f -askubuntu.com/f -css-tricks.com -lwn.net/a freecodecamp.org",
        "Python asyncio;Rust borrow checker;Postgres indexes;Docker compose;CSS grid;Kubernetes;"
        "Linux kernel;git rebase;TypeScript generics;DuckDB;regex lookahead;systemd timers",
        "{} explained;How to fix {} error;{} tutorial;{} best practices;{} vs the alternatives;"
        "Debugging {}",
        "{} example;{} error;{} tutorial", "code, developer, software"),
    Topic(
        "Artificial Intelligence", "Technology & Computing", "MachineLearning",
        "-huggingface.co/w openai.com -arxiv.org/w anthropic.com deepmind.google "
        "-paperswithcode.com/w kaggle.com/w -machinelearningmastery.com -towardsdatascience.com "
        "-venturebeat.com/a wandb.ai",
        "transformer models;retrieval augmented generation;diffusion models;fine-tuning;agents;"
        "reinforcement learning;embeddings;open weights;model evaluation;speech recognition",
        "A survey of {};{} from scratch;What is new in {};{} benchmark;{} in practice",
        "{} tutorial;{} paper;best {} 2026", "ai, machine learning, model"),
    Topic(
        "Consumer Electronics", "Technology & Computing", "gadgets",
        "theverge.com/a cnet.com rtings.com/w bestbuy.com/p engadget.com/a gsmarena.com/w "
        "tomsguide.com -9to5mac.com/a newegg.com/p whathifi.com bhphotovideo.com/p dpreview.com "
        "androidauthority.com",
        "OLED TV;noise cancelling headphones;mechanical keyboard;robot vacuum;smartwatch;"
        "soundbar;mirrorless camera;e-reader;mesh wifi;portable charger;tablet;4K monitor",
        "Best {} of 2026;{} review;{} deals;{} buying guide;{} compared;Hands-on: {}",
        "best {};{} review;{} deals", "gadgets, review, electronics"),
    Topic(
        "Space and Astronomy", "Science", "space",
        "nasa.gov space.com/a -skyandtelescope.org/a spaceflightnow.com/a esa.int universetoday.com/a "
        "planetary.org -spacenews.com/a astronomy.com -stellarium-web.org",
        "Artemis II;James Webb;Mars rover;Starship;total eclipse;Jupiter moons;meteor shower;"
        "black hole;exoplanets;northern lights;Europa Clipper",
        "{}: latest images;{} mission update;How to watch the {};What {} tells us;{} explained",
        "{} launch date;{} tonight;{} images", "space, nasa, astronomy"),
    Topic(
        "Parenting", "Family and Relationships", "Parenting",
        "parents.com babycenter.com/f whattoexpect.com/f -zerotothree.org commonsensemedia.org/w "
        "thebump.com scarymommy.com/a -healthychildren.org lovevery.com/p carters.com/p mumsnet.com/f",
        "newborn sleep;potty training;car seats;toddler tantrums;baby led weaning;strollers;"
        "screen time;teething;bedtime routine;daycare;baby names",
        "{}: what to expect;Best {} for 2026;{} by age;{} tips that work;Ask a pediatrician: {}",
        "{} tips;{} 6 months;best {}", "baby, toddler, parents"),
    Topic(
        "Fitness and Exercise", "Healthy Living", "Fitness",
        "bodybuilding.com menshealth.com runnersworld.com -strava.com/w garmin.com/p -muscleandstrength.com "
        "onepeloton.com self.com darebee.com acefitness.org planetfitness.com -barbend.com/a",
        "5k plan;kettlebell swings;marathon training;push-ups;deadlift form;HIIT;stretching;yoga flow;"
        "half marathon;core workout;pull-up progression;zone 2",
        "{} for beginners;8-week {} program;{} mistakes to avoid;The science of {};{} workout",
        "{} plan;{} workout;{} form", "workout, training, fitness"),
    Topic(
        "Nutrition", "Healthy Living", "nutrition",
        "-examine.com/w eatright.org -nutritionfacts.org myfitnesspal.com/w cronometer.com/w "
        "precisionnutrition.com eatingwell.com healthline.com verywellfit.com",
        "protein intake;vitamin D;Mediterranean diet;creatine;fiber;intermittent fasting;omega-3;"
        "gut health;magnesium;blood sugar;plant protein",
        "{}: benefits and dosage;How much {} do you need;{} myths;{} foods list;Is {} worth it",
        "{} benefits;how much {};{} foods", "nutrition, diet, protein"),
    Topic(
        "Cycling", "Sports", "cycling",
        "bikeradar.com cyclingnews.com/a trekbikes.com/p -velo.outsideonline.com/a competitivecyclist.com/p "
        "specialized.com/p cyclingweekly.com komoot.com/w -road.cc/a pinkbike.com/f ridewithgps.com/w",
        "gravel bike;Tour de France;Giro d'Italia;tubeless tires;bike fit;e-bike;Pogacar;"
        "climbing wheels;mountain bike;power meter;bikepacking",
        "{} review;{} stage preview;Best {};{} setup guide;Riding with {}",
        "{} review;{} results;best {}", "bike, cycling, ride"),
    Topic(
        "Auto Buying and Selling", "Automotive", "whatcarshouldIbuy",
        "cars.com/l autotrader.com/l edmunds.com kbb.com/w cargurus.com/l carvana.com/l "
        "caranddriver.com motortrend.com/a truecar.com/l toyota.com/p ford.com/p carmax.com/l",
        "Toyota RAV4;Honda CR-V;Ford F-150;Tesla Model Y;Hyundai Ioniq 5;Subaru Outback;Mazda CX-5;"
        "Kia EV9;Rivian R2;Chevy Equinox EV;Honda Civic",
        "2026 {} review;Used {} for sale;{} price and trims;{} vs rivals;{} lease deals",
        "{} price;used {} near me;{} reliability", "cars, suv, price"),
    Topic(
        "Motorcycles", "Automotive", "motorcycles",
        "revzilla.com/p cycleworld.com rideapart.com/a advrider.com/f harley-davidson.com/p "
        "-cycletrader.com/l motorcyclenews.com/a ducati.com/p visordown.com/a",
        "Triumph Bonneville;adventure bike;helmet;Yamaha MT-07;Ducati Monster;Harley Sportster;"
        "BMW GS;chain maintenance;riding gear;Royal Enfield",
        "{} first ride;{} long-term test;Best {} this year;{} buyer's guide;{} tips",
        "{} review;{} for sale;best {}", "motorcycle, ride, bike"),
    Topic(
        "Home Improvement", "Home & Garden", "HomeImprovement",
        "homedepot.com/p lowes.com/p thisoldhouse.com familyhandyman.com bobvila.com angi.com "
        "-diy.stackexchange.com/f acehardware.com/p finehomebuilding.com rockler.com/p",
        "bathroom tile;deck stain;kitchen faucet;drywall repair;attic insulation;laminate flooring;"
        "cordless drill;water heater;gutter guards;ceiling fan;paint sprayer",
        "How to install {};{} cost guide;Best {};{} step by step;{} mistakes",
        "how to install {};{} cost;{} ideas", "diy, repair, tools"),
    Topic(
        "Interior Decorating", "Home & Garden", "InteriorDesign",
        "houzz.com/w apartmenttherapy.com ikea.com/p wayfair.com/p westelm.com/p dwell.com "
        "architecturaldigest.com/a cb2.com/p -designmilk.com/a crateandbarrel.com/p",
        "small living room;bedroom paint colors;linen sofa;gallery wall;entryway;bookshelf styling;"
        "rugs;pendant lights;home office;curtains;mid-century chair",
        "{} ideas;{} we love;How designers choose {};{} before and after;Shop {}",
        "{} ideas;{} sale;modern {}", "decor, interior, home"),
    Topic(
        "Real Estate", "Real Estate", "RealEstate",
        "zillow.com/l realtor.com/l redfin.com/l trulia.com/l apartments.com/l homes.com/l "
        "rightmove.co.uk/l streeteasy.com/l compass.com/l biggerpockets.com/f",
        "3 bed house in Austin;condo in Denver;townhouse in Raleigh;open houses;ranch in Boise;"
        "duplex in Portland;starter home in Columbus;colonial in Albany;loft in Chicago",
        "{} for sale;{}: photos and price history;{} sold nearby;Market report: {}",
        "{} for sale;{} prices;{} listings", "homes, for sale, listing"),
    Topic(
        "Personal Investing", "Personal Finance", "investing",
        "-finance.yahoo.com/w seekingalpha.com/a marketwatch.com/a morningstar.com/w fool.com/a "
        "investopedia.com/w -bogleheads.org/f barrons.com/a -stockanalysis.com/w tradingview.com/w "
        "finviz.com/w cnbc.com/a",
        "index funds;Nvidia stock;dividend ETFs;bond yields;Apple earnings;small-cap value;"
        "S&P 500;Treasury bills;market outlook;REITs;covered calls;Tesla stock",
        "{} analysis;Is it time to buy {};{} explained;{} falls as traders wait;{} forecast",
        "{} price;{} today;{} forecast", "stocks, etf, portfolio"),
    Topic(
        "Politics", "Politics", "politics",
        "politico.com/a thehill.com/a axios.com/a -fivethirtyeight.com realclearpolitics.com/a "
        "ballotpedia.org/w -talkingpointsmemo.com/a nationalreview.com/a theatlantic.com/a vox.com/a",
        "Senate vote;midterm polls;Supreme Court ruling;budget talks;governor race;tariffs;"
        "immigration bill;House committee;debate;redistricting;ballot measure",
        "{}: what happens next;{} live updates;The {} fight explained;Opinion: {};{} by the numbers",
        "{} results;{} polls;{} latest", "politics, congress, election"),
    Topic(
        "Movies", "Entertainment", "movies",
        "imdb.com/w rottentomatoes.com/w letterboxd.com/w variety.com/a hollywoodreporter.com/a "
        "fandango.com slashfilm.com/a metacritic.com/w collider.com/a -justwatch.com/w indiewire.com/a",
        "Dune Part Three;Oscars 2026;Christopher Nolan;A24 horror;Marvel;Pixar;The Odyssey;"
        "Criterion;Wicked;Knives Out;Sinners;Superman",
        "{} review;{} cast and crew;{} box office;{} trailer breakdown;{} ending explained;{} showtimes",
        "{} showtimes;{} cast;{} review", "film, movie, cinema"),
    Topic(
        "Television", "Entertainment", "television",
        "netflix.com/v tvline.com/a hulu.com/v vulture.com/a tvguide.com/w -max.com/v disneyplus.com/v "
        "primevideo.com/v tvinsider.com/a -tvtropes.org/w decider.com/a",
        "The Last of Us;Severance;The Bear;Stranger Things;House of the Dragon;Survivor;Slow Horses;"
        "The White Lotus;Andor;Great British Bake Off;Shogun",
        "{} recap;{} season finale;{} renewed;{} episode guide;Where to watch {}",
        "{} recap;{} next season;where to watch {}", "tv, series, episode"),
    Topic(
        "Music", "Entertainment", "Music",
        "-open.spotify.com/v pitchfork.com/a genius.com/w rollingstone.com/a -soundcloud.com/v "
        "bandcamp.com/p discogs.com/w stereogum.com/a last.fm/w ticketmaster.com/l billboard.com/a "
        "setlist.fm/w",
        "Taylor Swift;Radiohead;Kendrick Lamar;Charli XCX;Bad Bunny;Phoebe Bridgers;Beyonce;"
        "The National;Billie Eilish;Coltrane;Chappell Roan;vinyl reissue",
        "{} lyrics;{} tour dates;{} album review;{} best songs ranked;{} live set",
        "{} lyrics;{} tickets;{} new album", "music, album, tour"),
    Topic(
        "Books and Literature", "Books and Literature", "books",
        "goodreads.com/w barnesandnoble.com/p -bookshop.org/p thestorygraph.com/w lithub.com/a "
        "-gutenberg.org/w bookriot.com/a audible.com/p penguinrandomhouse.com/p librarything.com/w",
        "Fourth Wing;Middlemarch;Sally Rooney;Dune;James by Percival Everett;Murakami;"
        "Agatha Christie;Piranesi;Le Guin;historical fiction;short stories",
        "{} review;Books like {};{} reading guide;{} quotes;{} in paperback",
        "{} summary;books like {};{} ebook", "books, novel, author"),
    Topic(
        "Beauty", "Style & Fashion", "SkincareAddiction",
        "sephora.com/p ulta.com/p allure.com byrdie.com -temptalia.com/a glossier.com/p "
        "theordinary.com/p -incidecoder.com/w lookfantastic.com/p intothegloss.com/a",
        "retinol serum;sunscreen;vitamin C;lip oil;curly hair;foundation;nail art;hyaluronic acid;"
        "mascara;perfume;niacinamide",
        "Best {} tested;{} routine;{} for sensitive skin;{} dupes;How to use {}",
        "best {};{} reviews;{} for oily skin", "beauty, skincare, makeup"),
    Topic(
        "Style & Fashion", "Style & Fashion", "femalefashionadvice",
        "vogue.com/a zara.com/p asos.com/p nordstrom.com/p hm.com/p -shein.com/p whowhatwear.com "
        "gq.com farfetch.com/p uniqlo.com/p everlane.com/p thredup.com/p refinery29.com/a",
        "linen dress;wide-leg jeans;trench coat;white sneakers;capsule wardrobe;ballet flats;"
        "summer sandals;leather jacket;knit polo;wedding guest outfit;tote bag",
        "{} trend;How to wear {};Shop {};The best {} under $100;{} lookbook",
        "{} outfit;{} sale;best {}", "fashion, style, outfit"),
    Topic(
        "Job Search", "Careers", "jobs",
        "indeed.com/l glassdoor.com/l ziprecruiter.com/l monster.com/l -wellfound.com/l "
        "-boards.greenhouse.io/l usajobs.gov/l -weworkremotely.com/l themuse.com levels.fyi/w",
        "data analyst;project manager;nurse;software engineer;teacher;remote customer support;"
        "accountant;marketing manager;electrician;UX designer",
        "{} jobs;{} salary;{} resume examples;{} interview questions;{} job in Chicago",
        "{} jobs;{} salary;{} resume", "jobs, career, salary"),
)  # fmt: skip
