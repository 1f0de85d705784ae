"""Each judgement at the ends of its range, on the same luck."""
