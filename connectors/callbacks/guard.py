"""Which addresses may be posted to. Pure.

An address that a caller chose must not reach what only we can reach: other services on this machine, the network
behind it, a cloud's metadata (server-side request forgery, CWE-918).
"""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit


class UrlRefused(ValueError):
    """The address may not be posted to; the message says what to change."""


def check_url(url: str, *, local: bool) -> SplitResult:
    """Return the parts of an address that may be tried.

    ``local`` allows plain HTTP and addresses of this machine's own networks, for trying things out.

    Raises:
        UrlRefused: it is none, or one of a kind that is never posted to.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefused(f"this is no address ({error}); give one like https://example.org/hook") from error
    if not url.isascii() or any(character.isspace() or not character.isprintable() for character in url):
        raise UrlRefused("an address has ASCII signs only and no blanks; encode others with % and xn--")
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise UrlRefused("only https:// is posted to; what we send may be private")
    if not parts.hostname or port == 0:
        raise UrlRefused("the address names no host; give one like https://example.org/hook")
    if parts.username is not None or parts.password is not None:
        raise UrlRefused("leave user and password out of the address; deliveries are signed instead")
    if parts.fragment:
        raise UrlRefused("leave the part after # out of the address; it is never sent")
    if (literal := _literal(parts.hostname)) is not None and not local and not is_public(literal):
        raise UrlRefused("this address is not on the public internet; give one that is")
    return parts


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet, also by the IPv4 address that it may hold."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(found) if isinstance(found, IPv6Address) else None
    return found.is_global and not found.is_multicast and (inner is None or is_public(inner))


def all_public(addresses: Iterable[str]) -> bool:
    """Whether there are addresses and every one is public: one that is not may be the one that is used next."""
    listed = list(addresses)
    return bool(listed) and all(map(is_public, listed))


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        return None


def _inside(address: IPv6Address) -> str | None:
    """Return the IPv4 address that a mapped, 6to4, Teredo or NAT64 (64:ff9b::/96) address leads to."""
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.sixtofour is not None:
        return str(address.sixtofour)
    if address.teredo is not None:
        return str(address.teredo[1])
    if address.packed[:12] == bytes.fromhex("0064ff9b0000000000000000"):
        return str(ip_address(address.packed[12:]))
    return None
