"""The benchmarks that ovt knows: one per file, with its schema, its prompts and its rules."""
