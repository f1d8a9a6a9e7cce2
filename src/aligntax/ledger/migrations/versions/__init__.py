"""The steps, oldest first; a step that is out is never changed."""
