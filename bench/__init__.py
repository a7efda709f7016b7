"""What the product costs and how fast it is, as ratios where the machine would decide."""
