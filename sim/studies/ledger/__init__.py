"""Registered forecasts: the book, its chain of hashes, scores and page."""
