"""What metrics need beside counters: clocks of what is open, and families that are computed at each scrape."""
