"""What notebooks/data_ml_pipeline.ipynb shows: the installation that it runs, and an answer to each question.

What belongs here: reading the finished tables, checks and MLflow runs, and saying in words, a table and a picture
what they hold. What does not: making any of it (`assets/`, `analysis/`), the notebook's own cells.
"""
