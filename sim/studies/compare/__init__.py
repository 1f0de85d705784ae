"""What if: variants of a scenario against it as it is, on the same luck."""
