"""A dataset on disk as samples: tables, published layouts, generated data, checks."""
