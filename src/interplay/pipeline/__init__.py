"""The stages from a dataset to pages, one file each: encode, train, evaluate, explain, report, validate, demo."""
