// What the pages' scripts hand to each other, and the JSON that Python puts into the pages. Read by tsc alone: nothing of
// it ships. The documents are those of interplay/results and interplay/report/{page,run_page}.py.

// ---- made by Python: an explanation's block ----

type Kind = "synergy" | "redundancy";
type Which = "sii" | "gap";
type Panel = "text" | "image" | "features";
type Box = [number, number, number, number];
type Settings = Record<string, string | number | boolean | null>;
type LabelKind = "single" | "multi";

interface ValueFunction {
  on: string;
  expert: string;
  fill: "mean" | "zero" | "attention" | "input";
  level: "feature" | "input";
}

interface PairColumns {
  i: number[];
  j: number[];
  sii: (number | null)[];
  sii_se: (number | null)[];
  redundancy_gap: (number | null)[];
  redundancy_gap_se: (number | null)[];
  samples: number[];
}

interface Table {
  value: ValueFunction;
  pairs: PairColumns;
}

interface Interval {
  level: number;
  sii: number;
  redundancy_gap: number;
}

interface StoredAnswers {
  whole: number;
  nothing: number;
  without_modality: Record<string, number>;
  without: (number | null)[];
  i: number[];
  j: number[];
  without_both: number[];
  off?: Record<string, number>;
  strong?: number[];
  off_strong?: Record<string, number>;
}

interface RawExplanation {
  schema: string;
  sample_id: string;
  inputs: Record<string, { kind: string; text: string | null; truncated: number }>;
  prediction: Record<string, number>;
  target: string;
  truth: string[] | null;
  label_kind: LabelKind;
  written: boolean;
  value: ValueFunction;
  routing: Record<string, number>;
  contributions?: Record<string, number> | null;
  bias?: number | null;
  features: { modality: string; text: string | null; span: [number, number] | null; box: Box | null }[];
  attributions: Record<string, Record<string, number[]>>;
  interval: Interval;
  pairs: PairColumns;
  more_pairs: Table[];
  evaluations: number;
  estimator: string;
  notes: string[];
  provenance: { run: string; data: string; model: string; seed: number; versions: Settings; encoders: Settings; settings: Settings };
  whatif: StoredAnswers | null;
}

interface Ranking {
  order: { sii: number[]; redundancy_gap: number[] };
  clear: { sii: number[]; redundancy_gap: number[] };
  lead: ["sii" | "redundancy_gap", number] | null;
}

interface Picture {
  uri: string;
  width: number;
  height: number;
}

interface Csv {
  heads: string[];
  features: string[];
}

interface Block {
  explanation: RawExplanation;
  panels: Record<string, Panel>;
  places: Record<number, [number, number]>;
  names: [string, string][];
  veiled_names: [string, string][] | null;
  claimed: number[];
  first_look: { kind: Kind | "both"; links: number };
  headline: string;
  veiled_headline: string | null;
  beside_claim: string;
  agreement: string | null;
  waterfall: Waterfall | null;
  rankings: Ranking[];
  addresses: string[];
  csv: Csv;
  pictures: Record<string, Picture>;
}

interface PageIndex {
  samples: { id: string; target: string; by: string; address: string }[];
  details: Record<string, string>;
  columns: string[];
  blur: boolean;
}

// ---- an explanation, opened ----

type PairTable = import("../src/interplay/report/assets/model.js").PairTable;
type WhatIf = import("../src/interplay/report/assets/whatif.js").WhatIf;
type Stage = import("../src/interplay/report/assets/stage.js").Stage;

interface Modality {
  name: string;
  title: string;
  panel: Panel;
  veiled: boolean;
  listed: boolean;
  text: string[] | null;
  truncated: number;
  picture: Picture | null;
  features: Feature[];
}

interface Feature {
  at: number;
  modality: Modality;
  box: Box | null;
  span: [number, number] | null;
  raw: string | null;
  place: [number, number] | null;
  order: number;
  claimed: boolean;
  label: string;
  phrase: string;
}

interface Score {
  value: number | null;
  half: number | null;
  sure: boolean;
}

interface Pair {
  n: number;
  i: number;
  j: number;
  sii: Score;
  gap: Score;
  samples: number;
}

interface Link {
  kind: Kind;
  pair: Pair;
  score: Score;
  against: boolean;
}

type Prediction = [string, number][];

/** Parts that add up to the target's logit; `virtual` where no expert adds them; what features give to a part. */
interface Waterfall {
  start: number;
  parts: [string, number][];
  virtual: boolean;
  within: Record<string, { at: number; value: number; half: number }[]>;
}

interface OpenedExplanation {
  headline: string;
  firstLook: { kind: Kind | "both"; links: number };
  besideClaim: string;
  agreement: string | null;
  waterfall: Waterfall | null;
  raw: RawExplanation;
  prediction: Prediction;
  routing: Map<string, number>;
  contributions: Map<string, number> | null;
  attributions: Map<string, Map<string, number[]>>;
  modalities: Modality[];
  features: Feature[];
  tables: PairTable[];
  csv: Csv;
  whatif: WhatIf | null;
}

