"""A scenario as a value and as a TOML file, and the nine that come with the package."""
