"""Whole figures as runs keep them: each module draws one, of one or more panels, with its title and its notes."""
