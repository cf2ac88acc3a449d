"""The parts of the DAGs. They start the project's command, and import none of its code."""
