"""Fifty texts that have broken pages, and explanations that carry one of them everywhere a text can stand."""

from interplay.results import Explanation, Feature, Input, Pair, Provenance, ValueFunction

MEGABYTE = "w" * 1_000_000
TEXTS = (
    # elements and the ends of elements
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<SCRIPT SRC=//example.invalid/x.js></SCRIPT>",
    "<scr<script>ipt>alert(3)</scr</script>ipt>",
    "<img src=x onerror=alert(4)>",
    "<img/src=x/onerror=alert(5)//",
    "<svg/onload=alert(6)>",
    "<svg><script>alert(7)</script></svg>",
    "<svg><animate onbegin=alert(8) attributeName=x dur=1s>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(9)>",
    "<iframe srcdoc='<script>alert(10)</script>'></iframe>",
    "<body onload=alert(11)>",
    "<details open ontoggle=alert(12)>",
    "<input autofocus onfocus=alert(13)>",
    "<a href='javascript:alert(14)'>press</a>",
    "<style>*{display:none}</style>",
    "</style><link rel=stylesheet href=//example.invalid/x.css>",
    "<base href=//example.invalid/>",
    "<meta http-equiv=refresh content='0;url=//example.invalid'>",
    "<template><img src=x onerror=alert(15)></template>",
    "<!--<script>",
    "--!><img src=x onerror=alert(16)>",
    "]]><script>alert(17)</script>",
    "<![CDATA[<img src=x onerror=alert(18)>]]>",
    # out of an attribute, a string, a style, an address
    "\"'><img src=x onerror=alert(19)>",
    "x' onmouseover='alert(20)",
    "`-alert(21)-`",
    "\\u003cscript\\u003ealert(22)",
    "&lt;script&gt;alert(23)&#x3c;/script&#62;",
    "javascript:alert(24)",
    "data:text/html,<script>alert(25)</script>",
    "url(//example.invalid/x.png);--ratio:9",
    "%3Cscript%3Ealert(26)%3C/script%3E&off=0-1&pin=2",
    # templates, objects, spreadsheets, files
    "{{7*7}}{% raw %}${7*7}#{7*7}",
    "{{ ''.__class__.__mro__ }}",
    "__proto__",
    "constructor",
    "toString",
    '=HYPERLINK("//example.invalid")',
    "../../../../etc/passwd",
    "..\\..\\CON.txt\x00.png",
    # what cannot be seen, or turns its neighbours around
    "\u202e)1(trela\u202c",
    "\u2066\u2067\u2069\u061c",
    "\u200b\u200d\ufeff\u2060",
    "\x00\x01\x08\x0b\x1b[31m\x7f",
    "\u2028line\u2029end",
    "مرحبا بالعالم שלום",
    "👩‍👩‍👧‍👦🏳️‍🌈 Z̸̢̛͇a̷͓͝l̴̰͝g̵̡̛o",
    "\ufffe\uffff\U0010ffff\U000e0001",
    MEGABYTE,
)


def hostile_everywhere(text: str) -> Explanation:
    """The text as word, sentence, name of a feature, id, label, expert, method, modality, file, note, run and data."""
    words = [
        Feature(index=0, modality="text", text=text, span=(0, len(text))),
        Feature(index=1, modality="text", text="b"),
    ]
    patches = [Feature(index=2 + n, modality="image", text=text, box=(n / 2, 0, n / 2 + 0.5, 1)) for n in range(2)]
    named = [Feature(index=4, modality=text, text=text)]
    pairs = [
        Pair(i=i, j=j, sii=1.0 + i - j, sii_se=0.01, redundancy_gap=0.5 * j - i, redundancy_gap_se=0.01, samples=8)
        for i, j in [(0, 2), (0, 3), (1, 2), (1, 3), (0, 4), (2, 4)]
    ]
    experts = ["mixture", text, f"unique_{text}"]
    return Explanation(
        sample_id=text,
        inputs={
            "text": Input(kind="text", text=text),
            "image": Input(kind="image", path=text),
            text: Input(kind="features", path=text),
        },
        prediction={text: 0.7, "other": 0.3},
        target=text,
        truth=[text],
        value=ValueFunction(on="logit", expert=text, fill="mean"),
        routing={text: 0.6, f"unique_{text}": 0.4},
        features=[*words, *patches, *named],
        attributions={text: {e: [0.1, 0.2, 0.3, 0.4, 0.5] for e in experts}},
        pairs=pairs,
        evaluations=8,
        estimator=text,
        notes=[text],
        provenance=Provenance(
            run=text, data=text, versions={text: text}, seed=1, model=text, encoders={text: text}, settings={text: text}
        ),
    )
