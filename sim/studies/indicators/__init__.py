"""What to watch: which signs tell an event beforehand, by how much and how early."""
