"""Is the champion well: what it is given, what it says, and labels that come late."""
