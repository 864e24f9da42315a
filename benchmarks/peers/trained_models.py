"""Models of scikit-learn and XGBoost on data that comes with scikit-learn, as games over what they read."""

from collections.abc import Callable

import numpy as np
from closed_forms import Products, rbf

Values = Callable[[np.ndarray], np.ndarray]
CELLS = np.arange(64).reshape(8, 8)  # pixels of a digit
GROUPS = np.array([CELLS[r : r + 2, c : c + 2].ravel() for r in range(0, 8, 2) for c in range(0, 8, 2)])  # 16 of 2 x 2


class Model:
    """A binary classifier with the sample that it is explained on; what is out is replaced by the mean of all samples.

    Args:
        data: "cancer" (is it malignant?) or "digits" (is it an 8?).
        kind: "mlp", "svc", "forest" or "xgboost".
        features: how many of the data's first features the model reads.
        groups: (n, g) features of each player; one each, in order, if not given.
    """

    def __init__(self, data: str, kind: str, features: int, groups: np.ndarray | None = None) -> None:
        x, y = loaded(data)
        x = x[:, :features]
        self.kind, self.groups = kind, np.arange(features)[:, None] if groups is None else groups
        self.model = classifier(kind).fit(x, y)
        self.fill = x.mean(axis=0)
        answers = self.of(x)
        self.sample = x[y == 1][np.argsort(answers[y == 1])[int((y == 1).sum()) // 2]]  # of a median answer

    def of(self, x: np.ndarray) -> np.ndarray:
        """(m, features) -> (m,): logit (MLP), decision function (SVC), margin (XGBoost) or probability (forest)."""
        if self.kind == "svc":
            return self.model.decision_function(x)
        if self.kind == "xgboost":
            return self.model.predict(x, output_margin=True)
        positive = self.model.predict_proba(x)[:, 1]
        return positive if self.kind == "forest" else np.log(positive / (1 - positive))

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """(m, n) coalitions -> (m,) answers."""
        shown = np.zeros((len(coalitions), len(self.fill)), dtype=bool)
        for player, features in enumerate(self.groups):
            shown[:, features] = coalitions[:, [player]]
        return self.of(np.where(shown, self.sample, self.fill))

    def probability(self, coalitions: np.ndarray) -> np.ndarray:
        """The same as probabilities, of the models that answer with logits."""
        return 1 / (1 + np.exp(-self(coalitions)))

    def sii(self, rows: list[int], columns: list[int]) -> np.ndarray:
        """SII of I x J in closed form, of models with one feature for each player: SVC and trees."""
        if self.kind == "svc":
            return self.products().sii(rows, columns)
        from shapiq.tree.interventional import InterventionalTreeSHAPIQ

        computer = InterventionalTreeSHAPIQ(self.model, self.fill[None], class_index=1, max_order=2, index="SII")
        found = computer.explain_function(self.sample).interactions
        return np.array([found.get((min(i, j), max(i, j)), 0.0) for i in rows for j in columns])

    def products(self) -> Products:
        """The RBF support vector machine without its constant."""
        m = self.model
        return rbf(m.support_vectors_, m.dual_coef_[0], m._gamma, self.sample, self.fill)


def loaded(data: str) -> tuple[np.ndarray, np.ndarray]:
    """(samples, features) standardized (cancer, in float32 as XGBoost reads it) or in 0..1 (digits), and labels."""
    from sklearn.datasets import load_breast_cancer, load_digits

    if data == "cancer":
        x, y = load_breast_cancer(return_X_y=True)
        return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32).astype(float), 1 - y
    x, y = load_digits(return_X_y=True)
    return (x / 16).astype(float), (y == 8).astype(int)


def classifier(kind: str) -> object:
    if kind == "mlp":
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier((32, 16), alpha=1e-2, max_iter=300, tol=1e-3, random_state=0)
    if kind == "svc":
        from sklearn.svm import SVC

        return SVC()
    if kind == "forest":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(60, max_depth=8, random_state=0, n_jobs=1)
    from xgboost import XGBClassifier

    return XGBClassifier(random_state=0, n_jobs=1)  # 100 trees of depth 6
