"""What the DAGs are made of. Nothing of the project is imported: it has an environment of its own."""