interface Options {
  table: number;
  kind: Kind | "both";
  links: number;
  chosen: boolean;
  sureOnly: boolean;
  method: string | null;
}

/** What is pointed at or pinned: a feature, a pair, or both. */
interface Look {
  at?: number;
  pair?: Pair;
}

/** What the address says is looked at. */
interface Addressed {
  table: number;
  pinned: Look | null;
  off: Set<number>;
}

/** What the model answers without some features, or how many answers that would need are not there. */
type Answer = { p: number; exact: boolean; between?: number[] | null; missing?: undefined } | { p?: undefined; missing: number };

// ---- drawing ----

type Child = string | Node | null | undefined | false | Child[];
type Handlers = { [name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[name]) => void };
type Attribute = string | number | boolean | null | undefined;
type Attributes = { on?: Handlers; vars?: Record<string, string | number> } & { [name: string]: Attribute | Handlers | Record<string, string | number> };
type Made<T extends string> = T extends `svg:${infer S}`
  ? S extends keyof SVGElementTagNameMap ? SVGElementTagNameMap[S] : SVGElement
  : T extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[T] : HTMLElement;

interface DrawnPanel {
  node: HTMLElement;
  nodes: Map<number, HTMLElement>;
  ratio?: number;
}

type TextPart = string | { feature: Feature; text: string; chip?: boolean };

interface Point {
  x: number;
  y: number;
}

interface Rect extends Point {
  left: number;
  top: number;
  right: number;
  bottom: number;
  width: number;
  height: number;
}

/** The end of a link: a word (text) or a patch; where it leaves is worked out by wires.js. */
interface End {
  at: number;
  text: boolean;
  column: number;
  box: Rect;
  kind: Kind;
  point: Point;
  side: number;
  lane: number;
  twin: number;
}

interface StageEnd extends End {
  node: HTMLElement;
  panel: HTMLElement;
  area: Rect;
}

interface RoutedLink {
  kind: Kind;
  ends: End[];
}

interface StageLink extends Link {
  ends: StageEnd[];
  pill: HTMLElement;
  item: HTMLElement;
  wire: SVGElement;
}

interface Leg extends Point {
  path: string;
  underline?: string;
}

interface Wire {
  paths: string[];
  underlines: (string | undefined)[];
  dots: Point[];
}

interface Drawing {
  nodes: SVGElement[];
  boxes: Map<number, Rect>;
  column: Map<number, number>;
}

interface Ink {
  family?: string;
  fill?: string;
  weight?: number;
  anchor?: string;
  length?: number;
}

// ---- the page of a run ----

type RunScore = "sii" | "redundancy_gap";

interface ExplainedPair {
  i: number;
  j: number;
  score: RunScore;
  value: number;
  half: number | null;
  words: string;
}

interface ExplainedTarget {
  target: string;
  value: string;
  address: string | null;
  claim: string;
  pairs: ExplainedPair[];
}

interface RunIndex {
  labels: string[];
  kind: LabelKind;
  splits: string[];
  blur: boolean;
  chunk: number;
  texts: string[];
  formulaStarts: string;
  pictures: { modalities: string[]; folder: number; kind: string; side: number };
  columns: {
    id: string[];
    split: number[];
    truth: number[][];
    said: number[][];
    confidence: number[];
    mistake: number[];
    thumbs: (number | null)[][];
  };
  explained: Record<string, { explanations: ExplainedTarget[]; strongest: Record<RunScore, [number, number] | null> }>;
}

interface Details {
  texts: Map<string, string>;
  probabilities: number[];
}

type ChunkRow = [Record<string, string>, number[]];

interface Filter {
  split: string;
  true: string;
  said: string;
  error: string;
  pairs: string;
  strength: string;
  min: string;
  max: string;
  text: string;
  sort: string;
  down: string;
}

interface Chart {
  title: string;
  series: { name: string; points: [number, number][] }[];
}

interface RunSummary {
  facts: [string, string][];
  metrics: Record<string, Record<string, number | null>>;
  against: string[];
  beside: Record<string, Record<string, number | null>>;
  perLabel: [string, string, number, number, number, number | null, number | null, number | null][];
  charts: Chart[];
  bestEpoch: number | null;
  tables: { title: string; about: string; header: string[]; rows: string[][]; link: string }[];
  notes: string[];
}

// ---- the start page of the service ----

interface Fault {
  error: string;
  expected?: string | null;
  fix?: string | null;
}

interface Job {
  id: string;
  state: string;
  cancelling: boolean;
  target: string | null;
  inputs: Record<string, string>;
  progress: { done: number; most: number };
  ahead: number | null;
  fault: Fault | null;
}
