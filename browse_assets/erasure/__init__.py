"""Erasing people: from the input files (`input_files.py`), and from everything else (`people.py`)."""
