"""What each experiment of MLflow is about, as its page shows it above the runs.

What belongs here: texts for people who open MLflow without having read the README. What does not: the note of churn
(`analysis/churn_card.py`), what a single run says of itself (`training.py`).
"""

# The first line is all that the list of experiments shows.
EXPERIMENT_NOTES = {
    "interest_segments": """\
Groups of people with the same topics: how many there are, and whether they are more than chance.

- A run named `interest_segments` is one training (k-means on smoothed shares of topics); nested in it, each number of
  groups that was tried.
- `silhouette` against `silhouette_by_chance` says whether there are groups at all (below 0.25 people shade into each
  other), `stability` whether another sample would give the same, `language_agreement` whether they are only languages.
- `reason.txt` says why so many, `figures/segments.png` is the map.
""",
    "audience_attributes": """\
Attributes that people declared, foretold from their browsing for those who did not; published only where that works.

- A run named `audience_attributes` is one training; nested in it, a model for each attribute.
- `gain` is the log loss below that of the values' shares, on held-out people, in nats, with its 95 % interval; the tag
  `is_published` and `reason.txt` say what came of it.
""",
    "topic_classifier": """\
What a page or a site is about: quality on sites that the classifier has not seen.

- A run named `topic_classifier` is one training; nested in it, the heads (page texts, host names) and simple
  classifiers beside them (`majority`, `centroid`, `bayes`).
- It learns from the lists that the project ships, never from a panel's pages.
- `coverage` is the share that gets an answer, `precision_answered` how many of the answers are right.
""",
    "product_return": """\
Who comes back to a product within 14 days: methods back-tested on the past.

- A run named `product_return` is one back-test over up to four cut-offs; nested in it, each method, fitted and
  calibrated on earlier cut-offs alone.
- `precision_at_k`: k is a tenth of a cut-off's pairs of person and product. A method earns its place when
  `is_above_popularity` is 1. Intervals are 95 %, by bootstrap over people.
""",
    "privacy": """\
How many people could be told apart again from what the tables and the releases show.

- A run named `reidentification` matches the first half of the panel's days with the second, once for each view of the
  data; `<view>` is the share of people matched, `<view>_chance` what guessing would match.
- For `released_groups` the share may not be above 1/k; an asset check says so.
""",
}

# What a parent run says of itself.
TRAINING_NOTES = {
    "interest_segments": "One training of segments; the runs nested in it are the numbers of groups tried.",
    "audience_attributes": "One training of attributes; the runs nested in it are the attributes.",
    "topic_classifier": "One training of the classifier; the runs nested in it are its heads and simpler classifiers.",
    "product_return": "One back-test; the runs nested in it are the methods.",
    "privacy": "One measurement of re-identification, for every view of the data.",
    "churn": "One training; the runs nested in it are its candidates, measured on the same people. Start with "
    "`model_card.md` and `reason.txt` among the artifacts.",
}
