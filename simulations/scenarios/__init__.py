"""Define a scenario as a value and as a TOML file; nine scenarios come with the package."""
