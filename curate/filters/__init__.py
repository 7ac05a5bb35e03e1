"""The filters of the filter stage, one per file: each keeps a response, edits it, or drops it with a reason."""
