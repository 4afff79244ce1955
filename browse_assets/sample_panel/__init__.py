"""Generator of the bundled SYNTHETIC sample panel (`python -m browse_assets.sample_panel`).

Here belongs everything that invents people, their browsing and the planted truth. Nothing here is
used by the pipeline, and nothing here reads the dictionaries that the pipeline uses
(`data/reference`): tests ask whether the pipeline recovers a truth that was written down apart
from it.
"""
