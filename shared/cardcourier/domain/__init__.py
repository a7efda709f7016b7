"""What things are and may do: pure, on the standard library alone."""
