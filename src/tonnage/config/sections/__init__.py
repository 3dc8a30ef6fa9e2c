"""The settings, one frozen dataclass per section; a section's docstring is its title in the help and the manual."""
