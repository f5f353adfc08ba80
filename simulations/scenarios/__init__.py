"""Define a scenario as a value and as a TOML file; fourteen scenarios come with the package."""
