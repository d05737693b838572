"""The grammar all domains share: messages, envelope, outcomes, typed ids, references to stored bytes."""
