"""The built-in filters, one per file: each keeps a response, edits it, or drops it with a reason."""
