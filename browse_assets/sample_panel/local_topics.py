"""Topics in German, French and Spanish: real sites and words for titles.

Here: what `topics.py` has for English, for the topics that people of those languages are given.
"""

from browse_assets.sample_panel.topics import Topic

LOCAL_TOPICS: tuple[Topic, ...] = (
    Topic(
        "Soccer", "Sports", "bundesliga",
        "kicker.de/a sport1.de/a transfermarkt.de/w bundesliga.com ran.de/a -fussballdaten.de/w",
        "Bayern;Borussia Dortmund;Leverkusen;Nationalmannschaft;Schalke;HSV;Relegation;DFB-Pokal",
        "{}: Spielbericht;{} Transfergerüchte;{} Tabelle;{} Aufstellung;{} Ergebnisse",
        "{} ergebnis;{} live;{} tabelle", "Fußball, Bundesliga", "de"),
    Topic(
        "Cooking", "Food & Drink", "kochen",
        "chefkoch.de lecker.de eatsmarter.de einfachbacken.de -gutekueche.at springlane.de/p",
        "Kartoffelsalat;Linsensuppe;Apfelkuchen;Rouladen;Käsespätzle;Gulasch;Zwetschgenknödel",
        "{} Rezept;Omas {};{} schnell gemacht;{} vegetarisch",
        "{} rezept;{} einfach", "Rezept, kochen", "de"),
    Topic(
        "Travel", "Travel", "reisen",
        "urlaubspiraten.de/a holidaycheck.de/l check24.de/l bahn.de tui.com/l -komoot.de/w adac.de",
        "Ostsee;Mallorca;Südtirol;Kreta;Gardasee;Berlin;Dänemark;Schwarzwald",
        "Urlaub {};Hotels {};{} Geheimtipps;Ferienwohnung {}",
        "urlaub {};{} wetter;zug {}", "Urlaub, Reisen, Hotel", "de"),
    Topic(
        "Auto Buying and Selling", "Automotive", "autos",
        "mobile.de/l autoscout24.de/l autobild.de/a auto-motor-und-sport.de/a -heycar.de/l",
        "VW Golf;BMW 3er;Audi A4;Skoda Octavia;VW ID.3;Mercedes C-Klasse;Opel Corsa",
        "{} gebraucht;{} im Test;{} Preis;{} Leasing",
        "{} gebraucht kaufen;{} test", "Auto, Gebrauchtwagen", "de"),
    Topic(
        "Consumer Electronics", "Technology & Computing", "technik",
        "heise.de/a chip.de/a computerbase.de/a mediamarkt.de/p idealo.de/p golem.de/a saturn.de/p",
        "Kopfhörer;Smartphone;Grafikkarte;Saugroboter;OLED-Fernseher;Balkonkraftwerk;Fritzbox",
        "{} Test 2026;{} Bestenliste;{} Angebot;{} im Vergleich",
        "{} test;{} angebot", "Technik, Test, Vergleich", "de"),
    Topic(
        "Gardening", "Home & Garden", "garten",
        "mein-schoener-garten.de gartenjournal.net -nabu.de obi.de/p hornbach.de/p",
        "Tomaten;Hochbeet;Rosen;Lavendel;Rasen;Hortensien;Kompost",
        "{} pflanzen;{} richtig pflegen;{} schneiden;{} im Mai",
        "{} pflanzen;wann {} schneiden", "Garten, Pflanzen", "de"),
    Topic(
        "Real Estate", "Real Estate", "wohnen",
        "immobilienscout24.de/l immowelt.de/l wg-gesucht.de/l -kleinanzeigen.de/l",
        "3-Zimmer-Wohnung Köln;Haus Leipzig;WG-Zimmer Berlin;Neubau Hamburg;Reihenhaus Bonn",
        "{} mieten;{} kaufen;{} Exposé",
        "{} mieten;{} kaufen", "Immobilien, Wohnung", "de"),
    Topic(
        "Soccer", "Sports", "football",
        "lequipe.fr/a footmercato.net/a sofoot.com/a maxifoot.fr/a -rmcsport.bfmtv.com/a",
        "PSG;Marseille;Lyon;Équipe de France;Mbappé;Ligue 1;Lens;Coupe de France",
        "{} : les notes;{} : le mercato;{} : le calendrier;{} : les compos probables",
        "{} match;{} mercato;classement {}", "foot, ligue 1", "fr"),
    Topic(
        "Cooking", "Food & Drink", "cuisine",
        "marmiton.org 750g.com -cuisineaz.com ptitchef.com -cuisine.journaldesfemmes.fr",
        "quiche lorraine;gratin dauphinois;boeuf bourguignon;crêpes;tarte aux pommes;ratatouille",
        "Recette {};{} facile;{} de grand-mère;{} au four",
        "recette {};{} facile", "recette, cuisine", "fr"),
    Topic(
        "Travel", "Travel", "voyage",
        "routard.com/w -sncf-connect.com/l abritel.fr/l voyageprive.com/l -easyvoyage.com/l",
        "Bretagne;Corse;Lisbonne;Provence;Annecy;Sicile;Japon;Pays basque",
        "Que faire en {};{} : itinéraire;Hôtels {};Vols {}",
        "vacances {};train {};hotel {}", "voyage, vacances", "fr"),
    Topic(
        "Auto Buying and Selling", "Automotive", "voitures",
        "lacentrale.fr/l caradisiac.com/a largus.fr/w -leparking.fr/l leboncoin.fr/l",
        "Renault Clio;Peugeot 208;Dacia Sandero;Renault 5;Citroën C3;Peugeot 3008",
        "{} occasion;{} essai;{} prix et fiche technique",
        "{} occasion;{} prix", "auto, occasion", "fr"),
    Topic(
        "Beauty", "Style & Fashion", "beaute",
        "sephora.fr/p nocibe.fr/p -beaute.journaldesfemmes.fr marionnaud.fr/p yves-rocher.fr/p",
        "crème solaire;sérum;parfum;rouge à lèvres;soin cheveux;vernis",
        "{} : notre sélection;{} : avis;Meilleur {};{} en promo",
        "meilleur {};{} avis", "beauté, soin", "fr"),
    Topic(
        "Home Improvement", "Home & Garden", "bricolage",
        "leroymerlin.fr/p castorama.fr/p manomano.fr/p -forumconstruire.com/f systemed.fr",
        "carrelage;isolation combles;peinture salon;terrasse bois;pompe à chaleur;parquet",
        "Poser {};{} : prix;Comment choisir {};{} pas à pas",
        "prix {};comment poser {}", "bricolage, maison", "fr"),
    Topic(
        "Soccer", "Sports", "futbol",
        "marca.com/a as.com/a mundodeportivo.com/a -sport.es/a laliga.com",
        "Real Madrid;Barça;Atlético;Selección;Betis;LaLiga;Champions;Athletic",
        "{}: crónica;{}: fichajes;{}: horario y dónde ver;{}: clasificación",
        "{} resultado;{} fichajes;{} hoy", "fútbol, liga", "es"),
    Topic(
        "Cooking", "Food & Drink", "cocina",
        "directoalpaladar.com recetasgratis.net -pequerecetas.com kiwilimon.com -javirecetas.com",
        "tortilla de patatas;paella;croquetas;gazpacho;lentejas;empanadas;tacos al pastor",
        "Receta de {};{} fácil;{} paso a paso;{} de la abuela",
        "receta {};{} fácil", "receta, cocina", "es"),
    Topic(
        "Travel", "Travel", "viajes",
        "viajeroscallejeros.com rumbo.es/l renfe.com/l edreams.es/l -civitatis.com/l logitravel.com/l",
        "Roma;Canarias;Cancún;Lisboa;Asturias;Oaxaca;Menorca;Londres",
        "Qué ver en {};Vuelos a {};Hoteles en {};{} en 3 días",
        "vuelos a {};qué ver en {}", "viajes, hoteles", "es"),
    Topic(
        "Auto Buying and Selling", "Automotive", "coches",
        "coches.net/l motorpasion.com/a km77.com/w autocasion.com/l -motor.es/a",
        "Seat Ibiza;Dacia Sandero;Toyota Corolla;Cupra Formentor;Seat León;Hyundai Tucson",
        "{} de segunda mano;{} prueba;{} precio;{} consumo",
        "{} segunda mano;{} precio", "coches, precio", "es"),
    Topic(
        "Movies", "Entertainment", "cine",
        "filmaffinity.com/w sensacine.com/w espinof.com/a fotogramas.es/a -ecartelera.com/a",
        "Almodóvar;Dune;estrenos;Premios Goya;Pixar;cine de terror;Del Toro",
        "{}: crítica;{}: tráiler;{}: reparto;{}: dónde ver",
        "{} cartelera;{} crítica", "cine, películas", "es"),
    Topic(
        "Style & Fashion", "Style & Fashion", "moda",
        "trendencias.com/a mango.com/p vogue.es/a stradivarius.com/p zalando.es/p -smoda.elpais.com/a",
        "vestido midi;zapatillas blancas;blazer;bolso;sandalias;vaqueros",
        "{}: tendencia;Cómo combinar {};{} en rebajas",
        "{} mujer;{} rebajas", "moda, tendencias", "es"),
)  # fmt: skip
