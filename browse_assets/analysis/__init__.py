"""Pure logic: frames in, frames and numbers out; no Dagster, MLflow, database or clock."""
