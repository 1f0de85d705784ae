"""Intervals, cumulative incidence, ranges over inputs. Pure functions on arrays; imports nothing of ours."""
