"""What the product does: one use case per module, with the Protocol of what it needs."""
