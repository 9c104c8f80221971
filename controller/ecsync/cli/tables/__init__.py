"""Tables of `status` and `events`: rows for people, ages, and how they fit a terminal."""
