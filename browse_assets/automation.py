"""Jobs: what runs together.

What belongs here: jobs, schedules, sensors. What does not: what an asset does (`assets/`).
"""

import dagster as dg

ml_analysis_pipeline = dg.define_asset_job(
    "ml_analysis_pipeline",
    selection=dg.AssetSelection.all(),
    description="Everything, from new files in the inbox to profiles, flags, models and scores.",
    executor_def=dg.in_process_executor,
)
