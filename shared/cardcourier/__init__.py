"""CardCourier: card keys, delivered the moment an order is paid, exactly once."""

VERSION = "0.3.0"
