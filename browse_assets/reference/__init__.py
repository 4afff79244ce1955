"""The lists of data/reference: where their rows come from, and the users' own files beside them.

What belongs here: building the lists from the packages named in `packages.py`, reading and checking a
user's file. What does not: using the lists (assets), or rules written by hand (data/reference itself).
"""
