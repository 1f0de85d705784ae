"""Exact oracle cases (files of the format ``oracle-neutral/1``): reading, running, solving and judging them."""
