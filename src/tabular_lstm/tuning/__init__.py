"""The search for parameters: what is tried, how good it is, and what the trials tell."""
