class UserError(Exception):
    """An error that the user can correct: the message says what is wrong and what to do."""
