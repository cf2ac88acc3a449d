"""What the DAGs are made of. Nothing of the project is imported: it runs by its own command."""
