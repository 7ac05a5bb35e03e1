"""An example of a package that adds to ovt; pyproject.toml names what it adds."""
