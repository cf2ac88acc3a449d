"""The search for better parameters, by trials that are kept in a study."""
