"""Beside other tools: Captum, Quantus, shapiq and scikit-learn take what is here, and what they find comes back.

`presence` is a sample as a PyTorch model (Captum, Quantus), `games` a sample as shapiq's game and pair scores as its
values, `classifier` the whole way from rows to explanations as a scikit-learn estimator. Value functions made of other
tools' models are one floor of numbers below, in `interplay.interactions.interop`.
"""
