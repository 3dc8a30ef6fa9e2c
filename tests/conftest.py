"""For every test: a failure of hypothesis is the same on every machine, and no test is judged by the clock."""

import hypothesis

hypothesis.settings.register_profile("tonnage", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tonnage")
