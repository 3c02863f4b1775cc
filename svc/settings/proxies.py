"""The setting for trusted reverse proxies in front of the service, which name the client of a request."""

from __future__ import annotations

import ipaddress

from pydantic import Field, field_validator

from svc.settings.group import Group

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxySettings(Group):
    """The trusted proxies."""

    trusted_proxies: str = Field(
        "",
        max_length=10_000,
        description="Addresses or networks, separated by commas, of the reverse proxies in front of the service, such "
        "as 127.0.0.1 or 10.0.0.0/8. The client of a request from them is the one in X-Forwarded-For; without them, "
        "that header is ignored.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        networks_of(value)
        return value


def networks_of(value: str) -> list[Network]:
    """The networks of the setting; an address is a network of one.

    Raises:
        ValueError: a part is neither an address nor a network, or contains all addresses, so that clients could choose
        theirs.
    """
    networks = []
    for part in value.split(","):
        if text := part.strip():
            try:
                network = ipaddress.ip_network(text)
            except ValueError as error:
                raise ValueError(
                    f"must be addresses or networks, separated by commas, such as 10.0.0.0/8; {text!r} is not one"
                ) from error
            if not network.prefixlen:
                raise ValueError(f"{text!r} contains every address: a client could name any address as its own")
            networks.append(network)
    return networks
