"""What a merchant sets up: tenant and keys, shops, products, listings; and what there is in stock."""
