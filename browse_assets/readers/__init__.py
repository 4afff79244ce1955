"""Readers: one module per input format, each from a file to one relation of staged rows.

What belongs here: recognising a format, reading it, and saying of each row what the format itself
knows (malformed, unreadable time). What does not: judging rows, folding them into page views, removing
personal data, writing tables.
"""
