"""From what kind of device, and out of which network, a card was shown: classes that name nobody."""

from ipaddress import ip_address, ip_network

_CLASSES = (
    ("wechat", ("micromessenger",)),
    ("tablet", ("ipad", "tablet")),
    ("phone", ("mobile", "iphone", "android")),
    ("computer", ("windows", "macintosh", "x11", "linux", "cros")),
)


def device_of(agent: str) -> str:
    """wechat, tablet, phone, computer, other; empty for who says nothing. It decides nothing."""
    told = agent.casefold()
    found = (name for name, signs in _CLASSES if any(sign in told for sign in signs))
    return next(found, "other" if told else "")


def network_of(ip: str) -> str:
    """The network of an address: an IPv4 address itself, an IPv6 one by its /64; empty for anything else."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ""
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))
