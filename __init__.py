"""ovt: verified, versioned reasoning data for vision-language models, and a trainer on top of it."""

__version__ = "0.1.0"
