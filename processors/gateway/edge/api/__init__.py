"""What the API answers, said once: models, names and recorded examples of every operation."""
