"""``noizylab bench vision``: the inspection of boards on generated cases whose truth is known, one module a section."""
