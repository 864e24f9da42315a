"""A study: many runs of several models, measured alike, with tables, figures and checked claims."""
