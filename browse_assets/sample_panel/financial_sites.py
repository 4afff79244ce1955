"""Financial products: where one shops for them and where one uses them.

Here: pages of comparison sites and providers (shopping), and of customers' areas (servicing).
Names are those of IAB Ad Product Taxonomy 2.0 where it has one.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FinanceProduct:
    """One financial product in one language: pages "host/path | title" and search terms."""

    name: str
    iab_id: str
    language: str
    weight: float
    queries: str
    pages: tuple[str, ...]


def _product(name: str, iab_id: str, language: str, weight: float, queries: str, *pages: str) -> FinanceProduct:
    return FinanceProduct(name, iab_id, language, weight, queries, pages)


FINANCE_PRODUCTS: tuple[FinanceProduct, ...] = (
    _product("Credit Cards", "1339", "en", 3.0,
             "best cash back credit cards;travel credit card no annual fee;0 apr balance transfer card",
             "www.nerdwallet.com/best/credit-cards/cash-back | Best Cash Back Credit Cards of 2026",
             "www.nerdwallet.com/best/credit-cards/balance-transfer | Best Balance Transfer Cards",
             "www.bankrate.com/credit-cards/best-credit-cards/ | Best Credit Cards - Bankrate",
             "www.bankrate.com/credit-cards/zero-interest/ | 0% APR Cards - Bankrate",
             "www.creditkarma.com/credit-cards | Compare Credit Cards",
             "creditcards.chase.com/cash-back-credit-cards | Cash Back Cards | Chase",
             "creditcards.chase.com/apply/freedom-unlimited | Apply: Freedom Unlimited | Chase",
             "www.capitalone.com/credit-cards/compare/ | Compare Cards | Capital One",
             "www.capitalone.com/credit-cards/preapprove/ | See if you're preapproved",
             "www.discover.com/credit-cards/cash-back/ | Discover it Cash Back",
             "www.thepointsguy.com/cards/best/ | Best Travel Cards - TPG"),
    _product("Mortgage Lenders and Brokers", "1348", "en", 1.6,
             "mortgage rates today;30 year fixed mortgage calculator;how much house can i afford",
             "www.bankrate.com/mortgages/mortgage-rates/ | Current Mortgage Rates",
             "www.bankrate.com/mortgages/mortgage-calculator/ | Mortgage Calculator",
             "www.lendingtree.com/home/mortgage/ | Compare Mortgage Offers - LendingTree",
             "www.rocketmortgage.com/mortgage-rates | Mortgage Rates - Rocket Mortgage",
             "www.rocketmortgage.com/apply/purchase | Apply - Rocket Mortgage",
             "www.nerdwallet.com/mortgages/mortgage-rates | Compare Today's Mortgage Rates",
             "www.zillow.com/mortgage-rates/ | Today's Mortgage Rates | Zillow",
             "www.wellsfargo.com/mortgage/rates/ | Mortgage Rates - Wells Fargo",
             "better.com/preapproval | Get preapproved - Better"),
    _product("Personal Loans", "", "en", 1.6,
             "best personal loan rates;debt consolidation loan;personal loan calculator",
             "www.nerdwallet.com/best/loans/personal-loans | Best Personal Loans of 2026",
             "www.lendingtree.com/personal/ | Personal Loan Offers - LendingTree",
             "www.sofi.com/personal-loans/ | Personal Loans | SoFi",
             "www.sofi.com/personal-loans/check-your-rate/ | Check your rate | SoFi",
             "www.upstart.com/personal-loans | Personal Loans - Upstart",
             "www.lightstream.com/apply | Apply - LightStream",
             "www.bankrate.com/loans/personal-loans/rates/ | Personal Loan Rates"),
    _product("Auto Loans", "", "en", 1.3,
             "auto loan rates used car;refinance car loan;car loan calculator",
             "www.bankrate.com/loans/auto-loans/rates/ | Auto Loan Rates - Bankrate",
             "www.capitalone.com/cars/prequalify | Auto Navigator: prequalify",
             "www.lendingtree.com/auto/refinance/ | Auto Refinance - LendingTree",
             "www.nerdwallet.com/best/loans/auto-loans | Best Auto Loans",
             "www.penfed.org/auto/apply | Apply for an Auto Loan - PenFed",
             "www.myautoloan.com/auto-loan-rates.html | Auto loan rates"),
    _product("Student Loans", "", "en", 0.9,
             "refinance student loans;private student loan rates;student loan repayment options",
             "www.credible.com/refinance-student-loans | Refinance Student Loans - Credible",
             "www.sofi.com/refinance-student-loan/ | Student Loan Refinancing | SoFi",
             "www.earnest.com/refinance-student-loans | Earnest: see your rate",
             "www.nerdwallet.com/best/loans/student-loans | Best Student Loans",
             "www.salliemae.com/student-loans/apply | Apply - Sallie Mae",
             "studentaid.gov/loan-simulator/ | Loan Simulator | Federal Student Aid"),
    _product("Auto Insurance", "1341", "en", 2.2,
             "cheap car insurance quotes;compare auto insurance;car insurance for new drivers",
             "www.progressive.com/auto/quote/ | Get a Car Insurance Quote | Progressive",
             "www.geico.com/auto-insurance/quote/ | Auto Insurance Quotes | GEICO",
             "www.thezebra.com/auto-insurance/compare/ | Compare Car Insurance | The Zebra",
             "www.thezebra.com/auto-insurance/rates/ | Car Insurance Rates | The Zebra",
             "www.statefarm.com/insurance/auto/get-quote | Car Insurance Quote | State Farm",
             "www.nerdwallet.com/insurance/auto/cheapest | Cheapest Car Insurance",
             "www.policygenius.com/auto-insurance/ | Auto Insurance - Policygenius"),
    _product("Life Insurance", "1343", "en", 0.8,
             "term life insurance quotes;life insurance calculator;best life insurance companies",
             "www.policygenius.com/life-insurance/quotes/ | Life Insurance Quotes",
             "www.ladderlife.com/apply | Ladder: apply",
             "www.nerdwallet.com/insurance/life/best | Best Life Insurance Companies",
             "www.havenlife.com/term-life-insurance-quote | Term life quote",
             "www.selectquote.com/life-insurance/compare | Compare - SelectQuote"),
    _product("Stocks and Investments", "1351", "en", 1.5,
             "best brokerage account;open brokerage account bonus;fidelity vs schwab vs vanguard",
             "www.nerdwallet.com/best/investing/online-brokers | Best Online Brokers",
             "www.fidelity.com/open-account/brokerage | Open a Brokerage Account | Fidelity",
             "www.schwab.com/open-an-account | Open an account | Schwab",
             "robinhood.com/us/en/signup/ | Sign up | Robinhood",
             "www.stockbrokers.com/compare | Compare Brokers",
             "www.betterment.com/investing/get-started | Get started | Betterment"),
    _product("Retirement Planning", "1352", "en", 0.8,
             "roth ira vs traditional ira;open roth ira;401k rollover",
             "www.nerdwallet.com/best/investing/roth-ira-accounts | Best Roth IRA Accounts",
             "investor.vanguard.com/accounts-plans/iras/open | Open an IRA | Vanguard",
             "www.fidelity.com/retirement-ira/roth-ira | Roth IRA | Fidelity",
             "www.capitalize.com/401k-rollover | 401(k) rollover - Capitalize",
             "www.schwab.com/ira/compare | Compare IRAs | Schwab"),
    _product("Banking", "1337", "en", 1.2,
             "best high yield savings account;checking account bonus;best online banks",
             "www.nerdwallet.com/best/banking/high-yield-savings-accounts | Best High-Yield Savings",
             "www.ally.com/bank/savings/open/ | Open a Savings Account | Ally",
             "www.marcus.com/us/en/savings/high-yield-savings | Marcus: savings rates",
             "www.depositaccounts.com/savings/ | Compare Savings Rates",
             "www.bankrate.com/banking/savings/rates/ | Best Savings Rates"),
    _product("Tax Preparation Services", "1354", "en", 1.0,
             "file taxes online free;turbotax vs h&r block;tax refund calculator",
             "turbotax.intuit.com/personal-taxes/compare/online/ | Compare TurboTax",
             "www.hrblock.com/online-tax-filing/pricing/ | H&R Block: pricing",
             "www.freetaxusa.com/pricing | FreeTaxUSA pricing",
             "www.nerdwallet.com/taxes/best-tax-software | Best Tax Software of 2026"),
    _product("Cryptocurrency Exchanges", "1449", "en", 0.8,
             "best crypto exchange fees;how to buy bitcoin;coinbase vs kraken",
             "www.coinbase.com/signup | Sign up - Coinbase",
             "www.kraken.com/features/fee-schedule | Fee schedule | Kraken",
             "coinmarketcap.com/rankings/exchanges/ | Top Exchanges | CoinMarketCap",
             "www.gemini.com/create-account | Create account | Gemini"),
    _product("Auto Insurance", "1341", "de", 1.5, "kfz versicherung vergleich;kfz versicherung wechseln",
             "www.check24.de/kfz-versicherung/vergleich/ | Kfz-Versicherung Vergleich | CHECK24",
             "www.verivox.de/kfz-versicherung/rechner/ | Kfz-Rechner - Verivox",
             "www.huk24.de/autoversicherung/angebot | Autoversicherung Angebot | HUK24",
             "www.finanztip.de/kfz-versicherung/ | Kfz-Versicherung - Finanztip"),
    _product("Mortgage Lenders and Brokers", "1348", "de", 1.0,
             "baufinanzierung zinsen aktuell;baukredit rechner",
             "www.interhyp.de/zinsen/ | Bauzinsen aktuell | Interhyp",
             "www.drklein.de/baufinanzierung-rechner.html | Baufinanzierung Rechner",
             "www.check24.de/baufinanzierung/vergleich/ | Baufinanzierung | CHECK24"),
    _product("Credit Cards", "1339", "de", 1.0, "kostenlose kreditkarte vergleich;beste kreditkarte reisen",
             "www.finanztip.de/kreditkarten/ | Kostenlose Kreditkarte - Finanztip",
             "www.check24.de/kreditkarte/vergleich/ | Kreditkarten-Vergleich | CHECK24",
             "www.dkb.de/privatkunden/kreditkarte/beantragen | Kreditkarte beantragen | DKB"),
    _product("Mortgage Lenders and Brokers", "1348", "fr", 1.0,
             "taux immobilier actuel;simulation pret immobilier",
             "www.meilleurtaux.com/credit-immobilier/barometre-des-taux.html | Baromètre des taux",
             "www.pretto.fr/taux-immobilier/ | Taux immobilier - Pretto",
             "www.boursobank.com/credit-immobilier/simulation | Simulation | BoursoBank"),
    _product("Auto Insurance", "1341", "fr", 1.2, "comparateur assurance auto;devis assurance auto",
             "www.lelynx.fr/assurance-auto/comparateur/ | Comparateur assurance auto | LeLynx",
             "www.lesfurets.com/assurance-auto/devis | Devis assurance auto | LesFurets",
             "www.maif.fr/vehicule-mobilite/assurance-auto/devis | Devis auto - MAIF"),
    _product("Mortgage Lenders and Brokers", "1348", "es", 1.0, "comparador hipotecas;hipoteca fija 2026",
             "www.idealista.com/hipotecas/comparador/ | Comparador de hipotecas",
             "www.rastreator.com/finanzas/hipotecas.aspx | Hipotecas - Rastreator",
             "www.ing.es/hipotecas/simulador | Simulador hipoteca | ING"),
    _product("Auto Insurance", "1341", "es", 1.2, "comparar seguros de coche;seguro coche barato",
             "www.rastreator.com/seguros-de-coche/comparar.aspx | Seguros de coche - Rastreator",
             "www.kelisto.es/seguros-coche/comparador | Comparador | Kelisto",
             "www.mapfre.es/seguros/auto/presupuesto | Presupuesto | MAPFRE"),
)  # fmt: skip

# Customers' areas: "language | share | product | host | name"; pages are SERVICING_PATHS.
SERVICING_SITES = """
en|20|Banking|secure.chase.com|Chase
en|15|Banking|secure.bankofamerica.com|Bank of America
en|12|Banking|connect.secure.wellsfargo.com|Wells Fargo
en|8|Banking|myaccounts.capitalone.com|Capital One
en|6|Banking|online.citi.com|Citi
en|5|Banking|onlinebanking.usbank.com|U.S. Bank
en|4|Banking|secure.ally.com|Ally
en|3|Banking|www.onlinebanking.pnc.com|PNC
en|9|Credit Cards|global.americanexpress.com|American Express
en|6|Credit Cards|card.discover.com|Discover
en|7|Stocks and Investments|digital.fidelity.com|Fidelity
en|5|Stocks and Investments|client.schwab.com|Schwab
en|4|Auto Insurance|ecams.geico.com|GEICO
en|4|Auto Insurance|account.apps.progressive.com|Progressive
en|3|Student Loans|nelnet.studentaid.gov|Nelnet
en|3|Mortgage Lenders and Brokers|servicing.rocketmortgage.com|Rocket Mortgage
en|3|Cryptocurrency Exchanges|accounts.coinbase.com|Coinbase
de|5|Banking|meine.deutsche-bank.de|Deutsche Bank
de|5|Banking|banking.dkb.de|DKB
de|4|Banking|meine.ing.de|ING
de|4|Banking|www.sparkasse.de|Sparkasse
fr|4|Banking|clients.boursobank.com|BoursoBank
fr|4|Banking|mabanque.bnpparibas|BNP Paribas
fr|3|Banking|www.labanquepostale.fr|La Banque Postale
es|4|Banking|web.bbva.es|BBVA
es|4|Banking|particulares.bancosantander.es|Santander
es|3|Banking|www.caixabank.es|CaixaBank
"""
SERVICING_PATHS = {
    "en": ("/login | Sign in | {}", "/accounts/overview | Accounts overview | {}",
           "/accounts/activity | Activity | {}", "/accounts/statements | Statements | {}",
           "/payments/transfer | Pay & transfer | {}"),
    "de": ("/login | Anmelden | {}", "/konten/uebersicht | Finanzübersicht | {}",
           "/konten/umsaetze | Umsätze | {}", "/ueberweisung | Überweisung | {}"),
    "fr": ("/connexion | Connexion | {}", "/comptes/synthese | Mes comptes | {}",
           "/comptes/operations | Opérations | {}", "/virements | Virements | {}"),
    "es": ("/login | Acceso clientes | {}", "/cuentas/posicion | Mis cuentas | {}",
           "/cuentas/movimientos | Movimientos | {}", "/transferencias | Transferencias | {}"),
}  # fmt: skip
