// Lints the pages' scripts (`make lint`), those of the tests, and this file. Formatting and types are others' work.
import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/.venv*/", "**/node_modules/", "build/", "dist/"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: { eqeqeq: "error", "no-var": "error", "prefer-const": "error", "no-misleading-character-class": ["error", { allowEscape: true }] },
  },
  { files: ["src/interplay/report/assets/*.js"], languageOptions: { globals: globals.browser } },
  // These two are not modules: each is put into its page as it is.
  { files: ["src/interplay/report/assets/{start,run-chunk}.js"], languageOptions: { sourceType: "script" } },
  { files: ["tests/**/*.mjs"], languageOptions: { globals: globals.node } },
];
