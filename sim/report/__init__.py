"""What people read: one self-contained page per run."""
