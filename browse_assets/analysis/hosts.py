"""What a host name says: its registrable domain, whether it is on the public web, what to show of it.

What belongs here: rules over distinct host names. What does not: URLs and texts (`sql/macros.sql`).
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import cache, lru_cache

import pyarrow as pa
import tldextract

IP_PLACEHOLDER = "{ip}"
ID_PLACEHOLDER = "{id}"
# What is known of a host.
HOST_COLUMNS = ("host", "domain", "kind")

# Names that never leave a machine, a house or a company (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal).
_PRIVATE_SUFFIXES = (
    ".localhost",
    ".local",
    ".internal",
    ".intranet",
    ".corp",
    ".home",
    ".lan",
    ".home.arpa",
    ".invalid",
    ".test",
    ".onion",
)
# A label with a run of six digits, an address with dashes, or hexadecimal digits of at least twelve, names a
# customer or a device.
_PERSONAL_LABEL = re.compile(r"\d{6,}|(?<!\d)\d{1,3}(?:-\d{1,3}){3}(?!\d)|^(?=.*\d)[0-9a-f-]{12,}$|@")
_NUMBER = re.compile(r"^(\d+|0x[0-9a-f]*)$")
_LABEL = re.compile(r"^[^\s<>\"'{}|\\^`%/?#@:\[\]]+$")


@cache
def _extractor() -> tldextract.TLDExtract:
    """The Public Suffix List inside tldextract, offline, private suffixes counted."""
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


def describe_hosts(raw_hosts: Sequence[str]) -> pa.Table:
    """One row per distinct host given.

    Returns columns raw_host, host (what may be shown), domain (registrable; of an address `{ip}`) and
    kind: `web`, `private` (this machine, a private address, a name without a public suffix's dot) or
    `bad` (no host name at all).
    """
    distinct = sorted(set(raw_hosts))
    described = [describe_host(raw) for raw in distinct]
    columns = [distinct, *([row[place] for row in described] for place in range(3))]
    names = ("raw_host", *HOST_COLUMNS)
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})


def shown_host(raw: str) -> str | None:
    """What may be shown of a host name; None when it is none."""
    return describe_host(raw)[0]


def public_suffix(domain: str) -> str:
    """Public suffix of a registrable domain; empty where it has none (`{ip}`)."""
    return _extractor()(domain).suffix


@lru_cache(maxsize=65536)
def describe_host(raw: str) -> tuple[str | None, str | None, str]:
    """HOST_COLUMNS of one host: see `describe_hosts`."""
    host = raw.rstrip(".")
    address = _address(host)
    if address is not None:
        return IP_PLACEHOLDER, IP_PLACEHOLDER, "web" if address.is_global else "private"
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.match(label) and len(label) <= 63 for label in labels):
        return None, None, "bad"
    if _NUMBER.match(labels[-1]):
        return None, None, "bad"  # an address in a form that is none (WHATWG URL, "ends in a number")
    if len(labels) == 1 or host.endswith(_PRIVATE_SUFFIXES):
        return None, None, "private"
    domain = _registrable(host)
    above = host[: -len(domain)].rstrip(".")
    kept = [ID_PLACEHOLDER if _PERSONAL_LABEL.search(label) else label for label in above.split(".") if label]
    return ".".join([*kept, domain]), domain, "web"


def _registrable(host: str) -> str:
    """The registrable domain; a host that is itself a public suffix stands for itself.

    A top level that the list does not know falls under its default rule `*`: two labels.
    """
    extracted = _extractor()(host)
    if extracted.domain and extracted.suffix:
        return f"{extracted.domain}.{extracted.suffix}"
    return extracted.suffix or ".".join(host.split(".")[-2:])


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not host[-1:].isdigit() and ":" not in host:
        return None  # a name: raising and catching would cost a quarter of the whole look-up
    try:
        return ipaddress.ip_address(host.strip("[]").split("%")[0])
    except ValueError:
        return None
