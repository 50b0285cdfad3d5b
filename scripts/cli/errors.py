class UserError(Exception):
    """A mistake or a missing thing that a person can mend: the message says what is wrong and what to do."""
